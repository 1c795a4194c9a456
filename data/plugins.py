"""Parts that are found by the name of their file: backbones, segmenters, channels, objectives."""

import difflib
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import cast


class Plugins:
    """The modules of one package. ``base`` and names that begin with an underscore are not parts.

    Args:
        package: its name.
        path: its ``__path__``.
        what: a part in words, for error messages.
    """

    def __init__(self, package: str, path: Sequence[str], what: str) -> None:
        self._package, self._path, self._what = package, cast(list[str], path), what

    def available(self) -> list[str]:
        """Names of the parts, sorted."""
        names = {m.name for m in pkgutil.iter_modules(self._path)}
        return sorted(name for name in names if name != "base" and not name.startswith("_"))

    def load(self, name: str) -> ModuleType:
        """The module of a part.

        Raises:
            ValueError: there is none of that name.
        """
        known = self.available()
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"no {self._what} {name!r}: {hint}")
        return importlib.import_module(f"{self._package}.{name}")

    def add(self, folder: str | Path) -> None:
        """Find parts in a folder of one's own as well, after those of the package."""
        if str(folder) not in self._path:
            self._path.append(str(folder))
