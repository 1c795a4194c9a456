import json
from dataclasses import replace

import pytest

from eval import journal, predictions, results
from eval.benchmarks import find
from eval.journal import Reader, Writer
from eval.results import Run
from tests.eval.board import answer, box, predicted, segment, target, turn

PROTOCOL = find("world").protocol()
RUN = Run(
    benchmark="world",
    split="val",
    protocol=PROTOCOL.name,
    annotations="34cd",
    pictures=3,
    blind=False,
    click=True,
    batch=8,
    block=16,
    checkpoint="tiny",
    sha256="12ab",
    device="cpu, AVX2",
    placement={"precision": "float32"},
    threads=1,
    commit="abc",
    versions={"torch": "2"},
)
CUP = box(0, 0, 4, 4)  # 16 pixels


def made(name, image, drawn, error=None, kind="colour"):
    """A prediction for the cup."""
    one = predicted(turn(target("the cup", CUP), kind=kind), answer(segment("the cup", drawn)))
    return replace(one, id=name, image=image, error=error, given=() if error else one.given)


GIVEN = [
    made("c", "3.jpg", None, "3.jpg: is damaged", kind="size"),
    made("a", "1.jpg", CUP),
    made("b", "2.jpg", box(0, 0, 4, 8)),  # twice as large: 0.5
]


def written(folder):
    """What is written of three questions."""
    with Writer(folder, 0) as writer:
        writer.begin(0)
        writer.add(predictions.line(one, PROTOCOL.count(one).iou) for one in GIVEN)
        writer.done(0, [(0.5, 0.75), (0.25, 0.75)], 2.0)
    journals = Reader(folder)
    journals.poll()
    command, took = ["pinpoint", "eval"], {"seconds": 2.5}
    made = results.write(folder, RUN.as_json(), PROTOCOL, journals.lines(), command, took, journals.corrected())
    journal.clear(folder)
    return made


def test_results_have_all_that_one_needs_to_check_them(tmp_path):
    values = written(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["predictions.jsonl", "results.json"]
    assert json.loads((tmp_path / "results.json").read_text()) == values
    assert values["numbers"]["gIoU"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert values["numbers"]["cIoU"] == pytest.approx((16 + 16 + 0) / (16 + 32 + 16))
    low, high = values["intervals"]["gIoU"]
    assert 0 <= low < 0.5 < high <= 1
    assert values["kinds"]["size"] == {"questions": 1, **PROTOCOL.summarise([PROTOCOL.count(GIVEN[0])])}
    assert values["failed"] == {"questions": 1, "named": [{"id": "c", "error": "3.jpg: is damaged"}]}
    assert values["one_click"] == {"below": 0.7, "masks": 2, "before": 0.375, "after": 0.75}
    assert values["protocol"]["source"] == PROTOCOL.source
    head = {"sha256": "12ab", "commit": "abc", "command": ["pinpoint", "eval"], "device": "cpu, AVX2", "split": "val"}
    assert head.items() <= values.items()


def test_predictions_are_in_the_order_of_their_ids_and_score_the_same_again(tmp_path):
    values = written(tmp_path)
    again = list(predictions.read(tmp_path / "predictions.jsonl"))
    assert again == sorted(GIVEN, key=lambda one: one.id)
    numbers = results.numbers(results.tally(again, PROTOCOL), PROTOCOL)
    assert numbers.items() <= values.items()


def test_a_finished_folder_is_known_again_and_another_run_refused(tmp_path):
    assert results.finished(tmp_path, RUN.as_json()) is None
    values = written(tmp_path)
    assert results.finished(tmp_path, RUN.as_json()) == values
    with pytest.raises(ValueError, match='holds an evaluation whose sha256 is "12ab", and here it is "34cd"'):
        results.finished(tmp_path, replace(RUN, sha256="34cd").as_json())
    with pytest.raises(ValueError, match="whose protocol"):
        results.finished(tmp_path, replace(RUN, protocol="lisa").as_json())
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(ValueError, match="damaged"):
        results.finished(tmp_path, RUN.as_json())


def test_without_a_click_there_are_no_numbers_of_clicks(tmp_path):
    values = results.write(tmp_path, RUN.as_json(), PROTOCOL, [], [], {})
    assert "one_click" not in values
    assert values["numbers"]["gIoU"] is None
    assert values["intervals"]["gIoU"] is None
