"""What the tests of segmenters with a stock transformers model share: a picture, prompts of every kind, and what the
stock model's own forward makes of them."""

import numpy as np
import torch
from torch.nn import functional

from model.prompting.base import SegPrompts

SIZE = (30, 50)
PARTS = {
    "points": ("points", "labels"),
    "boxes": ("boxes",),
    "mask": ("mask",),
    "points and boxes": ("points", "labels", "boxes"),
    "all": ("points", "labels", "boxes", "mask"),
}


def picture(seed=0, size=SIZE):
    """``(H, W, 3)`` uint8."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def prompts(count, width, side, parts=None):
    """Prompts of ``count`` masks, of the fields ``parts`` or of all."""
    torch.manual_seed(1)
    corner = torch.rand(count, 2) * torch.tensor([25.0, 10.0])
    whole = SegPrompts(
        embeddings=torch.randn(count, 1, width),
        points=torch.rand(count, 3, 2) * torch.tensor([SIZE[1], SIZE[0]]),
        labels=torch.randint(-1, 2, (count, 3)),
        mask=torch.randn(count, 1, side, side),
        boxes=torch.cat([corner, corner + torch.tensor([15.0, 12.0])], dim=1),
    )
    return whole if parts is None else SegPrompts(**{name: getattr(whole, name) for name in parts})


def shaken(stock, seed=0):
    """The stock model with every number drawn anew: as it is built, many are 0, and none would show a part left out."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in stock.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return stock.eval()


def by_hand(stock, image, given, input_size, mean, std, multimask):
    """Low-resolution logits ``(S, M, h, w)`` and IoUs ``(S, M)`` of the stock forward, one mask at a time."""
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    resized = functional.interpolate(planes, size=(input_size, input_size), mode="bilinear", antialias=True)
    pixels = (resized / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    scale = torch.tensor([input_size / image.shape[1], input_size / image.shape[0]])

    def placed(xy):  # the stock model adds the half pixel of the input itself
        return (xy + 0.5) * scale - 0.5

    lows, ious = [], []
    count = next(len(t) for t in (given.points, given.boxes, given.mask) if t is not None)
    for row in range(count):
        more = {}
        if given.points is not None:
            more["input_points"] = placed(given.points[row])[None, None]
            more["input_labels"] = given.labels[row][None, None]
        if given.boxes is not None:
            more["input_boxes"] = placed(given.boxes[row].view(2, 2)).view(1, 1, 4)
        if given.mask is not None:
            more["input_masks"] = given.mask[row][None]
        with torch.no_grad():
            out = stock(pixel_values=pixels, multimask_output=multimask, **more)
        lows.append(out.pred_masks[0, 0])
        ious.append(out.iou_scores[0, 0])
    return torch.stack(lows), torch.stack(ious)
