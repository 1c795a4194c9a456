"""Questions that follow another: "and the one to its left?"."""

from data.templates.wordings import Wordings

QUESTIONS: dict[str, Wordings] = {
    "follow relation": Wordings(
        trained=(
            "And the one {side} it?",
            "What about the one {side} it?",
            "And what is {side} it?",
            "And the thing {side} it?",
            "Now the one {side} it.",
            "What is {side} it?",
            "And {side} it?",
            "Show me the one {side} it too.",
        ),
        held_out=(
            "Now tell me what lies {side} it.",
            "Go on to the one {side} it.",
            "Then what do you see {side} it?",
        ),
    ),
    "follow colour": Wordings(
        trained=(
            "What about the {colour} one?",
            "And the {colour} one?",
            "And the one in {colour}?",
            "Now the {colour} one.",
            "And where is the {colour} one?",
            "Show me the {colour} one too.",
            "Then the {colour} one, please.",
            "Now find the {colour} one.",
        ),
        held_out=(
            "How about the one that is {colour}?",
            "Now go to the {colour} one.",
            "And if it is {colour}?",
        ),
    ),
    "follow kind": Wordings(
        trained=(
            "What about the {kind}?",
            "And the {kind}?",
            "And where is the {kind}?",
            "Now the {kind}.",
            "Show me the {kind} too.",
            "Then the {kind}, please.",
            "Now find the {kind}.",
            "And can you also find the {kind}?",
        ),
        held_out=(
            "How about the {kind}?",
            "Now go to the {kind}.",
            "The {kind} as well, please.",
        ),
    ),
}
