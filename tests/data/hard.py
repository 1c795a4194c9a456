"""Masks that are hard to draw from their outlines."""

import numpy as np


def noise(seed, share, size=(37, 53)):
    return np.random.default_rng(seed).random(size) < share


def ring():
    mask = np.zeros((12, 14), dtype=bool)
    mask[1:11, 2:13] = True
    mask[3:9, 4:11] = False
    mask[5:7, 6:9] = True  # an island in the hole
    return mask


MASKS = {
    "all": np.ones((5, 7), dtype=bool),
    "pixel": np.eye(1, dtype=bool),
    "corner": np.pad(np.ones((1, 1), dtype=bool), ((0, 4), (6, 0))),
    "line": np.pad(np.ones((1, 5), dtype=bool), 2),
    "steps": np.eye(6, dtype=bool),
    "ring": ring(),
    "sparse": noise(0, 0.2),
    "half": noise(1, 0.5),
    "dense": noise(2, 0.8),
    "two holes above each other": np.kron([[1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 1], [1, 1, 1]], np.ones((3, 3))) > 0,
    "one hole": np.pad(np.zeros((1, 1), dtype=bool), 1, constant_values=True),
    "frame": np.pad(np.zeros((9, 11), dtype=bool), 1, constant_values=True),
    "column": np.pad(np.ones((9, 1), dtype=bool), ((0, 0), (3, 3))),
    "touching corners": np.kron(np.eye(4), np.ones((3, 3))) > 0,
    "hole that touches the outside at a corner": np.array([[0, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]) > 0,
}
