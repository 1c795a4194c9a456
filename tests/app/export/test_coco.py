import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from app import export
from tests.app.export.talks import about, long
from tests.data.hard import MASKS


def opened(talk, name, folder):
    """The file as pycocotools reads it."""
    export.write(talk, folder, ["coco"])
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / name))


@pytest.mark.parametrize("file", ["coco.json", "coco-polygons.json"])
@pytest.mark.parametrize("name", MASKS)
def test_pycocotools_reads_the_same_pixels(name, file, tmp_path):
    mask = MASKS[name]
    coco = opened(about(mask), file, tmp_path)
    (one,) = coco.loadAnns(coco.getAnnIds())
    assert (coco.annToMask(one) == mask).all()
    assert one["area"] == mask.sum()
    ys, xs = np.nonzero(mask)
    assert one["bbox"] == [xs.min(), ys.min(), xs.max() - xs.min() + 1, ys.max() - ys.min() + 1]
    assert isinstance(one["segmentation"], list) == ("polygons" in file)


def test_phrases_are_categories_and_what_is_not_here_is_kept(tmp_path):
    coco = opened(long(), "coco.json", tmp_path)
    names = {one["name"]: one["id"] for one in coco.loadCats(coco.getCatIds())}
    assert names == {"the red cup": 1, "the ball": 2, "the <b>lamp</b>": 3}
    (image,) = coco.loadImgs(coco.getImgIds())
    assert image["neg_category_ids"] == [3]
    assert image["rejected"] == [
        {"question": "Where is the cup, the ball and the lamp?", "phrase": "the <b>lamp</b>"},
    ]
    assert (np.array(Image.open(tmp_path / image["file_name"])) == long().image).all()
    assert (image["height"], image["width"]) == (12, 14)
    assert [one["category_id"] for one in coco.loadAnns(coco.getAnnIds())] == [1, 2, 1]
    assert coco.loadAnns([1])[0]["question"] == "Where is the cup, the ball and the lamp?"
    assert len(coco.getAnnIds(catIds=[3])) == 0


def test_a_mask_without_pixels_is_in_the_run_lengths_alone(tmp_path):
    coco = opened(long(), "coco.json", tmp_path)
    assert coco.annToMask(coco.loadAnns([3])[0]).sum() == 0 and coco.loadAnns([3])[0]["bbox"] == [0, 0, 0, 0]
    assert len(json.loads((tmp_path / "coco-polygons.json").read_text())["annotations"]) == 2
