"""What is Qwen2.5-VL's alone: its folder as it was released, before transformers 5."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from data.settings import build
from model.backbones import qwen2_5_vl
from model.grounding import GroundingModel
from model.predictor import Predictor
from tests import families, tiny


@pytest.fixture
def released(tmp_path):
    """A folder with the language model's keys beside the others, positions by their old name, the embedding as head,
    and tensors by their old names; and what is in it."""
    torch.manual_seed(0)
    tied = {**families.OPTIONS["qwen2_5_vl"]["text"], "tie_word_embeddings": True, "vocab_size": 320}
    options = build(qwen2_5_vl.Options, {**families.OPTIONS["qwen2_5_vl"], "text": tied}, "tests")
    made = qwen2_5_vl.build(options, tiny.tokenizer())
    made.save_pretrained(tmp_path)
    held = load_file(tmp_path / "model.safetensors")
    assert "lm_head.weight" not in held
    old = {}
    for name, value in held.items():
        name = name.replace("model.language_model.", "model.", 1).replace("model.visual.", "visual.", 1)
        old[name] = value
    assert {name.split(".")[0] for name in old} == {"model", "visual"} and "model.embed_tokens.weight" in old
    save_file(old, tmp_path / "model.safetensors", {"format": "pt"})
    config = json.loads((tmp_path / "config.json").read_text())
    text, vision = config.pop("text_config"), config.pop("vision_config")
    rope = text.pop("rope_parameters")
    vision["model_type"] = "qwen2_5_vl"
    text = {key: value for key, value in text.items() if key not in ("model_type", "architectures", "layer_types")}
    config |= text | {"model_type": "qwen2_5_vl", "tie_word_embeddings": True, "vision_config": vision}
    config |= {"rope_theta": rope["rope_theta"]}
    config["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path, options, made


def test_a_folder_as_it_was_released_is_read(released):
    folder, options, made = released
    read = qwen2_5_vl.load(folder, options, None)
    theirs, mine = made.state_dict(), read.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in mine.items())
    assert read.lm_head.weight is read.get_input_embeddings().weight
    config = tiny.config(backbone={"family": "qwen2_5_vl", "options": vars(options)})
    texts = []
    for network in (made, read):
        torch.manual_seed(0)
        predictor = Predictor(GroundingModel.assemble(config, network, tiny.tokenizer()).eval())
        predictor.set_image(families.picture())
        texts.append(predictor.ask("Where is the red cup?", max_new_tokens=8).text)
    assert texts[0] == texts[1]


def test_a_folder_that_lacks_a_tensor_is_refused(released):
    folder, options, _ = released
    held = load_file(folder / "model.safetensors")
    del held["visual.merger.mlp.2.weight"]
    save_file(held, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"missing tensors, model.visual.merger.mlp.2.weight among them"):
        qwen2_5_vl.load(folder, options, None)


def test_another_models_folder_is_refused(released):
    folder, options, _ = released
    (folder / "config.json").write_text(json.dumps({"model_type": "llava"}))
    with pytest.raises(ValueError, match="describes no qwen2_5_vl"):
        qwen2_5_vl.load(folder, options, None)
