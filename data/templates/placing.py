"""Questions that say where a thing lies."""

from data.templates.wordings import Wordings

QUESTIONS: dict[str, Wordings] = {
    "place": Wordings(
        trained=(
            "Which {bare} is {where}?",
            "Find the {bare} that is {where}.",
            "I need the {bare} {where}.",
            "Look {where}. Find the {bare}.",
            "Show me the {bare}, the one {where}.",
        ),
        held_out=(
            "My {bare} lies {where}. Point it out.",
            "Look {where}: where is the {bare}?",
            "The {bare} that you see {where}, please.",
        ),
    ),
    "spot": Wordings(
        trained=(
            "What is {where}?",
            "What do you see {where}?",
            "Which thing is {where}?",
            "Find the thing {where}.",
            "Point to what is {where}.",
            "Show me the thing {where}.",
            "Segment what lies {where}.",
            "Look {where}. What is there?",
        ),
        held_out=(
            "Tell me what you can find {where}.",
            "Something lies {where}. Draw around it.",
            "Let me see what is {where}.",
        ),
    ),
    "relation": Wordings(
        trained=(
            "Which {bare} is {beside}?",
            "Find the {bare} that is {beside}.",
            "There is the {anchor}. Find the {bare} {side} it.",
            "Look at the {anchor}. Where is the {bare} {side} it?",
            "Show me the {bare} which is {beside}.",
            "Start at the {anchor}. Point to the {bare} {side} it.",
        ),
        held_out=(
            "My {bare} lies {beside}. Point it out.",
            "You see the {anchor}. Now draw around the {bare} {side} it.",
            "From the {anchor}, where is the {bare} {side} it?",
        ),
    ),
    "neighbour": Wordings(
        trained=(
            "What is {beside}?",
            "What do you see {beside}?",
            "Which thing is {beside}?",
            "Find the thing {beside}.",
            "Point to what is {beside}.",
            "Show me the thing {beside}.",
            "Look at the {anchor}. What is {side} it?",
            "Segment what lies {beside}.",
        ),
        held_out=(
            "Tell me what you can find {beside}.",
            "You see the {anchor}. Now draw around the thing {side} it.",
            "Let me see what is {beside}.",
        ),
    ),
}
