"""ZeRO stage 3, where each process holds but a part of every parameter."""

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import distributed, nn

from model.grounding import GroundingModel
from train import lora
from train.recipe import Lora


def partitioned(parameter: torch.Tensor) -> bool:
    """Whether each process holds but a part of it (ZeRO stage 3)."""
    return hasattr(parameter, "ds_id")


def brought_together(parameter: torch.Tensor) -> AbstractContextManager[object]:
    """The whole of it in every process for as long as this lasts; where it is split all processes take part."""
    if not partitioned(parameter):
        return nullcontext()
    from deepspeed.runtime.zero import GatheredParameters

    return GatheredParameters([parameter])


def anywhere(flag: bool, parameter: nn.Parameter) -> bool:
    """Whether it holds here or, if calling the module of this parameter takes all processes, in any of them."""
    if not partitioned(parameter) or distributed.get_world_size() == 1:
        return flag
    told = torch.tensor(float(flag), device=parameter.device)
    distributed.all_reduce(told)
    return bool(told > 0)


def declare(model: GroundingModel) -> None:
    """Tell DeepSpeed of the parameters that a module of the segmenter reads from a part of it without calling that
    part, as SAM's prompt encoder and mask decoder do with their embeddings: they are then brought together for it."""
    from deepspeed.runtime.zero import register_external_parameter

    readers = [child for child in model.segmenter.children() if child is not model.segmenter.encoder]
    for reader in readers:
        for part in reader.modules():
            if isinstance(part, nn.Embedding):
                register_external_parameter(reader, part.weight)


def split(model: GroundingModel) -> bool:
    """Whether each process holds but a part of the model."""
    return any(map(partitioned, model.parameters()))


class Whole:
    """Copies a split model, with its adapters, into main memory; made before DeepSpeed splits what is built."""

    def __init__(self, model: GroundingModel, adapters: Lora | None) -> None:
        tokenizer: Any = model.backbone.tokenizer
        self._shape = GroundingModel.build(model.config, tokenizer, device="meta")
        if adapters is not None:
            lora.attach(self._shape, adapters)

    def copy(self, model: GroundingModel) -> GroundingModel | None:
        """The copy, in the first process; None in the others. All processes take part."""
        first = not distributed.is_initialized() or distributed.get_rank() == 0
        made = copy.deepcopy(self._shape) if first else None
        for name, parameter in model.named_parameters(remove_duplicate=False):  # one by one: no device need hold all
            with brought_together(parameter):
                if made is not None:
                    held = nn.Parameter(parameter.detach().to("cpu", copy=True), requires_grad=False)
                    _owner(made, name)._parameters[name.rpartition(".")[2]] = held
        if made is None:
            return None
        for name, buffer in model.named_buffers():
            _owner(made, name)._buffers[name.rpartition(".")[2]] = buffer.detach().to("cpu", copy=True)
        return made.eval()


def _owner(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.rpartition(".")[0])
