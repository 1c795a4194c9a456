"""Questions that say what a thing is."""

from data.templates.wordings import Wordings

POINT = Wordings(
    trained=(
        "Where {are} {np}?",
        "Find {np}.",
        "Please find {np}.",
        "Can you find {np}?",
        "Show me {np}.",
        "Please show me {np}.",
        "Could you show me {np}?",
        "Point to {np}.",
        "Point at {np}, please.",
        "Can you point to {np}?",
        "Segment {np}.",
        "Please segment {np}.",
        "Mark {np}.",
        "Could you mark {np}, please?",
        "Highlight {np}.",
        "Outline {np}.",
        "Select {np}.",
        "Locate {np} in the picture.",
        "I am looking for {np}.",
        "I want to see {np}.",
        "Help me find {np}.",
        "Show where {np} {are}.",
        "Please show me where {np} {are}.",
        "Where can I find {np}?",
        "{np}",
        "{np}, please.",
        "In the picture, find {np}.",
        "Give me the mask of {np}.",
    ),
    held_out=(
        "Tell me where {np} {are}.",
        "Let me see {np}.",
        "Draw around {np}.",
        "Could you pick out {np} for me?",
        "I can't find {np}. Can you?",
        "In this picture, where {are} {np}?",
        "Put a mask on {np}.",
        "Where do you see {np}?",
        "I would like you to find {np}.",
        "Take a look and point out {np}.",
    ),
)
"""Fits any phrase."""

QUESTIONS: dict[str, Wordings] = {
    "kind": Wordings(
        trained=(
            "Which thing is the {bare}?",
            "Which of these is the {bare}?",
            "I need the {bare}.",
            "Where did the {bare} go?",
            "Which one is the {bare}?",
            "Do you see the {bare}? Point to it.",
        ),
        held_out=(
            "My {bare}, where is it?",
            "The {bare}: can you point at it?",
            "What here is the {bare}?",
            "I have to have the {bare}. Where is it?",
        ),
    ),
    "colour": Wordings(
        trained=(
            "Which {kind} is {colour}?",
            "Find the {kind} that is {colour}.",
            "Show me the {kind} that is {colour}.",
            "Where is the {kind} in {colour}?",
            "Which one is the {colour} {kind}?",
            "I need the {colour} {kind}.",
            "Where did the {colour} {kind} go?",
            "The {kind} is {colour}. Find it.",
        ),
        held_out=(
            "My {kind} is {colour}. Where is it?",
            "Point out the {kind} with the colour {colour}.",
            "I want a {kind}, and it should be {colour}.",
            "Of the {many}, the {colour} one, please.",
        ),
    ),
    "hue": Wordings(
        trained=(
            "Which thing is {colour}?",
            "Find the thing that is {colour}.",
            "Show me the {colour} one.",
            "Where is the {colour} one?",
            "Which one is {colour}?",
            "Point to the one in {colour}.",
            "I need something {colour}.",
            "Find something {colour}.",
        ),
        held_out=(
            "Only one thing has the colour {colour}. Point it out.",
            "What in here is {colour}? Draw around it.",
            "Something in {colour}, please.",
            "The one whose colour is {colour}.",
        ),
    ),
    "size": Wordings(
        trained=(
            "Which {kind} is {size}?",
            "Find the {kind} that is {size}.",
            "Show me the {kind} of {size} size.",
            "Which one is the {size} {kind}?",
            "I need the {size} {kind}.",
            "The {kind} I want is {size}.",
        ),
        held_out=(
            "My {kind} is {size}. Where is it?",
            "I want a {kind}, and it should be {size}.",
            "Of the {many}, the {size} one, please.",
        ),
    ),
    "superlative": Wordings(
        trained=(
            "Which {bare} is the {most}?",
            "Of all the {many}, find the {most} one.",
            "Which one is the {most} {bare}?",
            "Look at the {many}. Where is the {most} one?",
            "Find the {bare} that is the {most}.",
            "I need the {most} of the {many}.",
        ),
        held_out=(
            "Take all the {many}: the {most}, please.",
            "Which of the {many} would you call the {most}?",
            "Out of these {many}, pick out the {most}.",
        ),
    ),
    "negation": Wordings(
        trained=(
            "Which {bare} is not {other}?",
            "Find the {bare}, but not {a_other} one.",
            "Show me the {bare} of another colour than {other}.",
            "I do not want the {other} one. Where is the other {bare}?",
            "Not the {other} {bare}, the other one.",
            "Where is the {bare} if not {other}?",
        ),
        held_out=(
            "I want a {bare} of any colour but {other}.",
            "Leave out what is {other}. Which {bare} do you see?",
            "Anything but {other}: where is the {bare}?",
        ),
        firm=True,
    ),
    "several": Wordings(
        trained=(
            "Find both {first} and {second}.",
            "I need {first}, and {second} too.",
            "Where is {first}, and where is {second}?",
            "Show me {first}. And {second}.",
            "Can you find {first} and {second} for me?",
            "First {first}, then {second}.",
        ),
        held_out=(
            "{first} as well as {second}, please.",
            "Besides {first}, point out {second}.",
            "I can't find {first} or {second}. Can you?",
        ),
    ),
}
