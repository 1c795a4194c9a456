"""What is taken of the states, and the memory that it takes."""

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from model.backbones._watch import watch
from model.backbones.llava import LlavaBackbone
from tests import tiny


@pytest.fixture(scope="module")
def backbone() -> LlavaBackbone:
    return tiny.talker().backbone


def peak(work) -> int:
    """The most bytes that tensors held at once while ``work`` ran, beyond those from before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())])
    return int(held.max())


def test_the_peak_counts_what_is_held_at_once():
    def work() -> None:
        for _ in range(3):
            torch.zeros(1000, dtype=torch.float32)
        torch.zeros(500) + torch.zeros(500)

    assert peak(work) == 6000


@torch.inference_mode()
def test_the_trace_takes_no_more_memory_than_its_own_rows(backbone):
    """Image tokens, the last position of each row, and marks, at all layers: against the same without any layer."""
    none = LlavaBackbone(backbone.llava, backbone.tokenizer, backbone.options, lambda count: ()).eval()
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    talks = [[(question, None)] for question in ("Where?", "Where is the red cup?", "The lamp?")]

    def answer(model: LlavaBackbone, prefix) -> int:
        return sum(len(made.trace) for made in model.generate([prefix] * 3, talks, 12))

    row = len(backbone.layers) * backbone.state_size * 4
    more = peak(lambda: backbone.read(image)) - peak(lambda: none.read(image))
    assert 0 < more < 1.2 * 64 * row  # the tower itself takes more, before the states have room
    kept, bare = backbone.read(image), none.read(image)
    marks = answer(backbone, kept)
    assert marks == answer(none, bare) > 2
    more = peak(lambda: answer(backbone, kept)) - peak(lambda: answer(none, bare))
    assert 0.5 * len(talks) * row < more < 1.2 * (len(talks) + marks) * row


@torch.no_grad()
def test_a_teacher_forced_trace_takes_no_more_memory_than_its_own_rows(backbone):
    from tests.model.backbones.test_llava import TALKS, batch

    none = LlavaBackbone(backbone.llava, backbone.tokenizer, backbone.options, lambda count: ()).eval()
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    given = batch(backbone, [image] * 2, [TALKS, TALKS])
    traces = backbone(given).traces
    rows = sum(64 + len(trace) for trace in traces)
    own = rows * len(backbone.layers) * backbone.state_size * 4
    more = peak(lambda: backbone(given)) - peak(lambda: none(given))
    assert 0.5 * own < more < 1.2 * own


@pytest.mark.parametrize("rows", [slice(-1, None), slice(3, 9), torch.tensor([0, 5, 20, 21, 39])])
def test_rows_are_copied_or_gathered_as_the_network_makes_them(backbone, rows):
    model = backbone.llava.model.language_model
    embeds = torch.randn(2, 20, backbone.state_size, requires_grad=True)
    layers = tuple(range(backbone.depth + 1))
    with watch(model, layers, rows) as gathered:
        states = model(inputs_embeds=embeds, output_hidden_states=True, use_cache=False).hidden_states
    wanted = [s[:, rows] if isinstance(rows, slice) else s.reshape(40, -1)[rows] for s in states]
    for layer in layers:
        assert torch.equal(gathered[layer], wanted[layer])
    sum(gathered[layer].square().sum() for layer in layers).backward()
    assert embeds.grad is not None and float(embeds.grad.abs().sum()) > 0
    for dtype in (torch.float32, torch.bfloat16):  # a buffer of another type takes them, too
        into = torch.full((len(layers), *wanted[0].shape), float("nan"), dtype=dtype)
        with torch.no_grad(), watch(model, layers, rows, into) as copied:
            model(inputs_embeds=embeds, use_cache=False)
        assert torch.equal(into, torch.stack(wanted).to(dtype))
        assert all(copied[layer].data_ptr() == into[layer].data_ptr() for layer in layers)
