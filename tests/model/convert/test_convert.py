"""Each system's release, converted, loaded and compared tensor by tensor; and asked a question."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from model.convert import convert
from model.grounding import GroundingModel
from model.predictor import Predictor
from tests.model.convert import released

LLAVA_1 = ["<im_patch>", *released.SURROUND, "[SEG]"]
LLAVA_15 = ["[SEG]", "[REJ]", *released.SURROUND]


def folder(root, added, make, kind="bin", parts=1, **config):
    """A released folder with CLIP beside it; returns it and its weights."""
    made = root / "release"
    made.mkdir()
    rows = released.fast_tokenizer(made, added)
    released.config(made, rows, **config)
    weights = make(rows)
    released.save(made, weights, kind, parts)
    return made, {**weights, **inside(released.clip(root / "clip-tiny"))}


def inside(tower):
    """CLIP's tower by its names in a LLaVA."""
    return {f"model.vision_tower.vision_tower.{name}": value for name, value in tower.items()}


def ours(name):
    """The name in a grounding model of a weight of LISA's family."""
    if name.startswith("model.visual_model."):
        return name.replace("model.visual_model", "segmenter")
    if name.startswith("model.text_hidden_fcs"):
        return name.replace("model.text_hidden_fcs.0", "channels.embedding.project")
    if name.startswith("ppm"):
        return "policy.weight"
    if "mm_projector" in name:
        tail = name.split("mm_projector.")[1].replace("0.", "linear_1.").replace("2.", "linear_2.")
        tail = tail if tail.startswith("linear") else f"linear_1.{tail}"
        return f"backbone.llava.model.multi_modal_projector.{tail}"
    if name.startswith("model.vision_tower"):
        return name.replace("model.vision_tower.vision_tower.vision_model", "backbone.llava.model.vision_tower")
    return "backbone.llava." + (name.replace("model.", "model.language_model.", 1) if "model." in name else name)


def is_same(model, weights, unused=("inv_freq",)):
    """Every released weight is in the model, and nothing else is but constants."""
    state = model.state_dict()
    for name, value in weights.items():
        if not any(word in name for word in unused):
            torch.testing.assert_close(state.pop(ours(name)), value.float(), rtol=0, atol=0, msg=name)
    return state


def ask(model):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    predictor = Predictor(model)
    predictor.set_image(image)
    return predictor.ask("Where is the red cup?", max_new_tokens=4)


@pytest.mark.parametrize(("kind", "parts"), [("bin", 1), ("bin", 3), ("safetensors", 1), ("safetensors", 3)])
def test_lisa_comes_over_whole(tmp_path, kind, parts):
    source, weights = folder(tmp_path, LLAVA_1, released.lisa, kind, parts)
    report = convert("lisa", source, tmp_path / "made", sam_options=released.SAM, check=True)
    model = GroundingModel.from_pretrained(tmp_path / "made")
    left = is_same(model, weights)
    second = "backbone.llava.model.multi_modal_projector.linear_2."
    assert set(left) == {f"{second}weight", f"{second}bias"}
    assert torch.equal(left[f"{second}weight"], torch.eye(released.D))
    assert not left[f"{second}bias"].any()
    # what the projector of two layers computes is the one layer's
    seen = torch.randn(5, released.TOWER)
    made = model.backbone.llava.model.multi_modal_projector(seen)
    weight, bias = (weights[f"model.mm_projector.{name}"].float() for name in ("weight", "bias"))
    torch.testing.assert_close(made, seen @ weight.T + bias)
    assert ask(model).text is not None
    config = model.config
    assert (config.published, list(config.channels), config.layer.policy) == ("lisa", ["embedding"], "last")
    options = model.backbone.options
    assert (options.padding, options.resample, options.seg, options.rej) == ("centre_crop", "bicubic", "[SEG]", None)
    assert model.backbone.mark_ids[1] == -1
    reasons = {unused.name: unused.reason for unused in report.unused}
    assert {"model.layers.0.self_attn.rotary_emb.inv_freq", "logit_scale"} <= set(reasons)
    used = [name for name in weights if "inv_freq" not in name]
    assert report.used == len(used)
    assert report.bytes == sum(weights[name].nbytes for name in used) + 2 * (released.D**2 + released.D)


