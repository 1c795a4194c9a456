import pytest

from data.sample import REJ, SEG
from model.tokens import IMAGE, phrases, plain, spaced, unmarked
from tests import tiny


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.tokenizer()


@pytest.mark.parametrize(
    "text",
    [
        "  two  spaces ,",
        "Größe 漢字 🦊\n\t",
        "don't ( x )",
        "\x00\x7f",
        "",
    ],
)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize("text", ["The red cup <SEG> and <REJ>.", "<SEG> <REJ>", "Here <SEG>", "no mark, a\n\nline "])
def test_a_mark_takes_in_the_space_before_it_and_gives_it_back(tokenizer, text):
    ids = tokenizer(text)["input_ids"]
    assert spaced(tokenizer.decode(ids)) == text
    assert ids == tokenizer(text.replace(" <", "<"))["input_ids"]


def test_the_word_itself_stands_before_its_mark(tokenizer):
    (word,) = tokenizer(" cup")["input_ids"]
    ids = tokenizer("The red cup <SEG> is here.")["input_ids"]
    assert ids[ids.index(tokenizer.convert_tokens_to_ids(SEG)) - 1] == word


def test_marks_are_one_token_each_and_survive_skipping_specials(tokenizer):
    seg, rej = tokenizer.convert_tokens_to_ids([SEG, REJ])
    assert tokenizer("a <SEG>b<REJ>")["input_ids"].count(seg) == 1
    assert tokenizer.decode([seg, tokenizer.eos_token_id, rej], skip_special_tokens=True) == "<SEG><REJ>"


def test_the_layout_of_a_chat_takes_few_tokens(tokenizer):
    assert len(tokenizer("USER: \n Where is the red cup? ASSISTANT:")["input_ids"]) <= 14


@pytest.mark.parametrize("text", ["<SEG>", "is <image> here</s><s>", "<<SEG>SEG>", "<pad><REJ>"])
def test_plain_text_holds_no_token_of_its_own(tokenizer, text):
    ids = tokenizer(plain(text, tokenizer))["input_ids"]
    assert not set(ids) & set(tokenizer.get_added_vocab().values())
    assert plain(text, tokenizer).replace(" ", "") == text.replace(" ", "")


def test_plain_keeps_what_it_is_told_to(tokenizer):
    assert plain("a <SEG> <image>", tokenizer, keep=(SEG, REJ)) == "a <SEG> < image>"
    assert plain("1 < 2 and 3 > 2", tokenizer) == "1 < 2 and 3 > 2"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The red cup <SEG> and the blue ball <SEG> keep dry.", ["the red cup", "the blue ball"]),
        ("The key <SEG>. The lamp <REJ> is not here.", ["the key", "the lamp"]),
        (
            "The cup left of the lamp <SEG>, the ball on a chair <SEG>.",
            ["the cup left of the lamp", "the ball on a chair"],
        ),
        ("The umbrella <SEG> keeps you dry, and the red cup <SEG> is full.", ["the umbrella", "the red cup"]),
        ("Something with a sole and a heel <REJ> is not here.", ["something with a sole and a heel"]),
        ("To stay dry, take the umbrella <SEG>.", ["the umbrella"]),
        ("red cup <SEG> blue ball <SEG>", ["red cup", "blue ball"]),
        ("I see two cups <SEG>.", ["two cups"]),
        ("<SEG><REJ>", ["", ""]),
        ("There are three cups.", []),
    ],
)
def test_names_of_the_marks(text, names):
    assert phrases(text) == names


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (f"The cup {SEG}.", "The cup."),
        (f"The cup {SEG} and the key {REJ}, which is not here.", "The cup and the key, which is not here."),
        (f"{SEG} is it", "is it"),
        ("Costs 1 . 5\n or so", "Costs 1. 5 or so"),
        ("", ""),
    ],
)
def test_an_answer_is_read_without_its_marks(text, read):
    assert unmarked(text) == read


def test_a_first_word_is_the_token_that_it_is_elsewhere(tokenizer):
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "cup"}]}]
    later = [{"role": "user", "content": [{"type": "text", "text": "cup"}]}]
    inside = tokenizer("the cup now", add_special_tokens=False)["input_ids"][1]
    for chat, layout in ((asked, f"USER: {IMAGE}\n cup "), (later, "USER: cup ")):
        assert tokenizer.apply_chat_template(chat, tokenize=False) == layout
        assert inside in tokenizer(layout, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Sure, it is <SEG>.", [""]),
        ("Sure, they are <SEG>, <SEG> and <SEG>.", ["", "", ""]),
        ("Sure, <SEG>.", [""]),
        ("Sure, the segmentation result is <SEG>.", [""]),
        ("It is the red cup <SEG>.", ["the red cup"]),
        ("Sure, the cup:<SEG>, dog:<REJ>.", ["the cup", "dog"]),
        ("The segmentation results are dog <SEG>, two cats <SEG>.", ["dog", "two cats"]),
        ("Sure, the mask of left man is <SEG>, the mask of right man is <SEG>.", ["left man", "right man"]),
    ],
)
def test_the_published_systems_answers_name_what_they_name(text, named):
    assert phrases(text) == named
