"""What waits in main memory; the device is played by copies, which are told apart by where they lie."""

from itertools import chain

import pytest
import torch
from torch import nn

from model.offload import Offload
from tests import tiny


class Device:
    """Copies what is lent to it, and remembers the addresses."""

    def __init__(self):
        self.lent = []

    def __call__(self, tensor):
        copy = tensor.clone()
        self.lent.append(copy.data_ptr())
        return copy


def addresses(module):
    return [tensor.data_ptr() for tensor in chain(module.parameters(), module.buffers())]


def test_an_encoder_is_on_the_device_for_its_call_alone():
    encoder = tiny.model().segmenter.encoder
    pixels, home = torch.rand(1, 3, 64, 64), addresses(encoder)
    device, seen = Device(), []
    with torch.inference_mode():
        expected = encoder(pixels)
        offload = Offload(encoder, device)
        encoder.neck.register_forward_hook(lambda *_: seen.append(addresses(encoder)))
        assert torch.equal(encoder(pixels), expected)
        assert addresses(encoder) == home
        assert torch.equal(encoder(pixels), expected)
    assert seen[0] + seen[1] == device.lent, "all of it, once a call"
    assert not set(seen[0]) & set(home)
    offload.remove()
    encoder(pixels)
    assert len(device.lent) == 2 * len(home)


def test_a_call_that_fails_gives_back_what_was_lent():
    module, device = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), Device()
    home = addresses(module)
    Offload(module, device)
    with pytest.raises(RuntimeError):
        module(torch.zeros(1, 5))
    assert len(device.lent) == len(home) and addresses(module) == home


def test_a_device_that_is_full_half_way_keeps_nothing():
    module = nn.Linear(3, 3)
    home, count = addresses(module), iter(range(1))

    def full(tensor):
        if next(count, None) is None:
            raise torch.OutOfMemoryError("full")
        return tensor.clone()

    Offload(module, full)
    with pytest.raises(torch.OutOfMemoryError):
        module(torch.zeros(1, 3))
    assert addresses(module) == home


def test_what_is_saved_is_what_waits():
    module = nn.Linear(3, 3)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    Offload(module, Device())
    module(torch.zeros(1, 3))
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
