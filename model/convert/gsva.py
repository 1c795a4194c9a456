"""GSVA (Xia et al. 2023): as LISA, with many marks and ``[REJ]``.

Released as one ``.bin`` of a model that still wears its adapters (rank 8 or 64), without tokenizer: the base model's
folder has the tokenizer, and whatever weights the file lacks.
"""

from dataclasses import dataclass

from model.convert._system import REJ, SEG, SURROUND, Template, Traits


@dataclass(frozen=True)
class Settings:
    """``alpha``: of the adapters, which count ``alpha / rank``; it is not in the file."""

    template: Template = "llava_v1"
    alpha: float = 16.0


def traits(settings: Settings) -> Traits:
    """GSVA's conventions. Its transformers (4.44) left the spaces around added tokens alone."""
    return Traits(
        "gsva",
        settings.template,
        {"embedding": {}},
        rej=REJ,
        swallows=False,
        adds=(SEG, REJ, *SURROUND),
        alpha=settings.alpha,
    )
