"""Prompting channels, one file each, found by name; ``add`` takes a folder of one's own."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from data.plugins import Plugins
from data.settings import build
from model.prompting.base import ChannelBase

_files = Plugins(__name__, __path__, "prompting channel")
available, load, add = _files.available, _files.load, _files.add


def changed(channels: Sequence[ChannelBase], options: Mapping[str, Any], grid: tuple[int, int]) -> list[ChannelBase]:
    """The same channels, their weights shared, with other settings for maps of ``grid`` (h, w).

    Raises:
        ValueError: none of them has a setting of that name, or it cannot have that value.
    """
    known = {field.name for channel in channels for field in fields(channel.options)}
    for name in options:
        if name not in known:
            has = f"they have {', '.join(sorted(known))}" if known else "they have none"
            raise ValueError(f"the channels of this model have no setting {name!r}: {has}")
    made = []
    for channel in channels:
        mine = {field.name: options[field.name] for field in fields(channel.options) if field.name in options}
        if mine:
            channel = copy.copy(channel)
            channel.options = build(type(channel.options), {**asdict(channel.options), **mine}, "the mark's settings")
            channel.check(grid)
        made.append(channel)
    return made
