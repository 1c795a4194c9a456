"""Whether a page is still open in somebody's browser: what works for it ends with it, and so do its files."""

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

LINGER = 150.0  # seconds that a page may be out of reach before what is its own goes
LOOK = 2.0  # seconds between looks at whether it is still there


def clear_up(folder: "tempfile.TemporaryDirectory[str]", alive: Callable[[], bool]) -> None:
    """Remove a folder when its page has been away for long: a session that has ended may stay in memory."""

    def watch() -> None:
        seen = time.monotonic()
        while Path(folder.name).is_dir() and time.monotonic() - seen < LINGER:
            time.sleep(LOOK)
            seen = time.monotonic() if alive() else seen
        folder.cleanup()

    threading.Thread(target=watch, name="clear-up", daemon=True).start()


def of_this_page() -> Callable[[], bool]:
    """Whether the page that asks this is still open."""
    from streamlit.runtime import exists, get_instance
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    if context is None or not exists():
        return lambda: True
    server, session = get_instance(), context.session_id
    return lambda: bool(server.is_active_session(session))
