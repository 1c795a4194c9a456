"""Small trees of referring expressions: one picture of 4 x 6 pixels, three squares."""

import json
import pickle

import numpy as np
from PIL import Image

HIGH, WIDE = 4, 6
LEFT = [0, 0, 2, 0, 2, 2, 0, 2]  # corners XY: pixels of rows 0 and 1, columns 0 and 1
NEAR = [1, 1, 3, 1, 3, 3, 1, 3]  # rows and columns 1 and 2: shares one pixel with LEFT
FILE = "COCO_train2014_000000000001.jpg"
ANNOTATIONS = {11: [LEFT], 12: [NEAR], 13: [LEFT, NEAR]}


def pixels(*squares):
    """The mask of those squares, worked out from their corners."""
    mask = np.zeros((HIGH, WIDE), dtype=bool)
    for square in squares:
        mask[square[1] : square[5], square[0] : square[2]] = True
    return mask


def reference(ref_id=0, ann_id=11, said=("the left square",), split="val", image_id=1, **more):
    """A reference; a sentence is its text or its keys."""
    sentences = [{"sent": one} if isinstance(one, str) else one for one in said]
    return {
        "ref_id": ref_id,
        "ann_id": ann_id,
        "image_id": image_id,
        "split": split,
        "file_name": "COCO_train2014_000000000001_0.jpg",
        "sentences": [
            {"sent_id": 100 * ref_id + number, "raw": "", "tokens": [], **one} for number, one in enumerate(sentences)
        ],
        "category_id": 1,
        **more,
    }


def tree(
    root, refs, file="refcoco/refs(unc).p", annotations=ANNOTATIONS, image=None, folder="images/mscoco/images/train2014"
):
    """Write a tree; ``image`` changes keys of the one picture's entry."""
    place = root / "refer_seg" / file
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(refs, bytes):
        place.write_bytes(refs)
    elif place.suffix == ".json":
        place.write_text(json.dumps(refs))
    else:
        place.write_bytes(pickle.dumps(refs, protocol=2))
    entry = {"id": 1, "file_name": FILE, "height": HIGH, "width": WIDE, **(image or {})}
    made = [{"id": one, "image_id": 1, "segmentation": parts} for one, parts in annotations.items()]
    (place.parent / "instances.json").write_text(json.dumps({"images": [entry], "annotations": made}))
    pictures = root / "refer_seg" / folder
    pictures.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDE, HIGH), "red").save(pictures / FILE)
    return root


def asked(dataset):
    """Every query of a dataset by id."""
    return {query.id: query for _, queries in dataset for query in queries}
