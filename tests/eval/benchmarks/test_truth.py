"""Every benchmark of the sample trees: predictions that are the truth, none, and the truth moved by some pixels.

The masks that are given and the numbers that are expected come from TRUTH.json and numpy alone; the truth that they are
compared with comes through readers, benchmarks and protocols.
"""

import itertools
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from pycocotools import mask as coco

from data import masks
from data.datasets import open_dataset
from data.sample import Target
from eval import benchmarks
from eval.benchmarks.base import Read
from eval.predictions import Given, Prediction
from eval.protocols import REASON_SESAME

DOWN, RIGHT = 3, 7  # pixels that the truth is moved by
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass
class True_:
    """What TRUTH.json says of one question: its masks, pixels left out, and what it is averaged with."""

    masks: list
    void: np.ndarray | None
    reference: str
    name: str


def decoded(rle):
    counts = {"size": rle["size"], "counts": rle["counts"].encode()}
    return coco.decode(counts).astype(bool)


def moved(mask):
    made = np.zeros_like(mask)
    made[DOWN:, RIGHT:] = mask[:-DOWN, :-RIGHT]
    return made


def of_references(truth):
    for name, values in truth["refer_seg"].items():
        for split, found in values["splits"].items():
            asked = {}
            for sample in found["samples"]:
                for number, said in enumerate(sample["texts"]):
                    mask = [] if said["empty"] else [decoded(sample["rle"])]
                    asked[f"{sample['id']}/{number}"] = True_(mask, None, sample["id"], "")
            yield name, split, asked


def of_reason(truth):
    for split, found in truth["reason_seg"]["splits"].items():
        asked = {}
        for sample in found["samples"]:
            void = decoded(sample["void_rle"])
            for number in range(len(sample["texts"])):
                asked[f"{sample['id']}/{number}"] = True_([decoded(sample["rle"])], void, sample["id"], "")
        yield "ReasonSeg", split, asked


def of_muse(truth):
    for split, found in truth["muse"]["splits"].items():
        yield (
            "muse",
            split,
            {one["id"]: True_([decoded(rle) for rle in one["rles"]], None, "", "") for one in found["samples"]},
        )


def numbered(dataset):
    """How the ids of a picture's questions begin, by its name: TRUTH.json numbers some sets otherwise."""
    ids = {dataset.picture(index).name: dataset.queries(index)[0].id for index in range(len(dataset))}
    return {picture: "/".join(id.split("/")[:3]) for picture, id in ids.items()}


def of_classes(truth, root):
    for name, values in truth["semantic"].items():
        for split in {sample["split"] for sample in values["samples"]}:
            asked, numbers = {}, numbered(open_dataset(root, name, split))
            for sample in values["samples"]:
                void = decoded(sample["void_rle"]) if sample.get("void_rle") else None
                for one in sample["classes"]:
                    if sample["split"] == split:
                        key = f"{numbers[sample['image']]}/{one['name']}"
                        both = asked[key].masks if key in asked else []
                        mask = np.logical_or.reduce([*both, decoded(one["rle"])])
                        asked[key] = True_([mask], void, "", one["name"])
            yield name, split, asked


@pytest.fixture(scope="module")
def sets(shared):
    """(benchmark, split) -> what is asked, by the id of the query."""
    truth = json.loads((shared / "samples/trees/TRUTH.json").read_text())
    every = itertools.chain(
        of_references(truth), of_reason(truth), of_muse(truth), of_classes(truth, shared / "samples/trees")
    )
    return {(name, split): asked for name, split, asked in every}


def predictions(root, name, split, protocol, give):
    """Each question of the protocol with the masks that ``give`` makes of its id; None for "not there"."""
    benchmark = benchmarks.find(name)
    questions = Read(benchmark, split, open_dataset(root, name, split))
    for index in range(len(questions)):
        for sample in questions.samples(index, protocol):
            given = give(sample.id)
            made = Prediction.of(sample, 0, None)
            marks = tuple(Given("it", None if mask is None else masks.encode(mask)) for mask in given)
            yield replace(made, given=marks)


def counted(root, name, split, protocol, give):
    rows = [protocol.count(one) for one in predictions(root, name, split, protocol, give)]
    assert rows and len({row.id for row in rows}) == len(rows)
    return rows, protocol.summarise(rows)


def protocols():
    for name, benchmark in benchmarks.every().items():
        if benchmark.rooted:
            for protocol in benchmark.protocols:
                yield pytest.param(name, protocol, id=f"{name}-{protocol.name}")


def splits_of(sets, name):
    found = [split for there, split in sets if there == name]
    if not found:
        pytest.skip(f"the sample trees have no {name}")
    return found


def truth_of(sets, name, split, id):
    """A question's truth; a false premise of ReasonSeg, which TRUTH.json has by its answer alone, asks for nothing."""
    return sets[name, split].get(id) or True_([], None, id, "absent")


@pytest.mark.parametrize(("name", "protocol"), protocols())
def test_the_truth_scores_one(shared, sets, name, protocol):
    root = shared / "samples/trees"
    for split in splits_of(sets, name):
        _, found = counted(root, name, split, protocol, lambda id, s=split: truth_of(sets, name, s, id).masks or [None])
        for number, value in found.items():
            # ReasonSeg's polygons are drawn by Pillow, TRUTH's by OpenCV: see the sample trees' README
            assert value is None or value == pytest.approx(1, abs=0.005 if name == "ReasonSeg" else 1e-12), number
        assert any(value is not None for value in found.values())


