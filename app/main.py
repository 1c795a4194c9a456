"""The page, started by ``pinpoint app``: what all its views share, and the bar that leads to them."""

import functools
from pathlib import Path

import streamlit as st

from app import panels, presence
from app.engine import Asks, Engine
from app.setup import Setup
from app.views import VIEWS

STYLE = (Path(__file__).parent / "page.css").read_text()


@st.cache_resource(show_spinner="Reading the model ...")
def engine(setup: Setup) -> Asks:
    """The one model of this server."""
    return Engine(setup.checkpoint, setup.placement)


def main() -> None:
    """Lay the page out."""
    presence.close_when_gone()
    st.set_page_config(page_title="Pinpoint", page_icon=panels.badge(), layout="wide")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="head"):
        st.title("Pinpoint", anchor=False, width="content")
        st.text("Ask a picture: an answer in words, with an exact mask for each thing it names.")
        panels.style(STYLE)  # here it moves nothing while it comes
    try:
        model = engine(Setup.of_page())
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
