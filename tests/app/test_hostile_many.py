"""What wants to break the view of many questions."""

import io
import zipfile

import pytest
from streamlit.testing.v1 import AppTest

from app import presence
from tests.app.hostile import NAMES, TEXTS, alive
from tests.app.pictures import red
from tests.app.waiting import until


def script():
    from app.views import many
    from tests.app.rule import Rule

    many.show(Rule("by rule", None))


@pytest.fixture
def many(monkeypatch):
    monkeypatch.setattr(presence, "LOOK", 0.02)
    made = AppTest.from_function(script, default_timeout=60).run()
    yield made
    if "many_job" in made.session_state:
        made.session_state.many_job.close()


def start(at, name, content, table=None, question="Where?"):
    at.file_uploader[0].upload(name, content)
    if table is not None:
        at.file_uploader[1].upload("rows.csv", table, "text/csv")
    at.text_input(key="many_question").set_value(question).run()
    at.button(key="many_start").click().run()
    return alive(at)


def ended(at):
    until(lambda: at.session_state.many_job.over)
    at.run()
    return alive(at)


def test_cells_of_a_table_are_words(many):
    lines = [f'a.png,"{text.replace(chr(34), chr(34) * 2)}"' for text in TEXTS]
    start(many, "a.png", red(), ("image,question\n" + "\n".join(lines)).encode(), question="")
    assert "&lt;script&gt;" in ended(many)
    for row in range(2, len(many.session_state.many_job.lines) + 1):
        many.number_input(key="many_row").set_value(row).run()
        alive(many)


@pytest.mark.parametrize("name", NAMES[:8])
def test_names_of_many_pictures_are_words(many, name):
    start(many, f"{name}.png", red())
    if "many_job" in many.session_state:
        assert "1 of 1 asked" in ended(many)


def zipped(*entries, cut=None):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return made.getvalue()[:cut]


def linked():
    entry = zipfile.ZipInfo("a.png")
    entry.external_attr = 0o120777 << 16
    return zipped((entry, "/etc/passwd"))


ZIPS = {
    "empty": b"",
    "no zip": b"PK no",
    "cut": zipped(("a.png", red(300, 300)), cut=120),
    "nothing": zipped(),
    "climbs": zipped(("../../a.png", red())),
    "whole path": zipped(("/etc/a.png", red())),
    "bomb": zipped(("a.png", bytes(60_000_000))),
    "no pictures": zipped(("run.sh", "rm -rf /"), ("a.html", "<script>")),
    "a zip in it": zipped(("b.zip", zipped(("a.png", red())))),
    "a link": linked(),
    "scripts": zipped(("<script>alert(1)</script>.png", b"no")),
    "damaged": zipped(("a.png", red(200, 200))).replace(b"IDAT", b"XXXX"),
}


@pytest.mark.parametrize("kind", ZIPS)
def test_a_broken_zip_is_a_plain_line(many, kind):
    text = start(many, "all.zip", ZIPS[kind])
    if "many_job" in many.session_state:
        text = ended(many)
        many.button(key="many_new").click().run()
    else:
        assert "role='alert'" in text
    assert "/tmp" not in text and "Traceback" not in text
    start(many, "a.png", red())
    assert "1 of 1 asked" in ended(many)


TABLES = [b"", b"\xff\xfe\x00", b"image\n", b"image,question\n", b'image,question\n"a.png,x', b"\0" * 99]
TABLES += [b"image,question\n" + b"../../etc/passwd,x\n" * 50, b"image,question\na.png," + b"x" * 200_000]


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_a_broken_table_is_a_plain_line(many, table):
    text = start(many, "a.png", red(), table, question="")
    assert "role='alert'" in text and "/tmp" not in text and "many_job" not in many.session_state
