"""Two checkpoints, or one with two ways to use its layers, on the same picture and question."""

import html
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import streamlit as st

from app import panels, places, tables
from app.arguments import CHECKPOINTS
from app.comparison import STAGES, Pair, checkpoints, pairs, stages
from app.drawn import drawn, fitted
from app.engine import Asks, Engine
from app.presence import of_this_page
from app.session import LONGEST, Exchange, Session
from app.setup import Setup
from app.tables import Column
from data.drawing import colour
from model.answer import Answer, Segment
from model.policy import Use

TITLE, ICON, ORDER = "Compare", ":material/compare:", 30

OTHER = "Another folder ..."
OWN = "as its folder says"
SCENES = 6
INKS = ("#0072B2", "#D55E00")  # of the first and the second, told apart by colour-blind eyes


def _let_go(model: Asks) -> None:
    """Whoever still asks it is answered: another person's choice must not cut this one's answer off."""
    if isinstance(model, Engine):
        model.retire()


# One second model is in memory at a time, whoever compares: the one before it is let go.
@st.cache_resource(max_entries=1, show_spinner="Reading the second model ...", on_release=_let_go)
def second(setup: Setup) -> Asks:
    """The second model."""
    return Engine(setup.checkpoint, setup.placement, layer=setup.layer)


def show(model: Asks) -> None:
    """Lay the view out."""
    st.html(f"<style>{_STYLE}</style>")
    tables.style()
    panels.heading("Compare two models")
    image, name = _picture()
    with st.form("compare", border=False):
        folder, layer = _second()
        question = st.text_input("Question", key="compare-question", max_chars=LONGEST)
        asked = st.form_submit_button("Compare", type="primary")
    if asked:
        st.session_state.compared = _ask(model, image, name, question, folder, layer)
    said = st.session_state.get("compared")
    if isinstance(said, str):
        panels.say_problem(said)
    elif said is not None:
        _results(*said)


def _picture() -> tuple[np.ndarray, str]:
    """The picture that both are asked about: that of the conversation, or a drawn scene."""
    session = st.session_state.get("session")
    talked = isinstance(session, Session) and session.image is not None
    choices = [*(["The picture of the conversation"] if talked else []), *(f"Scene {n + 1}" for n in range(SCENES))]
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with right:
        chosen = st.selectbox("Picture", choices, key="compare-picture")
    if talked and chosen == choices[0]:
        assert isinstance(session, Session) and session.image is not None
        image, name = session.image, session.name
    else:
        number = int(str(chosen).rpartition(" ")[2]) - 1
        image, name = panels.scene(number)[0], str(chosen)
    with left:
        st.image(fitted(image)[0], width=240, alt=name)
    return image, name


def _second() -> tuple[str, Use | None]:
    """What the second model is: a folder, and how it uses its layers."""
    first, known = Setup.of_page().checkpoint.resolve(), _known()
    names = {str(path): _called(path, known) for path in known} | {OTHER: OTHER}
    at = list(names).index(str(first)) if str(first) in names else 0
    st.caption("The first is the model of this page. The second:")
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    with left:
        chosen = st.selectbox("Checkpoint", list(names), at, names.__getitem__, key="compare-checkpoint")
    with middle:
        typed = st.text_input("Its folder, if it is another", key="compare-folder", max_chars=4096)
    with right:
        layer = st.selectbox("Uses its layers", [OWN, *get_args(Use)], key="compare-layer")
    folder = typed.strip() if typed.strip() or chosen == OTHER else str(chosen)
    return folder, None if layer == OWN else layer


def _known() -> list[Path]:
    """The checkpoints beside the first, and those that ship."""
    return checkpoints(dict.fromkeys([Setup.of_page().checkpoint.resolve().parent, CHECKPOINTS]))


def _found(folder: str) -> Path | None:
    """A known checkpoint by its path or name, or another under a folder that the page may read."""
    for path in _known():
        if folder in (str(path), path.name):
            return path
    try:
        path = places.allowed(folder, places.roots())
    except ValueError:
        return None
    return path if (path / "config.json").is_file() else None


