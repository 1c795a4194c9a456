"""Requests in words that no table has, for training alone: what is asked for stays, what is said around it does not.

A model that has only heard a few dozen wordings takes an unknown one for an unknown question. Here the words around the
names, colours and places are drawn at random, down to words that do not exist, so that they can mean nothing.
"""

import re
from random import Random

from data.templates.filling import CALLS, ENDINGS, OPENINGS, WORDS
from data.world.nouns import a, upper

_STARTS = ("b", "bl", "d", "dr", "f", "g", "gr", "k", "l", "m", "n", "p", "pr", "r", "s", "t", "tr", "v", "w", "z")
_ENDS = ("", "b", "ck", "d", "ft", "g", "lm", "n", "nd", "p", "r", "sk", "st", "t", "x")
INVENTED = 0.3
"""Share of the filling words that do not exist."""
SMALL_START = 0.5


def request(rng: Random, text: str, plural: bool) -> str:
    """A request for what a phrase says ("the red cup"), in any words or in none."""
    draw = rng.random()
    if draw < 0.45:
        before, after = rng.choice(OPENINGS), rng.choice(ENDINGS) if rng.random() < 0.3 else ""
    elif draw < 0.75:
        before, after = filling(rng, rng.randint(1, 6)), filling(rng, rng.choice((0, 0, 1, 2, 4)))
    else:
        before, after = "", rng.choice(ENDINGS) if rng.random() < 0.5 else ""
    return around(rng, join(rng, before, articles(rng, text, plural), after))


def loosen(rng: Random, wording: str) -> str:
    """A wording whose fields say all that counts, with words between them left out, changed and added."""
    out: list[str] = []
    for word in wording.split():
        core = word.strip(".,?")
        if "{" in word or core in ("the", "it", "and"):
            out.append(word)
            continue
        draw = rng.random()
        if draw < 0.35:
            continue
        out.append(filling(rng, 1) if draw < 0.7 else word)
    if rng.random() < 0.3:
        out.append(filling(rng, rng.randint(1, 3)))
    return " ".join(out)


def around(rng: Random, text: str) -> str:
    """The same question with a word before it and one after, as a person types it."""
    if rng.random() < 0.2:
        text = f"{rng.choice(CALLS)} {text}"
    if rng.random() < 0.1:
        text = f"{text.rstrip('?.')}, {rng.choice(ENDINGS)}"
    if rng.random() < 0.6:
        text = text.rstrip("?.,:") + rng.choice(("", "", "", ".", "?", "!", "..", "?!", " ?"))
    return text.lower() if rng.random() < SMALL_START else upper(text)


def articles(rng: Random, text: str, plural: bool) -> str:
    """Other words in the place of "the"."""
    draw = rng.random()
    if draw < 0.5:
        return text
    if draw < 0.65:
        return text.replace("the ", "")
    if draw < 0.8 and not plural:
        return re.sub(r"\bthe (\w)", lambda found: a(found[1]), text)
    return text.replace("the ", f"{rng.choice(('my', 'that', 'this', 'your', 'our'))} ")


def filling(rng: Random, count: int) -> str:
    """So many words that mean nothing here."""
    return " ".join(_invented(rng) if rng.random() < INVENTED else rng.choice(WORDS) for _ in range(count))


def join(rng: Random, *parts: str) -> str:
    """The parts that are not empty, here and there with a sign between them."""
    text, *rest = [part for part in parts if part]
    for part in rest:
        text += rng.choice(("", "", "", ",", ":", ".", " -", "!")) * (text[-1].isalpha()) + f" {part}"
    return text


def _invented(rng: Random) -> str:
    return "".join(
        rng.choice(_STARTS) + rng.choice("aeiou") + rng.choice(_ENDS) for _ in range(rng.choice((1, 1, 2, 2, 3)))
    )
