"""Make the pictures of the README and the docs with the checkpoint that ships.

python -m docs.make_pictures answers    # docs/answers.md and docs/answers/*.png
python -m docs.make_pictures page       # docs/page.png and docs/page_why.png; need Chromium
python -m docs.make_pictures views      # docs/page_*.png of the other views, of a correction, on a phone; need Chromium
python -m docs.make_pictures report     # docs/report.png: 100 scenes of `val`; needs Chromium
python -m docs.make_pictures evidence   # docs/evidence.png: what each channel gives SAM, and what it draws from that
python -m docs.make_pictures rewards    # docs/rewards.png: the curves of docs/results/reinforcement/*.jsonl
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import torch
from PIL import Image, ImageDraw

from app import places
from app.cli import CHECKPOINT, main
from app.drawn import fitted
from app.running import pinpoint
from data.drawing import overlay
from data.world.world import World
from model.predictor import Predictor
from model.prompting.base import SegPrompts
from model.tokens import unmarked

DOCS = Path(__file__).resolve().parent
FIRST = 2000  # scenes of the test split that no number in the README stands on

WINDOW = 20  # lines of a log that a curve's mean is of
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


# Scenes of `val`, and what is asked of them.
EVIDENCE = (
    (9, "Find the yellow bed that is right of the cat."),
    (13, "Point to the umbrella."),
    (8, "Of all the sofas, find the furthest right one."),
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
        big, masks = fitted(image, [s.mask for s in answer.segments if not s.rejected])
        drawn = Image.fromarray(overlay(big, masks, outline=3))
        drawn.thumbnail((448, 448))
        drawn.save(folder / f"{number:02d}.png", optimize=True)
        said = unmarked(answer.text)
        gone = [s.phrase for s in answer.segments if s.rejected]
        lines += [f"**{number}. {question}**", "", f"> {said}", ""]
        lines += [f"Said to be absent: {', '.join(gone)}", ""] if gone else []
        lines += [f"![{question}](answers/{number:02d}.png)", ""]
    (DOCS / "answers.md").write_text("\n".join(lines), encoding="utf-8")


@contextmanager
def browsed(address: str, height: int, width: int = 1280) -> Iterator[Any]:
    """A page in Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        shown = browser.new_page(viewport={"width": width, "height": height})
        shown.goto(address)
        yield shown
        browser.close()


def page() -> None:
    """Open the page, ask about a scene, and take its picture; then with the reasons for a mask."""
    with pinpoint("app") as server, browsed(server.url, 1000) as shown:
        asked(shown)
        shown.screenshot(path=DOCS / "page.png")
        shown.set_viewport_size({"width": 1280, "height": 1700})
        shown.get_by_text("Why these masks?").click()
        shown.get_by_alt_text("similarity map").first.wait_for(timeout=120_000)
        shown.wait_for_timeout(3000)
        shown.screenshot(path=DOCS / "page_why.png")
    for name in ("page.png", "page_why.png"):
        shrink(DOCS / name)


def asked(shown: Any, question: str = PAGE) -> None:
    """Ask on the page, and wait until the answer is drawn."""
    shown.get_by_placeholder("Ask about the picture").fill(question)
    shown.keyboard.press("Enter")
    shown.locator(".legend li").first.wait_for(timeout=120_000)
    shown.get_by_placeholder("Ask about the picture").blur()
    shown.wait_for_timeout(3000)


