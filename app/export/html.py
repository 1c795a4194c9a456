"""The whole conversation as one HTML file."""

from collections.abc import Iterator

from app import conversation
from app.export.base import File, Talk

TITLE = "Conversation"
ABOUT = "One HTML file with everything inside, to read, keep or print; it runs nothing and loads nothing."


def files(talk: Talk) -> Iterator[File]:
    """``NAME.html``."""
    yield File(single(talk), conversation.page(talk))


def single(talk: Talk) -> str:
    """It is one file always."""
    return f"{talk.stem}.html"
