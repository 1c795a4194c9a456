"""LLaVA-Instruct-150k: conversations about COCO's pictures, answered in words alone."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from data.datasets._files import inside, key, read_json, text
from data.datasets._store import Store
from data.datasets.base import Dataset, Picture, Query, Source, Wanted

NAME = "llava"
FILE = "llava_dataset/llava_instruct_150k.json"
IMAGES = "coco/train2017"
IMAGE_MARK = "<image>"  # stands where the picture was put; every question here is about the picture


def find(root: Path, wanted: Wanted = None) -> list[Source]:
    """Its one split, ``train``."""
    return [Source(NAME, "train", (root / FILE,), partial(Talks, root))] if (root / FILE).is_file() else []


class Talks(Dataset):
    """One record a conversation, one query a question of it. The same picture comes with several conversations, which
    often share an id, so ids here are by place: ``llava/train/CONVERSATION/QUESTION``.

    Args:
        root: of the dataset trees.

    Raises:
        ValueError: the file is no list of conversations.
    """

    name, split = NAME, "train"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._talks = Store(_talks(read_json(root / FILE)))

    def __len__(self) -> int:
        return len(self._talks)

    def picture(self, index: int) -> Picture:
        """The picture of a conversation.

        Raises:
            ValueError: its file name leads out of the pictures' folder.
        """
        image, _ = self._talks[index]
        folder = self._root / IMAGES
        return Picture(inside(folder, folder, image, _where(index)), f"{IMAGES}/{image}", None)

    def queries(self, index: int) -> list[Query]:
        """The questions of a conversation in their order, each with those before it.

        Raises:
            ValueError: questions and answers do not take turns, or one of them is blank.
        """
        _, turns = self._talks[index]
        where = _where(index)
        said = [key(turn, "from", where) for turn in turns]
        if said and said[0] != "human":  # a greeting of the model's; the published loaders drop it
            turns, said = turns[1:], said[1:]
        if not turns or said != ["human", "gpt"] * (len(turns) // 2):
            raise ValueError(f"{where}: its turns are not 'human' and 'gpt' by turns, with an answer last")
        words = [_words(turn, where) for turn in turns]
        pairs = list(zip(words[::2], words[1::2], strict=True))
        return [
            Query(f"{NAME}/train/{index}/{number}", question, "talk", (), answer=answer, earlier=tuple(pairs[:number]))
            for number, (question, answer) in enumerate(pairs)
        ]


def _talks(values: object) -> Iterator[tuple[str, list[Any]]]:
    if not isinstance(values, list):
        raise ValueError(f"{FILE}: expected a list of conversations, found {type(values).__name__}")
    for index, talk in enumerate(values):
        turns = key(talk, "conversations", _where(index))
        if not isinstance(turns, list):
            raise ValueError(f"{_where(index)}: its conversations are no list of turns")
        yield text(key(talk, "image", _where(index)), _where(index)), turns


def _where(index: int) -> str:
    return f"{FILE}: conversation number {index}"


def _words(turn: object, where: str) -> str:
    value = key(turn, "value", where)
    return text(value.replace(IMAGE_MARK, "") if isinstance(value, str) else value, where)
