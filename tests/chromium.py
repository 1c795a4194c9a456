"""Where Chromium is, for the tests that need a real browser, and their marks."""

import shutil

import pytest

PATH = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]

needed = [
    pytest.mark.browser,
    pytest.mark.skipif(PATH is None, reason="no Chromium here: make test installs it where it may"),
]
