import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from app import export
from app.export import Talk
from app.session import Exchange
from model.answer import Answer
from tests.app.export.talks import about, long
from tests.data.hard import MASKS
from tests.eval.board import segment


def read(file):
    return np.array(Image.open(io.BytesIO(file.data)))


def test_every_format_says_what_it_is_and_makes_the_same_files_again():
    assert export.FORMATS.available() == ["coco", "html", "labelme", "masks", "overlay", "yolo"]
    for name in export.FORMATS.available():
        form = export.FORMATS.load(name)
        assert form.TITLE and form.ABOUT.endswith(".")
        files = list(form.files(long()))
        assert files and files == list(form.files(long()))
        list(form.files(Talk(long().image, "", ())))  # of a talk that has not begun


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_a_png_of_the_same_pixels(name):
    mask = MASKS[name]
    (file,) = export.files(about(mask), ["masks"])
    assert file.name == "mask-01-the-red-cup.png"
    assert (read(file) == mask * np.uint8(255)).all()


def test_masks_are_numbered_through_all_answers_and_what_is_not_here_has_none():
    names = [file.name for file in export.files(long(), ["overlay", "masks"])]
    assert names[:2] == ["overlay-01.png", "overlay-02.png"]
    assert names[2:] == ["mask-01-the-red-cup.png", "mask-02-the-ball.png", "mask-03-the-red-cup.png"]


def test_the_overlay_has_the_picture_where_no_mask_is():
    mask = np.zeros((40, 50), bool)
    mask[5:12, 5:12] = True
    talk = about(mask)
    (file,) = export.files(talk, ["overlay"])
    assert file.name == "overlay.png"
    assert (read(file)[20:, 20:] == talk.image[20:, 20:]).all()
    assert not (read(file)[5:12, 5:12] == talk.image[5:12, 5:12]).all()


def test_a_phrase_or_a_name_cannot_leave_the_folder(tmp_path):
    mask = np.ones((4, 4), bool)
    given = Answer("?", "", (segment("../../etc/cup", mask), segment("", mask)))
    talk = Talk(np.zeros((4, 4, 3), np.uint8), "../../../etc/keys\\x", (Exchange("?", given),))
    names = export.FORMATS.available()
    paths = export.write(talk, tmp_path / "deep" / "folder", names)
    assert all(path.resolve().is_relative_to(tmp_path / "deep" / "folder") for path in paths)
    assert {"mask-01-etc-cup.png", "mask-02-mask.png"} <= {path.name for path in paths}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("My Cup.JPG", "my-cup"),
        ("", "picture"),
        ("画.png", "picture"),
        ("overlay.png", "picture-overlay"),
        ("mask-01-the-cup.png", "picture-mask-01-the-cup"),
        ("http://a.example/b/c.webp", "c"),
        ("x" * 300, "x" * 40),
    ],
)
def test_the_picture_is_named_after_itself_and_is_no_other_file(name, stem):
    assert Talk(np.zeros((2, 2, 3), np.uint8), name).stem == stem


def test_the_zip_has_each_file_once_and_opens():
    files = export.files(long(), export.FORMATS.available())
    names = [file.name for file in files]
    assert len(set(names)) == len(names) and "table-cup.png" in names
    archive = zipfile.ZipFile(io.BytesIO(export.zipped(files)))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == dict(files)
    assert export.zipped(files) == export.zipped(files)


def test_a_format_that_is_not_there_suggests_the_near_one():
    with pytest.raises(ValueError, match="did you mean 'labelme'"):
        export.files(long(), ["labelm"])


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ValueError, match=r"taken.* cannot be written"):
        export.write(long(), tmp_path / "taken" / "below")


def test_pictures_are_replaced_and_what_one_may_have_gone_on_with_is_not(tmp_path):
    talk, names = long(), ["overlay", "masks", "labelme"]
    export.write(talk, tmp_path, names)
    export.write(talk, tmp_path, names)  # the same again changes nothing
    (tmp_path / "overlay-01.png").write_bytes(b"old")
    (tmp_path / "table-cup.json").write_text("corrected by hand")
    with pytest.raises(ValueError, match=r"table-cup\.json is there already"):
        export.write(talk, tmp_path, names)
    assert (tmp_path / "table-cup.json").read_text() == "corrected by hand"
    export.write(talk, tmp_path, ["overlay"])
    assert (tmp_path / "overlay-01.png").read_bytes() != b"old"


def test_the_picture_itself_is_kept_where_it_lies_already(tmp_path):
    talk = long()
    Image.fromarray(talk.image).save(tmp_path / "table-cup.png", compress_level=0)
    before = (tmp_path / "table-cup.png").read_bytes()
    export.check(talk, tmp_path, ["coco"])
    export.write(talk, tmp_path, ["coco"])
    assert (tmp_path / "table-cup.png").read_bytes() == before
    other = Talk(255 - talk.image, talk.name, talk.exchanges)
    with pytest.raises(ValueError, match=r"table-cup\.png is there already"):
        export.check(other, tmp_path, ["labelme"])


def test_a_check_beforehand_finds_what_is_in_the_way(tmp_path):
    export.check(long(), tmp_path / "new", export.FORMATS.available())
    (tmp_path / "coco.json").write_text("{}")
    with pytest.raises(ValueError, match=r"coco\.json is there already"):
        export.check(long(), tmp_path, ["coco"])
    export.check(long(), tmp_path, ["labelme", "html"])
