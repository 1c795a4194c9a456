"""Many pictures and questions at once: handed in, asked in the background, watched, and taken away."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app import panels, places, tables
from app.drawn import drawn
from app.engine import Asks
from app.jobs import ANSWERS, Job, Line
from app.presence import of_this_page
from app.session import LONGEST
from app.setup import Setup
from app.tables import Column
from app.unpacking import unpack
from data import masks
from data.drawing import colour
from eval import many, report
from eval.predictions import Prediction
from eval.results import PREDICTIONS, RESULTS
from model.tokens import unmarked

TITLE, ICON, ORDER = "Many", ":material/stacks:", 20

MOST_ROWS = 2000
MOST_TABLE = 4 * 2**20  # bytes of a file of questions
EVERY = 1.0  # seconds between looks at the progress
COLUMNS = (Column("Row", True), Column("State"), Column("Picture"), Column("Question"), Column("Answer"))
ENDS = {"done": "Done", "stopped": "Stopped", "failed": "Ended early"}
MIMES = {report.NAME: "text/html", PREDICTIONS: "application/jsonl", ANSWERS: "text/csv", RESULTS: "application/json"}
LABELS = {
    report.NAME: "Report (HTML)",
    PREDICTIONS: "Answers with masks (JSON lines)",
    ANSWERS: "Answers as a table (CSV)",
    RESULTS: "What was asked, and what failed (JSON)",
}


def show(model: Asks) -> None:
    """Lay the view out."""
    tables.style()
    panels.heading("Many pictures at once")
    job = st.session_state.get("many_job")
    if isinstance(job, Job):
        watch(job)
    else:
        setup(model)


def setup(model: Asks) -> None:
    """What to ask, and the button that begins."""
    panels.say(
        "Give pictures, and one question for all of them or a table with a question for each. The questions are asked "
        "in turn with those of other people, while you use the page as you like; keep it open until they are answered."
    )
    where = st.radio("Pictures from", [places.OWN, places.SERVER], horizontal=True) if _roots() else None
    files: Sequence[Any] = ()
    table, typed = None, ""
    if where == places.SERVER:
        names = ", ".join(root.name or "/" for root in _roots())
        typed = st.text_input("Folder, or CSV or JSON lines file, on the server", key="many_typed")
        panels.say(f"It must lie under: {names}", small=True)
    else:
        turn = st.session_state.setdefault("many_turn", 0)
        kinds = [*sorted(suffix[1:] for suffix in many.PICTURES), "zip"]
        name = "Pictures, or a ZIP file of them"
        files = st.file_uploader(name, kinds, accept_multiple_files=True, key=f"many_files_{turn}")
        with st.expander("A question for each picture: a table"):
            panels.say(
                "A CSV file in UTF-8 whose first line is image,question, then a line for each question: the name of "
                "a picture as you hand it in (with its folder, if the ZIP file has folders) and what to ask of it. A "
                "picture may have several lines; a third column id is kept."
            )
            table = st.file_uploader("CSV or JSON lines", ["csv", "jsonl"], key=f"many_table_{turn}")
    question = st.text_input(
        "Question for all", key="many_question", placeholder="Where is the red cup?", max_chars=LONGEST
    )
    missing = None if where == places.SERVER or files else "Hand in pictures first."
    if not panels.begin("Ask them all", ":material/play_arrow:", "many_start", "many_job", missing):
        return
    try:
        with st.spinner("Reading the pictures ..."):
            job = prepared(model, files or (), table, typed, question.strip())
        st.session_state.many_job = job  # before it starts: a run may be cut short at any look at the state
        job.start()
    except ValueError as error:
        del st.session_state.many_job
        panels.say_problem(" ".join(str(error).split()))
        return
    st.session_state.many_turn = st.session_state.get("many_turn", 0) + 1  # the uploads leave the memory
    st.rerun()


def prepared(model: Asks, files: Sequence[Any], table: Any, typed: str, question: str) -> Job:
    """A job from what was handed in, or from a folder of the server.

    Raises:
        ValueError: nothing of it can be asked; the line says why.
    """
    folder = tempfile.TemporaryDirectory(prefix="pinpoint-many-")
    try:
        if typed.strip():
            source, problems = places.allowed(typed, _roots()), list[str]()
            within, named = next(root for root in _roots() if source.is_relative_to(root)), typed.strip()
        else:
            source, problems = _handed_in(Path(folder.name), files, table)
            within = source if source.is_dir() else source.parent
            named = "your pictures" if table is None else Path(table.name).name
        if source.is_dir() and not question:
            raise ValueError("write a question to ask of every picture, or hand in a table with a question for each")
        try:
            rows, bad = many.read(source, question or None, within, MOST_ROWS)
        except ValueError as error:
            why = f"{error}" if not problems else f"{error}; {problems[0]}"
            raise ValueError(why.replace(str(source), named)) from error
        bad = [*(many.Bad("file", problem) for problem in problems), *bad]
        return Job(model, rows, bad, folder, Setup.of_page().checkpoint.name, of_this_page())
    except BaseException:
        folder.cleanup()
        raise


def _handed_in(folder: Path, files: Sequence[Any], table: Any) -> tuple[Path, list[str]]:
    """The folder of the pictures, or the table in it; and a line for each file that was left out.

    Raises:
        ValueError: there is nothing, or too much.
    """
    if not files:
        raise ValueError("hand in pictures first, or a ZIP file of them")
    if table is not None and table.size > MOST_TABLE:
        raise ValueError(f"the table of questions has more than {MOST_TABLE >> 20} MB: hand it in in parts")
    pictures = folder / "pictures"
    pictures.mkdir()
    made = unpack([(file.name, file) for file in files], pictures)
    if not made.names:
        raise ValueError(made.problems[0] if made.problems else "there is no picture in these files")
    if table is None:
        return pictures, made.problems
    # No picture can be in its place: they have other endings.
    written = pictures / f"questions{Path(table.name).suffix.lower()}"
    written.write_bytes(table.getvalue())
    return written, made.problems


def watch(job: Job) -> None:
    """The progress, the table, one row of it, and what can be taken away."""
    over = job.over
    every = None if over or job.state == "paused" else EVERY
    st.fragment(run_every=every)(_progress)(job, over)
    _buttons(job)
    if job.bad:
        with st.expander(f"{len(job.bad):,} left out", icon=":material/warning:"):
            for one in job.bad[:100]:
                panels.say(f"{one.row}: {one.error}", small=True)
            if len(job.bad) > 100:
                panels.say(f"and {len(job.bad) - 100:,} more", small=True)
    if over:
        _take_away(job)
    st.fragment(run_every=every)(_table)(job)
    index = tables.picker("Look at row", "many_row", len(job.lines))
    _row(job, job.lines[index])


def _progress(job: Job, over: bool) -> None:
    """How far it is; when it is over, the whole view is laid out again."""
    if job.over != over:
        st.rerun()
    done, total = job.answered, len(job.lines)
    words = [f"{done:,} of {total:,} asked"]
    if job.failed:
        words.append(f"{job.failed:,} failed")
    left = job.left
    if job.state == "working" and left is not None and done < total:
        words.append("less than a minute left" if left < 60 else f"about {left / 60:.0f} min left")
    state = {"paused": "Paused", "stopping": "Stopping"}.get(job.state) or ENDS.get(job.state) or "Asking"
    if job.state in ("working", "stopping") and done == total:
        state = "Writing the report"
    st.progress(done / total)
    panels.status(f"{state}: {', '.join(words)}")
    if job.problem:
        panels.say_problem(job.problem)


def _buttons(job: Job) -> None:
    with st.container(horizontal=True, gap="small"):
        if job.over:
            if st.button("Another list", icon=":material/add:", key="many_new", help="These answers are removed."):
                job.close()
                del st.session_state.many_job
                st.session_state.pop("many_row", None)
                st.rerun()
            return
        if job.state == "paused":
            st.button("Resume", icon=":material/play_arrow:", key="many_resume", on_click=job.resume)
        else:
            off = job.state == "stopping"
            st.button("Pause", icon=":material/pause:", key="many_pause", on_click=job.pause, disabled=off)
        st.button(
            "Stop, and keep what is answered",
            icon=":material/stop:",
            key="many_cancel",
            on_click=job.cancel,
            disabled=job.state == "stopping",
        )


def _table(job: Job) -> None:
    """The page of the table that holds the row that is looked at."""
    index = tables.picked("many_row", len(job.lines))
    shown = tables.page(index, len(job.lines))
    asking = next((n for n, line in enumerate(job.lines) if line.state == "waiting"), -1)
    rows = [
        [str(n + 1), _state(job, line, n == asking), line.image, line.question, line.problem or line.answer]
        for n, line in ((n, job.lines[n]) for n in shown)
    ]
    tables.table("The questions and what has become of them", COLUMNS, rows, index - shown.start)


def _state(job: Job, line: Line, next_one: bool) -> str:
    if line.state == "failed":
        return "✕ failed"
    if line.state == "answered":
        return f"✓ {line.found} found" + (f", {line.absent} not here" if line.absent else "")
    if job.over:
        return "not asked"
    return "… asking" if next_one and job.state == "working" else "waiting"


def _row(job: Job, line: Line) -> None:
    """The picture of a row with its masks, and the whole answer."""
    left, right = st.columns([3, 2], gap="large")
    try:
        made = job.prediction(line.id)
        image = job.picture(line.image)
    except (ValueError, OSError) as error:
        panels.say_problem(
            line.problem or (str(error) if isinstance(error, ValueError) else "it cannot be read any more")
        )
        return
    with right:
        panels.say(line.question)
        if made is None:
            st.fragment(run_every=None if job.over else EVERY)(_awaited)(job, line)
        elif made.error is not None:
            panels.say_problem(made.error)
        else:
            panels.say(unmarked(made.answer))
            _legend(made)
    with left:
        given = [one.rle for one in made.given if one.rle is not None] if made is not None else []
        found = [masks.decode(rle) for rle in given]
        if image is not None:
            painted = drawn(image, (image.shape[0], image.shape[1]), found, [colour(n) for n in range(len(found))])
            st.image(painted, width="stretch", alt=line.image)


def _awaited(job: Job, line: Line) -> None:
    """A row that is not answered yet; once it is, the view is laid out again."""
    if line.state != "waiting":
        st.rerun()
    panels.say("It was not asked." if job.over else "It waits for its turn.", small=True)


def _legend(made: Prediction) -> None:
    items: list[tuple[str, tables.Ink | None, str]] = []
    number = 0
    for one in made.given:
        if one.rle is None:
            items.append((one.phrase or "this", None, "not here"))
            continue
        items.append((one.phrase or "this", colour(number), f"score {one.score:.2f}"))
        number += 1
    tables.legend(items)


def _take_away(job: Job) -> None:
    """The files of a job that is over; each is read when it is asked for."""
    files = job.files()
    with st.container(horizontal=True, gap="small"):
        for name, path in files.items():
            st.download_button(
                LABELS[name],
                path.read_bytes,
                name,
                MIMES[name],
                key=f"many_file_{name}",
                on_click="ignore",
                icon=":material/download:",
            )


def _roots() -> tuple[Path, ...]:
    return places.roots()
