import json
import pickle
import resource
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from data import datasets, masks, mixture
from data.datasets import fprefcoco, grefcoco, refer, refzom, rrefcoco
from tests.data.datasets.trees import HIGH, LEFT, NEAR, WIDE, asked, pixels, reference, tree

FAMILIES = (refer, grefcoco, refzom, fprefcoco, rrefcoco)


def found(root):
    return {(source.dataset, source.split): source for family in FAMILIES for source in family.find(root)}


def opened(root, dataset="refcoco", split="val"):
    return found(root)[dataset, split].open()


def test_every_sentence_of_the_published_formats_is_read(shared):
    root = shared / "samples/trees"
    truth = json.loads((root / "TRUTH.json").read_text())["refer_seg"]
    sources = found(root)
    assert set(sources) == {(name, split) for name in truth for split in truth[name]["splits"]}
    for (name, split), source in sources.items():
        dataset, true = source.open(), truth[name]["splits"][split]
        queries = asked(dataset)
        assert (len(dataset), len(queries)) == (true["images"], true["sentences"]), name
        sizes = {query.id: picture for picture, made in dataset for query in made}
        for sample in true["samples"]:
            for number, said in enumerate(sample["texts"]):
                query = queries.pop(f"{sample['id']}/{number}")
                (target,) = query.targets
                assert query.text == target.phrase == said["text"].strip()
                assert target.rle == (None if said["empty"] else sample["rle"]), query.id
                assert query.correction == (said.get("gt_sent", "").strip() or None)
                picture = sizes[query.id]
                assert picture.size == (sample["height"], sample["width"])
                assert picture.name.endswith(sample["image"]) and picture.path == root / picture.name
        assert not queries


def test_pictures_of_the_published_formats_open(shared):
    root = shared / "samples/trees"
    for name, split in (("refclef", "testC"), ("refcoco", "testA"), ("refzom", "test"), ("grefcoco", "val")):
        dataset = opened(root, name, split)
        assert all(dataset.picture(index).load().ndim == 3 for index in range(len(dataset)))


def bad_cases():
    path = Path(__file__).resolve().parents[4] / "shared/samples/bad/cases.json"
    cases = json.loads(path.read_text()) if path.is_file() else []
    return [case for case in cases if case["reader"].startswith(("refc", "gref"))] or [None]


@pytest.mark.parametrize("case", bad_cases(), ids=lambda case: case["path"] if case else "none")
def test_bad_trees_are_refused_in_a_plain_line(case, shared, tmp_path, monkeypatch):
    root, (name, _, split) = shared / "samples/bad" / case["path"], case["reader"].split("|")
    monkeypatch.chdir(tmp_path)
    line = (refused_under_a_limit if case.get("danger") == "memory" else refused)(root, name, split)
    assert line and "\n" not in line
    assert not list(tmp_path.iterdir())
    says = {
        "refs_missing_key": ("ref_id 0", "'ann_id'", "refs(unc).p"),
        "refs_dangling_ann": ("999", "instances.json"),
        "polygon_two_points": ("annotation 11", "2 points"),
        "path_escape/root": ("outside.jpg",),
        "size_disagrees": ("64 x 48", "48 x 64"),
    }
    for words in says.get(case["path"], ()):
        assert words in line


def refused(root, name, split):
    """The line of the error that reading a whole dataset raises; None for none."""
    try:
        for picture, _ in opened(root, name, split):
            picture.load()
    except ValueError as error:
        return str(error)


