"""What is asked, and that the words around it give nothing away."""

from random import Random

import pytest

from data.asking import ask, ask_thread, ask_together, threads
from data.datasets.base import Query
from data.sample import REJ, SEG, Target
from data.templates import asking as tables
from model.tokens import phrases
from tests.data.small import phrase, rle

HERE = rle()


def query(kind="phrase", text="left cup", targets=1, here=True, name=None, **more):
    name = text if name is None else name
    return Query("d/train/0", text, kind, tuple(Target(name, HERE if here else None) for _ in range(targets)), **more)


def words(turn):
    return turn.answer.replace(SEG, "*").replace(REJ, "*")


@pytest.mark.parametrize("kind", ["phrase", "sentence", "class", "part", "premise"])
def test_questions_and_all_up_to_the_mark_are_the_same_for_what_is_absent(kind):
    asked = set()
    for seed in range(300):
        there, gone = (ask(query(kind, here=here), Random(seed))[-1] for here in (True, False))
        asked.add(there.question)
        assert words(there).partition("*")[0] == words(gone).partition("*")[0]
        assert there.question == gone.question
        assert there.answer.count(SEG) == 1 and REJ not in there.answer
        assert gone.answer.count(REJ) == 1 and SEG not in gone.answer
        assert gone.targets[0].rle is None and there.targets[0].rle == HERE and there.kind == kind
    assert len(asked) > 15


def test_a_false_premise_is_asked_like_a_true_one_and_corrected_after_its_mark():
    true, false = query(), query("premise", here=False, correction="The zebra.")
    said = set()
    for seed in range(200):
        one, other = ask(true, Random(seed))[-1], ask(false, Random(seed))[-1]
        assert one.question == other.question
        before, after = other.answer.split(REJ)
        assert before == one.answer.split(SEG)[0]
        assert "the zebra" in after and SEG not in after
        assert not (before.endswith(" is ") and after.startswith(" "))  # a sentence has one verb
        if not other.question.endswith(tables.EXPLAIN):
            said.add(after)
    assert len(said) == len(tables.CORRECTED)


@pytest.mark.parametrize("kind", ["phrase", "class", "part", "premise"])
def test_the_model_names_each_target_as_the_answer_does(kind):
    for seed in range(200):
        turn = ask(query(kind, "Left cup.", targets=2), Random(seed))[-1]
        assert [target.phrase for target in turn.targets] == ["left cup"] * 2
        assert phrases(turn.answer) == ["left cup"] * 2
        assert "left cup" in turn.question.lower() and "{" not in turn.question + turn.answer


def test_several_phrases_are_asked_for_in_one_question():
    queries = [phrase(0, "left cup"), phrase(1, "The lamp", here=False), phrase(2, "TV, on the wall")]
    for seed in range(100):
        turn = ask_together(queries, Random(seed))
        assert "left cup, the lamp, TV, on the wall" in turn.question.replace("Left", "left")
        assert [mark for mark in (*turn.answer.split(SEG),) if mark][-1] == "."
        assert [t.absent for t in turn.targets] == [False, True, False] and turn.kind == "several"
        assert turn.answer.index(REJ) > turn.answer.index("the lamp") > turn.answer.index(SEG)
    with pytest.raises(ValueError, match="d/train/0: a sentence cannot be asked together"):
        ask_together([query("sentence", "What is wet?")], Random(0))


def test_the_answer_of_the_dataset_is_used_where_it_has_places():
    given = query("sentence", "What flies?", targets=2, answer="The bird {seg} flies, and {curly} the kite {seg} too.")
    for rng in (None, Random(1)):
        assert ask(given, rng)[-1].answer == f"The bird {SEG} flies, and {{curly}} the kite {SEG} too."
    with pytest.raises(ValueError, match="d/train/0: its answer has 1 places for 2 targets"):
        ask(query(targets=2, answer="It {seg}."))
    with pytest.raises(ValueError, match="neither targets nor an answer"):
        ask(query(targets=0))


def test_a_reason_follows_the_mark_where_it_is_asked_for():
    explained = query("sentence", "What flies?", answer="It has wings.")
    asked = [ask(explained, Random(seed))[-1] for seed in range(200)]
    with_reason = [turn for turn in asked if turn.answer.endswith("It has wings.")]
    assert 40 < len(with_reason) < 80
    assert all(turn.answer.index(SEG) < turn.answer.index("It has") for turn in with_reason)
    for turn in asked:
        wish = any(turn.question.endswith(end) for end in tables.EXPLAIN)
        assert wish == turn.answer.endswith("It has wings.")
    for here, table in ((False, tables.NO_REASON), (True, tables.FITS)):
        plain = [ask(query("sentence", "What flies?", here=here), Random(seed))[-1] for seed in range(200)]
        for turn in plain:
            assert turn.answer.endswith(table) == turn.question.endswith(tables.EXPLAIN)


