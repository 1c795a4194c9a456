"""What the reinforcement stage leaves for people: ``rollouts.jsonl``, and pictures of the best and worst answers."""

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data.drawing import overlay
from train.rewards.base import Answered
from train.rollouts import Rollout

SIDE, LINE, LETTERS = 256, 12, 42  # of a picture on the sheet, pixels; height of a line; letters in it


class Records:
    """One process's part of a run's records.

    Args:
        out: the run's folder.
        process: its number; the first one writes ``rollouts.jsonl``, the others ``rollouts-N.jsonl``.
    """

    def __init__(self, out: Path, process: int = 0) -> None:
        self.path = out / (f"rollouts-{process}.jsonl" if process else "rollouts.jsonl")
        self.pictures = out / "pictures"
        self._begun = False

    def write(
        self,
        step: int,
        rollouts: Sequence[Rollout],
        judged: Sequence[Mapping[str, float]],
        advantages: Sequence[float],
    ) -> None:
        """One JSON object for each answer. Lines of this step or later, from before the run went on from a checkpoint,
        are dropped first."""
        if not self._begun:
            self._forget(step)
            self._begun = True
        rows = zip(rollouts, judged, advantages, strict=True)
        with self.path.open("a", encoding="utf-8") as file:
            for rollout, rewarded, advantage in rows:
                file.write(json.dumps(_line(step, rollout, rewarded, advantage)) + "\n")

    def _forget(self, step: int) -> None:
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] < step]
            self.path.write_text("".join(kept), encoding="utf-8")

    def draw(self, step: int, rollouts: Sequence[Rollout], totals: Sequence[float]) -> None:
        """A sheet with a row for each question: the true masks, the best answer and the worst one.

        Args:
            step: names the file.
            rollouts: of some questions.
            totals: the summed reward of each.
        """
        groups: dict[int, list[int]] = {}
        for place, rollout in enumerate(rollouts):
            groups.setdefault(rollout.asked.number, []).append(place)
        rows = []
        for places in groups.values():
            ordered = sorted(places, key=lambda place: totals[place])
            asked, answered = rollouts[places[0]].asked, rollouts[places[0]].answered
            true = [mask for mask in answered.truth if mask is not None]
            panels = [panel(asked.image, true, f"{asked.turn.question}\n{asked.turn.answer}")]
            for place in (ordered[-1], ordered[0]):
                panels.append(_answer(asked.image, rollouts[place].answered, totals[place]))
            rows.append(np.concatenate(panels, axis=1))
        if rows:
            self.pictures.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.concatenate(rows, axis=0)).save(self.pictures / f"{step:06d}.png")


def _line(step: int, rollout: Rollout, rewarded: Mapping[str, float], advantage: float) -> dict[str, object]:
    answered, actions = rollout.answered, rollout.actions
    made: dict[str, object] = {
        "step": step,
        "picture": rollout.asked.number,
        "source": rollout.asked.source,
        "kind": rollout.asked.turn.kind,
        "question": rollout.asked.turn.question,
        "truth": rollout.asked.turn.answer,
        "answer": answered.text,
        "stop": answered.stop,
        "rewards": {name: None if math.isnan(value) else round(value, 4) for name, value in rewarded.items()},
        "advantage": round(advantage, 4),
        "ious": [[mark, target, round(iou, 4)] for mark, target, iou in answered.matched],
    }
    if actions is not None:
        drawn = zip(actions.marks.tolist(), actions.layers.T.tolist(), actions.rewards.T.tolist(), strict=True)
        made["layers"] = [
            {"mark": mark, "drawn": layers, "ious": [round(iou, 4) for iou in ious]} for mark, layers, ious in drawn
        ]
    return made


def _answer(image: np.ndarray, answered: Answered, total: float) -> np.ndarray:
    masks = [mark.mask for mark in answered.marks if mark.mask is not None]
    return panel(image, masks, f"{total:.2f}: {answered.text}")


def panel(image: np.ndarray, masks: Sequence[np.ndarray], text: str) -> np.ndarray:
    """A picture of a sheet: ``(SIDE + 5 lines, SIDE, 3)`` uint8, the picture with its masks, and a text below.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        masks: each ``(H, W)`` bool.
        text: five lines of it are shown.
    """
    shown = Image.fromarray(overlay(image, list(masks)))
    shown.thumbnail((SIDE - 4, SIDE - 4))
    made = Image.new("RGB", (SIDE, SIDE + 5 * LINE), "white")
    made.paste(shown, (2, 2))
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, LETTERS)]
    pen = ImageDraw.Draw(made)
    for number, line in enumerate(lines[:5]):
        pen.text((3, SIDE + number * LINE - 2), line.encode("ascii", "replace").decode(), fill="black")
    return np.asarray(made)
