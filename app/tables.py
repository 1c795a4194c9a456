"""Tables of the page: plain words in rows that fit a phone as well, one of them looked at."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

PAGE = 12  # rows that are shown at a time
LONGEST = 240  # letters of a cell

_STYLE = """<style>
.pp-scroll{overflow-x:auto}
.pp-table{width:100%;border-collapse:collapse;font-size:.9rem;line-height:1.45}
.pp-table caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.pp-table th{text-align:left;font-weight:600;padding:.35rem .6rem;border:0;white-space:nowrap}
.pp-table td{padding:.45rem .6rem;border:0;border-top:1px solid rgba(128,128,128,.3);vertical-align:top;
 overflow-wrap:anywhere;min-width:3.2rem}
.pp-table td.pp-number,.pp-table th.pp-number{text-align:right;font-variant-numeric:tabular-nums;white-space:pre;
 width:1%}
.pp-table tr[aria-current=true]{background:rgba(0,114,178,.14);box-shadow:inset 3px 0 0 #0072B2}
.pp-dot{display:inline-block;width:.8em;height:.8em;border-radius:50%;margin-right:.5em;box-sizing:border-box;
 vertical-align:-.05em}
@media(max-width:640px){
 .pp-stacked thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
 .pp-stacked,.pp-stacked tbody,.pp-stacked tr{display:block}
 .pp-stacked tr{padding:.5rem;border-top:1px solid rgba(128,128,128,.3)}
 .pp-stacked td,.pp-stacked td.pp-number{display:inline-block;border:0;padding:0 .7rem 0 0;min-width:0;width:auto;
  text-align:left;white-space:normal}
 .pp-stacked td:nth-last-child(-n+2){display:block}
 .pp-stacked td:empty{display:none}
}
</style>"""

Ink = tuple[int, int, int]


@dataclass(frozen=True)
class Column:
    """A column: its head, and whether it holds numbers."""

    head: str
    number: bool = False


def style() -> None:
    """What the tables look like; once for each view."""
    st.html(_STYLE)


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    current: int | None = None,
    stacked: bool = True,
) -> None:
    """Show a table.

    Args:
        caption: what it is, for those who hear it.
        columns: their heads.
        rows: the text of each cell; none of it is taken for HTML.
        current: the row that is looked at.
        stacked: where there is little room the cells of a row stand below each other, the last two on lines of their
            own; else the table is moved sideways, as a table of numbers must be.
    """
    st.html(as_html(caption, columns, rows, current, stacked))


def as_html(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    current: int | None = None,
    stacked: bool = True,
) -> str:
    """The table as safe HTML. Its roles are named, as a narrow screen shows it as no table."""
    kinds = [" class='pp-number'" if column.number else "" for column in columns]
    heads = [html.escape(column.head) for column in columns]
    made = [f"<th role='columnheader' scope='col'{k}>{h}</th>" for h, k in zip(heads, kinds, strict=True)]
    lines = [f"<thead role='rowgroup'><tr role='row'>{''.join(made)}</tr></thead><tbody role='rowgroup'>"]
    for number, row in enumerate(rows):
        cells = [f"<td role='cell'{kind}>{html.escape(_cut(text))}</td>" for text, kind in zip(row, kinds, strict=True)]
        lines.append(f"<tr role='row'{' aria-current=true' if number == current else ''}>{''.join(cells)}</tr>")
    named, looks = html.escape(caption), "pp-table pp-stacked" if stacked else "pp-table"
    return (
        f"<div class='pp-scroll' role='region' aria-label='{named}' tabindex='0'><table class='{looks}' role='table'>"
        f"<caption>{named}</caption>{''.join(lines)}</tbody></table></div>"
    )


def picked(key: str, count: int) -> int:
    """The row that is looked at, from 0; before :func:`picker` has drawn its box, too."""
    return min(max(int(st.session_state.get(key, 1)), 1), max(count, 1)) - 1


def picker(label: str, key: str, count: int) -> int:
    """A box for the number of the row to look at, and buttons that turn the pages of its table; returns it from 0."""
    st.session_state[key] = picked(key, count) + 1
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input(label, 1, max(count, 1), key=key, width=160)
        if count > PAGE:
            page, last = picked(key, count) // PAGE, (count - 1) // PAGE
            for words, to, off in (("Rows before", page - 1, page == 0), ("Rows after", page + 1, page == last)):
                st.button(words, key=f"{key}-{words}", on_click=_turn, args=(key, to * PAGE + 1), disabled=off)
    return picked(key, count)


def page(index: int, count: int) -> range:
    """The rows of the page that holds a row."""
    first = index // PAGE * PAGE
    return range(first, min(first + PAGE, count))


def _turn(key: str, number: int) -> None:
    st.session_state[key] = number


def legend(items: Sequence[tuple[str, Ink | None, str]]) -> None:
    """Names with the colours of their masks, none for what has no mask, and what there is to say of each."""
    rows = [f"<li>{_dot(ink)}{html.escape(name)} <small>{html.escape(note)}</small></li>" for name, ink, note in items]
    if rows:
        looks = "list-style:none;padding:0;margin:0;line-height:1.9;overflow-wrap:anywhere"
        st.html(f"<ul style='{looks}'>{''.join(rows)}</ul>")


def counted(number: int, what: str, several: str = "") -> str:
    """A number with its noun."""
    return f"{number:,} {what if number == 1 else several or what + 's'}"


def _dot(ink: Ink | None) -> str:
    fill = f"background:rgb{ink}" if ink is not None else "border:2px dotted currentColor"
    return f"<span class='pp-dot' style='{fill}'></span>"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."
