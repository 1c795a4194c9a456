"""What a run begins with."""

import dataclasses
import shutil

import pytest
import torch
from transformers import Sam2Model

from data.sample import REJ, SEG
from model import config
from model.grounding import GroundingModel
from model.released import pair
from model.segmenters import sam2
from tests import families, tiny
from tests.model.segmenters import test_sam2
from tests.train.objectives.batches import batch_of
from train import lora, origin, rehearsal
from train.objectives import grounding
from train.parameters import select
from train.recipe import Lora, Recipe


def recipe(**changes):
    values = {"objective": "grounding", "init": "nowhere", "out": "runs/x", "train": {".": 1.0}, "steps": 1, "batch": 1}
    return Recipe(**{**values, **changes})


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start") / "model"
    tiny.model().save_pretrained(folder)
    return folder


def test_a_checkpoint_is_found_by_its_path_and_by_its_name(start, monkeypatch):
    assert origin.folder(str(start)) == start
    monkeypatch.setattr("model.released.here.__defaults__", (start.parent,))
    assert origin.folder("model") == start


def test_a_release_that_is_not_here_says_how_to_fetch_it():
    with pytest.raises(ValueError, match=r"pinpoint download llava-1\.5-13b"):
        origin.folder("llava-1.5-13b")
    with pytest.raises(ValueError, match=r"did you mean 'llava-1\.5-7b'"):
        origin.folder("llava-1.5-7bb")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"preset": "lisaa"}, "did you mean 'lisa'"),
        ({"init": "tiny", "preset": "lisa"}, "name it as init"),
        ({"published": True}, "preset must be one of gsva, lisa, read, uground"),
        ({"preset": "pinpoint", "published": True}, "preset must be one of"),
        ({"precision": "fp32", "frozen": "bf16"}, "need precision: bf16"),
        ({"take": {"tower": "nowhere"}}, "neither a preset"),
        ({"take": {"segmentor": "nowhere"}}, "take: no part 'segmentor': did you mean 'segmenter'"),
        ({"take": {"x": "nowhere"}}, "there are segmenter, channels, backbone, tower"),
    ],
)
def test_what_does_not_fit_together_is_found(start, changes, says):
    with pytest.raises(ValueError, match=says):
        origin.check(recipe(**{"init": str(start), **changes}))


def test_a_run_does_not_begin_with_what_it_writes_anew(start):
    """Its folder, its model, or either by another name."""
    (start.parent / "link").symlink_to(start.parent)
    for out in (start, start.parent, start.parent / "link"):
        with pytest.raises(ValueError, match=r"init: .* lies in the run's own folder"):
            origin.check(recipe(init=str(start), out=str(out)))
        with pytest.raises(ValueError, match=r"take: .* lies in the run's own folder"):
            origin.check(recipe(init="tiny", take={"tower": str(start)}, out=str(out)))
    (start.parent / "link").unlink()
    origin.check(recipe(init=str(start), out=str(start.parent / "out")))


def test_every_part_that_may_be_taken_is_one():
    model = tiny.model()
    assert origin.part(model, "tower") is model.backbone.tower
    assert all(isinstance(origin.part(model, name), torch.nn.Module) for name in origin.PARTS)


def test_a_preset_changes_channels_and_marks_and_keeps_the_networks(start):
    stock = GroundingModel.from_pretrained(start)
    model = origin.read(recipe(init=str(start), preset="lisa"))
    assert list(model.channels) == ["embedding"] and model.backbone.mark_ids[1] == -1
    assert model.config.published is None and model.backbone.options.padding == "letterbox"
    for name, value in stock.state_dict().items():
        if not name.startswith("channels."):
            assert torch.equal(model.state_dict()[name], value), name


def test_published_brings_the_systems_own_coordinates(start):
    model = origin.read(recipe(init=str(start), preset="uground", published=True))
    assert model.config.published == "uground" and list(model.channels) == ["embedding", "mask"]
    assert (model.backbone.options.padding, model.backbone.options.hide_padding) == ("corner", True)
    assert model.config.layer.policy == "sampled" and model.policy.weight.shape == (3, 32)
    assert model.backbone.options.rej == REJ  # as the tokenizer spells it


def test_what_learns_is_float32_and_what_does_not_bfloat16(start):
    run = recipe(init=str(start), frozen="bf16", train={r"mask_decoder": 1.0, r"layers\.1\.mlp": 1.0})
    model = origin.read(run)
    select(model, run.train)
    origin.hold(model, run)
    kinds = {name: p.dtype for name, p in model.named_parameters()}
    assert {kind for name, kind in kinds.items() if "mask_decoder" in name or "layers.1.mlp" in name} == {torch.float32}
    assert kinds["segmenter.image_encoder.pos_embed"] == torch.bfloat16
    assert kinds["backbone.llava.model.language_model.embed_tokens.weight"] == torch.bfloat16
    assert kinds["segmenter.prompt_encoder.no_mask_embed.weight"] == torch.float32  # it places points


