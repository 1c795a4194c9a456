"""LISA (Lai et al. 2023): one embedding a mark, a projector of one layer, CLIP at 224 pixels; it cannot reject."""

from dataclasses import dataclass

from model.convert._system import Template, Traits


@dataclass(frozen=True)
class Settings:
    """``template``: LISA's own programs use llava_v1 for all releases, those from Llama 2 among them."""

    template: Template = "llava_v1"


def traits(settings: Settings) -> Traits:
    """LISA's conventions."""
    return Traits("lisa", settings.template, {"embedding": {}})