def views() -> None:
    """Use each view as a person does, and take its picture."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / "trees"
        main(["world", "export", "--format", "reason_seg", "--split", "val", "--count", "40", "--out", str(root)])
        main(["eval", "world", "--split", "val", "--count", "100", "--out", str(root / "val")])
        scenes = [Path(made) / f"scene {number}.png" for number in range(1, 9)]
        for number, path in enumerate(scenes):
            Image.fromarray(World("test", 1, start=FIRST + number).pack(0, 0)[0]).save(path)
        with pinpoint("app", "--root", str(root)) as server:
            for name, width, height, use in (
                ("correct", 1280, 1150, corrected),
                ("take_away", 1280, 1400, taken),
                ("many", 1280, 1250, lambda shown: listed(shown, scenes)),
                ("compare", 1280, 1500, compared),
                ("results", 1280, 1700, opened),
                ("datasets", 1280, 1700, lambda shown: shown.get_by_alt_text("true masks").first.wait_for()),
                ("phone", 375, 1100, asked),
            ):
                with browsed(server.url, height, width) as shown:
                    shown.get_by_placeholder("Ask about the picture").wait_for(timeout=120_000)
                    if name in ("many", "compare", "results", "datasets"):
                        shown.get_by_role("link", name=name.title()).first.click()
                    use(shown)
                    shown.wait_for_timeout(3000)
                    shown.screenshot(path=DOCS / f"page_{name}.png")
                shrink(DOCS / f"page_{name}.png")


def corrected(shown: Any) -> None:
    """A mask that lacks a part, and gets it by one click."""
    shown.get_by_role("button", name="Scene 4").click()
    shown.wait_for_timeout(3000)
    asked(shown, "Of all the shirts, find the leftmost one.")
    seen = shown.locator(".stage").bounding_box()
    shown.mouse.click(seen["x"] + 0.326 * seen["width"], seen["y"] + 0.871 * seen["height"])


def taken(shown: Any) -> None:
    """What can be taken away."""
    asked(shown)
    shown.get_by_test_id("stExpander").get_by_text("Take away").click()


def listed(shown: Any, scenes: Sequence[Path]) -> None:
    """One question to many pictures."""
    shown.locator("input[type=file]").first.set_input_files(scenes)
    shown.get_by_label("Question for all").fill("Find everything that is an animal.")
    shown.keyboard.press("Tab")
    shown.get_by_role("button", name="Ask them all").click(timeout=120_000)
    shown.get_by_role("status").first.filter(has_text="Done").wait_for(timeout=120_000)


def compared(shown: Any) -> None:
    """The model that ships beside itself, another layer in use."""
    shown.get_by_label("Uses its layers").click()
    shown.get_by_role("option", name="likely").click()
    shown.get_by_label("Question").fill(PAGE)
    shown.get_by_role("button", name="Compare").click()
    shown.get_by_text("Agreement").first.wait_for(timeout=120_000)


def opened(shown: Any) -> None:
    """The numbers of an evaluation, and its worst questions."""
    shown.get_by_text(places.SERVER).click()
    shown.get_by_label("Folder with results").click()
    shown.get_by_role("option", name="val").first.click()
    shown.get_by_role("button", name="Show these results").click()
    shown.get_by_text(" questions").first.wait_for(timeout=120_000)
    shown.get_by_alt_text("Predicted").first.scroll_into_view_if_needed(timeout=120_000)


def report() -> None:
    """Evaluate a hundred scenes, open the report, and take its picture: the top, and the samples under it."""
    with tempfile.TemporaryDirectory() as made:
        main(["eval", "world", "--split", "val", "--count", "100", "--out", made])
        with browsed(f"file://{made}/report.html", 1900) as shown:
            shown.locator("[name=kind]").select_option("several")
            shown.wait_for_timeout(1500)
            shown.screenshot(path=DOCS / "report.png")
    shrink(DOCS / "report.png")


SIDE = 236  # of a panel of the evidence, pixels


def evidence() -> None:
    """A row a question: the picture, the similarity map, and for each channel alone and for all of them together the
    prompt and the mask that SAM draws from it."""
    predictor = Predictor.from_pretrained(CHECKPOINT)
    model = predictor.model
    titles = ["picture", "map", *(f"{name} alone" for name in model.channels), "all"]
    rows = []
    for index, question in EVIDENCE:
        image = World("val", 1, start=index).pack(0, 0)[0]
        predictor.set_image(image)
        answer = predictor.ask(question)
        segment = next(s for s in answer.segments if not s.rejected)
        features = predictor._features(predictor._current())
        given = segment.evidence.prompts
        frame = model.backbone.frame((image.shape[0], image.shape[1]))
        heat = frame.map_back(torch.from_numpy(segment.evidence.map)).numpy()
        panels = [image, _heated(image, heat)]
        for prompts in (*(_only(given, name) for name in model.channels), given):
            with torch.no_grad():
                low = model.segmenter.decode(features, prompts).low
                mask = (model.segmenter.upscale(low, features)[0, 0] > 0).numpy()
            shown = image
            if prompts.mask is not None and prompts.points is None:
                shown = _heated(
                    image, features.frame.scaled(*prompts.mask.shape[-2:]).map_back(prompts.mask[0, 0]).numpy()
                )
            panels.append(_panel(overlay(shown, [mask], outline=1), prompts))
        rows.append((question, panels))
    _grid(titles, rows).save(DOCS / "evidence.png", optimize=True)
    shrink(DOCS / "evidence.png")


def rewards() -> None:
    """The reward and what it is made of, by step of the reinforcement stage: runs, and means of lines."""
    names = {"reward": "sum", "rewards/mask/mean": "mask", "rewards/rejection/mean": "rejection", "kl": "divergence"}
    rows = []
    for path in sorted((DOCS / "results" / "reinforcement").glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for name, title in names.items():
            known = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
            for index, (step, value) in enumerate(known):
                near = [value for _, value in known[max(0, index - WINDOW + 1) : index + 1]]
                mean = sum(near) / len(near) if len(near) >= WINDOW // 2 else None
                rows.append({"run": path.stem, "what": title, "step": step, "one": value, "mean": mean})
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("step:Q", title="step"), color=alt.Color("run:N", title=None), tooltip=["one:Q"]
    )
    points = base.mark_circle(size=12, opacity=0.35).encode(y=alt.Y("one:Q", title=None).scale(zero=False))
    means = base.mark_line().encode(y="mean:Q")
    chart = alt.layer(points, means).properties(width=300, height=190).facet(alt.Facet("what:N", title=None), columns=2)
    chart.resolve_scale(y="independent").save(DOCS / "rewards.png", scale_factor=2)
    shrink(DOCS / "rewards.png")


def _only(prompts: SegPrompts, channel: str) -> SegPrompts:
    """What one channel gave."""
    parts = {"embedding": ("embeddings",), "points": ("points", "labels"), "mask": ("mask",)}[channel]
    return SegPrompts(**{name: getattr(prompts, name) for name in parts})


def _heated(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A map in [0, 1] over the greyed picture: the higher, the redder."""
    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.5 + 64
    red = np.array([213.0, 40.0, 0.0])
    return (grey * (1 - 0.8 * heat[..., None]) + red * 0.8 * heat[..., None]).astype(np.uint8)


