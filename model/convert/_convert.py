"""The conversion itself, from what a person named to a folder in its place."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from data.sample import SEG as MARK
from model import config as configs
from model.config import ModelConfig, Part, read_json
from model.convert import _sizes
from model.convert._check import compare
from model.convert._keys import Place, place, plain
from model.convert._plan import Found, Move, Store, Unused, find, linear, plan
from model.convert._reading import Reader, weight_files
from model.convert._system import SEG, Traits, check_system
from model.convert._templates import template
from model.convert._tokenizer import tokenizer
from model.convert._writing import shards, write
from model.grounding import GroundingModel
from model.policy import Options as LayerOptions
from model.segmenters.sam import Options as SamOptions

SHARD = 10**9  # bytes of a shard of the language model, at most
SPARE = 10**8  # bytes that must stay free on the disk
ANSWER = 512  # tokens of an answer, at most, as all of the systems have it
PARTS = ("segmenter", "channels", "policy")


@dataclass(frozen=True)
class Sources:
    """What a person named."""

    release: Path
    base: Path | None = None
    clip: Path | None = None
    sam: Path | None = None
    sam_options: SamOptions | None = None


@dataclass(frozen=True)
class Report:
    """What a conversion did.

    Attributes:
        system: it came from.
        used: how many released weights the result is made of.
        unused: the others, each with the reason.
        config: of the result.
        bytes: of the weights written.
        checked: whether the result was read again and compared.
    """

    system: str
    used: int
    unused: tuple[Unused, ...]
    config: ModelConfig
    bytes: int
    checked: bool

    def text(self) -> str:
        """A few lines for people: how much was used, and what was not, by reason."""
        reasons: dict[str, list[str]] = {}
        for unused in self.unused:
            reasons.setdefault(unused.reason, []).append(unused.name)
        compared = ", read again and compared" if self.checked else ""
        lines = [f"{self.used} weights of a {self.system} release, {self.bytes / 1e9:.1f} GB{compared}"]
        for reason, names in reasons.items():
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            lines.append(f"  not used: {names[0]}{more} ({reason})")
        return "\n".join(lines)


@dataclass(frozen=True)
class Made:
    """All that is written: configuration, tokenizer, an empty network of the right shapes, and where weights go."""

    config: ModelConfig
    tokenizer: PreTrainedTokenizerBase
    network: GroundingModel
    moves: list[Move]
    linear: bool


def run(traits: Traits, sources: Sources, target: Path, check: bool) -> Report:
    """Convert; see :func:`model.convert.convert`."""
    check_target(target)
    reader = Reader()
    stores, ignored = _stores(traits, sources, reader)
    found = find(stores)
    made = _prepare(traits, sources, found)
    size = sum(move.bytes for move in made.moves)
    free = shutil.disk_usage(target.parent).free
    if free < size + SPARE:
        raise ValueError(f"{target.parent} has {free / 1e9:.1f} GB free and the result needs {size / 1e9:.1f} GB")
    used = {key for move in made.moves if move.key for key in (move.key, *_adapter(move))}
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(made, folder, reader)
        if check:
            compare(folder, made.config, made.tokenizer, made.moves, reader)
        folder.chmod(0o755)
        folder.rename(target)
    except OSError as error:  # a person knows the folder that they named, not the one it is made in
        named = error.filename if error.filename and not str(error.filename).startswith(str(folder)) else target
        raise OSError(error.errno, error.strerror or str(error), str(named)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Report(traits.name, len(used), (*found.unused, *ignored), made.config, size, check)


def _adapter(move: Move) -> tuple[Any, ...]:
    return () if move.adapter is None else (move.adapter.a, move.adapter.b)


def check_target(target: Path) -> None:
    """Nothing is replaced, and no folders are made on the way.

    Raises:
        ValueError: there is something at the target, or no folder to make it in.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise ValueError(f"{target} exists already: name another folder, or remove it")
    if not target.parent.is_dir():
        raise ValueError(f"there is no folder {target.parent} to put {target.name} in: make it first")
    if not os.access(target.parent, os.W_OK):
        raise ValueError(f"{target.parent} cannot be written to: name another folder")


