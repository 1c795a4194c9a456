from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from data.settings import build


@dataclass(frozen=True)
class Inner:
    size: int = 3
    rate: float = 0.5


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    flag: bool = False
    mode: Literal["slow", "fast"] = "slow"
    layer: str | int = "last"
    limit: float | None = None
    pair: tuple[int, float] = (1, 2.0)
    many: tuple[Inner, ...] = ()
    parts: dict[str, Inner] = field(default_factory=dict)
    extra: Any = None


def made(**values):
    return build(Outer, {"name": "x", **values}, "here.yaml")


def test_absent_keys_take_their_defaults():
    assert made() == Outer("x")
    assert build(Inner, None, "here") == Inner()


def test_everything_nested_gets_its_type():
    got = made(
        inner={"size": 4},
        pair=[5, 6],
        many=[{"rate": 1}, {}],
        parts={"a": {"size": 9}, "b": {}},
        limit=2,
        mode="fast",
        extra={"free": [1]},
    )
    assert got == Outer(
        "x",
        inner=Inner(4),
        pair=(5, 6.0),
        many=(Inner(rate=1.0), Inner()),
        parts={"a": Inner(9), "b": Inner()},
        limit=2.0,
        mode="fast",
        extra={"free": [1]},
    )
    assert isinstance(got.pair[1], float) and isinstance(got.limit, float) and isinstance(got.many, tuple)


def test_numbers_written_as_yaml_reads_them():
    assert made(inner={"rate": "1e-4"}).inner.rate == 1e-4
    assert made(limit=None).limit is None
    assert made(layer=7).layer == 7 and made(layer="7").layer == "7"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nam": "y"}, "here.yaml: unknown key 'nam'; did you mean 'name'"),
        ({"zzzzz": 1}, "known keys: name, inner"),
        ({"inner": {"sise": 1}}, "here.yaml: inner: unknown key 'sise'; did you mean 'size'"),
        ({"inner": {"size": "3"}}, "here.yaml: inner: size: expected int, found '3'"),
        ({"inner": {"size": 3.5}}, "expected int, found 3.5"),
        ({"inner": {"size": True}}, "expected int, found True"),
        ({"inner": {"rate": True}}, "expected float, found True"),
        ({"inner": {"rate": "fast"}}, "expected float, found 'fast'"),
        ({"inner": 3}, "inner: expected keys and values, found 3"),
        ({"flag": 1}, "flag: expected bool, found 1"),
        ({"mode": "quick"}, "mode: 'quick' is none of 'slow', 'fast'"),
        ({"pair": [1]}, "pair: expected 2 values, found 1"),
        ({"pair": 1}, "pair: expected a list, found 1"),
        ({"pair": [1, "x"]}, r"pair\[1\]: expected float, found 'x'"),
        ({"many": [{"size": None}]}, r"many\[0\]: size: expected int, found None"),
        ({"parts": [1]}, "parts: expected keys and values"),
        ({"parts": {"a": {"b": 1}}}, "parts: a: unknown key 'b'"),
        ({"name": None}, "name: expected str, found None"),
    ],
)
def test_what_is_wrong_is_named(values, said):
    with pytest.raises(ValueError, match=said) as caught:
        made(**values)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named():
    with pytest.raises(ValueError, match="here: the key 'name' is missing"):
        build(Outer, {}, "here")
