"""What the page says, as Streamlit's own test has it without a browser."""

from pathlib import Path

PAGE = str(Path(__file__).resolve().parents[2] / "app" / "main.py")


def written(at):
    """All that was written as HTML."""
    return " ".join(str(element.proto.body) for element in at.get("html"))