def _stores(traits: Traits, sources: Sources, reader: Reader) -> tuple[list[Store], list[Unused]]:
    """All weights there are, the release's first; and the files that were left alone."""
    for option, given in (("--base", sources.base), ("--clip", sources.clip), ("--sam", sources.sam)):
        if given is not None and not given.exists():
            raise ValueError(f"{option}: there is no {given}")
    release = _store(sources.release, reader)
    check_system(traits.name, (key.name for key in release[0].keys), str(sources.release))
    made = [release, *([_store(sources.base, reader)] if sources.base else [])]

    def lacks(name: str) -> bool:
        held = (place(plain(key.name)) for store, _ in made for key in store.keys)
        return not any(isinstance(p, Place) and p.name.startswith(name) for p in held)

    if lacks("model.vision_tower."):
        made.append(_store(_clip(sources, needed=True), reader))
    if lacks("image_encoder.") and sources.sam:
        made.append(_store(sources.sam, reader))
    return [store for store, _ in made], [unused for _, more in made for unused in more]


def _store(where: Path | None, reader: Reader) -> tuple[Store, list[Unused]]:
    """The weights of a folder or a file.

    Raises:
        ValueError: there are none.
    """
    assert where is not None
    if not where.exists():
        raise ValueError(f"no checkpoint at {where}: name a folder, or a file of weights")
    files, others = weight_files(where) if where.is_dir() else ([where], [])
    keys = [key for file in files for key in reader.keys(file)]
    ignored = [Unused(path.name, path.name, "not among the checkpoint's own shards") for path in others]
    return Store(where, keys), ignored


def _clip(sources: Sources, needed: bool) -> Path | None:
    """CLIP's folder: the one named, or the one that the configuration names, inside the release or beside it.

    Raises:
        ValueError: it is needed and not found.
    """
    if sources.clip:
        return sources.clip
    config = _config(sources)[0]
    name = str(config.get("mm_vision_tower") or config.get("vision_tower") or "")
    tail = Path(name).name.strip(".")
    inside = sources.release if sources.release.is_dir() else sources.release.parent
    for folder in (inside / tail, inside.parent / tail):
        if tail and folder.is_dir():
            return folder
    if needed:
        raise ValueError(
            f"{sources.release} holds no vision tower: fetch {name or 'the CLIP that it was trained with'} and name "
            "its folder with --clip"
        )
    return None


def _config(sources: Sources) -> tuple[dict[str, Any], Path]:
    """The released configuration, or else the base model's, and the folder that has it.

    Raises:
        ValueError: there is none.
    """
    for folder in (sources.release, sources.base):
        if folder is not None and (folder / "config.json").is_file():
            return read_json(folder / "config.json"), folder
    raise ValueError(
        f"{sources.release} has no config.json: name the folder of the model it was trained from by --base"
    )


def _prepare(traits: Traits, sources: Sources, found: Found) -> Made:
    """Check everything that can be checked before anything is written."""
    released, folder = _config(sources)
    rows = found.shapes.get(Place("backbone", "model.language_model.embed_tokens.weight"), (0,))[0]
    if folder == sources.release and released.get("vocab_size", rows) != rows:
        raise ValueError(f"{folder / 'config.json'} promises {released['vocab_size']} tokens, the embedding has {rows}")
    # All of the systems have it so; a base model's configuration is from before they did.
    surrounded = folder != sources.release or bool(released.get("mm_use_im_start_end", True))
    config = _model_config(traits, sources, released, folder, found)
    options = config.backbone.options
    words = tokenizer(_tokenizer_folder(sources), traits, rows, surrounded)
    words.chat_template = template(traits.template, surrounded)
    words.model_max_length = options["text"]["max_position_embeddings"]
    network = _build(config, words, sources.release)
    expected = {
        Place(part, name): tuple(value.shape)
        for part in ("backbone", *PARTS)
        for name, value in _module(network, part).state_dict().items()
    }
    moves = plan(found, expected, traits.alpha, sources.release)
    learned = network.backbone.encode_chat([("Where?", f"Here {MARK}.")]).labels
    if network.backbone.mark_ids[0] not in learned.tolist():
        raise ValueError(
            f"{_tokenizer_folder(sources)}: its tokenizer does not keep {SEG}, or the spaces around it, apart"
        )
    first = found.keys[Place("backbone", "model.multi_modal_projector.linear_1.weight")]
    return Made(config, words, network, moves, linear(first))


def _build(config: ModelConfig, words: PreTrainedTokenizerBase, where: Path) -> GroundingModel:
    """The network's shapes, without memory.

    Raises:
        ValueError: its sizes do not fit together.
    """
    try:
        return GroundingModel.build(config, words, device="meta")
    except ValueError:
        raise
    except Exception as error:  # the libraries check sizes in their own ways
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{where}: its configuration describes no network ({reason[:200]})") from error


