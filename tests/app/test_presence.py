import tempfile
import threading
import time
from pathlib import Path

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
    assert presence._watched == []
