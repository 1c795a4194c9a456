"""Answers sampled by the policy itself, with the masks that it draws: what the reinforcement stage learns from.

The words are drawn token by token, and for each ``<SEG>`` that is matched with a target K layers are drawn: those are
the actions. What rewards see is grounded as in use.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from data import masks as rle
from data.sample import RLE, Turn
from model import losses
from model.backbones.base import Encoded, Generated
from model.grounding import GroundingModel
from model.policy import Choice
from model.prompting.base import SegPrompts, Spoken
from model.segmenters.base import Features
from model.spoken import lots
from model.tokens import MARK, phrases
from model.tracing import Trace
from train.rewards.base import CLOSE, OPEN, Answered, Mark

TOGETHER = 16  # masks decoded at once: at the size of a photograph each takes tens of megabytes


@dataclass(frozen=True)
class Asked:
    """A question about a picture.

    Attributes:
        number: of the picture in the run's stream; rows of one number share it.
        image: ``(H, W, 3)`` uint8 RGB.
        mllm: ``(3, Hb, Wb)`` uint8, prepared for the backbone.
        sam: ``(3, S, S)`` uint8, prepared for the segmenter.
        history: earlier questions of the conversation, with their true answers.
        turn: the question, with its truth.
        void: pixels that count neither way, or None.
        source: the dataset that it comes from.
        id: of the sample that it is the question of.
    """

    number: int
    image: np.ndarray
    mllm: torch.Tensor
    sam: torch.Tensor
    history: tuple[tuple[str, str], ...]
    turn: Turn
    void: RLE | None = None
    source: str = ""
    id: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """``(H, W)`` of the picture."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def turns(self) -> list[tuple[str, str | None]]:
        """The conversation, its last answer open."""
        return [*self.history, (self.turn.question, None)]


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn: at a ``temperature``, of at most ``longest`` tokens, ``at_once`` in a batch; ``thinks``:
    they begin with thinking."""

    temperature: float = 1.0
    longest: int = 96
    at_once: int = 64
    thinks: bool = False


@dataclass(frozen=True)
class Actions:
    """The layers drawn for A marks of one answer.

    Attributes:
        marks: ``(A,)`` int64, which of the answer's marks.
        layers: ``(K, A)`` int64, the draws, as positions among the candidates.
        log_probabilities: ``(K, A)`` float32, of each draw when it was made.
        rewards: ``(K, A)`` float32, IoU of the mask that each draw leads to.
    """

    marks: torch.Tensor
    layers: torch.Tensor
    log_probabilities: torch.Tensor
    rewards: torch.Tensor


@dataclass(frozen=True)
class Rollout:
    """One sampled answer: its question, ``prompt`` and ``ids`` (T,) int64 with the end mark if there was one, what
    rewards see, and the layers drawn (None for none)."""

    asked: Asked
    prompt: Encoded
    ids: torch.Tensor
    answered: Answered
    actions: Actions | None

    @property
    def chat(self) -> Encoded:
        """The whole conversation."""
        return answered(self.prompt, self.ids)


def answered(prompt: Encoded, ids: torch.Tensor) -> Encoded:
    """A question and the ``(T,)`` int64 ids of its answer; what was sampled is learned, and nothing else."""
    unlearned = torch.full_like(prompt.ids, -100)
    return Encoded(torch.cat([prompt.ids, ids]), torch.cat([unlearned, ids]), prompt.prefix)


@torch.no_grad()
def roll_out(model: GroundingModel, rows: Sequence[Asked], how: Sampling) -> list[Rollout]:
    """An answer to each row, drawn from torch's own random numbers. A picture that several rows share is read, encoded
    and decoded on once.

    Args:
        model: its backbone is put into evaluation for as long as it writes.
        rows: questions, each as often as it is to be answered.
        how: settings.
    """

    def pick(logits: torch.Tensor) -> torch.Tensor:
        return torch.multinomial((logits.float() / how.temperature).softmax(dim=-1), 1)[:, 0]

    backbone, groups = model.backbone, _groups(rows)
    training = backbone.training
    backbone.eval()
    try:
        prefixes = {number: backbone.read(rows[places[0]].image) for number, places in groups.items()}
        written: list[Generated] = []
        for start in range(0, len(rows), how.at_once):
            lot = rows[start : start + how.at_once]
            seen = [prefixes[row.number] for row in lot]
            talks = [model.put(row.turns) for row in lot]
            written += backbone.generate(seen, talks, how.longest, pick=pick)
    finally:
        backbone.train(training)
    made: list[Rollout | None] = [None] * len(rows)
    for places in groups.values():
        asked, answers = rows[places[0]], [written[place] for place in places]
        prompt = backbone.encode_chat(model.put(asked.turns))
        drawn = (_grounded if model.listener is None else _spoken)(model, asked, answers, how.thinks)
        for place, answer, judged in zip(places, answers, drawn, strict=True):
            end = [backbone.eos_id] if answer.stop == "end" else []
            ids = torch.tensor([*answer.ids.tolist(), *end], dtype=torch.int64)
            made[place] = Rollout(asked, prompt, ids, *judged)
    return [rollout for rollout in made if rollout is not None]


def _groups(rows: Sequence[Asked]) -> dict[int, list[int]]:
    """The places of the rows that share a picture and question, by its number."""
    groups: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(row.number, []).append(place)
    return groups


def _grounded(
    model: GroundingModel, asked: Asked, written: Sequence[Generated], thinks: bool
) -> list[tuple[Answered, Actions | None]]:
    """What was answered, drawn and tried, for all answers to one question together."""
    trace = Trace.joined([answer.trace for answer in written])
    shown = (~trace.rejected).nonzero()[:, 0]
    masks: dict[int, np.ndarray] = {}
    lot, features = trace.select(shown), None
    if len(lot):
        features = model.segmenter.encode(asked.sam[None].to(model.device), [asked.size])[0]
        prompts = model.ground(lot, asked.size, model.choose(lot, features)).prompts
        drawn = _masks(model, features, prompts).cpu().numpy()
        masks = dict(zip(shown.tolist(), drawn, strict=True))
    truth, void = _truth(asked)
    answers, first, said = [], 0, []
    for answer in written:
        numbers = list(range(first, first + len(answer.trace)))
        first += len(numbers)
        names, spoken = _names(answer.text, numbers, thinks)
        marks = tuple(Mark(name, masks.get(number)) for name, number in zip(names, spoken, strict=True))
        answers.append(Answered(asked.turn, answer.text, answer.stop, marks, truth, void, thinks))
        said.append((spoken, numbers[0] if numbers else 0))
    if features is None or model.config.layer.policy != "group":
        return [(judged, None) for judged in answers]
    where = {number: place for place, number in enumerate(shown.tolist())}
    found = [
        (index, spoken[mark] - start, where[spoken[mark]], truth[target])
        for index, (judged, (spoken, start)) in enumerate(zip(answers, said, strict=True))
        for mark, target, _ in judged.matched
    ]
    tried = _tried(model, asked, lot, features, [(place, wanted) for _, _, place, wanted in found], void)
    acted: list[tuple[Answered, Actions | None]] = []
    for index, judged in enumerate(answers):
        mine = torch.tensor([row for row, (owner, *_) in enumerate(found) if owner == index], dtype=torch.int64)
        if tried is None or not len(mine):
            acted.append((judged, None))
            continue
        marks_of = torch.tensor([found[row][1] for row in mine.tolist()], dtype=torch.int64)
        acted.append((judged, Actions(marks_of, *(part[:, mine] for part in tried))))
    return acted


def _spoken(
    model: GroundingModel, asked: Asked, written: Sequence[Generated], thinks: bool
) -> list[tuple[Answered, Actions | None]]:
    """The same where targets stand in the answers' words; no layer speaks for them."""
    opened = OPEN if thinks else ""
    heard = [model.hear(opened + answer.text, asked.turn.question, asked.size).targets for answer in written]
    shown = [target for targets in heard for target in targets if not target.rejected]
    masks: dict[int, np.ndarray] = {}
    if shown:
        features = model.segmenter.encode(asked.sam[None].to(model.device), [asked.size])[0]
        for places, prompts in lots([target.prompts for target in shown]):
            drawn = _masks(model, features, prompts.on(model.device)).cpu().numpy()
            masks |= {id(shown[place]): mask for place, mask in zip(places, drawn, strict=True)}
    truth, void = _truth(asked)
    made: list[tuple[Answered, Actions | None]] = []
    for answer, targets in zip(written, heard, strict=True):
        marks = tuple(_mark(target, masks.get(id(target))) for target in targets)
        made.append((Answered(asked.turn, answer.text, answer.stop, marks, truth, void, thinks), None))
    return made


