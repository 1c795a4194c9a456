"""What a stage learns: one file each, found by its name.

A file holds a frozen dataclass ``Options``, a class ``Objective(nn.Module)`` that is given the
:class:`~model.grounding.GroundingModel` and whose ``forward(batch)`` returns named losses (``loss`` is their weighted
sum; the rest is logged), and ``dataset(model, options, first, count)`` with its ``collate``. It may have
``check(options)``, which finds what is wrong with them before anything is loaded; ``counts(model, options, batch)``, of
how many targets each loss is the mean in each picture, and then ``forward(batch, shares)`` is given what these means
count for in the step; ``Objective.unreached()``, the parameters that its loss does not reach, as
:func:`train.parameters.select` has them; ``bucketed(items, lots)``, which divides the items of a step among
micro-batches; and a ``trainer`` of its own instead of :class:`~train.trainer.StageTrainer`, as
:mod:`train.objectives.grpo` has.
"""

from data.plugins import Plugins

_files = Plugins(__name__, __path__, "objective")
available, load, add = _files.available, _files.load, _files.add
