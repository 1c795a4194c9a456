"""What a model card says of a model's parts."""

import pytest

from tests import families, tiny
from train.card import card


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "| sees | clip_vision_model at 64 pixels |"),
        ({"backbone": families.part("llava_next")}, "| sees | clip_vision_model at 32 pixels |"),
        ({"backbone": families.part("qwen3_vl")}, "qwen3_vl at each picture's own shape, up to 3,072 pixels |"),
        ({"backbone": families.part("qwen3_vl", square=48)}, "| sees | a tower of qwen3_vl at 48 pixels |"),
    ],
)  # fmt: skip
def test_it_says_what_is_known_of_every_family(tmp_path, changes, says):
    model = tiny.model(**changes)
    model.save_pretrained(tmp_path)
    text = card(tmp_path, None, "owner/name")
    assert says in text and "None" not in text
    assert f"- {model.config.backbone.family}\n- sam\n" in text
