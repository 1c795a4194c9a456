"""Ask a picture: the whole path for a person's question. An image is seen once, however many questions follow."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from data.images import open_image
from model.answer import Answer, Segment, SegmentEvidence
from model.backbones.base import Generated, Prefix
from model.grounding import GroundingModel
from model.policy import Use
from model.prompting.base import SegPrompts
from model.segmenters.base import Features
from model.tokens import phrases

History = Sequence[tuple[str, str]]

VOICES = 8  # times that each click is given: among a map's many points a single one is not heard (chosen on `val`)


@dataclass
class _Seen:
    """What is kept of an image: filled when first needed."""

    name: str
    image: np.ndarray
    prefix: Prefix | None = None
    features: Features | None = None


class Predictor:
    """``set_image``, then ``ask`` as often as one likes; ``refine`` corrects a mask by clicks.

    Args:
        model: in evaluation mode.
        keep: how many images stay read.
        half: run the networks in bfloat16 autocast.
    """

    def __init__(self, model: GroundingModel, keep: int = 4, half: bool = False) -> None:
        self.model = model.eval()
        self._keep, self._half = keep, half
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._now: _Seen | None = None

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, device: str | None = None, half: bool = False, layer: Use | None = None
    ) -> "Predictor":
        """A predictor of a checkpoint folder.

        Args:
            folder: as ``pinpoint train``, ``convert`` or ``download`` made it.
            device: to run on; if None a GPU where there is one.
            half: run the networks in bfloat16.
            layer: applies its layer policy in another way than the folder says.

        Raises:
            ValueError: the folder is no checkpoint, or is damaged.
        """
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if half else None  # float16 weights do not go with bfloat16 autocast
        return cls(GroundingModel.from_pretrained(folder, device, layer, dtype), half=half)

    def set_image(self, image: np.ndarray | str | Path) -> None:
        """Choose the picture that is asked about.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, or a file.

        Raises:
            ValueError: the file is no picture, or the array is of another shape or type.
        """
        pixels = image if isinstance(image, np.ndarray) else open_image(image)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
            raise ValueError(f"a picture is (H, W, 3) uint8 RGB, not {pixels.shape} {pixels.dtype}")
        digest = hashlib.blake2b(pixels.tobytes(), digest_size=16)
        key = f"{pixels.shape}{digest.hexdigest()}"
        if key not in self._seen:
            self._seen[key] = _Seen(key, pixels.copy())  # the caller may go on drawing on its own
        self._now = self._seen[key]
        self._seen.move_to_end(key)
        while len(self._seen) > self._keep:
            self._seen.popitem(last=False)

    @property
    def image(self) -> np.ndarray:
        """The chosen picture.

        Raises:
            ValueError: there is none yet.
        """
        return self._current().image

    @torch.inference_mode()
    def ask(
        self,
        question: str,
        history: History = (),
        on_text: Callable[[str], bool] | None = None,
        max_new_tokens: int | None = None,
    ) -> Answer:
        """Answer a question about the chosen picture.

        Args:
            question: in words.
            history: earlier questions and answer texts of the same conversation.
            on_text: called with the text so far; returns False to stop.
            max_new_tokens: where the answer is cut; the model's own limit if None.

        Raises:
            ValueError: no picture, an empty question, or one too long for the model.
        """
        if not question.strip():
            raise ValueError("the question is empty: ask what to look for, for example 'Where is the red cup?'")
        seen = self._current()
        timings: dict[str, float] = {}
        with _Timer(timings, "read"):
            prefix = self._prefix(seen)
        with _Timer(timings, "write"):
            turns: list[tuple[str, str | None]] = [*history, (question.strip(), None)]
            limit = max_new_tokens or self.model.config.max_new_tokens
            with self._precision():
                generated = self.model.backbone.generate(prefix, turns, limit, on_text)
        segments: tuple[Segment, ...] = ()
        if len(generated.trace):
            with _Timer(timings, "encode"):
                features = self._features(seen)
            with _Timer(timings, "draw"):
                segments = self._segments(seen, generated, features)
        timings["total"] = sum(timings.values())
        return Answer(question, generated.text, segments, timings, generated.stop)

    @torch.inference_mode()
    def refine(
        self, segment: Segment, points: np.ndarray, labels: np.ndarray, box: np.ndarray | None = None
    ) -> Segment:
        """Correct a mask by clicks, as SAM does: its earlier logits are given back with all clicks made so far.

        A click outside the thing only trims, so what the mark gave stays in force. One inside, or a box, shows the
        thing: it takes the mark's place, which may have meant another.

        Args:
            segment: of an answer about the chosen picture.
            points: ``(P, 2)`` XY, original pixels.
            labels: ``(P,)``, 1 inside, 0 outside.
            box: ``(4,)`` XYXY, original pixels, or None.

        Raises:
            ValueError: the arrays do not fit together, or the segment is of another picture.
        """
        given, marks = np.asarray(points, dtype=np.float32), np.asarray(labels, dtype=np.int64)
        if given.ndim != 2 or given.shape[1] != 2 or marks.shape != (len(given),) or not set(marks) <= {0, 1}:
            raise ValueError("clicks are points (P, 2) in pixels and as many labels, each 1 (inside) or 0 (outside)")
        if not np.isfinite(given).all():
            raise ValueError("a click has a place in pixels that is not a number")
        earlier = segment.evidence
        device = earlier.low.device
        clicks = earlier.clicks
        if len(given):
            clicks = clicks.merge(
                SegPrompts(
                    points=torch.from_numpy(given)[None].to(device), labels=torch.from_numpy(marks)[None].to(device)
                )
            )
        if box is not None:
            edges = np.asarray(box, dtype=np.float32)
            if edges.shape != (4,) or not (edges[:2] < edges[2:]).all():
                raise ValueError(f"a box is left, top, right, bottom in pixels, not {edges.tolist()}")
            clicks = replace(clicks, boxes=torch.from_numpy(edges)[None].to(device))
        shown = clicks.boxes is not None or (clicks.labels is not None and bool((clicks.labels == 1).any()))
        prompts = SegPrompts() if shown else replace(earlier.prompts, mask=None)
        prompts = prompts.merge(clicks.repeated(VOICES)).merge(SegPrompts(mask=earlier.low))
        better = self._redraw(segment, prompts)
        return replace(better, evidence=replace(better.evidence, prompts=earlier.prompts, clicks=clicks))

    @torch.inference_mode()
    def segment_anyway(self, segment: Segment) -> Segment:
        """The mask of a rejected segment: a ``<REJ>`` has a state and a map like any other mark."""
        return self._redraw(segment, segment.evidence.prompts)

    def _redraw(self, segment: Segment, prompts: SegPrompts) -> Segment:
        """A segment of the chosen picture, drawn again from other prompts."""
        seen = self._current()
        if segment.evidence.picture != seen.name:
            raise ValueError("the segment belongs to another picture: choose that one first")
        earlier = segment.evidence
        made = self._draw(seen, prompts, earlier.map[None], [segment.phrase], [False])[0]
        kept = replace(made.evidence, layers=earlier.layers, probabilities=earlier.probabilities)
        return replace(made, evidence=kept)

    def _segments(self, seen: _Seen, generated: Generated, features: Features) -> tuple[Segment, ...]:
        """The segments of an answer, with the layers that spoke for each."""
        trace = generated.trace
        with self._precision():
            choice = self.model.choose(trace, features)
        grounding = self.model.ground(trace, features.frame.source, choice)
        drawn = self._draw(
            seen, grounding.prompts, grounding.maps.cpu().numpy(), phrases(generated.text), trace.rejected.tolist()
        )
        shares = zip(choice.weights.tolist(), choice.probabilities.tolist(), strict=True)
        return tuple(
            replace(
                segment,
                evidence=replace(
                    segment.evidence,
                    layers=dict(zip(trace.layers, weights, strict=True)),
                    probabilities=dict(zip(trace.layers, thought, strict=True)),
                ),
            )
            for segment, (weights, thought) in zip(drawn, shares, strict=True)
        )

    def _draw(
        self, seen: _Seen, prompts: SegPrompts, maps: np.ndarray, names: list[str], rejected: list[bool]
    ) -> tuple[Segment, ...]:
        """Decode the prompts of all marks at once. A rejected one keeps its evidence, and an empty mask."""
        features = self._features(seen)
        with self._precision():
            masks = self.model.segmenter.decode(features, prompts)
        made = []
        for number, (phrase, absent) in enumerate(zip(names, rejected, strict=True)):
            low, index = masks.low[number][None], torch.tensor([number])
            evidence = SegmentEvidence(maps[number], prompts.select(index), low, seen.name)
            if absent:
                mask, score = np.zeros(features.frame.source, dtype=bool), 0.0
            else:
                mask = (self.model.segmenter.upscale(low, features)[0, 0] > 0).cpu().numpy()
                score = float(masks.iou[number, 0].clamp(0, 1))
            made.append(Segment(phrase, mask, score, absent, evidence))
        return tuple(made)

    def _current(self) -> _Seen:
        if self._now is None:
            raise ValueError("no picture yet: call set_image first")
        return self._now

    def _prefix(self, seen: _Seen) -> Prefix:
        if seen.prefix is None:
            with self._precision():
                seen.prefix = self.model.backbone.read(seen.image)
        return seen.prefix

    @torch.inference_mode()
    def _features(self, seen: _Seen) -> Features:
        if seen.features is None:
            prepared = self.model.segmenter.prepare(seen.image)[None]
            size = (seen.image.shape[0], seen.image.shape[1])
            with self._precision():
                device = next(self.model.segmenter.parameters()).device
                seen.features = self.model.segmenter.encode(prepared.to(device), [size])[0]
        return seen.features

    def _precision(self) -> AbstractContextManager[object]:
        device = next(self.model.parameters()).device.type
        return torch.autocast(device, dtype=torch.bfloat16, enabled=self._half)


class _Timer:
    """Adds the seconds spent inside to a stage."""

    def __init__(self, timings: dict[str, float], stage: str) -> None:
        self._timings, self._stage = timings, stage

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._timings[self._stage] = time.perf_counter() - self._begin
