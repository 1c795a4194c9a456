"""What wants to break the page, in every view: each gets a plain line or is shown as it is, and the page goes on."""

import re
from html.parser import HTMLParser
from pathlib import Path

from tests.app.shown import written

BAD = Path(__file__).resolve().parents[3] / "shared" / "samples" / "bad"

TEXTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</div></style><style>*{display:none}</style>",
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[here](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "**bold** `code` :red[red] :material/home: $x^2$ :smile:",
    "# head\n- list\n> quote\n```\ncode",
    "<SEG> <REJ> [SEG] <im_start> <|im_end|> </s> <image>",
    "{{7*7}} ${7*7} %s %n {0} {question}",
    "'; DROP TABLE x; -- =cmd|' /C calc'!A0",
    "../../../../etc/passwd",
    "a\0b\x07\x1b[31m",
    "\u202eevil\u202c \u200b\ufeff \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "Z" + "\u0300" * 400,
    "x" * 999,
    "\n" * 50 + "?",
    "where " * 160,
]
SHORT = [text[:60] for text in TEXTS]
NAMES = [text.replace("\0", "") for text in SHORT]  # Streamlit itself refuses a file with a NUL in its name
TAGS = {"script", "iframe", "object", "embed", "svg", "form", "a", "link", "meta", "base"}


class Tags(HTMLParser):
    """The tags of a text that could run something or lead away, and attributes that could."""

    def __init__(self):
        super().__init__()
        self.bad = []

    def handle_starttag(self, tag, attrs):
        fetched = dict(attrs).get("src") or "data:"
        if tag in TAGS or any(name.startswith("on") for name, _ in attrs) or not fetched.startswith("data:"):
            self.bad.append((tag, attrs))


def alive(at):
    """What the page says; nothing in it may be taken for more than words."""
    assert [one.message for one in at.exception] == []
    text = written(at)
    tags = Tags()
    tags.feed(text)
    assert tags.bad == []
    for label in labels(at):
        bare = re.sub(r"\\.", "", label)
        assert "](" not in bare and ":red[" not in bare and "**bold" not in bare and "<script" not in bare, label
    return text


def labels(at):
    """All that Streamlit takes for Markdown."""
    kinds = ("button", "checkbox", "toggle", "radio", "selectbox", "text_input", "number_input", "slider", "expander")
    named = [getattr(one, "label", "") for kind in kinds for one in at.get(kind)]
    loose = [one.value for one in (*at.caption, *at.markdown) if not one.value.startswith("<style>")]
    return [*named, *loose]
