"""The kinds of question, one file a group. A new group is a new file here with ``GROUP``, a tuple of forms: it is found
by listing the folder."""

import importlib
import pkgutil

from data.world.questions import Form


def _found() -> dict[str, Form]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    groups = (importlib.import_module(f"{__name__}.{name}").GROUP for name in names)
    return {form.name: form for group in groups for form in group}


ALL: dict[str, Form] = _found()
"""name -> form."""

FORMS: dict[str, str] = {name: form.about for name, form in ALL.items()}
"""name -> one line about it."""
