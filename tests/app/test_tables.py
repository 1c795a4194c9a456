from html.parser import HTMLParser

from app import tables
from app.tables import Column


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.names, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)

    def handle_data(self, data):
        self.words.append(data)


def test_a_cell_is_text_whatever_it_says():
    evil = "<script>alert(1)</script>'\" **b** $x$"
    found = Tags(tables.as_html(evil, (Column(evil), Column("n", True)), [[evil, "1"]], 0))
    assert set(found.names) == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert found.words.count(evil) == 3


def test_a_long_cell_is_cut_and_the_row_that_is_looked_at_is_named():
    made = tables.as_html("t", (Column("a"),), [["x" * 1000], ["y"]], 1)
    assert "x" * tables.LONGEST + " ..." in made and "x" * (tables.LONGEST + 1) not in made
    assert made.count("aria-current=true") == 1 and made.index("aria-current") > made.index("xxx")


def test_numbers_have_their_nouns():
    assert tables.counted(1, "mask") == "1 mask" and tables.counted(1200, "mask") == "1,200 masks"
    assert tables.counted(2, "family", "families") == "2 families"


def test_the_page_of_a_row():
    assert tables.page(0, 30) == range(0, 12)
    assert tables.page(11, 30) == range(0, 12)
    assert tables.page(12, 30) == range(12, 24)
    assert tables.page(29, 30) == range(24, 30)
