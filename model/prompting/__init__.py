"""Prompting channels, one file each, found by name; ``add`` takes a folder of one's own."""

from data.plugins import Plugins

_files = Plugins(__name__, __path__, "prompting channel")
available, load, add = _files.available, _files.load, _files.add
