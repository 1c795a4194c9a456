"""Which version of the project made a number."""

import subprocess
from pathlib import Path


def commit() -> str:
    """The checked-out commit, with "+changes" if the tree differs from it; "unknown" outside a git checkout."""
    folder = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
