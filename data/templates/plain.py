"""Questions answered in words, and those about the whole picture."""

from data.templates.wordings import Wordings

QUESTIONS: dict[str, Wordings] = {
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
        firm=True,
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
        firm=True,
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
        firm=True,
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
        firm=True,
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
        firm=True,
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
        firm=True,
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
        firm=True,
    ),
}
