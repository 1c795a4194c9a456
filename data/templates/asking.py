"""How what a dataset asks for is put in words. Plain data; :mod:`data.asking` fills it in and chooses.

A wording is drawn before anyone looks whether the thing is there, and phrases that may be false share the table of
those that are true: neither a question nor what an answer says up to its mark tells which it is. Nor do they tell how
many there are, so no wording has a verb or an article that would have to fit. Fields in braces:

* ``{phrase}`` the file's words inside a sentence ("left man"), ``{the}`` with an article if they have none;
* ``{phrases}`` several of them; ``{text}`` a sentence as it stands in the file;
* ``{name}`` how an answer names what was asked for, ``{mark}`` its mark, ``{marked}`` names and marks, listed.
"""

from dataclasses import dataclass, replace

_PHRASE = (
    "{phrase}",
    "{phrase}, please.",
    "Find {phrase}.",
    "Please find {phrase}.",
    "Can you find {phrase}?",
    "Could you find {phrase} in this picture?",
    "Find {phrase} and mark what you find.",
    "Segment {phrase}.",
    "Please segment {phrase}.",
    "Segment {phrase} in this picture, please.",
    "Give me a mask for {phrase}.",
    "I need a mask of {phrase}.",
    "Draw the outline of {phrase}.",
    "Outline {phrase} for me.",
    "Mark {phrase}.",
    "Would you mark {phrase}, please?",
    "Highlight {phrase}.",
    "Select {phrase}.",
    "Cut out {phrase}.",
    "Point out {phrase}.",
    "Point to {phrase}.",
    "Show me {phrase}.",
    "Show {phrase} to me, if you can.",
    "Where in the picture do you see {phrase}?",
    "Where can I see {phrase}?",
    "Look for {phrase}.",
    "Look at the picture: {phrase}.",
    "I am looking for {phrase}.",
    "I mean {phrase}. Show me where.",
    "Locate {phrase} for me.",
    "Which pixels show {phrase}?",
    "Which part of the picture shows {phrase}?",
    "Do you see {phrase}? Mark what you see.",
    "Can you make out {phrase} here? If so, draw a mask.",
    "Tell me whether the picture has {phrase}, and where.",
    "Does the picture show {phrase}? Then point to that.",
    "Check the picture for {phrase}.",
    "In this picture, segment {phrase}.",
    "The thing I want: {phrase}.",
    "Help me with {phrase}: where should I look?",
)
_CLASS = (
    "{phrase}",
    "Segment {phrase}.",
    "Find {phrase} in this picture.",
    "Mark whatever is {phrase}.",
    "Mark every pixel of {phrase}.",
    "Show me all that belongs to {phrase}.",
    "Show me {phrase}.",
    "Which pixels belong to {phrase}?",
    "Which pixels are {phrase}?",
    "What here counts as {phrase}?",
    "Everything that is {phrase}, please.",
    "Select all of {phrase}.",
    "Give me one mask for {phrase}.",
    "I need all of {phrase} in one mask.",
    "Where do you see {phrase}?",
    "Where in the picture can I see {phrase}?",
    "Colour in whatever is {phrase}.",
    "Outline {phrase}.",
    "The class is {phrase}. Segment it.",
    "Do you see {phrase}? Mark what you see.",
    "Is any of this {phrase}? Then mark it.",
    "Check the picture for {phrase}.",
    "Pick out {phrase} from the rest.",
    "Please segment {phrase} here.",
)
_PART = (
    "{phrase}",
    "{the}",
    "Segment {the}.",
    "Please segment {the}.",
    "Find {the}.",
    "Can you find {the}?",
    "Mark {the}.",
    "Mark {the} alone, please.",
    "Only {the}, please.",
    "Show me {the}.",
    "Point to {the}.",
    "Outline {the}.",
    "Highlight {the}.",
    "I need a mask of {the} and nothing else.",
    "Give me the mask of {the}.",
    "Which pixels show {the}?",
    "Where do you see {the}?",
    "Do you see {the}? Mark what you see.",
    "Look closely: segment {the}.",
    "Zoom in on {the}.",
    "Cut out {the}.",
    "The part I mean: {the}.",
    "Check the picture for {the}.",
    "Locate {the} in the picture.",
)
QUESTIONS: dict[str, tuple[str, ...]] = {"phrase": _PHRASE, "premise": _PHRASE, "class": _CLASS, "part": _PART}
"""By kind of query."""

SENTENCES = (
    "{text}",
    "{text}",
    "{text}",
    "{text} Show me.",
    "{text} Please show me.",
    "{text} Please segment your answer.",
    "{text} Answer with a mask.",
    "{text} Mark your answer in the picture.",
    "{text} Give me a mask of that.",
    "{text} Point to that in the picture.",
    "{text} Draw the mask, please.",
    "{text} Where do you see that?",
    "{text} Highlight that.",
    "{text} Outline what you mean.",
    "Look at the picture. {text}",
    "A question about this picture: {text}",
    "Please answer with a mask. {text}",
    "Tell me and show me. {text}",
)
"""Questions that the file puts itself."""

