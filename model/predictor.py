"""Ask a picture: the whole path for a person's question. An image is seen once, however many questions follow."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.images import open_image
from model.answer import Answer, Segment, SegmentEvidence
from model.backbones.base import Generated, Prefix
from model.grounding import GroundingModel, Layers
from model.memory import Memory, room
from model.placement import Placement
from model.policy import Use
from model.prompting.base import Heard, SegPrompts
from model.seen import Seen, Timer
from model.segmenters.base import Features
from model.spoken import drawn
from model.tokens import phrases
from model.tracing import Trace

History = Sequence[tuple[str, str]]

EMPTY = "the question is empty: ask what to look for, for example 'Where is the red cup?'"
UNMARKED = "the answer places this by coordinates in its words: no layer of the language model stands behind it"
VOICES = 8  # times that each click is given: among a map's many points a single one is not heard (chosen on `val`)


@dataclass(frozen=True)
class Ask:
    """A question about a picture ``(H, W, 3)`` uint8 RGB, or a file, with what was said before it."""

    image: np.ndarray | str | Path
    question: str
    history: History = ()


class Predictor:
    """``set_image``, then ``ask`` as often as one likes; ``refine`` corrects a mask by clicks. ``ask_all`` answers
    questions about several pictures together.

    Args:
        model: in evaluation mode.
        keep_bytes: how much of what was computed of pictures is kept; a share of the device's memory if None
            (:func:`model.memory.room`). The newest picture is kept in any case.
    """

    def __init__(self, model: GroundingModel, keep_bytes: int | None = None) -> None:
        self.model = model.eval()
        self.memory: Memory[Seen] = Memory(room(model.device) if keep_bytes is None else keep_bytes)
        self._now: Seen | None = None

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, placement: Placement | None = None, layer: Use | None = None
    ) -> "Predictor":
        """A predictor of a checkpoint folder.

        Args:
            folder: as ``pinpoint train``, ``convert`` or ``download`` made it.
            placement: where and in what to compute; what suits the machine if None.
            layer: applies its layer policy in another way than the folder says.

        Raises:
            ValueError: the folder is no checkpoint, or is damaged; or the machine lacks what ``placement`` asks for.
        """
        return cls(GroundingModel.from_pretrained(folder, placement or Placement(), layer))

    def set_image(self, image: np.ndarray | str | Path) -> None:
        """Choose the picture that is asked about.

        Args:
            image: ``(H, W, 3)`` uint8 RGB, or a file.

        Raises:
            ValueError: the file is no picture, or the array is of another shape or type.
        """
        self._now = self._look(image)

    def forget(self) -> None:
        """Let go of all that is kept of pictures; none is chosen then."""
        self.memory.clear()
        self._now = None

    def _look(self, image: np.ndarray | str | Path) -> Seen:
        """What is known of a picture; it is the newest now."""
        pixels = image if isinstance(image, np.ndarray) else open_image(image)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
            raise ValueError(f"a picture is (H, W, 3) uint8 RGB, not {pixels.shape} {pixels.dtype}")
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data.cast("B"), digest_size=16)
        name = f"{pixels.shape}{digest.hexdigest()}"
        seen = self.memory.get(name)
        if seen is None:
            seen = Seen(name, pixels.copy())  # the caller may go on drawing on its own
            self.memory.keep(name, seen)
        return seen

    @property
    def image(self) -> np.ndarray:
        """The chosen picture.

        Raises:
            ValueError: there is none yet.
        """
        return self._current().image

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
        told = None if on_text is None else lambda _, text: on_text(text)
        return self._answer([(self._current(), question, history)], max_new_tokens, told)[0]

    def ask_all(
        self,
        asks: Sequence[Ask],
        max_new_tokens: int | None = None,
        on_text: Callable[[int, str], bool] | None = None,
    ) -> list[Answer]:
        """Answer several questions together, about one picture or several; the last one's picture is the chosen one
        then. All are in memory until the last has ended.

        Args:
            asks: the questions. Those about one array or file are best given that same object: it is looked at once.
            max_new_tokens: where an answer is cut; the model's own limit if None.
            on_text: called with the number of an ask and its answer's text so far; returns False to stop that one.

        Raises:
            ValueError: as :meth:`set_image` and :meth:`ask`, for any of them; then none is answered.
        """
        looked: dict[int | str | Path, Seen] = {}
        same: dict[str, Seen] = {}  # the memory may have room for fewer
        questions = []
        for ask in asks:
            key = id(ask.image) if isinstance(ask.image, np.ndarray) else ask.image
            if key not in looked:
                seen = self._look(ask.image)
                looked[key] = same.setdefault(seen.name, seen)
            self._now = looked[key]
            questions.append((looked[key], ask.question, ask.history))
        return self._answer(questions, max_new_tokens, on_text)

    @torch.inference_mode()
    def _answer(
        self,
        asked: Sequence[tuple[Seen, str, History]],
        max_new_tokens: int | None,
        on_text: Callable[[int, str], bool] | None,
    ) -> list[Answer]:
        """The answers to questions with the talk before them, each about its picture."""
        if any(not question.strip() for _, question, _ in asked):
            raise ValueError(EMPTY)
        timings: list[dict[str, float]] = [{} for _ in asked]
        with Timer(timings, "read"):
            prefixes = [self._prefix(seen) for seen, _, _ in asked]
        with Timer(timings, "write"), self.model.autocast(self.model.backbone):
            talks = [self.model.put([*history, (question.strip(), None)]) for _, question, history in asked]
            limit = max_new_tokens or self.model.config.max_new_tokens
            written = self.model.backbone.generate(prefixes, talks, limit, on_text)
        for (seen, _, _), prefix, made in zip(asked, prefixes, written, strict=True):
            seen.prefix = replace(prefix, talk=made.talk)  # of a picture's conversations the last one
            self.memory.keep(seen.name, seen)
        heard = [
            self.model.hear(made.text, question, (seen.image.shape[0], seen.image.shape[1]))
            for (seen, question, _), made in zip(asked, written, strict=True)
        ]
        segments: list[tuple[Segment, ...]] = [() for _ in asked]
        pictures: dict[str, list[int]] = {}
        for number, (seen, _, _) in enumerate(asked):
            if heard[number].targets or (self.model.listener is None and len(written[number].trace)):
                pictures.setdefault(seen.name, []).append(number)
        for numbers in pictures.values():
            seen, shared = asked[numbers[0]][0], [timings[number] for number in numbers]
            with Timer(shared, "encode"):
                features = self._features(seen)
            with Timer(shared, "draw"):
                if self.model.listener is None:
                    drawn = self._segments(seen, [written[number] for number in numbers], features)
                else:
                    drawn = self._spoken(seen, [heard[number] for number in numbers], features)
            for number, parts in zip(numbers, drawn, strict=True):
                segments[number] = parts
        for stages in timings:
            stages["total"] = sum(stages.values())
        return [
            Answer(question, made.text, parts, stages, made.stop, said.notes)
            for (_, question, _), made, parts, stages, said in zip(
                asked, written, segments, timings, heard, strict=True
            )
        ]

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
        with np.errstate(over="ignore"):  # infinite then, and refused
            given, marks = np.asarray(points, dtype=np.float32), np.asarray(labels, dtype=np.int64)
        if given.ndim != 2 or given.shape[1] != 2 or marks.shape != (len(given),) or not set(marks) <= {0, 1}:
            raise ValueError("clicks are points (P, 2) in pixels and as many labels, each 1 (inside) or 0 (outside)")
        if not np.isfinite(given).all():
            raise ValueError("a click has a place in pixels that is not a number")
        device = self.model.device
        earlier = segment.evidence.on(device)
        clicks = earlier.clicks
        if len(given):
            clicks = clicks.merge(
                SegPrompts(
                    points=torch.from_numpy(given)[None].to(device), labels=torch.from_numpy(marks)[None].to(device)
                )
            )
        if box is not None:
            with np.errstate(over="ignore"):  # infinite then, and refused
                edges = np.asarray(box, dtype=np.float32)
            if edges.shape != (4,) or not np.isfinite(edges).all() or not (edges[:2] < edges[2:]).all():
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
        return self._redraw(segment, segment.evidence.on(self.model.device).prompts)

    @torch.inference_mode()
    def layer_maps(self, segment: Segment) -> dict[int, np.ndarray]:
        """What every layer of the language model says of a segment's mark, whether or not it spoke.

        The picture is read once more for it, and the result kept for a while. The map of a layer that spoke alone is
        the answer's own.

        Args:
            segment: of an answer about the chosen picture, or made of one.

        Returns:
            By layer (0 is the embedding) its map, ``(h, w)`` float32 in [0, 1]; ``evidence.frame`` places it.

        Raises:
            ValueError: the segment is of another picture, or of no answer that a model of ours wrote.
        """
        layers = self._layers(self._of(segment), segment)
        maps = dict(zip(layers.layers, layers.maps.cpu().numpy().copy(), strict=True))
        spoke = _alone(segment)
        return maps if spoke is None else {**maps, spoke: segment.evidence.map.copy()}

    @torch.inference_mode()
    def reground(self, segment: Segment, /, layer: int | None = None, **options: Any) -> Segment:
        """A segment as another layer or other settings would have drawn it; clicks stay in force, and what is rejected
        stays so.

        Args:
            segment: of an answer about the chosen picture, or made of one.
            layer: that speaks alone, 0 the embedding; what spoke for the segment if None.
            options: settings of the channels instead of the model's own: ``positive``, ``negative``, ``factor`` and
                ``keep`` where it has points.

        Raises:
            ValueError: the segment is of another picture; there is no such layer or setting, or it cannot have that
                value.
        """
        segment = replace(segment, evidence=segment.evidence.on(self.model.device))
        seen, evidence = self._of(segment), segment.evidence
        if segment.span is not None:
            raise ValueError(UNMARKED)
        if evidence.state is None or evidence.frame is None:
            raise ValueError("what the model had in mind at this mark was not kept: ask the question again")
        if layer is not None and layer != _alone(segment):
            every = self._layers(seen, segment)
            if layer not in every.layers:
                raise ValueError(f"there is no layer {layer!r}: this model has 0 to {every.layers[-1]}")
            row = every.layers.index(layer)
            state = evidence.state if self.model.config.layer.layer_for == "map" else every.states[row][None].float()
            evidence = replace(evidence, map=every.maps[row].cpu().numpy().copy(), layers={layer: 1.0}, state=state)
        prompts = evidence.prompts
        if options or evidence is not segment.evidence:
            assert evidence.state is not None and evidence.frame is not None
            maps = torch.from_numpy(evidence.map)[None].to(self.model.device)
            prompts = self.model.prompts(evidence.state, maps, evidence.frame, evidence.frame.source, options)
        drawn = self._redraw(replace(segment, evidence=evidence), prompts, segment.rejected)
        clicks = evidence.clicks
        if clicks.points is None and clicks.boxes is None:
            return drawn
        drawn = replace(drawn, evidence=replace(drawn.evidence, clicks=clicks))
        return self.refine(drawn, np.zeros((0, 2)), np.zeros(0))

    def _of(self, segment: Segment) -> Seen:
        """The chosen picture, which must be the segment's."""
        seen = self._current()
        if segment.evidence.picture != seen.name:
            raise ValueError("the segment belongs to another picture: choose that one first")
        return seen

    def _layers(self, seen: Seen, segment: Segment) -> Layers:
        """All layers of a segment's mark."""
        said = segment.evidence.said
        if segment.span is not None:
            raise ValueError(UNMARKED)
        if said is None:
            raise ValueError("what was said up to this mark was not kept: ask the question again")
        made = seen.look(said, lambda: self.model.layers(seen.image, said))
        self.memory.keep(seen.name, seen)
        return made

    def _redraw(self, segment: Segment, prompts: SegPrompts, rejected: bool = False) -> Segment:
        """A segment of the chosen picture, drawn again from other prompts."""
        seen, earlier = self._of(segment), segment.evidence
        made = self._draw(seen, prompts, earlier.map[None], [segment.phrase], [rejected])[0]
        same = {name: getattr(earlier, name) for name in ("layers", "probabilities", "frame", "state", "said")}
        return replace(made, evidence=replace(made.evidence, **same), span=segment.span)

    def _segments(self, seen: Seen, written: Sequence[Generated], features: Features) -> list[tuple[Segment, ...]]:
        """The segments of the answers about one picture, all drawn in one call, with the layers that spoke for each."""
        trace = Trace.joined([answer.trace for answer in written])
        with self.model.autocast(self.model.segmenter):
            choice = self.model.choose(trace, features)
        grounding = self.model.ground(trace, features.frame.source, choice)
        names = [phrase for answer in written for phrase in phrases(answer.text)]
        drawn = self._draw(seen, grounding.prompts, grounding.maps.cpu().numpy(), names, trace.rejected.tolist())
        said = [words for answer in written for words in self._said(answer)]
        shares = zip(choice.weights.tolist(), choice.probabilities.tolist(), grounding.states, said, strict=True)
        explained = iter(
            replace(
                segment,
                evidence=replace(
                    segment.evidence,
                    layers=dict(zip(trace.layers, weights, strict=True)),
                    probabilities=dict(zip(trace.layers, thought, strict=True)),
                    frame=trace.frame,
                    state=state[None].clone(),
                    said=words,
                ),
            )
            for segment, (weights, thought, state, words) in zip(drawn, shares, strict=True)
        )
        return [tuple(islice(explained, len(answer.trace))) for answer in written]

    def _spoken(self, seen: Seen, heard: Sequence[Heard], features: Features) -> list[tuple[Segment, ...]]:
        """The segments of answers that place their targets in words, all about one picture."""

        def draw(prompts: SegPrompts, maps: np.ndarray, names: list[str], rejected: list[bool]) -> tuple[Segment, ...]:
            return self._draw(seen, prompts.on(self.model.device), maps, names, rejected)

        return drawn(heard, self._prefix(seen).frame, draw)

    def _said(self, answer: Generated) -> list[torch.Tensor | None]:
        """For each mark of an answer what was said up to the token that predicted it, if the backbone tells."""
        if answer.asked is None:
            return [None] * len(answer.trace)
        marks = torch.isin(answer.ids.cpu(), torch.tensor(self.model.backbone.mark_ids)).nonzero()[:, 0].tolist()
        return [torch.cat([answer.asked.cpu(), answer.ids[:place].cpu()]) for place in marks]

    def _draw(
        self, seen: Seen, prompts: SegPrompts, maps: np.ndarray, names: list[str], rejected: list[bool]
    ) -> tuple[Segment, ...]:
        """Decode the prompts of all marks at once. A rejected one keeps its evidence, and an empty mask."""
        features = self._features(seen)
        with self.model.autocast(self.model.segmenter):
            masks = self.model.segmenter.decode(features, prompts)
        made = []
        for number, (phrase, absent) in enumerate(zip(names, rejected, strict=True)):
            low, index = masks.low[number][None].clone(), torch.tensor([number])  # not a part of all marks'
            evidence = SegmentEvidence(maps[number].copy(), prompts.select(index), low, seen.name)
            if absent:
                mask, score = np.zeros(features.frame.source, dtype=bool), 0.0
            else:
                mask = (self.model.segmenter.upscale(low, features)[0, 0] > 0).cpu().numpy()
                score = float(masks.iou[number, 0].clamp(0, 1))
            made.append(Segment(phrase, mask, score, absent, evidence))
        return tuple(made)

    def _current(self) -> Seen:
        if self._now is None:
            raise ValueError("no picture yet: call set_image first")
        return self._now

    def _prefix(self, seen: Seen) -> Prefix:
        if seen.prefix is None:
            with self.model.autocast(self.model.backbone):
                seen.prefix = self.model.backbone.read(seen.image)
            self.memory.keep(seen.name, seen)
        return seen.prefix

    @torch.inference_mode()
    def _features(self, seen: Seen) -> Features:
        if seen.features is None:
            prepared = self.model.segmenter.prepare(seen.image)[None]
            size = (seen.image.shape[0], seen.image.shape[1])
            with self.model.autocast(self.model.segmenter):
                seen.features = self.model.segmenter.encode(prepared.to(self.model.device), [size])[0]
            self.memory.keep(seen.name, seen)
        return seen.features


def _alone(segment: Segment) -> int | None:
    """The layer that spoke alone for a segment, None where several did."""
    return next((layer for layer, share in segment.evidence.layers.items() if share == 1), None)
