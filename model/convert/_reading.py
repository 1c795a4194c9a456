"""Weights as they were released: what a file holds is known without reading it, and tensors are read one at a time.

PyTorch's ``.bin`` files are pickles. They are read with ``weights_only=True``, which builds tensors and plain
containers and refuses everything else before anything runs, and with memory mapping, so that a tensor's bytes are read
when it is asked for.
"""

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from model.config import read_json

OPEN = 2  # files kept open: a shard, and the adapter that is merged into it
MAPPED = 1 << 29  # bytes read before mappings are let go: their pages count as memory of ours
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
NOT_WEIGHTS = ("training_args.bin", "optimizer.bin", "scheduler.bin")
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Key:
    """A tensor in a file, not read yet."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.dtype.itemsize * torch.Size(self.shape).numel()


class Reader:
    """Reads tensors, with the last few files open."""

    def __init__(self) -> None:
        self._open: dict[Path, _Weights] = {}
        self._read = 0

    def keys(self, file: Path) -> list[Key]:
        """What a file holds.

        Raises:
            ValueError: it is damaged, holds no weights, or holds code.
        """
        return [Key(file, name, shape, dtype) for name, (shape, dtype) in self._weights(file).held.items()]

    def tensor(self, key: Key) -> torch.Tensor:
        """A tensor's values."""
        if self._read > MAPPED:
            self.close()
        self._read += key.bytes
        try:
            return self._weights(key.file).tensor(key.name)
        except (RuntimeError, OSError) as error:
            raise _damaged(key.file, error) from error

    def close(self) -> None:
        """Let go of all files that can be opened again at no cost."""
        self._open = {file: weights for file, weights in self._open.items() if not weights.mapped}
        self._read = 0

    def _weights(self, file: Path) -> "_Weights":
        if file not in self._open:
            if not _mapped(file):
                self._open = {other: weights for other, weights in self._open.items() if weights.mapped}
            while len(self._open) >= OPEN:
                del self._open[next(iter(self._open))]
            self._open[file] = _Safetensors(file) if file.suffix == ".safetensors" else _Pickled(file)
        return self._open[file]


class _Weights:
    """An open file: ``held`` tells shape and dtype of each tensor; a file that is not ``mapped`` is in memory whole."""

    held: dict[str, tuple[tuple[int, ...], torch.dtype]]
    mapped = True

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor's values."""
        raise TypeError(f"{type(self).__name__} does not define tensor")


class _Safetensors(_Weights):
    def __init__(self, file: Path) -> None:
        try:
            self._file = safe_open(file, framework="pt")
            slices = {name: self._file.get_slice(name) for name in self._file.keys()}  # noqa: SIM118  # no mapping
            self.held = {name: (tuple(s.get_shape()), DTYPES[s.get_dtype()]) for name, s in slices.items()}
        except KeyError as error:
            raise ValueError(f"{file} holds numbers of a kind that cannot be converted: {error.args[0]}") from error
        except Exception as error:
            raise _damaged(file, error) from error

    def tensor(self, name: str) -> torch.Tensor:
        made: torch.Tensor = self._file.get_tensor(name)
        return made


class _Pickled(_Weights):
    def __init__(self, file: Path) -> None:
        self.mapped = _mapped(file)
        values = self._load(file)
        if not isinstance(values, Mapping) or not values:
            raise ValueError(f"{file} holds no named tensors: it is no part of a checkpoint")
        odd = sorted(str(name) for name, value in values.items() if not isinstance(value, torch.Tensor))
        if odd:
            raise ValueError(f"{file} holds more than tensors ({', '.join(odd[:5])}): it is no released checkpoint")
        self._values: dict[str, torch.Tensor] = {str(name): value for name, value in values.items()}
        self.held = {name: (tuple(value.shape), value.dtype) for name, value in self._values.items()}

    def _load(self, file: Path) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an error says all there is to say
                return torch.load(file, map_location="cpu", mmap=self.mapped, weights_only=True)
        except pickle.UnpicklingError as error:  # torch's own words advise to read the file unsafely
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            if named is None and (not _pickle(file) or "Unsupported operand" not in str(error)):
                raise _damaged(file, pickle.UnpicklingError("no pickle of weights")) from error
            what = f" ({named[1]})" if named else ""
            raise ValueError(
                f"{file} holds more than weights{what}: a pickle may carry code, so it was refused and nothing in it "
                "was run; get the checkpoint from its authors"
            ) from error
        except Exception as error:  # a damaged file makes the libraries raise nearly anything
            raise _damaged(file, error) from error

    def tensor(self, name: str) -> torch.Tensor:
        return self._values[name].detach()


def weight_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of a folder's weights, and those that look like weights but are not among them.

    Raises:
        ValueError: there are none, or the index names one that is missing.
    """
    every = sorted(path for path in folder.iterdir() if path.suffix in (".bin", ".safetensors"))
    for name in INDEXES:
        if (folder / name).is_file():
            listed = read_json(folder / name).get("weight_map")
            if not isinstance(listed, dict) or not listed or not all(isinstance(v, str) for v in listed.values()):
                raise ValueError(f"{folder / name} is no index of shards: fetch it again")
            names = sorted(set(listed.values()))
            missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
            if missing:
                raise ValueError(f"{folder} lacks the shards {', '.join(missing)}: fetch them again")
            files = [folder / name for name in names]
            return files, [path for path in every if path not in files]
    kind = ".safetensors" if any(path.suffix == ".safetensors" for path in every) else ".bin"
    files = [path for path in every if path.suffix == kind and path.name not in NOT_WEIGHTS]
    if not files:
        raise ValueError(f"{folder} is no checkpoint: it holds no .bin or .safetensors weights")
    return files, [path for path in every if path not in files]


def _pickle(file: Path) -> bool:
    """Whether a file begins as a pickle of today, or an archive of one."""
    with file.open("rb") as opened:
        return opened.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def _mapped(file: Path) -> bool:
    """Whether a file can be read in parts; what torch wrote before 1.6 is no zip archive and cannot."""
    return file.suffix == ".safetensors" or zipfile.is_zipfile(file)


def _damaged(file: Path, error: Exception) -> ValueError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return ValueError(f"{file} is damaged or cut short ({reason[:200]}): fetch it again")