def _panel(image: np.ndarray, prompts: SegPrompts) -> np.ndarray:
    """The picture with the points: green inside, red outside; what is no point is left out."""
    drawn = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(drawn)
    if prompts.points is not None and prompts.labels is not None:
        for (x, y), label in zip(prompts.points[0].tolist(), prompts.labels[0].tolist(), strict=True):
            place = [(x + 0.5) * SIDE / image.shape[1], (y + 0.5) * SIDE / image.shape[0]]
            if label >= 0:
                ink = (0, 158, 60) if label else (220, 30, 30)
                pen.ellipse([c - 4 for c in place] + [c + 4 for c in place], fill=ink, outline="white")
    return np.asarray(drawn)


def _grid(titles: list[str], rows: list[tuple[str, list[np.ndarray]]]) -> Image.Image:
    """Panels in rows, titles above, the question under each row."""
    line = 22
    made = Image.new("RGB", ((SIDE + 6) * len(titles), line + (SIDE + line + 6) * len(rows)), "white")
    pen = ImageDraw.Draw(made)
    for column, title in enumerate(titles):
        pen.text(((SIDE + 6) * column + 4, 3), title, fill="black", font_size=15)
    for number, (question, panels) in enumerate(rows):
        top = line + (SIDE + line + 6) * number
        for column, panel in enumerate(panels):
            made.paste(Image.fromarray(panel).resize((SIDE, SIDE)), ((SIDE + 6) * column, top))
        pen.text((4, top + SIDE + 2), question, fill="black", font_size=15)
    return made


def shrink(path: Path) -> None:
    """Fewer colours: a page is mostly flat."""
    Image.open(path).convert("RGB").quantize(colors=256, kmeans=1).save(path, optimize=True)


MAKES = {one.__name__: one for one in (answers, page, views, report, evidence, rewards)}

if __name__ == "__main__":
    MAKES[sys.argv[1] if len(sys.argv) > 1 else "answers"]()
