"""The kinds of thing, one file a family. A new family is a new file here: it is found by listing the folder.

Each file has ``DRAWINGS``: kind -> its drawings (:data:`data.world.pen.Drawing`), at least two of each kind.
"""

import importlib
import pkgutil

from data.world.pen import Drawing


def _drawings() -> dict[str, dict[str, tuple[Drawing, ...]]]:
    """family -> kind -> drawings, families in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").DRAWINGS for name in names}


_BY_FAMILY = _drawings()

FAMILIES: dict[str, tuple[str, ...]] = {family: tuple(sorted(kinds)) for family, kinds in _BY_FAMILY.items()}
"""family -> its kinds, both in alphabetical order."""

KINDS: tuple[str, ...] = tuple(kind for kinds in FAMILIES.values() for kind in kinds)

FAMILY_OF: dict[str, str] = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}
"""kind -> its family."""


def drawings(kind: str) -> tuple[Drawing, ...]:
    """All drawings of a kind.

    Raises:
        KeyError: no such kind.
    """
    return _BY_FAMILY[FAMILY_OF[kind]][kind]
