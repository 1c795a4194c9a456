"""The page, started by ``pinpoint app``: what all its views share, and the bar that leads to them."""

import functools
import json
import os
from pathlib import Path

import streamlit as st

from app import panels, presence
from app.arguments import CHECKPOINT
from app.engine import Asks, Engine
from app.views import VIEWS
from data.settings import build as settings
from model.placement import Placement

STYLE = (Path(__file__).parent / "page.css").read_text()


@st.cache_resource(show_spinner="Reading the model ...")
def engine(checkpoint: str, placement: str) -> Asks:
    """The one model of this server; ``placement`` is JSON, its keys those of model.placement.Placement."""
    return Engine(Path(checkpoint), settings(Placement, json.loads(placement), "PINPOINT_PLACEMENT"))


def main() -> None:
    """Lay the page out."""
    presence.close_when_gone()
    st.set_page_config(page_title="Pinpoint", page_icon=panels.badge(), layout="wide")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="head"):
        st.title("Pinpoint", anchor=False, width="content")
        st.text("Ask a picture: an answer in words, with an exact mask for each thing it names.")
        panels.style(STYLE)  # here it moves nothing while it comes
    try:
        checkpoint = os.environ.get("PINPOINT_CHECKPOINT", str(CHECKPOINT))
        model = engine(checkpoint, os.environ.get("PINPOINT_PLACEMENT", "{}"))
    except ValueError as error:
        panels.say_problem(str(error))
        return
    views = sorted((VIEWS.load(name) for name in VIEWS.available()), key=lambda view: view.ORDER)
    pages = [
        st.Page(functools.partial(view.show, model), title=view.TITLE, icon=view.ICON, url_path=view.TITLE.lower())
        for view in views
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":
    main()
