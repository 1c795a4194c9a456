"""What a stage learns: one file each, found by its name.

A file holds a frozen dataclass ``Options``, a class ``Objective(nn.Module)`` that is given the
:class:`~model.grounding.GroundingModel` and whose ``forward(batch)`` returns named losses (``loss`` is their weighted
sum; the rest is logged), and ``dataset(model, options, first, count)`` with its ``collate``.
"""

import difflib
import importlib
import pkgutil
from types import ModuleType


def available() -> list[str]:
    """Names of the objectives, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(name: str) -> ModuleType:
    """The module of an objective.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in available():
        near = difflib.get_close_matches(name, available(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(available())}"
        raise ValueError(f"no objective {name!r}: {hint}")
    return importlib.import_module(f"{__name__}.{name}")
