"""The other families of backbones at the smallest sizes, for whole models and alone."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerBase

from model.backbones.base import ChatBatch
from model.grounding import GroundingModel
from model.tokens import train_tokenizer
from tests import tiny
from train.batches import Item, collate

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": False,
}
SIGHT = {"hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "patch_size": 4, "spatial_merge_size": 2}
PIXELS = {"min_pixels": 4 * 64, "max_pixels": 48 * 64}  # 4 to 48 cells of 8 x 8
OPTIONS = {
    "qwen2_5_vl": {
        **PIXELS,
        "vision": {**SIGHT, "depth": 2, "window_size": 16, "fullatt_block_indexes": [1]},
        "text": {**TEXT, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}},
    },
    "qwen3_vl": {
        **PIXELS,
        "vision": {**SIGHT, "depth": 3, "num_position_embeddings": 64, "deepstack_visual_indexes": [0, 1]},
        "text": {
            **TEXT,
            "head_dim": 16,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "mrope_section": [4, 2, 2],
                "mrope_interleaved": True,
            },
        },
    },
    "llava_next": {
        "input_size": 32,
        "pinpoints": [[32, 64], [64, 32], [64, 64], [96, 32], [32, 96]],
        "feature_layer": -2,
        "vision": {
            "model_type": "clip_vision_model",
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "projection_dim": 32,
        },
        "text": {"model_type": "llama", **TEXT},
    },
}
CHATML = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|endoftext|>"]
SHAPES = [(40, 60), (30, 90), (90, 30)]
TALKS = [
    [("Where is the red cup?", "The red cup <SEG> is here.")],
    [("Show me all the fruit.", "The lamp <REJ> is not here."), ("The red cup?", "The red <SEG><SEG> cup <REJ>.")],
    [("What?", "No.")],
]


def part(family: str, **changes: object) -> dict[str, object]:
    """A backbone as a configuration names it."""
    return {"family": family, "options": {**OPTIONS[family], **changes}}


def model(family: str, seed: int = 0, **changes: object) -> GroundingModel:
    """A model of random weights with a backbone of the family, all layers its candidates; the weights are large enough
    for it to write many different tokens."""
    made = tiny.model(seed, **{"backbone": part(family), "layer": {"policy": "soft"}, **changes})
    with torch.no_grad():
        for name, parameter in made.backbone.network.model.language_model.layers.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(100 if "o_proj" in name or "down_proj" in name else 8)
    return made


def picture(seed: int = 0, size: tuple[int, int] = SHAPES[0]) -> np.ndarray:
    """Noise, coarse enough to outlast resizing."""
    made = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    rows, columns = (np.arange(side) * 6 // side for side in size)
    return made[rows][:, columns]


def batch(backbone, images: Sequence[np.ndarray], talks: Sequence[Sequence]) -> ChatBatch:
    """Pictures with conversations about each, packed as training does."""
    items = [
        Item(
            backbone.prepare(i), torch.zeros(3, 2, 2), i.shape[:2], tuple(map(backbone.encode_chat, t)), torch.zeros(0)
        )
        for i, t in zip(images, talks, strict=True)
    ]
    return collate(items, backbone.pad_id).chat


def spread(backbone, ids: torch.Tensor, count: int) -> torch.Tensor:
    """Ids with ``count`` placeholders in place of one."""
    return torch.cat([torch.full((count,), token) if token == backbone.image_id else token[None] for token in ids])


def same(mine: torch.Tensor, theirs: torch.Tensor) -> None:
    """Equal but for the order of sums, by the size of the numbers."""
    scale = max(1.0, float(theirs.abs().max())) if theirs.numel() else 1.0
    torch.testing.assert_close(mine / scale, theirs / scale, atol=2e-5, rtol=1e-4)


def spoken(backbone, asked: Sequence, size: tuple[int, int], count: int = 10):
    """A picture of which the model says several plain words, the ids, the same answer with two of its words for marks,
    and these: it writes no marks by itself."""
    for seed in range(50):
        image = picture(seed, size)
        prefix = backbone.read(image)
        ids = backbone.generate([prefix], [asked], count)[0].ids.tolist()
        if len(set(ids)) > 3 and not {backbone.image_id, *backbone.mark_ids} & set(ids):
            break
    before, backbone.mark_ids = backbone.mark_ids, (ids[0], next(token for token in ids if token != ids[0]))
    try:
        return image, ids, backbone.generate([prefix], [asked], count)[0], backbone.mark_ids
    finally:
        backbone.mark_ids = before


def marking(
    family: str, asked: Sequence, size: tuple[int, int], **changes: object
) -> tuple[GroundingModel, np.ndarray]:
    """A model that writes marks about a picture: two of the words that it likes give their places to them."""
    made = model(family, **changes)
    image, _, _, words = spoken(made.backbone, asked, size)
    network = made.backbone.network
    with torch.no_grad():
        for word, mark in zip(words, made.backbone.mark_ids, strict=True):
            for weight in (network.lm_head.weight, network.get_input_embeddings().weight):
                weight[[word, mark]] = weight[[mark, word]]
    return made, image


Stock = Callable[[torch.Tensor, np.ndarray], tuple[torch.Tensor, list[torch.Tensor]]]


@torch.no_grad()
def check_teacher_forcing(backbone, stock: Stock) -> None:
    """Logits and traces of packed conversations are those of the stock network, which reads each alone."""
    images, talks = [picture(n, size) for n, size in enumerate(SHAPES)], [TALKS, TALKS[:1], TALKS[1:]]
    out = backbone(batch(backbone, images, talks))
    logits, first = [], 0
    for trace, image, lot in zip(out.traces, images, talks, strict=True):
        marks = []
        for talk in lot:
            chat = backbone.encode_chat(talk)
            more = backbone.tokens(image.shape[:2]) - 1
            ids = spread(backbone, chat.ids, more + 1)
            theirs, states = stock(ids, image)
            learned = (chat.labels != -100).nonzero()[:, 0]
            logits.append(theirs[learned + more - 1])
            assert out.targets[first : first + len(learned)].tolist() == chat.ids[learned].tolist()
            first += len(learned)
            where = torch.isin(chat.labels, torch.tensor(backbone.mark_ids)).nonzero()[:, 0] + more
            marks.append(torch.stack([state[where - 1] for state in states], dim=1))
            seen = (ids == backbone.image_id).nonzero()[:, 0][backbone._placed(image.shape[:2])]
            same(trace.image, torch.stack([state[seen] for state in states]))
        same(trace.marks, torch.cat(marks))
        assert trace.image.shape[1] == trace.grid[0] * trace.grid[1] and trace.grid == trace.frame.target
    same(out.logits, torch.cat(logits))


@torch.inference_mode()
def check_generation(backbone, stock: Stock, size: tuple[int, int]) -> None:
    """A cached answer, the stock network without a cache, and the same answer given all agree."""
    asked = [*TALKS[1], ("And the lamp?", None)]
    image, ids, made, marks = spoken(backbone, asked, size)
    assert made.ids.tolist() == ids
    chat = backbone.encode_chat(asked)
    prompt = spread(backbone, chat.ids, backbone.tokens(size))
    for step, token in enumerate(ids):
        logits, states = stock(torch.cat([prompt, torch.tensor(ids[:step], dtype=torch.int64)]), image)
        assert int(logits[-1].argmax()) == token
    places = torch.tensor([len(prompt) + i - 1 for i, token in enumerate(ids) if token in marks])
    _, states = stock(torch.cat([prompt, made.ids]), image)
    same(made.trace.marks, torch.stack([state[places] for state in states], dim=1))
    assert made.trace.rejected.tolist() == [token == marks[1] for token in ids if token in marks]
    whole, length = torch.cat([chat.ids, made.ids]), len(chat.ids)
    given = ChatBatch(
        backbone.prepare(image)[None],
        [size],
        whole[None],
        torch.where(torch.arange(len(whole)) < length, -100, whole)[None],
        torch.arange(len(whole))[None],
        torch.zeros(1, len(whole), dtype=torch.int64),
    )
    before, backbone.mark_ids = backbone.mark_ids, marks
    try:
        read = backbone(given)
        (again,) = backbone.generate([backbone.read(image)], [asked], len(ids))
        said = torch.cat([again.asked, again.ids[: ids.index(marks[1])]])
        reread = backbone.reread(image, said)
    finally:
        backbone.mark_ids = before
    assert read.logits.argmax(dim=-1).tolist() == ids
    same(read.traces[0].marks, made.trace.marks)
    same(read.traces[0].image, made.trace.image)
    same(reread.marks[0], made.trace.marks[ids[: ids.index(marks[1])].count(marks[0])])
    same(reread.image, made.trace.image)


@torch.inference_mode()
def check_batches(backbone) -> None:
    """Answers about pictures of several shapes are the same together as alone, and so after an earlier turn."""
    images = [picture(n, size) for n, size in enumerate(SHAPES)]
    prefixes = [backbone.read(image) for image in images]
    rows = [(n, [(question, None)]) for n in range(3) for question in ("Where?", "Show me all the fruit, and the cup.")]
    before = backbone.mark_ids
    try:
        alone = [backbone.generate([prefixes[n]], [talk], 8)[0] for n, talk in rows]
        backbone.mark_ids = (int(alone[0].ids[0]), int(alone[-1].ids[-1]))
        alone = [backbone.generate([prefixes[n]], [talk], 8)[0] for n, talk in rows]
        together = backbone.generate([prefixes[n] for n, _ in rows], [talk for _, talk in rows], 8)
    finally:
        backbone.mark_ids = before
    assert sum(len(one.trace) for one in alone) > 1
    assert len({tuple(one.ids.tolist()) for one in alone}) > 2
    for one, other in zip(alone, together, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        same(other.trace.marks, one.trace.marks)
        assert torch.equal(other.trace.image, one.trace.image)


def chatml() -> PreTrainedTokenizerBase:
    """A tokenizer with the special tokens of Qwen's and the marks, and a chat template that does not tell which words
    are an answer: theirs does not."""
    made = train_tokenizer(tiny.TEXTS * 4, 400)
    made.add_special_tokens({"additional_special_tokens": CHATML})
    made.eos_token, made.pad_token, made.bos_token = "<|im_end|>", "<|endoftext|>", None
    made.chat_template = "{% for message in messages %}{{ message['role'] }}{% endfor %}"
    return made


def write_hub(folder: Path, family: str, **text: object) -> None:
    """A network of a family as its authors release it: it knows no mark, and its chat template does not tell which
    words are an answer. ``text`` are settings of its language model."""
    options = {name: value for name, value in OPTIONS[family].items() if name != "image"}
    options |= {"text": {**options["text"], "max_position_embeddings": 8192, **text}, "seg": None, "rej": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.tokens.add_marks", lambda *_, **__: 0)
        tokenizer = chatml() if family != "llava_next" else train_tokenizer(tiny.TEXTS * 4, 400)
    tokenizer.chat_template = "{{ messages[0]['role'] }}"
    made = GroundingModel.build(tiny.config(backbone={"family": family, "options": options}), tokenizer)
    made.backbone.save(folder)
