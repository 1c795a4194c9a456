"""Fetching a release with what it needs, and making one of our checkpoints of it.

Everything is looked up first: which files, how large, and whether the disk has room for them and for the result. What
is fetched stays in the hub client's cache, so that a stopped download goes on; the result appears complete or not at
all.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.released import Release, find
from model.released.hub import Hub, Listing, RemoteFile

RECORD = "released.json"  # in the result: which release it is, of which commits
TEXTS = (
    "config.json",
    "generation_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
)
MORE = ("preprocessor_config.json", "chat_template.json", "chat_template.jinja", "vocab.json", "merges.txt")
WEIGHTS = ("model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Piece:
    """The files of one repository that are needed."""

    release: Release
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Plan:
    """What a release takes: itself first, then its parts."""

    release: Release
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes of all files; the result has about as many."""
        return sum(piece.size for piece in self.pieces)

    @property
    def files(self) -> list[RemoteFile]:
        """All files."""
        return [file for piece in self.pieces for file in piece.files]


def plan(release: Release, hub: Hub) -> Plan:
    """Look up what is to be fetched. Only the index of the shards, if there is one, is fetched now.

    Raises:
        ValueError: it is on no hub, the hub does not give it, or it lacks a file that is needed.
    """
    if release.page is not None:
        raise ValueError(by_hand(release))
    wanted = [release, *(find(part) for part in (release.clip, release.sam) if part is not None)]
    return Plan(release, tuple(_piece(each, hub) for each in wanted))


def by_hand(release: Release) -> str:
    """How to get a release that is on no hub."""
    parts = [f"{name} (`pinpoint download {name}`)" for name in (release.clip, "sam-vit-h") if name is not None]
    return (
        f"{release.name} is on no hub: fetch {release.file} from {release.page} by hand, and {', '.join(parts)} and "
        f"a folder of {release.base}; then `pinpoint convert --from {release.kind} {release.file} "
        f"checkpoints/{release.name} --base DIR --clip DIR --sam FILE`"
    )


def download(release: Release, target: Path, hub: Hub, say: Say = print, check: bool = False) -> Path:
    """Fetch a release and convert it; a part is fetched alone.

    Args:
        release: of the table.
        target: the folder to make. One that holds this release already is left as it is.
        hub: to fetch from.
        say: is told what happens, in lines for people.
        check: read the result again and compare every number.

    Returns:
        ``target``, or where in the hub client's cache a part lies.

    Raises:
        ValueError: something stands in the way; one line says what, and what to do. The target is as it was.
        OSError: a file cannot be written.
    """
    if release.is_part:
        piece = plan(release, hub).pieces[0]
        _check_room(hub, piece.files, None, 0)
        return _fetch(piece, hub, say)
    if is_there(release, target):
        say(f"{target} is there already: it holds {release.name}")
        return target
    from model.convert import check_target

    check_target(target)
    planned = plan(release, hub)
    _check_room(hub, planned.files, target.parent, planned.size)
    places = [_fetch(piece, hub, say) for piece in planned.pieces]
    say(f"making {target}")
    _make(planned, places, target, say, check)
    return target


def is_there(release: Release, target: Path) -> bool:
    """Whether the folder is a finished download of this release."""
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("name") == release.name and (target / "config.json").is_file()


def _piece(release: Release, hub: Hub) -> Piece:
    assert release.repository is not None, "checked with the table"
    listing = hub.listing(release.repository)
    if release.file is not None:
        names: Iterable[str] = [release.file]
    else:
        texts = TEXTS[:1] if release.kind in ("clip", "segmenter") else TEXTS
        texts = (*texts, *MORE) if release.kind == "backbone" else texts
        names = [*(name for name in texts if name in listing.files), *_weights(listing, hub)]
    lacks = [name for name in names if name not in listing.files]
    if lacks:
        raise ValueError(f"{hub.endpoint}/{release.repository} has changed: it lacks {', '.join(sorted(lacks)[:5])}")
    files = tuple(listing.files[name] for name in names)
    for file in files:
        if release.sha256 is not None and file.etag != release.sha256:
            raise ValueError(
                f"{hub.endpoint}/{release.repository}: {file.path} is not the file that was released (another SHA-256)"
            )
    return Piece(release, listing.commit, files)


