"""Boxes and points that a language model writes in its answer: from text to targets.

What is read:

* Qwen2.5-VL: ``[{"bbox_2d": [x1, y1, x2, y2], "label": "..."}]``, points as ``point_2d``, often fenced as Markdown; in
  pixels of the picture as it was resized for the network (github.com/QwenLM/Qwen3-VL, issues 676 and 940).
* Qwen3-VL: the same in thousandths of the picture's sides (there, issue 1486).
* Seg-Zero (Liu et al. 2025, arXiv 2503.06520, figure 4): ``<think>..</think><answer>{"bbox": [..], "points_1": [x, y],
  "points_2": [x, y]}</answer>``, in pixels of the picture resized to 840 x 840.
* VisionReasoner (Liu et al. 2025, arXiv 2505.12081; github.com/JIA-Lab-research/VisionReasoner at 5fb3baa,
  vision_reasoner_model.py): ``<answer>[{"bbox_2d": [..], "point_2d": [..]}, ..]</answer>``, in the same frame.

A model's JSON is often not JSON: cut off, in single quotes, with a comma too many. So it is read field by field, by
regular expressions that go over the text once, and not by a parser, which would refuse the whole for one sign. No
nesting is followed, and what is no number stays none.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.geometry import Frame

Box = tuple[float, float, float, float]
Point = tuple[float, float]
LONGEST = 200_000  # characters of an answer that are read
LABEL = 200  # characters of a label
FARTHEST = 1e6  # a number beyond is no coordinate
THOUGHT, ANSWER, ANSWERED = "</think>", "<answer>", "</answer>"

# One {...} without another inside, or what there is of it; a brace in a string is no brace.
_ITEM = re.compile(r'\{(?:[^{}"]++|"(?:[^"\\\n]++|\\.)*+"|")*+\}?')
_FIELD = re.compile(
    r"""(?<!\w)(?P<key>[A-Za-z_]\w*+)["']?\s*+:\s*+"""
    r"""(?P<value>"(?:[^"\\]++|\\.)*+"?|'(?:[^'\\]++|\\.)*+'?|\[(?:[^\[\]]++|\[[^\[\]]*+\])*+\]?|[^,{}\[\]]*+)""",
    re.DOTALL,
)
_BOX, _POINTS = re.compile(r"bbox(?:_2d)?"), re.compile(r"points?(?:_2d)?(?:_\d{1,3})?")
_LABELS = ("label", "name", "phrase", "object")
_NUMBER = re.compile(r"[+-]?(?:\d{1,16}(?:\.\d{0,32})?|\.\d{1,32})(?:[eE][+-]?\d{1,3})?")
_NOTHING = ("", "none", "null", "n/a", "not found", "nothing")
_BARE = re.compile(r"[\[(][\[\]()\s\d.,+\-]*+")
_EMPTY = re.compile(r"\[\s*(?:null|none|\{\s*\}|\[\s*\])?\s*\]|\{\s*\}")
_FENCE = re.compile(r"```\w*")
_OPENS = re.compile(r"(?:<answer>\s*)?(?:```\w*\s*)?(?:\[\s*)?\Z")
_CLOSES = re.compile(r"\s*\]?\s*(?:```)?\s*(?:</answer>)?")


@dataclass(frozen=True)
class Target:
    """One thing that an answer places.

    Attributes:
        label: its name in the answer, "" for none.
        box: left, top, right, bottom, or None.
        points: ``(x, y)`` of points inside it.
        span: of characters, where it stands in the answer.
    """

    label: str
    box: Box | None
    points: tuple[Point, ...]
    span: tuple[int, int]

    @property
    def absent(self) -> bool:
        """The answer says that it is not there: it has no place."""
        return self.box is None and not self.points


@dataclass(frozen=True)
class Reading:
    """What stands in an answer.

    Attributes:
        targets: in the answer's order, in the numbers that it wrote; those alike are one.
        none: it says that there is nothing, by an empty list or a word for it.
        span: of characters, where that stands: the list with all that encloses it.
        problems: what could not be read, a plain line each.
    """

    targets: tuple[Target, ...] = ()
    none: bool = False
    span: tuple[int, int] = (0, 0)
    problems: tuple[str, ...] = ()


