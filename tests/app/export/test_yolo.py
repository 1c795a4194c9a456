import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

from app import export
from tests.app.export.talks import about, long
from tests.data.hard import MASKS


def drawn(row, size):
    """A row's class and the pixels that OpenCV's fillPoly gives of it: those inside, by parity, and those of the
    outline; coordinates lose their fractions, as Ultralytics' polygon2mask takes them away."""
    number, *values = row.split()
    height, width = size
    points = (np.array(values, dtype=np.float64).reshape(-1, 2) * [width, height]).astype(np.int32)
    canvas = Image.new("1", (width, height))
    draw, walk = ImageDraw.Draw(canvas), [tuple(point) for point in points.tolist()]
    draw.polygon(walk, fill=1)
    draw.line([*walk, walk[0]], fill=1)
    return int(number), np.array(canvas)


def written(talk):
    files = dict(export.files(talk, ["yolo"]))
    rows = files[f"yolo/labels/{talk.stem}.txt"].decode().splitlines()
    return yaml.safe_load(files["yolo/data.yaml"]), rows, files


@pytest.mark.parametrize("name", MASKS)
def test_the_rows_together_are_the_same_pixels(name):
    about_it, rows, _ = written(about(MASKS[name]))
    assert about_it["names"] == {0: "the red cup"}
    parts = [drawn(row, MASKS[name].shape) for row in rows]
    assert {number for number, _ in parts} == {0}
    assert (np.logical_or.reduce([part for _, part in parts]) == MASKS[name]).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (3001, 2), (4099, 4111)])
def test_pixels_survive_the_decimals_whatever_the_size(size):
    mask = np.zeros(size, bool)
    mask[-1, -1] = mask[size[0] // 3, size[1] // 3] = True
    _, rows, _ = written(about(mask))
    assert (np.logical_or.reduce([drawn(row, size)[1] for row in rows]) == mask).all()


def test_rows_are_as_the_tools_take_them():
    about_it, rows, files = written(long())
    assert about_it["names"] == {0: "the red cup", 1: "the ball"} and about_it["not_here"] == ["the <b>lamp</b>"]
    assert [row.split()[0] for row in rows] == ["0", "0", "1", "1"]  # the ring and its island; two parts of a ball
    for row in rows:
        values = row.split()[1:]
        assert len(values) >= 6 and len(values) % 2 == 0
        assert all(0 < float(value) < 1 for value in values)
    assert {name.rsplit("/", 1)[0] for name in files} == {"yolo", "yolo/images", "yolo/labels"}
