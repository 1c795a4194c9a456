"""Every backbone with every segmenter, as downloaded, by the coordinates that the answer names."""

import json

import numpy as np
import pytest
import torch
from transformers import Sam2Model, Sam3TrackerModel

from model.convert import _sizes
from model.grounding import GroundingModel
from model.predictor import Predictor
from model.released import pair
from model.segmenters import sam, sam2, sam3_tracker
from tests import families, spoken
from tests.model.segmenters import test_sam2, test_sam3_tracker
from tests.model.segmenters.prompted import picture

SIZE = (40, 60)
SAM = sam.Options(64, 8, 32, 2, 2, 4, (1,), prompt_size=16, decoder_heads=2, decoder_mlp=32)
BOX = (15, 10, 45, 30)  # edges, in a picture of 60 x 40
# What a model of the family writes of it, by the frame of what it is shown: pixels, thousandths of the picture, and
# shares of what it is shown, padding included.
WRITTEN = {
    "qwen2_5_vl": lambda frame: placed(frame).tolist(),
    "qwen3_vl": lambda frame: [250, 250, 750, 750],
    "llava_next": lambda frame: (placed(frame) / np.tile(frame.target[::-1], 2)).tolist(),
}


def placed(frame):
    """The edges of the box in a frame."""
    return np.array(BOX) * np.tile(frame.scale, 2) + np.tile(frame.offset, 2)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Folders of all parts in the hub's format."""
    root = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    for family in WRITTEN:
        families.write_hub(root / family, family)
    Sam2Model(sam2.configured(test_sam2.TINY)).save_pretrained(root / "sam2")
    Sam3TrackerModel(sam3_tracker.configured(test_sam3_tracker.TINY)).save_pretrained(root / "sam3_tracker")
    torch.save(sam.Model(SAM).state_dict(), root / "sam.pth")
    return root


@pytest.mark.parametrize("segmenter", ["sam", "sam2", "sam3_tracker"])
@pytest.mark.parametrize("family", WRITTEN)
def test_what_a_model_writes_is_drawn(root, family, segmenter, monkeypatch):
    monkeypatch.setitem(_sizes.SAMS, (32, 2), SAM)
    drawer = (
        pair.Place("sam", root / "sam.pth") if segmenter == "sam" else pair.find(str(root / segmenter), "segmenter")
    )
    folder = pair.pair(pair.find(str(root / family), "backbone"), drawer, root / "checkpoints")
    model = GroundingModel.from_pretrained(folder)
    assert (model.config.backbone.family, model.config.segmenter.family) == (family, segmenter)
    assert model.backbone.mark_ids == (-1, -1)
    predictor = Predictor(model)
    predictor.set_image(picture(size=SIZE))
    box = WRITTEN[family](model.backbone.input_frame(SIZE))
    spoken.writes(model, json.dumps([{"bbox_2d": box, "label": "the cup"}]), "[]")
    (cup,), absent = predictor.ask("Where is the cup?").segments, predictor.ask("Where is the key?").segments
    edges = cup.evidence.prompts.boxes[0].tolist()
    assert edges == pytest.approx([edge - 0.5 for edge in BOX], abs=1e-2)  # an integer is the centre of a pixel
    with torch.no_grad():
        features = model.segmenter.encode(model.segmenter.prepare(picture(size=SIZE))[None], [SIZE])[0]
        low = model.segmenter.decode(features, cup.evidence.prompts).low
    assert np.array_equal(cup.mask, (model.segmenter.upscale(low, features)[0, 0] > 0).numpy())
    assert [one.rejected for one in absent] == [True] and cup.phrase == "the cup"


def test_a_picture_becomes_cells_enough_and_not_more(root):
    place = pair.find(str(root / "qwen3_vl"), "backbone")
    drawer = pair.find(str(root / "sam2"), "segmenter")
    options = pair.configured(place, drawer)[0].backbone.options
    assert options["max_pixels"] == pair.CELLS * 8**2 and options["seg"] is None and options["rej"] is None
    assert pair.configured(place, drawer)[0].channels == {"coordinates": {"frame": "thousandths"}}
    thinker = pair.Place("vision-reasoner-7b", place.path, {"wording": "vision_reasoner"})
    options = pair.configured(thinker, drawer)[0].backbone.options
    assert options["square"] == 840
