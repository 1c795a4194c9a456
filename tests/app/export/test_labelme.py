import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from app import export
from tests.app.export.talks import about, long
from tests.data.hard import MASKS


def written(talk):
    return json.loads(dict(export.files(talk, ["labelme"]))[f"{talk.stem}.json"])


def pixels(packed):
    return np.array(Image.open(io.BytesIO(base64.b64decode(packed))))


def placed(shape, size):
    """As labelme's shapes_to_label lays a mask on the picture: both corners are pixels of it."""
    made = np.zeros(size, bool)
    (x1, y1), (x2, y2) = np.asarray(shape["points"]).astype(int)
    made[y1 : y2 + 1, x1 : x2 + 1] = pixels(shape["mask"]).astype(bool)
    return made


@pytest.mark.parametrize("name", MASKS)
def test_a_shape_is_the_same_pixels(name):
    (shape,) = written(about(MASKS[name]))["shapes"]
    assert shape["shape_type"] == "mask" and shape["label"] == "the red cup"
    assert (placed(shape, MASKS[name].shape) == MASKS[name]).all()


def test_the_file_has_what_labelme_asks_for():
    values = written(long())
    assert list(values) == ["version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"]
    assert values["version"].startswith("5.")
    assert (pixels(values["imageData"]) == long().image).all()
    assert (values["imagePath"], values["imageHeight"], values["imageWidth"]) == ("table-cup.png", 12, 14)
    for shape in values["shapes"]:
        assert {"label", "points", "group_id", "shape_type", "flags", "description", "mask"} == set(shape)
        assert shape["points"] and all(type(value) is float for point in shape["points"] for value in point)
    assert [shape["label"] for shape in values["shapes"]] == ["the red cup", "the ball"]
    assert values["flags"] == {"not here: the <b>lamp</b>": True, "no pixels: the red cup": True}
