"""The picture with its masks, drawn in the browser: showing, hiding and highlighting them asks nothing of the server.

What a person does to a mask comes back as an event, a dict that :func:`app.correct.act` reads: ``kind`` ("point",
"box", "anyway", "undo", "redo", "reset"), ``mask`` (its number), ``turn``, and ``x``, ``y``, ``inside`` or ``box``, in
original pixels.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.runtime import exists, get_instance

from app import panels
from app.drawn import data_address, fitting, packed
from app.session import Track
from data.drawing import colour
from model.answer import Segment

HERE = Path(__file__).parent
WIDEST = 2048  # pixels of the longest side that are sent: more than the canvas has on any screen
SMALLEST = 768  # a drawn scene has 256
TALL = "72vh"  # of the window that a picture may fill
KEY = "canvas"

_scripts = [(HERE / f"{name}.js").read_text() for name in ("canvas_drawing", "canvas_input", "canvas")]
_component = st.components.v2.component(
    "pinpoint_canvas",
    html=(HERE / "canvas.html").read_text(),
    css=(HERE / "canvas.css").read_text(),
    js="\n".join(_scripts),
)


def picture(
    image: np.ndarray,
    segments: Sequence[Segment],
    *,
    key: str = KEY,
    name: str = "",
    turn: str = "",
    revision: int = 0,
    why: Sequence[str] = (),
    inks: Sequence[int] = (),
    tracks: dict[int, Track] | None = None,
    problem: str | None = None,
    on_act: Callable[[], None] | None = None,
    on_given: Callable[[], None] | None = None,
    takes: int = 0,
) -> None:
    """Lay the picture out with its masks.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        segments: what the answer names.
        inks: for each the number of its colour; in turn if none are given.
        key: of the component; :func:`event` reads what it returned.
        name: of the picture.
        turn: another one makes the browser forget what was hidden and chosen.
        revision: another one tells the browser that its last event was dealt with.
        why: for each segment why it was rejected, if it was.
        tracks: the corrections of each that has some.
        problem: what was wrong with the last event.
        on_act, on_given: called for an event, and for a picture that was pasted or dropped.
        takes: bytes of such a picture; 0 for none.
    """
    height, width = image.shape[:2]
    with st.container(key=f"{key}-place"):
        _reserve(f"{key}-place", width, height)
        _component(
            key=key,
            data={
                "picture": _served(image, key),
                "width": width,
                "height": height,
                "tall": TALL,
                "name": name,
                "turn": turn,
                "revision": revision,
                "problem": problem,
                "takes": takes,
                "masks": [
                    _mask(
                        inks[number] if inks else number,
                        segment,
                        why[number] if number < len(why) else "",
                        (tracks or {}).get(number),
                    )
                    for number, segment in enumerate(segments)
                ],
            },
            on_act_change=on_act or _ignore,
            on_given_change=on_given or _ignore,
        )


def event(name: str, key: str = KEY) -> Any:
    """What the component has just returned under a name ("act", "given"), or None."""
    return getattr(st.session_state.get(key), name, None)


def bit_png(mask: np.ndarray) -> str:
    """A mask ``(H, W)`` bool as a data address of a PNG with one bit a pixel: clear outside, white inside.

    One larger than is sent is made smaller, a pixel taken where most of those that it stands for are inside.
    """
    drawn = Image.fromarray(mask.astype(np.uint8))
    if max(mask.shape) > WIDEST:
        size = fitting(mask.shape[1], mask.shape[0], 1, WIDEST)
        drawn = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
        drawn = drawn.point([0] * 128 + [1] * 128)
    drawn.putpalette([0, 0, 0, 255, 255, 255])
    return data_address(packed(drawn, "PNG", bits=1, transparency=0), "PNG")


def encoded(image: np.ndarray) -> tuple[bytes, str]:
    """A picture for the browser and its MIME type: PNG where it is small, else JPEG."""
    drawn, longest = Image.fromarray(image), max(image.shape[:2])
    size = fitting(*drawn.size, SMALLEST, WIDEST)  # a browser would enlarge a small one coarsely
    if size != drawn.size:
        drawn = drawn.resize(size, Image.Resampling.LANCZOS)
    if longest <= SMALLEST:
        return packed(drawn, "PNG"), "image/png"
    return packed(drawn, "JPEG", quality=92, subsampling=0), "image/jpeg"


def _mask(ink: int, segment: Segment, why: str, track: Track | None) -> dict[str, Any]:
    clicks = segment.evidence.clicks
    points = [] if clicks.points is None else clicks.points[0].tolist()
    labels = [] if clicks.labels is None else clicks.labels[0].tolist()
    return {
        "name": segment.phrase or "this",
        "ink": ink + 1,
        "colour": list(colour(ink)),
        "rejected": segment.rejected,
        "overridden": bool(track and track.first.rejected and not segment.rejected),
        "score": round(segment.score, 2),
        "why": why,
        "png": None if segment.rejected else bit_png(segment.mask),
        "clicks": [[x, y, label == 1] for (x, y), label in zip(points, labels, strict=True)],
        "box": None if clicks.boxes is None else clicks.boxes[0].tolist(),
        "undo": bool(track and track.past),
        "redo": bool(track and track.future),
        "reset": bool(track and segment is not track.first),
    }


def _served(image: np.ndarray, key: str) -> str:
    """Where the browser gets the picture: the server keeps it for this session alone, as it does for ``st.image``."""
    known = st.session_state.get(f"{key}-encoded")
    if known is None or known[0] is not image:
        known = (image, *encoded(image))
        st.session_state[f"{key}-encoded"] = known
    _, content, mime = known
    if not exists():  # in a test without a server
        return ""
    return get_instance().media_file_mgr.add(content, mime, f"{key}-picture")


def _reserve(place: str, width: int, height: int) -> None:
    """Keep the picture's place free before the component is there, so that nothing below it jumps."""
    room = f"min({TALL}, calc(100cqw * {height} / {width}))"
    panels.style(
        f".st-key-{place} {{ container-type: inline-size }}\n"
        f".st-key-{place} > :last-child {{ min-height: {room} }}"  # of the place's width: the child knows it
    )


def _ignore() -> None:
    pass
