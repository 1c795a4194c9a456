"""Rows of the hidden states that grounding needs, taken by hooks, against all states of all layers put together."""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import torch

from benchmarks import direct
from benchmarks.bench import Bench, conversation, random_model
from benchmarks.harness import Result, count
from benchmarks.meters import peak_allocated
from model import policy
from model.backbones.base import ChatBatch
from model.config import ModelConfig, Part
from model.grounding import GroundingModel
from model.similarity import similarity

Shape = tuple[int, int, int]  # layers (the embedding is one), image tokens along a side, width
SHAPES: dict[str, list[Shape]] = {"tiny": [(9, 12, 512), (33, 12, 512)], "small": [(9, 24, 4096), (33, 24, 4096)]}
SHAPES["full"] = SHAPES["small"]
PATCH, MARKS = 14, 3


@torch.inference_mode()
def run(bench: Bench) -> Iterator[Result]:
    """A language model of full width and depth whose branches are thin, so that its own arithmetic is small; one
    conversation with three marks is read, and every layer's map of each is made. Float32."""
    for layers, side, width in SHAPES[bench.size]:
        model = random_model(thin(layers, side, width), bench.device, torch.float32)
        batch = conversation(model, bench.picture(), MARKS)
        alone = partial(read_alone, model, batch)
        ways = alone, partial(by_hooks, model, batch), partial(by_stacking, model, batch)
        apart = float((ways[1]() - ways[2]()).abs().max())
        rest, fast, slow = bench.alternate(*ways)
        base, *peaks = (peak_allocated(way, bench.device) for way in ways)
        case = f"{layers} layers, {side**2} image tokens, width {width}"
        yield Result(
            "trace", f"{case}: time", fast, slow, "s", f"reading alone takes {rest.median:.3f} s; {apart:.0e} apart"
        )
        rows = (side**2 + MARKS) * layers * width * 4
        ours, theirs = (count(max(peak - base, 0)) for peak in peaks)
        note = f"beyond reading alone; the rows themselves are {rows / 1e6:.0f} MB, ours {ours.median / rows:.2f} times"
        yield Result("trace", f"{case}: memory", ours, theirs, "B", note)
        del model, batch, ways, alone


def thin(layers: int, side: int, width: int) -> ModelConfig:
    """The configuration of such a model; the candidates are all its layers."""
    vision = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": PATCH * side,
        "patch_size": PATCH,
        "projection_dim": 32,
    }
    text = {
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": 16,
        "num_hidden_layers": layers - 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
    }
    sam = {"input_size": 64, "width": 32, "depth": 1, "heads": 1, "global_layers": [0], "prompt_size": 32}
    options = {"input_size": PATCH * side, "feature_layer": -1, "vision": vision, "text": text}
    return ModelConfig(Part("llava", options), Part("sam", sam), {"embedding": {}}, policy.Options(policy="soft"))


def read_alone(model: GroundingModel, batch: ChatBatch) -> torch.Tensor:
    """The language model's last states alone."""
    llava = cast(Any, model.backbone).llava
    embeds = direct.embeds(model, batch.ids, batch.prepared, batch.sizes)
    return cast(torch.Tensor, llava.model.language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state)


def by_hooks(model: GroundingModel, batch: ChatBatch) -> torch.Tensor:
    """``(L, S, h, w)``: the backbone's own trace, and its maps."""
    trace = model.backbone(batch).traces[0]
    valid = trace.frame.valid_mask().to(trace.image.device)
    return torch.stack(
        [similarity(trace.marks[:, n], trace.image[n], trace.grid, valid) for n in range(len(trace.layers))]
    )


def by_stacking(model: GroundingModel, batch: ChatBatch) -> torch.Tensor:
    """The same, from all hidden states."""
    backbone = cast(Any, model.backbone)
    valid = backbone.frame(batch.sizes[0]).valid_mask().to(batch.ids.device)
    image = (batch.ids[0] == backbone.image_id).nonzero()[:, 0]
    marks = torch.isin(batch.ids[0], torch.tensor(backbone.mark_ids, device=batch.ids.device)).nonzero()[:, 0]
    return direct.layer_maps(direct.hidden_states(model, batch), 0, image, marks - 1, valid)
