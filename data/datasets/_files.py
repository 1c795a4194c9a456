"""Annotation files, read with care: no code runs, nothing outside the root is touched, numbers are numbers."""

import io
import json
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from data.images import MOST_PIXELS

MOST_BYTES = 4_000_000_000  # of an annotation file
LONGEST_NAME, LONGEST_PATH = 255, 1024  # bytes of a file's name, and of a path below the root
_SCALARS = frozenset((str, int, float, bool, type(None)))


def read_json(
    path: Path,
    encodings: tuple[str, ...] = ("utf-8",),
    kept: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """A JSON file's values. ``kept`` is given each object as soon as it is read and returns what takes its place: what
    it leaves out of a large file is never in memory all at once.

    Raises:
        ValueError: it is missing, no JSON, cut off, nested too deeply, holds NaN or infinity, or has none of the
            encodings.
    """
    data = read_bytes(path)
    for encoding in encodings:
        try:
            text = data.decode(encoding)
            del data  # of a large file they are half of the memory
            break
        except UnicodeDecodeError:
            continue
    else:
        raise ValueError(f"{path}: its bytes are neither {' nor '.join(encodings)}: save it in UTF-8")
    return parse_json(text, str(path), kept=kept)


def parse_json(
    text: str,
    where: str,
    remedy: str = "fetch it again",
    kept: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """The values of a JSON text. ``remedy`` says what to do where it is none; ``kept`` as in :func:`read_json`.

    Raises:
        ValueError: it is no JSON, cut off, nested too deeply, or holds NaN or infinity.
    """
    try:
        return json.loads(text, parse_constant=_no_number, object_hook=kept)
    except RecursionError as error:
        raise ValueError(f"{where}: is nested too deeply for an annotation file") from error
    except _NoNumber as error:
        raise ValueError(f"{where}: holds {error}, which is no number: mend the annotation") from error
    except ValueError as error:
        raise ValueError(f"{where}: is no whole JSON ({error}): {remedy}") from error


def read_pickle(path: Path) -> Any:
    """A pickle's plain values: lists, dicts, tuples, strings, numbers, booleans and None, of Python 2 or 3.

    Raises:
        ValueError: it is missing, cut off, or names anything else, of which nothing is run.
    """
    packed = io.BytesIO(read_bytes(path))
    try:
        values = _Plain(packed, encoding="latin-1").load()
        _only_plain(values)
        return values
    except _NotPlain as error:
        raise ValueError(
            f"{path}: holds more than plain data ({error}): a pickle may carry code, so it was refused and nothing in "
            "it was run; get the file from its authors"
        ) from error
    except Exception as error:  # a damaged pickle makes the library raise nearly anything
        raise ValueError(f"{path}: is damaged or cut off ({type(error).__name__}): fetch it again") from error


def read_bytes(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        ValueError: it is missing, empty, or larger than an annotation file can be.
    """
    try:
        size = path.stat().st_size
        if size == 0:
            raise ValueError(f"{path}: is empty: fetch it again")
        if size > MOST_BYTES:
            raise ValueError(f"{path}: has {size:,} bytes, more than an annotation file can have")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error


def inside(root: Path, folder: Path, name: object, where: str) -> Path:
    """``folder / name``, which must stay inside ``root``. The tree's own folders may be links to other places: whoever
    made the tree made those, not the annotation.

    Raises:
        ValueError: it leaves the root, or the name is none. ``where`` says in which annotation it stands.
    """
    if not isinstance(name, str) or not _names_a_file(name):
        raise ValueError(f"{where}: {name!r:.80} is no file name")
    path, top = Path(os.path.abspath(folder / name)), os.path.abspath(root)
    if not path.is_relative_to(top):
        raise ValueError(f"{where}: the file name {name!r} leads out of {root.name or root}: nothing there is read")
    return root / path.relative_to(top)


def _names_a_file(name: str) -> bool:
    """Another is an error to the system, even to ask whether it is there."""
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:  # half of a letter
        return False
    if not 0 < len(encoded) <= LONGEST_PATH or b"\0" in encoded:
        return False
    return all(len(part) <= LONGEST_NAME for part in encoded.split(b"/"))


def whole(value: object, where: str) -> int:
    """A whole number.

    Raises:
        ValueError: it is none.
    """
    if type(value) is int:  # of a large file, nearly every one
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise ValueError(f"{where}: {value!r} is no whole number")
    return int(value)


def picture_size(height: object, width: object, where: str) -> tuple[int, int]:
    """(H, W) of a picture, as its annotations say it.

    Raises:
        ValueError: it is none, or more pixels than are read.
    """
    high, wide = whole(height, f"{where}, its height"), whole(width, f"{where}, its width")
    if min(high, wide) < 1 or high * wide > MOST_PIXELS:
        raise ValueError(f"{where}: {wide} x {high} pixels is no size of a picture that is read")
    return high, wide


def key(values: object, name: str, where: str) -> Any:
    """``values[name]`` of an object.

    Raises:
        ValueError: it is no object, or has no such key.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{where}: expected keys and values, found {type(values).__name__}")
    if name not in values:
        raise ValueError(f"{where}: has no key {name!r}")
    return values[name]


def text(value: object, where: str) -> str:
    """A string that says something, without blanks around it.

    Raises:
        ValueError: it is no string, or blank, or holds half of a letter ("\\ud83d" alone), which nothing can write.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: {value!r} is no text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: {value!r:.60} is no text: half of a letter is missing") from error
    return value.strip()


class _NoNumber(Exception):
    pass


class _NotPlain(Exception):
    pass


def _no_number(name: str) -> NoReturn:
    raise _NoNumber(name)


def _only_plain(values: Any) -> None:
    """Refuse what else a pickle can hold without naming it: bytes and sets. Each value is looked at once, however often
    it is referred to."""
    todo, seen = [[values]], set[int]()
    while todo:
        for one in todo.pop():
            if type(one) in _SCALARS or id(one) in seen:
                continue
            if type(one) not in (dict, list, tuple):
                raise _NotPlain(type(one).__name__)
            seen.add(id(one))
            todo.extend([list(one), list(one.values())] if type(one) is dict else [one])


class _Plain(pickle.Unpickler):
    """Builds plain values alone."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise _NotPlain(f"{module}.{name}")

    def persistent_load(self, pid: object) -> NoReturn:
        raise _NotPlain("a persistent reference")
