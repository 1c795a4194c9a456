"""Adapters on the language model (Hu et al. 2021, through peft), and merging them back."""

import copy
import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from peft.utils.other import TrainableTokensWrapper
from torch import nn

from model.grounding import GroundingModel
from train.recipe import Lora


def attach(model: GroundingModel, lora: Lora) -> None:
    """Add adapters to the projections that the backbone names; they are then found as ``lora_`` parameters.

    Raises:
        ValueError: one of ``lora.targets`` is none of them, or there are no rows of marks to learn.
    """
    targets = model.backbone.lora_targets()
    held = (name for name, _ in model.backbone.named_modules() if re.fullmatch(targets, name))
    known = sorted({name.rpartition(".")[2] for name in held})
    for target in lora.targets:
        if target not in known:
            near = difflib.get_close_matches(target, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"lora: targets: no projection of the language model is named {target!r}: {hint}")
    if lora.targets:
        targets = rf"(?=.*\.(?:{'|'.join(lora.targets)})$){targets}"
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        trainable_token_indices=_marks(model) if lora.marks else None,
    )
    backbone: Any = model.backbone
    if model.placement.bits == 4:
        backbone.is_loaded_in_4bit = True  # peft asks for it when it chooses the kind of adapter
    inject_adapter_in_model(config, backbone)


def merged(model: GroundingModel, keep: bool = True) -> GroundingModel:
    """The model with its adapters added into the weights: a copy in main memory, so that the model itself can go on,
    unless ``keep`` is False; the model itself when it has none."""
    if not any(isinstance(module, LoraLayer) for module in model.modules()):
        return model
    plain = _copied(model) if keep else model
    for name, module in list(plain.named_modules()):
        adapter = module.token_adapter if isinstance(module, TrainableTokensWrapper) else module
        if isinstance(module, LoraLayer | TrainableTokensWrapper):
            adapter.merge()
            parent, _, child = name.rpartition(".")
            setattr(plain.get_submodule(parent), child, _base(adapter))
    return plain


def _copied(model: GroundingModel) -> GroundingModel:
    """A copy in main memory: a GPU that trains a model seldom has room for another."""
    held: dict[int, object] = {
        id(p): nn.Parameter(p.detach().to("cpu", copy=True), requires_grad=p.requires_grad) for p in model.parameters()
    }
    held |= {id(buffer): buffer.detach().to("cpu", copy=True) for buffer in model.buffers()}
    return copy.deepcopy(model, held)


def _marks(model: GroundingModel) -> dict[str, list[int]]:
    """The marks' rows, by the layer that has them.

    Raises:
        ValueError: embedding and head are one, or there are no marks.
    """
    if model.backbone.is_tied:
        raise ValueError("lora: marks: embedding and head are one here: name embed_tokens in 'train' instead")
    rows = [index for index in model.backbone.mark_ids if index >= 0]
    if not rows:
        raise ValueError("lora: marks: this model has none: leave it out, or name a preset whose channels hear marks")
    return {"embed_tokens": rows, "lm_head": rows}


def _base(layer: LoraLayer) -> nn.Module:
    return layer.get_base_layer()


@contextmanager
def disabled(model: nn.Module) -> Iterator[None]:
    """The model as it was before it had adapters, for as long as this lasts."""
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    learned = [parameter for layer in layers for parameter in layer.parameters() if parameter.requires_grad]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)
            layer.requires_grad_(False)  # peft lets all that it switches on learn
        for parameter in learned:
            parameter.requires_grad_(True)
