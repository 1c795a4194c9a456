"""What becomes of questions when memory is full, or a device is lost."""

from pathlib import Path

import pytest
import torch

import app.engine
from app.engine import ALONE, FLED, FORGOTTEN, Engine
from model.placement import Placement
from model.predictor import Predictor
from tests.app.pictures import picture
from tests.app.puppet import Puppet, lined_up


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_full_memory_forgets_then_asks_one_by_one_and_says_so(engine_of, error):
    def rule(questions):
        if len(questions) > 1:
            raise error

    puppet = Puppet(rule)
    engine = engine_of(puppet)
    first, *rest = lined_up(puppet, engine, *[lambda: engine.ask(picture(), "?", [])] * 3)
    assert first.notes == () and [answer.notes for answer in rest] == [(FORGOTTEN, ALONE)] * 2
    assert puppet.lots == [["?"], ["?", "?"], ["?", "?"], ["?"], ["?"]]
    assert engine.ask(picture(), "?", []).notes == ()


def test_full_memory_of_a_device_flees_to_the_cpu_and_comes_back(engine_of, monkeypatch):
    places = []

    def rule(questions):
        if puppet.model.device.type == "cuda" and questions == ["large"]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def place(placement):
        places.append(placement.device)
        puppet.model.device = torch.device(placement.device)

    puppet = Puppet(rule)
    puppet.model.device, puppet.model.place = torch.device("cuda"), place
    engine = engine_of(puppet, Placement(device="cuda"))
    assert engine.ask(picture(), "large", []).notes == (FORGOTTEN, FLED)
    assert engine.ask(picture(), "small", []).notes == (FLED,)
    assert engine.device == "cpu"
    monkeypatch.setattr(app.engine, "RETURN", 0.0)
    assert engine.ask(picture(), "small", []).notes == ()
    assert engine.device == "cuda" and places == ["cpu", "cuda"]


def test_full_memory_without_a_way_out_is_one_plain_line(engine_of):
    def rule(questions):
        if questions == ["large"]:
            raise MemoryError

    engine = engine_of(Puppet(rule))
    with pytest.raises(ValueError, match="memory is full"):
        engine.ask(picture(), "large", [])
    assert engine.ask(picture(), "small", []).notes == ()


def test_a_lost_device_has_the_model_read_again(monkeypatch):
    made = []

    def broken(questions):
        raise RuntimeError("CUDA error: device-side assert triggered")

    def read(folder, placement, layer):
        made.append(placement.device)
        puppet = Puppet(broken if len(made) == 1 else None)
        puppet.model.device = torch.device("meta" if len(made) == 1 else "cpu")  # computes nothing, as a lost one
        return puppet

    monkeypatch.setattr(Predictor, "from_pretrained", read)
    engine = Engine(Path("puppet"), Placement(device="cuda"))
    with pytest.raises(ValueError, match="failed"):
        engine.ask(picture(), "?", [])
    assert engine.ask(picture(), "?", []).stop == "end"
    assert made == ["cuda", "cpu"]
