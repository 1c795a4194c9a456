"""An engine that answers by rule, for tests of the page."""

import time
from dataclasses import replace

import numpy as np
import torch

from data.geometry import Frame
from model.answer import Answer
from model.prompting.base import SegPrompts
from tests.eval.board import segment

LAYERS = 4
GRID = 8


class Rule:
    """Answers every question alike; remembers what it was asked. A question with "slow" is written word by word for
    many seconds, one with "break" fails, one with "two" names two things that are there."""

    asked: list = []  # noqa: RUF012
    placements: list = []  # noqa: RUF012

    def __init__(self, checkpoint, placement, layer=None):
        self.placements.append(placement)
        if "nowhere" in str(checkpoint):
            raise ValueError(f"no checkpoint at {checkpoint}: name a folder")
        self.asked.clear()

    def ask(self, image, question, history, on_text=None, on_place=None):
        self.asked.append((question, list(history)))
        if "break" in question:
            raise ValueError("the model failed on this question; ask it in other words, or another one")
        if "slow" in question:
            return self._slowly(question, on_text, on_place)
        text = "The red cup <SEG> and the <b>lamp</b> <REJ>."
        if "two" in question:
            text = "The red cup <SEG> and the <b>lamp</b> <REJ> and the key <SEG>."
        assert on_text is None or on_text(text)
        size = image.shape[:2]
        left, right = np.zeros(size, bool), np.zeros(size, bool)
        left[10:40, 10:40] = True
        right[-40:-10, -40:-10] = True
        found = [segment("the red cup", left), segment("the <b>lamp</b>", None, size=size), segment("the key", right)]
        found = [self._explained(one, size) for one in found[: 3 if "two" in question else 2]]
        return Answer(question, text, tuple(found), {"total": 0.25})

    def _slowly(self, question, on_text, on_place):
        if on_place is not None:
            on_place(3)
            time.sleep(2.5)
            on_place(0)
        text = "It"
        for number in range(400):
            text += f" {number}"
            if on_text is not None and not on_text(text):
                return Answer(question, text, (), {"total": 1.0}, "cancelled")
            time.sleep(0.05)
        return Answer(question, text, (), {"total": 20.0})

    def _explained(self, one, size):
        evidence = replace(
            one.evidence,
            map=self.layer_maps(None, one)[LAYERS - 1],
            layers={LAYERS - 1: 1.0},
            probabilities={0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4},
            frame=Frame.letterbox(size, GRID),
            prompts=SegPrompts(points=torch.tensor([[[20.0, 20.0], [50.0, 50.0]]]), labels=torch.tensor([[1, 0]])),
        )
        return replace(one, evidence=evidence)

    def refine(self, image, one, points, labels, box=None):
        """Paints a disc for each click, and the box."""
        mask = one.mask.copy()
        rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
        for (x, y), label in zip(points, labels, strict=True):
            mask[np.hypot(columns - x, rows - y) < 9] = bool(label)
        if box is not None:
            left, top, right, bottom = box
            mask[(columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)] = True
        clicks = one.evidence.clicks
        if len(points):
            clicks = clicks.merge(SegPrompts(points=torch.tensor(points)[None], labels=torch.tensor(labels)[None]))
        if box is not None:
            clicks = replace(clicks, boxes=torch.tensor(box)[None])
        return replace(one, mask=mask, rejected=False, score=0.7, evidence=replace(one.evidence, clicks=clicks))

    def segment_anyway(self, image, one):
        mask = np.zeros(image.shape[:2], bool)
        mask[50:80, 50:80] = True
        return replace(one, mask=mask, rejected=False, score=0.4)

    def layer_maps(self, image, one):
        """A bump that walks from layer to layer."""
        rows, columns = np.mgrid[:GRID, :GRID]
        return {
            layer: np.exp(-(((columns - 2 * layer) ** 2 + (rows - 3) ** 2) / 4)).astype(np.float32)
            for layer in range(LAYERS)
        }

    def reground(self, image, one, layer=None, **options):
        """The mask is larger the lower the threshold."""
        mask = np.zeros(image.shape[:2], bool)
        side = round(100 * (1 - options.get("positive", 0.8)))
        mask[:side, :side] = True
        chosen = LAYERS - 1 if layer is None else layer
        evidence = replace(one.evidence, map=self.layer_maps(image, one)[chosen], layers={chosen: 1.0})
        return replace(one, mask=mask, score=0.6, evidence=evidence)
