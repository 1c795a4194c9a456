"""Thinking before answering: the chat template opens ``<think>`` where an answer begins, in training and in use.

Supervised tuning teaches to close it again; reinforcement may then change what is thought.
"""

from collections.abc import Sequence
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from data.sample import Sample, Turn
from train.rewards.base import CLOSE, OPEN

OPENING = "{% if add_generation_prompt %} " + OPEN + "{% endif %}"


def begin(tokenizer: PreTrainedTokenizerBase) -> None:
    """Let every answer begin inside of a thought; a template that does so already stays as it is.

    Raises:
        ValueError: the tokenizer has no template of its own.
    """
    template = tokenizer.chat_template
    if not isinstance(template, str):
        raise ValueError("options: think: the model's tokenizer has no chat template to open a thought in")
    if not template.endswith(OPENING):
        tokenizer.chat_template = template + OPENING


def aloud(samples: Sequence[Sample]) -> list[Sample]:
    """The same conversations with a thought before each answer: what is asked for, what of it is there, what is not."""
    return [replace(s, turns=tuple(replace(turn, answer=thoughtful(turn)) for turn in s.turns)) for s in samples]


def thoughtful(turn: Turn) -> str:
    """The true answer with its thought."""
    there = [target.phrase for target in turn.targets if not target.absent]
    absent = [target.phrase for target in turn.targets if target.absent]
    parts = [("Asked for", [*there, *absent] or ["words"]), ("There", there), ("Not there", absent)]
    thought = " ".join(f"{name}: {', '.join(phrases)}." for name, phrases in parts if phrases)
    return f"{OPEN} {thought} {CLOSE} {turn.answer}"
