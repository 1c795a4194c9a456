from dataclasses import dataclass

import pytest
import torch

from model import memory
from model.memory import Memory, room


@dataclass
class Thing:
    bytes: int


def test_the_things_used_last_stay_within_the_limit():
    memory: Memory[Thing] = Memory(100)
    for name in "abc":
        memory.keep(name, Thing(30))
    assert (len(memory), memory.bytes) == (3, 90)
    assert memory.get("a") is not None
    memory.keep("d", Thing(45))  # b and c were used longer ago than a
    assert [name for name in "abcd" if memory.get(name)] == ["a", "d"]
    assert memory.bytes == 75
    assert (memory.hits, memory.misses) == (3, 2)


def test_a_thing_that_grows_is_weighed_again():
    memory: Memory[Thing] = Memory(100)
    grows = Thing(10)
    memory.keep("a", grows)
    memory.keep("b", Thing(50))
    grows.bytes = 80
    memory.keep("a", grows)
    assert memory.bytes == 80
    assert memory.get("b") is None


def test_one_thing_larger_than_the_limit_is_kept_until_the_next():
    memory: Memory[Thing] = Memory(100)
    memory.keep("a", Thing(500))
    assert memory.get("a") is not None
    memory.keep("b", Thing(1))
    assert memory.get("a") is None
    assert memory.bytes == 1


def test_the_room_is_a_share_of_what_the_machine_has():
    assert 2**24 < room(torch.device("cpu")) < 2**44


@pytest.mark.parametrize(("text", "part"), [(str(2**30), 2**27), ("max", None), ("9223372036854771712", None)])
def test_the_room_is_a_share_of_what_a_container_may_have(text, part, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "LIMITS", ())
    whole = room(torch.device("cpu"))
    (tmp_path / "memory.max").write_text(text + "\n")
    monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max", tmp_path / "absent"))
    assert room(torch.device("cpu")) == (part or whole)


@pytest.mark.parametrize(("free", "kept"), [(79, 10), (6, 1.5)])
def test_beside_a_large_model_less_is_kept(monkeypatch, free, kept):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * 2**30, 80 * 2**30))
    assert room(torch.device("cuda:1")) == kept * 2**30
