"""Why a mask is where it is: its map, its points, its layers, and what other layers and thresholds would have drawn."""

import html
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st
import torch
from PIL import Image, ImageDraw

from app import panels
from app.drawn import data_address, fitting, packed
from app.engine import Asks
from app.session import Session
from data.drawing import colour, overlay
from data.geometry import Frame
from model.answer import Segment
from model.prompting.base import SegPrompts

SIDE = 768  # pixels of the longest side of what is drawn here
POSITIVE, NEGATIVE = 0.8, 0.2  # where the sliders begin

# Six colours of cividis (Nunez, Anderton and Renslow, 2018), which reads alike to all eyes; between them, mixtures.
HEAT = np.array([(0, 34, 78), (53, 69, 108), (102, 105, 112), (148, 142, 119), (200, 183, 102), (254, 232, 56)])


@st.fragment
def show(session: Session, model: Asks) -> None:
    """The panel; what is moved in it is drawn anew without the rest of the page."""
    segments = session.segments()
    if session.image is None or not segments:
        st.caption("Ask a question first: this explains the masks of an answer.")
        return
    number = session.shown()
    assert number is not None
    turn, inks = session.turn(number), session.exchanges[number].inks
    names = [
        f"{one.phrase or 'this'} (not here)" if one.rejected else f"{ink + 1}. {one.phrase or 'this'}"
        for one, ink in zip(segments, inks, strict=True)
    ]
    choice, slider = st.columns([1, 2], gap="large")
    mask = choice.selectbox("Which mask", range(len(names)), format_func=names.__getitem__, key=f"why-mask-{turn}")
    segment, key = segments[mask], f"{turn}-{mask}"
    if segment.span is not None:
        _spoken(session, mask, inks[mask], segment)
        return
    try:
        maps = _maps(session, model, key, segment)
    except ValueError as error:
        panels.say_problem(str(error))
        return
    with slider:
        layer = _layer(segment, sorted(maps), key)
    drawn = _asked(session, model, segment, layer, key)
    left, right = st.columns(2, gap="large")
    with left:
        _map(session.image, drawn, maps[layer], layer)
    with right:
        _mask(session, mask, inks[mask], segment, drawn)
    st.html(facts(drawn))


def placed(frame: Frame | None, grid: np.ndarray, size: tuple[int, int], longest: int = SIDE) -> np.ndarray:
    """A map ``(h, w)`` where it lies on a picture of ``size`` (H, W), in a picture whose longest side is at most
    ``longest``; 0 where the model did not look."""
    height, width = fitting(*size, longest, longest)
    known = frame or Frame.stretch(size, (grid.shape[0], grid.shape[1]))
    across, down = size[1] / width, size[0] / height
    small = replace(known, source=(height, width), scale=(known.scale[0] * across, known.scale[1] * down))
    return small.map_back(torch.from_numpy(np.ascontiguousarray(grid, dtype=np.float32))).numpy()


