"""LLaVA (Liu et al. 2023) from the transformers classes: a vision tower (CLIP, or a convolutional one as in ConvLLaVA,
Ge et al. 2024), a projector and a Llama."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import safetensors
import torch
from torch import nn
from torch.nn import functional
from transformers import (
    CONFIG_MAPPING,
    DynamicCache,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as notices

from data.geometry import Frame
from data.sample import REJ, SEG
from model.backbones._attention import PRODUCTS, additive
from model.backbones.base import Backbone, ChatBatch, ChatOutput, Encoded, Generated, Prefix
from model.tokens import IMAGE, plain, spaced
from model.tracing import Trace

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16}
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        input_size: side of the tower's square input, pixels.
        padding: how a picture comes into that square: "letterbox" (centred, padded with the mean colour, as LLaVA-1.5's
            ``pad``), "corner" (padded below and to the right, by 0 after normalisation, as SAM's), "centre_crop"
            (CLIP's processor) or "stretch".
        resample: "bilinear" or "bicubic" (CLIP's processor).
        mean, std: of the colours, in [0, 1].
        hide_padding: neither the tower nor the language model attends to patches that show nothing of the picture.
        seg, rej: how the tokenizer spells the marks; ``rej`` is None for a model that cannot reject.
        feature_layer: which of the tower's hidden states the projector reads.
        vision, text: keys of the transformers configurations, with their ``model_type``. A convolutional tower, whose
            own configuration lacks them, is also given the ``hidden_size``, ``patch_size`` and ``image_size`` of that
            state.
    """

    input_size: int = 336
    padding: Literal["letterbox", "corner", "centre_crop", "stretch"] = "letterbox"
    resample: Literal["bilinear", "bicubic"] = "bilinear"
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    hide_padding: bool = False
    seg: str = SEG
    rej: str | None = REJ
    feature_layer: int = -2
    vision: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)


def build(options: Options, tokenizer: PreTrainedTokenizerBase) -> LlavaForConditionalGeneration:
    """A LLaVA of random weights, its vocabulary as large as the tokenizer's unless ``text`` says otherwise."""
    ids = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id}
    text = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, **ids, **options.text}
    config = LlavaConfig(  # type: ignore[call-arg]  # named by attribute_map
        vision_config=_config(options.vision),
        text_config=_config(text),
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=options.feature_layer,
        vision_feature_select_strategy="default",
        tie_word_embeddings=bool(text.get("tie_word_embeddings", False)),
    )
    llava = LlavaForConditionalGeneration._from_config(config)
    _begin(llava)
    return llava


def _begin(llava: Any) -> None:
    """Begin with words and patches that come through to the last layer: loud embeddings, quiet branches (GPT-2 scales
    them by 1 / sqrt(2 layers); Radford et al. 2019, section 2.3). At the stock initialisation every layer drowns what
    the one below has said, and no map finds what its mark names for a thousand steps."""
    with torch.no_grad():
        llava.get_input_embeddings().weight.mul_(5)
        llava.model.multi_modal_projector.linear_2.weight.mul_(5)
        for layer in llava.model.language_model.layers:
            layer.self_attn.o_proj.weight.mul_(0.15)
            layer.mlp.down_proj.weight.mul_(0.15)


def load(folder: Path, options: Options, dtype: torch.dtype | None) -> LlavaForConditionalGeneration:
    """A LLaVA from a folder that its own class wrote, in ``dtype``, or as it is stored if None.

    Its configuration is checked first: without one, transformers would make a network of seven billion random weights.

    Raises:
        ValueError: the folder holds something else, lacks a tensor, or has one of another shape.
    """
    _check_sizes(folder / "config.json", options)
    with quiet():
        read: Any = LlavaForConditionalGeneration.from_pretrained(
            folder, dtype=dtype or _stored(folder), local_files_only=True, output_loading_info=True
        )
    llava, found = read
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if found.get(what):
            raise ValueError(f"{what.replace('_keys', '')} tensors, {sorted(map(str, found[what]))[0]} among them")
    return cast(LlavaForConditionalGeneration, llava)


def _stored(folder: Path) -> torch.dtype:
    """The type that most numbers of a folder are stored in; a configuration may say another."""
    counts: Counter[torch.dtype] = Counter()
    for path in folder.glob("*.safetensors"):
        with safetensors.safe_open(path, "pt") as file:
            for name in list(file.keys()):
                part = file.get_slice(name)
                counts[DTYPES.get(part.get_dtype(), torch.float32)] += math.prod(part.get_shape())
    return max(counts, key=lambda dtype: counts[dtype], default=torch.float32)


