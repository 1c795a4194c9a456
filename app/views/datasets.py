"""A tree of datasets with its truth, sample by sample."""

from pathlib import Path

import numpy as np
import streamlit as st

from app import panels, places, tables, trees
from app.drawn import drawn
from app.tables import Column, Ink
from app.trees import Found, Index, Sample
from data import masks
from data.datasets.base import Dataset, Query, Source
from data.drawing import colour
from model.tokens import unmarked

TITLE, ICON, ORDER = "Datasets", ":material/database:", 40

READS = 4.0  # seconds that a split is read for before anything is shown
ANY = "every kind"
COLUMNS = (Column("Row", True), Column("Picture", True), Column("Kind"), Column("What is asked"), Column("Sample"))


def show(model: object) -> None:
    """Lay the view out."""
    tables.style()
    panels.heading("Datasets")
    roots = places.roots()
    if not roots:
        panels.say(
            "This page shows no folder of the server, because its owner has named none. Whoever starts it can: "
            "pinpoint app --root DIR, with the folder that holds the trees of datasets. It may be given several times."
        )
        return
    try:
        root = _root(roots)
        found = _found(root)
    except ValueError as error:
        panels.say_problem(str(error))
        return
    for problem in found.problems:
        panels.say_problem(problem)
    if not found.families:
        panels.say("There is no dataset in this folder that is known here. Name the root of the trees.")
        return
    _dataset(root, found)


def _root(roots: tuple[Path, ...]) -> Path:
    """The tree that is looked at."""
    by_name = places.named(roots)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.selectbox("Folder", list(by_name), key="data_root", width=260)
        below = st.text_input("Folder below it, if the trees lie deeper", key="data_below", width=320)
    root = by_name[name]
    found = places.allowed(below, [root]) if below.strip() else root
    if not found.is_dir():
        raise ValueError("that is a file: name the folder of the trees")
    return found


def _found(root: Path) -> Found:
    """What lies in the tree; looked for once while this person stays at it."""
    held: tuple[Path, Found] | None = st.session_state.get("data_found")
    if held is None or held[0] != root:
        with st.spinner("Looking for datasets ..."):
            held = (root, trees.look(root))
        st.session_state.data_found = held
        st.session_state.pop("data_opened", None)
    return held[1]


def _dataset(root: Path, found: Found) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        family = st.selectbox("Family", list(found.families), key="data_family", width=180)
        dataset = st.selectbox("Dataset", found.names(family), key="data_set", width=240)
        splits = found.splits(family, dataset)
        split = st.selectbox("Split", list(splits), key="data_split", width=180)
        checks = st.button("Check this dataset", icon=":material/fact_check:", key="data_check")
    if checks:
        _check(root, dataset)
    try:
        opened, index = _opened(root, dataset, split, found, family)
    except ValueError as error:
        panels.say_problem(str(error))
        return
    for note in index.notes[:10]:
        panels.say_problem(note)
    if not len(opened):
        panels.say("This split holds no picture.")
        return
    _counted(opened, index, root)
    _samples(opened, index, root)


def _opened(root: Path, dataset: str, split: str, found: Found, family: str) -> tuple[Dataset, Index]:
    """The split, and what of it has been read for this person."""
    key = (root, dataset, split)
    with st.spinner("Reading the annotations ..."):
        opened, notes = _split(str(root), dataset, split, found.splits(family, dataset)[split])
    held = st.session_state.get("data_opened")
    if held is None or held[0] != key:
        with st.spinner("Reading the samples ..."):
            index = Index(len(opened), notes=notes)
            index.go_on(opened, root, READS)
        held = (key, index)
        st.session_state.data_opened = held
        for name in ("data_row", "data_text", "data_kind"):
            st.session_state.pop(name, None)
    return opened, held[1]


@st.cache_resource(max_entries=4, ttl=600, show_spinner=False)
def _split(root: str, dataset: str, split: str, _source: Source) -> tuple[Dataset, list[str]]:
    """An opened split. It is the owner's, nobody's own, and large: all who look at it share it."""
    return trees.open_split(_source, Path(root))


def _check(root: Path, dataset: str) -> None:
    try:
        with st.spinner("Checking every file of this dataset ..."):
            faults = trees.check(root, dataset)
    except ValueError as error:
        panels.say_problem(str(error))
        return
    if not faults:
        panels.status(f"{dataset}: nothing is wrong")
        return
    panels.status(f"{dataset}: {tables.counted(len(faults), 'fault')}")
    rows = [[fault.split, fault.kind, fault.what, fault.remedy] for fault in faults[:100]]
    columns = (Column("Split"), Column("Kind"), Column("What is wrong"), Column("What to do"))
    tables.table("What is wrong with this dataset", columns, rows)
    if len(faults) > 100:
        panels.say(f"and {len(faults) - 100:,} more: pinpoint data check names all")