def heated(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A picture in grey with a map ``(H, W)`` in [0, 1] over it in colour, in the map's size."""
    grey = np.asarray(Image.fromarray(image).convert("L").resize(heat.shape[::-1], Image.Resampling.BOX), np.float32)
    at = np.clip(np.nan_to_num(heat), 0, 1) * (len(HEAT) - 1)
    ink = np.stack([np.interp(at, range(len(HEAT)), HEAT[:, channel]) for channel in range(3)], axis=-1)
    return (0.4 * grey[..., None] + 0.6 * ink).round().astype(np.uint8)


def points(prompts: SegPrompts) -> list[tuple[float, float, bool]]:
    """x, y and whether inside, of the points of one mask that say something."""
    if prompts.points is None or prompts.labels is None:
        return []
    pairs = zip(prompts.points[0].tolist(), prompts.labels[0].tolist(), strict=True)
    return [(x, y, label == 1) for (x, y), label in pairs if label in (0, 1)]


def facts(segment: Segment) -> str:
    """What is known in numbers, as safe HTML."""
    evidence = segment.evidence
    if segment.span is not None:
        return _written(segment)
    spoke = ", ".join(f"{layer} ({share:.0%})" for layer, share in evidence.layers.items() if share >= 0.005)
    rows = [_score(segment)]
    rows.append(f"<dt>Layers that made the map</dt><dd>{spoke or 'not known'}</dd>")
    given = points(evidence.prompts)
    inside = sum(one[2] for one in given)
    rows.append(f"<dt>Points from the map</dt><dd>{inside} inside, {len(given) - inside} outside</dd>")
    made = f"<dl class='facts'>{''.join(rows)}</dl>"
    if len(evidence.probabilities) > 1:
        bars = "".join(
            f"<tr><th scope='row'>{layer}</th><td>{value:.1%}</td>"
            f"<td aria-hidden='true'><span style='display:block;height:.8em;min-width:1px;width:{value:.1%};"
            "background:#0072B2'></span></td></tr>"
            for layer, value in sorted(evidence.probabilities.items())
        )
        head = "<tr><th scope='col'>layer</th><th scope='col'>probability</th><td></td></tr>"
        made += f"<table class='layers'><caption>What the model thinks of each layer</caption>{head}{bars}</table>"
    if given:
        lines = "".join(
            f"<tr><td>{x:.1f}</td><td>{y:.1f}</td><td>{'inside' if inside else 'outside'}</td></tr>"
            for x, y, inside in given
        )
        head = "<tr><th scope='col'>x</th><th scope='col'>y</th><th scope='col'>label</th></tr>"
        made += f"<details><summary>The points in numbers</summary><table>{head}{lines}</table></details>"
    return made


def _score(segment: Segment) -> str:
    score = "none: it was not drawn" if segment.rejected else f"{segment.score:.2f}"
    return f"<dt>SAM's own estimate of the mask's IoU</dt><dd>{score}</dd>"


def _written(segment: Segment) -> str:
    """The same of a thing that the answer places by coordinates."""
    prompts = segment.evidence.prompts
    box = None if segment.rejected or prompts.boxes is None else prompts.boxes[0].tolist()
    where = "none" if box is None else ", ".join(f"{edge:.1f}" for edge in box)
    given = ", ".join(f"({x:.1f}, {y:.1f})" for x, y, _ in points(prompts)) or "none"
    rows = f"<dt>Box in the answer (left, top, right, bottom)</dt><dd>{where}</dd>"
    return f"<dl class='facts'>{_score(segment)}{rows}<dt>Points in the answer</dt><dd>{given}</dd></dl>"


def _spoken(session: Session, mask: int, ink: int, segment: Segment) -> None:
    """The panel of a thing that the answer places by coordinates: what it wrote, on the picture, beside the mask."""
    assert session.image is not None
    left, right = st.columns(2, gap="large")
    with left:
        picture(pointed(session.image, segment), "the picture with the box and points of the answer")
        st.html("<div style='font-size:.85rem'>The box and the points are those that the model wrote.</div>")
    with right:
        _mask(session, mask, ink, segment, segment)
    st.html(facts(segment))


def pointed(image: np.ndarray, segment: Segment) -> np.ndarray:
    """The picture, small, with a segment's box and points."""
    height, width = fitting(image.shape[0], image.shape[1], SIDE, SIDE)
    drawn = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    pen, scale, prompts = ImageDraw.Draw(drawn), width / image.shape[1], segment.evidence.prompts
    if prompts.boxes is not None and not segment.rejected:
        corners = [(edge + 0.5) * scale for edge in prompts.boxes[0].tolist()]
        for wide, ink in ((5, "black"), (2, "white")):
            pen.rectangle(corners, outline=ink, width=wide)
    for x, y, inside in points(prompts):
        _point(pen, (x + 0.5) * scale, (y + 0.5) * scale, inside)
    return np.asarray(drawn)


def _maps(session: Session, model: Asks, key: str, segment: Segment) -> dict[int, np.ndarray]:
    """The maps of all layers, kept for the mask that is looked at."""
    assert session.image is not None
    kept = st.session_state.get("why-maps")
    if kept is None or kept[0] != key:
        with st.spinner("Looking through the layers ..."):
            first = session.track(int(key.rpartition("-")[2])).first
            kept = (key, model.layer_maps(session.image, first))
        st.session_state["why-maps"] = kept
    found: dict[int, np.ndarray] = kept[1]
    return found


def _layer(segment: Segment, layers: list[int], key: str) -> int:
    """The layer that is looked at: the one that spoke most, to begin with."""
    used = max(segment.evidence.layers or {layers[-1]: 1.0}, key=lambda one: segment.evidence.layers.get(one, 0.0))
    if len(layers) < 2:
        return layers[0]
    layer = st.select_slider(
        "Layer (0 is the embedding)",
        layers,
        value=used if used in layers else layers[-1],
        key=f"why-layer-{key}",
        help="Each layer of the language model has a map of its own of how like the mark each place is.",
    )
    return int(layer)


def _map(image: np.ndarray, segment: Segment, grid: np.ndarray, layer: int) -> None:
    heat = placed(segment.evidence.frame, grid, image.shape[:2])
    drawn = Image.fromarray(heated(image, heat))
    pen, scale = ImageDraw.Draw(drawn), drawn.width / image.shape[1]
    for x, y, inside in points(segment.evidence.prompts):
        _point(pen, (x + 0.5) * scale, (y + 0.5) * scale, inside)
    picture(np.asarray(drawn), f"similarity map of layer {layer} with its points")
    ramp = ", ".join(f"rgb{tuple(int(part) for part in ink)}" for ink in HEAT)
    st.html(
        "<div style='display:flex;gap:.5rem;align-items:center;font-size:.85rem'><span>unlike</span>"
        f"<span style='flex:1;height:.7rem;border-radius:4px;background:linear-gradient(90deg,{ramp})'></span>"
        "<span>like the mark</span></div>"
        "<div style='font-size:.85rem'>The points are those that the mask was drawn from.</div>"
    )


def _asked(session: Session, model: Asks, segment: Segment, layer: int, key: str) -> Segment:
    """The mask as the sliders ask for it; the mask as it is where they ask for nothing."""
    assert session.image is not None
    options: dict[str, Any] = {}
    pointed = segment.evidence.prompts.points is not None
    with st.container(horizontal=True):
        other = st.toggle("Draw the mask from this layer", key=f"why-other-{key}")
        own = pointed and st.toggle("Other thresholds of the points", key=f"why-own-{key}")
    if own:
        above, below = st.columns(2, gap="large")
        options["positive"] = above.slider("Inside from", 0.0, 1.0, POSITIVE, 0.05, key=f"why-positive-{key}")
        options["negative"] = below.slider("Outside up to", 0.0, 1.0, NEGATIVE, 0.05, key=f"why-negative-{key}")
    if not other and not options:
        return segment
    try:
        return model.reground(session.image, segment, layer if other else None, **options)
    except ValueError as error:
        panels.say_problem(str(error))
        return segment


def _mask(session: Session, mask: int, ink: int, segment: Segment, drawn: Segment) -> None:
    assert session.image is not None
    if drawn.rejected:
        st.caption("The model says that this is not in the picture: there is no mask. “Segment it anyway” draws one.")
    height, width = fitting(session.image.shape[0], session.image.shape[1], SIDE, SIDE)
    small = np.asarray(Image.fromarray(session.image).resize((width, height), Image.Resampling.BICUBIC))
    shape = Image.fromarray(drawn.mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BICUBIC)
    made = overlay(small, [np.asarray(shape) > 127], outline=3, colours=[colour(ink)])
    picture(made, f"the mask of {drawn.phrase or 'this'}")
    changed = drawn is not segment
    words = f"{int(drawn.mask.sum()):,} pixels, SAM's own estimate {drawn.score:.2f}"
    if changed:
        words += f"; it was {int(segment.mask.sum()):,} pixels, {segment.score:.2f}"
    st.html(f"<div style='font-size:.85rem'>{html.escape(words)}</div>")
    if changed and not drawn.rejected and st.button("Keep this mask", key=f"why-keep-{mask}"):
        session.correct(mask, drawn)
        session.revision += 1
        st.rerun()


def picture(image: np.ndarray, alt: str) -> None:
    """A picture whose place is known before it is there."""
    address = data_address(packed(Image.fromarray(image), "JPEG", quality=88), "JPEG")
    height, width = image.shape[:2]
    st.html(
        f"<img src='{address}' alt='{html.escape(alt, quote=True)}' width='{width}' height='{height}' "
        f"style='width:min(100%, calc(60vh * {width / height:.4f}));height:auto;border-radius:8px;display:block'>"
    )


def _point(pen: ImageDraw.ImageDraw, x: float, y: float, inside: bool, radius: float = 8.0) -> None:
    paper, ink = ("white", "black") if inside else ("black", "white")
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=paper, outline=ink, width=2)
    pen.line((x - radius / 2, y, x + radius / 2, y), fill=ink, width=2)
    if inside:
        pen.line((x, y - radius / 2, x, y + radius / 2), fill=ink, width=2)
