"""A family of datasets for tests: ``toys/NAME/SPLIT.json``, a list of pictures with their queries."""

import json
from functools import partial

from data import masks
from data.datasets import base
from data.sample import Target


class Toys(base.Dataset):
    def __init__(self, root, name, split):
        self.name, self.split, self._root = name, split, root
        self._file = root / "toys" / name / f"{split}.json"
        try:
            self._records = json.loads(self._file.read_text())
        except ValueError as error:
            raise ValueError(f"{self._file}: is no whole JSON") from error

    def __len__(self):
        return len(self._records)

    def picture(self, index):
        name = self._records[index]["image"]
        return base.Picture(self._root / name, name, tuple(self._records[index]["size"]))

    def queries(self, index):
        made = []
        for record in self._records[index]["queries"]:
            where = f"{self._file}: {record['id']}"
            rle = None
            if record["polygons"] is not None:
                rle = masks.from_polygons(record["polygons"], tuple(self._records[index]["size"]), where)
            target = Target(record["text"], rle)
            made.append(base.Query(record["id"], record["text"], "phrase", (target,)))
        return made


def find(root, wanted=None):
    for file in sorted(root.glob("toys/**/*.json")):
        name = str(file.parent.relative_to(root / "toys"))
        yield base.Source(name, file.stem, (file,), partial(Toys, root, name, file.stem))
