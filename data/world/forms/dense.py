"""Everything at once: "What is in the picture?"."""

from random import Random

from data.world.descriptions import Anything
from data.world.questions import Form, Part, Proposal
from data.world.view import View
from data.world.wording import put


def by_list(view: View, rng: Random) -> tuple[Proposal, ...] | None:
    """Every thing by colour and kind, from left to right."""
    meant = frozenset(thing.index for thing in view.things)
    part = Part(Anything(), meant, "the things", each=True, many=True)
    return (Proposal("list", put(view, rng, "list"), (part,)),)


GROUP = (Form("list", 0.03, 'everything from left to right: "what is in the picture?"', by_list),)
