"""What the reinforcement stage rewards: one file each, found by its name; a recipe gives each its weight.

A file holds ``reward(answered)``, which is given an :class:`~train.rewards.base.Answered` and returns a number from 0
to 1, or None where it has nothing to say of that question.
"""

from data.plugins import Plugins

_files = Plugins(__name__, __path__, "reward")
available, load, add = _files.available, _files.load, _files.add
