"""Counts by source."""

from data.tally import Tally


def test_counts_are_added_and_named():
    one, two = Tally(), Tally()
    one.count("a", pictures=1, conversations=2, tokens=30, learned=6, present=1, absent=3, inside=10, pixels=40)
    two.count("a", pictures=1, conversations=1, tokens=20, learned=3)
    two.count("b", pictures=1, conversations=1, tokens=9, learned=1)
    named = Tally().add([one, two]).named()
    assert {name: named[f"a/{name}"] for name in ("pictures", "conversations", "tokens", "learned")} == {
        "pictures": 2,
        "conversations": 3,
        "tokens": 50,
        "learned": 9,
    }
    assert (named["a/present"], named["a/absent"], named["a/absent_share"]) == (1, 3, 0.75)
    assert (named["a/share"], named["b/share"], named["a/mask_share"]) == (0.9, 0.1, 0.25)
    assert named["b/mask_share"] == named["b/absent_share"] == 0.0
