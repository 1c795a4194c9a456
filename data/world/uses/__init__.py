"""Questions by use and situation, one file a theme. A new theme is a new file here: it is found by listing the folder.

Each file has ``FACTS``, a tuple of :class:`data.world.fact.Fact`.
"""

import importlib
import pkgutil

from data.world.fact import Fact


def _facts() -> tuple[Fact, ...]:
    """The facts of all themes, themes in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(fact for name in names for fact in importlib.import_module(f"{__name__}.{name}").FACTS)


FACTS: tuple[Fact, ...] = _facts()

__all__ = ["FACTS", "Fact"]
