"""The results of an evaluation: its numbers with intervals, and its questions, the worst first."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app import panels, pictured, places, tables
from app.answers import ORDERS, SHOWN, Opened, Row, chosen, open_folder
from app.drawn import drawn
from app.presence import clear_up, of_this_page
from app.tables import Column, Ink
from app.unpacking import unpack
from data import masks
from data.drawing import colour
from data.sample import RLE
from eval import many
from eval.predictions import Prediction
from eval.report.page import Pictures
from eval.results import PREDICTIONS, RESULTS
from eval.scoring import pair
from model.tokens import unmarked

TITLE, ICON, ORDER = "Results", ":material/insights:", 30

COLUMNS = (Column("Row", True), Column("IoU", True), Column("Kind"), Column("Question"), Column("Answer"))
EVERY_KIND = "every kind"


@dataclass
class Held:
    """What this person has opened. The folder of what was handed in goes when this does."""

    opened: Opened
    pictures: Pictures
    folder: "tempfile.TemporaryDirectory[str] | None" = None


def show(model: object) -> None:
    """Lay the view out."""
    tables.style()
    panels.heading("Results")
    held = st.session_state.get("results_held")
    if not isinstance(held, Held):
        setup()
        return
    opened = held.opened
    panels.say(opened.title)
    if st.button("Open other results", icon=":material/folder_open:", key="results_close"):
        if held.folder is not None:
            held.folder.cleanup()
        for key in [key for key in st.session_state if str(key).startswith("results_")]:
            del st.session_state[key]
        st.rerun()
    for note in opened.notes:
        panels.say(note, small=True)
    _numbers(opened)
    if opened.rows:
        _questions(held)


def setup() -> None:
    """What to open."""
    panels.say(
        f"Open what pinpoint eval or pinpoint ask-many has written: {RESULTS} for the numbers, {PREDICTIONS} "
        "to look at the questions, best both. Pictures of drawn scenes are drawn anew; hand others in beside them."
    )
    roots = places.roots()
    where = st.radio("Results from", [places.OWN, places.SERVER], horizontal=True) if roots else None
    files: Sequence[Any] = ()
    brought: Sequence[Any] = ()
    typed = ""
    if where == places.SERVER:
        found = _found(roots)
        by_name = {places.shown(path, roots): path for path in found}
        picked = st.selectbox("Folder with results", list(by_name), index=None, key="results_found")
        typed = str(by_name[picked]) if picked else st.text_input("Or its path", key="results_typed")
    else:
        files = st.file_uploader(
            f"{RESULTS} and {PREDICTIONS}", ["json", "jsonl"], accept_multiple_files=True, key="results_files"
        )
    with st.expander("Pictures of your own"):
        kinds = [*sorted(suffix[1:] for suffix in many.PICTURES), "zip"]
        brought = st.file_uploader(
            "Pictures, or a ZIP file of them", kinds, accept_multiple_files=True, key="results_pictures"
        )
    missing = None if where == places.SERVER or files else f"Hand in {RESULTS} or {PREDICTIONS} first."
    if not panels.begin("Show these results", ":material/insights:", "results_open", "results_held", missing):
        return
    try:
        held = opened(files or (), typed if where == places.SERVER else None, brought or ())
    except (ValueError, OSError) as error:
        del st.session_state.results_held
        why = f"the files cannot be read ({error.strerror or error})" if isinstance(error, OSError) else str(error)
        panels.say_problem(" ".join(why.split()))
        return
    st.session_state.results_held = held
    st.rerun()


@st.cache_data(ttl=60, max_entries=8, show_spinner="Looking for results ...")
def _found(roots: tuple[Path, ...]) -> list[Path]:
    """Folders with results: the owner's, the same for whoever asks."""
    return places.holding({RESULTS, PREDICTIONS}, roots)


def opened(files: Sequence[Any], typed: str | None, brought: Sequence[Any]) -> Held:
    """Open what was handed in, or what lies in a folder of the server.

    Raises:
        ValueError: there is nothing to open, or it is damaged; the line says what.
    """
    roots = places.roots()
    folder = tempfile.TemporaryDirectory(prefix="pinpoint-results-")
    try:
        if typed is not None:
            if not typed.strip():
                raise ValueError("choose a folder with results first, or type its path")
            source = places.allowed(typed, roots)
            source = source.parent if source.is_file() else source
            for name in (RESULTS, PREDICTIONS):  # a link in it must not lead out either
                if (source / name).exists():
                    places.allowed(str(source / name), roots)
        else:
            source = Path(folder.name)
            _lay(files, source)
        bar = st.progress(0.0, "Reading the questions ...")

        def told(share: float) -> None:
            bar.progress(min(share, 1.0), "Reading the questions ...")

        made = open_folder(source, told)
        bar.empty()
        beside = None
        if brought:
            (Path(folder.name) / "pictures").mkdir()
            laid = unpack([(file.name, file) for file in brought], Path(folder.name) / "pictures")
            made.notes += [f"left out: {problem}" for problem in laid.problems[:5]]
            beside = pictured.handed_in(laid.folder, laid.names)
        others, line = pictured.of_values(made.values, made.protocol, roots)
        if line and made.rows and not brought:
            made.notes.append(line)
        clear_up(folder, of_this_page())
        return Held(made, pictured.first(beside, others), folder)
    except BaseException:
        folder.cleanup()
        raise