def test_dtypes_stay_as_released(tmp_path):
    source, weights = folder(tmp_path, LLAVA_1, released.lisa)
    convert("lisa", source, tmp_path / "made", sam_options=released.SAM)
    kinds = {}
    for file in (tmp_path / "made").rglob("*.safetensors"):
        with safe_open(file, "pt") as held:
            kinds |= {name: held.get_tensor(name).dtype for name in held.keys()}  # noqa: SIM118
    assert kinds["model.language_model.norm.weight"] == torch.bfloat16
    assert kinds["model.vision_tower.pre_layrnorm.weight"] == torch.float32
    assert kinds["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] == torch.bfloat16
    assert len(weights) - released.LAYERS + 2 == len(kinds)


def test_the_language_model_is_written_in_shards(tmp_path, monkeypatch):
    source, weights = folder(tmp_path, LLAVA_1, released.lisa)
    monkeypatch.setattr("model.convert._convert.SHARD", 80_000)
    monkeypatch.setattr("model.convert._reading.MAPPED", 10_000)
    convert("lisa", source, tmp_path / "made", sam_options=released.SAM, check=True)
    shards = sorted((tmp_path / "made" / "backbone").glob("model-*.safetensors"))
    assert len(shards) > 2
    assert all(shard.stat().st_size < 90_000 for shard in shards)
    index = json.loads((tmp_path / "made" / "backbone" / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {shard.name for shard in shards}
    is_same(GroundingModel.from_pretrained(tmp_path / "made"), weights)


def test_clip_inside_and_sam_beside(tmp_path):
    def make(rows):
        tower = released.values(released.vision(), 3)
        return {**released.lisa(rows), **inside(tower)}

    source, weights = folder(tmp_path, LLAVA_1, make)
    weights = {**weights, **make(len(weights["lm_head.weight"]))}
    for left in source.glob("*.bin"):
        left.unlink()
    sam = {n.removeprefix("model.visual_model."): v for n, v in weights.items() if n.startswith("model.visual_model.")}
    torch.save(sam, tmp_path / "sam.pth")
    released.save(source, {name: value for name, value in weights.items() if "visual_model" not in name})
    (tmp_path / "clip-tiny" / "pytorch_model.bin").write_bytes(b"not needed, so not read")
    with pytest.raises(ValueError, match="--sam"):
        convert("lisa", source, tmp_path / "made")
    convert("lisa", source, tmp_path / "made", sam=tmp_path / "sam.pth", sam_options=released.SAM)
    is_same(GroundingModel.from_pretrained(tmp_path / "made"), weights)


@pytest.mark.parametrize(
    ("settings", "points"),
    [
        ({}, (2, 0.8, 30)),
        ({"release": 60}, (1, 0.6, 60)),
        ({"release": 15}, (2, 0.8, 15)),
        ({"release": 60, "positive": 0.7, "keep": 20}, (1, 0.7, 20)),
    ],
)
def test_read_has_the_points_of_its_release(tmp_path, settings, points):
    source, weights = folder(tmp_path, ["[SEG]", *released.SURROUND], lambda rows: released.lisa(rows, 2))
    convert("read", source, tmp_path / "made", sam_options=released.SAM, settings=settings)
    model = GroundingModel.from_pretrained(tmp_path / "made")
    assert not is_same(model, weights)
    options = model.channels["points"].options
    assert (options.factor, options.positive, options.keep, options.negative) == (*points, 0.2)
    assert ask(model).text is not None


@pytest.mark.parametrize("use", ["last", "likely"])
def test_uground_keeps_its_policy(tmp_path, use):
    source, weights = folder(tmp_path, LLAVA_15, released.uground)
    unused = ("inv_freq", "out_mm_projector", "decoder_modules")
    report = convert(
        "uground", source, tmp_path / "made", sam_options=released.SAM, settings={"at_use": use}, check=True
    )
    left = {key.name for key in report.unused if key.name in weights}
    assert left == {name for name in weights if any(word in name for word in unused)}
    model = GroundingModel.from_pretrained(tmp_path / "made")
    assert {"policy.average": torch.zeros(())} == is_same(model, weights, unused)
    assert model.policy.weight.shape == (released.LAYERS + 1, released.D)
    marks = torch.randn(3, released.LAYERS + 1, released.D)
    chosen = model.policy.choose(marks).layers
    likely = (marks * weights["ppm._layer_gate_W_similarity"].float()).sum(dim=-1).argmax(dim=1)
    assert torch.equal(chosen, likely if use == "likely" else torch.full((3,), released.LAYERS))
    assert (model.backbone.options.padding, model.backbone.options.hide_padding) == ("corner", True)
    assert model.backbone.options.rej == "[REJ]"
    assert ask(model).text is not None


def test_uground_s_critic_comes_with_its_policy(tmp_path):
    source, weights = folder(tmp_path, LLAVA_15, lambda rows: released.uground(rows) | released.critic())
    convert("uground", source, tmp_path / "made", sam_options=released.SAM, check=True)
    model = GroundingModel.from_pretrained(tmp_path / "made")
    assert torch.equal(model.policy.weight, weights["ppm._layer_gate_W_similarity"].float())
    assert model.config.layer.baseline == "critic"
    assert torch.equal(model.policy.critic[2].weight, weights["ppm.critic.2.weight"].float())


def test_an_older_uground_names_its_policy_otherwise(tmp_path):
    def make(rows):
        return {name.replace("ppm.", "gmp."): value for name, value in released.uground(rows).items()}

    source, weights = folder(tmp_path, LLAVA_15, make)
    convert("uground", source, tmp_path / "made", sam_options=released.SAM, settings={"padded": False})
    model = GroundingModel.from_pretrained(tmp_path / "made")
    assert torch.equal(model.policy.weight, weights["gmp._layer_gate_W_similarity"].float())
    assert model.backbone.options.padding == "centre_crop"


def gsva(root, rank, style, whole):
    """A base folder and a ``.bin`` of a model that wears adapters; returns the file, the base folder, and the weights
    with the adapters merged by hand."""
    base = root / "llava-base"
    base.mkdir()
    rows = released.fast_tokenizer(base, ["<im_patch>", *released.SURROUND])
    released.config(base, rows, mm_use_im_start_end=False)
    under = released.values(released.language(rows) | released.projector(1), 1, torch.float16)
    released.save(base, under, parts=2)
    tower = released.clip(root / "clip-tiny")
    trained = released.values(released.language(rows + 2) | released.projector(1) | released.heads(), 2, torch.float32)
    if not whole:
        kept = ("embed_tokens", "lm_head", "text_hidden_fcs", "visual_model")
        trained = {name: value for name, value in trained.items() if any(word in name for word in kept)}
    merged = {**under, **trained}
    file = {name: value for name, value in trained.items() if "inv_freq" not in name}
    for layer in range(released.LAYERS):
        for kind in "qv":
            module = f"model.layers.{layer}.self_attn.{kind}_proj"
            a = torch.randn(rank, released.D) / 8
            b = torch.randn(released.D, rank) / 8
            file[f"{module}.lora_A{style}.weight"], file[f"{module}.lora_B{style}.weight"] = a, b
            held = merged[f"{module}.weight"]
            rows_of = [[sum(b[i, r] * a[r, j] for r in range(rank)) for j in range(4)] for i in range(3)]
            torch.testing.assert_close(torch.tensor(rows_of), (b @ a)[:3, :4])
            merged[f"{module}.weight"] = (held.double() + 16 / rank * (b.double() @ a.double())).to(held.dtype)
            if style == "" and f"{module}.weight" in file:  # newer peft
                file[f"{module}.base_layer.weight"] = file.pop(f"{module}.weight")
    torch.save({f"base_model.model.{name}": value for name, value in file.items()}, root / "gsva-7b-pt.bin")
    return root / "gsva-7b-pt.bin", base, {**merged, **inside(tower)}


@pytest.mark.parametrize(("rank", "style", "whole"), [(8, ".default", True), (2, "", True), (8, ".default", False)])
def test_gsvas_adapters_are_merged(tmp_path, rank, style, whole):
    source, base, weights = gsva(tmp_path, rank, style, whole)
    report = convert("gsva", source, tmp_path / "made", base=base, sam_options=released.SAM, check=True)
    model = GroundingModel.from_pretrained(tmp_path / "made")
    state = model.state_dict()
    for name, value in weights.items():
        if "inv_freq" not in name:
            exact = ".q_proj" not in name and ".v_proj" not in name
            tolerance = 0 if exact or "vision_tower" in name else 1e-3 if value.dtype == torch.float16 else 1e-6
            torch.testing.assert_close(state[ours(name)], value.float(), rtol=tolerance, atol=tolerance, msg=name)
    if whole:
        assert any("has its own" in unused.reason for unused in report.unused)
    vocabulary = model.backbone.tokenizer.get_vocab()
    rows = len(weights["lm_head.weight"])
    assert (vocabulary["[SEG]"], vocabulary["[REJ]"], vocabulary["<image>"]) == (rows - 2, rows - 1, rows)
    assert model.backbone.mark_ids == (rows - 2, rows - 1)
    assert "<im_start><image><im_end>" in model.backbone.tokenizer.chat_template
    assert ask(model).text is not None


def test_alpha_counts(tmp_path):
    source, base, weights = gsva(tmp_path, 8, ".default", True)
    convert("gsva", source, tmp_path / "made", base=base, sam_options=released.SAM, settings={"alpha": 0})
    name = "model.layers.0.self_attn.q_proj.weight"
    state = GroundingModel.from_pretrained(tmp_path / "made").state_dict()
    held = torch.load(source, weights_only=True)
    assert torch.equal(state[ours(name)], held[f"base_model.model.{name}"])
    assert not torch.equal(state[ours(name)], weights[name])
