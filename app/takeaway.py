"""The panel under a conversation: what can be taken away of it, and how to run it again elsewhere."""

import html
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from app import again, export
from app.export import FORMATS, Talk
from app.session import Exchange
from app.setup import Setup

ORDER = ("overlay", "masks", "html", "coco", "labelme", "yolo")  # others that are found follow
MIMES = {"png": "image/png", "html": "text/html", "zip": "application/zip"}


class Offer(NamedTuple):
    """A download: its button's words, the file's name, its media type, what it holds in a line, and what makes it."""

    title: str
    name: str
    mime: str
    about: str
    make: Callable[[], bytes]


def show(image: np.ndarray, name: str, exchanges: Sequence[Exchange]) -> None:
    """Lay the panel out. A file is made when its button is pressed, not before.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        name: of the picture.
        exchanges: the conversation about it.
    """
    talk = Talk(image, name, tuple(exchanges))
    with st.expander("Take away", icon=":material/download:"):
        if not talk.answers:
            st.caption("When there is an answer, its masks can be taken away here.")
            return
        given = offers(talk)
        with st.container(horizontal=True, gap="small"):
            for number, offer in enumerate(given):
                st.download_button(
                    offer.title,
                    offer.make,
                    offer.name,
                    offer.mime,
                    key=f"take-{offer.title}",
                    on_click="ignore",
                    type="primary" if number == 0 else "secondary",
                )
        rows = "".join(f"<dt>{html.escape(one.title)}</dt><dd>{html.escape(one.about)}</dd>" for one in given)
        st.html(f"<details style='margin:.2rem 0'><summary>What each holds</summary><dl>{rows}</dl></details>")
        setup = Setup.of_page()
        as_python, as_command = st.tabs(["Copy as Python", "Copy as command"])
        with as_python:
            st.caption("Asks the same, and draws the same masks. Run it beside the picture, which is in the zip.")
            st.code(again.python(talk, setup), language="python", wrap_lines=True)
        with as_command:
            lines = "One command for each answer." if len(talk.answers) > 1 else "The same question from a terminal."
            lost = " Masks corrected by hand come out as they were before: a command has no clicks."
            st.caption(f"{lines}{lost if again.by_hand(talk) else ''}")
            st.code("\n".join(again.commands(talk, setup)), language="bash", wrap_lines=True)


def offers(talk: Talk) -> list[Offer]:
    """The downloads of a conversation, that of everything first."""
    known = FORMATS.available()
    names = [name for name in ORDER if name in known] + [name for name in known if name not in ORDER]
    about = "All of these in one archive."
    made = [Offer("Everything", f"{talk.stem}.zip", MIMES["zip"], about, lambda: _zipped(talk, names))]
    return made + [_offer(talk, name) for name in names]


def _offer(talk: Talk, name: str) -> Offer:
    form = FORMATS.load(name)
    single = form.single(talk) if hasattr(form, "single") else None
    if single is None:
        return Offer(form.TITLE, f"{talk.stem}-{name}.zip", MIMES["zip"], form.ABOUT, lambda: _zipped(talk, [name]))
    mime = MIMES.get(single.rpartition(".")[2], "application/octet-stream")
    return Offer(form.TITLE, single, mime, form.ABOUT, lambda: export.files(talk, [name])[0].data)


def _zipped(talk: Talk, names: Sequence[str]) -> bytes:
    return export.zipped(export.files(talk, names))
