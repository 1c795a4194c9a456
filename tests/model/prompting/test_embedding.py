import torch

from data.geometry import Frame
from model.prompting.base import Evidence
from model.prompting.embedding import Channel, Options


def test_the_state_passes_two_layers():
    channel = Channel(Options(), 3, 2)
    first, second = channel.project[0], channel.project[2]
    states = torch.randn(4, 3)
    frame = Frame.identity((2, 2))
    made = channel(Evidence(states, torch.zeros(4, 2, 2), frame, frame, frame))
    hidden = (states @ first.weight.T + first.bias).clamp(min=0)
    assert made.embeddings.shape == (4, 1, 2)
    assert torch.allclose(made.embeddings[:, 0], hidden @ second.weight.T + second.bias, atol=1e-6)
    assert made.points is None and made.mask is None
    assert channel(Evidence(states[:0], torch.zeros(0, 2, 2), frame, frame, frame)).embeddings.shape == (0, 1, 2)
