"""Typed configuration: a mapping (from YAML, JSON or the command line) becomes a dataclass, or one clear error."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, Union

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any] | None, where: str) -> T:
    """Make a dataclass of ``values``, recursively and strictly.

    Args:
        cls: a dataclass type.
        values: its fields; absent ones take their default.
        where: what the values were read from, for error messages.

    Raises:
        ValueError: an unknown key (the nearest known one is suggested), a missing one, or a value of the wrong type.
    """
    if not isinstance(values, Mapping | None):
        raise ValueError(f"{where}: expected keys and values, found {values!r}")
    hints = typing.get_type_hints(cls)
    known = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    made: dict[str, Any] = {}
    for key, value in (values or {}).items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(known)}"
            raise ValueError(f"{where}: unknown key {key!r}{hint}")
        made[key] = _convert(hints[key], value, f"{where}: {key}")
    for name, field in known.items():
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if name not in made and no_default:
            raise ValueError(f"{where}: the key {name!r} is missing")
    return cls(**made)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(_fitting(args, value), value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else build(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where}: expected a list, found {value!r}")
        inner = [args[0]] * len(value) if len(args) == 2 and args[1] is Ellipsis else list(args)
        if len(inner) != len(value):
            raise ValueError(f"{where}: expected {len(inner)} values, found {len(value)}")
        return tuple(_convert(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(inner, value, strict=True)))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: expected keys and values, found {value!r}")
        return {str(k): _convert(args[1], v, f"{where}: {k}") for k, v in value.items()}
    if origin is typing.Literal:
        if value not in args:
            raise ValueError(f"{where}: {value!r} is none of {', '.join(map(repr, args))}")
        return value
    if hint is Any:
        return value
    return _scalar(hint, value, where)


def _fitting(args: tuple[Any, ...], value: Any) -> Any:
    """Of a union's types the one that the value has, else the first."""
    given = [a for a in args if a is not type(None)]
    return next((a for a in given if type(value) is a), given[0])


def _scalar(hint: type, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str):  # YAML reads 1e-4 as a string
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ValueError(f"{where}: expected {hint.__name__}, found {value!r}")