def read(text: str) -> Reading:
    """Find the targets of an answer, as the model wrote it; what is thought before it counts for nothing."""
    begin, end = _answer(text)
    if begin is None:
        return Reading(problems=("the answer ended within its thoughts",))
    problems = [] if end - begin <= LONGEST else [f"the answer goes on beyond the {LONGEST} characters that are read"]
    end = min(end, begin + LONGEST)
    targets: dict[tuple[object, ...], Target] = {}
    broken = repeated = 0
    for found in _ITEM.finditer(text, begin, end):
        read_, bad = _item(found[0], found.span())
        broken += bad
        for target in read_:
            repeated += targets.setdefault((target.label, target.box, target.points), target) is not target
    if not targets and not broken:
        targets = {(one.box, one.points): one for one in _bare(text, begin, end)}
    if broken:
        problems.append(f"coordinates of {_count(broken, 'target')} in the answer cannot be read")
    if repeated:
        problems.append(f"the answer repeats itself: {_count(repeated, 'target')} given again")
    span = _enclosed(text, list(targets.values())) if targets else (begin, end)
    none = not targets and not broken and _says_nothing(text[begin:end])
    return Reading(tuple(targets.values()), none, span, tuple(problems))


def place(targets: Sequence[Target], frame: Frame) -> tuple[list[Target], int]:
    """The same targets in original pixels (an integer is the centre of a pixel).

    A coordinate counts from the picture's edge, as the published mappings have it (x / side * width): 0 and the side's
    length are its edges. Corners that are swapped are put right; what reaches beyond the picture is cut. Where all
    numbers lie in [0, 1] and not all are whole, they are shares of the sides.

    Args:
        targets: in the numbers of the answer.
        frame: original pixels -> those numbers.

    Returns:
        The targets that lie in the picture, and how many do not.
    """
    numbers = [value for target in targets for value in (*(target.box or ()), *(v for xy in target.points for v in xy))]
    shares = all(0 <= value <= 1 for value in numbers) and any(value % 1 for value in numbers)
    unit = np.array(frame.target[::-1] if shares else (1, 1), dtype=np.float64)
    height, width = frame.source
    placed, lost = [], 0
    for target in targets:
        box: Box | None = None
        points: tuple[Point, ...] = ()
        if target.box is not None:
            corners = frame.points_back(np.array(target.box).reshape(2, 2) * unit - 0.5)
            low, high = (np.clip(edge, -0.5, (width - 0.5, height - 0.5)) for edge in (corners.min(0), corners.max(0)))
            if (low < high).all():
                box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        if target.points:
            every = frame.points_back(np.array(target.points) * unit - 0.5)
            inside = ((every >= -0.5) & (every <= (width - 0.5, height - 0.5))).all(axis=1)
            kept = np.clip(every[inside], 0, (width - 1, height - 1))
            points = tuple((float(x), float(y)) for x, y in kept)
        if target.absent or box is not None or points:
            placed.append(replace(target, box=box, points=points))
        else:
            lost += 1
    return placed, lost


def write(labels: Sequence[str], boxes: Sequence[Box | None], frame: Frame) -> str:
    """The answer that names these targets, as Qwen-VL writes it, and which :func:`read` and :func:`place` read back but
    for the rounding to whole numbers.

    Args:
        labels: their names.
        boxes: left, top, right, bottom in original pixels (an integer is the centre of a pixel); None for a target that
            is not there: it is left out, and a list of nothing is the rejection.
        frame: original pixels -> the numbers to write.
    """
    items: list[dict[str, object]] = []
    left, top, right, bottom = frame.window  # a box keeps a number's width, and stays in the picture
    for label, box in zip(labels, boxes, strict=True):
        if box is not None:
            low, high = np.rint(frame.points(np.array(box).reshape(2, 2)) + 0.5).astype(int)
            low = np.clip(low, (left, top), (right - 1, bottom - 1))
            high = np.clip(high, low + 1, (right, bottom))
            items.append({"bbox_2d": [*low.tolist(), *high.tolist()], "label": label})
    return json.dumps(items, ensure_ascii=False)


def strict(text: str, keys: Sequence[str]) -> float:
    """How much of an answer is JSON of a published form: the share of a target's ``keys`` that it has with as many
    numbers as they need (4 for a box, else 2), over its targets; 0 where it is no JSON, 1 for an empty list.

    VisionReasoner's format reward (github.com/JIA-Lab-research/Seg-Zero, verl/utils/reward_score/vision_reasoner.py)
    counts so; with Seg-Zero's three keys, its strict one is 1 where this is.
    """
    begin, end = _answer(text)
    if begin is None or end - begin > LONGEST:
        return 0.0
    try:
        found = json.loads(_FENCE.sub("", text[begin:end]), parse_constant=lambda name: name)
    except (ValueError, RecursionError):
        return 0.0
    items = [found] if isinstance(found, dict) else found
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return 0.0
    right = sum(_numbers_of(item.get(key), 4 if _BOX.fullmatch(key) else 2) for item in items for key in keys)
    return right / (len(items) * len(keys)) if items else 1.0


