import numpy as np
import torch

from data import masks
from data.sample import Sample, Target, Turn
from model.backbones.base import Encoded
from train.batches import Item, bucketed, collate, length, make_item, moved


def chat(*tail: int) -> Encoded:
    ids = torch.tensor([7, 8, 8, *tail])
    return Encoded(ids, torch.where(ids > 20, ids, -100), prefix=3)


def test_conversations_share_the_prefix_and_count_on_from_it():
    image = np.zeros((4, 6, 3), np.uint8)
    item = make_item(image, [], lambda t: chat(), lambda i: torch.zeros(3, 2, 2), lambda i: torch.zeros(3, 5, 5))
    batch = collate([type(item)(item.mllm, item.sam, item.size, (chat(10, 21), chat(11, 12, 22)), item.masks)], pad=0)
    assert batch.chat.ids.tolist() == [[7, 8, 8, 10, 21, 11, 12, 22]]
    assert batch.chat.labels.tolist() == [[-100, -100, -100, -100, 21, -100, -100, 22]]
    assert batch.chat.positions.tolist() == [[0, 1, 2, 3, 4, 3, 4, 5]]
    assert batch.chat.block.tolist() == [[0, 0, 0, 1, 1, 2, 2, 2]]


def test_truth_is_in_the_order_of_the_marks_and_empty_where_absent():
    mask = np.zeros((4, 6), bool)
    mask[1, 2] = True
    here, gone = Target("the cup", masks.encode(mask)), Target("the lamp", None)
    turns = (Turn("?", "The lamp <REJ>, the cup <SEG>.", (gone, here), "mixed"),)
    sample = Sample("train-0", lambda: np.zeros((4, 6, 3), np.uint8), (4, 6), turns)
    item = make_item(sample.load(), [sample], lambda t: chat(21), lambda i: torch.zeros(3, 2, 2), lambda i: i)
    assert item.masks.shape == (2, 4, 6)
    assert item.masks.sum(dim=(1, 2)).tolist() == [0, 1] and bool(item.masks[1, 1, 2])


def test_shorter_rows_are_padded_out_of_every_block():
    image = torch.zeros(3, 2, 2)
    rows = [(chat(10, 21),), (chat(10, 11, 12, 22),)]
    made = [
        type("Item", (), {"mllm": image, "sam": image, "size": (2, 2), "chats": r, "masks": image, "void": None})
        for r in rows
    ]
    batch = collate(made, pad=5)
    assert batch.chat.ids[0].tolist() == [7, 8, 8, 10, 21, 5, 5]
    assert batch.chat.block[0].tolist() == [0, 0, 0, 1, 1, -1, -1]


def test_moving_keeps_shapes_and_structure():
    empty = torch.zeros(0, 2, 2)
    values = {"mllm": torch.zeros(3, 2, 2), "sam": torch.zeros(3, 2, 2), "size": (2, 2), "chats": (chat(21),)}
    batch = collate([type("Item", (), {**values, "masks": empty, "void": None})], pad=0)
    there = moved(batch, "meta")
    assert there.chat.ids.device.type == "meta" and there.masks[0].shape == (0, 2, 2)
    assert there.chat.sizes == [(2, 2)]


def test_void_pixels_stand_at_every_mark_of_their_sample_and_in_no_truth():
    mask, void = np.zeros((4, 6), bool), np.zeros((4, 6), bool)
    mask[1:3, 2], void[1, :] = True, True
    cup, lamp = Target("the cup", masks.encode(mask)), Target("the lamp", None)
    turns = (Turn("?", "The cup <SEG>, the lamp <REJ>.", (cup, lamp), "mixed"),)
    plain = Sample("train-0", lambda: np.zeros((4, 6, 3), np.uint8), (4, 6), turns[:1])
    left_out = Sample("train-1", plain.load, (4, 6), turns, void=masks.encode(void))
    item = make_item(plain.load(), [plain, left_out], lambda t: chat(21), lambda i: torch.zeros(3, 2, 2), lambda i: i)
    assert item.void.shape == (4, 4, 6)
    assert not item.void[:2].any() and (item.void[2:] == torch.from_numpy(void)).all()
    assert item.masks[0].sum() == 2 and item.masks[2].sum() == 1
    assert (
        make_item(plain.load(), [plain], lambda t: chat(21), lambda i: torch.zeros(3, 2, 2), lambda i: i).void is None
    )


def test_pictures_of_like_length_come_together_and_keep_their_order():
    picture, none = torch.zeros(3, 2, 2), torch.zeros(0, 2, 2)
    lengths = [7, 3, 9, 4, 8, 2]
    items = [Item(picture, picture, (2, 2), (chat(*range(10, 10 + n)),), none) for n in lengths]
    assert [length(item) for item in items] == [3 + n for n in lengths]
    found = [[length(item) - 3 for item in lot] for lot in bucketed(items, 3)]
    assert found == [[3, 2], [7, 4], [9, 8]]
    assert [len(lot) for lot in bucketed(items, 1)] == [6]


def test_items_name_their_samples():
    image = np.zeros((4, 6, 3), np.uint8)
    samples = [Sample(f"train-{n}", lambda: image, (4, 6), ()) for n in range(2)]
    item = make_item(image, samples, lambda t: chat(21), lambda i: picture_of(2), lambda i: picture_of(5))
    assert item.ids == ("train-0", "train-1")


def picture_of(side):
    return torch.zeros(3, side, side)
