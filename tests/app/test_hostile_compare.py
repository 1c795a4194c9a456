"""What wants to break the view that compares."""

import pytest
from streamlit.testing.v1 import AppTest

from app.views import compare
from tests.app import rule
from tests.app.hostile import SHORT, alive


def script():
    from app.views import compare
    from tests.app.rule import Rule

    compare.show(Rule("by rule", None))


@pytest.mark.parametrize("text", SHORT[:12])
def test_words_and_folders_of_a_comparison_are_words(monkeypatch, tmp_path, text):
    monkeypatch.setattr(compare, "Engine", rule.Rule)
    (tmp_path / "config.json").touch()
    monkeypatch.setenv("PINPOINT_CHECKPOINT", str(tmp_path))
    compare.second.clear()
    at = AppTest.from_function(script, default_timeout=60).run()
    at.text_input(key="compare-question").set_value(text)
    at.text_input(key="compare-folder").set_value(text)
    at.button[0].click().run()
    assert "There is no checkpoint at" in alive(at)
    at.text_input(key="compare-folder").set_value(str(tmp_path))
    at.button[0].click().run()
    assert "Second:" in alive(at)
    compare.second.clear()
