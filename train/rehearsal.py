"""``pinpoint train RECIPE --dry-run``: everything that can be known of a run before hours are spent on it.

Nothing is read that takes more than seconds: of weights the headers of their files, of data one batch, and the model is
built in shapes alone.
"""

import contextlib
import dataclasses
import os
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
import yaml
from torch import nn
from transformers import AutoTokenizer

from data import mixture
from data.datasets.base import Source
from data.settings import build
from model import config as configs
from model.backbones._decoder import DecoderBackbone
from model.grounding import GroundingModel
from model.released.download import gigabytes
from model.tokens import add_marks
from train import budget, lora, objectives, origin, rounded
from train.conversations import root
from train.objectives import grounding, grpo
from train.parameters import counts, select
from train.recipe import Recipe, deepspeed_settings

FEW = 2000  # texts that a tokenizer of the right size is trained on here
SMALL = 64_000_000  # bytes of annotations that are opened here; more of them take longer than a rehearsal should


@dataclass(frozen=True)
class Built:
    """A run's model and objective in shapes alone."""

    model: GroundingModel
    objective: nn.Module
    module: Any
    options: Any


def rehearse(recipe: Recipe) -> Iterator[str]:
    """What is found, in paragraphs as they are known.

    Raises:
        ValueError: the run cannot work; one line says why.
    """
    yield yaml.safe_dump(dataclasses.asdict(recipe), sort_keys=False, width=110).rstrip()
    machines = hosts(recipe)
    zero = budget.Zero.read(deepspeed_settings(recipe), sum(machines.values()) or recipe.processes)
    yield f"processes  {_processes(recipe, machines)}"
    yield f"weights    {'; '.join(_weights(where) for where in (recipe.init, *recipe.take.values()))}"
    built = shapes(recipe)
    found, small = _data(recipe, built)
    yield f"data       {found}"
    few = rounded.names(built.objective, built.model) if recipe.bits else ()
    yield f"disk       {disk(recipe, built, zero, few)}"
    yield _parameters(built.objective)
    work = work_of(recipe, built, drawn=not small)
    if work is not None and not small:
        yield "batch      drawn scenes: activations and time are theirs, as the data is too large to open here"
    if work is not None and isinstance(built.options, grpo.Options):
        yield f"batch      answers that all have the {built.options.longest} tokens of options.longest; most have fewer"
    yield memory(built.objective, zero, work, few)
    if work is None:
        yield f"time       not reckoned, and no activations above: {_uncounted(recipe, built)}"
    else:
        yield f"time       {_time(recipe, work)}"


def shapes(recipe: Recipe) -> Built:
    """The model that the run would begin with, on the meta device; what learns is marked.

    Raises:
        ValueError: a part of the recipe does not fit.
    """
    from train import run

    if recipe.init in configs.presets():
        fewer = dataclasses.replace(recipe, tokenizer_texts=min(recipe.tokenizer_texts, FEW))
        config, words = configs.preset(recipe.init), run.tokenizer(fewer)
    else:
        config, words = _stored(recipe.init)
        if recipe.preset is not None:
            held, config = config, origin.configured(recipe, config)
            if new := configs.new_marks(held, config):
                add_marks(words, marks=new)
                config = configs.with_vocabulary(config, len(words))
    model = GroundingModel.build(config, words, "meta")
    run.take(model, recipe, lambda where: GroundingModel.build(*_stored(where), "meta"))
    if recipe.lora is not None:
        lora.attach(model, recipe.lora)
    module = objectives.load(recipe.objective)
    options = build(module.Options, recipe.options, "options")
    with torch.device("meta"):
        objective = module.Objective(model, options)
    select(objective, recipe.train, rounded.names(objective, model) if recipe.bits else ())
    if hasattr(module, "check_learned"):
        module.check_learned(objective, recipe, options)
    origin.hold(model, recipe)
    return Built(model, objective, module, options)


def _stored(name: str) -> tuple[configs.ModelConfig, Any]:
    """The configuration and the tokenizer of a checkpoint.

    Raises:
        ValueError: it is not there, or damaged.
    """
    folder = origin.folder(name)
    config = configs.read(folder / "config.json")
    try:
        words = AutoTokenizer.from_pretrained(folder / "backbone", local_files_only=True)
    except Exception as error:  # a damaged file makes the library raise nearly anything
        raise ValueError(f"{folder / 'backbone'} has no tokenizer, or a damaged one: fetch it again") from error
    return config, words


