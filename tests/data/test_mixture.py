"""One stream for a seed, however it is read."""

from collections import Counter
from random import Random

import pytest
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from data import datasets, mixture
from data.mixture import Drawn, Fault, Mixture, Read
from data.sample import REJ, SEG
from model.tokens import MARK
from tests.data.small import Small, phrase, source


def shown(pack):
    """What can be compared of a pack."""
    turns = [(s.id, [(t.question, t.answer) for t in s.turns]) for s in pack.samples]
    return pack.source, pack.image.tolist(), turns


@pytest.fixture
def members(tmp_path):
    return [Read(Small(tmp_path / "a", 5, "a")), Read(Small(tmp_path / "b", 3, "b"))]


def make(members, **more):
    return Mixture(members, [2, 1], 2, **{"seed": 3, "make": shown, "count": 40, **more})


def test_the_stream_is_the_same_whatever_the_number_of_workers(members):
    alone = [make(members)[i] for i in range(40)]
    for workers in (0, 1, 2):
        read = DataLoader(make(members), batch_size=4, num_workers=workers, collate_fn=list)
        assert [item for batch in read for item in batch] == alone
    assert [make(members, seed=4)[i] for i in range(40)] != alone


def test_a_run_goes_on_in_the_middle_of_an_epoch(members):
    whole = [make(members)[i] for i in range(40)]
    rest = make(members, first=17, count=23)
    assert [rest[i] for i in range(23)] == whole[17:]
    assert [make(members)[i] for i in (30, 2, 30)] == [whole[i] for i in (30, 2, 30)]


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_trainer_deals_every_position_to_one_process(processes):
    batches = BatchSampler(SequentialSampler(range(48)), 3, drop_last=False)
    parts = [[i for batch in BatchSamplerShard(batches, processes, r) for i in batch] for r in range(processes)]
    assert sorted(i for part in parts for i in part) == list(range(48))
    step = [{i for part in parts for i in part[3 * s : 3 * s + 3]} for s in range(48 // (3 * processes))]
    assert all(lot == set(range(3 * processes * s, 3 * processes * (s + 1))) for s, lot in enumerate(step))


def test_every_picture_comes_once_before_any_comes_again(members):
    mixed = make(members, count=3000)
    visits = {0: [], 1: []}
    for position in range(3000):
        number, picture = mixed.place(position)
        visits[number].append(picture)
    assert len(visits[0]) == 2001 and len(visits[1]) == 999  # two thirds, rounded to thousandths
    for number, count in ((0, 5), (1, 3)):
        epochs = [visits[number][at : at + count] for at in range(0, 900, count)]
        assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) > count


def test_a_picture_s_queries_are_chosen_by_seed_and_packed(tmp_path):
    queries = lambda i: [phrase(f"{i}/{n}", f"cup {n}", here=n % 2 == 0) for n in range(6)]  # noqa: E731
    read = Read(Small(tmp_path, 1, queries=queries), together=0.5)
    lots = [read.pack(0, Random(seed), 4).samples for seed in range(60)]
    assert all(len(lot) == 4 and len({sample.id for sample in lot}) == 4 for lot in lots)
    assert len({tuple(sample.id for sample in lot) for lot in lots}) > 30
    joined = [lot[0].turns[0] for lot in lots if lot[0].turns[0].kind == "several"]
    assert 15 < len(joined) < 45 and {len(turn.targets) for turn in joined} == {2, 3, 4, 5}
    for turn in (turn for lot in lots for sample in lot for turn in sample.turns):
        assert turn.answer.count(SEG) == sum(not t.absent for t in turn.targets)
        assert turn.answer.count(REJ) == sum(t.absent for t in turn.targets)
    assert len(read.pack(0, Random(0), 100).samples) in (6, 7)


def test_a_fault_is_raised_and_names_the_sample(tmp_path):
    mixed = Mixture([Read(Small(tmp_path, 3, broken=(1,)))], [1], 2, count=3, make=shown)
    with pytest.raises(Fault, match=r"^small/train: picture 1: ann.json: annotation 1: a polygon of 2 points is none$"):
        list(DataLoader(mixed, batch_size=None))
    with pytest.raises(Fault, match=r"^small/train: picture 1: ann.json: annotation 1: a polygon of 2 points is none$"):
        list(DataLoader(mixed, batch_size=None, num_workers=1))  # one line from a worker, too


def test_a_fault_may_be_skipped_and_is_told(tmp_path, caplog):
    mixed = Mixture([Read(Small(tmp_path, 3, broken=(1,)))], [1], 2, count=30, make=shown, faults="skip")
    items = [mixed[i] for i in range(30)]
    assert items == [mixed[i] for i in range(30)]
    assert Counter(item[1][0][0][0] for item in items).keys() == {0, 2}
    assert "skipped small/train: picture 1: ann.json" in caplog.text
    hopeless = Mixture([Read(Small(tmp_path, 2, broken=(0, 1)))], [1], 2, make=shown, faults="skip")
    with pytest.raises(Fault, match="so it is with the 1 before it"):
        hopeless[0]


def test_an_error_in_what_is_made_of_a_sample_names_it(tmp_path):
    def fail(pack):
        raise ValueError("the question is too long")

    with pytest.raises(Fault, match=r"small/train: picture \d \(small/train/\d/\d\S*\): the question is too long"):
        Mixture([Read(Small(tmp_path))], [1], 1, make=fail)[0]


def test_a_picture_of_which_nothing_is_asked_gives_way_to_the_next(tmp_path):
    queries = lambda i: [] if i == 0 else [phrase(f"{i}/0", "cup")]  # noqa: E731
    mixed = Mixture([Read(Small(tmp_path, 2, queries=queries))], [1], 2, make=shown)
    assert {mixed[i][2][0][0] for i in range(6)} == {"small/train/1/0"}


def test_the_drawn_world_is_a_source_like_others(members):
    world = Drawn(dense=1.0)
    mixed = Mixture([world, members[0]], [1, 1], 2, count=8)
    packs = [mixed[i] for i in range(8)]
    assert {pack.source for pack in packs} == {"world", "a/train"}
    pack = next(pack for pack in packs if pack.source == "world")
    assert len(pack.samples) == 2 and pack.samples[0].turns[0].kind == "list"
    assert pack.image.dtype.name == "uint8" and pack.image.any()


class Asked:
    """In place of the drawn world: keeps the forms that it is asked for."""

    def __init__(self):
        self.forms = []

    def pack(self, index, most, forms, loose):
        self.forms.append(forms)
        return None, ()


@pytest.mark.parametrize("dense", [0.0, 0.5, 1.0])
def test_a_share_of_the_drawn_pictures_names_everything(dense):
    source, rng, count = Drawn(forms=("use",), dense=dense), Random(0), 2000
    source.world = Asked()
    for _ in range(count):
        source.pack(3, rng, 1)
    named = sum(forms == (mixture.DENSE, "use") for forms in source.world.forms)
    assert named + source.world.forms.count(("use",)) == count
    assert abs(named - dense * count) <= 5 * (dense * (1 - dense) * count) ** 0.5  # standard deviations of a binomial


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree with the datasets small (train), other (val alone), and both (val, test)."""
    made = []
    for name, split in (("small", "train"), ("small", "val"), ("other", "val"), ("both", "val"), ("both", "test")):
        dataset = Small(tmp_path / name, 2, name)
        dataset.split = split
        made.append(source(dataset))
    monkeypatch.setattr(datasets, "sources", lambda root, wanted: iter(made))
    return tmp_path


def test_datasets_are_found_by_name_and_near_names_suggested(tree):
    found = mixture.find(tree, ["small", "small/val", "other/val", "both/test", "world"])
    assert {name: f"{s.dataset}/{s.split}" for name, s in found.items()} == {
        "small": "small/train",
        "small/val": "small/val",
        "other/val": "other/val",
        "both/test": "both/test",
    }
    for name, said in {
        "smal": "did you mean 'small'",
        "worlds": "did you mean 'world'",
        "both": "no split train .* there are both/val, both/test",
        "other": "no split train .* there are other/val",  # never another split unasked
        "small/vla": "did you mean 'small/val'",
        "xyz": "there are small, other, both, world",
    }.items():
        with pytest.raises(ValueError, match=said):
            mixture.find(tree, [name])
    with pytest.raises(ValueError, match="data: small: name the root"):
        mixture.find(None, ["world", "small"])
    assert [m.name for m in mixture.members(tree, ["world", "small"], Drawn())] == ["world", "small/train"]


def test_an_empty_source_is_refused(tmp_path):
    with pytest.raises(ValueError, match="small/train: has no pictures"):
        Mixture([Read(Small(tmp_path, 0))], [1], 1)


def test_every_picture_of_the_sample_trees_is_asked_about(shared):
    read = [Read(source.open(), together=0.5) for source in datasets.sources(shared / "samples" / "trees")]
    assert read
    for member in read:
        for index in range(len(member)):
            pack = member.pack(index, Random(index), 8)
            assert pack.image.shape[:2] == pack.samples[0].size
            for turn in (turn for sample in pack.samples for turn in sample.turns):
                marks = [SEG if target.rle else REJ for target in turn.targets]
                assert MARK.findall(turn.answer) == marks and "{seg}" not in turn.answer
                assert not MARK.search(turn.question) and turn.question.strip()
