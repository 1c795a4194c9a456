"""What is compared of two runs."""

import json
import math

import pytest

from benchmarks import resume


def test_the_greatest_difference_of_any_loss_is_told_with_its_place():
    one = [{"step": 1, "loss": 4.0, "ce": 0.5}, {"step": 2, "loss": 2.0, "ce": 0.25}]
    other = [{"step": 1, "loss": 4.0, "ce": 0.5}, {"step": 2, "loss": 2.5, "ce": 0.5}, {"step": 1, "loss": 4.0}]
    assert resume.apart(one, other) == (0.25, "ce, step 2")  # 0.5 of a loss of 2.5 is a fifth
    assert resume.apart(one, one) == (0.0, "loss, step 2")


def test_what_is_no_number_agrees_with_nothing():
    one, other = [{"step": 1, "loss": 1.0, "ce": 1.0}], [{"step": 1, "loss": math.nan, "ce": 1.0}]
    assert resume.apart(one, other) == (math.inf, "loss, step 1")


def test_a_missing_step_is_no_agreement():
    with pytest.raises(ValueError, match="the same steps"):
        resume.apart([{"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}], [{"step": 1, "loss": 1.0}])


def test_a_line_cut_by_a_kill_is_left_out(tmp_path):
    row = {"step": 1, "loss": 1.0}
    (tmp_path / "log.jsonl").write_text(
        json.dumps(row) + "\n" + json.dumps({"val/giou": 0.5}) + "\n" + '{"step": 2, "lo'
    )
    assert resume.lines(tmp_path) == [row]
    assert resume.lines(tmp_path / "absent") == []


def test_the_tower_keeps_still_and_the_rest_learns():
    assert not any("vision_tower" in expression for expression in resume.still())
    assert any("lora_" in expression for expression in resume.still())
