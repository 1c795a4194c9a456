"""The commands beside the table: each is there, and is listed."""

import importlib
import pkgutil
import re

import pytest

import benchmarks

COMMANDS = re.findall(r"``python -m benchmarks\.(\w+)``", benchmarks.__doc__)
# Parts of commands.
PARTS = {"__main__", "bench", "direct", "harness", "items", "meters", "tab", "table", "through_page", "watched"}


def test_every_command_is_listed():
    assert {module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - PARTS == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_needs_is_there(name):
    assert callable(importlib.import_module(f"benchmarks.{name}").main)
