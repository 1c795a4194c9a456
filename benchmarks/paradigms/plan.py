"""The runs of the comparison. A new one is a line of :data:`RUNS`."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from model.policy import Options, Use

LAST = Options()
CHANNELS = ("embedding", "points", "mask")  # the order in which a model joins them
OWN = "own"  # the only way in which a layer policy that has no weights is applied
Question = Literal["channels", "layers", "reward", "reinforcement"]
QUESTIONS: dict[Question, str] = {
    "channels": "Which prompts, all from the last layer?",
    "layers": "Which layer speaks, with all channels?",
    "reward": "What rewards a draw of layers?",
    "reinforcement": "Does reinforcement improve what supervision has taught, more than further supervision?",
}


@dataclass(frozen=True)
class Run:
    """One training and its evaluations.

    Attributes:
        name: as it is typed, and as its folder is called.
        question: what it helps to answer.
        about: what it is, in words.
        channels: of the model.
        layer: its layer policy; the policy "fixed" takes the middle layer.
        reward: of :class:`train.objectives.grounding.Options`.
        after: the run whose model it goes on from; its channels and policy stay. None: the common start.
        reinforced: trained by GRPO instead of true answers.
        against: the run that its answers are compared with, question by question; itself: none.
    """

    name: str
    question: Question
    about: str
    channels: tuple[str, ...] = CHANNELS
    layer: Options = LAST
    reward: Literal["iou", "estimate"] = "iou"
    after: str | None = None
    reinforced: bool = False
    against: str = "all"

    @property
    def uses(self) -> tuple[Use | None, ...]:
        """The ways in which its layer policy is applied when it is evaluated, the model's own first; None where there
        is but one."""
        if self.layer.draws_layers:
            return ("likely", "best", "last")
        return ("likely", "last") if self.layer.learned else (None,)


_GROUP = Options(policy="group")

RUNS = (
    Run("embedding", "channels", "the embedding alone: LISA and GSVA", ("embedding",)),
    Run("points", "channels", "Similarity as Points alone", ("points",)),
    Run("mask", "channels", "Mask as Prompt alone", ("mask",)),
    Run("embedding-points", "channels", "READ", ("embedding", "points")),
    Run("embedding-mask", "channels", "UGround's channels", ("embedding", "mask")),
    Run("points-mask", "channels", "no embedding", ("points", "mask")),
    Run("all", "channels", "all three: the preset pinpoint"),
    Run("fixed", "layers", "always the middle layer", layer=Options(policy="fixed")),
    Run("soft", "layers", "soft gating: the expected map of all layers", layer=Options(policy="soft")),
    Run("sampled-ema", "layers", "one draw, a moving average as baseline", layer=Options(policy="sampled")),
    Run(
        "sampled-critic", "layers", "one draw, a critic as baseline", layer=Options(policy="sampled", baseline="critic")
    ),
    Run("group", "layers", "four draws, each compared with the others", layer=_GROUP),
    Run("group-lean", "layers", "the same, beginning near the last layer", layer=Options(policy="group", lean=3.0)),
    Run(
        "uground",
        "layers",
        "the preset uground: embedding and mask, one draw, a moving average",
        ("embedding", "mask"),
        Options(policy="sampled"),
    ),
    Run(
        "group-estimate",
        "reward",
        "as group, rewarded by SAM's own estimate",
        layer=_GROUP,
        reward="estimate",
        against="group",
    ),
    Run("all-more", "reinforcement", "all, then further supervision", after="all"),
    Run("all-grpo", "reinforcement", "all, then GRPO on words", after="all", reinforced=True, against="all-more"),
    Run("group-more", "reinforcement", "group, then further supervision", layer=_GROUP, after="group", against="group"),
    Run(
        "group-grpo",
        "reinforcement",
        "group, then GRPO on words and layers",
        layer=_GROUP,
        after="group",
        reinforced=True,
        against="group-more",
    ),
)
BY_NAME = {run.name: run for run in RUNS}


@dataclass(frozen=True)
class Job:
    """A run under a seed."""

    run: Run
    seed: int

    @property
    def name(self) -> str:
        return f"{self.run.name}-{self.seed}"

    @property
    def after(self) -> "Job | None":
        """The job whose model it goes on from."""
        return None if self.run.after is None else Job(BY_NAME[self.run.after], self.seed)


def jobs(only: Sequence[str] | None, seeds: Sequence[int]) -> list[Job]:
    """All runs, or those named, under each seed: the first seed's before the second's.

    Raises:
        ValueError: there is no such run.
    """
    for name in only or ():
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, BY_NAME, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(BY_NAME)}"
            raise ValueError(f"--only: no run {name!r}: {hint}")
    chosen = [run for run in RUNS if not only or run.name in only]
    return [Job(run, seed) for seed in dict.fromkeys(seeds) for run in chosen]
