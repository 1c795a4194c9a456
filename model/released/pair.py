"""A model of two released networks and nothing of ours: one that writes where things are, and a segmenter.

What is made is a checkpoint folder like any other, but for its backbone, which is a link to where that was downloaded:
of a language model there is one copy.
"""

import dataclasses
import hashlib
import json
import shutil
import tempfile
import typing
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import safetensors.torch
import torch
from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name
from transformers import AutoConfig, PreTrainedConfig

from model import backbones, folders, segmenters
from model import config as configs
from model.config import ModelConfig, Part
from model.convert._sizes import SAMS
from model.released import CHECKPOINTS, Release, table
from model.released.download import WEIGHTS
from model.segmenters.base import Segmenter

RECORD = "pair.json"  # in the result: what it was made of
KINDS = {"backbone": ("backbone",), "segmenter": ("segmenter", "sam")}
FRAMES = {"qwen3_vl": "thousandths"}  # what numbers in the text count, of families for which it is not pixels
CELLS = 1280  # of a picture at most, where a family takes it at its own size; 16,000 as released are too slow to ask
SQUARE = 840  # pixels: the side that pictures were stretched to for Seg-Zero and VisionReasoner
THINKERS = ("seg_zero", "vision_reasoner")  # wordings of the channel
TOKENS, THOUGHTS = 512, 2048  # where an answer is cut: a list of many boxes is long, and one with thoughts is longer


@dataclasses.dataclass(frozen=True)
class Place:
    """A part at hand: its ``name`` (of the release, or of the folder), where it is, and the settings of the channel
    ``coordinates`` that the release needs."""

    name: str
    path: Path
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def released(self) -> bool:
        """It is a download, whose files do not change, and no folder of a person's."""
        return self.name in table().releases

    @property
    def called(self) -> str:
        """Its name among the checkpoints: folders of one name in two places are two parts."""
        return self.name if self.released else f"{self.name}-{hashlib.sha256(str(self.path).encode()).hexdigest()[:8]}"


def find(name: str, role: str, cache: Path | None = None) -> Place:
    """A part by its folder, or by the name of a release that was downloaded.

    Args:
        name: of the release, or a folder in the hub's format.
        role: "backbone" or "segmenter".
        cache: the hub client's; its own if None.

    Raises:
        ValueError: there is no such folder or release, or it was not downloaded.
    """
    path = Path(name)
    if (path / "config.json").is_file():
        return Place(path.resolve().name, path.resolve())
    known = {n: release for n, release in table().releases.items() if release.kind in KINDS[role]}
    if name not in known:
        raise ValueError(f"no {role} {name!r}: name a folder that holds config.json, or one of {', '.join(known)}")
    found = downloaded(known[name], Path(cache or constants.HF_HUB_CACHE).expanduser())
    if found is None:
        raise ValueError(f"{name} is not here yet: run `pinpoint download {name}` first")
    return Place(name, found, known[name].settings)


def downloaded(release: Release, cache: Path) -> Path | None:
    """Where the part lies in the cache, the newest if it was fetched more than once; None if it is not all there."""
    assert release.repository is not None, "parts are on a hub"
    root = cache.resolve() / repo_folder_name(repo_id=release.repository, repo_type="model") / "snapshots"
    for snapshot in sorted(root.glob("*"), key=lambda path: path.stat().st_mtime, reverse=True):
        if release.file is not None and (snapshot / release.file).is_file():
            return snapshot / release.file
        if release.file is None and (snapshot / "config.json").is_file() and _whole(snapshot):
            return snapshot
    return None


def _whole(folder: Path) -> bool:
    """Whether all of a folder's weights are there."""
    found = next((name for name in WEIGHTS if (folder / name).is_file()), None)
    if found is None or not found.endswith(".index.json"):
        return found is not None
    shards = set(configs.read_json(folder / found).get("weight_map", {}).values())
    return bool(shards) and all((folder / shard).is_file() for shard in shards)


def pair(backbone: Place, segmenter: Place, checkpoints: Path = CHECKPOINTS) -> Path:
    """The checkpoint of two parts, made if it is not there or is of other files; by one of several processes that begin
    together.

    Raises:
        ValueError: a part is of no family that is known, or damaged; or something else has the checkpoint's name.
    """
    target = checkpoints / f"{backbone.called}+{segmenter.called}"
    checkpoints.mkdir(parents=True, exist_ok=True)
    with folders.locked(checkpoints / f".{target.name}.lock"):
        return _paired(backbone, segmenter, target)


