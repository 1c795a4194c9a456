"""Whether a page is still open in somebody's browser: what works for it ends with it, and so does what it keeps."""

import gc
import logging
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.runtime import Runtime

log = logging.getLogger(__name__)

LINGER = 150.0  # seconds that a page may be out of reach before what works for it ends, and its folders go
KEPT = 100.0  # seconds before its session goes; Streamlit forgets it after 120, but lets go of it at the next visit
LOOK = 2.0  # seconds between looks at whether it is still there


@dataclass
class _Watched:
    alive: Callable[[], bool]
    then: Callable[[], object]
    linger: float
    seen: float


_watched: list[_Watched] = []
_door = threading.Lock()


def when_gone(alive: Callable[[], bool], then: Callable[[], object], linger: float | None = None) -> None:
    """Call ``then`` once a page has been away for ``linger`` seconds, :data:`LINGER` without."""
    with _door:
        _watched.append(_Watched(alive, then, LINGER if linger is None else linger, time.monotonic()))
        if len(_watched) == 1:
            threading.Thread(target=_watch, name="presence", daemon=True).start()


def _watch() -> None:
    going = True
    while going:
        time.sleep(LOOK)
        now = time.monotonic()
        with _door:
            for one in _watched:
                one.seen = now if one.alive() else one.seen
            gone = [one for one in _watched if now - one.seen >= one.linger]
            _watched[:] = [one for one in _watched if one not in gone]
            going = bool(_watched)  # whoever comes after this starts another thread
        for one in gone:
            try:
                one.then()
            except Exception:  # the others go all the same
                log.exception("what a page left could not be cleared up")
        if gone:  # a session holds itself, and its pictures, in cycles
            time.sleep(LOOK)
            gc.collect()


def clear_up(folder: "tempfile.TemporaryDirectory[str]", alive: Callable[[], bool]) -> None:
    """Remove a folder when its page has been away for long: a session that has ended may stay in memory."""
    when_gone(alive, folder.cleanup)


def of_this_page() -> Callable[[], bool]:
    """Whether the page that asks this is still open."""
    if (page := _page()) is None:
        return lambda: True
    server, session = page
    return lambda: bool(server.is_active_session(session))


def close_when_gone() -> None:
    """Have the session of this page closed, its pictures and files let go, soon after the page has gone.

    Without it the last visitor's would stay until somebody else comes.
    """
    import streamlit as st

    if (page := _page()) is None or st.session_state.get("watched"):
        return
    server, session = page
    st.session_state["watched"] = True
    # Of what a thread may call it is this that closes a session, where nobody holds it: it is meant for logging out.
    when_gone(of_this_page(), lambda: server.clear_user_info_for_session(session), KEPT)


def _page() -> "tuple[Runtime, str] | None":
    """Streamlit's server and the session's id, where there is a server."""
    from streamlit.runtime import exists, get_instance
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    return None if context is None or not exists() else (get_instance(), context.session_id)
