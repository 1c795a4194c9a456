"""What all families do alike: conversations read and answers written by the language model of a stock network of
transformers, and the rows of its states that grounding needs."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from model.backbones._attention import PRODUCTS, additive
from model.backbones._cache import KeyValues, Part
from model.backbones._chat import Chat, Spelled, marks
from model.backbones._spread import expanded, spread
from model.backbones._stock import write
from model.backbones._watch import Rows, watch
from model.backbones._writing import Line, Start, Writing
from model.backbones.base import Backbone, ChatBatch, ChatOutput, Encoded, Generated, Pick, Prefix, Talk
from model.tokens import IMAGE
from model.tracing import Trace


class DecoderBackbone(Backbone):
    """A stock network with ``model.language_model`` and ``lm_head`` (never a subclass: that would skip its key
    conversion), its tokenizer, and its settings.

    A family gives the network a name of its own among its modules and here as :attr:`network`, and defines ``frame``,
    ``prepare``, ``see``, ``tower`` and ``features``. Where a picture's tokens are more than its grid, or their number
    depends on its size, it also defines ``tokens`` and ``_placed``; where they do not count on like words, ``places``
    and ``_after``.
    """

    network: Any  # its own annotations leave the parts of its configuration open

    def _begin(
        self,
        tokenizer: PreTrainedTokenizerBase,
        options: Spelled,
        candidates: Callable[[int], tuple[int, ...]],
        patches: int,
        most: int = 0,
        image: str = IMAGE,
    ) -> None:
        """Once the network is there: its sizes, the marks and the chat; ``patches`` and ``most`` as :class:`Chat` has
        them, ``image`` the spelling of a placeholder."""
        self.tokenizer = tokenizer
        text, vision = self.network.config.text_config, self.network.config.vision_config
        self._attention: str = text._attn_implementation
        self.state_size, self.tower_size = text.hidden_size, vision.hidden_size
        self.depth = text.num_hidden_layers
        self.choose_layers(candidates)
        self.pad_id, self.eos_id = tokenizer.pad_token_id, tokenizer.eos_token_id
        self.mark_ids = marks(tokenizer, options, text.vocab_size, image)
        self.image_id = self.network.config.image_token_id
        self.limit = text.max_position_embeddings
        self._chat = Chat(tokenizer, options, self.image_id, patches, self.limit, most)

    def train(self, mode: bool = True) -> "DecoderBackbone":
        """A tower that does not learn stays as it is in use: its batch norms, if any, would drift. On CPUs attention is
        computed the way that is faster there."""
        super().train(mode)
        how = self._attention
        if mode:  # packed conversations need a mask of their own, which flash-attn does not take
            how = PRODUCTS if self.network.device.type == "cpu" else "sdpa"
        self.network.model.language_model.set_attn_implementation(how)
        self.tower.train(mode and any(parameter.requires_grad for parameter in self.tower.parameters()))
        return self

    def choose_layers(self, candidates: Callable[[int], tuple[int, ...]]) -> None:
        """Keep the states of these layers from now on."""
        self.layers = candidates(self.depth + 1)

    def attend(self, how: str) -> None:
        """Choose how the language model computes attention in use."""
        self._attention = PRODUCTS if how == "products" else how
        self.train(self.training)

    # Pictures among the words

    def tokens(self, size: tuple[int, int]) -> int:
        """How many tokens a picture of the original ``size`` (H, W) has: those of its grid, if no family has more."""
        height, width = self.frame(size).target
        return height * width

    def _placed(self, size: tuple[int, int]) -> torch.Tensor | slice:
        """Which of a picture's tokens are its grid's, row by row; int64."""
        return slice(None)

    def features(self, prepared: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """``(B, 3, Hb, Wb)`` uint8 -> what stands in the place of the placeholders, ``(N, D)`` of all pictures end to
        end."""
        raise TypeError(f"{type(self).__name__} does not define features")

    def _embed(self, ids: torch.Tensor, prepared: torch.Tensor | None, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """Token embeddings, with each image's features in place of its placeholders (whose id may lie beyond the
        vocabulary)."""
        if prepared is None:
            return self._filled(ids, None)
        return self._filled(ids, self.features(prepared, sizes))

    def _filled(self, ids: torch.Tensor, features: torch.Tensor | None) -> torch.Tensor:
        """The same with ``(N, D)`` features already made."""
        place = ids == self.image_id
        embeds = cast(torch.Tensor, self.network.get_input_embeddings()(ids.masked_fill(place, 0)))
        return embeds if features is None else embeds.masked_scatter(place[..., None], features.to(embeds.dtype))

    def _inputs(
        self, ids: torch.Tensor, prepared: torch.Tensor, sizes: list[tuple[int, int]]
    ) -> dict[str, torch.Tensor | list[torch.Tensor]]:
        """What the language model is given of words and pictures."""
        return {"inputs_embeds": self._embed(ids, prepared, sizes)}

    def _hidden(self, ids: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor | None:
        """``(B, T)`` bool, the placeholders that nobody attends to; None if there are none."""
        return None

    def places(self, positions: torch.Tensor, ids: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """Positions as the language model takes them, from ``(B, T)`` int64 that count every token."""
        return positions

    def _after(self, positions: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """The same of words that follow a picture of each of the ``sizes``."""
        return positions

    # Text

    def encode_chat(self, turns: Sequence[tuple[str, str | None]]) -> Encoded:
        """Question and answer pairs -> tokens: see :meth:`Chat.encode`."""
        return self._chat.encode(turns)

    # Reading

    def expanded(self, batch: ChatBatch) -> ChatBatch:
        """The batch with as many placeholders as each picture has tokens."""
        return expanded(batch, self.image_id, [self.tokens(size) for size in batch.sizes], self.pad_id)

    def forward(self, batch: ChatBatch) -> ChatOutput:
        """Read packed conversations; logits only where something is learned."""
        batch = self.expanded(batch)
        row, column = (batch.labels[:, 1:] != -100).nonzero(as_tuple=True)
        targets = batch.labels[row, column + 1]
        is_mark = torch.isin(targets, torch.tensor(self.mark_ids, device=targets.device))
        length, taken_at, counts = batch.ids.shape[1], [], []
        for index, size in enumerate(batch.sizes):
            here = is_mark & (row == index)
            image = self._grid_places(batch.ids[index], size)
            taken_at += [index * length + image, index * length + column[here]]
            counts += [len(image), int(here.sum())]
        inputs, rows = self._inputs(batch.ids, batch.prepared, batch.sizes), torch.cat(taken_at)
        embeds = cast(torch.Tensor, inputs["inputs_embeds"])
        into = None if torch.is_grad_enabled() else embeds.new_empty(len(self.layers), len(rows), self.state_size)
        with self.watch(rows, into) as seen:
            states = self.network.model.language_model(
                **inputs,
                attention_mask=self._mask(batch),
                position_ids=self.places(batch.positions, batch.ids, batch.sizes),
                use_cache=False,
            ).last_hidden_state
        logits = self.network.lm_head(states[row, column])
        taken = torch.stack([seen[layer] for layer in self.layers]) if into is None else into
        parts = taken.split(counts, dim=1)
        traces = []
        for index, (size, image, found) in enumerate(zip(batch.sizes, parts[::2], parts[1::2], strict=True)):
            frame, rejected = self.frame(size), targets[is_mark & (row == index)] == self.mark_ids[1]
            traces.append(Trace(found.transpose(0, 1), image, frame.target, frame, rejected, self.layers))
        return ChatOutput(logits, targets, traces)

    def _grid_places(self, ids: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """Where in a row of ``(T,)`` ids the tokens of the grid stand, int64."""
        placed = self._placed(size)
        found = (ids == self.image_id).nonzero()[:, 0]
        return found[placed if isinstance(placed, slice) else placed.to(found.device)]

    def _mask(self, batch: ChatBatch) -> torch.Tensor:
        """The mask of packed conversations, once for all layers."""
        block, hidden = batch.block, self._hidden(batch.ids, batch.sizes)
        if hidden is not None:
            block = block.masked_fill(hidden, -1)
        if self.network.model.language_model.config._attn_implementation == "flash_attention_2":
            raise ValueError("packed conversations need a mask that flash_attention_2 does not take: use sdpa")
        return self.shaped(_packed(block))

    def shaped(self, seen: torch.Tensor) -> torch.Tensor:
        """A ``(B, 1, Q, K)`` bool mask as the attention in use takes it."""
        how = self.network.model.language_model.config._attn_implementation
        if how == "flash_attention_2":
            return seen[:, 0, -1]  # which tokens are padding, as the last one sees them; it is causal by itself
        if how == "sdpa":
            return seen  # the others add a mask to their scores
        kind, dtype = seen.device.type, self.network.dtype
        return additive(seen, torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else dtype)

    def watch(self, rows: Rows, into: torch.Tensor | None = None) -> AbstractContextManager[dict[int, torch.Tensor]]:
        """Take rows of the candidate layers' states during one forward pass: see :func:`_watch.watch`."""
        return watch(self.network.model.language_model, self.layers, rows, into)

    # Generation

    def read(self, image: np.ndarray) -> Prefix:
        """Run system text and image once."""
        encoded = self.encode_chat([("", None)])
        return self.prefill(encoded.ids[: encoded.prefix], self.prepare(image), (image.shape[0], image.shape[1]))

    @torch.no_grad()
    def prefill(self, ids: torch.Tensor, prepared: torch.Tensor, size: tuple[int, int]) -> Prefix:
        """Run the ``(T,)`` int64 ids that end with the placeholders of one ``prepared`` image of the original ``size``
        (H, W)."""
        ids = spread(ids, self.image_id, self.tokens(size))
        cache, shown, states = self._run(ids, prepared, size, self.layers, self._grid_places(ids, size))
        return Prefix(cache, shown, states, self.frame(size))

    @torch.no_grad()
    def reread(self, image: np.ndarray, said: torch.Tensor) -> Trace:
        """The trace of one mark at all layers; the picture is read again for it."""
        before, size = self.encode_chat([("", None)]), (image.shape[0], image.shape[1])
        said = said.cpu().masked_fill(said.cpu() == self.image_id, 0)  # as written: no picture stands there
        ids = torch.cat([spread(before.ids[: before.prefix], self.image_id, self.tokens(size)), said])
        rows = torch.cat([self._grid_places(ids, size), torch.tensor([len(ids) - 1])])
        layers = tuple(range(self.depth + 1))
        _, _, states = self._run(ids, self.prepare(image), size, layers, rows)
        rejected, frame = torch.zeros(1, dtype=torch.bool, device=states.device), self.frame(size)
        return Trace(states[None, :, -1], states[:, :-1], frame.target, frame, rejected, layers)

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
        ids = ids[None].to(self.network.device)
        hidden = self._hidden(ids, [size])
        shown, mask = torch.ones_like(ids, dtype=torch.bool), None
        if hidden is not None:
            shown = ~hidden
            mask = shown[:, None, None] & torch.ones_like(shown[0]).expand(ids.shape[1], -1).tril()
        cache = KeyValues(self.depth, ids.shape[1])
        inputs = self._inputs(ids, prepared[None].to(ids.device), [size])
        embeds = cast(torch.Tensor, inputs.pop("inputs_embeds"))
        states = embeds.new_empty(len(layers), len(rows), self.state_size)
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        with watch(self.network.model.language_model, layers, rows.to(ids.device), states):
            self._step(embeds, mask, self.places(positions, ids, [size]), cache, **inputs)
        return cache, shown[0], states

    def _step(
        self, embeds: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor, cache: KeyValues, **more: Any
    ) -> torch.Tensor:
        """The states ``(B, Q, D)`` after the next tokens of each row; ``mask`` as :meth:`Writing.mask` gives it, and
        ``more`` than embeddings as :meth:`_inputs` does."""
        states = self.network.model.language_model(
            inputs_embeds=embeds,
            attention_mask=None if mask is None else self.shaped(mask),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            **more,
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
        chats = [self.encode_chat(turns) for turns in conversations]
        return self.complete(prefixes, [chat.ids[chat.prefix :] for chat in chats], max_new_tokens, on_text, pick)

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
        writing, device = Writing(starts, self.pad_id, self.network.device), self.network.device
        sizes = [prefix.frame.source for prefix in prefixes]
        space = torch.empty(len(self.layers), len(starts), 1, self.state_size)
        space = space.to(device, self.network.dtype)  # each step's states, copied from where they are a mark's
        while writing.rows:
            states = space[:, : len(writing.rows)]
            positions = self._after(writing.positions, [sizes[row] for row in writing.rows])
            with self.watch(slice(-1, None), states):
                last = self._step(self._embed(writing.ids, None, []), writing.mask(), positions, writing.cache)
            logits = self.network.lm_head(last[:, -1])
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
        found = torch.stack(line.marks) if line.marks else prefix.states.new_zeros(0, *prefix.states[:, 0].shape)
        trace = Trace(found, prefix.states, prefix.frame.target, prefix.frame, rejected, self.layers)
        ids = torch.tensor(line.ids, dtype=torch.int64)
        talk = None if line.said is None else Talk(torch.cat([asked, ids[: line.reread]]), line.said)
        assert line.stop is not None
        return Generated(ids, self._chat.text(line.ids), trace, line.stop, talk, asked)

    # Learning

    def save(self, folder: Path, dtype: torch.dtype | None = None) -> None:
        """Write the stock network by its own class, with its tokenizer; ``dtype`` is for parameters alone."""
        write(self.network, folder, dtype)
        self.tokenizer.save_pretrained(folder)

    @property
    def is_tied(self) -> bool:
        """Whether the embedding and the head are one."""
        return bool(self.network.all_tied_weights_keys)

    def recompute(self) -> None:
        """From now on, run the language model's layers again in the backward pass."""
        text = self.network.model.language_model
        text.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def lora_targets(self) -> str:
        """Regular expression for the language model's projections; the tower's of the same names stay out."""
        return r"\w+\.model\.language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"


def _packed(block: torch.Tensor) -> torch.Tensor:
    """``(B, 1, T, T)`` bool: a token sees the prefix (block 0) and its own conversation, up to itself."""
    length = block.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=block.device).tril()
    key, query = block[:, None, :], block[:, :, None]
    seen = causal & (key >= 0) & ((key == 0) | (key == query))
    # A row that sees nothing must see itself, or its softmax is NaN.
    own = torch.eye(length, dtype=torch.bool, device=block.device) & ~seen.any(dim=2, keepdim=True)
    return (seen | own)[:, None]