def _paired(backbone: Place, segmenter: Place, target: Path) -> Path:
    wanted = _record(backbone, segmenter)
    try:
        held = json.loads((target / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if held == wanted:
        return target.resolve()
    if held is None and target.exists():
        raise ValueError(f"{target} exists already and was not made of two parts: move it away")
    config, drawer = configured(backbone, segmenter)
    write(config, backbone.path, drawer, target, wanted)
    return target.resolve()


def configured(
    backbone: Place, segmenter: Place, channels: Mapping[str, dict[str, Any]] | None = None
) -> tuple[ModelConfig, Segmenter]:
    """The configuration of two parts with the channel ``coordinates``, or ``channels`` instead; and the segmenter, for
    its weights tell its sizes.

    Raises:
        ValueError: a part is of no family that is known, or damaged.
    """
    thinks = backbone.settings.get("wording") in THINKERS
    family, options = _backbone(backbone.path, thinks)
    if channels is None:  # none of them asks for a mark
        options |= dict.fromkeys(_optional(backbones.load(family).Options) & {"seg", "rej"})
    drawer, name = _segmenter(segmenter.path)
    settings = {**({"frame": FRAMES[family]} if family in FRAMES else {}), **backbone.settings}
    config = ModelConfig(
        backbone=Part(family, options),
        segmenter=Part(name, _plain(dataclasses.asdict(drawer.options))),  # type: ignore[call-overload]
        channels=dict(channels) if channels is not None else {"coordinates": settings},
        max_new_tokens=THOUGHTS if thinks else TOKENS,
    )
    return config, drawer


def write(config: ModelConfig, backbone: Path, drawer: Segmenter, target: Path, record: Mapping[str, Any]) -> None:
    """Write the checkpoint folder; complete or not at all."""
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        configs.write(config, made / "config.json")
        (made / "backbone").symlink_to(backbone, target_is_directory=True)
        safetensors.torch.save_file(folders.stored(drawer, None), made / "segmenter.safetensors")
        safetensors.torch.save_file({}, made / "channels.safetensors")  # it learns nothing
        (made / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        made.chmod(0o755)
        folders.put(target, made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _backbone(folder: Path, thinks: bool) -> tuple[str, dict[str, Any]]:
    """The family that a folder's own configuration names, and its options."""
    kind = configs.read_json(folder / "config.json").get("model_type")
    if kind not in backbones.available():
        raise ValueError(
            f"{folder} holds a {kind!r}, which is no backbone: there are {', '.join(backbones.available())}"
        )
    try:
        held: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # a damaged file makes the library raise nearly anything
        raise folders.damaged(folder / "config.json", error) from error
    known = {field.name for field in dataclasses.fields(backbones.load(str(kind)).Options)}
    cell = getattr(held.vision_config, "patch_size", 0) * getattr(held.vision_config, "spatial_merge_size", 1)
    values = {
        "input_size": getattr(held.vision_config, "image_size", None),
        "max_pixels": min(CELLS, held.text_config.max_position_embeddings // 2) * cell**2,
        "square": SQUARE if thinks else None,
        "feature_layer": getattr(held, "vision_feature_layer", None),
        "pinpoints": getattr(held, "image_grid_pinpoints", None),
        "vision": _sizes(held.vision_config),
        "text": {**_sizes(held.text_config), "tie_word_embeddings": bool(held.text_config.tie_word_embeddings)},
    }
    return str(kind), {name: value for name, value in values.items() if name in known and value is not None}


def _optional(options: type) -> set[str]:
    """The settings that may be None."""
    return {name for name, hint in typing.get_type_hints(options).items() if type(None) in typing.get_args(hint)}


def _segmenter(path: Path) -> tuple[Segmenter, str]:
    """A segmenter and its family: of a folder in the hub's format, or of the file of SAM's weights."""
    if path.is_file():
        return _sam(path), "sam"
    kind = configs.read_json(path / "config.json").get("model_type")
    families: dict[str, ModuleType] = {name: segmenters.load(name) for name in segmenters.available()}
    known = {each: name for name, module in families.items() for each in getattr(module, "HUB", ())}
    if kind not in known:
        raise ValueError(f"{path} holds a {kind!r}, which is no segmenter: there are {', '.join(sorted(known))}")
    drawer: Segmenter = families[known[kind]].from_hub(path)
    return drawer, known[kind]


def _sam(path: Path) -> Segmenter:
    """One of the three SAMs, from the file that its authors released."""
    from model.segmenters.sam import Model

    try:
        weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        width = len(weights["image_encoder.patch_embed.proj.weight"])
        depth = len({name.split(".")[2] for name in weights if name.startswith("image_encoder.blocks.")})
        made = Model(SAMS[width, depth])
        made.load_state_dict(weights)
    except Exception as error:  # as above
        raise ValueError(f"{path} is damaged, or none of SAM ViT-B, ViT-L and ViT-H: fetch it again") from error
    return made


def _sizes(config: Any) -> dict[str, Any]:
    """A network's own configuration as plain values, without what every configuration has."""
    values = {name: value for name, value in config.to_dict().items() if name not in PreTrainedConfig().to_dict()}
    return _plain({**values, "model_type": config.model_type})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON has them: tuples as lists."""
    made: dict[str, Any] = json.loads(json.dumps(values))
    return made


def _record(backbone: Place, segmenter: Place) -> dict[str, Any]:
    """What a pair is of: the parts' places, settings, and the files of the one that is copied."""
    paths = [segmenter.path] if segmenter.path.is_file() else sorted(p for p in segmenter.path.iterdir() if p.is_file())

    def changed(path: Path) -> list[int]:
        return [] if segmenter.released else [path.stat().st_mtime_ns]

    return {
        "backbone": str(backbone.path),
        "settings": dict(backbone.settings),
        "segmenter": str(segmenter.path),
        "files": [[path.name, path.stat().st_size, *changed(path)] for path in paths],
    }
