import pytest

from data.sample import Sample, Target, Turn
from tests import tiny
from train import thinking


@pytest.fixture
def backbone():
    made = tiny.model().backbone
    before = made.tokenizer.chat_template
    thinking.begin(made.tokenizer)
    yield made
    made.tokenizer.chat_template = before  # tests share the tokenizer


def test_what_is_taught_goes_on_from_what_is_asked(backbone):
    turn = Turn("Where is the red cup?", "The red cup <SEG>.", (Target("the red cup", {}),), "colour")
    said = thinking.thoughtful(turn)
    assert said == "<think> Asked for: the red cup. There: the red cup. </think> The red cup <SEG>."
    asked = backbone.encode_chat([(turn.question, None)]).ids.tolist()
    taught = backbone.encode_chat([(turn.question, said)]).ids.tolist()
    assert taught[: len(asked)] == asked
    assert backbone.tokenizer.decode(asked).endswith("<think>")
    assert backbone.mark_ids[0] in taught


def test_beginning_twice_opens_one_thought(backbone):
    once = backbone.tokenizer.chat_template
    thinking.begin(backbone.tokenizer)
    assert backbone.tokenizer.chat_template == once


def test_absent_things_and_words_have_their_thoughts():
    targets = (Target("the cup", {}), Target("the key", None))
    turns = (Turn("?", "A.", targets, "list"), Turn("How many?", "Two.", (), "count"))
    made = thinking.aloud([Sample("1", lambda: None, (4, 4), turns)])[0].turns
    assert made[0].answer == "<think> Asked for: the cup, the key. There: the cup. Not there: the key. </think> A."
    assert made[1].answer == "<think> Asked for: words. </think> Two."
    assert made[0].targets == targets
