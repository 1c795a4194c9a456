"""Pick or bring a picture, ask, see the answer with its masks, and correct them."""

import streamlit as st

from app import canvas, correct, gallery, panels, takeaway, why
from app.engine import Asks
from app.presence import of_this_page
from app.session import LONGEST, Exchange, Session
from app.writing import Writing
from model.tokens import unmarked

TITLE, ICON, ORDER = "Ask", ":material/search:", 0

LOOK = 0.3  # seconds between two looks at an answer that is being written
LOOK_QUEUED = 1.0  # at one that waits for others: twenty pages that look oftener keep the machine from answering


def show(model: Asks) -> None:
    """Lay the view out."""
    if "session" not in st.session_state:
        st.session_state.session = Session()
    session: Session = st.session_state.session
    if session.image is None:
        session.show(panels.scene(0)[0], "Scene 1", panels.scene(0)[1])

    gallery.show(session)
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(key="seen"):
        see(session, model)
    with right:
        talk(session, model)
    if session.segments() and st.toggle("Why these masks?", key="why", help="The maps, points and layers behind them"):
        why.show(session, model)
    assert session.image is not None
    takeaway.show(session.image, session.name, session.exchanges)


def see(session: Session, model: Asks) -> None:
    """The picture with the masks of one answer, and what corrects them."""
    assert session.image is not None
    number = session.shown()
    row = None if number is None else session.exchanges[number]
    answered = None if row is None else row.answer
    canvas.picture(
        session.image,
        session.segments(),
        name=session.name,
        turn=correct.turn(session),
        revision=session.revision,
        why=panels.reasons(answered) if answered is not None else (),
        inks=row.inks if row is not None else (),
        tracks=row.tracks if row is not None else None,
        problem=session.problem,
        on_act=lambda: _on_act(session, model),
        on_given=lambda: gallery.take(session, canvas.event("given")),
        takes=gallery.MOST_BYTES,
    )


def _on_act(session: Session, model: Asks) -> None:
    given = canvas.event("act")
    if given is not None:
        correct.act(session, model, given)


def talk(session: Session, model: Asks) -> None:
    """The conversation, the suggestions, and the box to type in."""
    busy = session.writing is not None
    with st.container(key="talk"), st.container(gap="xsmall"):
        if session.dropped:
            turns = "turn was" if session.dropped == 1 else f"{session.dropped} turns were"
            st.caption(f"The first {turns} let go, to keep the memory free.")
        for number, row in enumerate(session.exchanges):
            panels.exchange(row, session.turn(number))
            turn_tools(session, model, number)
        if session.writing is not None:
            queued = session.writing.queued
            st.fragment(run_every=LOOK_QUEUED if queued else LOOK)(written)(session, queued)
        elif not session.exchanges:
            st.caption("What do you want to find? For example:")
            panels.suggestions(session.suggestions, lambda question: ask(session, model, question))
    typed = st.chat_input("Ask about the picture", key="question", disabled=busy)
    if typed is not None:
        ask(session, model, str(typed))


def turn_tools(session: Session, model: Asks, number: int) -> None:
    """What can be done with one exchange: show its masks, ask again, edit the question."""
    row, last = session.exchanges[number], number == len(session.exchanges) - 1
    busy = session.writing is not None
    if session.editing == number:
        edit(session, model, number)
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"turn-{number}"):
        if row.answer is not None:
            panels.took(row.answer)
        hidden = row.answer is not None and row.answer.segments and number != session.shown()
        if hidden and st.button("Show", key=f"show-{number}", type="tertiary", help="Show the masks of this answer"):
            session.chosen = number
            session.revision += 1
            st.rerun()
        if last and st.button("Ask again", key=f"again-{number}", type="tertiary", disabled=busy):
            session.forget(number)
            ask(session, model, row.question)
        if st.button("Edit", key=f"edit-{number}", type="tertiary", disabled=busy, help="The turns after it go"):
            session.editing = number
            st.rerun()


def edit(session: Session, model: Asks, number: int) -> None:
    """A question to be rewritten."""
    with st.form(key=f"rewrite-{number}", border=True):
        text = st.text_area("The question", value=session.exchanges[number].question, key=f"text-{number}")
        st.caption("The turns after it go.")
        with st.container(horizontal=True):
            if st.form_submit_button("Ask", type="primary"):
                session.forget(number)
                ask(session, model, str(text))
            if st.form_submit_button("Cancel"):
                session.editing = None
                st.rerun()


def ask(session: Session, model: Asks, question: str) -> None:
    """Begin to answer a question; what cannot be asked gets a plain line."""
    session.editing = session.chosen = None
    problem = None
    if not question.strip():
        problem = "The question is empty: write what to look for."
    elif len(question) > LONGEST:
        problem = f"The question has {len(question)} characters; ask in at most {LONGEST}."
    if problem is not None or session.image is None:
        session.add(Exchange(question[:LONGEST], None, problem or "Choose a picture first."))
        st.rerun()
    session.writing = Writing(
        model, session.image, question, session.history(), of_this_page()
    )  # a page that is closed holds no model
    session.writing.start(patience=LOOK)
    keep(session)
    st.rerun()


def keep(session: Session) -> bool:
    """Take an answer that is finished into the conversation; False while it is being written."""
    writing = session.writing
    if writing is None:
        return True
    if not writing.done:
        return False
    session.add(Exchange(writing.question, writing.answer, writing.problem))
    session.writing = None
    session.revision += 1
    return True


def written(session: Session, queued: bool) -> None:
    """The words as they come, the place in the queue, and a button that stops them. When its turn comes the view is
    laid out again, to look oftener."""
    if keep(session):
        st.rerun()
    writing = session.writing
    assert writing is not None
    if writing.queued != queued:
        st.rerun()
    with st.chat_message("user", avatar=panels.PERSON):
        panels.say(writing.question)
    with st.chat_message("assistant", avatar=panels.MODEL):
        panels.say(unmarked(writing.text) or _waits(writing))
        if st.button("Stop", key="stop", icon=":material/stop_circle:", disabled=writing.stopped):
            writing.stop()


def _waits(writing: Writing) -> str:
    if writing.stopped:
        return "Stopping ..."
    if writing.place:
        before = "1 question is" if writing.place == 1 else f"{writing.place} questions are"
        return f"Waiting: {before} before yours ..."
    return "Looking ..."
