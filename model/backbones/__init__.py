"""Backbones, one file a family, found by name."""

import difflib
import importlib
import pkgutil
from types import ModuleType


def available() -> list[str]:
    """Names of the families, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base" and not m.name.startswith("_"))


def load(name: str) -> ModuleType:
    """The module of a family.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in available():
        near = difflib.get_close_matches(name, available(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(available())}"
        raise ValueError(f"no backbone {name!r}: {hint}")
    return importlib.import_module(f"{__name__}.{name}")