def _lay(files: Sequence[Any], folder: Path) -> None:
    """Store the files under the names that they have in an evaluation.

    Raises:
        ValueError: there are none, or several of a kind.
    """
    if not files:
        raise ValueError(f"hand in {RESULTS} or {PREDICTIONS} first, or both")
    for file in files:
        name = PREDICTIONS if str(file.name).lower().endswith(".jsonl") else RESULTS
        if (folder / name).exists():
            raise ValueError(f"there are two files to take for {name}: hand in one evaluation at a time")
        (folder / name).write_bytes(file.getbuffer())


def _numbers(opened: Opened) -> None:
    table = opened.table
    if table is not None:
        heads = [Column("Kind of question"), *(Column(str(name), True) for name in table["columns"])]
        rows = [[str(row[0]), *("\n".join(map(str, cell)) for cell in row[1:])] for row in table["rows"]]
        tables.table(
            "The numbers, over all questions with their intervals, and by kind of question", heads, rows, stacked=False
        )
    if opened.facts:
        with st.expander("What made these numbers"):
            columns = (Column("What"), Column("Value"))
            tables.table("What else is known of this evaluation", columns, opened.facts[:200])


def _questions(held: Held) -> None:
    """The choice of questions, their table, and one of them."""
    rows = held.opened.rows
    kinds = sorted({row.kind for row in rows})
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        order = st.selectbox("Order", ORDERS, key="results_order", width=170)
        shown = st.selectbox("Show", SHOWN, key="results_shown", width=220)
        kind = st.selectbox("Kind", [EVERY_KIND, *kinds], key="results_kind", width=200)
        text = st.text_input("With these words", key="results_text", width=260, max_chars=200)
    found = chosen(rows, order, shown, "" if kind == EVERY_KIND else kind, text)
    panels.status(f"{len(found):,} of {len(rows):,} questions")
    if not found:
        return
    place = st.container()
    index = tables.picker("Look at row", "results_row", len(found))
    page = tables.page(index, len(found))
    cells = [[str(n + 1), _score(found[n]), found[n].kind, found[n].question, _said(found[n])] for n in page]
    with place:
        tables.table("Questions and their answers", COLUMNS, cells, index - page.start)
    _one(held, found[index])


def _score(row: Row) -> str:
    if row.failed:
        return "failed"
    return "–" if row.score is None else f"{row.score:.3f}"


def _said(row: Row) -> str:
    return unmarked(row.answer)


def _one(held: Held, row: Row) -> None:
    """A question whole: the true masks and the drawn ones side by side, in the same colours."""
    try:
        one = held.opened.prediction(row)
    except (ValueError, OSError) as error:
        panels.say_problem(str(error) if isinstance(error, ValueError) else "the file is not there any more")
        return
    try:
        image = held.pictures(one.image)
    except (ValueError, OSError) as error:
        panels.say_problem(str(error) if isinstance(error, ValueError) else "its picture cannot be read")
        image = None
    panels.say(f"{one.id} · {one.image} · {one.kind}", small=True)
    panels.say(one.question)
    if image is not None and image.shape[:2] != tuple(one.size):
        panels.say("The picture of that name has another size: the masks are shown alone.", small=True)
    if one.truth is None:
        _side(image, one, _given(one), "Answer", unmarked(one.answer), one.error)
        return
    left, right = st.columns(2, gap="medium")
    targets = one.truth.targets
    true = [(target.phrase, target.rle, "" if target.rle else "not here") for target in targets]
    with left:
        inks = [colour(number) for number in range(len(targets))]
        _side(image, one, list(zip(true, inks, strict=True)), "True", unmarked(one.truth.answer), None)
    with right:
        _side(image, one, _given(one), "Predicted", unmarked(one.answer), one.error)


Marked = tuple[tuple[str, RLE | None, str], Ink]


def _given(one: Prediction) -> list[Marked]:
    """The marks of an answer, each in the colour of the target that it answers."""
    targets = one.truth.targets if one.truth else ()
    partners = {id(given): n for n, given in enumerate(pair(targets, one.given)) if given is not None}
    spare = iter(range(len(targets), len(targets) + len(one.given)))
    made: list[Marked] = []
    for mark in one.given:
        number = partners[id(mark)] if id(mark) in partners else next(spare)
        note = "not here" if mark.rle is None else f"score {mark.score:.2f}"
        made.append(((mark.phrase, mark.rle, note), colour(number)))
    return made


def _side(
    image: np.ndarray | None, one: Prediction, marks: Sequence[Marked], name: str, words: str, error: str | None
) -> None:
    seen = [(rle, ink) for (_, rle, _), ink in marks if rle is not None]
    found = [masks.decode(rle) for rle, _ in seen]
    void = masks.decode(one.truth.void) if one.truth is not None and one.truth.void is not None else None
    painted = drawn(image, (one.size[0], one.size[1]), found, [ink for _, ink in seen], void)
    st.markdown(f"**{name}**")
    st.image(painted, width="stretch", alt=f"{name}: {one.image}")
    if error is not None:
        panels.say_problem(error)
    else:
        panels.say(words or "(nothing)")
    tables.legend([(phrase or "this", ink if rle is not None else None, note) for (phrase, rle, note), ink in marks])
