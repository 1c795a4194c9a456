"""Commands, as they are typed."""

from app.cli import main


def run(*words):
    """The exit status of ``pinpoint WORDS``."""
    try:
        return main([str(word) for word in words])
    except SystemExit as left:
        return left.code


def refused(capsys, *words):
    """The one line that a refusal prints."""
    assert run(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pinpoint: ")
    assert said.err.count("\n") == 1
    return said.err
