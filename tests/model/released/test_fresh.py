import json

import numpy as np
import pytest
import torch

from data.sample import REJ, SEG
from model.grounding import GroundingModel
from model.predictor import Predictor
from model.released.fresh import assemble
from tests.model.released import llava


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    root = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    return root, llava.llava(root / "llava"), llava.sam(root / "sam.pth")


@pytest.fixture(scope="module")
def made(parts):
    root = parts[0]
    assemble(root / "llava", root / "sam.pth", root / "made", llava.config())
    return root / "made"


def test_weights_come_over_and_keep_their_dtype(parts, made):
    _, stock, weights = parts
    model = GroundingModel.from_pretrained(made)
    for name, value in weights.items():
        assert torch.equal(model.segmenter.state_dict()[name], value), name
    state = model.backbone.llava.state_dict()
    words = len(model.backbone.tokenizer) - 2
    for name, value in stock.state_dict().items():
        rows = slice(words) if "embed_tokens" in name or "lm_head" in name else slice(None)
        assert torch.equal(state[name][rows], value[rows].float()), name
    assert json.loads((made / "backbone" / "config.json").read_text())["dtype"] == "float16"


def test_the_marks_begin_as_the_mean_of_all_words(parts, made):
    _, stock, _ = parts
    model = GroundingModel.from_pretrained(made)
    vocabulary = model.backbone.tokenizer.get_vocab()
    seg, rej = vocabulary[SEG], vocabulary[REJ]
    assert {seg, rej} == {len(vocabulary) - 2, len(vocabulary) - 1}
    for ours, theirs in (
        (model.backbone.llava.get_input_embeddings(), stock.get_input_embeddings()),
        (model.backbone.llava.get_output_embeddings(), stock.get_output_embeddings()),
    ):
        mean = theirs.weight[: len(vocabulary) - 2].float().mean(dim=0)
        torch.testing.assert_close(ours.weight[[seg, rej]], mean.expand(2, -1), rtol=1e-3, atol=1e-5)


def test_a_vocabulary_without_room_grows(tmp_path):
    llava.llava(tmp_path / "llava", spare=0)
    llava.sam(tmp_path / "sam.pth")
    assemble(tmp_path / "llava", tmp_path / "sam.pth", tmp_path / "made", llava.config())
    model = GroundingModel.from_pretrained(tmp_path / "made")
    assert len(model.backbone.llava.get_input_embeddings().weight) == len(model.backbone.tokenizer)


def test_it_speaks_as_llava_does(made):
    model = GroundingModel.from_pretrained(made)
    tokenizer = model.backbone.tokenizer
    encoded = model.backbone.encode_chat([("Where is the red cup?", f"Sure, it is {SEG}.")])
    said = tokenizer.decode(encoded.ids[encoded.ids != model.backbone.image_id])
    assert said.replace(f" {SEG}", SEG) == (
        "<s>A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the human's questions. USER: \nWhere is the red cup? "
        f"ASSISTANT: Sure, it is{SEG}.</s>"
    )
    assert encoded.ids.tolist().count(tokenizer.bos_token_id) == 1
    learned = tokenizer.decode(encoded.labels[encoded.labels != -100])
    assert learned.replace(f" {SEG}", SEG).strip() == f"Sure, it is{SEG}.</s>"
    # the word before a mark predicts it: no lone space stands between
    ids = encoded.ids.tolist()
    before = ids[ids.index(tokenizer.get_vocab()[SEG]) - 1]
    assert tokenizer.convert_ids_to_tokens(before).strip("▁")


def test_it_answers_and_can_be_trained_from(made):
    model = GroundingModel.from_pretrained(made)
    predictor = Predictor(model)
    predictor.set_image(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    assert predictor.ask("Where is the red cup?", max_new_tokens=4).text is not None
    assert set(model.channels) == {"embedding", "points", "mask"}


def test_channels_come_from_the_seed_alone(parts, made, tmp_path):
    root = parts[0]
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    assemble(root / "llava", root / "sam.pth", tmp_path / "same", llava.config())
    assert torch.equal(torch.random.get_rng_state(), before)
    assemble(root / "llava", root / "sam.pth", tmp_path / "other", llava.config(), seed=1)
    channels = [(folder / "channels.safetensors").read_bytes() for folder in (made, tmp_path / "same")]
    assert channels[0] == channels[1] != (tmp_path / "other" / "channels.safetensors").read_bytes()


def test_damage_is_named_and_nothing_is_left(parts, tmp_path):
    root = parts[0]
    (tmp_path / "sam.pth").write_bytes((root / "sam.pth").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"sam.pth is damaged, or no SAM of this size"):
        assemble(root / "llava", tmp_path / "sam.pth", tmp_path / "made", llava.config())
    broken = tmp_path / "broken"
    broken.mkdir()
    with pytest.raises(ValueError, match="broken"):
        assemble(broken, root / "sam.pth", tmp_path / "made", llava.config())
    for file in (root / "llava").iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.safetensors").write_bytes(b"0" * 100)
    with pytest.raises(ValueError, match=r"broken is missing or damaged.*fetch it again"):
        assemble(broken, root / "sam.pth", tmp_path / "made", llava.config())
    (broken / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="broken"):
        assemble(broken, root / "sam.pth", tmp_path / "made", llava.config())
    assert not (tmp_path / "made").exists()
    assert not list(tmp_path.glob(".made*"))