def _check_sizes(path: Path, options: Options) -> None:
    """The stock configuration must have the sizes that the checkpoint's own one promises; the vocabulary is the
    tokenizer's and may have grown."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.get("model_type") != "llava":
        raise ValueError(f"{path.name} describes no llava")
    for part, promised in (("vision_config", options.vision), ("text_config", options.text)):
        held = _config(values[part])
        for key, value in promised.items():
            if key != "vocab_size" and getattr(held, key, value) != value:
                raise ValueError(f"{path.name}: {part}: {key} is not {value} as the checkpoint's config.json says")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and tables that transformers prints while it reads and writes."""
    bars, verbosity = notices.is_progress_bar_enabled(), notices.get_verbosity()
    notices.disable_progress_bar()
    notices.set_verbosity_error()
    try:
        yield
    finally:
        notices.set_verbosity(verbosity)
        if bars:
            notices.enable_progress_bar()


def _config(values: dict[str, Any]) -> Any:
    return CONFIG_MAPPING[values["model_type"]](**{k: v for k, v in values.items() if k != "model_type"})


class LlavaBackbone(Backbone):
    """The parts handed in: a stock LLaVA (never a subclass: that would skip its key conversion) and a tokenizer."""

    llava: Any  # its own annotations leave the parts of its configuration open
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        llava: LlavaForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        options: Options,
        candidates: Callable[[int], tuple[int, ...]],
    ) -> None:
        super().__init__()
        self.llava, self.tokenizer, self.options = llava, tokenizer, options
        text, vision = self.llava.config.text_config, self.llava.config.vision_config
        self._attention: str = text._attn_implementation
        self.state_size, self.tower_size = text.hidden_size, vision.hidden_size
        self.depth = text.num_hidden_layers
        self.layers = candidates(self.depth + 1)
        side = options.input_size // vision.patch_size
        self.grid = (side, side)
        self.pad_id, self.eos_id = tokenizer.pad_token_id, tokenizer.eos_token_id
        known = tokenizer.get_vocab()
        spelled = [mark for mark in (options.seg, options.rej) if mark is not None]
        self.mark_ids = tuple(-1 if mark is None else known.get(mark, -1) for mark in (options.seg, options.rej))
        lacks = [mark for mark in (*spelled, IMAGE) if mark not in known]
        most = max((index for word, index in known.items() if word != IMAGE), default=0)
        if lacks or None in (self.pad_id, self.eos_id) or most >= text.vocab_size:
            raise ValueError(
                f"the tokenizer must have {', '.join(spelled)}, {IMAGE}, an end and a padding token among at most "
                f"{text.vocab_size} tokens, as many as the language model knows; it has {len(tokenizer)}"
                + (f" and lacks {', '.join(lacks)}" if lacks else "")
            )
        if vision.image_size != options.input_size:
            raise ValueError(f"input_size: {options.input_size} is not the tower's image_size, {vision.image_size}")
        self.image_id = self.llava.config.image_token_id
        self.limit = text.max_position_embeddings
        self.register_buffer("mean", torch.tensor(options.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(options.std).view(3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> "LlavaBackbone":
        """A tower that does not learn stays as it is in use: its batch norms, if any, would drift. On CPUs attention is
        computed the way that is faster there."""
        super().train(mode)
        products = mode and self.llava.device.type == "cpu"
        self.llava.model.language_model.set_attn_implementation(PRODUCTS if products else self._attention)
        self.tower.train(mode and any(parameter.requires_grad for parameter in self.tower.parameters()))
        return self

    # Images

    def input_frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> the tower's input."""
        side = self.options.input_size
        if self.options.padding == "centre_crop":
            return Frame.centre_crop(size, side)
        if self.options.padding == "stretch":
            return Frame.stretch(size, (side, side))
        return Frame.letterbox(size, side, centred=self.options.padding == "letterbox")

    def frame(self, size: tuple[int, int]) -> Frame:
        """Original pixels -> patch grid."""
        return self.input_frame(size).scaled(*self.grid)

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """``(H, W, 3)`` uint8 RGB -> ``(3, S, S)`` uint8; padding has the mean colour, 0 after normalisation."""
        red, green, blue = (round(255 * value) for value in self.options.mean)
        frame = self.input_frame((image.shape[0], image.shape[1]))
        made = frame.image(image, (red, green, blue), self.options.resample)
        return torch.from_numpy(np.ascontiguousarray(made.transpose(2, 0, 1)))

    @property
    def tower(self) -> nn.Module:  # type: ignore[override]  # a second attribute would save it twice
        """The vision tower alone."""
        return cast(nn.Module, self.llava.model.vision_tower)

    def see(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, 3, S, S)`` uint8 -> the tower's patches ``(B, N, tower_size)``, before the projector."""
        pixels = (prepared.float() / 255 - self.mean) / self.std
        if self.options.padding == "corner":  # a mean colour in whole numbers is not quite 0
            for row, size in zip(pixels, sizes, strict=True):
                _, _, right, bottom = self.input_frame(size).window
                row[:, bottom:] = 0
                row[:, :, right:] = 0
        pixels = pixels.to(self.llava.dtype, memory_format=torch.channels_last)  # convolutions run faster on it
        more = {"attention_mask": self._tower_mask(sizes)} if self.options.hide_padding else {}
        every = self.tower(pixels, output_hidden_states=True, return_dict=True, **more).hidden_states
        states = every[self.options.feature_layer]
        if states.ndim == 4:  # (B, C, h, w), from convolutions
            return cast(torch.Tensor, states.flatten(2).transpose(1, 2))
        return cast(torch.Tensor, states[:, 1:])  # without the class token

    def _shown(self, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, N)`` bool: the patches that are attended to."""
        shown = torch.ones(len(sizes), *self.grid, dtype=torch.bool)
        if self.options.hide_padding:
            for row, size in zip(shown, sizes, strict=True):
                row[:] = False
                left, top, right, bottom = self.frame(size).window
                row[top:bottom, left:right] = True
        return shown.flatten(1).to(self.llava.device)

    def _tower_mask(self, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """What is added to the tower's attention scores, ``(B, 1, 1 + N, 1 + N)``: the class token is always seen."""
        seen = functional.pad(self._shown(sizes), (1, 0), value=True)
        return additive(seen[:, None, None].expand(-1, 1, seen.shape[1], -1), self.llava.dtype)

    def _embed(self, ids: torch.Tensor, prepared: torch.Tensor | None, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """Token embeddings, with each image's features in place of its placeholders (whose id may lie beyond the
        vocabulary)."""
        place = ids == self.image_id
        embeds = self.llava.get_input_embeddings()(ids.masked_fill(place, 0))
        if prepared is None:
            return cast(torch.Tensor, embeds)
        features = self.llava.model.multi_modal_projector(self.see(prepared, sizes)).to(embeds.dtype)
        return cast(torch.Tensor, embeds.masked_scatter(place[..., None], features))

    # Text

    def encode_chat(self, turns: Sequence[tuple[str, str | None]]) -> Encoded:
        """Question and answer pairs -> tokens, by the tokenizer's chat template; only answers are learned.

        Raises:
            ValueError: the conversation is longer than the model's positions.
        """
        messages: list[dict[str, Any]] = []
        for number, (question, answer) in enumerate(turns):
            parts: list[dict[str, str]] = [{"type": "text", "text": plain(question, self.tokenizer)}]
            messages.append({"role": "user", "content": [{"type": "image"}, *parts] if number == 0 else parts})
            if answer is not None and self.options.rej is None and REJ in answer:
                raise ValueError(f"this model cannot say that a thing is absent, and an answer does: {answer[:80]!r}")
            if answer is not None:
                said = plain(answer, self.tokenizer, keep=(SEG, REJ))
                said = said.replace(SEG, self.options.seg).replace(REJ, self.options.rej or REJ)
                messages.append({"role": "assistant", "content": [{"type": "text", "text": said}]})
        made: Any = self.tokenizer.apply_chat_template(
            messages,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            add_generation_prompt=turns[-1][1] is None,
        )
        ids = torch.tensor(made["input_ids"])
        learned = torch.tensor(made["assistant_masks"], dtype=torch.bool)
        place = int((ids == self.image_id).nonzero()[0, 0])
        count = self.grid[0] * self.grid[1]
        total = len(ids) - 1 + count
        if total >= self.limit:
            what = "the question is" if len(turns) == 1 else "the question and the talk before it are"
            raise ValueError(
                f"{what} too long: with the picture {total} tokens, and the model reads {self.limit}; "
                "ask in fewer words"
            )
        labels = torch.where(learned, ids, -100)
        image = torch.full((count,), self.image_id)
        return Encoded(
            ids=torch.cat([ids[:place], image, ids[place + 1 :]]),
            labels=torch.cat([labels[:place], torch.full((count,), -100), labels[place + 1 :]]),
            prefix=place + count,
        )

    # Reading

    def forward(self, batch: ChatBatch) -> ChatOutput:
        """Read packed conversations; logits only where something is learned."""
        row, column = (batch.labels[:, 1:] != -100).nonzero(as_tuple=True)
        targets = batch.labels[row, column + 1]
        with self.watch() as seen:
            states = self.llava.model.language_model(
                inputs_embeds=self._embed(batch.ids, batch.prepared, batch.sizes),
                attention_mask=self._mask(batch),
                position_ids=batch.positions,
                use_cache=False,
            ).last_hidden_state
        logits = self.llava.lm_head(states[row, column])
        is_mark = torch.isin(targets, torch.tensor(self.mark_ids, device=targets.device))
        traces = []
        for index, size in enumerate(batch.sizes):
            here = is_mark & (row == index)
            image = (batch.ids[index] == self.image_id).nonzero()[:, 0]
            marks = torch.stack([seen[layer][index, column[here]] for layer in self.layers], dim=1)
            states_of_image = torch.stack([seen[layer][index, image] for layer in self.layers])
            rejected = targets[here] == self.mark_ids[1]
            traces.append(Trace(marks, states_of_image, self.grid, self.frame(size), rejected, self.layers))
        return ChatOutput(logits, targets, traces)

    def _mask(self, batch: ChatBatch) -> torch.Tensor:
        """The mask of packed conversations, once for all layers."""
        block = batch.block
        if self.options.hide_padding:
            hidden = torch.zeros_like(block, dtype=torch.bool)
            hidden.masked_scatter_(batch.ids == self.image_id, ~self._shown(batch.sizes))
            block = block.masked_fill(hidden, -1)
        seen = _mask(block)
        if self.llava.model.language_model.config._attn_implementation == "sdpa":
            return seen  # the others add a mask to their scores
        kind, dtype = block.device.type, self.llava.dtype
        return additive(seen, torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else dtype)

    @contextmanager
    def watch(self) -> Iterator[dict[int, torch.Tensor]]:
        """Collect the candidate layers' states ``(B, T, D)`` of one forward pass: 0 the embedding, the last after the
        final norm."""
        seen: dict[int, torch.Tensor] = {}
        model = self.llava.model.language_model
        handles = []
        for layer in self.layers:
            module = model.norm if layer == self.depth else model.layers[layer]

            def before(_: Any, args: tuple[Any, ...], layer: int = layer) -> None:
                seen[layer] = args[0]

            def after(_: Any, args: tuple[Any, ...], out: torch.Tensor, layer: int = layer) -> None:
                seen[layer] = out

            last = layer == self.depth
            handles.append(module.register_forward_hook(after) if last else module.register_forward_pre_hook(before))
        try:
            yield seen
        finally:
            for handle in handles:
                handle.remove()

    # Generation

    def read(self, image: np.ndarray) -> Prefix:
        """Run system text and image once."""
        encoded = self.encode_chat([("", None)])
        return self.prefill(encoded.ids[: encoded.prefix], self.prepare(image), (image.shape[0], image.shape[1]))

    def prefill(self, ids: torch.Tensor, prepared: torch.Tensor, size: tuple[int, int]) -> Prefix:
        """Run the ``(T,)`` int64 ids that end with the placeholders of one ``prepared`` image of the original ``size``
        (H, W)."""
        ids = ids[None].to(self.llava.device)
        placed = ids == self.image_id
        shown = torch.ones_like(placed).masked_scatter(placed, self._shown([size]))
        cache = DynamicCache(config=self.llava.config.text_config)
        with self.watch() as seen:
            self._step(self._embed(ids, prepared[None].to(ids.device), [size]), shown, cache)
        states = torch.stack([seen[layer][placed] for layer in self.layers])
        return Prefix(cache, shown[0], states, self.frame(size))

    def _step(self, embeds: torch.Tensor, shown: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """The states after the next tokens of one conversation; ``shown`` (1, T) bool tells which of all T are seen."""
        states = self.llava.model.language_model(
            inputs_embeds=embeds,
            attention_mask=shown if self.options.hide_padding else None,
            position_ids=torch.arange(shown.shape[1] - embeds.shape[1], shown.shape[1], device=embeds.device)[None],
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return cast(torch.Tensor, states)

    def generate(
        self,
        prefix: Prefix,
        turns: Sequence[tuple[str, str | None]],
        max_new_tokens: int = 128,
        on_text: Callable[[str], bool] | None = None,
    ) -> Generated:
        """Greedy answer to the last question; the prefix's cache is left as it was."""
        return self.complete(prefix, self.encode_chat(turns).ids[len(prefix.seen) :], max_new_tokens, on_text)

    def complete(
        self,
        prefix: Prefix,
        asked: torch.Tensor,
        max_new_tokens: int = 128,
        on_text: Callable[[str], bool] | None = None,
    ) -> Generated:
        """Greedy answer to the ``(T,)`` int64 ids that follow a prefix."""
        step = asked[None].to(self.llava.device)
        cache = _copy(prefix.cache, self.llava.config.text_config)
        shown = prefix.seen[None]
        ids: list[int] = []
        marks: list[torch.Tensor] = []
        stop = "length"
        for _ in range(min(max_new_tokens, self.limit - len(prefix.seen) - len(asked))):
            shown = functional.pad(shown, (0, step.shape[1]), value=True)
            with self.watch() as seen:
                states = self._step(self._embed(step, None, []), shown, cache)
            token = int(self.llava.lm_head(states[:, -1]).argmax(dim=-1))
            if token == self.eos_id:
                stop = "end"
                break
            ids.append(token)
            if token in self.mark_ids:
                marks.append(torch.stack([seen[layer][0, -1] for layer in self.layers]))
            if on_text is not None and not on_text(self._text(ids)):
                stop = "cancelled"
                break
            step = torch.tensor([[token]], device=self.llava.device)
        kinds = [token == self.mark_ids[1] for token in ids if token in self.mark_ids]
        rejected = torch.tensor(kinds, dtype=torch.bool, device=prefix.states.device)
        states_of_marks = torch.stack(marks) if marks else prefix.states.new_zeros(0, *prefix.states[:, 0].shape)
        trace = Trace(states_of_marks, prefix.states, self.grid, prefix.frame, rejected, self.layers)
        return Generated(torch.tensor(ids, dtype=torch.int64), self._text(ids), trace, stop)

    def _text(self, ids: list[int]) -> str:
        text = str(self.tokenizer.decode(ids, skip_special_tokens=True)).replace(self.options.seg, SEG)
        return spaced((text.replace(self.options.rej, REJ) if self.options.rej else text).strip())

    def save(self, folder: Path, dtype: torch.dtype | None = None) -> None:
        """Write the stock LLaVA by its own class, with its tokenizer; ``dtype`` is for parameters alone."""
        learned = {name for name, _ in self.llava.named_parameters()}
        state = {
            name: value.detach().to("cpu", dtype if name in learned else None)
            for name, value in self.llava.state_dict().items()
        }
        for shared in self.llava.all_tied_weights_keys:
            state.pop(shared, None)
        with quiet():
            self.llava.save_pretrained(folder, state_dict=state)
        self.tokenizer.save_pretrained(folder)

    def lora_targets(self) -> str:
        """Regular expression for the language model's projections; the tower's of the same names stay out."""
        return r"llava\.model\.language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"


def _mask(block: torch.Tensor) -> torch.Tensor:
    """``(B, 1, T, T)`` bool: a token sees the prefix (block 0) and its own conversation, up to itself."""
    length = block.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=block.device).tril()
    key, query = block[:, None, :], block[:, :, None]
    seen = causal & (key >= 0) & ((key == 0) | (key == query))
    # A row that sees nothing must see itself, or its softmax is NaN.
    own = torch.eye(length, dtype=torch.bool, device=block.device) & ~seen.any(dim=2, keepdim=True)
    return (seen | own)[:, None]


def _copy(cache: Any, config: Any) -> DynamicCache:
    made = DynamicCache(config=config)
    for index, layer in enumerate(cache.layers):
        made.update(layer.keys, layer.values, index)
    return made


Model = LlavaBackbone
