"""ReasonSeg: what is drawn, what is asked, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from data import masks
from data.datasets import open_dataset
from data.datasets.reason import find

SQUARE = [[1, 1], [4, 1], [4, 3], [1, 3]]  # with its outline: columns 1 to 4 of rows 1 to 3


@pytest.fixture
def tree(tmp_path):
    """Writes pictures of 8 x 6 pixels with their notes; returns the opened split."""

    def write(split="val", answers=None, encoding="utf-8", **notes):
        folder = tmp_path / "reason_seg" / "ReasonSeg" / split
        folder.mkdir(parents=True)
        for name, note in notes.items():
            Image.new("RGB", (8, 6), "white").save(folder / f"{name}.jpg")
            if note is not None:
                (folder / f"{name}.json").write_bytes(json.dumps(note, ensure_ascii=False).encode(encoding))
        if answers is not None:
            explanatory = folder.parent / "explanatory"
            explanatory.mkdir()
            (explanatory / f"{split}.json").write_text(json.dumps(answers))
        return open_dataset(tmp_path, "ReasonSeg", split)

    return write


def note(*shapes, text=("the cup",), is_sentence=False, **more):
    drawn = [{"label": label, "points": points} for label, points in shapes]
    return {"text": list(text), "is_sentence": is_sentence, "shapes": drawn, **more}


def filled(rows, columns):
    mask = np.zeros((6, 8), dtype=bool)
    mask[rows, columns] = True
    return mask


def test_a_shape_is_its_inside_and_outline_cut_to_whole_pixels(tree):
    points = [[x + 0.9, y + 0.9] for x, y in SQUARE]
    (query,) = tree(one=note(("target", points))).queries(0)
    assert np.array_equal(masks.decode(query.targets[0].rle), filled(slice(1, 4), slice(1, 5)))
    assert query.void is None


def test_each_wording_is_a_query_of_the_kind_that_the_file_says(tree):
    data = tree(
        a=note(("target", SQUARE), text=[" Left cup ", "cup"]),
        b=note(("target", SQUARE), text=["Which?"], is_sentence=True),
    )
    first, second = data.queries(0)
    assert (first.id, first.text, first.kind) == ("ReasonSeg/val/a/0", "Left cup", "phrase")
    assert (second.id, second.targets[0].phrase) == ("ReasonSeg/val/a/1", "cup")
    (asked,) = data.queries(1)
    assert (asked.id, asked.kind, asked.targets[0].phrase) == ("ReasonSeg/val/b/0", "sentence", "it")


def test_the_largest_is_drawn_first_and_flags_never(tree):
    small = [[1, 1], [2, 1], [2, 2], [1, 2]]
    void_on_target = tree("train", one=note(("Ignore this", small), ("target", SQUARE), ("flag", [[0, 0]]))).queries(0)
    assert masks.area(void_on_target[0].void) == 4 and masks.area(void_on_target[0].targets[0].rle) == 12 - 4
    target_on_void = tree("val", one=note(("target", small), ("ignore", SQUARE))).queries(0)
    assert masks.area(target_on_void[0].void) == 12 - 4 and masks.area(target_on_void[0].targets[0].rle) == 4


def test_a_picture_without_a_target_shape_has_an_absent_target(tree):
    (query,) = tree(one=note(("ignore", SQUARE))).queries(0)
    assert query.targets[0].absent and masks.area(query.void) == 12


def test_answers_that_explain_are_words_alone(tree):
    answers = [{"image": "a.jpg", "query": "Which?", "outputs": " The cup, as it holds tea. "}]
    data = tree("train", answers, a=note(("target", SQUARE)), b=note(("target", SQUARE)))
    assert data.queries(0)[0].answer == "The cup, as it holds tea."
    assert data.queries(1)[0].answer is None


def test_false_premises_are_queries_for_what_is_not_there(tree):
    entries = [["the ship", False, "No ship here."], ["Where is the ship?", True, "There is none."]]
    _, first, second = tree(one=note(("target", SQUARE), false_premise_QA=entries)).queries(0)
    assert (first.id, first.kind, first.text) == ("ReasonSeg/val/one/premise/0", "premise", "the ship")
    assert first.targets[0].absent and first.targets[0].phrase == "the ship"
    assert first.answer == "No ship here."
    assert second.targets[0].absent and second.targets[0].phrase == "it"


def test_files_may_be_cp1252(tree):
    assert tree(one=note(("target", SQUARE), text=["café – bar"]), encoding="cp1252").queries(0)[0].text == "café – bar"


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (None, "one.jpg: has no one.json beside it"),
        (note(("target", SQUARE), is_sentence="yes"), "is_sentence is 'yes'"),
        (note(("target", SQUARE[:2])), "shape 0: 2 points are no polygon"),
        (note(("target", [*SQUARE, [1e9, 0]])), "shape 0: has a point that is no place in or near"),
        (note(("target", [*SQUARE, [1]])), "shape 0: its points are no list"),
        (note(("target", SQUARE), text=[" "]), "text 0: ' ' is no text"),
        (note(("target", SQUARE), false_premise_QA=[["a", "b"]]), "false_premise_QA 0: expected"),
        ({**note(), "shapes": None}, "its shapes are None"),
        ([], "expected keys and values, found list"),
    ],
)
def test_what_is_refused(tree, broken, line):
    with pytest.raises(ValueError, match="reason_seg/ReasonSeg/val/one") as error:
        tree(one=broken).queries(0)
    assert line in str(error.value)


def test_a_note_without_its_picture_is_an_error_that_names_it(tree, tmp_path):
    data = tree(one=note(("target", SQUARE)))
    data.picture(0).path.unlink()
    with pytest.raises(ValueError, match=r"one\.jpg: there is no such file"):
        data.queries(0)


def test_points_are_of_the_upright_picture(tree):
    data = tree(one=note(("target", SQUARE)))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6), "white").save(data.picture(0).path, exif=exif)
    assert data.picture(0).load().shape == (8, 6, 3)
    assert data.queries(0)[0].targets[0].rle["size"] == [8, 6]


def test_the_sample_tree_is_read_as_its_truth_says(shared):
    truth = json.loads((shared / "samples/trees/TRUTH.json").read_text())["reason_seg"]
    found = {source.split: source.open() for source in find(shared / "samples/trees")}
    assert set(found) == set(truth["splits"])
    for split, wanted in truth["splits"].items():
        data = found[split]
        assert len(data) == wanted["images"]
        queries = {query.id: query for _, several in data for query in several}
        assert sum(query.kind != "premise" for query in queries.values()) == wanted["sentences"]
        for sample in wanted["samples"]:
            for number, text in enumerate(sample["texts"]):
                query = queries[f"{sample['id']}/{number}"]
                assert query.text == text.strip()
                assert query.kind == ("sentence" if sample["is_sentence"] else "phrase")
                assert iou(query.targets[0].rle, sample["rle"]) >= 0.995
                assert iou(query.void, sample["void_rle"]) >= 0.995
                told = truth["explanatory"].get(sample["image"]) if split == "train" else None
                assert query.answer == (told and told["outputs"].strip())
            for number, (text, _, answer) in enumerate(sample.get("false_premise_QA", [])):
                premise = queries[f"{sample['id']}/premise/{number}"]
                assert premise.text == text and premise.answer.endswith(answer) and premise.targets[0].absent


def iou(rle, truth):
    wanted = masks.decode(truth)
    found = masks.decode(rle) if rle else np.zeros_like(wanted)
    union = np.count_nonzero(found | wanted)
    return np.count_nonzero(found & wanted) / union if union else 1.0


def test_bad_inputs_are_refused_and_odd_ones_read(shared):
    cases = json.loads((shared / "samples/bad/cases.json").read_text())
    ours = [case for case in cases if case["reader"].startswith("ReasonSeg")]
    assert len(ours) >= 12
    for case in ours:
        root = shared / "samples/bad" / case["path"]
        if case["expect"] == "reject":
            with pytest.raises(ValueError, match="one"):
                open_dataset(root, "ReasonSeg", "val").queries(0)
        else:
            data = open_dataset(root, "ReasonSeg", "val")
            assert data.picture(0).load().shape[:2] == tuple(case["size"][::-1])
            assert masks.area(data.queries(0)[0].targets[0].rle) == case["target_pixels"]