def untied():
    options = {**tiny.config().backbone.options}
    options["text"] = {**options["text"], "tie_word_embeddings": False}
    return tiny.model(backbone={"family": "llava", "options": options})


def projections(model):
    return {name.rpartition(".lora_")[0].rpartition(".")[2] for name, _ in model.named_parameters() if "lora_" in name}


def test_adapters_on_some_projections_alone():
    model = tiny.model()
    lora.attach(model, Lora(rank=2, targets=("q_proj", "v_proj")))
    assert projections(model) == {"q_proj", "v_proj"}
    with pytest.raises(ValueError, match="no projection"):
        lora.attach(tiny.model(), Lora(targets=("nose",)))
    with pytest.raises(ValueError, match=r"is named 'v_prj': did you mean '[vq]_proj'\?"):
        lora.attach(tiny.model(), Lora(targets=("q_proj", "v_prj")))


def test_the_marks_rows_learn_alone_and_are_merged():
    model = untied()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    lora.attach(model, Lora(rank=2, marks=True))
    learn = select(model, {"trainable_tokens": 1.0})
    rows = [model.backbone.tokenizer.get_vocab()[mark] for mark in (SEG, REJ)]
    assert len(learn) == 2 and {p.shape for p in model.parameters() if p.requires_grad} == {(2, 32)}
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 1
    plain = lora.merged(model)
    after = plain.state_dict()
    assert after.keys() == before.keys()
    for name, value in before.items():
        changed = (after[name] != value).nonzero()[:, 0].unique().tolist() if value.ndim else []
        assert changed == (sorted(rows) if "embed_tokens" in name or "lm_head" in name else []), name
    assert any("trainable_tokens" in name for name, _ in model.named_parameters())  # the model itself can go on


def test_tied_rows_are_refused():
    with pytest.raises(ValueError, match="embedding and head are one"):
        lora.attach(tiny.model(), Lora(marks=True))


@pytest.mark.parametrize("policy", ["last", "group"])
def test_layers_run_again_give_the_same_gradients(policy):
    from train.objectives import grounding

    def gradients(again):
        model = tiny.model(layer={"policy": policy}).train()
        if again:
            model.backbone.recompute()
        options = grounding.Options(conversations=2, images=1, masks=2, corrected=0.0)
        data = grounding.dataset(model, options, 0, 2)
        batch = grounding.collate(model, [data[0], data[1]])
        torch.manual_seed(1)
        grounding.Objective(model, options)(batch)["loss"].backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    plain, again = gradients(False), gradients(True)
    assert plain.keys() == again.keys() and any("layers.0" in name for name in plain)
    for name, value in plain.items():
        torch.testing.assert_close(again[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_a_resolved_recipe_with_all_of_this_reads_back(tmp_path):
    import yaml

    from train.recipe import load

    made = load("published/lisa-7b")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(dataclasses.asdict(made)))
    assert load(str(path)) == made


@pytest.mark.parametrize("preset", [None, "lisa", "gsva", "read", "uground"])
def test_each_published_system_takes_a_step_from_a_fresh_start(start, preset):
    from train.objectives import grounding

    run = recipe(
        init=str(start), preset=preset, published=preset is not None, frozen="bf16",
        train={"lora_": 1.0, r"^model\.channels\.": 1.0, r"^model\.segmenter\.mask_decoder": 1.0, **(
            {r"^model\.policy\.": 1.0} if preset == "uground" else {}
        )},
    )  # fmt: skip
    model = origin.read(run)
    lora.attach(model, Lora(rank=2, targets=("q_proj", "v_proj")))
    options = grounding.Options(data={"world": 1.0}, conversations=2, images=1, masks=2, faults="skip", together=0.0)
    objective = grounding.Objective(model, options)
    learn = select(objective, run.train)
    origin.hold(model, run)
    objective.train()
    data = grounding.dataset(model, options, 0, 2)
    batch = grounding.collate(model, [data[0], data[1]])
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective(batch)["loss"]
    loss.backward()
    grads = {name: p.grad for name, p in objective.named_parameters() if p.grad is not None}
    assert torch.isfinite(loss) and grads.keys() <= learn.keys()
    assert any("lora_" in name for name in grads) and any("mask_decoder" in name for name in grads)
    for name, grad in grads.items():
        assert grad.dtype == torch.float32 and torch.isfinite(grad).all(), name


# Two released networks


@pytest.fixture(params=[(family, {}) for family in sorted(families.OPTIONS)] + [("qwen3_vl", {"vocab_size": 1000})])
def parts(request, tmp_path, monkeypatch):
    """The init of two folders as a hub has them; one has rows to spare for more tokens, as the released ones have."""
    monkeypatch.setattr("model.released.pair.pair.__defaults__", (tmp_path / "checkpoints",))
    torch.manual_seed(0)
    family, text = request.param
    families.write_hub(tmp_path / "talks", family, **text)
    Sam2Model(sam2.configured(test_sam2.TINY)).save_pretrained(tmp_path / "draws")
    return f"{tmp_path / 'talks'}+{tmp_path / 'draws'}"


def test_two_released_networks_learn_marks(parts, tmp_path):
    run = recipe(init=parts, preset="pinpoint", train={"lora_|trainable_tokens|channels|mask_decoder": 1e-3})
    run = dataclasses.replace(run, lora=Lora(rank=2, marks=True))
    origin.check(run)
    shapes = {name: value.shape for name, value in rehearsal.shapes(run).model.state_dict().items()}
    model = origin.read(run)
    stock = GroundingModel.from_pretrained(origin.folder(parts))
    assert stock.backbone.mark_ids == (-1, -1) and stock.listener is not None
    assert origin.folder(str(origin.folder(parts))) == origin.folder(parts)
    rows, known = list(model.backbone.mark_ids), len(stock.backbone.tokenizer)
    assert list(model.channels) == ["embedding", "points", "mask"] and rows == [known, known + 1]
    held = model.state_dict()
    for name, value in stock.state_dict().items():
        if not name.startswith("channels."):
            old = slice(known if name.endswith(("embed_tokens.weight", "lm_head.weight")) else len(value))
            assert torch.equal(held[name][old], value[old]), name
    words = held["backbone.network.model.language_model.embed_tokens.weight"]
    torch.testing.assert_close(words[rows], words[:known].mean(dim=0).expand(2, -1))

    lora.attach(model, run.lora)
    select(model, run.train)
    assert {name: value.shape for name, value in model.state_dict().items()} == shapes
    objective = grounding.Objective(model, grounding.Options(conversations=2, images=2, masks=2)).train()
    objective(batch_of(model, objective.options))["loss"].backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    kinds = ("lora_B", "trainable_tokens", "channels", "mask_decoder")
    assert [kind for kind in kinds if any(kind in name for name in moved)] == list(kinds)
    whole = lora.merged(model)
    whole.save_pretrained(tmp_path / "learned")
    again = GroundingModel.from_pretrained(tmp_path / "learned")
    assert again.backbone.mark_ids == tuple(rows)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in whole.state_dict().items())


