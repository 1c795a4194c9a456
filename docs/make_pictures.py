"""Make the pictures of the README and the docs with the checkpoint that ships.

python -m docs.make_pictures answers    # docs/answers.md and docs/answers/*.png
python -m docs.make_pictures page       # docs/page.png; needs Chromium
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from PIL import Image

from app.cli import CHECKPOINT
from app.drawing import overlay
from app.panels import enlarge
from data.world.world import World
from model.predictor import Predictor
from model.tokens import unmarked

DOCS = Path(__file__).resolve().parent
FIRST = 2000  # scenes of the test split that no number in the README stands on

PAGE = "Find the cup, the wrench and the hammer."
# Typed as a new user would, in words that no template holds; and what must be in the scene they are asked of.
QUESTIONS = (
    ("it's pouring outside, which of these do i grab?", ("umbrella",)),
    ("hammer pls", ("hammer",)),
    ("Im hungry. Is anything here good to eat?", ("apple",)),
    ("the thingy that shows what time it is", ("clock",)),
    ("Which animal is the biggest one here?", ("cat", "rabbit")),
    ("Where could my grandma sit down?", ("chair",)),
    ("Spot the fish for me, and the key as well", ("fish", "key")),
    ("is there a dragon hiding somewhere?", ("tree",)),
    ("my phone died, how do i light up the room", ("candle",)),
    ("what would you ride to school?", ("bicycle",)),
)


def scene_with(kinds: tuple[str, ...]) -> int:
    """The first scene from FIRST on that holds these kinds."""
    world = World("test", 10_000, start=FIRST)
    for index in range(len(world)):
        if set(kinds) <= {thing.kind for thing in world.scene(index).things}:
            return FIRST + index
    raise ValueError(f"no scene holds {', '.join(kinds)}")


def answers() -> None:
    """Ask the ten questions; write each picture with its masks, and a page of them."""
    predictor = Predictor.from_pretrained(CHECKPOINT)
    folder = DOCS / "answers"
    folder.mkdir(exist_ok=True)
    lines = [
        "# Ten questions in a new user's words",
        "",
        "Typed without a look at the templates, asked of scenes of `test` that no number stands on; good and bad.",
        "Made by `python -m docs.make_pictures answers`.",
        "",
    ]
    for number, (question, kinds) in enumerate(QUESTIONS, start=1):
        image = World("test", 1, start=scene_with(kinds)).pack(0, 0)[0]
        predictor.set_image(image)
        answer = predictor.ask(question)
        big, masks = enlarge(image, [s.mask for s in answer.segments if not s.rejected])
        drawn = Image.fromarray(overlay(big, masks, outline=3))
        drawn.thumbnail((448, 448))
        drawn.save(folder / f"{number:02d}.png", optimize=True)
        said = unmarked(answer.text)
        gone = [s.phrase for s in answer.segments if s.rejected]
        lines += [f"**{number}. {question}**", "", f"> {said}", ""]
        lines += [f"Said to be absent: {', '.join(gone)}", ""] if gone else []
        lines += [f"![{question}](answers/{number:02d}.png)", ""]
    (DOCS / "answers.md").write_text("\n".join(lines), encoding="utf-8")


def page() -> None:
    """Open the page, ask about a scene, and take its picture."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "app.cli", "app", "--port", str(port)]
    server = subprocess.Popen(words, start_new_session=True)
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        with sync_playwright() as play:
            flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            shown = browser.new_page(viewport={"width": 1280, "height": 860})
            shown.goto(f"http://127.0.0.1:{port}")
            shown.get_by_placeholder("Ask about the picture").fill(PAGE)
            shown.keyboard.press("Enter")
            shown.get_by_text(PAGE, exact=True).wait_for(timeout=60_000)
            shown.wait_for_timeout(6000)
            shown.screenshot(path=DOCS / "page.png")
            browser.close()
    finally:
        os.killpg(server.pid, 15)
    shrink(DOCS / "page.png")


def shrink(path: Path) -> None:
    """Fewer colours: a page is mostly flat."""
    Image.open(path).convert("RGB").quantize(colors=192).save(path, optimize=True)


if __name__ == "__main__":
    {"answers": answers, "page": page}[sys.argv[1] if len(sys.argv) > 1 else "answers"]()
