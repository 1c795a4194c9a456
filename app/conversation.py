"""A whole conversation as one HTML file that needs nothing else: no script, nothing from outside, to keep and to print.

Pictures are inside, shown at a size that suits a screen; the masks lie over them as layers that can be hidden, without
a script. Every text is escaped, and a strict policy in the file itself lets a browser load nothing and run nothing.
"""

import base64
import hashlib
import html
from pathlib import Path

import numpy as np
from PIL import Image

from app.drawn import data_address, fitted, packed
from app.export import Talk, marked
from app.export.base import png
from app.session import Exchange
from data.drawing import PALETTE, colour, layer

PLAIN = 150_000  # bytes of a PNG; what takes more becomes a JPEG
STYLE = Path(__file__).with_name("conversation.css")


def page(talk: Talk) -> bytes:
    """The file, UTF-8."""
    style = _style(max((len(answer.segments) for answer in talk.answers), default=0))
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    name = html.escape(talk.name or "A picture")
    rows = "".join(_exchange(talk, row, number) for number, row in enumerate(talk.exchanges, start=1))
    height, width = talk.size
    made = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{name} - Pinpoint</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f"<header><h1>{name}</h1><p>{width} x {height} pixels. {_count(len(talk.exchanges))}</p></header>\n"
        f"{rows or f'<section>{_figure(talk, None)}</section>'}</main>\n</body>\n</html>\n"
    )
    return made.encode("utf-8", errors="replace")  # half of a pair of surrogates has no place in UTF-8


def _style(masks: int) -> str:
    """The style sheet, for pictures with so many masks at most."""
    inks = (f".c{number}{{--ink:{red},{green},{blue}}}" for number, (red, green, blue) in enumerate(PALETTE))
    hidden = (f"section:has(.show{at}:not(:checked)) .on{at}{{display:none}}" for at in range(1, masks + 1))
    return STYLE.read_text(encoding="utf-8") + "".join([*inks, *hidden])


def _exchange(talk: Talk, row: Exchange, number: int) -> str:
    question = f'<h2 id="q{number}">{html.escape(row.question.strip() or "(blank)")}</h2>'
    if row.answer is None:
        said = f'<p class="problem" role="note">{html.escape(row.problem or "no answer")}</p>'
    else:
        said = f'<p class="answer">{_painted(row)}</p>{_figure(talk, row)}{_legend(row, number)}'
        said += "".join(f'<p class="time">{html.escape(note)}</p>' for note in row.answer.notes)
        if "total" in row.answer.timings:
            said += f'<p class="time">answered in {row.answer.timings["total"]:.1f} s</p>'
    return f'<section aria-labelledby="q{number}">{question}{said}</section>\n'


def _painted(row: Exchange) -> str:
    """The answer's words, each phrase in the colour and with the number of its mask."""
    assert row.answer is not None
    segments, inks = row.answer.segments, row.inks

    def wrap(text: str, number: int) -> str:
        at = inks[number] + 1
        if segments[number].rejected:
            return f'<span class="absent">{text}</span>'
        return f'<mark class="{_ink(at)}">{text}<sup>{at}</sup></mark>'

    return marked(row.answer, wrap)


def _figure(talk: Talk, row: Exchange | None) -> str:
    """The picture with a layer for each mask of an answer."""
    found = [] if row is None else row.found
    shown, masks = fitted(talk.image, [segment.mask for _, segment in found])
    layers = [
        f'<img class="layer on{ink + 1}" alt="" src="{_layer(mask, ink)}">'
        for (ink, _), mask in zip(found, masks, strict=True)
    ]
    said = ", ".join(f"{ink + 1}: {segment.phrase or 'this'}" for ink, segment in found)
    name = talk.name or "the picture"
    alt = html.escape(f"{name}, with the masks {said}" if found else name)
    height, width = shown.shape[:2]
    base = f'<img alt="{alt}" width="{width}" height="{height}" src="{_shrunk(shown)}">'
    return f'<figure class="stack">{base}{"".join(layers)}</figure>'


def _legend(row: Exchange, question: int) -> str:
    """What was found, with a box to tick that shows its mask, and what is not there."""
    assert row.answer is not None
    rows = []
    for ink, segment in zip(row.inks, row.answer.segments, strict=True):
        phrase, at = html.escape(segment.phrase or "this"), ink + 1
        if segment.rejected:
            rows.append(f'<tr><td></td><td>-</td><th scope="row">{phrase}</th><td colspan="2">not here</td></tr>')
            continue
        box = f'<input type="checkbox" checked id="m{question}-{at}" class="show{at}">'
        rows.append(
            f'<tr><td>{box}</td><td><b class="{_ink(at)}">{at}</b></td>'
            f'<th scope="row"><label for="m{question}-{at}">{phrase}</label></th>'
            f"<td>{int(segment.mask.sum()):,} pixels</td><td>score {segment.score:.2f}</td></tr>"
        )
    return f'<table aria-label="Found for question {question}">{"".join(rows)}</table>' if rows else ""


def _ink(number: int) -> str:
    return f"c{(number - 1) % len(PALETTE)}"


def _count(questions: int) -> str:
    return f"{questions} question{'s' * (questions != 1)}, asked with Pinpoint."


def _layer(mask: np.ndarray, ink: int) -> str:
    """A mask as a data address, to lie on the picture."""
    return data_address(packed(Image.fromarray(layer(mask, colour(ink), outline=3)), "PNG", optimize=True), "PNG")


def _shrunk(image: np.ndarray) -> str:
    """A picture as a data address: PNG where that is small, else JPEG."""
    plain = png(image)
    if len(plain) <= PLAIN:
        return data_address(plain, "PNG")
    return data_address(packed(Image.fromarray(image), "JPEG", quality=90, subsampling=0), "JPEG")
