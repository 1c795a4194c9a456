"""What a conversation leaves behind, in the formats of the tools that go on with it: one file a format, found by name.

A format has ``TITLE`` (a few words for a button), ``ABOUT`` (one line: what it holds, and how exactly) and
``files(talk)``, which gives the files of a :class:`app.export.base.Talk`; with ``REPLACED = True`` those take the place
of older ones of the same name. Where they may be one file, ``single(talk)`` gives its name then, else None. Nothing
here knows the page: the command line writes the same files.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from app.export._words import as_json, as_text, marked, pieces, read_aloud, write_sample
from app.export.base import File, Talk, slug, writing
from data.images import open_image
from data.plugins import Plugins

__all__ = [
    "FORMATS",
    "PICTURES",
    "File",
    "Talk",
    "as_json",
    "as_text",
    "check",
    "files",
    "marked",
    "pieces",
    "read_aloud",
    "slug",
    "write",
    "write_sample",
    "writing",
    "zipped",
]

FORMATS = Plugins(__name__, __path__, "format")
PICTURES = ("overlay", "masks")  # what a folder gets where no format is named


def files(talk: Talk, names: Iterable[str]) -> list[File]:
    """The files of several formats; one that several have is there once.

    Raises:
        ValueError: there is no format of that name.
    """
    return list({file.name: file for _, several in _made(talk, names) for file in several}.values())


def check(talk: Talk, folder: Path, names: Sequence[str] = PICTURES) -> None:
    """Refuse, before there are answers, a folder that holds other files where a format would put its own.

    Raises:
        ValueError: there is no format of that name, or a file is in the way.
    """
    begun = Talk(talk.image, talk.name)
    _refuse(begun, _made(begun, names), folder, contents=False)


def write(talk: Talk, folder: Path, names: Sequence[str] = PICTURES) -> list[Path]:
    """Write the files of several formats to a folder, which is made; returns them.

    The overlay and the masks replace older ones. What a person may have gone on with is never replaced: a file that is
    there stays if it is the same, and is an error if it is not.

    Raises:
        ValueError: there is no format of that name, a file is in the way, or the folder cannot be written.
    """
    made, paths = _made(talk, names), []
    _refuse(talk, made, folder, contents=True)
    with writing(folder):
        for file in {file.name: file for _, several in made for file in several}.values():
            path = folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (file.name == talk.picture.name and path.exists()):
                path.write_bytes(file.data)
            paths.append(path)
    return paths


def zipped(made: Iterable[File]) -> bytes:
    """Files in one archive; the same files give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in made:
            entry = zipfile.ZipInfo(file.name)  # of the archive's first day, as all its entries
            entry.external_attr = 0o644 << 16
            kept = file.name.endswith(".png")
            archive.writestr(entry, file.data, zipfile.ZIP_STORED if kept else zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _made(talk: Talk, names: Iterable[str]) -> list[tuple[ModuleType, list[File]]]:
    """Each format with its files; a wrong name is found before any is made."""
    return [(form, list(form.files(talk))) for form in [FORMATS.load(name) for name in names]]


def _refuse(talk: Talk, made: Iterable[tuple[ModuleType, list[File]]], folder: Path, contents: bool) -> None:
    """Raise where another file is in the way of one that replaces none."""
    for form, several in made:
        for file in several if not getattr(form, "REPLACED", False) else []:
            path = folder / file.name
            if file.name == talk.picture.name and path.is_file():
                kept = np.array_equal(open_image(path), talk.image)
            else:
                kept = not path.exists() or (contents and path.is_file() and path.read_bytes() == file.data)
            if not kept:
                raise ValueError(f"{path} is there already: name another folder, or take it away first")
