"""What the tests of commands share."""

import zlib

import pytest
from PIL import Image

from data.world.world import World


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures as people bring them, good, odd and broken."""
    folder = tmp_path_factory.mktemp("pictures")
    image = Image.fromarray(World("val", 1).sample(0).load())
    image.save(folder / "plain.png")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("P").save(folder / "palette.png")
    image.convert("L").save(folder / "grey.png")
    clear = image.convert("RGBA")
    clear.putalpha(128)
    clear.save(folder / "clear.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(folder / "turned.jpg", exif=turned)
    Image.new("RGB", (1, 1)).save(folder / "one.png")
    Image.new("RGB", (8000, 40)).save(folder / "wide.png")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture")
    (folder / "cut.png").write_bytes((folder / "plain.png").read_bytes()[:3000])
    header = bytearray((folder / "plain.png").read_bytes())
    header[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height of the IHDR chunk, then its checksum
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    (folder / "huge.png").write_bytes(bytes(header))
    return folder