SEVERAL = (
    "{phrases}",
    "Find {phrases}.",
    "Please find {phrases}.",
    "Segment {phrases}.",
    "Segment each of these: {phrases}.",
    "Mark {phrases}, one by one.",
    "Show me {phrases}.",
    "Give me masks for {phrases}.",
    "I need a mask for each of these: {phrases}.",
    "Which of these do you see: {phrases}?",
    "Look for {phrases}.",
    "Check the picture for {phrases}.",
    "Go through this list: {phrases}.",
    "Point out {phrases}, if you can.",
    "Tell me which of these the picture shows, and where: {phrases}.",
    "Can you find {phrases}?",
)

EXPLAIN = (
    " Explain why.",
    " Say why, too.",
    " Tell me the reason as well.",
    " Give a reason for your answer.",
    " Please explain your answer.",
    " How do you know?",
    " And why?",
    " What makes you think so?",
)
"""Added to a question whose answer gives a reason."""
FITS = (
    " That is what the question asks for.",
    " Of all that the picture shows, that fits best.",
    " I looked at all that the picture shows, and that answers to it.",
    " Nothing else here would do as well.",
)
"""The reason for ``<SEG>`` where the dataset gives none."""
NO_REASON = (
    " Nothing in the picture fits that.",
    " I looked at all that the picture shows, and nothing answers to that.",
    " None of what can be seen here would do.",
    " The picture shows other things only.",
)
"""The reason for ``<REJ>``."""

# Where a name follows, a lead ends in a break: the name begins after it (model.tokens.phrases).
LEADS = ("", "", "", "", "Sure, ", "Sure: ", "As asked: ", "To your question: ", "I looked for this: ", "My answer: ")
ITEMS = (
    "{name} {mark}",
    "{name} {mark}",
    "{name} {mark}",
    "the mask of {name} is {mark}",
    "the segmentation of {name} is {mark}",
)
UNNAMED = (
    "It is {mark}",
    "Sure, it is {mark}",
    "The segmentation is {mark}",
    "Sure, {mark}",
    "The segmentation result is {mark}",
    "Sure, the segmentation result is {mark}",
)
"""For sentences, whose answer has no name."""
ABSENT = (
    ".",
    ".",
    " cannot be found here.",
    " cannot be seen in the picture.",
    ", which I do not see here.",
    ": nothing in the picture fits that.",
    "; the picture does not show that.",
)
"""What may follow a single ``<REJ>``."""
CORRECTED = (
    " cannot be seen here, but {correction} can.",
    "; the picture shows {correction} instead.",
    ". Did you mean {correction}?",
    ". What I do see: {correction}.",
    ", but there is {correction}.",
)
"""What follows it where the dataset says what would have been right."""


@dataclass(frozen=True)
class Plain:
    """One fixed way to ask and to answer, for evaluation.

    Attributes:
        phrase: the question for one phrase, class or part.
        several: the question for phrases in one go; they are listed with commas.
        sentence: the question for a sentence.
        item: how an answer of ``several`` names one thing.
        listed: that answer.
        one: the answer for one phrase, for each of its targets.
        unnamed: the answer to a sentence.
        absent: follows a single ``<REJ>``.
        corrected: the same where there is a correction.
        lower: phrases are put in small letters.
    """

    phrase: str = "Find {phrase}."
    several: str = "Find {phrases}."
    sentence: str = "{text}"
    item: str = "{name} {mark}"
    listed: str = "{marked}."
    one: str = "{name} {mark}"
    unnamed: str = "It is {mark}"
    absent: str = "."
    corrected: str = ", but there is {correction}."
    lower: bool = False


# What the published evaluations ask: LISA's dataset for validation, GSVA's and UGround's rows of all phrases of a
# picture, READ's. The blank that begins some questions, and the one that is missing before "in", are theirs.
_MASK = "Please output segmentation mask"
_LISA = Plain(
    phrase=" What is {phrase} in this image? " + _MASK + ".",
    several=" What are {phrases} in this image? " + _MASK + "s.",
    sentence=" {text} " + _MASK + ".",
    item="{mark}",
    one="{mark}",
    unnamed="{mark}",
    corrected=".",
    lower=True,
)
_ROW = replace(
    _LISA,
    several=" What are {phrases}in this image? " + _MASK + "s.",
    item="{name}:{mark}",
    listed="Sure, {marked}.",
)
_READ = replace(
    _LISA,
    phrase=_LISA.phrase.strip(),
    several=_LISA.several.strip(),
    sentence=_LISA.sentence.strip(),
    listed="Sure, the segmentation result is {marked}.",
    one="Sure, the segmentation result is {mark}",
    unnamed="Sure, the segmentation result is {mark}",
)
PLAIN: dict[str, Plain] = {"pinpoint": Plain(), "lisa": _LISA, "gsva": _ROW, "read": _READ, "uground": _ROW}
"""By the system whose evaluation asks so."""