def hosts(recipe: Recipe) -> dict[str, int]:
    """Machines of the recipe's hostfile and how many processes each takes; none where there is one machine alone.

    Raises:
        ValueError: the file is not there, or is none.
    """
    if recipe.hosts is None:
        return {}
    if not Path(recipe.hosts).is_file():
        raise ValueError(f"hosts: no file {recipe.hosts}: write one line a machine, for example 'node1 slots=8'")
    from deepspeed.launcher.runner import fetch_hostfile

    try:
        return dict(fetch_hostfile(recipe.hosts))
    except Exception as error:  # it raises what it likes
        raise ValueError(f"hosts: {recipe.hosts} is no hostfile ({error}): write 'node1 slots=8' a line") from error


def _processes(recipe: Recipe, machines: dict[str, int]) -> str:
    """
    Raises:
        ValueError: this machine has GPUs, and fewer than processes.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    where = ", ".join(f"{name} ({slots})" for name, slots in machines.items())
    many = f"{sum(machines.values())} on {where}" if machines else str(recipe.processes)
    if not gpus:
        return f"{many}, without a GPU, on {os.cpu_count()} cores each machine"
    if not machines and recipe.processes > gpus:  # this machine may be none of them
        raise ValueError(f"processes: {recipe.processes} need a GPU each, and this machine has {gpus}")
    held = torch.cuda.get_device_properties(0)
    return f"{many}, each on a GPU: {held.name}, {gigabytes(held.total_memory)}"


def _weights(where: str) -> str:
    """
    Raises:
        ValueError: a file is missing or cut off.
    """
    if where in configs.presets():
        return f"{where}: random"
    folder = origin.folder(where)
    places = (folder, folder / "backbone")  # the second may be a link
    paths = [path for place in places for path in place.glob("*.safetensors")]
    for index in (path for place in places for path in place.glob("*.safetensors.index.json")):
        paths += [index.parent / name for name in set(configs.read_json(index).get("weight_map", {}).values())]
    if not (folder / "segmenter.safetensors").is_file():
        paths.append(folder / "segmenter.safetensors")
    for path in sorted(set(paths)):
        try:
            with safetensors.safe_open(path, "pt") as file:
                file.keys()
        except (OSError, safetensors.SafetensorError) as error:
            raise ValueError(f"{path} is missing or damaged: fetch or train {where} again") from error
    size = sum(path.stat().st_size for path in set(paths))
    return f"{where}: {gigabytes(size)} in {len(set(paths))} files"


def _data(recipe: Recipe, built: Built) -> tuple[str, bool]:
    """What there is to learn from, and whether it is opened here.

    Raises:
        ValueError: it is not there, or cannot be read.
    """
    data = getattr(built.options, "data", None)
    if not data:
        return "the drawn world", True
    found = mixture.find(root(built.options), list(data))
    small = sum(map(_size, found.values())) <= SMALL
    said = []
    for name in data:
        if name == mixture.WORLD:
            said.append("the drawn world")
        elif small:
            opened = found[name].open()
            opened.picture(0).load()
            said.append(f"{name}: {len(opened):,} pictures")
        else:
            said.append(f"{name}: {gigabytes(_size(found[name]))} of annotations")
    more = "" if small else " (too many to open here: `pinpoint data check` reads all of it)"
    return "; ".join(said) + more, small


def _size(source: Source) -> int:
    every = (path for file in source.files for path in (file.rglob("*.json") if file.is_dir() else [file]))
    return sum(path.stat().st_size for path in every if path.is_file())


def disk(recipe: Recipe, built: Built, zero: budget.Zero, few: Collection[str]) -> str:
    """
    Raises:
        ValueError: the disk has not room for what the run keeps, and for one more while it is written.
    """
    state, plain = budget.saved(built.objective, zero, few), budget.written(built.model)
    out = Path(recipe.out).absolute()
    at = _nearest(out)
    if not at.is_dir() or not os.access(at, os.W_OK):
        raise ValueError(f"out: {at} cannot be written to: name another folder")
    count = recipe.keep + 1 + (recipe.validate_steps > 0)  # and the one that validated best
    features = _features(recipe, built, zero, at)
    needs = int(count * state + 2 * plain + features)
    cached = f" and up to {gigabytes(int(features))} of options.features" if features else ""
    what = (
        f"{count} saved states of {gigabytes(int(state))} and 2 checkpoints of {gigabytes(int(plain))}{cached}: "
        f"{gigabytes(needs)}"
    )
    # A run that goes on puts its states in the place of those.
    held = sum(_bytes(out / name) for name in ("checkpoints", "model"))
    if held:
        what += f", of which {gigabytes(min(held, needs))} are there"
    free = shutil.disk_usage(at).free
    if free + held < needs:
        keys = "out, keep or options.features_gb" if features else "out or keep"
        raise ValueError(f"out: {at} has {gigabytes(free)} free, and needed are {what}: make room, or set {keys}")
    return f"{what}; {gigabytes(free)} are free in {at}"


def _features(recipe: Recipe, built: Built, zero: budget.Zero, at: Path) -> float:
    """Bytes that kept features may yet take of the disk of ``at``. On another one they may fill it: that costs the
    cache, and not the run."""
    where = getattr(built.options, "features", None)
    if where is None or built.model.listener is not None:
        return 0.0
    folder = Path(where).expanduser().absolute()
    if _nearest(folder).stat().st_dev != at.stat().st_dev:
        return 0.0
    pictures = recipe.steps * recipe.batch * recipe.accumulate * zero.processes
    most = pictures * budget.encoder(built.model.segmenter, 1, half=True).kept
    return max(0.0, min(built.options.features_gb * 1e9, most) - _bytes(folder))


def _nearest(path: Path) -> Path:
    """The folder itself, or the one above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def _bytes(folder: Path) -> int:
    """Of all files in a folder; 0 if it is not there."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # another run may use the folder
            total += path.stat().st_size if path.is_file() else 0
    return total


def _parameters(objective: nn.Module) -> str:
    rows = [(part, learn, total) for part, (learn, total) in counts(objective).items()]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    lines = [f"{'parameters':28} {'learn':>15} {'of':>16}"]
    return "\n".join([*lines, *(f"  {part:26} {learn:15,} {total:16,}" for part, learn, total in rows)])


def work_of(recipe: Recipe, built: Built, gpu: bool = True, drawn: bool = False) -> budget.Work | None:
    """The work of one batch of the run's own data, or of ``drawn`` scenes in its place; as on GPUs unless ``gpu`` is
    False. None if it is not counted."""
    if _uncounted(recipe, built) is not None:
        return None
    # A model without <REJ> passes over scenes that ask for what is not there.
    options = dataclasses.replace(built.options, data={mixture.WORLD: 1.0}, faults="skip") if drawn else built.options
    half = recipe.precision == "bf16"
    if isinstance(built.objective, grpo.Objective):
        batch = grpo.largest(built.model, options, recipe.first, recipe.batch)
        return budget.reinforced(built.model, batch, options.at_once, options.kl > 0, half, recipe.recompute, gpu)
    data = built.module.dataset(built.model, options, recipe.first, recipe.batch)
    batch = built.module.collate(built.model, [data[index] for index in range(recipe.batch)])
    images = len(batch.masks) if recipe.published else options.images
    masks = 10**6 if recipe.published else options.masks
    return budget.step(built.model, batch, images, masks, half, recipe.recompute, gpu)


def _uncounted(recipe: Recipe, built: Built) -> str | None:
    """Why the work of a batch is not counted; None where it is."""
    if not isinstance(built.objective, grounding.Objective | grpo.Objective):
        return f"those of the objective {recipe.objective} are not counted"
    if not isinstance(built.model.backbone, DecoderBackbone):
        return f"the layers of {built.model.config.backbone.family} are not counted"
    return None


def memory(objective: nn.Module, zero: budget.Zero, work: budget.Work | None, few: Collection[str] = ()) -> str:
    """The table of a process's memory; the parameters ``few`` are rounded to 4 bits."""
    held = budget.state(objective, zero, few)
    if work is not None:
        held.device["activations"] = work.kept
        held.device[f"more while {work.when}"] = work.more
    lines = [f"memory of a process, ZeRO stage {zero.stage}, {zero.processes} process{'es' * (zero.processes != 1)}"]
    lines += [f"  {part:30} {gigabytes(int(size)):>8}" for part, size in held.device.items()]
    lines.append(f"  {'all':30} {gigabytes(int(held.most)):>8}")
    lines += [f"  {part + ', in main memory':30} {gigabytes(int(size)):>8}" for part, size in held.host.items()]
    if torch.cuda.is_available():
        there = torch.cuda.get_device_properties(0).total_memory
        if held.most > there:
            what = "this" if work is not None else "this alone, without activations,"
            lines.append(
                f"  {what} is more than the GPU has, {gigabytes(there)}: see docs/recipes.md for what to change"
            )
    return "\n".join(lines)


def _time(recipe: Recipe, work: budget.Work) -> str:
    """At the speed of a bare product of matrices here: no run is faster."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    speed = budget.rate(device, recipe.precision == "bf16", time.perf_counter)
    shared = 1 if device.type == "cuda" else recipe.processes
    second = recipe.accumulate * work.operations * shared / speed
    return (
        f"{recipe.accumulate * work.operations / 1e12:.2f} Tflop a step and process, {speed / 1e12:.2f} Tflop/s here: "
        f"{_span(second)} a step or more, {_span(second * recipe.steps)} or more for {recipe.steps:,} steps"
    )


def _span(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.2f} seconds"
