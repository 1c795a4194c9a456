import json

import numpy as np
import pytest
import torch
from PIL import Image

from app import export
from data import masks
from data.world.world import World
from model.answer import Answer, Segment, SegmentEvidence
from model.prompting.base import SegPrompts


def segment(phrase, mask, rejected=False):
    evidence = SegmentEvidence(np.zeros((2, 2), np.float32), SegPrompts(), torch.zeros(1, 1, 4, 4), "")
    return Segment(phrase, mask, 0.0 if rejected else 0.87654, rejected, evidence)


@pytest.fixture
def answer():
    mask = np.zeros((6, 8), bool)
    mask[1:3, 2:6] = True
    found = segment("the red cup", mask)
    missing = segment("the lamp", np.zeros((6, 8), bool), rejected=True)
    return Answer("?", "The red cup <SEG> is here, the lamp <REJ> is not.", (found, missing), {"total": 0.123456})


def test_json_has_the_masks_as_coco_run_lengths(answer):
    values = json.loads(json.dumps(export.as_json(answer)))
    assert set(values) == {"text", "segments", "timings"}
    assert values["text"] == answer.text
    found, missing = values["segments"]
    assert (found["phrase"], found["rejected"], found["score"]) == ("the red cup", False, 0.8765)
    assert found["rle"]["size"] == [6, 8]
    assert isinstance(found["rle"]["counts"], str)
    assert (masks.decode(found["rle"]) == answer.segments[0].mask).all()
    assert missing == {"phrase": "the lamp", "rejected": True, "score": 0.0, "rle": None}
    assert values["timings"] == {"total": 0.1235}


def test_text_has_no_marks_and_a_line_for_each_thing(answer):
    assert export.as_text(answer).splitlines() == [
        "The red cup is here, the lamp is not.",
        "  the red cup: 8 pixels, score 0.88",
        "  the lamp: not here",
    ]


def test_the_overlay_and_the_masks_are_written(answer, tmp_path):
    image = np.full((6, 8, 3), 90, np.uint8)
    files = export.write(answer, image, tmp_path / "new" / "folder")
    assert [file.name for file in files] == ["overlay.png", "mask-01-the-red-cup.png"]
    assert ((np.array(Image.open(files[1])) == 255) == answer.segments[0].mask).all()
    assert np.array(Image.open(files[0])).shape == (6, 8, 3)


def test_a_phrase_cannot_leave_the_folder(tmp_path):
    odd = Answer("?", "", (segment("../../etc/cup", np.ones((4, 4), bool)), segment("", np.ones((4, 4), bool))), {})
    files = export.write(odd, np.zeros((4, 4, 3), np.uint8), tmp_path)
    assert [file.name for file in files[1:]] == ["mask-01-etc-cup.png", "mask-02-mask.png"]


def test_a_folder_that_cannot_be_made_is_named(answer, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ValueError, match=r"taken.* cannot be written"):
        export.write(answer, np.zeros((6, 8, 3), np.uint8), tmp_path / "taken" / "below")


def test_a_sample_is_written_as_it_is(tmp_path):
    sample = World("test", 1, start=3).sample(0)
    line = json.loads(json.dumps(export.write_sample(sample, tmp_path, truth=True)))
    assert (np.array(Image.open(tmp_path / line["image"])) == sample.load()).all()
    assert (tmp_path / f"{sample.id}-truth.png").is_file()
    assert [turn["question"] for turn in line["turns"]] == [turn.question for turn in sample.turns]
    for turn, true in zip(line["turns"], sample.turns, strict=True):
        assert [t["rle"] for t in turn["targets"]] == [t.rle for t in true.targets]
        assert all(t["empty"] == (t["rle"] is None) for t in turn["targets"])
