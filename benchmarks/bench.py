"""What an item of the table is given: a model of a size, pictures, questions, and the clock."""

import gc
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from PIL import Image

from app.arguments import CHECKPOINT
from benchmarks import harness
from benchmarks.harness import Spread
from data.sample import SEG
from data.settings import build
from data.world.world import World
from model import backbones
from model.answer import Answer
from model.backbones.base import ChatBatch
from model.config import ModelConfig, Part, preset
from model.grounding import GroundingModel
from model.placement import Placement
from model.predictor import Ask, Predictor
from model.tokens import train_tokenizer

Size = Literal["tiny", "small", "full"]
SIZES: tuple[Size, ...] = ("tiny", "small", "full")

TOKENS = 16  # of an answer, where its length must be the same in both ways
ROUND = 8  # tokens that random weights write over and over, one of them a mark
ROOM = 1.15  # of the weights' own size, for what is computed with them


@dataclass
class Bench:
    """The model is made when it is first asked for, and handed back by :meth:`close`.

    Attributes:
        size: "tiny", the model that ships; "small", random weights of the largest size whose items take about a minute
            on two CPU cores; "full", LLaVA-1.5-7B with SAM ViT-H, random weights.
        device: to run on.
        repeats: runs of each way; if None as many as fit a time.
    """

    size: Size
    device: torch.device
    repeats: int | None = None

    def alternate(self, *ways: Callable[[], object]) -> list[Spread]:
        """Seconds of each way, in turn."""
        return harness.alternate(ways, self.repeats, self.device)

    def collect(self, measure: Callable[[], dict[str, float]]) -> dict[str, Spread]:
        """Of what several runs return."""
        return harness.collect(measure, self.repeats)

    @property
    def half(self) -> bool:
        """Whether the networks run in bfloat16. The model that ships runs in float32, where answers are the same to
        the last bits; the others as they would be used."""
        return self.model.placement.precision == "bfloat16"

    @cached_property
    def model(self) -> GroundingModel:
        """The model, in evaluation mode.

        Raises:
            ValueError: the memory does not suffice for it.
        """
        if self.size == "tiny":
            return GroundingModel.from_pretrained(CHECKPOINT, Placement(device=str(self.device)))
        return random_model(config(self.size), self.device)

    def close(self) -> None:
        """Let go of the model."""
        self.__dict__.pop("model", None)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def predictor(self) -> Predictor:
        """One that has seen nothing yet."""
        return Predictor(self.model)

    def autocast(self) -> AbstractContextManager[object]:
        """As the predictor's networks run."""
        return self.model.autocast(self.model.backbone)

    def picture(self, index: int = 0) -> np.ndarray:
        """A drawn scene, ``(H, W, 3)`` uint8 RGB: as it is drawn for the model that ships, 480 x 640 for the others."""
        drawn = _pack(index)[0]
        return drawn if self.size == "tiny" else resized(drawn, (480, 640))

    def asks(self, count: int, pictures: int = 1) -> list[Ask]:
        """Different questions, ``count`` in all, about so many pictures in turn."""
        return [
            Ask(self.picture(n % pictures), _pack(n % pictures)[1][n // pictures % len(_pack(n % pictures)[1])])
            for n in range(count)
        ]


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """``(H, W, 3)`` uint8 at another size (H, W)."""
    return np.asarray(Image.fromarray(image).resize((size[1], size[0])))


@lru_cache(maxsize=32)
def _pack(index: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """A scene of `val` and questions about it, none twice."""
    image, samples = World("val", index + 1).pack(index, 16)
    return image, tuple(dict.fromkeys(sample.turns[0].question for sample in samples))


def config(size: Size) -> ModelConfig:
    """Of a model of random weights."""
    full = preset("pinpoint")
    if size == "full":
        return full
    vision = {**full.backbone.options["vision"], "num_hidden_layers": 12, "image_size": 224}
    text = {
        **full.backbone.options["text"],
        "hidden_size": 1024,
        "intermediate_size": 2816,
        "num_hidden_layers": 12,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
    }
    options = {**full.backbone.options, "input_size": 224, "vision": vision, "text": text}
    vit_b = {"width": 768, "depth": 12, "heads": 12, "global_layers": [2, 5, 8, 11]}
    return ModelConfig(Part("llava", options), Part("sam", vit_b), full.channels)


def random_model(config: ModelConfig, device: torch.device, dtype: torch.dtype = torch.bfloat16) -> GroundingModel:
    """A model of random weights, its language model and tower in ``dtype``, that writes words and marks.

    Raises:
        ValueError: the memory does not suffice.
    """
    tokenizer = _tokenizer()
    shapes = GroundingModel.build(config, tokenizer, "meta")
    large = sum(parameter.numel() for parameter in shapes.backbone.parameters())
    rest = sum(parameter.numel() for parameter in shapes.parameters()) - large
    need, free = ROOM * (large * dtype.itemsize + rest * 4), free_memory(device)
    if need > free:
        raise ValueError(
            f"too little memory: random weights of this size are made in {need / 1e9:.0f} GB, and {device.type} has "
            f"{free / 1e9:.0f} GB free; take a smaller --size, or another --device"
        )
    torch.manual_seed(0)
    family = backbones.load(config.backbone.family)
    with device:
        torch.set_default_dtype(dtype)  # made as they are kept: in float32 they would need twice the memory
        try:
            network = family.build(build(family.Options, config.backbone.options, "backbone"), tokenizer)
        finally:
            torch.set_default_dtype(torch.float32)
        model = GroundingModel.assemble(config, network, tokenizer).eval()
    write_marks(model)
    return model.place(Placement(device=str(device), precision="bfloat16" if dtype == torch.bfloat16 else "float32"))


@torch.no_grad()
def write_marks(model: GroundingModel) -> None:
    """Let random weights write a round of words and a mark, and never end: the embeddings are loud, so that the state
    after a word is near its embedding, and the next word's row of the head is made that. So answers have the same
    length in every way and precision; their masks depend on everything."""
    backbone = cast(Any, model.backbone)
    embedding, head = backbone.llava.get_input_embeddings().weight, backbone.llava.lm_head.weight
    words = sorted(set(backbone.tokenizer.get_vocab().values()) - set(backbone.tokenizer.all_special_ids))
    words = [word for word in words if word not in backbone.mark_ids][1 - ROUND :] + [backbone.mark_ids[0]]
    head.zero_()
    for word, before in zip(words, [words[-1], *words], strict=False):
        head[word] = embedding[before].to(head.dtype)
    head[words[0]] += embedding[int(backbone.encode_chat([("Where?", None)]).ids[-1])].to(head.dtype)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    return train_tokenizer(World("val", 8).texts(200), 600)


def free_memory(device: torch.device) -> float:
    """Bytes that can still be taken."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return float(next(line.split()[1] for line in lines if line.startswith("MemAvailable"))) * 1024


def conversation(model: GroundingModel, image: np.ndarray, marks: int) -> ChatBatch:
    """A question about an ``(H, W, 3)`` uint8 picture and an answer with so many marks, as a batch to be read."""
    device = next(model.parameters()).device
    encoded = model.backbone.encode_chat([("Where?", " ".join(f"Here {SEG}." for _ in range(marks)))])
    places = torch.arange(len(encoded.ids), device=device)
    return ChatBatch(
        model.backbone.prepare(image)[None].to(device),
        [(image.shape[0], image.shape[1])],
        encoded.ids[None].to(device),
        encoded.labels[None].to(device),
        places[None],
        (places >= encoded.prefix).long()[None],
    )


def picture(ask: Ask) -> np.ndarray:
    """The pixels of a question that was asked with them."""
    assert isinstance(ask.image, np.ndarray)
    return ask.image


def agreement(ours: Sequence[Any], others: Sequence[Any], exact: bool) -> str:
    """In words, how many texts and masks of two lots of answers are equal, and how many of all masks' pixels.

    Args:
        ours: answers.
        others: answers again, or what :mod:`benchmarks.direct` told.
        exact: they have to be equal, but for a pixel in a thousand at a mask's edge.

    Raises:
        ValueError: they are not.
    """
    texts = masks = equal = 0
    alike = 0.0
    for mine, other in zip(ours, others, strict=True):
        texts += mine.text == other.text
        if mine.text != other.text:
            continue
        for a, b in zip(_masks(mine), _masks(other), strict=True):
            masks += 1
            share = float((a == b).mean())
            alike, equal = alike + share, equal + (share >= 0.999)
    if exact and (texts < len(ours) or equal < masks):
        raise ValueError(f"the answers differ: {texts} of {len(ours)} texts and {equal} of {masks} masks are the same")
    pixels = "" if equal == masks else f", {alike / masks:.2%} of their pixels"
    return f"{texts} of {len(ours)} texts and {equal} of {masks} masks the same{pixels}"


def _masks(answer: Any) -> list[np.ndarray]:
    """The masks of an answer, or of what :mod:`benchmarks.direct` told."""
    if isinstance(answer, Answer):
        return [segment.mask for segment in answer.segments]
    return [mask.cpu().numpy() for mask in answer.masks]
