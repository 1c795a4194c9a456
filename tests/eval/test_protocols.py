import json
from dataclasses import replace
from pathlib import Path

import pytest

from data import masks
from eval import benchmarks
from eval.predictions import Given
from eval.protocols import GRES, GRES_FORCED, REASON, REASON_SESAME, WORLD
from tests.eval.board import answer, box, predicted, segment, target, turn

CUP = box(0, 0, 4, 4)


def hiding(asked):
    """An answer with a rejection that hides the right mask."""
    made = predicted(asked, answer(segment("the cup", None)))
    return replace(made, given=(Given("the cup", None, hidden=masks.encode(CUP)),))


def test_a_rejected_target_scores_nothing_but_where_the_protocol_says_so():
    there = hiding(turn(target("the cup", CUP)))
    assert GRES.count(there).iou == 0
    forced = GRES_FORCED.count(there)
    assert (forced.iou, forced.present) == (1.0, (False,))  # the IoU of what it hides, and yet not seen
    absent = hiding(turn(target("the cup", None)))
    assert (GRES_FORCED.count(absent).iou, GRES_FORCED.count(absent).union) == (1.0, 0)


def test_what_is_void_is_background_where_the_protocol_says_so():
    made = predicted(turn(target("the cup", CUP)), answer(segment("the cup", box(0, 0, 4, 8))), box(0, 4, 10, 10))
    assert REASON.count(made).iou == 1.0
    assert REASON_SESAME.count(made).iou == 0.5


def test_the_teacher_forced_protocols_are_never_the_default():
    forced = [one for benchmark in benchmarks.every().values() for one in benchmark.protocols if one.hidden]
    assert forced and all(one.answers == "teacher_forced" and "forced" in one.name for one in forced)
    for benchmark in benchmarks.every().values():
        assert benchmark.protocol().answers == "free" and not benchmark.protocol().hidden


def test_every_protocol_says_what_it_is_in_plain_values():
    for benchmark in benchmarks.every().values():
        names = [protocol.name for protocol in benchmark.protocols]
        assert len(set(names)) == len(names)
        for protocol in benchmark.protocols:
            values = json.loads(json.dumps(protocol.as_json()))
            assert values["name"] == protocol.name and values["source"] and all(values["numbers"].values())
            numbers = [number.name for number in protocol.numbers]
            assert len(set(numbers)) == len(numbers)
    assert REASON_SESAME.as_json()["void"] == "background" and REASON.as_json()["void"] == "left out"


def test_one_name_is_one_rule_set():
    found = {}
    for benchmark in benchmarks.every().values():
        for protocol in benchmark.protocols:
            assert found.setdefault(protocol.name, protocol) == protocol


def test_wordings_are_named_in_the_protocol():
    grefcoco = benchmarks.find("grefcoco")
    worded = grefcoco.protocol("gres@lisa")
    assert (worded.name, worded.rules, worded.style) == ("gres@lisa", "gres", "lisa")
    assert grefcoco.protocol("gres@pinpoint") == grefcoco.protocol("gres") == grefcoco.protocol()
    assert worded.as_json()["wording"] == "lisa"


def test_unknown_names_are_refused_with_the_near_one():
    with pytest.raises(ValueError, match="no benchmark 'refcocoo': did you mean 'refcoco'"):
        benchmarks.find("refcocoo")
    refcoco = benchmarks.find("refcoco")
    with pytest.raises(ValueError, match="refcoco has no protocol 'sentence': did you mean 'sentences'"):
        refcoco.protocol("sentence")
    with pytest.raises(ValueError, match="no wording 'lsia': there are pinpoint, lisa"):
        refcoco.protocol("sentences@lsia")
    with pytest.raises(ValueError, match="refcoco has no split 'test': it has val, testA, testB"):
        refcoco.open(Path("anywhere"), "test")
    with pytest.raises(ValueError, match="refcoco: name the root"):
        refcoco.open(None, "val")


def test_the_list_names_everything():
    said = benchmarks.listing()
    for benchmark in benchmarks.every().values():
        assert benchmark.name in said
        for protocol in benchmark.protocols:
            assert f"\n{protocol.name}: {protocol.numbers[0].name}" in said
    assert all(len(line) <= 130 for line in said.splitlines())


def test_the_worlds_protocol_has_its_words():
    asked = turn(answer="There are two cups.", kind="count")
    rows = [WORLD.count(predicted(asked, answer(text="there are two cups")))]
    assert WORLD.summarise(rows)["words"] == 1.0 and WORLD.summarise(rows)["gIoU"] is None


def test_the_documentation_has_every_benchmark_and_protocol():
    page = (Path(__file__).parents[2] / "docs/evaluation.md").read_text(encoding="utf-8")
    for benchmark in benchmarks.every().values():
        assert f"`{benchmark.name}`" in page, benchmark.name
        for protocol in benchmark.protocols:
            assert f"`{protocol.name}`" in page, protocol.name
