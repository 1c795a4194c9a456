import json

import pytest

from data.settings import build
from model import backbones, config
from model.config import ModelConfig


def test_presets_are_found_and_read():
    assert {"tiny", "pinpoint", "lisa", "gsva", "read", "uground"} <= set(config.presets())
    others = {"llava-1.6-": "llava_next", "qwen2.5-vl-": "qwen2_5_vl", "qwen3-vl-": "qwen3_vl"}
    others["tiny-qwen3-vl"] = "qwen3_vl"
    assert {"llava", *others.values()} == set(backbones.available())
    for name in config.presets():
        family = next((family for start, family in others.items() if name.startswith(start)), "llava")
        assert config.preset(name).backbone.family == family


def test_an_unknown_preset_suggests_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'tiny'"):
        config.preset("tini")


@pytest.mark.parametrize("layer", [{}, {"policy": "fixed", "index": 3}])
def test_what_is_written_is_read_and_the_channels_keep_their_order(tmp_path, layer):
    values = {"backbone": {"family": "llava"}, "segmenter": {"family": "sam"}, "layer": layer}
    made = build(ModelConfig, {**values, "channels": {"points": {"keep": 3}, "embedding": {}}}, "here")
    config.write(made, tmp_path / "config.json")
    again = config.read(tmp_path / "config.json")
    assert again == made
    assert list(again.channels) == ["points", "embedding"]
    assert again.layer.index == layer.get("index")


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "damaged"), ("[1]", "expected keys"), (json.dumps({"backbon": 1}), "did you mean 'backbone'")],
)
def test_a_bad_file_is_one_line(tmp_path, text, said):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        config.read(tmp_path / "config.json")
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_that_the_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint"):
        config.read(tmp_path / "config.json")
