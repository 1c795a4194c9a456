"""What a click does: an event of the canvas becomes a correction of a mask. Plain functions, without a page."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.engine import Asks
from app.session import Session

KINDS = ("point", "box", "anyway", "undo", "redo", "reset")


@dataclass(frozen=True)
class Click:
    """An event that makes sense.

    Attributes:
        kind: one of :data:`KINDS`.
        mask: number of the mask in the answer that is shown.
        point: x, y in original pixels.
        inside: what the point says of the thing.
        box: left, top, right, bottom in original pixels.
    """

    kind: str
    mask: int
    point: tuple[float, float] | None = None
    inside: bool = True
    box: tuple[float, float, float, float] | None = None


def turn(session: Session) -> str:
    """What the browser calls the answer that is shown."""
    number = session.shown()
    return f"{session.picture}-{number}" if number is None else session.turn(number)


def act(session: Session, model: Asks, given: Any) -> None:
    """Do what an event of the canvas asks for; what is wrong with it is kept as the session's problem.

    Args:
        session: whose masks they are.
        model: draws them again.
        given: the event, as the browser sent it.
    """
    session.revision += 1
    session.problem = None
    try:
        if isinstance(given, dict) and given.get("turn", turn(session)) != turn(session):
            return  # it was meant for an answer that is no longer shown
        _do(session, model, read(given, session))
    except ValueError as error:
        session.problem = str(error)


def read(given: Any, session: Session) -> Click:
    """An event of the canvas, checked.

    Raises:
        ValueError: it is none, or means no mask, or lies outside the picture.
    """
    if not isinstance(given, dict) or given.get("kind") not in KINDS or session.image is None:
        raise ValueError("that click was not understood; click again")
    kind, mask = given["kind"], given.get("mask")
    if isinstance(mask, bool) or not isinstance(mask, int) or not 0 <= mask < len(session.segments()):
        raise ValueError("there is no such mask; ask a question first")
    height, width = session.image.shape[:2]
    if kind == "point":
        x, y = (_number(given.get(name), name) for name in ("x", "y"))
        if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
            raise ValueError(f"{x:g}, {y:g} lies outside the picture, which has {width} x {height} pixels")
        return Click(kind, mask, (x, y), given.get("inside") is not False)
    if kind == "box":
        edges = given.get("box")
        if not isinstance(edges, list) or len(edges) != 4:
            raise ValueError("a box has a left, a top, a right and a bottom")
        names = ("left", "top", "right", "bottom")
        left, top, right, bottom = (_number(edge, name) for edge, name in zip(edges, names, strict=True))
        left, right = max(left, -0.5), min(right, width - 0.5)
        top, bottom = max(top, -0.5), min(bottom, height - 0.5)
        if not (left < right and top < bottom):
            raise ValueError("the box is empty: left must be less than right and top less than bottom, in the picture")
        return Click(kind, mask, box=(left, top, right, bottom))
    return Click(kind, mask)


def _do(session: Session, model: Asks, click: Click) -> None:
    assert session.image is not None
    segment = session.segments()[click.mask]
    if click.kind == "undo":
        session.undo(click.mask)
    elif click.kind == "redo":
        session.redo(click.mask)
    elif click.kind == "reset":
        session.reset(click.mask)
    elif click.kind == "anyway":
        if segment.rejected:
            session.correct(click.mask, model.segment_anyway(session.image, segment))
    else:
        points = np.array([click.point] if click.point else [], np.float32).reshape(-1, 2)
        labels = np.array([int(click.inside)] * len(points), np.int64)
        box = None if click.box is None else np.array(click.box, np.float32)
        session.correct(click.mask, model.refine(session.image, segment, points, labels, box))


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is missing or is no number")
    return float(value)
