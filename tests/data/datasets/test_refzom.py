from data.datasets import refzom
from tests.data.datasets.trees import FILE, asked, reference, tree


def test_none_several_and_pictures_of_its_own(tmp_path):
    refs = [reference(0, [11, 12], split="test"), reference(1, [], split="test", source="zero")]
    tree(tmp_path, refs, "refzom/Ref_ZOM.p")
    (source,) = refzom.find(tmp_path)
    dataset = source.open()
    assert [query.targets[0].absent for query in asked(dataset).values()] == [False, True]
    assert dataset.picture(0).name == f"refer_seg/images/mscoco/images/train2014/{FILE}"  # it has no folder of its own
    assert dataset.picture(0).load().shape == (4, 6, 3)

    tree(tmp_path, refs, "refzom/Ref_ZOM.p", folder="refzom/train2014")
    assert source.open().picture(0).name == f"refer_seg/refzom/train2014/{FILE}"
    other = FILE.replace("train", "val")
    tree(tmp_path, refs, "refzom/Ref_ZOM.p", image={"file_name": other})
    (tmp_path / "refer_seg/refzom/val2014").mkdir()
    assert source.open().picture(0).name == f"refer_seg/refzom/val2014/{other}"
