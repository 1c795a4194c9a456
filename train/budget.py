"""What a run takes: memory of a process by part, disk, and arithmetic, counted on a model without weights.

The model is on torch's meta device: its networks run there in shapes alone, so that what autograd keeps and what is
multiplied is counted, not guessed.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from model.backbones._decoder import DecoderBackbone
from model.grounding import GroundingModel
from model.prompting.base import SegPrompts
from model.segmenters.base import Features, Segmenter
from train.batches import GroundingBatch
from train.recipe import BUCKET, number
from train.rounded import BYTES as NF4

LIVE = 1_000_000_000  # whole weights that stage 3 keeps at once, likewise


@dataclass(frozen=True)
class Zero:
    """How DeepSpeed divides the work.

    Attributes:
        stage: 0 to 3.
        processes: of all machines.
        optimizer_off, weights_off: the optimizer's state, or the weights, wait in main memory.
        bucket: numbers reduced at once.
        live: whole weights kept at once at stage 3.
    """

    stage: int = 0
    processes: int = 1
    optimizer_off: bool = False
    weights_off: bool = False
    bucket: int = BUCKET
    live: int = LIVE

    @classmethod
    def read(cls, config: Mapping[str, Any], processes: int) -> "Zero":
        """From a DeepSpeed file."""
        held = config.get("zero_optimization") or {}

        def off(part: str) -> bool:
            return (held.get(part) or {}).get("device", "none") != "none"

        return cls(
            int(held.get("stage", 0)),
            processes,
            off("offload_optimizer"),
            off("offload_param"),
            number(held.get("reduce_bucket_size"), BUCKET),
            number(held.get("stage3_max_live_parameters"), LIVE),
        )


@dataclass
class Bytes:
    """Memory of one process by part: on its device, and in main memory where a part is offloaded."""

    device: dict[str, float] = field(default_factory=dict)
    host: dict[str, float] = field(default_factory=dict)

    @property
    def most(self) -> float:
        """On the device, all at once."""
        return sum(self.device.values())


@dataclass(frozen=True)
class Work:
    """A step's share that one process does.

    Attributes:
        kept: bytes that autograd keeps.
        passing: bytes that come and go while the segmenter encodes, or answers are written.
        operations: in floating point.
        later: of what is kept, that which comes after the encoder: it takes the room that ``passing`` has left.
        when: what ``passing`` is of.
    """

    kept: float
    passing: float
    operations: float
    later: float = 0.0
    when: str = "SAM encodes"

    @property
    def more(self) -> float:
        """Bytes that pass beyond what is kept at last."""
        return max(0.0, self.passing - self.later)


def state(model: nn.Module, zero: Zero, rounded: Collection[str] = ()) -> Bytes:
    """Weights, gradients and optimizer of one process; the parameters ``rounded``, by their names, have 4 bits each.

    AdamW keeps two float32 numbers for each that learns; from stage 1 on ZeRO keeps a float32 copy of these, too
    (Rajbhandari et al. 2020, figure 1). Stage 1 divides the optimizer's state among the processes, stage 2 the
    gradients, stage 3 the weights.
    """
    weights = _held(model, rounded)
    weights += sum(b.numel() * b.element_size() for b in model.buffers())
    learn = sum(p.numel() for p in model.parameters() if p.requires_grad)
    most = max((p.numel() * p.element_size() for p in model.parameters()), default=0)
    share = zero.processes
    made = Bytes()
    if zero.stage < 3:
        made.device["weights"] = weights
    else:
        whole = min(weights, zero.live * weights / max(1, sum(p.numel() for p in model.parameters())))
        made.device["weights in use"] = max(most, whole if share > 1 or zero.weights_off else 0)
        (made.host if zero.weights_off else made.device)["weights"] = weights / share
    bucket = min(4.0 * zero.bucket, 4.0 * learn) if zero.stage else 0.0
    made.device["gradients"] = 4.0 * learn / (share if zero.stage >= 2 else 1) + bucket
    optimizer = (8.0 if zero.stage == 0 else 12.0) * learn / (share if zero.stage else 1)
    (made.host if zero.optimizer_off else made.device)["optimizer"] = optimizer
    return made


def _held(model: nn.Module, rounded: Collection[str]) -> float:
    """Bytes of the parameters."""
    return sum(p.numel() * (NF4 if name in rounded else p.element_size()) for name, p in model.named_parameters())


def saved(model: nn.Module, zero: Zero, rounded: Collection[str] = ()) -> float:
    """Bytes of a saved state on disk: DeepSpeed's file of the weights, but for rounded ones, and the optimizer's of all
    processes. From stage 2 on frozen weights stand in it once more."""
    learn = sum(p.numel() for p in model.parameters() if p.requires_grad)
    weights = sum(p.numel() * p.element_size() for name, p in model.named_parameters() if name not in rounded)
    frozen = _held(model, rounded) - sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return weights * (zero.stage < 3) + frozen * (zero.stage >= 2) + (8.0 if zero.stage == 0 else 12.0) * learn


def written(model: GroundingModel) -> float:
    """Bytes of the plain checkpoint."""
    return float(sum(p.numel() * p.element_size() for n, p in model.named_parameters() if "lora_" not in n))


def step(
    model: GroundingModel,
    batch: GroundingBatch,
    images: int,
    masks: int,
    half: bool,
    recomputed: bool = False,
    gpu: bool = True,
) -> Work:
    """A forward and backward pass over one batch of the objective ``grounding``.

    Args:
        model: on the meta device, its backbone a :class:`DecoderBackbone`; what learns is marked.
        batch: a real one, for its shapes.
        images: that go through the segmenter.
        masks: decoded of each.
        half: computed in bfloat16 by autocast.
        recomputed: the language model's layers are run again in the backward pass, and keep their inputs alone.
        gpu: autocast as on GPUs, where it computes more in float32 than on CPUs.
    """
    assert isinstance(model.backbone, DecoderBackbone), "others are not counted"
    parts, later = [_language(model.backbone, batch, half, recomputed)], 0.0
    count = min(images, len(batch.masks)) if model.listener is None else 0  # words alone are learned of coordinates
    if count:
        parts.append(encoder(model.segmenter, count, half, gpu))
        features, _ = _encoded(model.segmenter, half)
        marks = [min(masks, len(mask)) for mask in batch.masks[:count]]
        sizes = [mask.shape[1] * mask.shape[2] for mask in batch.masks[:count]]
        pairs = zip(marks, sizes, strict=True)
        drawn = [_decoder(model.segmenter, features, mark, size) for mark, size in pairs if mark]
        parts, later = parts + drawn, sum(part.kept for part in drawn)
    kept, operations = (sum(getattr(part, name) for part in parts) for name in ("kept", "operations"))
    return Work(kept, max(part.passing for part in parts), operations, later)


def reinforced(
    model: GroundingModel,
    batch: GroundingBatch,
    at_once: int,
    reference: bool,
    half: bool,
    recomputed: bool = False,
    gpu: bool = True,
) -> Work:
    """A step of the objective ``grpo``: answers are written, read by the reference, and read by what learns. Masks that
    rewards look at are not counted beside the segmenter's encoder.

    Args:
        model: as of :func:`step`.
        batch: all answers of the step, packed as they are read.
        at_once: answers written in one batch.
        reference: whether there is one.
        half, recomputed, gpu: as of :func:`step`.
    """
    assert isinstance(model.backbone, DecoderBackbone), "others are not counted"
    read = _language(model.backbone, batch, half, recomputed, floats=3, again=2 if reference else 1)
    seen = encoder(model.segmenter, 1, half, gpu)  # one picture after the other
    passing = max(seen.passing, written_out(model.backbone, batch, at_once, half))
    operations = read.operations + len(batch.masks) * seen.operations
    return Work(read.kept, passing, operations, read.kept, "answers are written")


def written_out(backbone: DecoderBackbone, batch: GroundingBatch, at_once: int, half: bool) -> float:
    """Bytes of keys and values while the answers of a batch are written: of each picture once, and of the answers that
    are written together, each with its picture and question before it."""
    text, chat = backbone.network.config.text_config, backbone.expanded(batch.chat)
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    weights = backbone.network.lm_head.weight.element_size()
    token = text.num_hidden_layers * text.num_key_value_heads * head * (weights + (2 if half else weights))
    rows = [row.bincount().tolist() for row in (chat.block + 1)]  # of each: padding, the picture, and every answer
    answers = [picture + own for _, picture, *owns in rows for own in owns]
    pictures = [picture for _, picture, *_ in rows]
    return float(token * (sum(pictures) + min(at_once, len(answers)) * max(answers)))  # rows of one length


def _language(
    backbone: DecoderBackbone, batch: GroundingBatch, half: bool, recomputed: bool, floats: int = 2, again: int = 0
) -> Work:
    """The tower and the language model, without what DeepStack adds between layers. The weights are taken for half
    precision where autocast multiplies in it. ``floats`` are the logits' copies in float32, ``again`` how often all is
    read once more without gradients."""
    network, sizes = backbone.network, batch.chat.sizes
    chat = backbone.expanded(batch.chat)
    count, length = chat.ids.shape
    learned = int((chat.labels[:, 1:] != -100).sum())
    dtype, bytes_ = (torch.bfloat16, 2) if half else (torch.float32, 4)
    layers, width, vocabulary = backbone.depth, backbone.state_size, network.config.text_config.vocab_size
    casts = sum(p.numel() * 2 for p in network.model.language_model.parameters() if half and p.dtype == torch.float32)
    with _dtype(network, dtype):
        with _counted() as tower:
            backbone.features(chat.prepared.to("meta"), sizes)
        places = backbone.places(chat.positions, chat.ids, sizes)
        with _counted() as text, torch.device("meta"):
            embeds = torch.empty(count, length, width, dtype=dtype, requires_grad=True)
            mask = torch.empty(count, 1, length, length, dtype=torch.bool)
            network.model.language_model(
                inputs_embeds=embeds,
                attention_mask=backbone.shaped(mask),
                position_ids=places.to("meta"),
                use_cache=False,
            )
    rows = sum(math.prod(backbone.frame(size).target) for size in sizes) + sum(len(mask) for mask in batch.masks)
    watched = 2.0 * len(backbone.layers) * rows * width * bytes_  # gathered, and stacked
    head = 2.0 * learned * width * vocabulary
    words = learned * vocabulary * (bytes_ + 4.0 * floats)  # the logits; in float32 for the loss, their softmax, ...
    kept = text.kept + casts
    if recomputed:
        kept = layers * count * length * width * bytes_ + kept / layers
    learns = any(p.requires_grad for n, p in network.model.language_model.named_parameters() if "lora_" not in n)
    times = (3.0 if learns else 2.0) + (1.0 if recomputed else 0.0)
    sees = 3.0 if any(p.requires_grad for p in backbone.tower.parameters()) else 1.0
    operations = (sees + again) * tower.operations + (times + again) * text.operations + (3 + again) * head
    return Work(tower.kept + kept + watched + words, 0.0, operations)


def encoder(segmenter: Segmenter, count: int, half: bool, gpu: bool = True) -> Work:
    """The segmenter's encoder, of which nothing is kept but the features. What passes is the widest attention: its
    scores while the positions are added to them in two steps; on GPUs, where autocast computes the softmax in float32
    from a copy, those and their softmax."""
    features, seen = _encoded(segmenter, half)
    each = 3 * 4.0 if not half else 2.0 + 4.0 + 4.0 if gpu else 3 * 2.0
    passing = segmenter.scores * each
    return Work(count * features.numel() * (2.0 if half else 4.0), count * passing, count * seen.operations)


def _encoded(segmenter: Segmenter, half: bool) -> tuple[torch.Tensor, "_Seen"]:
    """The features of one picture, without numbers, and what they took."""
    network: Any = segmenter.encoder
    dtype = torch.bfloat16 if half else torch.float32
    with _dtype(network, dtype), _counted() as seen, torch.no_grad(), torch.device("meta"):
        features = network(torch.empty(1, 3, segmenter.input_size, segmenter.input_size, dtype=dtype))
    return features, seen


def _decoder(segmenter: Segmenter, features: torch.Tensor, masks: int, pixels: int) -> Work:
    """One image's masks: the segmenter's decoder, and the losses at the picture's own size (the logits, their sigmoid,
    and what two losses keep of each, in float32)."""
    side = segmenter.mask_size
    frame = segmenter.frame((segmenter.input_size, segmenter.input_size))
    with _counted() as seen, torch.device("meta"):
        prompts = SegPrompts(
            embeddings=torch.empty(masks, 8, segmenter.prompt_size, requires_grad=True),
            mask=torch.empty(masks, 1, side, side, requires_grad=True),
        )
        segmenter.decode(Features(features.float(), frame), prompts)
    losses = masks * (4.0 * segmenter.input_size**2 + 4 * 4.0 * pixels)
    return Work(seen.kept + losses, 0.0, 3 * seen.operations)


class _Attention(torch.autograd.Function):
    """What a fused kernel keeps of attention: its inputs, the mask as it is added, and its output; never the scores."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        out = torch.empty_like(query)
        added = [] if mask is None else [torch.empty_like(mask, dtype=query.dtype)]
        ctx.save_for_backward(query, key, value, out, *added)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return (*ctx.saved_tensors[:3], None)