def _mark(target: Spoken, mask: np.ndarray | None) -> Mark:
    """What rewards see of a target; the places of one that is rejected are none of the answer's."""
    prompts = SegPrompts() if target.rejected else target.prompts
    box = None if prompts.boxes is None else tuple(prompts.boxes[0].tolist())
    points = () if prompts.points is None else tuple(map(tuple, prompts.points[0].tolist()))
    return Mark(target.phrase, mask, box, points)


def _truth(asked: Asked) -> tuple[tuple[np.ndarray | None, ...], np.ndarray | None]:
    """The masks of the targets, None for those that are not there, and what counts neither way."""
    truth = tuple(None if target.rle is None else rle.decode(target.rle) for target in asked.turn.targets)
    return truth, None if asked.void is None else rle.decode(asked.void)


def _names(text: str, numbers: list[int], thinks: bool) -> tuple[list[str], list[int]]:
    """The words that name each mark of the answer proper, and those marks' numbers."""
    thought, closed, answer = text.partition(CLOSE) if thinks else ("", CLOSE, text)
    if len(MARK.findall(text)) != len(numbers):  # a mark spelled letter by letter is none, and names cannot be told
        return [""] * len(numbers), numbers
    return phrases(answer) if closed else [], numbers[len(MARK.findall(thought)) :]