def _numbers_of(value: object, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(type(one) in (int, float) for one in value)


def _answer(text: str) -> tuple[int | None, int]:
    """Where the answer proper begins and ends; None where a thought has no end."""
    thought = text.rfind(THOUGHT)
    if thought < 0 and "<think>" in text:
        return None, 0
    begin, end = thought + len(THOUGHT) if thought >= 0 else 0, len(text)
    opened = text.find(ANSWER, begin)
    if opened >= 0:
        begin = opened + len(ANSWER)
        closed = text.find(ANSWERED, begin)
        end = closed if closed >= 0 else end
    return begin, end


def _item(text: str, span: tuple[int, int]) -> tuple[list[Target], int]:
    """The targets of one ``{...}``, and how many of its places cannot be read."""
    label = ""
    boxes: list[Box] = []
    points: list[Point] = []
    named = broken = nothing = 0
    for field in _FIELD.finditer(text, 1):
        key, value = field["key"].lower(), field["value"].strip()
        if key in _LABELS and not label:
            label = _words(value)
        is_box = _BOX.fullmatch(key) is not None
        if not is_box and not _POINTS.fullmatch(key):
            continue
        named += 1
        numbers = _numbers(value)
        each = 4 if is_box else 2
        if numbers == []:
            nothing += 1
        elif numbers is None or len(numbers) % each:
            broken += 1
        else:
            boxes += _fours(numbers) if is_box else []
            points += [] if is_box else _twos(numbers)
    if not boxes and not points:
        return ([Target(label, None, (), span)] if nothing == named > 0 else []), int(broken > 0)
    if len(boxes) > 1:  # whose the points are is not said
        return [Target(label, box, (), span) for box in boxes], 0
    return [Target(label, boxes[0] if boxes else None, tuple(points), span)], 0


def _bare(text: str, begin: int, end: int) -> list[Target]:
    """An answer that is a list of numbers and nothing else: boxes, or a point."""
    part = _FENCE.sub("", text[begin:end]).strip()
    if not _BARE.fullmatch(part) or part[-1] not in "])":
        return []
    numbers, span = _numbers(part) or [], (begin, end)
    if len(numbers) == 2:
        return [Target("", None, ((numbers[0], numbers[1]),), span)]
    if len(numbers) % 4:
        return []
    return [Target("", box, (), span) for box in _fours(numbers)]


def _fours(numbers: list[float]) -> list[Box]:
    every = iter(numbers)
    return list(zip(every, every, every, every, strict=True))


def _twos(numbers: list[float]) -> list[Point]:
    every = iter(numbers)
    return list(zip(every, every, strict=True))


def _numbers(value: str) -> list[float] | None:
    """The numbers of a list, also where they are written as strings; none for an empty one or a word for nothing, None
    where it is something else or has no end."""
    if value.strip("\"' .").lower() in _NOTHING and value[:1] != "[":
        return [] if value else None
    if value[0] in "[\"'" and (len(value) < 2 or value[-1] != {"[": "]"}.get(value[0], value[0])):
        return None  # the last number may lack digits
    parts = re.sub(r"[\[\](){}\"',]", " ", value).split()
    if not all(_NUMBER.fullmatch(part) for part in parts):
        return [] if {part.lower() for part in parts} <= {"null", "none"} else None
    numbers = [float(part) for part in parts]
    return numbers if all(math.isfinite(one) and abs(one) <= FARTHEST for one in numbers) else None


def _words(value: str) -> str:
    """A label, on one line; "" where its end is missing."""
    quote = value[:1]
    if quote in ('"', "'"):
        if len(value) < 2 or value[-1] != quote:
            return ""
        try:
            value = str(json.loads(value, strict=False)) if quote == '"' else value[1:-1]
        except ValueError:
            value = value[1:-1]
    return " ".join(value.encode("utf-8", "replace").decode("utf-8").split())[:LABEL]


def _says_nothing(part: str) -> bool:
    said = _FENCE.sub("", part).strip(" \t\r\n\"'.").lower()
    return bool(said) and (said in _NOTHING or _EMPTY.fullmatch(said) is not None)


def _enclosed(text: str, targets: Sequence[Target]) -> tuple[int, int]:
    """All targets with the list, the fence and the tags round them."""
    spans = [target.span for target in targets]
    first, last = min(begin for begin, _ in spans), max(end for _, end in spans)
    before = max(0, first - 64)
    opens = _OPENS.search(text[before:first])
    closes = _CLOSES.match(text, last)
    return before + opens.start() if opens else first, closes.end() if closes else last


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
