"""The grounding model: a backbone that writes marks, channels that turn them into prompts, a segmenter that draws."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from data.geometry import Frame
from data.sample import SEG
from data.settings import build as settings
from model import backbones, folders, prompting, published, segmenters
from model import config as configs
from model.backbones.base import Backbone
from model.config import ModelConfig
from model.offload import Offload
from model.placement import PLAIN, Placement
from model.policy import Choice, LayerPolicy, Use
from model.policy import Options as LayerOptions
from model.prompting.base import ChannelBase, Evidence, Heard, SegPrompts
from model.segmenters.base import Features, Segmenter
from model.similarity import similarity
from model.tokens import begin_marks
from model.tracing import Trace

Talk = Sequence[tuple[str, str | None]]  # questions and answers, the last answer open


@dataclass(frozen=True)
class Grounding:
    """``maps`` ``(S, h, w)`` float32 in [0, 1] over the patch grid, the prompts made from them, the layers that spoke,
    and their states ``(S, D)`` float32."""

    maps: torch.Tensor
    prompts: SegPrompts
    choice: Choice
    states: torch.Tensor


@dataclass(frozen=True)
class Layers:
    """One mark at every layer of the language model: ``layers`` their indices, ``states`` ``(L, D)`` float, ``maps``
    ``(L, h, w)`` float32 in [0, 1]."""

    layers: tuple[int, ...]
    states: torch.Tensor
    maps: torch.Tensor

    @property
    def bytes(self) -> int:
        """What it holds."""
        return self.states.nbytes + self.maps.nbytes


class GroundingModel(nn.Module):
    """Composes the parts; knows their contracts, never their names.

    Attributes:
        placement: settled; where the networks run and what they compute in when they are used.
    """

    def __init__(
        self, backbone: Backbone, segmenter: Segmenter, channels: dict[str, ChannelBase], config: ModelConfig
    ) -> None:
        super().__init__()
        self.backbone, self.segmenter, self.config = backbone, segmenter, config
        self.channels = nn.ModuleDict(channels)
        self.policy = LayerPolicy(config.layer, backbone.layers, backbone.state_size)
        if self.listener is not None and len(channels) > 1:
            raise ValueError(f"channels: one that listens to the answer's words stands alone: {', '.join(channels)}")
        self.placement = PLAIN
        self._offload: Offload | None = None

    @classmethod
    def build(
        cls, config: ModelConfig, tokenizer: PreTrainedTokenizerBase, device: str | torch.device = "cpu"
    ) -> "GroundingModel":
        """A model of random weights; ``device="meta"`` makes shapes alone, of any size, in no memory.

        Raises:
            ValueError: a part, a channel or an option is unknown.
        """
        with torch.device(device):
            family = backbones.load(config.backbone.family)
            options = settings(family.Options, config.backbone.options, "backbone")
            return cls.assemble(config, family.build(options, tokenizer), tokenizer)

    @classmethod
    def assemble(cls, config: ModelConfig, network: nn.Module, tokenizer: PreTrainedTokenizerBase) -> "GroundingModel":
        """A model of the backbone's ``network``, as its family builds or loads it; the other parts are random.

        Raises:
            ValueError: a part, a channel or an option is unknown, or the sizes do not fit together.
        """
        family = backbones.load(config.backbone.family)
        options = settings(family.Options, config.backbone.options, "backbone")
        backbone = family.Model(network, tokenizer, options, config.layer.candidates)
        drawer = segmenters.load(config.segmenter.family)
        sizes = settings(drawer.Options, config.segmenter.options, "segmenter")
        try:
            segmenter = drawer.Model(sizes)
        except (ArithmeticError, AssertionError, RuntimeError, TypeError) as error:
            raise ValueError(f"segmenter: its sizes do not fit together ({folders.reason(error)}): {sizes}") from error
        channels = {}
        for name, values in config.channels.items():
            channel = prompting.load(name)
            chosen = settings(channel.Options, values, f"channels: {name}")
            channels[name] = channel.Channel(chosen, backbone.state_size, segmenter.prompt_size)
        return cls(backbone, segmenter, channels, config)

    def begin_policy(self, layer: LayerOptions) -> None:
        """Choose layers in another way from now on, by a policy that has yet to learn."""
        self.config = replace(self.config, layer=layer)
        self.backbone.choose_layers(layer.candidates)
        self.policy = LayerPolicy(layer, self.backbone.layers, self.backbone.state_size).to(self.device)

    def _parts(self) -> tuple[str, ...]:
        """What is stored beside the backbone; a policy without weights is not."""
        return ("segmenter", "channels", *(("policy",) if self.policy.state_dict() else ()))

    # Placement

    @property
    def device(self) -> torch.device:
        """Where inputs go; a segmenter's encoder that waits elsewhere is not asked."""
        return next(self.backbone.parameters()).device

    def autocast(self, part: nn.Module) -> AbstractContextManager[object]:
        """What ``part`` computes in. One that is stored in float16 computes in that: bfloat16 autocast would round its
        weights anew for each product."""
        held = next(p.dtype for p in part.parameters() if p.is_floating_point())
        enabled = self.placement.precision == "bfloat16" and held != torch.float16
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=enabled)

    def place(self, placement: Placement) -> "GroundingModel":
        """Move to where ``placement`` says, to be used and not trained there. Weights keep their dtype, and ``bits``
        stay those that the folder was read with.

        Raises:
            ValueError: the machine lacks what it asks for, or other ``bits`` are asked for.
        """
        bits = self.placement.bits
        if placement.bits not in (None, bits):
            raise ValueError(f"{placement.bits} bits are chosen when a folder is read: give them to from_pretrained")
        stored = sum(tensor.numel() * tensor.element_size() for tensor in self.backbone.parameters())
        settled = replace(placement.settled(stored), bits=bits)
        device, encoder = torch.device(settled.device), self.segmenter.encoder
        if self._offload is not None:
            self._offload.remove()
            self._offload = None
        encoder.__dict__.pop("forward", None)  # compiled earlier
        waits = set(map(id, chain(encoder.parameters(), encoder.buffers()))) if settled.offload else set()
        try:
            for tensor in chain(self.parameters(), self.buffers()):
                where = torch.device("cpu") if id(tensor) in waits else device
                if tensor.device != where:
                    tensor.data = tensor.data.to(where)
        except torch.OutOfMemoryError as error:
            raise folders.no_room(device) from error
        if settled.offload and device.type != "cpu":
            self._offload = Offload(encoder, lambda tensor: tensor.to(device))
        if settled.compile:  # its forward alone: hooks stay outside
            encoder.forward = torch.compile(encoder.forward, dynamic=False)
        self.backbone.attend(settled.attention)
        self.placement = settled
        return self

    # Grounding

    @property
    def listener(self) -> ChannelBase | None:
        """The channel that takes its prompts from the words of the answer; None where marks give them."""
        channels: list[ChannelBase] = list(self.channels.values())  # type: ignore[arg-type]
        return next((channel for channel in channels if channel.listens), None)

    def put(self, talk: Talk) -> Talk:
        """A conversation's questions as the language model is asked them."""
        if self.listener is None:
            return talk
        return [(self.listener.put(question), answer) for question, answer in talk]

    def hear(self, text: str, question: str, size: tuple[int, int]) -> Heard:
        """What the words of an answer about an image of ``size`` (H, W) ask to be drawn; nothing where marks do."""
        if self.listener is None:
            return Heard()
        return self.listener.hear(text, question, self.backbone.input_frame(size))

    def maps(self, trace: Trace, choice: Choice | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """What the layers chosen say of an image's marks; the layers in use if ``choice`` is None.

        Returns:
            The states ``(S, D)`` that the embedding is made of, and the similarity maps ``(S, h, w)``, both float32.
        """
        choice = choice or self.policy.choose(trace.marks)
        with torch.autocast(trace.marks.device.type, enabled=False):  # maps place points: keep their precision
            valid = self._valid(trace)
            if choice.layers is None:
                shares = choice.weights.unbind(dim=1)
                every = [
                    similarity(trace.marks[:, index], trace.image[index], trace.grid, valid) * share[:, None, None]
                    for index, share in enumerate(shares)
                ]
                states, maps = torch.einsum("sl,sld->sd", choice.weights, trace.marks.float()), sum(every)
                assert isinstance(maps, torch.Tensor)
            else:
                rows = torch.arange(len(trace), device=trace.marks.device)
                states = trace.marks[rows, choice.layers].float()
                image = trace.image[choice.layers] if trace.image.shape[0] > 1 else trace.image[0]
                maps = similarity(states, image, trace.grid, valid)
            if self.config.layer.layer_for == "map":
                states = trace.marks[:, -1].float()
        return states, maps

    def ground(self, trace: Trace, size: tuple[int, int], choice: Choice | None = None) -> Grounding:
        """From the marks of an image, of the original ``size`` (H, W), to prompts for the segmenter; by the layers in
        use if ``choice`` is None."""
        choice = choice or self.policy.choose(trace.marks)
        states, maps = self.maps(trace, choice)
        return Grounding(maps, self.prompts(states, maps, trace.frame, size), choice, states)

    def prompts(
        self,
        states: torch.Tensor,
        maps: torch.Tensor,
        frame: Frame,
        size: tuple[int, int],
        options: Mapping[str, Any] | None = None,
    ) -> SegPrompts:
        """What the channels make of marks.

        Args:
            states: ``(S, D)`` float32, that an embedding is made of.
            maps: ``(S, h, w)`` float32 in [0, 1].
            frame: original pixels -> the maps' grid.
            size: ``(H, W)`` of the original.
            options: settings of channels, instead of their own.

        Raises:
            ValueError: no channel here has an option of that name, or it cannot have that value.
        """
        channels: list[ChannelBase] = list(self.channels.values())  # type: ignore[arg-type]
        if options:
            channels = prompting.changed(channels, options, frame.target)
        with torch.autocast(states.device.type, enabled=False):
            evidence = Evidence(
                states, maps, frame, self.segmenter.frame(size), self.segmenter.mask_frame(size), self.config.published
            )
            prompts = SegPrompts()
            for channel in channels:
                prompts = prompts.merge(channel(evidence))
        return prompts

    def layers(self, image: np.ndarray, said: torch.Tensor) -> Layers:
        """What each of the language model's layers says of one mark, whichever its policy takes.

        Args:
            image: ``(H, W, 3)`` uint8 RGB; read again for it, since the states of all layers are too much to keep.
            said: ``(T,)`` int64, the tokens after the picture up to the one that predicted the mark.
        """
        with self.autocast(self.backbone):
            trace = self.backbone.reread(image, said)
        with torch.autocast(trace.marks.device.type, enabled=False):
            maps = similarity(trace.marks[0], trace.image, trace.grid, self._valid(trace))
        return Layers(trace.layers, trace.marks[0], maps)

    def _valid(self, trace: Trace) -> torch.Tensor:
        valid = published.cells(trace.frame) if self.config.published else trace.frame.valid_mask()
        return valid.to(trace.marks.device)

    def choose(self, trace: Trace, features: Features) -> Choice:
        """The layers in use for the marks of an image: those of the policy, or of its most probable ones those whose
        masks the segmenter itself thinks best of."""
        layer = self.config.layer
        if not (layer.draws_layers and layer.at_use == "best" and len(trace)):
            return self.policy.choose(trace.marks)
        tried = self.policy.ranked(trace.marks)
        prompts = [self.ground(trace, features.frame.source, choice).prompts for choice in tried]
        masks = self.segmenter.decode(features, SegPrompts.stacked(prompts))
        best = masks.iou[:, 0].view(len(tried), len(trace)).argmax(dim=0)
        return Choice.mixed(tried, best)

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype | None = None) -> None:
        """Write a checkpoint folder of safetensors and JSON; complete or not at all.

        Args:
            folder: replaced if it exists.
            dtype: to store the weights in; as they are if None.

        Raises:
            ValueError: the language model is rounded to a few bits, from which its weights do not come back.
        """
        if self.placement.bits is not None:
            raise ValueError(f"a model in {self.placement.bits} bits cannot be saved: read it without bits for that")
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            configs.write(self.config, made / "config.json")
            self.backbone.save(made / "backbone", dtype)
            for part in self._parts():
                safetensors.torch.save_file(folders.stored(getattr(self, part), dtype), made / f"{part}.safetensors")
            made.chmod(0o755)
            folders.put(folder, made)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    @staticmethod
    def stored(folder: Path) -> int:
        """Bytes of the backbone of a checkpoint folder, by which a :class:`Placement` settles."""
        return sum(path.stat().st_size for path in (folder / "backbone").glob("*.safetensors"))

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        placement: Placement | None = None,
        layer: Use | None = None,
        change: Callable[[ModelConfig], ModelConfig] | None = None,
    ) -> "GroundingModel":
        """Read a checkpoint folder.

        Args:
            folder: as :meth:`save_pretrained` or ``pinpoint convert`` wrote it.
            placement: where to, and the backbone's dtype (:meth:`Placement.weights`); on the CPU if None. Segmenter,
                channels and policy are float32.
            layer: how its layer policy is applied ("likely", "best" or "last"), instead of what the folder says.
            change: makes another configuration of the folder's, to train: the networks are read, channels and policy
                are new, and so are marks that the language model did not have.

        Raises:
            ValueError: the folder is no checkpoint, or a part of it is missing, damaged or of another shape; or the
                machine lacks what ``placement`` asks for, or the memory.
        """
        placement = placement or Placement(device="cpu")
        placement.check()
        folder = Path(folder)
        if not folder.is_dir():
            raise ValueError(f"no checkpoint at {folder}: name a folder that `pinpoint train` or a download has made")
        config, new = configs.read(folder / "config.json"), list[str]()
        if change is not None:
            held, config = config, change(config)
            new = configs.new_marks(held, config)
        if layer is not None:
            try:
                config = replace(config, layer=replace(config.layer, at_use=layer))
            except ValueError as error:
                raise ValueError(f"{folder}: {error}") from error
        family = backbones.load(config.backbone.family)
        options = settings(family.Options, config.backbone.options, "backbone")
        stored = cls.stored(folder)
        settled = placement.settled(stored)
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder / "backbone", local_files_only=True)
            network = family.load(folder / "backbone", options, placement.weights(stored), settled)
        except torch.OutOfMemoryError as error:
            raise folders.no_room(settled.device) from error
        except Exception as error:  # a damaged file makes the libraries raise nearly anything
            raise folders.damaged(folder / "backbone", error) from error
        if new:
            begin_marks(network, tokenizer, new)
            config = configs.with_vocabulary(config, len(network.get_input_embeddings().weight))
        try:
            model = cls.assemble(config, network, tokenizer)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error
        for part in model._parts() if change is None else ("segmenter",):
            folders.load(getattr(model, part), folder / f"{part}.safetensors")
        try:
            learned = model.backbone.encode_chat([("Where?", f"Here {SEG}.")]).labels
        except Exception as error:  # a chat template is a program
            raise folders.damaged(folder / "backbone", error) from error
        marked = learned >= 0 if model.listener is not None else learned == model.backbone.mark_ids[0]
        if not marked.any():
            raise ValueError(f"{folder / 'backbone'}: its chat template does not tell which words are an answer")
        model.placement = replace(PLAIN, bits=settled.bits)
        return model.eval().place(settled)
