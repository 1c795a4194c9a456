import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app import export
from data import masks
from data.world.world import World
from model.answer import Answer
from tests.app.export.talks import long
from tests.eval.board import box, segment


@pytest.fixture
def answer():
    mask = np.zeros((6, 8), bool)
    mask[1:3, 2:6] = True
    found = segment("the red cup", mask, score=0.87654)
    missing = segment("the lamp", None, size=mask.shape)
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


def test_a_sample_is_written_as_it_is(tmp_path):
    sample = World("test", 1, start=3).sample(0)
    line = json.loads(json.dumps(export.write_sample(sample, tmp_path, truth=True)))
    assert (np.array(Image.open(tmp_path / line["image"])) == sample.load()).all()
    assert (tmp_path / f"{sample.id}-truth.png").is_file()
    assert [turn["question"] for turn in line["turns"]] == [turn.question for turn in sample.turns]
    for turn, true in zip(line["turns"], sample.turns, strict=True):
        assert [t["rle"] for t in turn["targets"]] == [t.rle for t in true.targets]
        assert all(t["empty"] == (t["rle"] is None) for t in turn["targets"])


def test_pieces_are_the_whole_answer_without_marks():
    given = long().answers[0]
    made = export.pieces(given)
    assert [given.segments[at].phrase for _, at in made if at is not None] == [
        "the red cup",
        "the ball",
        "the <b>lamp</b>",
    ]
    assert "".join(words for words, _ in made) == "The red cup, the ball, and the <b>lamp</b>."
    unnamed = Answer("?", "Here <SEG>.", (segment("", box(0, 0, 2, 2)),))
    assert [words for words, _ in export.pieces(unnamed)] == ["Here", "", "."]


def spoken_answer(text: str, *spans: tuple[int, int] | None, names: tuple[str, ...]) -> Answer:
    mask = np.ones((6, 8), bool)
    found = (replace(segment(name, mask), span=span) for name, span in zip(names, spans, strict=True))
    return Answer("?", text, tuple(found))


def test_a_person_reads_names_and_not_coordinates():
    text = '[{"bbox_2d": [1, 2, 3, 4], "label": "the red cup"}, {"bbox_2d": [5, 6, 7, 8], "label": "the lamp"}]'
    half = text.index('{"bbox_2d": [5')
    answer = spoken_answer(text, (0, half), (half, len(text)), names=("the red cup", ""))
    assert [part for part in export.pieces(answer) if part[0]] == [("the red cup", 0), (", ", None), ("this", 1)]
    assert export.read_aloud(answer) == "the red cup, this"
    assert export.as_text(answer).splitlines()[0] == "the red cup, this"
    assert export.marked(answer, lambda words, number: f"<i{number}>{words}</i>") == "<i0>the red cup</i>, <i1>this</i>"
    assert export.as_json(answer)["text"] == text


def test_thoughts_are_read_as_words():
    answer = spoken_answer("<think> It is <b>. </think>[...]</answer> ", (27, 41), names=("the cup",))
    assert export.read_aloud(answer) == "It is <b>. the cup"


def test_words_round_coordinates_stay_and_are_safe():
    text = "Sure <b>: [...] <SEG>."
    answer = spoken_answer(text, (10, 15), names=("<i>cup</i>",))
    assert (
        export.marked(answer, lambda words, _: f"({words})") == "Sure &lt;b&gt;: (&lt;i&gt;cup&lt;/i&gt;) &lt;SEG&gt;."
    )
