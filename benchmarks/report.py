"""How large an evaluation's report is, and how soon Chromium has opened it.

python -m benchmarks.report [--samples 1000]

Every sample has a picture of 640 x 480 with a photograph's noise, and a given and a true mask with ragged edges: more
than most photographs and masks take.
"""

import argparse
import base64
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from data import masks
from data.sample import RLE, SEG, Target
from eval import report
from eval.predictions import Given, Prediction, Truth, Why
from eval.scoring import Scored, count

SIZE = (480, 640)
OPENED = 5  # times


def main() -> int:
    """Print the report's bytes and the seconds until it is loaded; 2 where there is no Chromium."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1000)
    args = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        print("benchmarks.report: there is no Chromium here: install Debian's package chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        path = report.write(Path(folder) / "report.html", samples(args.samples), {}, picture)
        print(f"{args.samples} samples: {path.stat().st_size / 1e6:.1f} MB")
        times = opened(chromium, path)
    print(f"loaded after {min(times):.2f} to {max(times):.2f} s, {OPENED} times")
    return 0


def samples(number: int) -> list[Scored]:
    """That many samples with one mask each."""
    random = np.random.default_rng(0)
    made = []
    for n in range(number):
        levels = random.integers(0, 256, 24 * 24, dtype=np.uint8)
        points = tuple((float(x), float(y), n % 2) for x, y in random.integers(0, SIZE, (30, 2)))
        why = Why(base64.b64encode(levels.tobytes()).decode(), (24, 24), points, {"40": 1.0})
        truth = Truth(f"It is the thing {SEG}.", (Target("the thing", ragged(random)),))
        given = (Given("the thing", ragged(random), 0.8, why),)
        question, answer = "What here would one take to reach something high?", f"It is the thing {SEG}, which is long."
        one = Prediction(f"{n:05d}/0", f"{n:05d}", SIZE, f"kind {n % 7}", question, answer, given, truth)
        made.append(Scored(one, count(one)))
    return made


def ragged(random: np.random.Generator) -> RLE:
    """A mask of blobs whose edges are noise."""
    hills = ndimage.zoom(random.standard_normal((13, 17)), (SIZE[0] / 13, SIZE[1] / 17), order=3)
    return masks.encode(hills[: SIZE[0], : SIZE[1]] + 0.15 * random.standard_normal(SIZE) > 0.6)


def picture(name: str) -> np.ndarray:
    """``(480, 640, 3)`` uint8 of soft colours and noise."""
    random = np.random.default_rng(int(name))
    soft = ndimage.zoom(random.random((48, 64, 3)) * 255, (10, 10, 1), order=1)
    return np.clip(soft + 12 * random.standard_normal((*SIZE, 3)), 0, 255).astype(np.uint8)


def opened(chromium: str, path: Path) -> list[float]:
    """Seconds until a page of its own has loaded it, each time."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"])
        for _ in range(OPENED):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            begin = time.perf_counter()
            page.goto(path.as_uri())
            times.append(time.perf_counter() - begin)
            page.close()
        browser.close()
    return times


if __name__ == "__main__":
    sys.exit(main())
