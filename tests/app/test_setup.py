"""What a page's server is told of its model."""

from pathlib import Path

import pytest

from app.setup import FOLDER, PLACED, Setup
from model.placement import Placement


def test_what_is_told_is_what_is_read(monkeypatch):
    setup = Setup(Path("/a folder/ü"), Placement("cpu", bits=8, offload=True, attention="eager"))
    for name, value in setup.told().items():
        monkeypatch.setenv(name, value)
    assert Setup.of_page() == setup


def test_a_page_that_was_told_nothing_has_the_model_that_ships(monkeypatch):
    for name in (FOLDER, PLACED):
        monkeypatch.delenv(name, raising=False)
    assert Setup.of_page() == Setup() and Setup().checkpoint.name == "tiny"


@pytest.mark.parametrize("value", ["", "{", "[]", '{"bits": "x"}', '{"devise": "cpu"}'])
def test_what_is_no_placement_is_refused_by_name(monkeypatch, value):
    monkeypatch.setenv(PLACED, value)
    with pytest.raises(ValueError, match=PLACED):
        Setup.of_page()