def _tokenizer_folder(sources: Sources) -> Path:
    """The release's own folder if it has a tokenizer, else the base model's."""
    names = ("tokenizer.json", "tokenizer.model")
    folders = [folder for folder in (sources.release, sources.base) if folder is not None and folder.is_dir()]
    held = [folder for folder in folders if any((folder / name).is_file() for name in names)]
    if not held:
        raise ValueError(
            f"{sources.release} has no tokenizer (tokenizer.model or tokenizer.json): fetch it, or name the folder of "
            "the model it was trained from by --base"
        )
    return held[0]


def _model_config(
    traits: Traits, sources: Sources, released: Mapping[str, Any], folder: Path, found: Found
) -> ModelConfig:
    """Our configuration of the result."""
    clip = _clip(sources, needed=False)
    held = read_json(clip / "config.json") if clip and (clip / "config.json").is_file() else None
    vision = _sizes.vision(held, found.shapes)
    if released.get("mm_vision_select_feature", "patch") != "patch":
        raise ValueError(f"{folder / 'config.json'}: mm_vision_select_feature is not 'patch', which alone is converted")
    options = {
        "input_size": vision["image_size"],
        **traits.image,
        "seg": SEG,
        "rej": traits.rej,
        "feature_layer": _feature_layer(released, folder),
        "vision": vision,
        "text": _sizes.text(released, str(folder / "config.json"), found.shapes),
    }
    sam = vars(sources.sam_options or _sizes.sam(found.shapes))
    return ModelConfig(
        backbone=Part("llava", _listed(options)),
        segmenter=Part("sam", _listed(sam)),
        channels=traits.channels,
        layer=_layer(traits.layer, found),
        published=traits.name,  # type: ignore[arg-type]  # one of them
        max_new_tokens=ANSWER,
    )


def _feature_layer(released: Mapping[str, Any], folder: Path) -> int:
    """Which of the tower's states the projector reads.

    Raises:
        ValueError: the configuration names none.
    """
    layer = released.get("mm_vision_select_layer", -2)
    if isinstance(layer, bool) or not isinstance(layer, int):
        raise ValueError(f"{folder / 'config.json'}: mm_vision_select_layer is {layer!r}, no number of a layer")
    return layer


def _layer(layer: LayerOptions, found: Found) -> LayerOptions:
    """The system's layer policy, with the baseline that it was trained with."""
    critic = any(place.part == "policy" and place.name.startswith("critic.") for place in found.keys)
    return replace(layer, baseline="critic") if critic else layer


def _save_tokenizer(words: PreTrainedTokenizerBase, folder: Path) -> None:
    """The library's own writer raises bare exceptions where a disk is full."""
    try:
        words.save_pretrained(folder)
    except OSError:
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"the tokenizer could not be written ({error})", str(folder)) from error


def _listed(options: dict[str, Any]) -> dict[str, Any]:
    """As they come back from JSON, which has no tuples."""
    return cast(dict[str, Any], json.loads(json.dumps(options)))


def _module(network: GroundingModel, part: str) -> torch.nn.Module:
    """What a part's weights are named in."""
    held: Any = network.backbone if part == "backbone" else getattr(network, part)
    return cast(torch.nn.Module, held.llava if part == "backbone" else held)


def _write(made: Made, folder: Path, reader: Reader) -> None:
    """Write all of it into an empty folder."""
    configs.write(made.config, folder / "config.json")
    backbone = folder / "backbone"
    backbone.mkdir()
    _save_tokenizer(made.tokenizer, backbone)
    mine = [move for move in made.moves if move.place.part == "backbone"]
    network: Any = _module(made.network, "backbone")
    stock = network.config
    stock.architectures = ["LlavaForConditionalGeneration"]
    stock.projector_hidden_act = "linear" if made.linear else "gelu"
    stock.image_seq_length = (stock.vision_config.image_size // stock.vision_config.patch_size) ** 2
    stock.dtype = mine[0].dtype
    stock.save_pretrained(backbone)
    ids = {f"{kind}_token_id": getattr(made.tokenizer, f"{kind}_token_id") for kind in ("bos", "eos", "pad")}
    GenerationConfig(**ids).save_pretrained(backbone)
    parts = shards(mine, SHARD)
    index: dict[str, str] = {}
    for number, shard in enumerate(parts, start=1):
        name = f"model-{number:05}-of-{len(parts):05}.safetensors"
        index.update((move.name, name) for move in shard)
        write(backbone / name, shard, lambda move: move.values(reader))
    total = sum(move.bytes for move in mine)
    listed = {"metadata": {"total_size": total}, "weight_map": index}
    (backbone / "model.safetensors.index.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    for part in PARTS:
        moves = [move for move in made.moves if move.place.part == part]
        if moves:
            write(folder / f"{part}.safetensors", moves, lambda move: move.values(reader))
