"""The backbone against the stock LLaVA's own forward, and against itself: packed, cached, uncached."""

import dataclasses
import re

import numpy as np
import pytest
import torch

from model.backbones.base import ChatBatch, ChatOutput
from model.backbones.llava import CLIP_MEAN, LlavaBackbone
from tests import tiny
from train.batches import Item, collate

SIZE = (40, 60)
TALKS = [
    [("Where is the red cup?", "The red cup <SEG> is here.")],
    [("Show me all the fruit.", "The lamp <REJ> is not here."), ("The red cup?", "The red <SEG><SEG> cup <REJ>.")],
    [("What?", "No.")],
]


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def backbone() -> LlavaBackbone:
    """All layers are candidates; weights large enough for it to write many different tokens."""
    made = tiny.model(seed=1).backbone
    with torch.no_grad():
        for name, parameter in made.llava.model.language_model.layers.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(500 if "o_proj" in name or "down_proj" in name else 16)
    return LlavaBackbone(made.llava, made.tokenizer, made.options, lambda count: tuple(range(count))).eval()


def batch(backbone: LlavaBackbone, images: list[np.ndarray], talks: list[list]) -> ChatBatch:
    items = [
        Item(
            backbone.prepare(i), torch.zeros(3, 2, 2), i.shape[:2], tuple(map(backbone.encode_chat, t)), torch.zeros(0)
        )
        for i, t in zip(images, talks, strict=True)
    ]
    return collate(items, backbone.pad_id).chat


def stock(backbone: LlavaBackbone, ids: torch.Tensor, image: np.ndarray):
    """The stock network on one row of ids, nothing of ours but the picture's preparation."""
    pixels = (backbone.prepare(image)[None] / 255 - backbone.mean) / backbone.std
    return backbone.llava(input_ids=ids[None], pixel_values=pixels, output_hidden_states=True)


