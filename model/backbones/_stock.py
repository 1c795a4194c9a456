"""Reading a stock network of transformers from a folder that its own class wrote, as the hub has them."""

import json
import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import safetensors
import torch
from torch import nn
from transformers import CONFIG_MAPPING, BitsAndBytesConfig
from transformers.utils import logging as notices

from model.placement import PLAIN, Placement

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16}


class Sizes(Protocol):
    """Settings with keys of the transformers configurations of both networks."""

    @property
    def vision(self) -> dict[str, Any]: ...
    @property
    def text(self) -> dict[str, Any]: ...


def read(
    kind: Any,
    name: str,
    folder: Path,
    options: Sizes,
    dtype: torch.dtype | None,
    placement: Placement = PLAIN,
    skip: Sequence[str] = ("model.vision_tower", "model.multi_modal_projector", "lm_head"),
) -> Any:
    """A network of the class ``kind``, whose ``model_type`` is ``name``, in ``dtype``, or as it is stored if
    None; with ``placement.bits`` the language model's layers are rounded to them as they are read, and the modules
    ``skip`` are not.

    Its configuration is checked first: without one, transformers would make a network of seven billion random weights.

    Raises:
        ValueError: the folder holds something else, lacks a tensor, or has one of another shape.
    """
    _check_sizes(folder / "config.json", name, options)
    dtype = dtype or _stored(folder)
    more = {} if placement.bits is None else _rounded(placement.bits, dtype, placement.device, skip)
    with quiet():
        made, found = kind.from_pretrained(folder, dtype=dtype, local_files_only=True, output_loading_info=True, **more)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found.get(what):
            raise ValueError(f"{what.replace('_keys', '')} tensors, {sorted(map(str, found[what]))[0]} among them")
    return made


def write(network: Any, folder: Path, dtype: torch.dtype | None) -> None:
    """Write a stock network by its own class; ``dtype`` is for parameters alone."""
    learned = {name for name, _ in network.named_parameters()}
    state = {
        name: value.detach().to("cpu", dtype if name in learned else None)
        for name, value in network.state_dict().items()
    }
    for shared in network.all_tied_weights_keys:
        state.pop(shared, None)
    with quiet():
        network.save_pretrained(folder, state_dict=state)


def begin(network: Any, last: nn.Linear) -> None:
    """Begin with words and patches that come through to the last layer: loud embeddings, quiet branches (GPT-2 scales
    them by 1 / sqrt(2 layers); Radford et al. 2019, section 2.3). At the stock initialisation every layer drowns what
    the one below has said, and no map finds what its mark names for a thousand steps. ``last`` gives the patches."""
    with torch.no_grad():
        network.get_input_embeddings().weight.mul_(5)
        last.weight.mul_(5)
        for layer in network.model.language_model.layers:
            layer.self_attn.o_proj.weight.mul_(0.15)
            layer.mlp.down_proj.weight.mul_(0.15)


def configuration(values: dict[str, Any]) -> Any:
    """The transformers configuration that ``model_type`` among the values names."""
    return CONFIG_MAPPING[values["model_type"]](**{k: v for k, v in values.items() if k != "model_type"})


def _rounded(bits: int, dtype: torch.dtype, device: str, skip: Sequence[str]) -> dict[str, Any]:
    """Arguments for reading the language model's layers in 8 (Dettmers et al. 2022) or 4 bits (NF4, its scales rounded
    too; Dettmers et al. 2023), multiplied in ``dtype``. Embeddings, head, tower and projector keep ``dtype``."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of a cast at every product
    config = BitsAndBytesConfig(
        load_in_8bit=bits == 8,
        load_in_4bit=bits == 4,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=list(skip),
    )
    return {"quantization_config": config, "device_map": {"": device}}


def _stored(folder: Path) -> torch.dtype:
    """The type that most numbers of a folder are stored in; a configuration may say another."""
    counts: Counter[torch.dtype] = Counter()
    for path in folder.glob("*.safetensors"):
        with safetensors.safe_open(path, "pt") as file:
            for name in list(file.keys()):
                part = file.get_slice(name)
                counts[DTYPES.get(part.get_dtype(), torch.float32)] += math.prod(part.get_shape())
    return max(counts, key=lambda dtype: counts[dtype], default=torch.float32)


def _check_sizes(path: Path, kind: str, options: Sizes) -> None:
    """The stock configuration must have the sizes that the checkpoint's own one promises; the vocabulary is the
    tokenizer's and may have grown."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.get("model_type") != kind:
        raise ValueError(f"{path.name} describes no {kind}")
    held = CONFIG_MAPPING[kind].from_dict(values)  # older files have the language model's keys beside the others
    for part, promised in (("vision_config", options.vision), ("text_config", options.text)):
        for key, value in promised.items():
            if key != "vocab_size" and not _agree(getattr(getattr(held, part), key, value), value):
                raise ValueError(f"{path.name}: {part}: {key} is not {value} as the checkpoint's config.json says")


def _agree(held: Any, promised: Any) -> bool:
    """A configuration may say more than it was told, of how positions turn for example, and has lists as tuples."""
    if isinstance(promised, dict) and isinstance(held, dict):
        return all(_agree(held.get(key), value) for key, value in promised.items())
    return bool(list(held) == list(promised) if isinstance(promised, list | tuple) else held == promised)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and tables that transformers prints while it reads and writes."""
    bars, verbosity = notices.is_progress_bar_enabled(), notices.get_verbosity()
    notices.disable_progress_bar()
    notices.set_verbosity_error()
    try:
        yield
    finally:
        notices.set_verbosity(verbosity)
        if bars:
            notices.enable_progress_bar()
