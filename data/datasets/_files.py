"""Annotation files, read with care: no code runs, nothing outside the root is touched, numbers are numbers."""

import io
import json
import math
import os
import pickle
from pathlib import Path
from typing import Any, NoReturn

MOST_BYTES = 4_000_000_000  # of an annotation file
_SCALARS = frozenset((str, int, float, bool, type(None)))


def read_json(path: Path, encodings: tuple[str, ...] = ("utf-8",)) -> Any:
    """A JSON file's values.

    Raises:
        ValueError: it is missing, no JSON, cut off, nested too deeply, holds NaN or infinity, or has none of the
            encodings.
    """
    data = read_bytes(path)
    for encoding in encodings:
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise ValueError(f"{path}: its bytes are neither {' nor '.join(encodings)}: save it in UTF-8")
    return parse_json(text, str(path))


def parse_json(text: str, where: str, remedy: str = "fetch it again") -> Any:
    """The values of a JSON text. ``remedy`` says what to do where it is none.

    Raises:
        ValueError: it is no JSON, cut off, nested too deeply, or holds NaN or infinity.
    """
    try:
        return json.loads(text, parse_constant=_no_number)
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
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"{where}: {name!r} is no file name")
    path, top = Path(os.path.abspath(folder / name)), os.path.abspath(root)
    if not path.is_relative_to(top):
        raise ValueError(f"{where}: the file name {name!r} leads out of {root.name or root}: nothing there is read")
    return root / path.relative_to(top)


def whole(value: object, where: str) -> int:
    """A whole number.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise ValueError(f"{where}: {value!r} is no whole number")
    return int(value)


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
        ValueError: it is no string, or blank.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: {value!r} is no text")
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
