"""Marks that LISA++'s answers have in their words: the id of a thing, mostly with its name.

``<380|remote>`` or ``《380|remote》`` anywhere; in a list also ``[<380|cup>, <348|spoon>]``,
``[cup <380>, spoon <348>]`` and ``[380|cup, 348|spoon]``. Anything else in brackets, ``<b>`` or ``[sic]``, is words.
"""

import re

_ONE = re.compile(r"[<《]\s*(\d+)\s*\|([^<>《》]*)[>》]")
_AFTER = re.compile(r"([^,<>]{1,100})<\s*(\d+)\s*>")  # a name and then its id
_BARE = re.compile(r"(\d+)\s*\|([^,|]*)")
_ANY = re.compile(rf"\[([^\[\]]*)\]|{_ONE.pattern}")

Named = tuple[str, str | None]
"""An id and what the words call it."""


def marked(text: str, where: str) -> tuple[str, list[Named]]:
    """The words with ``{seg}`` for each mark, after its name, and the things that are marked, in their order.

    A name is written where it is not the word before the mark: "the remote <380|remote>" and "a <380|remote>" give
    "the remote {seg}" and "a remote {seg}".

    Raises:
        ValueError: the words hold ``{seg}`` of their own.
    """
    if "{seg}" in text:
        raise ValueError(f"{where}: holds {{seg}}, which would count as one more target")
    return _written(text, "{seg}")


def unmarked(text: str) -> str:
    """The words without marks, names kept."""
    return _written(text, "")[0]


def _written(text: str, mark: str) -> tuple[str, list[Named]]:
    made, end, things = "", 0, []
    for match in _ANY.finditer(text):
        items = _items(match)
        if items:
            made += text[end : match.start()]
            made, end = _joined(made, items, mark), match.end()
            things += [(id, name or None) for id, name in items]
    made += text[end:]
    return re.sub(r" +([.,;:!?])", r"\1", re.sub(r" {2,}", " ", made)).strip(), things


def _items(match: re.Match[str]) -> list[tuple[str, str]]:
    """Ids and names of a mark or a list of marks; none if it is words."""
    inside = match[1]
    if inside is None:
        return [(match[2], match[3].strip())]
    if _ONE.search(inside):
        return [(id, name.strip()) for id, name in _ONE.findall(inside)]
    if _AFTER.search(inside):
        return [(id, name.strip()) for name, id in _AFTER.findall(inside)]
    return [(id, name.strip()) for id, name in _BARE.findall(inside)]


def _joined(before: str, items: list[tuple[str, str]], mark: str) -> str:
    """``before`` and "cup {seg}, spoon {seg} and fork {seg}"; a name that was just said is not said again."""
    last = before
    parts = []
    for _, name in items:
        said = re.sub(r"\W+$", "", last).lower()
        again = not name or said.endswith((name.lower(), f"{name.lower()}s"))
        parts.append(" ".join(part for part in ("" if again else name, mark) if part))
        last = name or last
    parts = [part for part in parts if part]
    listed = " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
    space = " " if before and listed and not before[-1].isspace() else ""
    return f"{before}{space}{listed}"
