"""Training on a base in 4 bits."""

import dataclasses
import importlib.util
from types import SimpleNamespace

import pytest
import torch
import yaml

from model.backbones import _llava, _stock
from model.grounding import GroundingModel
from model.placement import Machine
from model.policy import Options
from tests import tiny
from tests.train import runs
from train import budget, launch, lora, merging, objectives, origin, parameters, recipe, rehearsal, rounded, run

here = importlib.util.find_spec("bitsandbytes") is not None
needed = pytest.mark.skipif(not here, reason="bitsandbytes is not installed")


def wide():
    """A model whose layers come in whole blocks of 64 weights, embedding and head apart."""
    options = dict(tiny.config().backbone.options)
    options["text"] = {**options["text"], "hidden_size": 64, "tie_word_embeddings": False}
    return {"backbone": {"family": "llava", "options": options}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint, and a recipe that trains adapters on it in 4 bits."""
    made = tmp_path_factory.mktemp("rounded")
    path = runs.begin(made, **wide())
    held = {
        **yaml.safe_load(path.read_text()),
        "bits": 4,
        "lora": {"rank": 2, "alpha": 4, "marks": True},
        "train": {"lora_": 1e-2, "trainable_tokens": 1e-2, r"^model\.channels\.": 1e-3},
    }
    path.write_text(yaml.safe_dump(held))
    return made


def asked(folder, **changes):
    return dataclasses.replace(recipe.load(str(folder / "recipe.yaml")), **changes)


@pytest.fixture
def able(monkeypatch):
    """As if the package were there."""
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: Machine(quantises=True)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lora": None}, "give lora"),
        ({"precision": "bf16"}, "set frozen: bf16"),
        ({"take": {"backbone": "START"}}, "name its folder as init"),
        ({"deepspeed": "zero3"}, "zero2, or a lower stage"),
    ],
)
def test_what_does_not_go_with_bits_is_found(folder, able, changes, says):
    if "take" in changes:
        changes = {"take": {"backbone": str(folder / "start")}}
    with pytest.raises(ValueError, match=says) as caught:
        origin.check(asked(folder, **changes))
    assert "\n" not in str(caught.value)


def test_without_the_package_nothing_is_started(folder, monkeypatch):
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: Machine()))
    monkeypatch.setattr("subprocess.call", lambda *_, **__: pytest.fail("started"))
    with pytest.raises(ValueError, match=r"^bits: 4 bits need .*pip install 'pinpoint\[quantised\]'$"):
        launch.main([str(folder / "recipe.yaml")])


def test_random_weights_are_reckoned_with_and_not_rounded(folder, able, monkeypatch):
    monkeypatch.setattr("subprocess.call", lambda *_, **__: pytest.fail("started"))
    with pytest.raises(ValueError, match="tiny has random weights, which are not rounded"):
        launch.main([str(folder / "recipe.yaml"), "init=tiny"])


def test_other_bits_are_no_recipe(folder):
    with pytest.raises(ValueError, match="8 is none of 4"):
        recipe.load(str(folder / "recipe.yaml"), ["bits=8"])


def test_rounded_weights_cannot_be_chosen_to_learn(folder, able):
    run = asked(folder, train={r"q_proj": 1e-3})
    with pytest.raises(ValueError, match="rounded bits do not learn"):
        rehearsal.shapes(run)


def test_the_backbone_is_read_in_normal_floats_of_4_bits(folder, able, monkeypatch):
    """What transformers is asked for, without the package that does it."""
    seen = {}

    def read(path, **given):
        seen.update(given)
        raise torch.OutOfMemoryError("enough")

    monkeypatch.setattr(_stock, "BitsAndBytesConfig", lambda **given: SimpleNamespace(**given))
    monkeypatch.setattr(_llava, "LlavaForConditionalGeneration", SimpleNamespace(from_pretrained=read))
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(ValueError, match="too little memory"):
        origin.read(asked(folder, precision="bf16", frozen="bf16"))
    how = seen["quantization_config"]
    assert (how.load_in_4bit, how.load_in_8bit, how.bnb_4bit_quant_type) == (True, False, "nf4")
    assert how.bnb_4bit_use_double_quant and how.bnb_4bit_compute_dtype == seen["dtype"] == torch.bfloat16
    assert "lm_head" in how.llm_int8_skip_modules
    assert seen["device_map"] == {"": "cuda:1" if torch.cuda.is_available() else "cpu"}


def test_what_bits_round_by_name(folder):
    built = rehearsal.shapes(asked(folder))
    names = rounded.names(built.objective, built.model)
    layers = {name for name, p in built.objective.named_parameters() if "language_model.layers" in name and p.ndim == 2}
    assert names == {name for name in layers if "lora_" not in name} and len(names) == 2 * 7


def test_memory_as_by_hand(folder):
    built = rehearsal.shapes(asked(folder))
    names = rounded.names(built.objective, built.model)
    numbers = 2 * (4 * 64 * 64 + 3 * 64 * 64)
    whole, few = (budget.state(built.objective, budget.Zero(), some).device for some in ((), names))
    # 4 bits each, a byte for 64 of them, and four bytes for 256 such bytes
    assert whole["weights"] - few["weights"] == pytest.approx(numbers * (4 - (0.5 + 1 / 64 + 4 / 16384)))
    assert whole["optimizer"] == few["optimizer"]
    saved = [budget.saved(built.objective, budget.Zero(), some) for some in ((), names)]
    assert saved[0] - saved[1] == 4 * numbers


def test_a_rehearsal_counts_the_bits(folder, able):
    said = [list(rehearsal.rehearse(asked(folder, bits=bits)))[-2] for bits in (None, 4)]
    (whole, few) = (float(text.split("weights")[1].split()[0]) for text in said)
    assert few < whole


def test_what_the_objective_began_is_in_the_checkpoint(folder):
    """A layer policy and the thinking template, which the start does not have."""
    told, module = asked(folder), objectives.load("grpo")
    options = module.Options(layer=Options(policy="group"), think=True)
    model = run.start(rounded.unrounded(told))
    lora.attach(model, told.lora)
    module.Objective(model, options)
    rounded.leave_out(model)
    torch.nn.init.ones_(model.policy.weight)
    made = run._restoring(told, module, options)(model)
    assert made.config.layer == options.layer and made.policy.weight.min() == 1
    assert made.backbone.tokenizer.chat_template == model.backbone.tokenizer.chat_template
    begun = run.start(rounded.unrounded(told)).backbone
    assert made.backbone.tokenizer.chat_template != begun.tokenizer.chat_template


@needed
def test_gradients_pass_through_rounded_weights():
    import bitsandbytes

    plain = torch.nn.Linear(64, 64, bias=False)
    few = bitsandbytes.nn.Linear4bit(64, 64, bias=False, quant_type="nf4")
    few.load_state_dict(plain.state_dict())
    few.to("cpu")
    given = torch.randn(5, 64)
    exact, near = (given.clone().requires_grad_() for _ in range(2))
    plain(exact).square().sum().backward()
    few(near).square().sum().backward()
    assert torch.nn.functional.cosine_similarity(exact.grad.flatten(), near.grad.flatten(), dim=0) > 0.98
    assert few.weight.grad is None


@pytest.fixture(scope="module")
def done(folder):
    """A run by one process."""
    runs.launched(folder / "recipe.yaml", f"out={folder / 'whole'}")
    return folder / "whole"


@needed
@pytest.mark.slow
def test_a_run_goes_on_and_ends_in_a_plain_checkpoint(folder, done, free_port):
    path = folder / "recipe.yaml"
    runs.alone(path, free_port, f"out={folder / 'pieces'}", "steps=2")
    runs.alone(path, free_port, f"out={folder / 'pieces'}")
    whole, pieces = runs.lines(done), runs.lines(folder / "pieces")
    assert [row["loss"] for row in whole.values()] == [row["loss"] for row in pieces.values()]
    end = runs.weights(done)
    assert not runs.astray(end, runs.weights(folder / "pieces"))
    begin = runs.weights(folder / "start")
    changed = {name for name in end if not torch.equal(begin[name], end[name])}
    assert any("q_proj" in name for name in changed) and any("lm_head" in name for name in changed)
    # The adapters' product alone lies between a projection before and after: nothing of the rounding.
    for name in changed:
        if "_proj.weight" in name and "language_model" in name:
            assert int(torch.linalg.matrix_rank(end[name] - begin[name], rtol=1e-3)) <= 2, name
    merging.merge(done, folder / "merged")
    assert not runs.astray(end, runs.weights(folder / "merged"), most=1e-6)
    GroundingModel.from_pretrained(folder / "merged")


@needed
@pytest.mark.slow
def test_two_processes_at_zero_2_hold_the_same_bits(folder, done):
    out = folder / "two"
    runs.launched(folder / "recipe.yaml", f"out={out}", "steps=2", "batch=1", "processes=2", "deepspeed=zero2")
    one, two = runs.lines(done)[1], runs.lines(out)[1]
    for name in ("ce", "map_bce", "map_dice"):  # which masks are decoded depends on the process
        assert one[name] == pytest.approx(two[name], abs=1e-4)


@needed
def test_what_learns_stands_beside_bytes(folder):
    run = asked(folder, precision="bf16", frozen="bf16")
    model = origin.read(run)
    lora.attach(model, run.lora)
    rounded.leave_out(model)
    parameters.select(model, {"lora_": 1.0}, rounded.names(model, model))
    origin.hold(model, run)
    kinds = {name: p.dtype for name, p in model.named_parameters()}
    fixed = rounded.names(model, model)
    assert {kinds[name] for name in fixed} == {torch.uint8}
    assert {kind for name, kind in kinds.items() if "lora_" in name} == {torch.float32}
    assert kinds["backbone.llava.model.language_model.embed_tokens.token_adapter.base_layer.weight"] == torch.bfloat16
    state = model.state_dict()
    assert not [name for name in state if any(name.startswith(one) for one in fixed)]
    assert model.load_state_dict(state).missing_keys == []
    learn, total = parameters.counts(model)["backbone.llava"]
    stock = sum(p.numel() for p in tiny.model(**wide()).backbone.parameters())
    adapters, rows = 14 * 2 * (64 + 64), 2 * 2 * 64
    assert (learn, total) == (adapters, stock + adapters + rows)
    with pytest.raises(ValueError, match="rounded bits do not learn"):
        parameters.select(model, {"q_proj": 1.0}, fixed)