def refused_under_a_limit(root, name, split):
    """The same in a process of its own, which may take 500 MB beyond its libraries."""
    run = subprocess.run(
        [sys.executable, __file__, str(root), name, split],
        env={"PYTHONPATH": str(Path(datasets.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_parts_that_overlap_are_united_and_sentences_keep_their_place(tmp_path):
    refs = [reference(7, 13, (" both squares ", "Two of them")), reference(8, 12, ("right",))]
    dataset = opened(tree(tmp_path, refs))
    queries = asked(dataset)
    assert len(dataset) == 1
    assert list(queries) == ["refcoco/val/7/0", "refcoco/val/7/1", "refcoco/val/8/0"]
    first, second, third = queries.values()
    assert (first.text, first.kind, second.text) == ("both squares", "phrase", "Two of them")
    united = masks.decode(first.targets[0].rle)
    assert np.array_equal(united, pixels(LEFT, NEAR)) and united.sum() == 7
    assert second.targets[0].rle == first.targets[0].rle
    assert np.array_equal(masks.decode(third.targets[0].rle), pixels(NEAR))
    picture = dataset.picture(0)
    assert picture.size == (HIGH, WIDE) and picture.load().shape == (HIGH, WIDE, 3)


def test_masks_as_run_lengths_in_every_form(tmp_path):
    column = {"size": [HIGH, WIDE], "counts": [4, 4, 16]}
    packed = masks.encode(pixels(LEFT))
    for form, area in ((column, 4), ([column], 4), (packed, 4), ([packed, column], 6)):
        (query,) = asked(opened(tree(tmp_path, [reference()], annotations={11: form}))).values()
        assert masks.area(query.targets[0].rle) == area


def test_splits_are_those_that_occur_and_are_told_apart_exactly(tmp_path):
    names = ("testB", "test", "train", "extra", "testA")
    tree(tmp_path, [reference(n, split=split, said=("val",)) for n, split in enumerate(names)])
    assert [source.split for source in refer.find(tmp_path)] == ["train", "test", "testA", "testB", "extra"]
    assert list(asked(opened(tmp_path, split="test"))) == ["refcoco/test/1/0"]


def test_other_divisions_have_their_names_behind_a_slash(tmp_path):
    for file in ("refcoco/refs(unc).p", "refcoco/refs(google).p", "refcoco/refs(unc_exclude_unified).p"):
        tree(tmp_path, [reference()], file)
    (tmp_path / "refer_seg/refcoco/refs(unc).p.bak").write_bytes(b"")
    tree(tmp_path, [reference()], "refcocog/refs(umd).p")
    names = {"refcoco", "refcoco/google", "refcoco/exclude_unified", "refcocog"}
    assert {name for name, _ in found(tmp_path)} == names
    assert list(asked(opened(tmp_path, "refcoco/google"))) == ["refcoco/google/val/0/0"]
    assert not found(tmp_path / "refer_seg")


def test_a_file_that_cannot_be_read_is_still_found_so_that_opening_says_why(tmp_path):
    tree(tmp_path, b"cut")
    sources = refer.find(tmp_path)
    assert [source.split for source in sources] == ["train", "val", "testA", "testB"]
    with pytest.raises(ValueError, match=r"refs\(unc\)\.p: is damaged"):
        sources[0].open()


def test_what_python_2_pickled_is_read_as_it_was_meant(tmp_path):
    # A list of one reference, as Python 2 writes str: bytes of UTF-8 in one sentence, of latin-1 in the other.
    sentences = b"(lp1\n(dp2\nS'sent'\np3\nS'caf\\xc3\\xa9'\np4\nsa(dp5\ng3\nS'caf\\xe9'\np6\nsa"
    keys = b"S'ref_id'\nI0\nsS'ann_id'\nI11\nsS'image_id'\nI1\nsS'split'\nS'val'\ns"
    tree(tmp_path, b"(lp0\n(d" + keys + b"S'sentences'\n" + sentences + b"sa.")
    assert [query.text for query in asked(opened(tmp_path)).values()] == ["café", "café"]


@pytest.mark.parametrize(
    ("refs", "changes", "line"),
    [
        ([reference(ann_id=[11])], {}, "ref_id 0, its ann_id: .* is no whole number"),
        ([reference(ann_id=10**30)], {}, "ref_id 0, its ann_id: .* is no whole number"),
        ([reference(said=())], {}, "ref_id 0: has no sentences"),
        ([reference(said=({"sent": None},))], {}, "ref_id 0, sentence 0: None is no text"),
        ([reference(said=("good", "\t"))], {}, "ref_id 0, sentence 1: .* is no text"),
        ([reference(image_id=5)], {}, "image 5: is not there, and .*refs.unc..p refers to it"),
        ([reference()], {"image": {"height": 0}}, "image 1: 6 x 0 pixels is no size"),
        ([reference()], {"image": {"height": "4"}}, "image 1, its height: '4' is no whole number"),
        ([reference()], {"image": {"width": 10**9}}, "image 1: 1000000000 x 4 pixels is no size"),
        ([reference()], {"image": {"id": "1"}}, "entry 0 of 'images': '1' is no whole number"),
        ([reference()], {"annotations": {11: []}}, "annotation 11: its segmentation is neither"),
        ([reference()], {"annotations": {11: {"size": 5, "counts": "0"}}}, "annotation 11: .* of size 5"),
        ([], {}, "expected a list of references, found an empty one"),
        ([{"split": "val", "image_id": 1, "ref_id": 4}], {}, "ref_id 4: has no key 'ann_id'"),
        ([reference(), {"ref_id": 1}], {}, "reference 1: has no key 'split'"),
        ([reference(), 5], {}, "reference 1: expected keys and values, found int"),
        ([reference(split=["val"]), reference()], {}, "reference 0: its split is"),
    ],
)
def test_faults_name_their_reference_or_annotation(tmp_path, refs, changes, line):
    tree(tmp_path, refs, **changes)
    with pytest.raises(ValueError, match=line):
        asked(opened(tmp_path))


@pytest.mark.parametrize("name", ["/etc/hostname", "../../../../../../x.jpg", "a\0.jpg", "", 5, None])
def test_picture_names_stay_inside_the_tree(tmp_path, name):
    dataset = opened(tree(tmp_path, [reference()], image={"file_name": name}))
    with pytest.raises(ValueError, match=r"image 1: .*(no file name|leads out of)"):
        dataset.picture(0)


def test_a_fault_of_one_picture_leaves_the_others_readable(tmp_path):
    tree(tmp_path, [reference(0, 99, image_id=1), reference(1, 11, image_id=2)])
    path = tmp_path / "refer_seg/refcoco/instances.json"
    values = json.loads(path.read_text())
    values["images"].append({**values["images"][0], "id": 2})
    values["annotations"][0]["image_id"] = 2
    path.write_text(json.dumps(values))
    dataset = opened(tmp_path)
    with pytest.raises(ValueError, match="ann_id 99"):
        dataset.queries(0)
    assert [query.id for query in dataset.queries(1)] == ["refcoco/val/1/0"]
    path.write_text(json.dumps({**values, "annotations": [{**values["annotations"][0], "image_id": 3}]}))
    with pytest.raises(ValueError, match="annotation 11: belongs to image_id 3, and is used for 2"):
        opened(tmp_path).queries(1)


def test_two_annotations_of_one_id_must_agree(tmp_path):
    tree(tmp_path, [reference()])
    path = tmp_path / "refer_seg/refcoco/instances.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "annotations": values["annotations"] * 2}))
    assert asked(opened(tmp_path))
    values["annotations"].append({**values["annotations"][0], "segmentation": [NEAR]})
    path.write_text(json.dumps(values))
    with pytest.raises(ValueError, match="two different annotations have the id 11"):
        opened(tmp_path)


def test_a_dataset_goes_to_a_worker_that_is_spawned(tmp_path):
    dataset = opened(tree(tmp_path, [reference()]))
    dataset._records = [dataset._records[0]]  # what a store sends is torch's business
    assert asked(pickle.loads(pickle.dumps(dataset))) == asked(dataset)


def test_no_more_than_plain_data_is_taken_from_a_pickle(tmp_path):
    tree(tmp_path, [OrderedDict(reference())])
    with pytest.raises(ValueError, match="more than plain data"):
        refer.find(tmp_path)[0].open()


if __name__ == "__main__":
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 500_000_000, used + 500_000_000))
    print(refused(Path(sys.argv[1]), *sys.argv[2:]))


def test_other_datasets_are_left_unread(tmp_path, monkeypatch):
    for file in ("refcoco/refs(unc).p", "refcoco/refs(google).p", "refcocog/refs(umd).p"):
        tree(tmp_path, [reference(split="train")], file)
    tree(tmp_path, [reference(split="train")], "grefcoco/grefs(unc).json")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/pinpoint.jsonl").write_text('{"image": "a.jpg", "question": "What?", "answer": "It."}\n')
    read = []
    reads, opens = Path.read_bytes, Path.open

    def noted(method):
        def read_and_noted(path, *given, **more):
            read.append(str(path.relative_to(tmp_path)))
            return method(path, *given, **more)

        return read_and_noted

    monkeypatch.setattr(Path, "read_bytes", noted(reads))
    monkeypatch.setattr(Path, "open", noted(opens))
    datasets.open_dataset(tmp_path, "refcoco", "train")
    assert set(read) == {"refer_seg/refcoco/refs(unc).p", "refer_seg/refcoco/instances.json"}
    read.clear()
    assert list(mixture.find(tmp_path, ["refcocog", "own/train"])) == ["refcocog", "own/train"]
    assert set(read) == {"refer_seg/refcocog/refs(umd).p", "own/pinpoint.jsonl"}
    with pytest.raises(ValueError, match="did you mean 'refcocog'"):
        datasets.find(tmp_path, "refcocogg", "train")
