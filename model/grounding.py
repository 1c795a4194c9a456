"""The grounding model: a backbone that writes marks, channels that turn them into prompts, a segmenter that draws."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from data.sample import SEG
from data.settings import build as settings
from model import backbones, prompting, published, segmenters
from model import config as configs
from model.backbones.base import Backbone
from model.config import ModelConfig
from model.policy import Choice, LayerPolicy, Use
from model.prompting.base import ChannelBase, Evidence, SegPrompts
from model.segmenters.base import Features, Segmenter
from model.similarity import similarity
from model.tracing import Trace

LARGE = 4_000_000_000  # bytes


@dataclass(frozen=True)
class Grounding:
    """``maps`` ``(S, h, w)`` float32 in [0, 1] over the patch grid, the prompts made from them, and the layers that
    spoke."""

    maps: torch.Tensor
    prompts: SegPrompts
    choice: Choice


class GroundingModel(nn.Module):
    """Composes the parts; knows their contracts, never their names."""

    def __init__(
        self, backbone: Backbone, segmenter: Segmenter, channels: dict[str, ChannelBase], config: ModelConfig
    ) -> None:
        super().__init__()
        self.backbone, self.segmenter, self.config = backbone, segmenter, config
        self.channels = nn.ModuleDict(channels)
        self.policy = LayerPolicy(config.layer, backbone.layers, backbone.state_size)

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
            raise ValueError(f"segmenter: its sizes do not fit together ({_reason(error)}): {sizes}") from error
        channels = {}
        for name, values in config.channels.items():
            channel = prompting.load(name)
            chosen = settings(channel.Options, values, f"channels: {name}")
            channels[name] = channel.Channel(chosen, backbone.state_size, segmenter.prompt_size)
        return cls(backbone, segmenter, channels, config)

    def _parts(self) -> tuple[str, ...]:
        """What is stored beside the backbone; a policy without weights is not."""
        return ("segmenter", "channels", *(("policy",) if self.policy.state_dict() else ()))

    def maps(self, trace: Trace, choice: Choice | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """What the layers chosen say of an image's marks; the layers in use if ``choice`` is None.

        Returns:
            The states ``(S, D)`` that the embedding is made of, and the similarity maps ``(S, h, w)``, both float32.
        """
        choice = choice or self.policy.choose(trace.marks)
        with torch.autocast(trace.marks.device.type, enabled=False):  # maps place points: keep their precision
            valid = published.cells(trace.frame) if self.config.published else trace.frame.valid_mask()
            valid = valid.to(trace.marks.device)
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
        with torch.autocast(states.device.type, enabled=False):
            evidence = Evidence(
                states,
                maps,
                trace.frame,
                self.segmenter.frame(size),
                self.segmenter.mask_frame(size),
                self.config.published,
            )
            prompts = SegPrompts()
            for channel in self.channels.values():
                prompts = prompts.merge(channel(evidence))
        return Grounding(maps, prompts, choice)

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
        """
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            configs.write(self.config, made / "config.json")
            self.backbone.save(made / "backbone", dtype)
            for part in self._parts():
                safetensors.torch.save_file(_stored(getattr(self, part), dtype), made / f"{part}.safetensors")
            made.chmod(0o755)
            _replace(folder, made)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        device: str | torch.device = "cpu",
        layer: Use | None = None,
        dtype: torch.dtype | None = None,
    ) -> "GroundingModel":
        """Read a checkpoint folder.

        Args:
            folder: as :meth:`save_pretrained` or ``pinpoint convert`` wrote it.
            device: where to.
            layer: how its layer policy is applied ("likely", "best" or "last"), instead of what the folder says.
            dtype: of the backbone. If None it is float32; where more than LARGE bytes are stored, which in float32 fit
                few machines, as stored on a GPU and bfloat16 on a CPU (float16 is slow there). Segmenter, channels and
                policy are float32.

        Raises:
            ValueError: the folder is no checkpoint, or a part of it is missing, damaged or of another shape.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ValueError(f"no checkpoint at {folder}: name a folder that `pinpoint train` or a download has made")
        config = configs.read(folder / "config.json")
        if layer is not None:
            try:
                config = replace(config, layer=replace(config.layer, at_use=layer))
            except ValueError as error:
                raise ValueError(f"{folder}: {error}") from error
        family = backbones.load(config.backbone.family)
        options = settings(family.Options, config.backbone.options, "backbone")
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder / "backbone", local_files_only=True)
            stored = sum(path.stat().st_size for path in (folder / "backbone").glob("*.safetensors"))
            large = None if torch.device(device).type == "cuda" else torch.bfloat16
            network = family.load(folder / "backbone", options, dtype or (large if stored > LARGE else torch.float32))
        except Exception as error:  # a damaged file makes the libraries raise nearly anything
            raise _damaged(folder / "backbone", error) from error
        try:
            model = cls.assemble(config, network, tokenizer)
        except ValueError as error:
            raise ValueError(f"{folder}: {error}") from error
        for part in model._parts():
            _load(getattr(model, part), folder / f"{part}.safetensors")
        try:
            learned = model.backbone.encode_chat([("Where?", f"Here {SEG}.")]).labels
        except Exception as error:  # a chat template is a program
            raise _damaged(folder / "backbone", error) from error
        if model.backbone.mark_ids[0] not in learned.tolist():
            raise ValueError(f"{folder / 'backbone'}: its chat template does not tell which words are an answer")
        return model.to(device).eval()


def _stored(module: nn.Module, dtype: torch.dtype | None) -> dict[str, torch.Tensor]:
    """The module's tensors as they are stored: parameters in ``dtype``; buffers, which place points, as they are."""
    learned = {name for name, _ in module.named_parameters()}
    return {
        name: value.detach().to("cpu", dtype if name in learned else None).contiguous()
        for name, value in module.state_dict().items()
    }


def _replace(folder: Path, made: Path) -> None:
    """Put ``made`` in the place of ``folder``, which comes back if that fails."""
    old = folder.with_name(f".{folder.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _load(module: nn.Module, path: Path) -> None:
    """Load one part strictly.

    Raises:
        ValueError: the file is missing or damaged, or its tensors are not the module's.
    """
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise _damaged(path, error) from error
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise ValueError(f"{path} does not fit its config.json: {'; '.join(lines)[:300]}") from error


def _damaged(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is missing or damaged ({_reason(error)}); fetch the checkpoint again")


def _reason(error: Exception) -> str:
    """The first line that an error says, or its name."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
