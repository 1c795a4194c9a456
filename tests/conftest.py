"""What all tests share."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from app import running
from data import datasets
from tests import chromium
from tests.data.datasets.toybox import Toybox

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow") or os.environ.get("CI"):
        return
    skip = pytest.mark.skip(reason="slow: run with --slow, or set CI")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def seeded():
    """Every test begins from the same random state."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared():
    """The folder of published outputs and sample trees beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no folder {SHARED.name} beside the checkout")
    return SHARED


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A folder named "tiny" with a model of random weights."""
    from tests import tiny  # with all that a model needs, which most tests of data do without

    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    tiny.model().save_pretrained(folder)
    return folder


@pytest.fixture
def free_port():
    """A port of this machine that nothing listens at."""
    return running.free_port()


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium; its tests carry the marks of :data:`tests.chromium.needed`."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium.PATH, args=chromium.FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A tree of the family of :mod:`tests.data.datasets.toys`, which is then the only one that is found."""
    folder = tmp_path / "families"
    folder.mkdir()
    shutil.copy(Path(__file__).parent / "data" / "datasets" / "toys.py", folder)
    monkeypatch.setattr(datasets, "__path__", [str(folder)])
    monkeypatch.setattr(datasets._families, "_path", [str(folder)])
    yield Toybox(tmp_path / "root")
    sys.modules.pop("data.datasets.toys", None)
