"""The wording store: how questions are put, by table. Plain data; :mod:`data.world.wording` fills it in.

Each table has wordings that training uses and others, ``held_out``, that only ``test_phrasing`` uses. A table without
held-out wordings holds phrases that stand inside a question whose own wording is held out. Fields in braces:

* ``{np}`` what is asked for, definite ("the red cup", "the key and the candle"); ``{are}`` "is" or "are" to go with it;
* ``{bare}`` the same without the article, ``{a}`` with the indefinite one, ``{many}`` in the plural;
* ``{kind}``, ``{colour}``, ``{size}``, ``{anchor}``, ``{number}``, ... as their names say.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wordings:
    """Ways to say one thing."""

    trained: tuple[str, ...]
    held_out: tuple[str, ...] = ()


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

QUESTIONS: dict[str, Wordings] = {
    "point": POINT,
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
    "count": Wordings(
        trained=(
            "How many {many} are there?",
            "How many {many} do you see?",
            "Count the {many}.",
            "How many {many} are in the picture?",
            "What is the number of {many}?",
            "Can you count the {many}?",
            "Please count the {many}.",
            "Tell me how many {many} there are.",
        ),
        held_out=(
            "Of {many}, how many can you count?",
            "Say how many {many} this picture has.",
            "Are there any {many}, and how many?",
        ),
    ),
    "what colour": Wordings(
        trained=(
            "What colour is the {kind}?",
            "Which colour is the {kind}?",
            "What is the colour of the {kind}?",
            "Tell me the colour of the {kind}.",
            "What colour does the {kind} have?",
            "Which colour has the {kind}?",
            "The {kind} is what colour?",
            "Name the colour of the {kind}.",
        ),
        held_out=(
            "The {kind}: which colour is that?",
            "Say what colour the {kind} has.",
            "In what colour is the {kind} drawn?",
        ),
    ),
    "what kind": Wordings(
        trained=(
            "What kind of thing is {colour}?",
            "What sort of thing is the {colour} one?",
            "Name the {colour} thing.",
            "What is the {colour} thing called?",
            "Tell me what the {colour} thing is.",
            "What do you call the {colour} thing?",
            "In a word, what is the {colour} thing?",
            "What is the name of the {colour} thing?",
        ),
        held_out=(
            "How would you call the {colour} thing?",
            "Say what the {colour} thing is.",
            "The {colour} one, what kind of thing is that?",
        ),
    ),
    "is there": Wordings(
        trained=(
            "Is there {a}?",
            "Is there {a} in the picture?",
            "Is {a} there?",
            "Is {a} in the picture?",
            "Do you see {a}? Yes or no?",
            "Does the picture have {a}?",
            "Yes or no: is there {a}?",
            "Are there any {many}?",
        ),
        held_out=(
            "Say yes or no: does the picture show {a}?",
            "Can {a} be seen anywhere?",
            "Has this picture got {a}?",
        ),
    ),
    "is it": Wordings(
        trained=(
            "Is the {kind} {colour}?",
            "Is the colour of the {kind} {colour}?",
            "Does the {kind} have the colour {colour}?",
            "Yes or no: is the {kind} {colour}?",
            "The {kind} is {colour}, yes or no?",
            "Look at the {kind}. Is it {colour}?",
            "Is it true that the {kind} is {colour}?",
            "Is this {kind} {colour}?",
        ),
        held_out=(
            "Would you say that the {kind} is {colour}?",
            "The {kind}, is it {colour}?",
            "Has the {kind} got the colour {colour}?",
        ),
    ),
    "is it beside": Wordings(
        trained=(
            "Is the {kind} {beside}?",
            "Does the {kind} lie {beside}?",
            "Yes or no: is the {kind} {beside}?",
            "The {kind} is {beside}, yes or no?",
            "Look at the {anchor}. Is the {kind} {side} it?",
            "Do you see the {kind} {beside}? Yes or no?",
            "Is it true that the {kind} is {beside}?",
            "Is the {kind} somewhere {beside}?",
        ),
        held_out=(
            "Would you say that the {kind} is {beside}?",
            "The {kind}, does it lie {beside}?",
            "Say yes or no: the {kind} lies {beside}?",
        ),
    ),
    "list": Wordings(
        trained=(
            "What is in the picture?",
            "List everything in the picture.",
            "Describe the picture.",
            "What do you see?",
            "Show me everything.",
            "Segment everything.",
            "Name all the things in the picture.",
            "What can you see here?",
            "Find all the things.",
            "Mark every thing and name it.",
            "Please list all the things you see.",
            "What is here?",
        ),
        held_out=(
            "Tell me what this picture shows.",
            "Draw around every single thing that you see.",
            "Go through the picture and say what there is.",
        ),
    ),
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
"""Whole questions."""

DIRECTION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("left of", "to the left of", "on the left of"),
    "right": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over", "higher up than"),
    "below": ("below", "under", "lower down than"),
}
"""Each is followed by the anchor."""

FOLLOW_DIRECTION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "above": ("above",),
    "below": ("below",),
}

WHERE_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left side", "in the left half of the picture"),
    "right": ("on the right", "on the right side", "in the right half of the picture"),
    "top": ("at the top", "in the upper half of the picture", "in the top half of the picture"),
    "bottom": ("at the bottom", "in the lower half of the picture", "in the bottom half of the picture"),
    "middle": ("in the middle", "in the centre of the picture", "in the middle of the picture"),
    "top left": ("in the top left corner", "at the top left", "in the upper left part of the picture"),
    "top right": ("in the top right corner", "at the top right", "in the upper right part of the picture"),
    "bottom left": ("in the bottom left corner", "at the bottom left", "in the lower left part of the picture"),
    "bottom right": ("in the bottom right corner", "at the bottom right", "in the lower right part of the picture"),
}

ORDER_WORDS: dict[str, tuple[str, ...]] = {
    "biggest": ("biggest", "largest"),
    "smallest": ("smallest", "tiniest"),
    "leftmost": ("leftmost", "furthest left"),
    "rightmost": ("rightmost", "furthest right"),
    "topmost": ("highest", "topmost"),
    "lowest": ("lowest", "bottommost"),
}

SIZE_WORDS: dict[str, tuple[str, ...]] = {"small": ("small", "little"), "large": ("large", "big")}

FAMILY_WORDS: dict[str, tuple[str, ...]] = {
    "fruit": ("all the fruit", "every piece of fruit", "all pieces of fruit", "everything that is a fruit"),
    "tool": ("all the tools", "every tool", "everything that is a tool", "each tool"),
    "vehicle": ("all the vehicles", "every vehicle", "everything that is a vehicle", "each vehicle"),
    "animal": ("all the animals", "every animal", "everything that is an animal", "each animal"),
    "furniture": ("all the furniture", "every piece of furniture", "all pieces of furniture"),
    "clothing": ("all the clothing", "every piece of clothing", "all pieces of clothing"),
    "kitchen": ("all the kitchenware", "every piece of kitchenware", "all pieces of kitchenware"),
    "nature": ("all the plants", "every plant", "everything that is a plant", "each plant"),
    "toy": ("all the toys", "every toy", "everything that is a toy", "each toy"),
}
