import pytest

from data.datasets import rrefcoco
from tests.data.datasets.trees import asked, reference, tree


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("R-refcoco/refs(unc_exclude_unified).p", "R-refcoco"),
        ("R-refcocog/refs(umd_exclude_unified).p", "R-refcocog"),
        ("rrefcoco+/refs(unc).p", "rrefcoco+"),
        ("R-refcoco/refs(unc).p", "R-refcoco/unc"),
    ],
)
def test_what_does_not_exist_has_no_mask(tmp_path, file, name):
    said = ({"sent": "left square"}, {"sent": "zebra", "exist": False}, {"sent": "square", "exist": True})
    (source,) = rrefcoco.find(tree(tmp_path, [reference(said=said)], file))
    queries = list(asked(source.open()).values())
    assert [query.id for query in queries] == [f"{name}/val/0/{number}" for number in range(3)]
    assert [query.targets[0].absent for query in queries] == [False, True, False]
    assert {query.kind for query in queries} == {"premise"} and all(query.correction is None for query in queries)
