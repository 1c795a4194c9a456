"""Pieces of the page. No text of a person, a file or the model is ever taken for HTML or Markdown."""

import html
import re
from collections.abc import Callable

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from app.export import marked
from app.session import Exchange
from data.drawing import colour
from data.world.world import World
from model.answer import Answer
from model.tokens import MARK, unmarked

PERSON, MODEL = ":material/person:", ":material/my_location:"
WRAP = "overflow-wrap:anywhere"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def plain(text: str) -> str:
    """Text for a label of Streamlit, which is Markdown: each of its signs is escaped, and a line stays one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


@st.cache_data(show_spinner=False)
def badge() -> Image.Image:
    """The page's icon, drawn here: Streamlit would fetch a named one from outside."""
    icon = Image.new("RGBA", (64, 64))
    draw = ImageDraw.Draw(icon)
    draw.ellipse((4, 4, 60, 60), outline=(0, 114, 178), width=8)
    draw.ellipse((24, 24, 40, 40), fill=(230, 159, 0))
    return icon


@st.cache_data(max_entries=64, show_spinner=False)
def scene(number: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """A scene of the test split: its picture and questions that were made for it."""
    image, samples = World("test", 1, start=number).pack(0, 6)
    questions = dict.fromkeys(sample.turns[0].question for sample in samples)
    return image, tuple(questions)[:3]


def exchange(row: Exchange, turn: str) -> None:
    """One question and its answer, the phrases in the colours of their masks; ``turn`` is its name on the canvas."""
    with st.chat_message("user", avatar=PERSON):
        say(row.question)
    with st.chat_message("assistant", avatar=MODEL):
        if row.answer is None:
            say_problem(row.problem or "no answer")
            return
        answer(row, turn)


def answer(row: Exchange, turn: str = "") -> None:
    """An answer's words, the phrases in the colours of their masks, and what was out of the ordinary with it."""
    st.html(f"<div style='{WRAP}'>{painted(row, turn)}</div>")
    for note in row.answer.notes if row.answer is not None else ():
        st.html(f"<small>{html.escape(note)}</small>")


def took(answer: Answer) -> None:
    """How long an answer took, and whether it was stopped."""
    stopped = "stopped, " if answer.stop == "cancelled" else ""
    st.html(f"<small style='opacity:.8'>{stopped}{answer.timings.get('total', 0.0):.1f} s</small>", width="content")


def painted(row: Exchange, turn: str = "") -> str:
    """The answer as safe HTML: marks hidden, the phrase before each coloured as its mask."""
    assert row.answer is not None
    segments, inks = row.answer.segments, row.inks

    def wrap(text: str, number: int) -> str:
        style = f"background:rgba{(*colour(inks[number]), 0.35)};border-radius:4px;padding:1px 4px"
        if segments[number].rejected:
            style = "text-decoration:underline dotted"
        return f"<span data-mask='{number}' data-turn='{html.escape(turn)}' style='{style}'>{text}</span>"

    return marked(row.answer, wrap)


def reasons(answer: Answer) -> list[str]:
    """For each segment that was rejected why: the sentence of the answer that says so. For the others ""."""
    made, start = [], 0
    marks = list(MARK.finditer(answer.text))
    for number, segment in enumerate(answer.segments):
        if segment.rejected and segment.span is not None:
            made.append("The model looked and answered that this is not in the picture.")
            continue
        if not segment.rejected or number >= len(marks):
            made.append("")
            continue
        mark = marks[number]
        start = max((answer.text.rfind(sign, 0, mark.start()) for sign in (". ", "! ", "? ", "\n")), default=-1)
        ends = [at for sign in ".!?\n" if (at := answer.text.find(sign, mark.end())) >= 0]
        said = unmarked(answer.text[start + 1 : min(ends, default=len(answer.text)) + 1])
        made.append(f"The model looked and answered that this is not in the picture: “{said}”")
    return made


def suggestions(questions: tuple[str, ...], ask: Callable[[str], None], busy: bool = False) -> None:
    """Questions to begin with."""
    with st.container(horizontal=True, gap="small"):
        for number, question in enumerate(questions):
            if st.button(plain(question), key=f"suggestion-{number}", disabled=busy):
                ask(question)


def style(rules: str) -> None:
    """Style of the page: our own words alone. ``st.html`` comes too late for it, when the page has been seen without;
    and what holds only style takes no place."""
    hidden = ".stElementContainer:has(> .stMarkdown style) { position: absolute }"
    st.markdown(f"<style>{hidden}\n{rules}</style>", unsafe_allow_html=True)


def say(text: str, small: bool = False) -> None:
    """Text of a person, a file or the model, as it is."""
    size = ";font-size:.875rem" if small else ""
    st.html(f"<div style='{WRAP};white-space:pre-wrap{size}'>{html.escape(text) or '&nbsp;'}</div>")


def say_problem(text: str) -> None:
    """One plain line on what is wrong."""
    st.html(
        f"<div role='alert' style='border-left:4px solid #D55E00;padding:.4rem .8rem;{WRAP}'>{html.escape(text)}</div>"
    )


PRESSED = "pressed"


def begin(label: str, icon: str, key: str, place: str, missing: str | None = None) -> bool:
    """A button that begins long work; whether what it makes is to be made now.

    Where the work's result will be in the session's state, ``place``, a press leaves :data:`PRESSED`: that of
    ``st.button`` itself is lost when the run that it began is cut short, as by an upload that ends just after it.
    Whoever makes the result puts it there, or removes what is there where it cannot be made.
    """
    off = missing is not None

    def press() -> None:
        st.session_state[place] = PRESSED

    st.button(label, type="primary", icon=icon, key=key, disabled=off, help=missing, on_click=press)
    return bool(st.session_state.get(place) == PRESSED)


def heading(text: str) -> None:
    """What a view is called."""
    st.html(f"<h2 style='font-size:1.6rem;line-height:1.2;margin:0;padding:.25rem 0'>{html.escape(text)}</h2>")


def status(text: str) -> None:
    """A line that a screen reader says when it changes."""
    st.html(f"<div role='status' aria-live='polite' style='{WRAP}'>{html.escape(text)}</div>")
