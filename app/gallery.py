"""Where a picture comes from: the gallery, a file, the clipboard, an address."""

import base64
import binascii
from typing import Any

import streamlit as st
from PIL import Image, ImageOps

from app import panels, remote
from app.drawn import data_address, packed
from app.session import Session
from data.images import open_image

SCENES = 6
MOST_BYTES = 20_000_000  # of a picture that is pasted, dropped or fetched


def show(session: Session) -> None:
    """Thumbnails to choose from, a new scene, a picture of one's own."""
    with st.container(horizontal=True, wrap=False, gap="small", key="gallery", vertical_alignment="bottom"):
        for number in range(SCENES):
            image, questions = panels.scene(number)
            # The height is told, and so is there before the picture.
            with st.container(width=96, height=120, border=False, gap="xsmall", vertical_alignment="bottom"):
                st.html(f"<img src='{_thumb(number)}' alt='drawn scene {number + 1}' width='96' height='72'>")
                if st.button(f"Scene {number + 1}", key=f"scene-{number}", width="stretch"):
                    session.show(image, f"Scene {number + 1}", questions)
        if st.button("New scene", icon=":material/casino:", key="new-scene"):
            number = SCENES + session.scene
            session.scene += 1
            image, questions = panels.scene(number)
            session.show(image, f"Scene {number + 1}", questions)
        with st.popover("Your own picture", icon=":material/upload:", width="content"):
            upload(session)
            address(session)


def upload(session: Session) -> None:
    """A picture of the person's own; a bad file gets one plain line."""
    given = st.file_uploader(
        "A file: choose it, drop it here or on the picture, or paste it anywhere on the page",
        type=["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"],
        key="upload",
        help="The model that ships knows drawn scenes, not photographs.",
    )
    if given is None or given.file_id == session.upload:
        return
    session.upload = given.file_id
    try:
        session.show(open_image(given.getvalue(), name=given.name), given.name)
    except ValueError as error:
        session.problem = str(error)
        panels.say_problem(str(error))


def address(session: Session) -> None:
    """A picture of the web, by its address."""
    with st.form("address", border=False):
        given = st.text_input("Or the address of a picture", placeholder="https://", key="address-of")
        asked = st.form_submit_button("Fetch", icon=":material/download:")
    if not asked:
        return
    session.problem = None
    try:
        with st.spinner("Fetching the picture ..."):
            found = remote.fetch(str(given or ""))
        session.show(found.image, found.name)
    except ValueError as error:
        session.problem = str(error)
        panels.say_problem(str(error))


def take(session: Session, given: Any) -> None:
    """Show a picture that was pasted or dropped, as the browser sent it: ``name`` and ``content`` in base64."""
    session.revision += 1
    session.problem = None
    try:
        if not isinstance(given, dict) or not isinstance(given.get("content"), str):
            raise ValueError("the picture did not arrive; paste it again")
        name = str(given.get("name") or "pasted picture")[:200]
        if len(given["content"]) > MOST_BYTES * 4 // 3 + 4:
            raise ValueError(f"{name}: has more than {MOST_BYTES // 1_000_000} MB; make it smaller first")
        try:
            content = base64.b64decode(given["content"], validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"{name}: did not arrive whole; paste it again") from None
        session.show(open_image(content, name=name), name)
    except ValueError as error:
        session.problem = str(error)


@st.cache_data(max_entries=64, show_spinner=False)
def _thumb(number: int) -> str:
    """A scene, cut to the same shape as the others, as a data address."""
    thumb = ImageOps.fit(Image.fromarray(panels.scene(number)[0]), (192, 144), Image.Resampling.LANCZOS)
    return data_address(packed(thumb, "PNG"), "PNG")