def _weights(listing: Listing, hub: Hub) -> list[str]:
    """The files of weights: as safetensors where there are any, and no file twice in two forms.

    Raises:
        ValueError: there are none, or the index of the shards is damaged.
    """
    found = next((name for name in WEIGHTS if name in listing.files), None)
    if found is None:
        raise ValueError(f"{hub.endpoint}/{listing.repository} holds no weights: there is none of {', '.join(WEIGHTS)}")
    if not found.endswith(".index.json"):
        return [found]
    try:
        shards = set(json.loads(hub.fetch(listing.files[found]).read_text(encoding="utf-8"))["weight_map"].values())
        return [found, *sorted(shards)]
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{hub.endpoint}/{listing.repository}: {found} is no index of shards") from error


def _check_room(hub: Hub, files: Iterable[RemoteFile], folder: Path | None, size: int) -> None:
    """The disk of the cache must have room for what is still to be fetched, that of ``folder`` for ``size`` bytes.

    Raises:
        ValueError: it has not.
    """
    from model.convert import SPARE

    needs = [(hub.cache, sum(hub.missing(file) for file in files), "to fetch")]
    needs += [(folder, size, "for the result")] if folder is not None else []
    disks: dict[int, list[tuple[Path, int, str]]] = {}
    for place, amount, what in needs:
        held = next(path for path in (place, *place.absolute().parents) if path.exists())
        disks.setdefault(held.stat().st_dev, []).append((held, amount, what))
    for each in disks.values():
        free = shutil.disk_usage(each[0][0]).free
        if free < sum(amount for _, amount, _ in each) + SPARE:
            parts = " and ".join(f"{gigabytes(amount)} {what} ({place})" for place, amount, what in each)
            raise ValueError(
                f"not enough room: needed are {parts}, free are {gigabytes(free)}; make room, name another disk by "
                "--out, or set HF_HUB_CACHE to a folder on one"
            )


def _fetch(piece: Piece, hub: Hub, say: Say) -> Path:
    """The folder of a repository's files in the cache; the file itself if only one is wanted."""
    missing = sum(hub.missing(file) for file in piece.files)
    if missing:
        count = f"{len(piece.files)} file{'s' * (len(piece.files) != 1)}"
        say(f"fetching {piece.release.repository}: {count}, {gigabytes(missing)} of {gigabytes(piece.size)} to go")
    places = [hub.fetch(file) for file in piece.files]
    return places[0] if piece.release.file is not None else places[0].parent


def _make(planned: Plan, places: list[Path], target: Path, say: Say, check: bool) -> None:
    """Convert, or assemble, beside the target, and put the result in its place."""
    release = planned.release
    at = {piece.release.kind: place for piece, place in zip(planned.pieces, places, strict=True)}
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    made = beside / target.name
    try:
        if release.kind == "fresh":
            from model.released.fresh import assemble

            assemble(at["fresh"], at["sam"], made)
        else:
            from model.convert import convert

            report = convert(
                release.kind,
                at[release.kind],
                made,
                clip=at.get("clip"),
                sam=at.get("sam"),
                settings=release.settings,
                check=check,
            )
            say(report.text())
        (made / RECORD).write_text(json.dumps(_record(planned), indent=2) + "\n", encoding="utf-8")
        made.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _record(planned: Plan) -> dict[str, Any]:
    commits = {str(piece.release.repository): piece.commit for piece in planned.pieces}
    return {"name": planned.release.name, "settings": planned.release.settings, "repositories": commits}


def gigabytes(size: int) -> str:
    """Bytes as people read them; kilobytes and megabytes for small ones."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1000:.1f} kB"
