"""Released checkpoints by name: what each is and where it comes from, read from the table beside this file."""

import dataclasses
import difflib
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from data.settings import build

TABLE = Path(__file__).parent / "released.yaml"
CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
PARTS = ("sam", "clip", "backbone", "segmenter")


@dataclass(frozen=True)
class Fact:
    """A value, and the source that says so (a key of the table's ``sources``)."""

    value: str
    source: str


@dataclass(frozen=True)
class Number:
    """A published number: ``what`` names data, split and measure."""

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Release:
    """A released checkpoint, a fresh start, or a part of them. None stands for what is not known.

    Attributes:
        what: it is, in a few words.
        kind: the system that :mod:`model.convert` takes it for; ``fresh`` is assembled, ``sam`` and ``clip`` are
            parts of others, and a ``backbone`` and a ``segmenter`` go together (:mod:`model.released.pair`).
        repository: on the hub; None if it is on none.
        page: where it is found if it is on no hub.
        file: the one file that is needed, of the repository or of the page.
        sha256: of that file, in hex.
        base: the model that it was trained from, if its weights are needed.
        clip, sam: names of the parts that it lacks.
        settings: for the conversion; of a backbone, for the channel ``coordinates``.
        size, licence, numbers: as published.
        name: its key in the table.
    """

    what: str
    kind: Literal["lisa", "gsva", "read", "uground", "fresh", "sam", "clip", "backbone", "segmenter"]
    repository: str | None = None
    page: str | None = None
    file: str | None = None
    sha256: str | None = None
    base: str | None = None
    clip: str | None = None
    sam: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    size: Fact | None = None
    licence: Fact | None = None
    numbers: tuple[Number, ...] = ()
    name: str = ""

    @property
    def is_part(self) -> bool:
        """Whether it is no model by itself."""
        return self.kind in PARTS

    @property
    def facts(self) -> list[Fact | Number]:
        """All that has a source."""
        return [fact for fact in (self.size, self.licence, *self.numbers) if fact is not None]


@dataclass(frozen=True)
class Table:
    """The releases, and their sources by short names."""

    sources: dict[str, str]
    releases: dict[str, Release]


@functools.cache
def table(path: Path = TABLE) -> Table:
    """Read the table.

    Raises:
        ValueError: it has an unknown key, or names a source or a part that it does not have.
    """
    read = build(Table, yaml.safe_load(path.read_text(encoding="utf-8")), str(path))
    made = {name: dataclasses.replace(release, name=name) for name, release in read.releases.items()}
    for name, release in made.items():
        for fact in release.facts:
            if fact.source not in read.sources:
                raise ValueError(f"{path}: {name}: no source {fact.source!r} is listed")
        for kind, part in (("clip", release.clip), ("sam", release.sam)):
            if part is not None and (part not in made or made[part].kind != kind):
                raise ValueError(f"{path}: {name}: {kind}: {part!r} is no {kind} of the table")
        if (release.repository is None) == (release.page is None):
            raise ValueError(f"{path}: {name}: give either a repository or a page")
    return Table(read.sources, made)


def find(name: str) -> Release:
    """A release by name.

    Raises:
        ValueError: there is none; the nearest name is suggested.
    """
    known = table().releases
    if name in known:
        return known[name]
    close = near(name)
    raise ValueError(
        f"no release is called {name!r}: "
        + (f"did you mean {close}?" if close else "`pinpoint download --list` prints all names")
    )


def here(name: str | Path, checkpoints: Path = CHECKPOINTS) -> Path | None:
    """The absolute path of a checkpoint, given by its folder or by its name in ``checkpoints``; None if it is not here.
    Its damage is found when it is read."""
    for folder in (Path(name), checkpoints / name) if Path(name).name == str(name) else (Path(name),):
        if (folder / "config.json").is_file():
            return folder.resolve()
    return None


def near(name: str) -> str | None:
    """The release whose name is most like this one, if any is."""
    return next(iter(difflib.get_close_matches(name.lower(), table().releases, n=1)), None)
