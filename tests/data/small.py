"""A dataset of three small pictures that a test writes itself."""

import numpy as np
from PIL import Image

from data import masks
from data.datasets.base import Dataset, Picture, Query, Source
from data.sample import Target


def rle(height=4, width=6, row=1, column=2):
    mask = np.zeros((height, width), bool)
    mask[row, column] = True
    return masks.encode(mask)


def phrase(number, text, here=True, kind="phrase", **more):
    return Query(f"small/train/{number}", text, kind, (Target(text, rle() if here else None),), **more)


class Small(Dataset):
    """``count`` pictures of 4 x 6 pixels, all the same but for their first pixel; ``broken`` ones raise."""

    def __init__(self, folder, count=3, name="small", queries=None, broken=()):
        self.name, self.split, self.count, self.broken = name, "train", count, broken
        self.asked = queries or (lambda i: [phrase(f"{i}/0", "left cup"), phrase(f"{i}/1", "Red lamp", here=False)])
        self.folder = folder
        folder.mkdir(exist_ok=True, parents=True)
        for index in range(count):
            image = np.zeros((4, 6, 3), np.uint8)
            image[0, 0] = index
            Image.fromarray(image).save(folder / f"{index}.png")

    def __len__(self):
        return self.count

    def picture(self, index):
        return Picture(self.folder / f"{index}.png", f"{index}.png", (4, 6))

    def queries(self, index):
        if index in self.broken:
            raise ValueError(f"ann.json: annotation {index}: a polygon of 2 points is none")
        return self.asked(index)


def source(dataset):
    return Source(dataset.name, dataset.split, (), lambda: dataset)
