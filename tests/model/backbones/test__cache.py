"""Keys and values in place, against plain concatenation."""

import torch

from model.backbones._cache import STEP, KeyValues, Layer, Part


def news(count: int, length: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, 2, length, 3, generator=made) for _ in range(2))


def held(length: int, seed: int, layers: int = 2) -> KeyValues:
    cache = KeyValues(layers, length)
    for index in range(layers):
        cache.update(*news(1, length, 10 * seed + index), index)
    return cache


def test_what_is_written_is_what_concatenation_gives_however_far_it_grows():
    layer, parts = Layer(5), [news(2, length, length) for length in (4, 1, 1, 70, 1)]
    for part in parts:
        keys, values = layer.update(*part)
    assert torch.equal(keys, torch.cat([part[0] for part in parts], dim=2))
    assert torch.equal(values, torch.cat([part[1] for part in parts], dim=2))
    assert layer.get_seq_length() == 77
    assert layer.get_mask_sizes(3) == (80, 0)


def test_a_token_is_written_where_it_stays_and_room_grows_in_steps():
    layer = Layer(5)
    places = set()
    for length in (4, *[1] * (STEP + 2)):
        keys, _ = layer.update(*news(1, length))
        places.add(keys.data_ptr())
    assert len(places) == 2  # moved once, when 5 positions were full
    assert layer.bytes == 2 * 4 * 2 * 3 * (5 + 1 + STEP)


def test_rows_begin_with_their_parts_right_aligned_and_zeros_before_them():
    one, two, three = held(4, 1), held(7, 2), held(3, 3)
    batch = KeyValues.laid([[Part(one, 4), Part(three, 2)], [Part(two, 7)]], 5)
    assert batch.length == 7
    for index in range(2):
        for name in ("keys", "values"):
            first, second, third = (getattr(cache.layers[index], name)[0] for cache in (one, two, three))
            rows = getattr(batch.layers[index], name)
            assert torch.equal(rows[0], torch.cat([torch.zeros(2, 1, 3), first, third[:, :2]], dim=1))
            assert torch.equal(rows[1], second)
    before = one.layers[0].keys.clone()
    batch.update(*news(2, 1), 0)
    batch.layers[0].keys.zero_()
    assert torch.equal(one.layers[0].keys, before)


def test_rows_are_let_go_and_copied_out_compactly():
    batch = KeyValues.laid([[Part(held(6, seed), 6)] for seed in (1, 2, 3)], 9)
    batch.keep(torch.tensor([2, 0]))
    assert torch.equal(batch.layers[1].keys[0], held(6, 3).layers[1].keys[0])
    some = batch.of_row(1, torch.tensor([0, 4, 5]))
    assert torch.equal(some.layers[0].values[0], held(6, 1).layers[0].values[0][:, [0, 4, 5]])
    assert some.bytes == 2 * 2 * (2 * 3 * 3) * 4  # layers, keys and values, heads * T * d, float32
    assert batch.bytes == 2 * 2 * 2 * (2 * 15 * 3) * 4
