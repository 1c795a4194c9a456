import pytest

from data.datasets import fprefcoco
from tests.data.datasets.trees import asked, reference, tree

FILE = "fprefcoco+/refs(berkeley_exclude_unified).p"


def test_a_false_premise_has_its_correction_and_no_mask(tmp_path):
    said = (
        {"sent": "left square", "is_false_premise": False, "gt_sent": ""},
        {"sent": "left zebra", "is_false_premise": True, "gt_sent": " left square "},
        {"sent": "zebra", "is_false_premise": True},
        {"sent": "square"},
    )
    (source,) = fprefcoco.find(tree(tmp_path, [reference(said=said)], FILE))
    queries = list(asked(source.open()).values())
    assert [query.id for query in queries] == [f"fprefcoco+/val/0/{number}" for number in range(4)]
    assert [query.targets[0].absent for query in queries] == [False, True, True, False]
    assert [query.correction for query in queries] == [None, "left square", None, None]
    assert {query.kind for query in queries} == {"premise"}


@pytest.mark.parametrize(
    ("keys", "line"),
    [({"is_false_premise": "yes"}, "neither true nor false"), ({"is_false_premise": True, "gt_sent": 5}, "gt_sent: 5")],
)
def test_what_is_no_yes_or_no_is_refused(tmp_path, keys, line):
    (source,) = fprefcoco.find(tree(tmp_path, [reference(said=({"sent": "zebra", **keys},))], FILE))
    with pytest.raises(ValueError, match=f"ref_id 0, sentence 0.*{line}"):
        asked(source.open())