def _counted(opened: Dataset, index: Index, root: Path) -> None:
    """What the split holds, as far as it has been read."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in index.kinds.most_common())
    words = [tables.counted(index.pictures, "picture")]
    words.append(f"{tables.counted(index.kinds.total(), 'sample')} ({kinds or 'none'})")
    words += [tables.counted(index.targets, "mask"), f"{index.absent:,} asked for that are not there"]
    if index.wrong:
        words.append(f"{tables.counted(len(index.wrong), 'picture')} with something wrong")
    if not index.whole:
        words.insert(1, f"{index.read:,} of them read so far")
    panels.status(" · ".join(words))
    if not index.whole and st.button("Read on", icon=":material/more_horiz:", key="data_on"):
        with st.spinner("Reading on ..."):
            index.go_on(opened, root, 5 * READS)
        st.rerun()
    if index.wrong:
        with st.expander(f"Something wrong: {len(index.wrong):,}", icon=":material/warning:"):
            wrong = list(index.wrong.items())[:100]
            rows = [[str(row), str(number + 1), line] for row, (number, line) in enumerate(wrong, start=1)]
            columns = (Column("Row", True), Column("Picture", True), Column("What is wrong"))
            tables.table("Pictures with something wrong", columns, rows)


def _samples(opened: Dataset, index: Index, root: Path) -> None:
    """The search, its table, and the sample that is looked at."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        text = st.text_input("With these words, or this id", key="data_text", width=320, max_chars=200)
        kind = st.selectbox("Kind", [ANY, *index.kinds], key="data_kind", width=200)
    found = index.search(text, "" if kind == ANY else kind)
    if found:
        place = st.container()
        row = tables.picker("Look at row", "data_row", len(found))
        page = tables.page(row, len(found))
        cells = [[str(n + 1), str(found[n].picture + 1), found[n].kind, found[n].text, found[n].id] for n in page]
        with place:
            tables.table("Samples", COLUMNS, cells, row - page.start)
        one = found[row]
        _one(trees.sample(opened, one.picture, root), one.query, one.picture)
    else:
        so_far = "" if index.whole else f" among the {index.read:,} pictures that were read so far"
        panels.status(f"No sample fits{so_far}.")
    if index.wrong:
        st.markdown("**Pictures with something wrong**")
        numbers = list(index.wrong)
        chosen = numbers[tables.picker("Look at row of these", "data_wrong", len(numbers))]
        _one(trees.sample(opened, chosen, root), 0, chosen)


def _one(made: Sample, query: int, number: int) -> None:
    """A sample: the picture with its true masks, and the words."""
    left, right = st.columns([3, 2], gap="large")
    asked = made.queries[query] if query < len(made.queries) else None
    with right:
        for problem in made.problems[:10]:
            panels.say_problem(problem)
        if asked is not None:
            _words(asked)
    with left:
        _picture(made, asked)
        if made.picture is not None:
            panels.say(f"Picture {number + 1}: {made.picture.name}", small=True)


def _picture(made: Sample, asked: Query | None) -> None:
    image: np.ndarray | None = None
    if made.picture is not None:
        try:
            image = made.picture.load()
        except ValueError as error:
            if not made.problems:
                panels.say_problem(str(error))
    if image is None and (asked is None or not trees.drawable(made.size)):
        return
    size = made.size if image is None else (image.shape[0], image.shape[1])
    given = [] if asked is None else [(n, target.rle) for n, target in enumerate(asked.targets) if target.rle]
    fit = [(n, masks.decode(rle)) for n, rle in given if tuple(rle["size"]) == tuple(size)]
    void = masks.decode(asked.void) if asked is not None and asked.void is not None else None
    painted = drawn(image, size, [mask for _, mask in fit], [colour(n) for n, _ in fit], void)
    st.image(painted, width="stretch", alt="the picture with its true masks" if fit else "the picture")


def _words(query: Query) -> None:
    """What is asked, and what is true."""
    for question, answer in query.earlier:
        panels.say(f"{question}\n{answer.replace('{seg}', '')}", small=True)
    panels.say(query.text)
    turn = trees.worded(query)
    if turn is not None:
        if turn.question != query.text:
            panels.say(f"Asked as: {turn.question}", small=True)
        panels.say(f"Answered: {unmarked(turn.answer)}", small=True)
    if query.correction:
        panels.say(f"Should have said: {query.correction}", small=True)
    items: list[tuple[str, Ink | None, str]] = []
    for number, target in enumerate(query.targets):
        pixels = 0 if target.rle is None else masks.area(target.rle)
        note = "not here" if target.rle is None else f"{pixels:,} pixels"
        items.append((target.phrase, None if target.rle is None else colour(number), note))
    tables.legend(items)
    if query.void is not None:
        panels.say(f"Grey: {masks.area(query.void):,} pixels that count neither way", small=True)
    panels.say(f"{query.id} · {query.kind}", small=True)
