"""The items of the table that ``python -m benchmarks`` prints. One file is one item, found by its name: its docstring's
first line says what it measures, its ``run(bench)`` gives the rows."""

from data.plugins import Plugins

_items = Plugins(__name__, __path__, "item")
available, load = _items.available, _items.load
