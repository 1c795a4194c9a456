"""What wants to break the view of results."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from data import masks
from eval import predictions
from eval.predictions import Given
from tests.app.hostile import TEXTS, alive
from tests.app.test_answers import SAMPLES


def script():
    from app.views import results

    results.show(None)


@pytest.mark.parametrize("text", TEXTS[:16])
def test_words_of_results_are_words(text):
    one = replace(SAMPLES[0], kind=text, question=text, answer=f"{text} <SEG>.", id=text, image=text)
    one = replace(one, given=(Given(text, masks.encode(masks.decode(one.given[0].rle)), 0.5),))
    at = AppTest.from_function(script, default_timeout=60).run()
    at.file_uploader[0].upload("p.jsonl", predictions.line(one).encode())
    values = {"benchmark": text, "split": text, "numbers": {text: 0.5}, "questions": 1, text: text}
    at.file_uploader[0].upload("results.json", json.dumps(values).encode())
    at.run()
    at.button(key="results_open").click().run()
    alive(at)


FILES = [b"", b"{", b"[]", b"null", b"3", b"[" * 100_000, b'{"numbers": {"gIoU": NaN}}', b"\xff\xfe\xff", b"{}\n" * 9]
FILES += [b'{"numbers": [1, 2]}', b'{"numbers": {"a": {"b": {}}}, "questions": "<script>"}', b'{"a": 1' + b"0" * 9000]


@pytest.mark.parametrize("name", ["results.json", "predictions.jsonl"])
@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_broken_results_are_a_plain_line(name, content):
    at = AppTest.from_function(script, default_timeout=60).run()
    at.file_uploader[0].upload(name, content)
    at.run()
    at.button(key="results_open").click().run()
    text = alive(at)
    assert "Traceback" not in text and "/tmp" not in text