@pytest.mark.parametrize("kind", ["phrase", "sentence", "premise"])
def test_the_wish_for_a_reason_tells_neither_presence_nor_that_there_is_one(kind):
    """The same seeds are asked for it, whatever the dataset has."""
    wishes = []
    for more in ({}, {"here": False}, {"answer": "So it is."}, {"here": False, "answer": "It is not."}):
        turns = [ask(query(kind, "What flies?", **more), Random(seed))[-1] for seed in range(400)]
        wishes.append([turn.question.endswith(tables.EXPLAIN) for turn in turns])
    assert any(wishes[0]) and all(one == wishes[0] for one in wishes)


def test_marks_that_a_file_spells_stay_text():
    turn = ask(query(text=f"cup {SEG}"), Random(0))[-1]
    assert turn.answer.count(SEG) == 1 and SEG not in turn.question
    talk = Query("d/train/0", f"What is {REJ}?", "talk", (), answer=f"A mark, {SEG}.")
    assert SEG not in ask(talk)[-1].answer and REJ not in ask(talk)[-1].question


def test_a_false_premise_may_be_a_whole_question():
    true, false = query("sentence", "What flies?", name="it"), query("premise", "What flies?", here=False, name="it")
    for seed in range(50):
        one, other = ask(true, Random(seed))[-1], ask(false, Random(seed))[-1]
        assert other.question.startswith(one.question) and "What flies?" in one.question
        assert one.answer.split(SEG)[0] == other.answer.split(REJ)[0]


def test_a_talk_is_asked_word_for_word_with_what_was_said_before():
    earlier = (("Hello?", "A cup {seg}."),)
    turns = ask(Query("d/train/0", "And then?", "talk", (), answer="Rain.", earlier=earlier), Random(0))
    assert [(t.question, t.answer, t.targets) for t in turns] == [
        ("Hello?", "A cup .", ()),
        ("And then?", "Rain.", ()),
    ]


def test_queries_of_one_conversation_are_put_together_with_their_marks():
    first = query("sentence", "What flies?", answer="The bird {seg}.")
    earlier = (("What flies?", "The bird."),)
    second = Query("d/train/1", "And swims?", "talk", (), answer="Nothing.", earlier=earlier)
    alone = query(text="lamp")
    made = threads([second, alone, first])
    assert made == [[alone], [first, second]]
    turns = ask_thread(made[1], Random(0))
    assert [turn.targets for turn in turns] == [first.targets, ()]
    assert turns[0].answer == f"The bird {SEG}."


@pytest.mark.parametrize(
    ("style", "kind", "question", "answer"),
    [
        ("pinpoint", "phrase", "Find left cup.", f"Left cup {SEG}, left cup {SEG}."),
        ("pinpoint", "sentence", "What is wet?", f"It is {SEG}, {SEG}."),
        ("lisa", "phrase", " What is left cup in this image? Please output segmentation mask.", f"{SEG}, {SEG}."),
        ("lisa", "sentence", " What is wet? Please output segmentation mask.", f"{SEG}, {SEG}."),
        (
            "read",
            "sentence",
            "What is wet? Please output segmentation mask.",
            f"Sure, the segmentation result is {SEG}, {SEG}.",
        ),
    ],
)
def test_the_fixed_wordings(style, kind, question, answer):
    made = ask(query(kind, "What is wet?" if kind == "sentence" else "Left cup", targets=2), style=style)[-1]
    assert (made.question, made.answer) == (question, answer)


def test_a_row_of_phrases_as_gsva_asks_for_it():
    turn = ask_together([phrase(0, "Left cup"), phrase(1, "lamp", here=False)], style="gsva")
    assert turn.question == " What are left cup, lampin this image? Please output segmentation masks."
    assert turn.answer == f"Sure, left cup:{SEG}, lamp:{REJ}."


def test_no_wording_stands_twice_and_every_field_is_known():
    fields = {"phrase": "p", "the": "t", "phrases": "ps", "text": "x", "name": "n", "mark": "m", "correction": "c"}
    lots = [*tables.QUESTIONS.values(), tables.SEVERAL, tables.EXPLAIN, tables.CORRECTED, tables.NO_REASON]
    for lot in lots:
        assert len(set(lot)) == len(lot) and all(wording.format(**fields) for wording in lot)
