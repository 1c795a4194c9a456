"""A model of random weights that listens to coordinates, and what it is made to write."""

import numpy as np
import torch

from model.backbones.base import Generated
from model.grounding import GroundingModel
from tests import tiny

# The tiny backbone sees a picture in a square of 64. One of 40 x 60 (height, width) is 43 x 64 there, with 10 rows of
# padding above: a pixel of it is 60 / 64 wide and 40 / 43 high.
TWO = '[{"bbox_2d": [16, 22, 48, 43], "label": "the red cup"}, {"point_2d": [32, 32], "label": "the lamp"}]'
NONE = "<think>There is no key.</think><answer>[]</answer>"


def picture(seed: int = 0, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def model(**options: object) -> GroundingModel:
    return tiny.model(channels={"coordinates": {"wording": "plain", **options}})


def writes(made: GroundingModel, *texts: str) -> list[list[tuple[str, str | None]]]:
    """Let a model write these texts in turn, from the first again after the last; the talks that it is given are
    noted in what comes back."""
    backbone, told, decode = made.backbone, [], made.backbone.generate

    def write(free: Generated, talk: list[tuple[str, str | None]]) -> Generated:
        text = texts[len(told) % len(texts)]
        told.append(list(talk))
        ids = torch.tensor(backbone.tokenizer(text, add_special_tokens=False)["input_ids"])
        return Generated(ids, text, free.trace.select(torch.zeros(0, dtype=torch.int64)), "end")

    def generate(prefixes, talks, max_new_tokens=128, on_text=None, pick=None):
        return [write(*pair) for pair in zip(decode(prefixes, talks, 1), talks, strict=True)]

    backbone.generate = generate
    return told
