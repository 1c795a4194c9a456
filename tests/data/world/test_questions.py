"""From proposals to answers, on a hand-made picture."""

from data.world.descriptions import Colour, kind, pair
from data.world.questions import Part, Proposal, one, settle
from tests.data.world.board import board

VIEW = board(
    ("red", "cup", "small", 60, 10, 80, 30),
    ("blue", "cup", "large", 5, 50, 45, 90),
    ("red", "key", "small", 60, 60, 90, 75),
)


def answer(*parts: Part, reason: str = "", here: str = "here") -> str | None:
    turn = settle(VIEW, Proposal("kind", "?", parts, reason=reason, here=here))
    return None if turn is None else turn.answer


def test_present_absent_and_reason() -> None:
    assert answer(one(pair("red", "cup"), 0, "the red cup")) == "The red cup <SEG>."
    assert answer(one(kind("lamp"), None, "the lamp")) == "The lamp <REJ> is not here."
    assert answer(one(kind("lamp"), None, "the lamp"), here="there") == "The lamp <REJ> is not there."
    assert answer(one(kind("key"), 2, "the key"), reason="opens a lock") == "The key <SEG> opens a lock."


def test_sets_are_named_from_left_to_right() -> None:
    cups = Part(kind("cup"), frozenset({0, 1}), "the cups", each=True, many=True)
    assert answer(cups) == "The blue cup <SEG> and the red cup <SEG>."
    sofas = Part(kind("sofa"), frozenset(), "the sofas", each=True, many=True)
    assert answer(sofas) == "The sofas <REJ> are not here."


def test_mixed_questions_keep_their_order() -> None:
    key, lamp = one(kind("key"), 2, "the key"), one(kind("lamp"), None, "the lamp")
    boat = one(kind("boat"), None, "the boat")
    assert answer(key, lamp) == "The key <SEG> and the lamp <REJ>, which is not here."
    assert answer(lamp, key) == "The lamp <REJ> and the key <SEG>. The lamp is not here."
    assert answer(lamp, boat) == "The lamp <REJ> and the boat <REJ> are not here."
    assert (
        answer(lamp, key, boat)
        == "The lamp <REJ>, the key <SEG> and the boat <REJ>. The lamp and the boat are not here."
    )


def test_the_solver_has_the_last_word() -> None:
    assert answer(one(kind("cup"), 0, "the cup")) is None  # there are two
    assert answer(one(Colour("red"), None, "the red thing")) is None  # there is one
    assert answer(one(kind("key"), None, "the key")) is None
