"""LLaVA (Liu et al. 2023) from the transformers classes: a vision tower (CLIP, or a convolutional one as in ConvLLaVA,
Ge et al. 2024), a projector and a Llama."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from data.geometry import Frame
from model.backbones._attention import PRODUCTS, additive
from model.backbones._cache import KeyValues, Part
from model.backbones._chat import Chat, marks
from model.backbones._llava import CLIP_MEAN, CLIP_STD, Options, build, load, quiet
from model.backbones._watch import Rows, watch
from model.backbones._writing import Line, Start, Writing
from model.backbones.base import Backbone, ChatBatch, ChatOutput, Encoded, Generated, Pick, Prefix, Talk
from model.tracing import Trace

__all__ = ["CLIP_MEAN", "CLIP_STD", "Model", "Options", "build", "load"]


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
        self.choose_layers(candidates)
        side = options.input_size // vision.patch_size
        self.grid = (side, side)
        self.pad_id, self.eos_id = tokenizer.pad_token_id, tokenizer.eos_token_id
        self.mark_ids = marks(tokenizer, options, text.vocab_size)
        if vision.image_size != options.input_size:
            raise ValueError(f"input_size: {options.input_size} is not the tower's image_size, {vision.image_size}")
        self.image_id = self.llava.config.image_token_id
        self.limit = text.max_position_embeddings
        self._chat = Chat(tokenizer, options, self.image_id, side * side, self.limit)
        self.register_buffer("mean", torch.tensor(options.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(options.std).view(3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> "LlavaBackbone":
        """A tower that does not learn stays as it is in use: its batch norms, if any, would drift. On CPUs attention is
        computed the way that is faster there."""
        super().train(mode)
        text, how = self.llava.model.language_model, self._attention
        if mode:  # packed conversations need a mask of their own, which flash-attn does not take
            how = PRODUCTS if self.llava.device.type == "cpu" else "sdpa"
        text.set_attn_implementation(how)
        self.tower.train(mode and any(parameter.requires_grad for parameter in self.tower.parameters()))
        return self

    def choose_layers(self, candidates: Callable[[int], tuple[int, ...]]) -> None:
        """Keep the states of these layers from now on."""
        self.layers = candidates(self.depth + 1)

    def attend(self, how: str) -> None:
        """Choose how the language model computes attention in use."""
        self._attention = PRODUCTS if how == "products" else how
        self.train(self.training)

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
        """Question and answer pairs -> tokens: see :meth:`Chat.encode`."""
        return self._chat.encode(turns)

    # Reading

    def forward(self, batch: ChatBatch) -> ChatOutput:
        """Read packed conversations; logits only where something is learned."""
        row, column = (batch.labels[:, 1:] != -100).nonzero(as_tuple=True)
        targets = batch.labels[row, column + 1]
        is_mark = torch.isin(targets, torch.tensor(self.mark_ids, device=targets.device))
        length, places, counts = batch.ids.shape[1], [], []
        for index in range(len(batch.sizes)):
            here = is_mark & (row == index)
            image = (batch.ids[index] == self.image_id).nonzero()[:, 0]
            places += [index * length + image, index * length + column[here]]
            counts += [len(image), int(here.sum())]
        embeds = self._embed(batch.ids, batch.prepared, batch.sizes)
        rows = torch.cat(places)
        into = None if torch.is_grad_enabled() else embeds.new_empty(len(self.layers), len(rows), self.state_size)
        with self.watch(rows, into) as seen:
            states = self.llava.model.language_model(
                inputs_embeds=embeds,
                attention_mask=self._mask(batch),
                position_ids=batch.positions,
                use_cache=False,
            ).last_hidden_state
        logits = self.llava.lm_head(states[row, column])
        taken = torch.stack([seen[layer] for layer in self.layers]) if into is None else into
        parts = taken.split(counts, dim=1)
        traces = [
            Trace(
                marks.transpose(0, 1),
                image,
                self.grid,
                self.frame(size),
                targets[is_mark & (row == index)] == self.mark_ids[1],
                self.layers,
            )
            for index, (size, image, marks) in enumerate(zip(batch.sizes, parts[::2], parts[1::2], strict=True))
        ]
        return ChatOutput(logits, targets, traces)

    def _mask(self, batch: ChatBatch) -> torch.Tensor:
        """The mask of packed conversations, once for all layers."""
        block = batch.block
        if self.options.hide_padding:
            hidden = torch.zeros_like(block, dtype=torch.bool)
            hidden.masked_scatter_(batch.ids == self.image_id, ~self._shown(batch.sizes))
            block = block.masked_fill(hidden, -1)
        if self.llava.model.language_model.config._attn_implementation == "flash_attention_2":
            raise ValueError("packed conversations need a mask that flash_attention_2 does not take: use sdpa")
        return self._shaped(_mask(block))

    def _shaped(self, seen: torch.Tensor) -> torch.Tensor:
        """A ``(B, 1, Q, K)`` bool mask as the attention in use takes it."""
        how = self.llava.model.language_model.config._attn_implementation
        if how == "flash_attention_2":
            return seen[:, 0, -1]  # which tokens are padding, as the last one sees them; it is causal by itself
        if how == "sdpa":
            return seen  # the others add a mask to their scores
        kind, dtype = seen.device.type, self.llava.dtype
        return additive(seen, torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else dtype)

    def watch(self, rows: Rows, into: torch.Tensor | None = None) -> AbstractContextManager[dict[int, torch.Tensor]]:
        """Take rows of the candidate layers' states during one forward pass: see :func:`_watch.watch`."""
        return watch(self.llava.model.language_model, self.layers, rows, into)

    # Generation

    def read(self, image: np.ndarray) -> Prefix:
        """Run system text and image once."""
        encoded = self.encode_chat([("", None)])
        return self.prefill(encoded.ids[: encoded.prefix], self.prepare(image), (image.shape[0], image.shape[1]))

    @torch.no_grad()
    def prefill(self, ids: torch.Tensor, prepared: torch.Tensor, size: tuple[int, int]) -> Prefix:
        """Run the ``(T,)`` int64 ids that end with the placeholders of one ``prepared`` image of the original ``size``
        (H, W)."""
        count = self.grid[0] * self.grid[1]
        rows = torch.arange(len(ids) - count, len(ids))
        cache, shown, states = self._run(ids, prepared, size, self.layers, rows)
        return Prefix(cache, shown, states, self.frame(size))

    @torch.no_grad()
    def reread(self, image: np.ndarray, said: torch.Tensor) -> Trace:
        """The trace of one mark at all layers; the picture is read again for it."""
        before = self.encode_chat([("", None)])
        said = said.cpu().masked_fill(said.cpu() == self.image_id, 0)  # as written: no picture stands there
        ids = torch.cat([before.ids[: before.prefix], said])
        rows = torch.cat([(ids == self.image_id).nonzero()[:, 0], torch.tensor([len(ids) - 1])])
        size, layers = (image.shape[0], image.shape[1]), tuple(range(self.depth + 1))
        _, _, states = self._run(ids, self.prepare(image), size, layers, rows)
        rejected = torch.zeros(1, dtype=torch.bool, device=states.device)
        return Trace(states[None, :, -1], states[:, :-1], self.grid, self.frame(size), rejected, layers)

    def _run(
        self,
        ids: torch.Tensor,
        prepared: torch.Tensor,
        size: tuple[int, int],
        layers: Sequence[int],
        rows: torch.Tensor,
    ) -> tuple[KeyValues, torch.Tensor, torch.Tensor]:
        """Run ``(T,)`` int64 ids with the placeholders of one image: the cache, which positions later tokens see
        ``(T,)`` bool, and the states ``(L, R, D)`` of some ``layers`` at some ``rows`` (R,) int64."""
        ids = ids[None].to(self.llava.device)
        placed = ids == self.image_id
        shown = torch.ones_like(placed).masked_scatter(placed, self._shown([size]))
        mask = None
        if self.options.hide_padding:
            mask = shown[:, None, None] & torch.ones_like(shown[0]).expand(ids.shape[1], -1).tril()
        cache = KeyValues(self.depth, ids.shape[1])
        embeds = self._embed(ids, prepared[None].to(ids.device), [size])
        states = embeds.new_empty(len(layers), len(rows), self.state_size)
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        with watch(self.llava.model.language_model, layers, rows.to(ids.device), states):
            self._step(embeds, mask, positions, cache)
        return cache, shown[0], states

    def _step(
        self, embeds: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor, cache: KeyValues
    ) -> torch.Tensor:
        """The states ``(B, Q, D)`` after the next tokens of each row; ``mask`` as :meth:`Writing.mask` gives it."""
        states = self.llava.model.language_model(
            inputs_embeds=embeds,
            attention_mask=None if mask is None else self._shaped(mask),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return cast(torch.Tensor, states)

    def generate(
        self,
        prefixes: Sequence[Prefix],
        conversations: Sequence[Sequence[tuple[str, str | None]]],
        max_new_tokens: int = 128,
        on_text: Callable[[int, str], bool] | None = None,
        pick: Pick | None = None,
    ) -> list[Generated]:
        """Answers to the last questions; the prefixes' caches are left as they were."""
        asked = [
            self.encode_chat(turns).ids[len(prefix.seen) :]
            for prefix, turns in zip(prefixes, conversations, strict=True)
        ]
        return self.complete(prefixes, asked, max_new_tokens, on_text, pick)

    @torch.no_grad()
    def complete(
        self,
        prefixes: Sequence[Prefix],
        asked: Sequence[torch.Tensor],
        max_new_tokens: int = 128,
        on_text: Callable[[int, str], bool] | None = None,
        pick: Pick | None = None,
    ) -> list[Generated]:
        """Answers to the ``(T,)`` int64 ids that follow each prefix; greedy ones if ``pick`` is None."""
        starts = [self._start(prefix, ids, max_new_tokens) for prefix, ids in zip(prefixes, asked, strict=True)]
        writing = Writing(starts, self.pad_id, self.llava.device)
        space = torch.empty(len(self.layers), len(starts), 1, self.state_size)
        space = space.to(self.llava.device, self.llava.dtype)  # each step's states, copied from where they are a mark's
        while writing.rows:
            states = space[:, : len(writing.rows)]
            with self.watch(slice(-1, None), states):
                last = self._step(self._embed(writing.ids, None, []), writing.mask(), writing.positions, writing.cache)
            logits = self.llava.lm_head(last[:, -1])
            tokens = logits.argmax(dim=-1) if pick is None else pick(self._writable(logits))
            for number in writing.take(tokens, states[:, :, 0], self.eos_id, self.mark_ids):
                line = writing.lines[number]
                if on_text is not None and not on_text(number, self._chat.text(line.ids)):
                    line.stop = "cancelled"
            writing.shrink()
        return [self._generated(*row) for row in zip(prefixes, asked, writing.lines, strict=True)]

    def _writable(self, logits: torch.Tensor) -> torch.Tensor:
        """``(B, V)`` logits without the place of an image, which has no patches behind it in an answer."""
        if self.image_id < logits.shape[1]:
            logits[:, self.image_id] = -torch.inf
        return logits

    def _start(self, prefix: Prefix, ids: torch.Tensor, most: int) -> Start:
        """Where a row begins that reads the ``(T,)`` int64 ids after a prefix: after what of them is known."""
        parts, seen, known = [Part(cast(KeyValues, prefix.cache), len(prefix.seen))], prefix.seen, 0
        if prefix.talk is not None:
            length = min(len(prefix.talk.ids), len(ids) - 1)  # one is read in any case
            differ = (prefix.talk.ids[:length] != ids[:length]).nonzero()
            known = int(differ[0, 0]) if len(differ) else length
        if known and prefix.talk is not None:
            parts.append(Part(cast(KeyValues, prefix.talk.cache), known))
            seen = functional.pad(seen, (0, known), value=True)
        return Start(tuple(parts), seen, ids[known:], min(most, self.limit - len(prefix.seen) - len(ids)))

    def _generated(self, prefix: Prefix, asked: torch.Tensor, line: Line) -> Generated:
        """An answer that has ended, with its trace."""
        kinds = [token == self.mark_ids[1] for token in line.ids if token in self.mark_ids]
        rejected = torch.tensor(kinds, dtype=torch.bool, device=prefix.states.device)
        marks = torch.stack(line.marks) if line.marks else prefix.states.new_zeros(0, *prefix.states[:, 0].shape)
        trace = Trace(marks, prefix.states, self.grid, prefix.frame, rejected, self.layers)
        ids = torch.tensor(line.ids, dtype=torch.int64)
        talk = None if line.said is None else Talk(torch.cat([asked, ids[: line.reread]]), line.said)
        assert line.stop is not None
        return Generated(ids, self._chat.text(line.ids), trace, line.stop, talk, asked)

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

    @property
    def is_tied(self) -> bool:
        """Whether the embedding and the head are one."""
        return bool(self.llava.all_tied_weights_keys)

    def recompute(self) -> None:
        """From now on, run the language model's layers again in the backward pass."""
        text = self.llava.model.language_model
        text.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

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


Model = LlavaBackbone