def _called(path: Path, known: list[Path]) -> str:
    """A checkpoint's name, with its folder's where two have the same."""
    alone = sum(other.name == path.name for other in known) == 1
    return path.name if alone else f"{path.parent.name}/{path.name}"


def _ask(
    model: Asks, image: np.ndarray, name: str, question: str, folder: str, layer: Use | None
) -> tuple[np.ndarray, str, str, Answer, Answer] | str:
    """Both answers, or the line that says what is wrong."""
    if not question.strip():
        return "The question is empty: write what to look for."
    if not folder:
        return "Which is the second checkpoint? Choose one, or name its folder."
    if (found := _found(folder)) is None:
        return f"There is no checkpoint at {folder}: choose one, or name a folder with config.json under a --root."
    try:
        other = second(replace(Setup.of_page(), checkpoint=found, layer=layer))
    except ValueError as error:
        return f"The second model cannot be read: {error}"
    given, there = [], of_this_page()
    for number, one in (("first", model), ("second", other)):
        try:
            with st.spinner(f"Asking the {number} model ..."):
                given.append(one.ask(image, question, [], lambda _: there(), lambda _: there()))
        except ValueError as error:
            return f"The {number} model: {error}"
    title = f"{found.name}, {layer}" if layer else found.name
    return image, name, title, given[0], given[1]


def _results(image: np.ndarray, name: str, title: str, first: Answer, other: Answer) -> None:
    """Both answers, how far they agree, and the time that each took."""
    columns = st.columns(2, gap="large")
    titles = (f"First: {Setup.of_page().checkpoint.name}", f"Second: {title}")
    for column, what, answer, ink in zip(columns, titles, (first, other), INKS, strict=True):
        row = Exchange(answer.question, answer)
        with column:
            st.html(f"<h3 class='compare-head' style='border-color:{ink}'>{html.escape(what)}</h3>")
            masks, inks = [one.mask for _, one in row.found], [colour(number) for number, _ in row.found]
            said = ", ".join(one.phrase or "this" for _, one in row.found)
            shown = drawn(image, (image.shape[0], image.shape[1]), masks, inks)
            st.image(shown, width="stretch", alt=f"{name} with {said or 'no mask'}")
            panels.answer(row)
    _agreement(pairs(first, other))
    st.html(_times(first, other))
    st.caption("A picture that a model has seen before is not read or encoded again: those stages are then near zero.")


def _agreement(found: list[Pair]) -> None:
    """A table: what each names, and the overlap of their masks."""
    st.html("<h3>Masks</h3>")
    if not found:
        panels.say("Neither names a thing.")
        return
    rows = [[_named(pair.first), _named(pair.second), pair.verdict] for pair in found]
    tables.table("Masks", [Column("First"), Column("Second"), Column("Agreement")], rows, stacked=False)


def _named(segment: Segment | None) -> str:
    if segment is None:
        return "-"
    return (segment.phrase or "this") + (" (not here)" if segment.rejected else "")


def _times(first: Answer, other: Answer) -> str:
    """A table with a bar for each stage of each."""
    rows = stages(first, other)
    longest = max((seconds for _, *both in rows for seconds in both if seconds is not None), default=0) or 1
    body = "".join(
        f"<tr><th scope='row'>{html.escape(STAGES.get(name, name))}</th>"
        + "".join(f"<td>{_bar(seconds, longest, ink)}</td>" for seconds, ink in zip(both, INKS, strict=True))
        + "</tr>"
        for name, *both in rows
    )
    head = "<tr><th scope='col'>Time</th><th scope='col'>First</th><th scope='col'>Second</th></tr>"
    return f"<h3>Time</h3><table class='pp-table compare-table'>{head}{body}</table>"


def _bar(seconds: float | None, longest: float, ink: str) -> str:
    if seconds is None:
        return "-"
    share = max(1, round(100 * seconds / longest))
    return f"{seconds:.3f} s<div class='compare-bar' style='width:{share}%;background:{ink}'></div>"


_STYLE = (
    ".compare-head{border-left:.4rem solid;padding:0 0 0 .6rem!important;font-size:1.1rem!important;"
    "overflow-wrap:anywhere}"
    ".compare-table{table-layout:fixed}"
    ".compare-bar{height:.5rem;border-radius:.25rem;margin-top:.15rem}"
)
