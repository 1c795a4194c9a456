"""What one session of the page holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.writing import Writing
from model.answer import Answer, Segment

LONGEST = 10_000  # characters of a question; the model's own limit is lower and has its own message
TURNS = 200  # of a conversation that are kept
ROOM = 256 * 2**20  # bytes of all its masks and maps
STEPS = 20  # corrections of a mask that can be undone: each holds a mask of the picture's size


@dataclass
class Track:
    """The corrections of one mask: what it was, and what was taken back."""

    first: Segment
    past: list[Segment] = field(default_factory=list)
    future: list[Segment] = field(default_factory=list)


@dataclass(frozen=True)
class Exchange:
    """A question with its answer, or with the reason why there is none.

    Attributes:
        question: as it was asked.
        answer: with its masks as they are now, corrections among them.
        problem: why there is no answer.
        tracks: of the masks that were corrected, by their number in the answer.
    """

    question: str
    answer: Answer | None
    problem: str | None = None
    tracks: dict[int, Track] = field(default_factory=dict)

    @property
    def inks(self) -> list[int]:
        """For each segment the number of its colour: what the model found in turn, as in all that is exported; after
        that what it rejected, so that a mask drawn all the same takes no other's colour."""
        if self.answer is None:
            return []
        firsts = [self.tracks[n].first if n in self.tracks else one for n, one in enumerate(self.answer.segments)]
        order = sorted(range(len(firsts)), key=lambda number: firsts[number].rejected)
        return [order.index(number) for number in range(len(firsts))]

    @property
    def found(self) -> list[tuple[int, Segment]]:
        """What has a mask, each with the number of its colour."""
        segments = () if self.answer is None else self.answer.segments
        return [(ink, one) for ink, one in zip(self.inks, segments, strict=True) if not one.rejected]

    @property
    def bytes(self) -> int:
        """Of its masks and maps."""
        held = list(self.answer.segments if self.answer is not None else ())
        for track in self.tracks.values():
            held += [track.first, *track.past, *track.future]
        return sum(one.mask.nbytes + one.evidence.map.nbytes for one in {id(one): one for one in held}.values())


@dataclass
class Session:
    """A picture and the conversation about it.

    Attributes:
        image: ``(H, W, 3)`` uint8 RGB, or None before one is chosen.
        name: what the page calls it.
        suggestions: questions that fit the picture.
        exchanges: the conversation so far.
        scene: number of the next new scene.
        upload: of the file taken last, so that a rerun does not take it again.
        writing: the answer that is being written, if one is.
        chosen: number of the exchange whose masks are shown; the newest answer's if None.
        editing: number of the exchange whose question is being rewritten.
        revision: grows with all that a person does to the picture and its masks.
        picture: grows with each new picture.
        problem: of the last thing done to the picture or its masks.
        dropped: turns that were let go, since there were too many.
    """

    image: np.ndarray | None = None
    name: str = ""
    suggestions: tuple[str, ...] = ()
    exchanges: list[Exchange] = field(default_factory=list)
    scene: int = 0
    upload: str | None = None
    writing: Writing | None = None
    chosen: int | None = None
    editing: int | None = None
    revision: int = 0
    picture: int = 0
    problem: str | None = None
    dropped: int = 0

    def show(self, image: np.ndarray, name: str, suggestions: Sequence[str] = ()) -> None:
        """Begin a conversation about another picture."""
        self.image, self.name, self.suggestions = image, name, tuple(suggestions)
        self.picture += 1
        self.problem, self.dropped = None, 0
        self.forget(0)

    def turn(self, number: int) -> str:
        """The name of an exchange, which no other one ever has in this session."""
        return f"{self.picture}-{number + self.dropped}"

    def add(self, row: Exchange) -> None:
        """Take an exchange in; of a conversation that holds too much the first turns go."""
        self.exchanges.append(row)
        held = sum(one.bytes for one in self.exchanges)
        while len(self.exchanges) > 1 and (len(self.exchanges) > TURNS or held > ROOM):
            held -= self.exchanges.pop(0).bytes
            self.dropped += 1
            self.chosen = None if not self.chosen else self.chosen - 1
            self.editing = None if not self.editing else self.editing - 1

    def forget(self, start: int) -> None:
        """Drop the exchanges from one on, and the answer that is being written."""
        if self.writing is not None:
            self.writing.stop()
        self.writing = self.chosen = self.editing = None
        self.exchanges = self.exchanges[:start]
        self.revision += 1

    def history(self) -> list[tuple[str, str]]:
        """Questions and answer texts that the model has seen."""
        return [(e.question, e.answer.text) for e in self.exchanges if e.answer is not None]

    def last(self) -> Answer | None:
        """The newest answer."""
        return next((e.answer for e in reversed(self.exchanges) if e.answer is not None), None)

    def shown(self) -> int | None:
        """Number of the exchange whose masks are shown: the chosen one, or the newest with an answer."""
        if self.chosen is not None and self.chosen < len(self.exchanges):
            return self.chosen
        answered = [number for number, row in enumerate(self.exchanges) if row.answer is not None]
        return answered[-1] if answered else None

    def segments(self) -> tuple[Segment, ...]:
        """Of the exchange that is shown."""
        number = self.shown()
        answer = None if number is None else self.exchanges[number].answer
        return () if answer is None else answer.segments

    def track(self, mask: int) -> Track:
        """The corrections of a mask of the exchange that is shown."""
        number = self.shown()
        assert number is not None
        return self.exchanges[number].tracks.setdefault(mask, Track(self.segments()[mask]))

    def correct(self, mask: int, segment: Segment) -> None:
        """Put a corrected mask in place of a mask of the exchange that is shown; the one before can be brought back."""
        track = self.track(mask)
        track.past = [*track.past, self.segments()[mask]][-STEPS:]
        track.future.clear()
        self._put(mask, segment)

    def undo(self, mask: int) -> bool:
        """Bring the mask before the last correction back; False where there is none."""
        track = self.track(mask)
        if not track.past:
            return False
        track.future.append(self.segments()[mask])
        self._put(mask, track.past.pop())
        return True

    def redo(self, mask: int) -> bool:
        """Take an undo back; False where there is none."""
        track = self.track(mask)
        if not track.future:
            return False
        track.past.append(self.segments()[mask])
        self._put(mask, track.future.pop())
        return True

    def reset(self, mask: int) -> bool:
        """Bring the model's own mask back, which can be undone; False where it is there."""
        first = self.track(mask).first
        if self.segments()[mask] is first:
            return False
        self.correct(mask, first)
        return True

    def _put(self, mask: int, segment: Segment) -> None:
        number = self.shown()
        assert number is not None
        row = self.exchanges[number]
        assert row.answer is not None
        segments = tuple(segment if n == mask else one for n, one in enumerate(row.answer.segments))
        self.exchanges[number] = replace(row, answer=replace(row.answer, segments=segments))
