"""The released names of weights, and where each goes: into a part of our model, or nowhere and why."""

import re
from dataclasses import dataclass

# Our names are those of the stock LLaVA, of SAM's package, and of the channels and the policy.
_USED = (
    (r"lm_head\.", "backbone", "lm_head."),
    (r"model\.(embed_tokens|layers|norm)\.", "backbone", r"model.language_model.\1."),
    (r"model\.mm_projector\.0\.", "backbone", "model.multi_modal_projector.linear_1."),
    (r"model\.mm_projector\.2\.", "backbone", "model.multi_modal_projector.linear_2."),
    (r"model\.mm_projector\.(weight|bias)$", "backbone", r"model.multi_modal_projector.linear_1.\1"),
    (r"(?:model\.vision_tower\.vision_tower\.)?vision_model\.", "backbone", "model.vision_tower."),
    (r"(?:model\.visual_model\.)?(image_encoder|prompt_encoder|mask_decoder)\.", "segmenter", r"\1."),
    (r"model\.text_hidden_fcs\.0\.([02])\.", "channels", r"embedding.project.\1."),
    (r"(?:ppm|gmp)\._layer_gate_W_similarity$", "policy", "weight"),
    (r"(?:ppm|gmp)\.critic\.", "policy", "critic."),
)
_UNUSED = (
    (r".*rotary_emb\.inv_freq$", "computed from the sizes"),
    (r".*embeddings\.position_ids$", "computed from the sizes"),
    (r"(?:model\.visual_model\.)?pixel_(mean|std)$", "SAM's own constants"),
    (r"model\.decoder_modules_initialized$", "a note of the training program"),
    (r"model\.out_mm_projector\.", "a second projector that UGround builds and never uses"),
    (r"(text_model|text_projection|visual_projection)\.", "of CLIP only the vision tower is used"),
    (r"(text_projection|logit_scale)$", "of CLIP only the vision tower is used"),
)


@dataclass(frozen=True)
class Place:
    """A part of our model ("backbone", "segmenter", "channels" or "policy"), and the name in it."""

    part: str
    name: str


def plain(name: str) -> str:
    """A released name without what wrapping a model for training put around it."""
    return re.sub(r"^(?:module\.)?(?:base_model\.model\.)?", "", name).replace(".base_layer.", ".")


def place(name: str) -> Place | str | None:
    """Where a weight of that plain name goes, or why nowhere; None if nothing is known of it."""
    for pattern, reason in _UNUSED:
        if re.match(pattern, name):
            return reason
    for pattern, part, ours in _USED:
        found = re.match(pattern, name)
        if found:
            return Place(part, found.expand(ours) + name[found.end() :])
    return None
