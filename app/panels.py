"""Pieces of the page. No text of a person, a file or the model is ever taken for HTML or Markdown."""

import html
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from app.drawing import colour, overlay
from app.session import Exchange, Session
from data.world.world import World
from model.answer import Answer
from model.tokens import MARK

GALLERY = 6
WRAP = "overflow-wrap:anywhere"
WIDTH = 768  # a drawn scene of 256 pixels is shown three times as large


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


def enlarge(image: np.ndarray, masks: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """A small picture and its masks, larger, so that outlines are smooth; a large one as it is."""
    height, width = image.shape[:2]
    factor = WIDTH / max(height, width)
    if factor <= 1:
        return image, list(masks)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    bigger = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
    smooth = [
        np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BICUBIC)) > 127
        for mask in masks
    ]
    return bigger, smooth


def gallery(session: Session) -> None:
    """Thumbnails to choose from, a new scene, an upload."""
    with st.container(horizontal=True, gap="small"):
        for number in range(GALLERY):
            image, questions = scene(number)
            with st.container(width=112):
                st.image(_square(image), alt=f"drawn scene {number + 1}")
                if st.button(f"Scene {number + 1}", key=f"scene-{number}", width="stretch"):
                    session.show(image, f"Scene {number + 1}", questions)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("New scene", icon=":material/casino:", key="new-scene"):
            number = GALLERY + session.scene
            session.scene += 1
            image, questions = scene(number)
            session.show(image, f"Scene {number + 1}", questions)
        upload(session)


def upload(session: Session) -> None:
    """A picture of the person's own; a bad file gets one plain line."""
    from data.images import open_image

    given = st.file_uploader(
        "Or a picture of your own",
        type=["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"],
        key="upload",
        help="The model that ships knows drawn scenes, not photographs.",
    )
    if given is None or given.file_id == session.upload:
        return
    session.upload = given.file_id
    try:
        session.show(open_image(given.getvalue(), name=given.name), given.name)
    except ValueError as error:
        say_problem(str(error))


def picture(session: Session, masks: bool) -> None:
    """The picture with the newest answer's masks."""
    assert session.image is not None
    answer = session.last()
    found = [s.mask for s in answer.segments if not s.rejected] if answer is not None and masks else []
    big, smooth = enlarge(session.image, found)
    st.image(overlay(big, smooth, outline=3) if smooth else big, width="stretch", alt=session.name)
    if answer is not None:
        legend(answer)


def legend(answer: Answer) -> None:
    """Each phrase with its colour and score; what is not there said plainly."""
    rows, number = [], 0
    for segment in answer.segments:
        phrase = html.escape(segment.phrase or "this")
        if segment.rejected:
            rows.append(f"<li>{_dot(None)}{phrase}: <em>not here</em></li>")
            continue
        rows.append(f"<li>{_dot(colour(number))}{phrase} <small>score {segment.score:.2f}</small></li>")
        number += 1
    if rows:
        st.html(f"<ul style='list-style:none;padding:0;margin:0;line-height:1.9'>{''.join(rows)}</ul>")


def exchange(row: Exchange) -> None:
    """One question and its answer, the phrases in the colours of their masks."""
    with st.chat_message("user"):
        st.html(f"<div style='{WRAP}'>{html.escape(row.question)}</div>")
    with st.chat_message("assistant"):
        if row.answer is None:
            say_problem(row.problem or "no answer")
            return
        st.html(f"<div style='{WRAP}'>{painted(row.answer)}</div>")
        st.html(f"<small style='opacity:.7'>{row.answer.timings.get('total', 0.0):.1f} s</small>")


def painted(answer: Answer) -> str:
    """The answer as safe HTML: marks hidden, the phrase before each coloured as its mask."""
    made, start, number = [], 0, 0
    for mark, segment in zip(MARK.finditer(answer.text), answer.segments, strict=False):
        words = answer.text[start : mark.start()].rstrip()
        split = words.lower().rfind(segment.phrase.lower()) if segment.phrase else -1
        before, phrase = (words[:split], words[split:]) if split >= 0 else (words, "")
        if segment.rejected:
            style = "text-decoration:underline dotted"
        else:
            style = f"background:rgba{(*colour(number), 0.35)};border-radius:4px;padding:1px 4px"
            number += 1
        made.append(f"{html.escape(before)}<span style='{style}'>{html.escape(phrase)}</span>")
        start = mark.end()
    return "".join(made) + html.escape(MARK.sub("", answer.text[start:]))


def suggestions(session: Session, ask: Callable[[str], None]) -> None:
    """Questions to begin with."""
    with st.container(horizontal=True, gap="small"):
        for number, question in enumerate(session.suggestions):
            # A label is Markdown; these questions are the world's own words, letters and marks of punctuation alone.
            if st.button(question, key=f"suggestion-{number}"):
                ask(question)


def say_problem(text: str) -> None:
    """One plain line on what is wrong."""
    st.html(f"<div role='alert' style='border-left:4px solid #D55E00;padding:.4rem .8rem'>{html.escape(text)}</div>")


def _square(image: np.ndarray, side: int = 112) -> np.ndarray:
    thumb = Image.fromarray(image)
    thumb.thumbnail((side, side), Image.Resampling.LANCZOS)
    paper = Image.new("RGB", (side, side), (236, 238, 240))
    paper.paste(thumb, ((side - thumb.width) // 2, (side - thumb.height) // 2))
    return np.asarray(paper)


def _dot(ink: tuple[int, int, int] | None) -> str:
    fill = f"background:rgb{ink}" if ink is not None else "border:2px dotted currentColor"
    return (
        f"<span style='display:inline-block;width:.8em;height:.8em;border-radius:50%;margin-right:.5em;"
        f"box-sizing:border-box;vertical-align:-.05em;{fill}'></span>"
    )