def _tried(
    model: GroundingModel,
    asked: Asked,
    lot: Trace,
    features: Features,
    wanted: Sequence[tuple[int, np.ndarray | None]],
    void: np.ndarray | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
    """Draw layers for marks of ``lot``, given with the target that each is matched with: layers, log-probabilities and
    IoUs, ``(K, A)`` each, in main memory."""
    if not wanted:
        return None
    index = torch.tensor([place for place, _ in wanted], device=lot.marks.device)
    truth = torch.from_numpy(np.stack([mask for _, mask in wanted if mask is not None])).to(lot.marks.device)
    unknown = None if void is None else torch.from_numpy(void).to(truth.device)
    acting = lot.select(index)
    with torch.autocast(lot.marks.device.type, enabled=False):
        choices: list[Choice] = model.policy.draw(acting.marks)
    rewards = []
    for choice in choices:
        drawn = _masks(model, features, model.ground(acting, asked.size, choice).prompts)
        if unknown is not None:
            drawn, truth = drawn & ~unknown, truth & ~unknown
        rewards.append(losses.true_iou(drawn.float(), truth))
    layers = torch.stack([choice.layers for choice in choices if choice.layers is not None])
    known = torch.stack([choice.log_prob for choice in choices])
    return layers.cpu(), known.cpu(), torch.stack(rewards).cpu()


def _masks(model: GroundingModel, features: Features, prompts: SegPrompts) -> torch.Tensor:
    """``(S, H, W)`` bool, original pixels."""
    low = model.segmenter.decode(features, prompts).low
    return torch.cat([model.segmenter.upscale(part, features)[:, 0] > 0 for part in low.split(TOGETHER)])
