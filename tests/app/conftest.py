"""What the tests of commands, of the page and of the engine share."""

import zlib
from pathlib import Path

import pytest
from PIL import Image

from data.world.world import World
from tests.app import page as pages


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


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    """A checkpoint whose answers have several marks or none."""
    from tests import tiny  # with all that a model needs, which the tests of most commands do without

    folder = tmp_path_factory.mktemp("talker") / "it's a model"
    tiny.talker().save_pretrained(folder)
    return folder


@pytest.fixture
def engine_of(monkeypatch):
    """Makes an engine of a puppet."""
    from app.engine import Engine
    from model.predictor import Predictor
    from tests.app.puppet import CPU

    def make(puppet, placement=CPU, **limits):
        monkeypatch.setattr(Predictor, "from_pretrained", lambda *_: puppet)
        return Engine(Path("puppet"), placement, **limits)

    return make


@pytest.fixture(scope="module")
def address():
    """A running page whose engine answers by rule."""
    with pages.by_rule() as server:
        yield server.url


@pytest.fixture
def opened(address, browser):
    """Opens the page in Chromium until its picture is shown; what it sends to the server is in its ``sent``. In the end
    nothing may have gone wrong in it, and nothing may have left this machine."""
    seen = []

    def made(width=1280, height=1000, script="", **options):
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        seen.append(pages.Watched(page))
        page.sent = seen[-1].sent
        if script:
            page.add_init_script(script)
        page.goto(address)
        page.locator(".stage").wait_for(timeout=60_000)
        return page

    yield made
    for one in seen:
        one.close()
