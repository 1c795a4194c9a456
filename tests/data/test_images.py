import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from data.images import open_image, open_mask, upright_size

CORNERS = {"top_left": (0.1, 0.1), "top_right": (0.1, 0.9), "bottom_left": (0.9, 0.1), "bottom_right": (0.9, 0.9)}


def packed(image, kind="PNG", **options):
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def cases(shared, expect):
    folder = shared / "samples" / "bad"
    listed = json.loads((folder / "cases.json").read_text())
    found = [(folder / case["path"], case) for case in listed if case["reader"] == "image" and case["expect"] == expect]
    assert found
    return found


def test_sample_pictures_are_read_upright_in_their_colours(shared):
    for path, case in cases(shared, "read"):
        image = open_image(path)
        width, height = case["size"]
        assert image.shape == (height, width, 3) and image.dtype == np.uint8, path.name
        for corner, (down, along) in CORNERS.items():
            found = image[int(height * down), int(width * along)].astype(int)
            assert np.abs(found - case["corners"][corner]).max() <= case["tolerance"], (path.name, corner)


def test_bad_sample_pictures_are_refused_by_name_in_one_line(shared):
    for path, _ in cases(shared, "reject"):
        for source, name in ((path, path.name), (path.read_bytes(), "upload.png")):
            with pytest.raises(ValueError, match=name.replace(".", r"\.")) as caught:
                open_image(source, None if source is path else name)
            assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("size", [(1, 1), (40, 8000), (8000, 40)])
def test_the_strangest_shapes_are_read(size, tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    path = tmp_path / "odd.png"
    Image.fromarray(colours).save(path)
    assert np.array_equal(open_image(path), colours)
    assert np.array_equal(open_image(str(path)), colours)
    assert np.array_equal(open_image(path.read_bytes()), colours)


def test_a_header_that_claims_too_much_is_refused_unread():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match=r"the picture: claims .*make it smaller"):
        open_image(bomb)


def test_the_limit_is_on_pixels():
    image = packed(Image.new("RGB", (20, 10)))
    assert open_image(image, most=200).shape == (10, 20, 3)
    with pytest.raises(ValueError, match="20 x 10 pixels, more than the 199"):
        open_image(image, most=199)


def test_transparency_is_laid_on_white():
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0] = [(200, 0, 100, 0), (200, 0, 100, 255), (200, 0, 100, 102)]  # 102 / 255 = 0.4
    made = open_image(packed(Image.fromarray(pixels)))[0].astype(int)
    assert made[0].tolist() == [255, 255, 255]
    assert made[1].tolist() == [200, 0, 100]
    assert np.abs(made[2] - [233, 153, 193]).max() <= 1  # 0.4 colour + 0.6 * 255


def test_grey_with_transparency_and_transparent_palettes_too():
    grey = Image.new("LA", (2, 2), (50, 0))
    assert (open_image(packed(grey)) == 255).all()
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1])
    assert open_image(packed(palette))[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert open_image(packed(palette, transparency=0))[0].tolist() == [[255, 255, 255], [40, 50, 60]]


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_exif_orientation_is_applied(orientation, turned):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(open_image(packed(Image.fromarray(pixels), exif=exif)), turned(pixels))


def test_other_kinds_of_pixels_become_rgb_or_are_refused():
    assert open_image(packed(Image.new("L", (2, 2), 77))).tolist() == [[[77] * 3] * 2] * 2
    assert open_image(packed(Image.new("1", (1, 1), 1))).tolist() == [[[255] * 3]]
    wide = Image.fromarray(np.full((2, 2), 40_000, dtype=np.uint16))
    with pytest.raises(ValueError, match="16 or more bits"):
        open_image(packed(wide))
    with pytest.raises(ValueError, match="16 or more bits"):
        open_image(packed(Image.new("F", (2, 2)), "TIFF"))


def test_damage_at_any_place_is_refused_or_harmless():
    whole = packed(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)), "JPEG")
    for end in range(0, len(whole) - 200, 97):
        with pytest.raises(ValueError, match="the picture: "):
            open_image(whole[:end])
    noise = np.random.default_rng(1)
    for kind in ("PNG", "GIF", "BMP", "TIFF", "WEBP"):
        body = bytearray(packed(Image.new("RGB", (30, 20), "red"), kind))
        for _ in range(60):
            broken = bytearray(body)
            for place in noise.integers(0, len(body), 4):
                broken[place] = noise.integers(0, 256)
            said = "the picture: "
            try:
                assert open_image(bytes(broken)).shape[2] == 3
            except ValueError as error:
                said = str(error)
            assert said.startswith("the picture: ")


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no\.png: there is no such file"):
        open_image(tmp_path / "no.png")
    with pytest.raises(ValueError, match="is a folder"):
        open_image(tmp_path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_from_the_header_is_that_of_the_upright_picture(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.jpg"
    Image.new("RGB", (8, 6)).save(path, exif=exif)
    assert upright_size(path) == open_image(path).shape[:2]


def test_a_mask_is_what_is_not_zero(tmp_path):
    grey = Image.new("L", (3, 2))
    grey.putpixel((2, 0), 1)
    for mode in ("1", "L", "RGB"):
        path = tmp_path / f"{mode}.png"
        (grey.point(lambda value: value * 255) if mode == "1" else grey).convert(mode).save(path)
        assert open_mask(path).tolist() == [[False, False, True], [False] * 3]
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([255, 255, 255, 0, 0, 0])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "palette.png")
    assert open_mask(tmp_path / "palette.png").tolist() == [[False, True]]


def test_a_mask_with_alpha_is_refused(tmp_path):
    Image.new("RGBA", (3, 2)).save(tmp_path / "alpha.png")
    with pytest.raises(ValueError, match=r"alpha\.png: is a mask of kind RGBA"):
        open_mask(tmp_path / "alpha.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_size_is_read_from_the_header_and_upright(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = packed(Image.effect_noise((40, 30), 50).convert("RGB"), kind, exif=exif.tobytes())
    assert upright_size(data) == open_image(data).shape[:2] == (40, 30)
    assert upright_size(data[: 2 * len(data) // 3]) == (40, 30)
    with pytest.raises(ValueError, match="photo: claims 40 x 30 pixels"):
        upright_size(data, "photo", most=1000)
