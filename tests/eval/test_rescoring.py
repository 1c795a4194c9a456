import json
from dataclasses import replace

import pytest

from data.sample import Sample
from eval import predictions, rescoring
from eval.benchmarks import find
from eval.protocols import REASON_SESAME
from tests.eval.board import SIZE, answer, box, predicted, segment, target, turn

PROTOCOL = find("world").protocol()
CUP, LAMP = box(0, 0, 4, 4), box(6, 6, 10, 10)
SAMPLES = [
    Sample("a", lambda: None, SIZE, (turn(target("cup", CUP)), turn(target("lamp", LAMP))), None, "a.jpg"),
    Sample("b", lambda: None, SIZE, (turn(target("key", None), kind="absent"),), None, "b.jpg"),
    Sample("c", lambda: None, SIZE, (turn(answer="Two cups."),), None, "c.jpg"),
]


class Three:
    """Three pictures with four questions."""

    def __len__(self):
        return 3

    def name(self, index):
        return SAMPLES[index].image

    def samples(self, index, protocol):
        return [SAMPLES[index]]


WANTED = rescoring.expected(Three(), PROTOCOL)


def one(id, drawn, truth=False):
    made = replace(predicted(turn(target("cup", CUP)), answer(segment("cup", drawn))), id=id)
    return made if truth else replace(made, truth=None, image="theirs.png", kind="theirs")


def scores(made):
    return {each.id: PROTOCOL.count(each).iou for each in made}


def test_lines_without_truth_take_that_of_the_benchmark_and_a_missing_one_has_failed():
    made = rescoring.fitted([one("b/0", None), one("a/0", box(0, 0, 4, 8))], WANTED)
    assert scores(made) == {"a/0": 0.5, "a/1": 0.0, "b/0": 1.0}  # c is answered in words alone and may be left out
    assert [each.error for each in made] == [None, rescoring.MISSING, None]
    assert (made[2].kind, made[2].image) == ("absent", "b.jpg")


def test_a_right_silence_that_is_missing_has_failed_too():
    missing = rescoring.fitted([one("a/0", CUP), one("a/1", LAMP)], WANTED)[2]
    assert PROTOCOL.count(missing).iou == 0.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([one("d/0", CUP)], "d/0: the benchmark has no such question; its ids are like a/0"),
        ([one("a/0", CUP), one("a/0", CUP)], "a/0: is there twice"),
        ([replace(one("a/0", CUP), size=(5, 5))], r"a/0: is for a picture of \(5, 5\)"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        rescoring.fitted(given, WANTED)


def test_our_own_lines_have_their_truth():
    assert scores(rescoring.own([one("x", box(0, 0, 4, 8), truth=True)])) == {"x": 0.5}
    with pytest.raises(ValueError, match="x: has no truth"):
        list(rescoring.own([one("x", CUP)]))
    with pytest.raises(ValueError, match="x: is there twice"):
        list(rescoring.own([one("x", CUP, truth=True)] * 2))


def test_runs_of_another_system_may_be_lists(tmp_path):
    values = json.loads(predictions.line(one("a/0", CUP, truth=True)))
    path = tmp_path / "predictions.jsonl"
    values["given"][0]["rle"]["counts"] = [0] + [4, 6] * 3 + [4, 66]  # columns of ten: the first four of four of them
    path.write_text(json.dumps(values) + "\n")
    assert scores(rescoring.own(rescoring.read(tmp_path))) == {"a/0": 1.0}
    values["given"][0]["rle"]["counts"][-1] = 65
    path.write_text(json.dumps(values) + "\n")
    with pytest.raises(ValueError, match=r"a/0: .*add up to 99 pixels"):
        list(rescoring.own(rescoring.read(path)))


def test_the_rules_are_those_of_the_results_or_named_without_doubt():
    assert rescoring.protocol_of({"benchmark": "world", "protocol": {"name": "pinpoint"}}) == PROTOCOL
    assert rescoring.protocol_of({"benchmark": "ReasonSeg"}, "sesame-reason") == REASON_SESAME
    assert rescoring.protocol_of({}, "gres").name == "gres"
    with pytest.raises(ValueError, match="which rules"):
        rescoring.protocol_of({})
    with pytest.raises(ValueError, match="no protocol 'gress'"):
        rescoring.protocol_of({}, "gress")


def test_void_pixels_that_were_not_written_down_cannot_be_left_out():
    sesame = {"benchmark": "ReasonSeg", "protocol": {"name": "sesame-reason"}}
    assert rescoring.protocol_of(sesame) == REASON_SESAME
    with pytest.raises(ValueError, match="lisa leaves out what is void, which was not written down for sesame-reason"):
        rescoring.protocol_of(sesame, "lisa")
    again = {"benchmark": "ReasonSeg", "protocol": {"name": "sesame-reason"}, "asked_by": "lisa"}
    assert rescoring.protocol_of(again, "lisa").name == "lisa"
