"""UGround (Qian et al. 2025): the embedding and Mask as Prompt, of a layer that a learned policy draws, on LLaVA-1.5.

Its own evaluation reads the last layer whatever the policy says; the policy's weights are kept, and ``at_use`` switches
it on.
"""

from dataclasses import dataclass

from model.convert._system import REJ, Template, Traits
from model.policy import Options as Layer
from model.policy import Use

SAM_MEAN = (123.675 / 255, 116.28 / 255, 103.53 / 255)
SAM_STD = (58.395 / 255, 57.12 / 255, 57.375 / 255)


@dataclass(frozen=True)
class Settings:
    """Settings.

    Attributes:
        template: of the conversation.
        at_use: the layer in use: the "last", the policy's "likely" one, or the "best" of its first few.
        padded: pictures are padded and the padding hidden (its ``--pad_train_clip_images``, as all its scripts have
            it); without, they come in as LISA's.
    """

    template: Template = "llava_v1"
    at_use: Use = "last"
    padded: bool = True


def traits(settings: Settings) -> Traits:
    """UGround's conventions; a padded picture is normalised by SAM's statistics, not CLIP's."""
    padded = {
        "padding": "corner",
        "resample": "bilinear",
        "mean": SAM_MEAN,
        "std": SAM_STD,
        "hide_padding": True,
    }
    made = Traits(
        "uground",
        settings.template,
        {"embedding": {}, "mask": {}},
        Layer(policy="sampled", layer_for="map+embedding", at_use=settings.at_use),
        rej=REJ,
    )
    return Traits(**{**vars(made), "image": padded}) if settings.padded else made
