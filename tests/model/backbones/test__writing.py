"""Answers written in one batch against the stock network, which reads each of them alone, whole and without a cache."""

import dataclasses
import gc
import weakref

import numpy as np
import pytest
import torch

from model.backbones._cache import KeyValues
from model.backbones.llava import LlavaBackbone
from tests import tiny

QUESTIONS = [
    "Where?",
    "Where is the red cup?",
    "Show me all the fruit.",
    "What is here and there, and all of it?",
    "The lamp?",
]
COUNT = 12


@pytest.fixture(scope="module")
def backbone() -> LlavaBackbone:
    return tiny.talker().backbone


def picture(seed: int, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@dataclasses.dataclass
class Alone:
    ids: list[int]
    stop: str
    marks: torch.Tensor


def alone(backbone: LlavaBackbone, prompt: torch.Tensor, image: np.ndarray, count: int = COUNT) -> Alone:
    """Greedy, by the stock network on ever longer rows."""
    pixels = (backbone.prepare(image)[None] / 255 - backbone.mean) / backbone.std
    ids, marks, stop = [], [], "length"
    while len(ids) < count:
        whole = torch.cat([prompt, torch.tensor(ids, dtype=torch.int64)])[None]
        out = backbone.llava(input_ids=whole, pixel_values=pixels, output_hidden_states=True)
        token = int(out.logits[0, -1].argmax())
        if token == backbone.eos_id:
            stop = "end"
            break
        ids.append(token)
        if token in backbone.mark_ids:
            marks.append(torch.stack([states[0, -1] for states in out.hidden_states]))
    return Alone(ids, stop, torch.stack(marks) if marks else torch.zeros(0, backbone.depth + 1, backbone.state_size))


def same(made, one: Alone) -> None:
    assert (made.ids.tolist(), made.stop) == (one.ids, one.stop)
    torch.testing.assert_close(made.trace.marks, one.marks, atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def asked(backbone):
    """Rows of three pictures and questions of several lengths, one with talk before it, and each answered alone."""
    images = [picture(seed) for seed in range(3)]
    rows = [(image, [(question, None)]) for image in range(3) for question in QUESTIONS]
    rows.append((0, [("Where is the red cup?", "The red cup <SEG> is here."), ("And all the lamp?", None)]))
    with torch.no_grad():
        answers = [alone(backbone, backbone.encode_chat(talk).ids, images[image]) for image, talk in rows]
    return images, rows, answers


@torch.inference_mode()
def test_a_row_of_a_batch_answers_as_alone(backbone, asked):
    images, rows, answers = asked
    prefixes = [backbone.read(image) for image in images]
    made = backbone.generate([prefixes[image] for image, _ in rows], [talk for _, talk in rows], COUNT)
    for row, one in zip(made, answers, strict=True):
        same(row, one)
    for (image, _), row in zip(rows, made, strict=True):
        assert row.trace.image is prefixes[image].states
    # What was compared has all that could go wrong.
    ends = {len(one.ids) for one in answers if one.stop == "end"}
    assert len(ends) > 3
    assert "length" in {one.stop for one in answers}
    seg, rej = backbone.mark_ids
    assert {seg, rej} <= {token for one in answers for token in one.ids[:1]}
    assert any(len(one.marks) > 2 for one in answers) and not all(len(one.marks) for one in answers)
    assert [row.trace.rejected.tolist() for row in made] == [
        [token == rej for token in one.ids if token in (seg, rej)] for one in answers
    ]


@torch.inference_mode()
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_prefixes_of_several_lengths_go_together(backbone, attention):
    image = picture(4)
    chat = backbone.encode_chat([("Where is it?", None)])
    start, ask = chat.ids[: chat.prefix], chat.ids[chat.prefix :]
    more = torch.cat([start[:1], ask[:5], start[1:]])
    backbone.llava.set_attn_implementation(attention)
    try:
        prefixes = [backbone.prefill(ids, backbone.prepare(image), image.shape[:2]) for ids in (start, more)]
        made = backbone.complete([*prefixes, prefixes[1]], [ask, ask, torch.cat([ask, ask])], COUNT)
        for row, prompt in zip(made, (start, more, torch.cat([more, ask])), strict=True):
            same(row, alone(backbone, torch.cat([prompt, ask]), image))
    finally:
        backbone.llava.set_attn_implementation("sdpa")
    assert made[0].ids.tolist() != made[1].ids.tolist()


@torch.inference_mode()
def test_hidden_padding_of_pictures_of_several_shapes_goes_together(backbone):
    options = dataclasses.replace(backbone.options, padding="corner", hide_padding=True)
    made = LlavaBackbone(backbone.llava, backbone.tokenizer, options, lambda count: tuple(range(count))).eval()
    made.eos_id = backbone.eos_id
    prefixes = [made.read(picture(seed, size)) for seed, size in enumerate([(30, 60), (60, 20), (50, 50)])]
    talks = [[(question, None)] for question in QUESTIONS[:3]]
    together = made.generate(prefixes, talks, COUNT)
    for prefix, talk, row in zip(prefixes, talks, together, strict=True):
        (one,) = made.generate([prefix], [talk], COUNT)
        same(row, Alone(one.ids.tolist(), one.stop, one.trace.marks))


@torch.inference_mode()
def test_one_answer_is_cancelled_and_the_others_go_on(backbone, asked):
    images, rows, answers = asked
    long = [number for number, one in enumerate(answers) if len(one.ids) > 5][:4]
    texts: dict[int, list[str]] = {number: [] for number in range(4)}

    def told(number: int, text: str) -> bool:
        texts[number].append(text)
        return number != 1 or len(texts[1]) < 3

    prefixes = [backbone.read(images[rows[number][0]]) for number in long]
    made = backbone.generate(prefixes, [rows[number][1] for number in long], COUNT, told)
    assert (made[1].ids.tolist(), made[1].stop) == (answers[long[1]].ids[:3], "cancelled")
    for number in (0, 2, 3):
        same(made[number], answers[long[number]])
        assert len(texts[number]) == len(made[number].ids)
        assert texts[number][-1] == made[number].text
    assert len(texts[1]) == 3


@torch.inference_mode()
def test_nothing_to_ask_and_nothing_to_write(backbone):
    assert backbone.generate([], [], COUNT) == []
    prefix = backbone.read(picture(0))
    (made,) = backbone.generate([prefix], [[("Where?", None)]], 0)
    assert (made.ids.tolist(), made.stop, len(made.trace)) == ([], "length", 0)


@torch.inference_mode()
def test_a_later_turn_reads_only_what_is_new_and_answers_the_same(backbone, monkeypatch):
    image = picture(1)
    prefix = backbone.read(image)
    steps: list[int] = []
    step = backbone._step
    monkeypatch.setattr(backbone, "_step", lambda embeds, *rest: steps.append(embeds.shape[1]) or step(embeds, *rest))
    first = [("Where is the red cup?", None)]
    second = [("Where is the red cup?", "The red cup <SEG>."), ("Where?", None)]
    third = [*second[:1], ("Where?", "The lamp <REJ>."), ("All the fruit?", None)]
    others = [[("What is here and there, and all of it?", None)], [("The lamp?", None)]]
    for talk, after in zip((first, second, third), (None, first, second), strict=True):
        steps.clear()
        # Not alone: rows whose beginnings are known in part, and not at all.
        made, *_ = backbone.generate([prefix, prefix, dataclasses.replace(prefix, talk=None)], [talk, *others], COUNT)
        ids = backbone.encode_chat(talk).ids
        same(made, alone(backbone, ids, image))
        shared = 0
        if after is not None:
            earlier = backbone.encode_chat(after).ids
            differ = (earlier != ids[: len(earlier)]).nonzero()[:, 0].tolist()
            shared = [*differ, len(earlier)][0]
            assert shared > len(prefix.seen) + 5
        steps.clear()
        (again,) = backbone.generate([prefix], [talk], COUNT)
        assert steps[0] <= len(ids) - max(shared, len(prefix.seen))
        same(again, alone(backbone, ids, image))
        assert again.talk.ids.tolist()[: len(ids) - len(prefix.seen)] == ids[len(prefix.seen) :].tolist()
        assert again.talk.cache.length == len(again.talk.ids)
        prefix = dataclasses.replace(prefix, talk=again.talk)
    steps.clear()
    backbone.generate([prefix], [third], COUNT)
    assert steps[0] == 1  # asked again, all but the last token is known


@torch.inference_mode()
def test_the_batch_s_cache_goes_with_the_last_answer(backbone, monkeypatch):
    made: list[weakref.ref] = []
    laid = KeyValues.laid

    def watched(*args):
        cache = laid(*args)
        made.append(weakref.ref(cache))
        made.append(weakref.ref(cache.layers[0]))
        return cache

    monkeypatch.setattr(KeyValues, "laid", watched)
    prefix = backbone.read(picture(0))
    gc.disable()
    try:
        answers = backbone.generate([prefix] * 2, [[(question, None)] for question in QUESTIONS[:2]], COUNT)
        assert len(answers) == 2
        assert [ref() for ref in made] == [None, None]
    finally:
        gc.enable()
