"""Backbones, one file a family, found by name."""

from data.plugins import Plugins

_files = Plugins(__name__, __path__, "backbone")
available, load, add = _files.available, _files.load, _files.add
