"""What a person hands in, laid in a folder: pictures and archives of pictures, within bounds, and under it alone."""

import contextlib
import stat
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from eval.many import PICTURES

MOST_FILES = 2000
MOST_BYTES = 256 * 2**20  # of all files together, unpacked
MOST_ONE = 64 * 2**20  # of one file, unpacked
LONGEST_NAME, LONGEST_PATH, DEEPEST = 200, 800, 16  # bytes of a name and of a path, folders in each other
CHUNK = 2**18
SILENT = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")  # what computers add by themselves


@dataclass
class Unpacked:
    """What became of the files.

    Attributes:
        folder: where the pictures lie, under the names they came with.
        names: of the pictures.
        problems: a line for each file that was left out.
    """

    folder: Path
    names: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _bytes: int = 0

    def add(self, name: str, source: BinaryIO) -> None:
        """Lay one picture down; what is wrong with it becomes a problem.

        Raises:
            ValueError: it is too much altogether.
        """
        try:
            place = self._place(name)
        except ValueError as error:
            self.problems.append(str(error))
            return
        if len(self.names) >= MOST_FILES:
            raise ValueError(f"these are more than {MOST_FILES:,} pictures: hand them in in parts")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                size = 0
                while chunk := source.read(CHUNK):
                    size, self._bytes = size + len(chunk), self._bytes + len(chunk)
                    if self._bytes > MOST_BYTES:
                        raise ValueError(f"these are more than {MOST_BYTES >> 20} MB unpacked: hand them in in parts")
                    if size > MOST_ONE:
                        raise OverflowError
                    file.write(chunk)
        except OverflowError:
            place.unlink()
            self.problems.append(f"{_cut(name)}: has more than {MOST_ONE >> 20} MB; make it smaller first")
        except FileExistsError:
            self.problems.append(f"{_cut(name)}: is there twice; the first one is taken")
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
            said = "cannot be stored" if isinstance(error, OSError) else "is damaged in the ZIP file; make that anew"
            self.problems.append(f"{_cut(name)}: {said}")
        else:
            self.names.append(name)

    def _place(self, name: str) -> Path:
        """Where a picture of that name lies.

        Raises:
            ValueError: its name leads out of the folder, is none, or is not that of a picture.
        """
        path = PurePosixPath(name)
        parts = path.parts
        bad = not parts or path.is_absolute() or ".." in parts or "\\" in name or any(ord(c) < 32 for c in name)
        try:
            long = len(name.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in parts)
        except UnicodeEncodeError:
            bad, long = True, False
        if bad:
            raise ValueError(f"{_cut(name)!r}: is no name of a file inside a folder; nothing was written")
        if long or len(parts) > DEEPEST:
            raise ValueError(f"{_cut(name)}: its name is too long; rename it")
        if path.suffix.lower() not in PICTURES:
            raise ValueError(f"{_cut(name)}: is no picture by its name; give PNG, JPEG, WebP, GIF, BMP or TIFF")
        return self.folder.joinpath(*parts)


def unpack(files: Iterable[tuple[str, BinaryIO]], folder: Path) -> Unpacked:
    """Lay pictures, and those in ZIP files, in an empty folder.

    Args:
        files: name and content of each, as a browser sends them.
        folder: where to.

    Raises:
        ValueError: they are too many, too large, or a ZIP file cannot be read.
    """
    made = Unpacked(folder)
    for name, source in files:
        plain = PurePosixPath(name.replace("\\", "/")).name  # a browser may name the folder it came from
        if plain.lower().endswith(".zip"):
            _unzip(plain, source, made)
        else:
            made.add(plain, source)
    return made


def _unzip(name: str, source: BinaryIO, made: Unpacked) -> None:
    try:
        with zipfile.ZipFile(source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _silent(entry.filename)]
            if len(entries) > MOST_FILES:
                raise ValueError(f"{_cut(name)}: holds {len(entries):,} files; {MOST_FILES:,} are taken at once")
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise ValueError(f"{_cut(name)}: claims more than {MOST_BYTES >> 20} MB unpacked; hand it in in parts")
            for entry in entries:
                _entry(archive, entry, made)
    # zipfile raises NotImplementedError for what it has not got: a later version of the format, or a compression
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, OverflowError) as error:
        raise ValueError(f"{_cut(name)}: is no ZIP file that can be read; make it anew") from error


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, made: Unpacked) -> None:
    if stat.S_ISLNK(entry.external_attr >> 16):
        made.problems.append(f"{_cut(entry.filename)}: is a link, which is not followed")
        return
    if entry.flag_bits & 1:
        made.problems.append(f"{_cut(entry.filename)}: is encrypted; make the ZIP file without a password")
        return
    try:
        with archive.open(entry) as source:
            made.add(entry.filename, source)  # type: ignore[arg-type]  # ZipExtFile reads as a file does
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):  # another compression, or a password
        made.problems.append(f"{_cut(entry.filename)}: cannot be unpacked; make the ZIP file anew")


def _silent(name: str) -> bool:
    return any(part in SILENT or part.startswith("._") for part in PurePosixPath(name).parts)


def _cut(name: str) -> str:
    return name if len(name) <= 80 else name[:77] + "..."
