"""Marks in the words of LISA++'s answers."""

import pytest

from data.datasets._marks import marked, unmarked


@pytest.mark.parametrize(
    ("text", "with_marks", "without", "things"),
    [
        ("the remote <380|remote> on", "the remote {seg} on", "the remote on", [("380", "remote")]),
        ("take a <380| remote>.", "take a remote {seg}.", "take a remote.", [("380", "remote")]),
        ("man[<4|man>] sits", "man {seg} sits", "man sits", [("4", "man")]),
        ("《7|狗》 runs", "狗 {seg} runs", "狗 runs", [("7", "狗")]),
        ("[<1|cup>, <2|jar>] here", "cup {seg} and jar {seg} here", "cup and jar here", [("1", "cup"), ("2", "jar")]),
        ("cups: [cup <1>, cup <2>]", "cups: {seg} and {seg}", "cups:", [("1", "cup"), ("2", "cup")]),
        ("[1|cup, 2|jar]", "cup {seg} and jar {seg}", "cup and jar", [("1", "cup"), ("2", "jar")]),
        ("a <b>word</b> [sic] <3>", "a <b>word</b> [sic] <3>", "a <b>word</b> [sic] <3>", []),
        ("<9|> alone", "{seg} alone", "alone", [("9", None)]),
    ],
)
def test_a_mark_follows_its_name(text, with_marks, without, things):
    assert marked(text, "here") == (with_marks, things)
    assert unmarked(text) == without


def test_words_with_a_mark_of_ours_are_refused():
    with pytest.raises(ValueError, match=r"here: holds \{seg\}"):
        marked("the {seg}", "here")


def test_long_words_in_brackets_take_no_long_time():
    text = "[" + "a " * 50_000 + "]"
    assert marked(text, "here")[1] == []
