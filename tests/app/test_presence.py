import tempfile
import threading
import time
from pathlib import Path

import streamlit as st

from app import presence


def test_a_folder_goes_with_its_page(monkeypatch):
    monkeypatch.setattr(presence, "LINGER", 0.2)
    monkeypatch.setattr(presence, "LOOK", 0.02)
    here = threading.Event()
    here.set()
    folder = tempfile.TemporaryDirectory()
    presence.clear_up(folder, here.is_set)
    time.sleep(0.4)
    assert Path(folder.name).is_dir()
    here.clear()
    end = time.monotonic() + 20
    while Path(folder.name).exists():
        assert time.monotonic() < end
        time.sleep(0.01)


class Server:
    """Of Streamlit's what is used of it here."""

    def __init__(self):
        self.active, self.closed = {"mine", "theirs"}, []

    def is_active_session(self, session):
        return session in self.active

    def clear_user_info_for_session(self, session):
        self.closed.append(session)


def test_a_session_is_closed_once_when_its_page_has_gone(monkeypatch):
    monkeypatch.setattr(presence, "LOOK", 0.02)
    monkeypatch.setattr(presence, "KEPT", 0.1)
    server, state = Server(), {}
    monkeypatch.setattr(st, "session_state", state)
    for session in ("mine", "mine", "theirs"):
        monkeypatch.setattr(presence, "_page", lambda session=session: (server, session))
        if session == "theirs":
            state.clear()  # another person's
        presence.close_when_gone()
    time.sleep(0.3)
    assert server.closed == []
    server.active.remove("mine")
    end = time.monotonic() + 20
    while not server.closed:
        assert time.monotonic() < end
        time.sleep(0.01)
    server.active.clear()
    while len(server.closed) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert server.closed == ["mine", "theirs"]


def test_what_fails_keeps_nothing_else_from_going(monkeypatch):
    monkeypatch.setattr(presence, "LOOK", 0.02)
    gone, later = [], threading.Event()
    presence.when_gone(lambda: False, lambda: 1 / 0, 0.01)
    presence.when_gone(lambda: False, lambda: gone.append("second"), 0.01)
    presence.when_gone(lambda: not later.is_set(), lambda: gone.append("last"), 0.01)
    end = time.monotonic() + 20
    while not gone:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert gone == ["second"]
    later.set()
    while len(gone) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not any(one.linger == 0.01 for one in presence._watched)
