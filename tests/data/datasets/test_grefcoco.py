import numpy as np
import pytest

from data import masks
from data.datasets import grefcoco
from tests.data.datasets.trees import HIGH, LEFT, NEAR, WIDE, asked, pixels, reference, tree

FILE = "grefcoco/grefs(unc).json"


def opened(root):
    (source,) = grefcoco.find(root)
    assert (source.dataset, source.split) == ("grefcoco", "val")
    return source.open()


def test_several_targets_one_and_none(tmp_path):
    corner = {"size": [HIGH, WIDE], "counts": [23, 1]}  # a crowd: the last pixel
    refs = [
        reference(0, [11, 12], no_target=False),
        reference(1, 12, no_target=False),
        reference(2, [-1], no_target=True),
        reference(3, -1),
        reference(4, []),
        reference(5, [11, 14]),
    ]
    tree(tmp_path, refs, FILE, annotations={11: [LEFT], 12: [NEAR], 14: corner})
    both, one, *none, crowd = (query.targets for query in asked(opened(tmp_path)).values())
    assert np.array_equal(masks.decode(both[0].rle), pixels(LEFT, NEAR))
    assert np.array_equal(masks.decode(one[0].rle), pixels(NEAR))
    assert len(none) == 3 and all(len(targets) == 1 and targets[0].absent for targets in none)
    with_corner = pixels(LEFT)
    with_corner[3, 5] = True
    assert np.array_equal(masks.decode(crowd[0].rle), with_corner)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"ann_id": [11, -1]}, "ann_id -1 is not in"),
        ({"ann_id": ["11"]}, "'11' is no whole number"),
        ({"ann_id": None}, "None is no whole number"),
        ({"ann_id": [11], "no_target": True}, "says no_target and names the annotations"),
        ({"ann_id": [11], "no_target": "no"}, "'no_target' is 'no', neither true nor false"),
    ],
)
def test_contradictions_are_refused(tmp_path, changes, line):
    tree(tmp_path, [reference(**changes)], FILE)
    with pytest.raises(ValueError, match=rf"grefs\(unc\)\.json: ref_id 0.*{line}"):
        asked(opened(tmp_path))
