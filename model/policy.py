"""Layer policies: which of the language model's layers speaks for a mark (UGround, Stochastic Skip Connection)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import distributed, nn
from torch.distributions import Categorical
from torch.nn import functional

Use = Literal["likely", "best", "last"]


@dataclass(frozen=True)
class Options:
    """Settings.

    Attributes:
        policy: "last" (after the final norm); "fixed" (``index``); "soft" (the expected map under a learned softmax);
            "sampled" (one layer is drawn for each mark, learned by REINFORCE); "group" (``draws`` layers are drawn for
            each mark, each is rewarded by its own mask).
        index: of the layer of "fixed"; 0 is the embedding.
        layer_for: what the policy's layer feeds: the "map" alone (the embedding is then the last layer's; UGround's
            mode 2), or "map+embedding" (mode 3).
        at_use: how a learned policy is applied outside training: its "likely" layer, the "best" of its ``top`` layers
            by the segmenter's own estimate, or the "last" layer, as if there were none.
        top: layers that "best" compares.
        baseline: of "sampled": an exponential moving average of the reward, moved before it is used, or a critic of the
            mark's layer probabilities (both as UGround has them, but with one reward a mark).
        decay: of that average.
        draws: K of "group".
        entropy: weight of the bonus on the entropy of "group".
        lean: what the last layer's logit has beside what is learned: at 0 all layers begin alike; a model that has
            learned with its last layer alone starts better from 3, where that is drawn most of the time.
    """

    policy: Literal["last", "fixed", "soft", "sampled", "group"] = "last"
    index: int | None = None
    layer_for: Literal["map", "map+embedding"] = "map+embedding"
    at_use: Use = "likely"
    top: int = 3
    baseline: Literal["ema", "critic"] = "ema"
    decay: float = 0.9
    draws: int = 4
    entropy: float = 0.01
    lean: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for values that could only fail later, or do nothing."""
        if self.policy == "group" and self.draws < 2:
            raise ValueError(f"layer: draws: a group compares at least 2 draws of a mark, not {self.draws}")
        if self.top < 1:
            raise ValueError(f"layer: top: at least 1 layer is compared, not {self.top}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"layer: decay: {self.decay} is not in [0, 1)")
        if self.at_use == "best" and not self.draws_layers:
            raise ValueError(f"layer: at_use: 'best' needs a learned policy that draws, and this is {self.policy!r}")

    @property
    def learned(self) -> bool:
        """Whether it has weights: then every layer may speak."""
        return self.policy in ("soft", "sampled", "group")

    @property
    def draws_layers(self) -> bool:
        """Whether training draws layers at random."""
        return self.policy in ("sampled", "group")

    def candidates(self, count: int) -> tuple[int, ...]:
        """The layers that a backbone with ``count`` states (layers + 1) must keep, ascending; the last one is among
        them where the embedding needs it.

        Raises:
            ValueError: the fixed layer is not there, or an index is given that is not used.
        """
        if (self.policy == "fixed") != (self.index is not None):
            raise ValueError("layer: 'index' belongs to the policy 'fixed', which needs it")
        if self.learned:
            return tuple(range(count))
        if self.policy == "last":
            return (count - 1,)
        assert self.index is not None
        if not 0 <= self.index < count:
            raise ValueError(f"layer: index: {self.index} is none from 0 to {count - 1}")
        return (self.index,) if self.layer_for == "map+embedding" else tuple(sorted({self.index, count - 1}))


@dataclass(frozen=True)
class Choice:
    """The layers of S marks.

    Attributes:
        weights: ``(S, L)`` float32, the share of each candidate layer; one-hot unless soft. Differentiable where soft.
        log_probabilities: ``(S, L)`` float32, differentiable, what a learned policy thinks of each candidate layer;
            else None.
        layers: ``(S,)`` int64, the layer chosen, as its position among the candidates; None where all are mixed.
    """

    weights: torch.Tensor
    log_probabilities: torch.Tensor | None
    layers: torch.Tensor | None

    @property
    def log_prob(self) -> torch.Tensor:
        """``(S,)`` float32, of the layers chosen, differentiable."""
        assert self.log_probabilities is not None and self.layers is not None, "only a learned policy draws"
        return self.log_probabilities.gather(1, self.layers[:, None])[:, 0]

    @property
    def probabilities(self) -> torch.Tensor:
        """``(S, L)`` float32, of each candidate layer."""
        return self.weights if self.log_probabilities is None else self.log_probabilities.exp()

    @classmethod
    def mixed(cls, choices: Sequence["Choice"], which: torch.Tensor) -> "Choice":
        """Of several choices for the same S marks, for mark i the one numbered ``which[i]`` (int64)."""
        rows = torch.arange(len(which), device=which.device)
        weights = torch.stack([choice.weights for choice in choices])[which, rows]
        return cls(weights, choices[0].log_probabilities, weights.argmax(dim=1))

    @classmethod
    def joined(cls, choices: Sequence["Choice"]) -> "Choice":
        """The choices of several lots of marks, in order, as one."""
        rows = zip(*((choice.weights, choice.log_probabilities, choice.layers) for choice in choices), strict=True)
        parts = (None if part[0] is None else torch.cat(part) for part in rows)
        return cls(*parts)  # type: ignore[arg-type]

    def select(self, index: torch.Tensor) -> "Choice":
        """The same choice for the marks of ``index`` (bool or int64) alone."""
        parts = (self.weights, self.log_probabilities, self.layers)
        return Choice(*(None if part is None else part[index] for part in parts))  # type: ignore[arg-type]


class LayerPolicy(nn.Module):
    """Chooses layers for marks.

    ``logit_l = <w_l, sg(s_l)>`` (design, section 4), w starting at zero, so that every layer is as likely at first
    unless it leans. The states are detached: the policy does not move the language model.

    Args:
        options: settings.
        candidates: the layers that the backbone keeps.
        state_size: D of the language model.
    """

    average: torch.Tensor

    def __init__(self, options: Options, candidates: tuple[int, ...], state_size: int) -> None:
        super().__init__()
        self.options, self.candidates = options, candidates
        if options.learned:
            self.weight = nn.Parameter(torch.zeros(len(candidates), state_size))
        if options.policy == "sampled" and options.baseline == "critic":
            self.critic = nn.Sequential(nn.Linear(len(candidates), 128), nn.ReLU(), nn.Linear(128, 1))
        elif options.policy == "sampled":
            self.register_buffer("average", torch.zeros(()))

    def log_probabilities(self, marks: torch.Tensor) -> torch.Tensor:
        """``(S, L, D)`` states of marks -> ``(S, L)`` float32, differentiable in the policy's weights alone."""
        known: torch.Tensor = self(marks)  # by a call: hooks that bring weights from other processes run then
        return known

    def forward(self, marks: torch.Tensor) -> torch.Tensor:
        """:meth:`log_probabilities`."""
        with torch.autocast(marks.device.type, enabled=False):  # a ratio of rounded probabilities is not 1
            logits = torch.einsum("sld,ld->sl", marks.detach().float(), self.weight.float())
            logits[:, -1] += self.options.lean
            return logits.log_softmax(dim=1)

    def choose(self, marks: torch.Tensor, use: Use | None = None) -> Choice:
        """The layers in use: the same for the same states. "best" needs masks to compare: see :meth:`ranked`.

        Args:
            marks: ``(S, L, D)`` float, states of the marks at the candidate layers.
            use: instead of the settings' ``at_use``.
        """
        if not self.options.learned:
            index = self.candidates[-1] if self.options.policy == "last" else self.options.index
            assert index is not None
            return _hard(marks.new_full((len(marks),), self.candidates.index(index), dtype=torch.int64), marks.shape[1])
        known = self.log_probabilities(marks)
        if (use or self.options.at_use) == "last":
            return _hard(torch.full_like(known[:, 0], known.shape[1] - 1, dtype=torch.int64), known.shape[1], known)
        if self.options.policy == "soft":
            return Choice(known.exp(), known, None)
        return _hard(known.argmax(dim=1), known.shape[1], known)

    def ranked(self, marks: torch.Tensor) -> list[Choice]:
        """What "best" compares: the ``top`` most probable layers of each mark, the first one first."""
        known = self.log_probabilities(marks)
        order = known.argsort(dim=1, descending=True, stable=True)
        return [_hard(order[:, rank], known.shape[1], known) for rank in range(min(self.options.top, known.shape[1]))]

    def draw(self, marks: torch.Tensor) -> list[Choice]:
        """Independent draws for each mark, from torch's own random numbers: one of "sampled", K of "group". Policies
        that draw nothing give their one choice."""
        if not self.options.draws_layers:
            return [self.choose(marks)]
        known = self.log_probabilities(marks)
        times = self.options.draws if self.options.policy == "group" else 1
        if not len(known):
            return [_hard(known.argmax(dim=1), known.shape[1], known)] * times
        law = Categorical(logits=known)
        return [_hard(law.sample(), known.shape[1], known) for _ in range(times)]

    def loss(
        self, marks: torch.Tensor, choices: Sequence[Choice], rewards: torch.Tensor, scale: float | None = None
    ) -> torch.Tensor:
        """What moves a policy that draws, over all marks of all processes; moves the baseline, too.

        The mean is over the marks of every process, so that the gradient, averaged over processes, is that of one
        process with all marks.

        Args:
            marks: ``(S, L, D)`` float, states of the marks drawn for; several images' marks may be joined.
            choices: the K draws.
            rewards: ``(K, S)`` float, one for each mark and draw.
            scale: what the sum over these marks is multiplied by, instead of what makes that mean.
        """
        log_prob = torch.stack([choice.log_prob for choice in choices])  # (K, S)
        rewards = rewards.detach().float()
        seen = _over_processes(torch.tensor(float(len(marks)), device=rewards.device))
        factor = _processes() / seen.clamp(min=1) if scale is None else scale
        if self.options.policy == "group":
            known = self.log_probabilities(marks)
            entropy = -(known.exp() * known).sum(dim=1)
            each = -(group_advantage(rewards) * log_prob).mean(dim=0) - self.options.entropy * entropy
            return each.sum() * factor
        if self.options.baseline == "critic":
            expected = self.critic(choices[0].probabilities.detach())[:, 0]
            each = (rewards[0] - expected) ** 2 - (rewards[0] - expected.detach()) * log_prob[0]
            return each.sum() * factor
        total = _over_processes(rewards.sum())
        if seen > 0:  # a batch without marks tells nothing of what to expect
            self.average.lerp_(total / seen, 1 - self.options.decay)
        return -((rewards[0] - self.average) * log_prob[0]).sum() * factor


def likeliest(choices: Sequence[Choice]) -> Choice:
    """Of several draws for the same marks the most probable one, for each mark."""
    if len(choices) == 1:
        return choices[0]
    return Choice.mixed(choices, torch.stack([choice.log_prob for choice in choices]).argmax(dim=0))


def group_advantage(rewards: torch.Tensor) -> torch.Tensor:
    """``(K, S)`` rewards -> advantages within the K draws of each mark; the deviation is at least 0.05 (design,
    section 4), so that draws that do equally well move nothing."""
    centred = rewards - rewards.mean(dim=0, keepdim=True)
    return centred / rewards.std(dim=0, keepdim=True, correction=0).clamp(min=0.05)


def _hard(layers: torch.Tensor, count: int, known: torch.Tensor | None = None) -> Choice:
    return Choice(functional.one_hot(layers, count).float(), known, layers)


def _over_processes(value: torch.Tensor) -> torch.Tensor:
    """The sum of a scalar over all processes."""
    if _processes() == 1:
        return value
    value = value.clone()
    distributed.all_reduce(value)
    return value


def _processes() -> int:
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
