"""The page: pick or bring a picture, ask, and see the answer with its masks. Started by ``pinpoint app``."""

import html
import os
from pathlib import Path

import streamlit as st

from app import panels
from app.engine import Asks, Engine
from app.session import LONGEST, Exchange, Session
from model.tokens import unmarked

CHECKPOINT = Path(__file__).resolve().parent.parent / "checkpoints" / "tiny"


@st.cache_resource(show_spinner="Reading the model ...")
def engine(checkpoint: str) -> Asks:
    """The one model of this server."""
    return Engine(Path(checkpoint))


def main() -> None:
    """Lay the page out."""
    st.set_page_config(page_title="Pinpoint", page_icon=panels.badge(), layout="wide")
    st.html("<style>.block-container{padding-top:3rem;max-width:1280px} h1{padding-bottom:0;font-size:2rem}</style>")
    st.title("Pinpoint", anchor=False)
    st.caption("Ask a picture. The answer comes in words, with an exact mask for each thing it names.")
    try:
        model = engine(os.environ.get("PINPOINT_CHECKPOINT", str(CHECKPOINT)))
    except ValueError as error:
        panels.say_problem(str(error))
        return
    if "session" not in st.session_state:
        st.session_state.session = Session()
    session: Session = st.session_state.session
    if session.image is None:
        session.show(panels.scene(0)[0], "Scene 1", panels.scene(0)[1])

    with st.expander("Choose a picture", expanded=not session.exchanges, icon=":material/image:"):
        panels.gallery(session)
    left, right = st.columns([3, 2], gap="large")
    with right:
        talk(session, model)
    with left:
        masks = st.toggle("Show masks", value=True, key="masks")
        panels.picture(session, masks)


def talk(session: Session, model: Asks) -> None:
    """The conversation, the suggestions, and the box to type in."""
    chat = st.container()
    with chat:
        for row in session.exchanges:
            panels.exchange(row)
        if not session.exchanges:
            st.caption("What do you want to find? For example:")
            panels.suggestions(session, lambda question: answer(session, model, question))
    typed = st.chat_input("Ask about the picture", key="question")
    if typed is not None:
        with chat:
            answer(session, model, str(typed))


def answer(session: Session, model: Asks, question: str) -> None:
    """Ask the model, showing its words as they come, and keep what it said."""
    problem = None
    if not question.strip():
        problem = "The question is empty: write what to look for."
    elif len(question) > LONGEST:
        problem = f"The question has {len(question)} characters; ask in at most {LONGEST}."
    if problem is not None or session.image is None:
        session.exchanges.append(Exchange(question, None, problem or "Choose a picture first."))
        st.rerun()
    place = st.empty()

    def words(text: str) -> bool:
        place.html(html.escape(unmarked(text)))
        return True

    try:
        with st.spinner("Looking ..."):
            given = model.ask(session.image, question, session.history(), words)
        session.exchanges.append(Exchange(question, given))
    except ValueError as error:
        session.exchanges.append(Exchange(question, None, str(error)))
    st.rerun()


if __name__ == "__main__":
    main()