@contextmanager
def _fused() -> Iterator[list[float]]:
    """Attention as GPUs compute it: on the meta device torch would take the way that keeps all scores. Gives the count
    of its two products."""
    before, products = functional.scaled_dot_product_attention, [0.0]

    def attention(query: Any, key: Any, value: Any, attn_mask: Any = None, **kwargs: Any) -> Any:
        products[0] += 4.0 * query.numel() * key.shape[-2]
        return _Attention.apply(query, key, value, attn_mask)

    functional.scaled_dot_product_attention = attention  # type: ignore[assignment]
    try:
        yield products
    finally:
        functional.scaled_dot_product_attention = before


@dataclass
class _Seen:
    kept: float = 0.0
    operations: float = 0.0


@contextmanager
def _counted() -> Iterator[_Seen]:
    """Count what autograd keeps, but for parameters and each storage once, and what is multiplied."""
    seen, held = _Seen(), {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter) and not (tensor._base is not None and _is_weight(tensor._base)):
            storage = tensor.untyped_storage()
            held[storage._cdata] = (storage, storage.nbytes())  # kept here, lest another one takes its place
        return tensor

    counter = FlopCounterMode(display=False)
    with _fused() as products, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), counter:
        yield seen
    seen.kept = float(sum(size for _, size in held.values()))
    seen.operations = products[0] + float(counter.get_total_flops())


def _is_weight(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, nn.Parameter)


@contextmanager
def _dtype(module: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """The module's parameters in another dtype for a while."""
    before = {name: p.dtype for name, p in module.named_parameters()}
    for parameter in module.parameters():
        parameter.data = parameter.data.to(dtype)
    try:
        yield
    finally:
        for name, parameter in module.named_parameters():
            parameter.data = parameter.data.to(before[name])


def rate(device: torch.device, half: bool, timer: Callable[[], float]) -> float:
    """Floating point operations a second of one process, by a product of two matrices on its device."""
    side = 1024 if device.type == "cpu" else 8192
    dtype = torch.bfloat16 if half else torch.float32
    left = torch.ones(side, side, dtype=dtype, device=device)
    best = math.inf
    for _ in range(4):
        _wait(device)
        begun = timer()
        left @ left
        _wait(device)
        best = min(best, timer() - begun)
    return 2.0 * side**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
