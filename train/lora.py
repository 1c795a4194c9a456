"""Adapters on the language model (Hu et al. 2021, through peft), and merging them back."""

import copy

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn

from model.grounding import GroundingModel
from train.recipe import Lora


def attach(model: GroundingModel, lora: Lora) -> None:
    """Add adapters to the projections that the backbone names; they are then found as ``lora_`` parameters."""
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=model.backbone.lora_targets()
    )
    inject_adapter_in_model(config, model.backbone)


def merged(model: GroundingModel) -> GroundingModel:
    """A copy of the model with its adapters added into the weights; the model itself when it has none."""
    if not any(isinstance(module, LoraLayer) for module in model.modules()):
        return model
    plain = copy.deepcopy(model)
    for name, module in list(plain.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(plain.get_submodule(parent), child, _base(module))
    return plain


def _base(layer: LoraLayer) -> nn.Module:
    return layer.get_base_layer()