def same(mine: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_logits_and_traces_are_the_stock_networks(backbone):
    image, talk = picture(), TALKS[1]
    chat = backbone.encode_chat(talk)
    out = backbone(batch(backbone, [image], [[talk]]))
    reference = stock(backbone, chat.ids, image)
    learned = (chat.labels != -100).nonzero()[:, 0]
    same(out.logits, reference.logits[0, learned - 1])
    assert out.targets.tolist() == chat.ids[learned].tolist()
    marks = torch.isin(chat.labels, torch.tensor(backbone.mark_ids)).nonzero()[:, 0]
    trace = out.traces[0]
    assert trace.rejected.tolist() == [True, False, False, True]
    for position, layer in enumerate(backbone.layers):
        states = reference.hidden_states[layer][0]
        same(trace.marks[:, position], states[marks - 1])
        same(trace.image[position], states[chat.ids == backbone.image_id])


@torch.no_grad()
def test_packed_conversations_do_not_see_one_another(backbone):
    images = [picture(0), picture(1)]
    packed = backbone(batch(backbone, images, [TALKS, TALKS[:1]]))
    rows = [(i, talk) for i, talks in zip(images, [TALKS, TALKS[:1]], strict=True) for talk in talks]
    alone = [backbone(batch(backbone, [image], [[talk]])) for image, talk in rows]
    same(packed.logits, torch.cat([out.logits for out in alone]))
    assert packed.targets.tolist() == torch.cat([out.targets for out in alone]).tolist()
    same(packed.traces[0].marks, torch.cat([out.traces[0].marks for out in alone[:3]]))
    same(packed.traces[0].image, alone[0].traces[0].image)
    same(packed.traces[1].marks, alone[3].traces[0].marks)


def test_gradients_reach_every_part_and_padding_gives_no_nan(backbone):
    out: ChatOutput = backbone(batch(backbone, [picture(0), picture(1)], [TALKS, TALKS[2:]]))
    assert out.logits.isfinite().all()
    assert len(out.traces[1]) == 0
    loss = out.logits.logsumexp(-1).mean() + out.traces[0].marks.sum() + out.traces[0].image.square().sum()
    loss.backward()
    for part in (backbone.tower, backbone.llava.model.multi_modal_projector, backbone.llava.model.language_model):
        grads = [p.grad for p in part.parameters() if p.grad is not None]
        assert all(g.isfinite().all() for g in grads)
        assert sum(float(g.abs().sum()) for g in grads) > 0
    backbone.zero_grad(set_to_none=True)


def test_seen_patches_are_what_the_projector_of_the_stock_network_reads(backbone):
    prepared = torch.stack([backbone.prepare(picture(2)), backbone.prepare(picture(3, (90, 30)))])
    pixels = (prepared / 255 - backbone.mean) / backbone.std
    with torch.no_grad():
        mine = backbone.llava.model.multi_modal_projector(backbone.see(prepared, [SIZE] * len(prepared)))
        theirs = backbone.llava.get_image_features(pixel_values=pixels).pooler_output
    same(mine, torch.stack(list(theirs)))


def test_a_letterboxed_picture_has_the_mean_colour_in_its_padding(backbone):
    image = np.full((20, 40, 3), 255, np.uint8)
    prepared = backbone.prepare(image)
    assert prepared.shape == (3, 64, 64)
    assert prepared.dtype == torch.uint8
    assert prepared[:, 0, 0].tolist() == [round(255 * value) for value in CLIP_MEAN]
    assert prepared[:, 32, 32].tolist() == [255, 255, 255]
    assert backbone.frame((20, 40)).valid_mask().sum(dim=1).tolist() == [0, 0, 8, 8, 8, 8, 0, 0]


def varied(backbone: LlavaBackbone, talk: list, count: int = 12) -> np.ndarray:
    """A picture of which an untrained model says more than one word over and over."""
    for image in map(picture, range(50)):
        if len(set(backbone.generate([backbone.read(image)], [talk], count)[0].ids.tolist())) > 6:
            return image
    raise AssertionError("no picture makes the model say different words")


def generated_with_marks(backbone: LlavaBackbone, talk: list, image: np.ndarray, count: int = 12):
    """An untrained model writes no marks: take what it writes first, and last, for marks."""
    prefix = backbone.read(image)
    ids = backbone.generate([prefix], [talk], count)[0].ids.tolist()
    before, backbone.mark_ids = backbone.mark_ids, (ids[0], ids[-1] if ids[-1] != ids[0] else ids[len(ids) // 2])
    try:
        return ids, backbone.generate([prefix], [talk], count)[0]
    finally:
        backbone.mark_ids = before


@torch.inference_mode()
@pytest.mark.parametrize("talk", [[("Where is the red cup?", None)], [*TALKS[1], ("And the lamp?", None)]])
def test_cached_generation_equals_the_stock_network_without_a_cache(backbone, talk):
    image = varied(backbone, talk)
    ids, made = generated_with_marks(backbone, talk, image)
    assert made.ids.tolist() == ids
    prompt = backbone.encode_chat(talk).ids
    for step, token in enumerate(ids):
        reference = stock(backbone, torch.cat([prompt, torch.tensor(ids[:step], dtype=torch.int64)]), image)
        assert int(reference.logits[0, -1].argmax()) == token
    whole = stock(backbone, torch.cat([prompt, made.ids]), image).hidden_states
    marks = {ids[0], ids[-1] if ids[-1] != ids[0] else ids[len(ids) // 2]}
    places = torch.tensor([len(prompt) + i - 1 for i, token in enumerate(ids) if token in marks])
    second = ids[-1] if ids[-1] != ids[0] else ids[len(ids) // 2]
    assert made.trace.rejected.tolist() == [token == second for token in ids if token in marks]
    assert places[0] == len(prompt) - 1  # a first token is predicted at the last prompt position
    for position, layer in enumerate(backbone.layers):
        same(made.trace.marks[:, position], whole[layer][0, places])
        same(made.trace.image[position], whole[layer][0, : len(prompt)][prompt == backbone.image_id])


@torch.inference_mode()
def test_a_question_leaves_the_prefix_as_it_was(backbone):
    prefix = backbone.read(picture(6))
    before = [(layer.keys.clone(), layer.values.clone()) for layer in prefix.cache.layers]
    first = backbone.generate([prefix], [[("Where is the red cup?", None)]], 8)[0]
    backbone.generate([prefix], [[("Show me all the fruit.", None)]], 8)[0]
    for layer, (keys, values) in zip(prefix.cache.layers, before, strict=True):
        assert torch.equal(layer.keys, keys)
        assert torch.equal(layer.values, values)
    again = backbone.generate([prefix], [[("Where is the red cup?", None)]], 8)[0]
    assert again.ids.tolist() == first.ids.tolist()


@torch.inference_mode()
def test_generation_stops_at_the_end_at_the_limit_and_when_told(backbone, monkeypatch):
    prefix, talk = backbone.read(picture(7)), [("Where is the red cup?", None)]
    whole = backbone.generate([prefix], [talk], 6)[0]
    assert (len(whole.ids), whole.stop) == (6, "length")
    seen: list[str] = []
    cut = backbone.generate([prefix], [talk], 6, lambda _, text: seen.append(text) or len(seen) < 3)[0]
    assert (cut.ids.tolist(), cut.stop, seen[-1]) == (whole.ids[:3].tolist(), "cancelled", cut.text)
    last = int(whole.ids[-1])
    monkeypatch.setattr(backbone, "eos_id", last)
    ended = backbone.generate([prefix], [talk], 6)[0]
    assert ended.stop == "end"
    assert ended.ids.tolist() == whole.ids[: whole.ids.tolist().index(last)].tolist()


def test_adapters_go_to_the_language_model_alone(backbone):
    chosen = [n for n, m in backbone.named_modules() if re.fullmatch(backbone.lora_targets(), n)]
    assert len(chosen) == 7 * 2
    assert all("language_model" in name for name in chosen)


@pytest.fixture
def convolutional() -> LlavaBackbone:
    vision = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 1]}
    vision |= {"layer_type": "basic", "hidden_size": 32, "patch_size": 8, "image_size": 64}
    values = tiny.config().backbone.options
    return tiny.model(backbone={"family": "llava", "options": {**values, "vision": vision}}).backbone


@torch.no_grad()
def test_a_convolutional_tower_gives_its_patches_row_by_row(convolutional):
    plain = np.full((64, 64, 3), 122, dtype=np.uint8)
    spot = plain.copy()
    spot[8:16, 40:48] = 255  # row 1, column 5
    seen = convolutional.see(torch.stack([convolutional.prepare(image) for image in (plain, spot)]), [(64, 64)] * 2)
    assert seen.shape == (2, 64, 32)
    change = (seen[1] - seen[0]).abs().sum(dim=-1).view(8, 8)
    change = change / change.sum()
    row, column = (change.sum(dim=1) @ torch.arange(8.0)), (change.sum(dim=0) @ torch.arange(8.0))
    assert abs(float(row) - 1) < 1.5 and abs(float(column) - 5) < 1.5


def test_a_tower_that_does_not_learn_keeps_its_batch_norms(convolutional):
    def means() -> torch.Tensor:
        return torch.cat([v.flatten() for n, v in convolutional.tower.named_buffers() if n.endswith("running_mean")])

    prepared = torch.stack([convolutional.prepare(picture(seed)) for seed in (1, 2)])
    before = means().clone()
    convolutional.tower.requires_grad_(False)
    convolutional.train().see(prepared, [(64, 64)] * len(prepared))
    assert torch.equal(means(), before)
    convolutional.tower.requires_grad_(True)
    convolutional.train().see(prepared, [(64, 64)] * len(prepared))
    assert not torch.equal(means(), before)


def test_half_precision_is_for_parameters_alone(convolutional, tmp_path):
    convolutional.tower.embedder.embedder.normalization.running_mean.fill_(1 / 3)
    convolutional.save(tmp_path, torch.bfloat16)
    read = type(convolutional.llava).from_pretrained(tmp_path, dtype=torch.float32)
    tower = read.model.vision_tower.embedder.embedder
    assert float(tower.normalization.running_mean[0]) == pytest.approx(1 / 3, abs=1e-7)
    weight = convolutional.tower.embedder.embedder.convolution.weight
    assert torch.equal(tower.convolution.weight, weight.bfloat16().float())


@pytest.fixture
def cornered(backbone) -> LlavaBackbone:
    """Pictures in the corner, their padding hidden from both networks; attention by plain products."""
    options = dataclasses.replace(backbone.options, padding="corner", hide_padding=True)
    made = LlavaBackbone(backbone.llava, backbone.tokenizer, options, lambda count: tuple(range(count))).eval()
    yield made
    made.llava.set_attn_implementation("sdpa")


@torch.inference_mode()
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_hidden_padding_is_seen_by_nobody(cornered, attention):
    cornered.llava.set_attn_implementation(attention)
    image = picture(3, (30, 60))  # 4 rows of 8 patches show the picture
    assert cornered._shown([image.shape[:2]]).sum() == 32
    first = batch(cornered, [image], [[TALKS[0]]])
    one = cornered(first)
    first.prepared[0, :, 40:] = 255  # the padding's own pixels
    two = cornered(first)
    same(one.logits, two.logits)
    # Nor do the padded patches' states matter, whatever they are.
    embed = cornered._embed

    def spoiled(ids, prepared, sizes):
        made = embed(ids, prepared, sizes)
        hidden = torch.zeros_like(ids, dtype=torch.bool)
        hidden[ids == cornered.image_id] = ~cornered._shown(sizes).flatten()
        return made.masked_fill(hidden[..., None], 3.0)

    cornered._embed = spoiled
    same(cornered(first).logits, one.logits)
    del cornered._embed
    plain = LlavaBackbone(
        cornered.llava,
        cornered.tokenizer,
        dataclasses.replace(cornered.options, hide_padding=False),
        lambda n: (n - 1,),
    ).eval()
    assert (plain(first).logits - one.logits).abs().max() > 1e-2


@torch.inference_mode()
def test_hidden_padding_stays_hidden_while_an_answer_is_written(cornered):
    """The trace of a generated answer is that of the same answer given."""
    image, asked = picture(5, (30, 60)), [("Where is the red cup?", None)]
    ids, made = generated_with_marks(cornered, asked, image)
    prompt = cornered.encode_chat(asked).ids
    whole = torch.cat([prompt, made.ids])
    given = ChatBatch(
        cornered.prepare(image)[None],
        [image.shape[:2]],
        whole[None],
        torch.where(torch.arange(len(whole)) < len(prompt), -100, whole)[None],
        torch.arange(len(whole))[None],
        torch.zeros(1, len(whole), dtype=torch.int64),
    )
    cornered.mark_ids = (ids[0], ids[-1] if ids[-1] != ids[0] else ids[len(ids) // 2])
    read = cornered(given)
    assert read.logits.argmax(dim=-1).tolist() == ids
    same(read.traces[0].marks, made.trace.marks)
    same(read.traces[0].image, made.trace.image)


def test_pictures_come_in_as_the_settings_say(backbone):
    image = np.random.default_rng(1).integers(0, 256, (30, 60, 3), dtype=np.uint8)
    frames = {}
    for padding in ("letterbox", "corner", "centre_crop", "stretch"):
        options = dataclasses.replace(backbone.options, padding=padding, resample="bicubic")
        made = LlavaBackbone(backbone.llava, backbone.tokenizer, options, lambda n: (n - 1,))
        frames[padding] = made.input_frame((30, 60)).window
        assert made.prepare(image).shape == (3, 64, 64)
    assert frames == {
        "letterbox": (0, 16, 64, 48),
        "corner": (0, 0, 64, 32),
        "centre_crop": (0, 0, 64, 64),
        "stretch": (0, 0, 64, 64),
    }


@torch.inference_mode()
def test_the_next_tokens_can_be_picked_and_are_never_an_image(backbone):
    prefix, talk = backbone.read(picture(7)), [("Where is the red cup?", None)]
    seen = []

    def second(logits):
        seen.append(logits.clone())
        return logits.topk(2, dim=-1).indices[:, 1]

    made = backbone.generate([prefix], [talk], 4, pick=second)[0]
    greedy = backbone.generate([prefix], [talk], 4)[0]
    assert made.ids.tolist() == [int(logits[0].topk(2).indices[1]) for logits in seen[: len(made.ids)]]
    assert int(seen[0][0].argmax()) == int(greedy.ids[0]) != int(made.ids[0])
    assert all(float(logits[0, backbone.image_id]) == -torch.inf for logits in seen)
