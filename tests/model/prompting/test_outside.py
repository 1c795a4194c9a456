"""A channel from a folder outside the package: one file, found by its name."""

import sys

import pytest
import torch

from model import prompting
from model.grounding import GroundingModel
from tests import tiny
from tests.model.test_grounding import SIZE, trace

CORNERS = '''
"""Corners: a box around the cells above a threshold."""

from dataclasses import dataclass

import torch

from model.prompting.base import ChannelBase, Evidence, SegPrompts


@dataclass(frozen=True)
class Options:
    """``above``: the threshold."""

    above: float = 0.5


class Channel(ChannelBase):
    """``(S, 4)`` boxes."""

    def forward(self, evidence: Evidence) -> SegPrompts:
        boxes = []
        for one in evidence.maps:
            rows, columns = (one >= self.options.above).nonzero(as_tuple=True)
            edges = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float() - 0.5
            boxes.append(evidence.frame.points_back(edges.view(2, 2)).flatten())
        return SegPrompts(boxes=torch.stack(boxes) if boxes else evidence.maps.new_zeros(0, 4))
'''


@pytest.fixture
def corners(tmp_path):
    (tmp_path / "corners.py").write_text(CORNERS)
    prompting.add(tmp_path)
    yield
    prompting.__path__.remove(str(tmp_path))
    sys.modules.pop("model.prompting.corners", None)


@pytest.mark.usefixtures("corners")
def test_a_channel_is_one_file_anywhere(tmp_path):
    assert "corners" in prompting.available()
    made = tiny.model(channels={"embedding": {}, "corners": {"above": 0.9}})
    grounding = made.ground(trace(made), SIZE)
    boxes = grounding.prompts.boxes
    assert boxes.shape == (3, 4) and (boxes[:, :2] < boxes[:, 2:]).all()
    made.save_pretrained(tmp_path / "model")
    again = GroundingModel.from_pretrained(tmp_path / "model")
    torch.manual_seed(0)
    assert again.ground(trace(again), SIZE).prompts.boxes.shape == (3, 4)
    with pytest.raises(ValueError, match="did you mean 'above'"):
        tiny.model(channels={"corners": {"abov": 1}})


def test_what_is_not_added_is_not_there():
    with pytest.raises(ValueError, match="no prompting channel 'corners'"):
        prompting.load("corners")
