"""The grounding objective on a mixture of datasets."""

import pytest
import torch

from data import datasets
from data.datasets.base import Query
from data.sample import Target
from tests import tiny
from tests.data.small import Small, phrase, rle, source
from train import launch
from train.objectives import grounding
from train.recipe import Recipe


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree with the dataset small, and talk, whose answers are words alone."""
    talk = lambda i: [Query(f"talk/train/{i}", "Where is the red cup?", "talk", (), answer="It is here.")]  # noqa: E731
    made = [Small(tmp_path / "small", 4), Small(tmp_path / "talk", 2, "talk", talk)]
    monkeypatch.setattr(datasets, "sources", lambda root, wanted: iter([source(dataset) for dataset in made]))
    return str(tmp_path)


@pytest.fixture(scope="module")
def model():
    return tiny.model().train()


def options(tree, data, **more):
    return grounding.Options(**{"data": data, "root": tree, "conversations": 2, "images": 2, **more})


def test_items_are_those_of_the_stream_with_their_truth(model, tree):
    given = options(tree, {"small": 3, "world": 1}, together=0.0)
    items = [grounding.dataset(model, given, 0, 20)[i] for i in range(20)]
    later = grounding.dataset(model, given, 13, 7)
    assert all(
        torch.equal(later[i].sam, items[13 + i].sam)
        and [c.ids.tolist() for c in later[i].chats] == [c.ids.tolist() for c in items[13 + i].chats]
        for i in range(7)
    )
    assert {item.source for item in items} == {"small/train", "world"}
    item = next(item for item in items if item.source == "small/train")
    assert sorted(item.masks.flatten(1).sum(dim=1).tolist()) == [0, 1] and len(item.chats) == 2


def test_a_step_on_a_mixture_learns_and_counts_its_sources(model, tree):
    given = options(tree, {"small": 1, "world": 1, "talk": 1})
    data = grounding.dataset(model, given, 0, 60)
    lots = {data[i].source: data[i] for i in range(60)}
    batch = grounding.collate(model, [lots["small/train"], lots["world"], lots["talk/train"]])
    named = batch.tally.named()
    assert named["talk/train/present"] == named["talk/train/absent"] == 0
    assert (named["small/train/absent_share"], named["small/train/mask_share"]) == (0.5, round(1 / 24, 4))
    assert sum(named[f"{name}/tokens"] for name in lots) == int((batch.chat.block >= 0).sum())
    assert sum(named[f"{name}/learned"] for name in lots) == int((batch.chat.labels >= 0).sum())
    assert batch.to("cpu").tally is batch.tally
    torch.manual_seed(0)
    out = grounding.Objective(model, given)(batch)
    out["loss"].backward()
    assert all(torch.isfinite(value) for value in out.values())


def test_a_batch_of_words_alone_learns(model, tree):
    model.zero_grad()
    given = options(tree, {"talk": 1})
    batch = grounding.collate(model, [grounding.dataset(model, given, 0, 2)[0]])
    out = grounding.Objective(model, given)(batch)
    out["loss"].backward()
    assert all(torch.isfinite(value) for value in out.values())
    assert out["bce"] == 0 and out["ce"] > 0 and "marked" not in out
    reached = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert reached == {"backbone", "channels", "segmenter"}  # by zeros: collectives of other processes wait for them


def test_the_world_alone_is_not_counted(model):
    given = grounding.Options(conversations=2, images=0)
    assert grounding.collate(model, [grounding.dataset(model, given, 0, 1)[0]]).tally is None


def recipe(model_folder, **given):
    return Recipe("grounding", "tiny", str(model_folder), {".": 1.0}, 1, 1, options=given)


def test_a_wrong_mixture_starts_nothing(tree, tmp_path):
    launch.check(recipe(tmp_path, data={"small": 1, "world": 2.5}, root=tree))
    for given, said in (
        ({"data": {"smal": 1}, "root": tree}, "did you mean 'small'"),
        ({"data": {"small": 1}}, "name the root"),
        ({"data": {"small": 0}, "root": tree}, "weights must be above 0"),
        ({"data": {"small": "much"}, "root": tree}, "options: data: small: expected float, found 'much'"),
        ({"data": ["small"], "root": tree}, "expected keys and values"),
        ({"dota": {"small": 1}}, "did you mean 'data'"),
        ({"faults": "ignore"}, "'ignore' is none of 'raise', 'skip'"),
    ):
        with pytest.raises(ValueError, match=said):
            launch.check(recipe(tmp_path, **given))


def test_a_conversation_too_long_for_the_model_names_its_sample(model, tree, tmp_path, monkeypatch):
    long = Small(tmp_path / "long", 1, "long", lambda i: [phrase("0/0", "cup " * 3000)])
    monkeypatch.setattr(datasets, "sources", lambda root, wanted: iter([source(long)]))
    data = grounding.dataset(model, options(tree, {"long": 1}), 0, 1)
    with pytest.raises(ValueError, match=r"^long/train: picture 0 \(small/train/0/0\): the question is too long"):
        data[0]


def test_masks_of_one_picture_are_in_the_order_of_its_marks(model, tmp_path, monkeypatch):
    asked = lambda i: [  # noqa: E731
        Query(f"one/train/{n}", f"cup {n}", "phrase", (Target(f"cup {n}", rle(column=n)),)) for n in range(4)
    ]
    one = Small(tmp_path / "one", 1, "one", asked)
    monkeypatch.setattr(datasets, "sources", lambda root, wanted: iter([source(one)]))
    given = options(str(tmp_path), {"one": 1}, conversations=3, together=1.0)
    item = grounding.dataset(model, given, 0, 5)[3]
    text = model.backbone.tokenizer.decode(torch.cat([chat.ids[chat.labels >= 0] for chat in item.chats]))
    named = [int(words.split("cup ")[1][0]) for words in text.split("<SEG>")[:-1]]
    assert [int(mask[1].int().argmax()) for mask in item.masks] == named and len(named) >= 4


def test_what_is_absent_is_refused_by_a_model_that_cannot_say_so(model, tree, monkeypatch):
    monkeypatch.setattr(model.backbone, "mark_ids", (model.backbone.mark_ids[0], -1))
    with pytest.raises(ValueError, match=r"^small/train: picture \d .*this model has no <REJ>: skip such samples"):
        grounding.dataset(model, options(tree, {"small": 1}), 0, 1)[0]
