"""What is chosen for which machine, what a placed model computes in, and what it cannot have."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from data.settings import build
from model import backbones
from model import placement as module
from model.backbones._attention import PRODUCTS
from model.grounding import GroundingModel
from model.placement import LARGE, PLAIN, Machine, Placement
from model.predictor import Predictor
from tests import tiny

OLD = Machine()
NEW = Machine(cpu_bfloat16=True, quantises=True, compiles_on=("cpu",))
GPU = Machine(gpus=1, gpu_bfloat16=True, cpu_bfloat16=True, flash=True, quantises=True, compiles_on=("cpu", "cuda"))
OLD_GPU = Machine(gpus=1)
SMALL = 20_000_000


@pytest.mark.parametrize(
    ("machine", "stored", "device", "precision", "weights"),
    [
        (OLD, SMALL, "cpu", "float32", torch.float32),
        (NEW, SMALL, "cpu", "float32", torch.float32),
        (GPU, SMALL, "cuda", "float32", torch.float32),
        (NEW, LARGE, "cpu", "float32", torch.float32),
        (OLD, LARGE + 1, "cpu", "float32", torch.bfloat16),
        (NEW, LARGE + 1, "cpu", "bfloat16", torch.bfloat16),
        (GPU, LARGE + 1, "cuda", "bfloat16", None),
        (OLD_GPU, LARGE + 1, "cuda", "float32", None),
    ],
)
def test_the_machine_and_the_size_decide(machine, stored, device, precision, weights):
    made = Placement().settled(stored, machine)
    assert (made.device, made.precision, made.attention) == (device, precision, "sdpa")
    assert (made.bits, made.offload, made.compile) == (None, False, False)
    assert Placement().weights(stored, machine) is weights
    assert made.settled(stored, machine) == made


@pytest.mark.parametrize("stored", [SMALL, LARGE + 1])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_that_is_asked_for_holds(precision, stored):
    asked = Placement(device="cpu", precision=precision)
    assert asked.settled(stored, OLD).precision == precision
    assert asked.weights(stored, GPU) is getattr(torch, precision)


@pytest.mark.parametrize(
    ("asked", "machine", "part"),
    [
        (Placement(device="cuda"), NEW, "there are 0 GPUs"),
        (Placement(device="cuda:1"), GPU, "there is 1 GPU"),
        (Placement(device="gpu"), NEW, "no device 'gpu'"),
        (Placement(device="meta"), NEW, "no device 'meta'"),
        (Placement(device=""), NEW, "no device ''"),
        (Placement(bits=4), OLD, r"pip install 'pinpoint\[quantised\]'"),
        (Placement(attention="flash_attention_2"), NEW, "flash-attn"),
        (Placement(attention="flash_attention_2"), OLD_GPU, "flash-attn"),
        (Placement(compile=True), OLD, "C\\+\\+ compiler"),
        (Placement(compile=True), OLD_GPU, "triton"),
    ],
)
def test_what_a_machine_lacks_is_said(asked, machine, part):
    for refuse in (lambda: asked.check(machine), lambda: asked.settled(SMALL, machine)):
        with pytest.raises(ValueError, match=part) as caught:
            refuse()
        assert "\n" not in str(caught.value)


def test_flash_attention_is_refused_where_float32_is_computed_in():
    flash = Placement(attention="flash_attention_2")
    for asked, stored in ((flash, SMALL), (replace(flash, precision="float32"), LARGE + 1)):
        with pytest.raises(ValueError, match="give precision bfloat16"):
            asked.settled(stored, GPU)
    assert flash.settled(LARGE + 1, GPU).attention == "flash_attention_2"
    assert replace(flash, precision="bfloat16").settled(SMALL, GPU).attention == "flash_attention_2"


def test_what_a_machine_has_is_not_refused():
    Placement(device="cuda:0", bits=8, attention="flash_attention_2", compile=True).check(GPU)
    Placement(device="cpu", bits=4, compile=True, offload=True).check(NEW)


@pytest.mark.parametrize(
    ("values", "part"), [({"bits": 3}, "bits"), ({"precision": "half"}, "precision"), ({"bit": 8}, "did you mean")]
)
def test_values_from_outside_are_checked(values, part):
    with pytest.raises(ValueError, match=part):
        build(Placement, values, "here")


@pytest.mark.parametrize(
    ("known", "has"), [({"avx512_f": True}, False), ({"avx512_bf16": True}, True), ({"bf16": True}, True), ({}, False)]
)
def test_a_cpu_has_bfloat16_by_its_instructions(monkeypatch, known, has):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert Machine.here().cpu_bfloat16 is has


def test_a_model_computes_in_what_it_is_placed_in():
    model = tiny.model()
    assert model.placement == PLAIN
    product = nn.Linear(2, 2)

    def dtype(part):
        with model.autocast(part):
            return product(torch.zeros(1, 2)).dtype

    assert dtype(model.backbone) == torch.float32
    assert model.place(Placement(device="cpu", precision="bfloat16")) is model
    assert {p.dtype for p in model.parameters()} == {torch.float32}, "weights stay"
    assert (dtype(model.backbone), dtype(model.segmenter)) == (torch.bfloat16, torch.bfloat16)
    model.backbone.half()
    assert (dtype(model.backbone), dtype(model.segmenter)) == (torch.float32, torch.bfloat16)


def test_attention_is_chosen_for_use_and_training_has_its_own():
    model = tiny.model()
    text = model.backbone.llava.model.language_model.config
    for how, name in (("products", PRODUCTS), ("eager", "eager"), ("auto", "sdpa")):
        model.place(Placement(device="cpu", attention=how))
        assert text._attn_implementation == name
        assert model.train() and text._attn_implementation == PRODUCTS
        assert model.eval() and text._attn_implementation == name


@pytest.mark.parametrize("how", ["eager", "products"])
def test_answers_do_not_depend_on_attention(how):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    states, texts = [], []
    for attention in ("sdpa", how):
        model = tiny.model().place(Placement(device="cpu", attention=attention))
        predictor = Predictor(model)
        predictor.set_image(image)
        texts.append(predictor.ask("Where is the red cup?", max_new_tokens=6).text)
        with torch.inference_mode():
            states.append(model.backbone.read(image).states)
    assert texts[0] == texts[1]
    torch.testing.assert_close(states[0], states[1], atol=1e-4, rtol=1e-4)


def test_offloading_to_the_cpu_itself_does_nothing():
    model = tiny.model()
    model.place(Placement(device="cpu", offload=True))
    assert model.placement.offload and not model.segmenter.encoder._forward_pre_hooks


def test_a_quantised_model_is_not_saved(tmp_path):
    model = tiny.model()
    model.placement = replace(PLAIN, bits=4)
    with pytest.raises(ValueError, match="4 bits cannot be saved"):
        model.save_pretrained(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_bits_are_those_that_a_folder_was_read_with():
    model = tiny.model()
    with pytest.raises(ValueError, match="give them to from_pretrained"):
        model.place(Placement(device="cpu", bits=4))
    assert model.placement.bits is None
    model.placement = replace(PLAIN, bits=4)
    assert model.place(Placement(device="cpu", precision="bfloat16")).placement.bits == 4


def test_a_device_without_room_is_said_in_one_line(tmp_path, monkeypatch):
    model = tiny.model()
    model.save_pretrained(tmp_path / "model")

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    with monkeypatch.context() as patched:  # the meta device plays one with tensors of its own
        patched.setattr(Placement, "settled", lambda *_: replace(PLAIN, device="meta"))
        patched.setattr(torch.Tensor, "to", full)
        with pytest.raises(ValueError, match="meta has too little memory for the model: take fewer bits"):
            model.place(PLAIN)
    monkeypatch.setattr(backbones.load("llava"), "load", full)  # rounded weights go to the device as they are read
    with pytest.raises(ValueError, match="cpu has too little memory for the model"):
        GroundingModel.from_pretrained(tmp_path / "model", PLAIN)


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
@pytest.mark.parametrize("bits", [8, 4])
def test_a_few_bits_hold_the_language_model_alone(bits, tmp_path):
    options = tiny.config().backbone.options
    wide = {**options, "text": {**options["text"], "hidden_size": 64}}  # 4 bits come in blocks of 64
    model = tiny.model(backbone={"family": "llava", "options": wide})
    model.save_pretrained(tmp_path / "model")
    rounded = GroundingModel.from_pretrained(tmp_path / "model", Placement(device="cpu", bits=bits))
    text = "llava.model.language_model.layers"
    held = dict(rounded.backbone.named_parameters())
    for name, parameter in model.backbone.named_parameters():
        if name.startswith(text) and parameter.ndim == 2:
            assert held[name].dtype == (torch.int8 if bits == 8 else torch.uint8), name
        else:
            assert torch.equal(held[name], parameter), name
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    with torch.inference_mode():
        exact, near = (made.backbone.read(image).states[-1].flatten() for made in (model, rounded))
    assert torch.nn.functional.cosine_similarity(exact, near, dim=0) > (0.999 if bits == 8 else 0.97)
    predictor = Predictor(rounded)
    predictor.set_image(image)
    assert predictor.ask("Where is the red cup?", max_new_tokens=4).stop in ("end", "length")


@pytest.mark.slow
def test_a_compiled_encoder_draws_the_same():
    if "cpu" not in Machine.here().compiles_on:
        pytest.skip("no C++ compiler")
    model = tiny.model()
    segmenter = model.segmenter
    prepared = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        plain = segmenter.encode(prepared, [(48, 64)])[0].tensor
        model.place(Placement(device="cpu", compile=True))
        compiled = segmenter.encode(prepared, [(48, 64)])[0].tensor
        assert segmenter.encoder.forward is not type(segmenter.encoder).forward
    torch.testing.assert_close(compiled, plain, atol=1e-4, rtol=1e-4)
    assert "forward" in vars(segmenter.encoder)
    model.place(PLAIN)
    assert "forward" not in vars(segmenter.encoder)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_holds_the_encoder_while_it_encodes_alone(monkeypatch):
    monkeypatch.setattr(module, "LARGE", 0)  # what a large model gets: bfloat16
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    model = tiny.model().place(Placement(offload=True))
    assert {p.device.type for p in model.segmenter.encoder.parameters()} == {"cpu"}
    others = [p for p in model.parameters() if id(p) not in set(map(id, model.segmenter.encoder.parameters()))]
    assert {p.device.type for p in others} == {"cuda"}
    predictor = Predictor(model)
    predictor.set_image(image)
    assert predictor.ask("Where is the red cup?").stop in ("end", "length")
    features = predictor._features(predictor._current())
    assert features.tensor.is_cuda
    assert {p.device.type for p in model.segmenter.encoder.parameters()} == {"cpu"}
    assert model.placement.precision == ("bfloat16" if Machine.here().gpu_bfloat16 else "float32")
