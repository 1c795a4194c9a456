"""Which folders of the server's disk the page may read: those that its owner named, and nothing else.

A visitor of the page types paths. Every one is resolved, links too, and must then lie under one of these folders; what
lies elsewhere is refused in the same words whether it is there or not.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

ROOTS = "PINPOINT_ROOTS"  # the environment variable: folders with os.pathsep between them
MOST_FOLDERS, DEEPEST = 200, 6  # of a search for files below the folders
OWN, SERVER = "my computer", "a folder of the server"  # where a view may be given things from
MOST_LOOKED = 20_000  # folders that such a search looks into


def joined(folders: Sequence[Path]) -> str:
    """Folders as the value of the environment variable.

    Raises:
        ValueError: one is no folder, or its name cannot stand in the variable.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"--root {folder}: there is no such folder")
        if os.pathsep in str(folder.resolve()):
            raise ValueError(f"--root {folder}: a folder with {os.pathsep!r} in its path cannot be named; rename it")
    return os.pathsep.join(str(folder.resolve()) for folder in folders)


def roots() -> tuple[Path, ...]:
    """The folders, resolved; none where the owner named none."""
    named = filter(None, os.environ.get(ROOTS, "").split(os.pathsep))
    return tuple(dict.fromkeys(Path(name).resolve() for name in named))


def allowed(typed: str, among: Sequence[Path]) -> Path:
    """What a visitor typed, resolved: a whole path, or one below a folder of ``among``.

    Raises:
        ValueError: it lies under none of them, or is not there.
    """
    words = typed.strip()
    if not among:
        raise ValueError("the owner of this page has named no folder that it may read")
    for root in among:
        try:
            path = (root / words).resolve()  # a whole path takes the root's place
            if path.is_relative_to(root) and path.exists():
                return path
        except (OSError, ValueError, RuntimeError):  # no name of a file, or links that go round in circles
            continue
    raise ValueError(f"{words or 'nothing'!r:.200}: there is no such place under the folders that this page may read")


def holding(names: Collection[str], among: Sequence[Path]) -> list[Path]:
    """Folders with a file of one of these names, of ``among`` and some levels below; links are not followed."""
    found: list[Path] = []
    for root in among:
        for looked, (folder, below, files) in enumerate(os.walk(root)):
            if looked >= MOST_LOOKED or len(found) >= MOST_FOLDERS:
                return found
            below[:] = sorted(name for name in below if not name.startswith("."))
            if len(Path(folder).relative_to(root).parts) >= DEEPEST:
                below.clear()
            if any(name in names for name in files):
                found.append(Path(folder))
    return found


def named(among: Sequence[Path]) -> dict[str, Path]:
    """The folders by names for people: the last part, and of those that share it as much more as tells them apart."""
    found: dict[str, Path] = {}
    for root in among:
        length = 1
        while any("/".join(one.parts[-length:]) == "/".join(root.parts[-length:]) for one in among if one != root):
            length += 1
        found["/".join(root.parts[-length:]) or "/"] = root
    return found


def shown(path: Path, among: Sequence[Path]) -> str:
    """A path for people: below its root, which is named by its last part."""
    for root in among:
        if path.is_relative_to(root):
            return (Path(root.name or "/") / path.relative_to(root)).as_posix()
    return path.name
