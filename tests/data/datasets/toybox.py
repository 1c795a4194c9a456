"""Trees of toys: pictures of 40 x 30 with squares on them, right or wrong in one way."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

SQUARE = [5, 5, 15, 5, 15, 15, 5, 15]  # 100 pixels


class Toybox:
    """A tree in a folder, made a picture at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._records: dict[tuple[str, str], list[dict[str, object]]] = {}

    def add(self, name="toys", split="train", image=None, size=(30, 40), polygons=((SQUARE),), text="square", id=None):
        """One picture with one query; ``polygons`` None asks for what is not there."""
        records = self._records.setdefault((name, split), [])
        number = len(records)
        image = image or f"images/{name.replace('/', '-')}-{split}-{number}.png"
        file = self.root / image
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            shade = sum(len(found) for found in self._records.values())
            Image.fromarray(np.full((30, 40, 3), shade, dtype=np.uint8)).save(file)
        query = {
            "id": id or f"{name}/{split}/{number}",
            "text": text,
            "polygons": None if polygons is None else [list(p) for p in polygons],
        }
        records.append({"image": image, "size": list(size), "queries": [query]})
        path = self.root / "toys" / name / f"{split}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(records))
        return file
