"""What the released systems have in common, and how one is told from another."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from model.backbones.llava import CLIP_MEAN, CLIP_STD
from model.policy import Options as Layer

SEG, REJ = "[SEG]", "[REJ]"
SURROUND = ("<im_start>", "<im_end>")
Template = Literal["llava_v1", "llava_llama_2"]


@dataclass(frozen=True)
class Traits:
    """A system's conventions.

    Attributes:
        name: of the system.
        template: of its conversations.
        channels, layer: as in a model's configuration.
        rej: how it spells that a thing is absent; None if it cannot.
        image: the backbone's options of how pictures come in.
        swallows: whether added tokens take in the spaces around them, as transformers 4.31's slow tokenizers had it.
        adds: tokens that its code adds to the base model's tokenizer, in that order, where no tokenizer is released.
        alpha: of the adapters that it is released with; None where it is released merged.
    """

    name: str
    template: Template
    channels: dict[str, dict[str, Any]]
    layer: Layer = field(default_factory=Layer)
    rej: str | None = None
    image: dict[str, Any] = field(
        default_factory=lambda: {
            "padding": "centre_crop",
            "resample": "bicubic",
            "mean": CLIP_MEAN,
            "std": CLIP_STD,
            "hide_padding": False,
        }
    )
    swallows: bool = True
    adds: tuple[str, ...] = ()
    alpha: float | None = None


def check_system(asked: str, names: Iterable[str], where: str) -> None:
    """Weights of another system must not be taken for this one's. A merged GSVA cannot be told from a LISA by its
    weights, so neither is refused for the other.

    Raises:
        ValueError: the names are those of another system, or of none.
    """
    names = list(names)
    if any(name.startswith(("ppm.", "gmp.")) for name in names):
        like, sign = {"uground"}, "a layer policy"
    elif any(".lora_" in name or name.startswith("base_model.") for name in names):
        like, sign = {"gsva"}, "adapters"
    elif any(name.endswith("model.mm_projector.0.weight") for name in names):
        like, sign = {"read"}, "a projector of two layers and no layer policy"
    elif any("text_hidden_fcs" in name for name in names):
        like, sign = {"lisa", "gsva"}, "a projector of one layer"
    else:
        raise ValueError(
            f"{where} is none of the systems that can be converted: it holds no text_hidden_fcs, the layers that make "
            "prompts of marks"
        )
    if asked not in like:
        raise ValueError(
            f"{where} is no checkpoint of {asked}: it has {sign}, as {' and '.join(sorted(like))} "
            f"{'have' if len(like) > 1 else 'has'}; try --from {' or '.join(sorted(like))}"
        )
