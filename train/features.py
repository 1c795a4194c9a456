"""What the segmenter's encoder makes of a picture, kept on disk: none need be encoded twice.

Stored in bfloat16, one file a picture, named by the encoder's weights and by what it was shown. Several processes and
runs may share a folder: files appear whole, and one process at a time makes room.
"""

import contextlib
import fcntl
import functools
import hashlib
import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from model.segmenters.base import Features, Segmenter
from train.partition import anywhere, brought_together

log = logging.getLogger(__name__)


def digest(tensor: torch.Tensor, *more: object) -> str:
    """32 hexadecimal digits of a tensor's bytes, and of ``more``."""
    made = hashlib.blake2b(repr((tensor.dtype, tuple(tensor.shape), *more)).encode(), digest_size=16)
    made.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return made.hexdigest()


def weights_digest(module: nn.Module) -> str:
    """32 hexadecimal digits of all parameters and buffers. Where they are split all processes take part."""
    made = hashlib.blake2b(digest_size=16)
    for name, value in sorted(module.state_dict(keep_vars=True).items()):
        with brought_together(value):
            made.update(f"{name} {digest(value)}".encode())
    return made.hexdigest()


class FeatureCache:
    """Features by picture; those used longest ago go when there are more than ``limit`` bytes.

    Args:
        folder: made with the first use if it is not there.
        limit: bytes of all files in it.
        encoder: whose features these are; its weights are read with the first use, and may not change from then on.
    """

    def __init__(self, folder: Path, limit: int, encoder: nn.Module) -> None:
        self.folder, self.limit = folder, limit
        self._encoder, self._full = encoder, False

    @functools.cached_property
    def _own(self) -> Path:
        """The encoder's folder. Many who build an objective encode nothing with it, and some have no weights."""
        own = self.folder / weights_digest(self._encoder)
        own.mkdir(parents=True, exist_ok=True)
        with self._lock():
            self._note(sum(size for _, size, _ in self._files()))
        return own

    def get(self, picture: str) -> torch.Tensor | None:
        """``(C, h, w)`` bfloat16, or None if it is not there."""
        path = self._path(picture)
        try:
            tensor = safetensors.torch.load_file(path)["features"]
        except (OSError, KeyError):
            return None
        except safetensors.SafetensorError:  # damaged: made again
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return tensor

    def put(self, picture: str, tensor: torch.Tensor) -> None:
        """Keep a ``(C, h, w)`` tensor, rounded to bfloat16. A full disk costs the cache and not the run."""
        data = safetensors.torch.save({"features": tensor.detach().to("cpu", torch.bfloat16).contiguous()})
        path = self._path(picture)
        if len(data) > self.limit or path.exists():
            return
        staged = self._own / f".{uuid.uuid4().hex}"
        try:
            with self._lock():
                held = self._held()
                if held + len(data) > self.limit:
                    held = self._make_room(len(data))
                staged.write_bytes(data)
                staged.replace(path)
                self._note(held + len(data))
        except OSError as error:
            staged.unlink(missing_ok=True)
            if not self._full:
                log.warning("%s: features are not kept (%s); training goes on without", self.folder, error)
            self._full = True

    def encode(
        self,
        segmenter: Segmenter,
        prepared: torch.Tensor,
        sizes: Sequence[tuple[int, int]],
        pictures: Sequence[str],
    ) -> list[Features]:
        """Features of ``(B, 3, S, S)`` uint8 pictures of the original ``sizes``, those that are not kept yet made by
        the segmenter; the same to the last bit now and later."""
        held = [self.get(picture) for picture in pictures]
        missing = [index for index, tensor in enumerate(held) if tensor is None]
        if anywhere(bool(missing), next(segmenter.encoder.parameters())):
            lot = missing or [0]  # other processes miss some, and encoding takes all
            made = segmenter.encode(prepared[lot], [sizes[index] for index in lot])
            for index, features in zip(lot, made, strict=True):
                held[index] = features.tensor[0].bfloat16()
                self.put(pictures[index], features.tensor[0])
        tensors = [tensor.to(prepared.device).float()[None] for tensor in held if tensor is not None]
        return [Features(tensor, segmenter.frame(size)) for tensor, size in zip(tensors, sizes, strict=True)]

    def _path(self, picture: str) -> Path:
        return self._own / f"{picture}.safetensors"

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _files(self) -> list[tuple[float, int, Path]]:
        """When last used, bytes and path of every file, of any encoder."""
        found = []
        for path in self.folder.glob("*/*.safetensors"):
            with contextlib.suppress(OSError):
                known = path.stat()
                found.append((known.st_mtime, known.st_size, path))
        return found

    def _make_room(self, wanted: int) -> int:
        """Delete what was used longest ago, a tenth of the limit at least; returns the bytes left."""
        files = sorted(self._files())
        held = sum(size for _, size, _ in files)
        for _, size, path in files:
            if held + wanted <= 0.9 * self.limit:
                break
            path.unlink(missing_ok=True)
            held -= size
        return held

    def _held(self) -> int:
        try:
            return int((self.folder / ".bytes").read_text())
        except (OSError, ValueError):
            return sum(size for _, size, _ in self._files())

    def _note(self, held: int) -> None:
        (self.folder / ".bytes").write_text(str(held))
