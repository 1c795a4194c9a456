"""The wording store: how questions are put, by table. Plain data; :mod:`data.world.wording` fills it in.

Each table has wordings that training uses and others, ``held_out``, that only ``test_phrasing`` uses. Fields in braces:

* ``{np}`` what is asked for, definite ("the red cup", "the key and the candle"); ``{are}`` "is" or "are" to go with it;
* ``{bare}`` the same without the article, ``{a}`` with the indefinite one, ``{many}`` in the plural;
* ``{kind}``, ``{colour}``, ``{size}``, ``{anchor}``, ``{number}``, ... as their names say.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wordings:
    """Ways to say one thing.

    Attributes:
        trained: what training and the plain splits use.
        held_out: what ``test_phrasing`` uses.
        firm: the words around the fields say something too ("how many", "not"); :mod:`data.world.loose` keeps them.
    """

    trained: tuple[str, ...]
    held_out: tuple[str, ...]
    firm: bool = False
