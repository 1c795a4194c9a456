"""Small trees for the tests of class and part datasets, and the comparison with the sample trees' truth."""

import json

import numpy as np
from PIL import Image

from data import masks
from data.datasets import open_dataset


def put_image(root, name, size):
    """A grey picture; ``size`` is (H, W)."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size[::-1], "grey").save(path)


def put_labels(root, name, values, palette=False):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(values, dtype=np.uint8))
    if palette:
        image.putpalette([0, 0, 0, 9, 9, 9] * 128)
    image.save(path)


def put_json(root, name, values):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def pixels(rle):
    """A mask as rows of ones and noughts."""
    return masks.decode(rle).astype(int).tolist()


def compare_with_truth(shared, dataset, same_numbers=True):
    """Every sample of a dataset: its classes in order, masks and void equal, ids as there."""
    root = shared / "samples" / "trees"
    samples = json.loads((root / "TRUTH.json").read_text())["semantic"][dataset]["samples"]
    assert samples
    counts = {}
    for sample in samples:
        opened = open_dataset(root, dataset, sample["split"])
        counts[sample["split"]] = len(opened)
        (index,) = (index for index in range(len(opened)) if opened.picture(index).name == sample["image"])
        expected = {}
        for one in sample["classes"]:
            expected.setdefault(one["name"], []).append(one["rle"])
        queries = opened.queries(index)
        assert [query.text for query in queries] == list(expected)
        size = opened.picture(index).load().shape[:2]
        for query in queries:
            (target,) = query.targets
            assert target.rle == masks.union(expected[query.text], size)
            assert query.void == sample.get("void_rle")
            if same_numbers:
                assert query.id == f"{sample['id']}/{query.text}"
    assert sum(counts.values()) == len(samples)
