import json

import pytest

from data.datasets import open_dataset, sources
from tests.data.datasets.semantic import put_image, put_json

HUMAN, GPT = "human", "gpt"


def opened(root, *turns, image="000000000007.jpg"):
    talk = {"id": "7", "image": image, "conversations": [{"from": who, "value": words} for who, words in turns]}
    put_json(root, "llava_dataset/llava_instruct_150k.json", [talk, talk])
    put_image(root, "coco/train2017/000000000007.jpg", (2, 3))
    return open_dataset(root, "llava", "train")


def test_truth(shared):
    root = shared / "samples" / "trees"
    truth = json.loads((root / "TRUTH.json").read_text())["llava"]
    dataset = open_dataset(root, "llava", "train")
    assert len(dataset) == len(truth) > 0
    for (picture, queries), talk in zip(dataset, truth, strict=True):
        assert picture.name == talk["image"]
        assert picture.load().ndim == 3
        words = [turn["value"].replace("<image>", "").strip() for turn in talk["turns"]]
        last = queries[-1]
        assert [one for pair in (*last.earlier, (last.text, last.answer)) for one in pair] == words
        assert not any(query.targets or query.void for query in queries)


def test_each_question_knows_those_before_it(tmp_path):
    turns = [(HUMAN, "<image>\nWhat is it? "), (GPT, "A cat."), (HUMAN, "Whose?"), (GPT, "Mine.")]
    dataset = opened(tmp_path, *turns)
    first, second = dataset.queries(1)
    assert (first.id, first.text, first.kind, first.answer) == ("llava/train/1/0", "What is it?", "talk", "A cat.")
    assert (first.targets, first.earlier) == ((), ())
    assert (second.text, second.answer, second.earlier) == ("Whose?", "Mine.", (("What is it?", "A cat."),))
    ids = [query.id for _, queries in dataset for query in queries]
    assert len(set(ids)) == len(ids) == 4  # though both conversations have one id in the file
    assert dataset.picture(0).load().shape == (2, 3, 3)


def test_a_greeting_before_the_first_question_is_dropped(tmp_path):
    (query,) = opened(tmp_path, (GPT, "Hello."), (HUMAN, "What?"), (GPT, "A cat.")).queries(0)
    assert (query.text, query.answer, query.earlier) == ("What?", "A cat.", ())


@pytest.mark.parametrize(
    ("turns", "line"),
    [
        ([], "by turns"),
        ([(HUMAN, "What?")], "by turns"),
        ([(HUMAN, "What?"), (HUMAN, "Who?")], "by turns"),
        ([(HUMAN, "What?"), ("bot", "A cat.")], "by turns"),
        ([(HUMAN, "<image>\n"), (GPT, "A cat.")], "is no text"),
        ([(HUMAN, "What?"), (GPT, " ")], "is no text"),
        ([(HUMAN, "What?"), (GPT, 3)], "is no text"),
    ],
)
def test_conversations_of_another_form_are_said(tmp_path, turns, line):
    with pytest.raises(ValueError, match=rf"llava_instruct_150k\.json: conversation number 0: .*{line}"):
        opened(tmp_path, *turns).queries(0)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "expected a list"),
        ([[]], "conversation number 0: expected keys"),
        ([{"image": "a.jpg"}], "no key 'conversations'"),
        ([{"image": "a.jpg", "conversations": "hello"}], "no list of turns"),
        ([{"image": 7, "conversations": []}], "7 is no text"),
    ],
)
def test_files_of_another_form_are_said_at_opening(tmp_path, values, line):
    put_json(tmp_path, "llava_dataset/llava_instruct_150k.json", values)
    with pytest.raises(ValueError, match=line):
        open_dataset(tmp_path, "llava", "train")


def test_a_picture_outside_the_root_is_refused(shared):
    root = shared / "samples" / "bad" / "llava_escape" / "root"
    assert [source.dataset for source in sources(root)] == ["llava"]
    with pytest.raises(ValueError, match=r"conversation number 0: the file name .* leads out"):
        list(open_dataset(root, "llava", "train"))
