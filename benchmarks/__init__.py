"""Speed and memory of the model, beside the published way: ``python -m benchmarks`` (``make bench``) prints one table.
Each file of ``benchmarks/items`` is an item of it; docs/performance.md explains it.

Commands of their own, about other things:

* ``python -m benchmarks.annotations``: reading COCO's annotation files.
* ``python -m benchmarks.collation``: what a data worker does for one item of training.
* ``python -m benchmarks.placement``: precisions, bits, offloading and attention side by side, by ours alone.
* ``python -m benchmarks.evaluation``: questions a second of an evaluation, in batches and one by one.
* ``python -m benchmarks.training``: training as it is done here against one by one; steps and memory of larger sizes.
* ``python -m benchmarks.resume``: losses of a run that is killed, and of several processes, against one left alone.
* ``python -m benchmarks.crowd``: many sessions at once, through the engine, the service or the page.
* ``python -m benchmarks.report``: how large the report of 1,000 samples is, and how soon it opens.
* ``python -m benchmarks.exported``: the drawn world through the files of other formats, and directly.
* ``python -m benchmarks.convert``: memory and time of converting a large checkpoint.
* ``python -m benchmarks.world``: samples of the drawn world a second.
* ``python -m benchmarks.paradigms``: the published paradigms and the layer policies, trained and evaluated alike.
* ``python -m benchmarks.words``: what the words of the questions alone tell.
* ``python -m benchmarks.bad_inputs``: what becomes of bad input.
"""

import os

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or torch's profiler writes a line on each start and stop