def test_two_released_networks_keep_to_coordinates(parts):
    """Its form is the preset's, what it counts its own; and there is room for thoughts."""
    held = GroundingModel.from_pretrained(origin.folder(parts))
    model = origin.read(recipe(init=parts, preset="vision_reasoner"))
    assert model.backbone.mark_ids == (-1, -1) and model.listener.options.wording == "vision_reasoner"
    assert model.listener.options.frame == held.listener.options.frame
    assert (held.config.max_new_tokens, model.config.max_new_tokens) == (pair.TOKENS, pair.THOUGHTS)


def test_marks_stay_as_a_tokenizer_spells_them(start):
    held = config.read(start / "config.json")
    spelled = {**held.backbone.options, "seg": "[SEG]", "rej": "[REJ]"}
    held = dataclasses.replace(held, backbone=config.Part("llava", spelled))
    for name, rej in (("pinpoint", "[REJ]"), ("lisa", None)):
        made = origin.configured(recipe(preset=name), held)
        assert (made.backbone.options["seg"], made.backbone.options["rej"]) == ("[SEG]", rej)
        assert config.new_marks(held, made) == []


def test_a_path_may_have_a_plus_of_its_own(parts, tmp_path):
    folder = tmp_path / "c++" / "start"
    shutil.copytree(tmp_path / "draws", folder / "draws")
    shutil.copytree(tmp_path / "talks", folder / "talks")
    assert list(origin.splits(f"{folder / 'talks'}+{folder / 'draws'}")) == [
        (str(folder / "talks"), str(folder / "draws"))
    ]
    with pytest.raises(ValueError, match="Run the recipe before this one"):
        origin.folder("runs/a+b/model")


def test_parts_that_are_not_here_are_named():
    with pytest.raises(ValueError, match=r"pinpoint download qwen3-vl-8b"):
        origin.folder("qwen3-vl-8b+sam2.1-large")
    with pytest.raises(ValueError, match="no backbone 'lisa-7b-v1'"):
        origin.folder("lisa-7b-v1+sam2.1-large")


def test_marks_rows_need_marks(parts):
    with pytest.raises(ValueError, match="has none"):
        lora.attach(GroundingModel.from_pretrained(origin.folder(parts)), Lora(rank=2, marks=True))