@pytest.mark.parametrize(("name", "protocol"), protocols())
def test_nothing_drawn_scores_by_the_rule(shared, sets, name, protocol):
    root = shared / "samples/trees"
    for split in splits_of(sets, name):
        rows, found = counted(root, name, split, protocol, lambda id: [])
        there = [bool(truth_of(sets, name, split, row.id.rsplit("/", 1)[0]).masks) for row in rows]
        absent = 1 - sum(there) / len(there)
        of_all = (
            absent if all(n.rule.find("that have a target") < 0 for n in protocol.numbers if n.name == "gIoU") else 0
        )
        says = {
            "gIoU": 0.0 if protocol.name == "pixellm" else of_all,
            "See": absent,
            "N-acc": 1.0,
            "Acc": 1.0,
            "r": 1.0,
        }
        for number, value in found.items():
            nothing = (number in ("N-acc", "Acc", "r") and all(there)) or (value is None and not any(there))
            assert value is None if nothing else value == pytest.approx(says.get(number, 0.0)), (split, number)


@pytest.mark.parametrize(("name", "protocol"), protocols())
def test_the_truth_moved_by_some_pixels(shared, sets, name, protocol):
    root = shared / "samples/trees"
    for split in splits_of(sets, name):

        def given(id, split=split):
            return [moved(mask) for mask in truth_of(sets, name, split, id).masks]

        rows, found = counted(root, name, split, protocol, given)
        asked = [truth_of(sets, name, split, row.id.rsplit("/", 1)[0]) for row in rows]
        if protocol.name == REASON_SESAME.name:
            asked = [replace(one, void=None) for one in asked]
        assert found == pytest.approx(expected(protocol, asked), abs=0.004 if name == "ReasonSeg" else 1e-12), split


def pixels(one, given, true):
    inside = True if one.void is None else ~one.void
    return int((given & true & inside).sum()), int(((given | true) & inside).sum())


def expected(protocol, asked):
    """The protocol's numbers of the truth moved, each written out."""
    there = [one for one in asked if one.masks]
    empty = len(asked) - len(there)
    units = []
    for one in there:
        whole = np.logical_or.reduce(one.masks)
        units.append(pixels(one, np.logical_or.reduce([moved(mask) for mask in one.masks]), whole))
    ious = [i / u if u else 1.0 for i, u in units]
    pairs = [pair for one in there for pair in matched(one)]
    drawn = [any(moved(mask).any() for mask in one.masks) for one in there]
    ciou = sum(i for i, _ in units) / sum(u for _, u in units) if there else None
    mean = np.mean(ious) if there else None
    if protocol.name == "pixellm":
        return {
            "gIoU": np.mean([i / u for i, u in pairs]),
            "cIoU": sum(i for i, _ in pairs) / sum(u for _, u in pairs),
        }
    values = {
        "gIoU": (sum(ious) + empty) / len(asked),
        "cIoU": ciou,
        "oIoU": ciou,
        "Segment": ciou,
        "mIoU": mean,
        "N-acc": 1.0 if empty else None,
        "Acc": 1.0 if empty else None,
        "r": 1.0 if empty else None,
        "T-acc": np.mean(drawn) if there else None,
        "See": (sum(drawn) + empty) / len(asked),
        **{f"Pr@{t:g}": np.mean([iou >= t for iou in ious]) if there else None for t in THRESHOLDS},
    }
    if protocol.name in ("references", "robust"):
        values["mIoU"] = mean_of_groups([one.reference for one in there], [(iou, 1) for iou in ious])
        values["rIoU"] = mean_of_groups([one.reference for one in there], units)
    if protocol.name == "classes":
        values["mIoU"] = mean_of_groups([one.name for one in there], units)
    return {number.name: values[number.name] for number in protocol.numbers}


def mean_of_groups(names, units):
    shares = []
    for name in set(names):
        mine = [unit for other, unit in zip(names, units, strict=True) if other == name]
        shares.append(sum(i for i, _ in mine) / sum(u for _, u in mine))
    return np.mean(shares)


def matched(one):
    """The pairing of the moved masks with the true ones that has the largest sum of IoUs, of all there are."""
    given = [moved(mask) for mask in one.masks]
    orders = itertools.permutations(range(len(given)))
    made = [[pixels(one, given[i], one.masks[j]) for i, j in enumerate(order)] for order in orders]
    return max(made, key=lambda pairs: sum(i / u for i, u in pairs))


def test_short_and_long_queries_divide_the_test_split(shared):
    root = shared / "samples/trees"
    reason = benchmarks.find("ReasonSeg")
    asked = {}
    for split in ("test", "test_short", "test_long"):
        questions = reason.open(root, split)
        found = [questions.samples(index, reason.protocol()) for index in range(len(questions))]
        asked[split] = {sample.id: sample.turns[0].kind for samples in found for sample in samples}
    assert asked["test_short"] | asked["test_long"] == asked["test"]
    assert set(asked["test_short"].values()) == {"short query"} and set(asked["test_long"].values()) == {"long query"}


def test_questions_are_in_fixed_words_and_pictures_in_order(shared):
    root = shared / "samples/trees"
    refcoco = benchmarks.find("refcoco")
    questions = refcoco.open(root, "val")
    names = [questions.name(index) for index in range(len(questions))]
    assert names == sorted(names) and len(refcoco.open(root, "val", 1)) == 1
    (first, *_) = questions.samples(0, refcoco.protocol())
    (same, *_) = questions.samples(0, refcoco.protocol("sentences@lisa"))
    phrase = first.turns[0].targets[0].phrase
    assert first.turns[0].question == f"Find {phrase}."
    assert same.turns[0].question == f" What is {phrase.lower()} in this image? Please output segmentation mask."
    assert (first.id, first.image, first.load().shape[:2]) == (same.id, names[0], first.size)
    assert isinstance(first.turns[0].targets[0], Target)
