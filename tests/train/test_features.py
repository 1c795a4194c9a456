import multiprocessing
import os

import pytest
import torch

from model.grounding import GroundingModel
from tests import tiny
from tests.train import runs
from tests.train.objectives.test_grounding import batch_of
from train.features import FeatureCache, digest, weights_digest
from train.objectives import grounding

SIZE = 4 * 8 * 8 * 2  # bytes of a tensor below; its file is somewhat larger


def tensor(value=0.0):
    return torch.full((4, 8, 8), float(value))


def encoder(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(2, 2)


def test_what_is_put_comes_back_rounded_to_bfloat16(tmp_path):
    cache, value = FeatureCache(tmp_path, 10**6, encoder()), torch.randn(4, 8, 8)
    assert cache.get("a") is None
    cache.put("a", value)
    assert torch.equal(cache.get("a"), value.bfloat16())
    assert torch.equal(FeatureCache(tmp_path, 10**6, encoder()).get("a"), value.bfloat16())


def test_another_encoder_s_features_are_not_found(tmp_path):
    FeatureCache(tmp_path, 10**6, encoder()).put("a", tensor())
    assert FeatureCache(tmp_path, 10**6, encoder(1)).get("a") is None
    assert weights_digest(encoder()) != weights_digest(encoder(1))


def test_an_encoder_is_read_with_the_first_use(tmp_path):
    cache, held = FeatureCache(tmp_path / "kept", 10**6, encoder().to("meta")), encoder()
    assert not (tmp_path / "kept").exists()
    cache._encoder = held
    cache.put("a", tensor())
    assert [path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()] == [weights_digest(held)]


def test_digests_tell_contents_shapes_and_sizes_apart():
    one = torch.arange(12, dtype=torch.uint8)
    assert digest(one) == digest(one.clone())
    assert len({digest(one), digest(one + 1), digest(one.view(3, 4)), digest(one, (3, 4)), digest(one.float())}) == 5


def test_what_was_used_longest_ago_makes_room(tmp_path):
    cache = FeatureCache(tmp_path, 10**6, encoder())
    cache.put("0", tensor(0))
    (path,) = tmp_path.glob("*/*.safetensors")
    cache.limit = 10 * path.stat().st_size
    for name in range(9):
        cache.put(str(name), tensor(name))
    for number, path in enumerate(sorted(tmp_path.glob("*/*.safetensors"))):
        os.utime(path, (number, number))  # clocks may be coarse
    assert cache.get("0") is not None  # now the newest
    for name in range(9, 12):
        cache.put(str(name), tensor(name))
    assert cache.get("1") is None and cache.get("0") is not None and cache.get("11") is not None
    held = sum(path.stat().st_size for path in tmp_path.glob("*/*.safetensors"))
    assert held <= cache.limit


def test_a_damaged_file_is_made_again(tmp_path):
    cache = FeatureCache(tmp_path, 10**6, encoder())
    cache.put("a", tensor())
    (path,) = tmp_path.glob("*/a.safetensors")
    path.write_bytes(path.read_bytes()[:40])
    assert cache.get("a") is None
    cache.put("a", tensor(1))
    assert torch.equal(cache.get("a").float(), tensor(1))


def fill(folder, begin):
    cache = FeatureCache(folder, 20 * (SIZE + 200), encoder())
    for name in range(begin, begin + 60):
        cache.put(str(name % 80), tensor(name % 80))
        found = cache.get(str(name % 80))
        assert found is None or torch.equal(found.float(), tensor(name % 80))


def test_several_processes_share_a_folder_within_its_limit(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=fill, args=(tmp_path, begin)) for begin in (0, 20, 40)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.safetensors")) <= 20 * (SIZE + 200)
    assert not list(tmp_path.glob("*/.*"))


def test_a_full_disk_costs_the_cache_and_not_the_run(tmp_path, monkeypatch, caplog):
    cache = FeatureCache(tmp_path, 10**6, encoder())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    cache.put("a", tensor())
    cache.put("b", tensor())
    assert cache.get("a") is None and len(caplog.records) == 1


def test_losses_are_the_same_with_the_encoder_and_from_the_disk(tmp_path, monkeypatch):
    model = tiny.model().train()
    options = grounding.Options(conversations=2, images=2, corrected=0.0, features=str(tmp_path))
    objective, batch = grounding.Objective(model, options), batch_of(model, options)
    torch.manual_seed(0)
    fresh = objective(batch)
    monkeypatch.setattr(model.segmenter.image_encoder, "forward", pytest.fail)
    torch.manual_seed(0)
    kept = objective(batch)
    assert {name: float(value) for name, value in fresh.items()} == {n: float(v) for n, v in kept.items()}
    monkeypatch.undo()
    torch.manual_seed(0)
    without = grounding.Objective(model, grounding.Options(conversations=2, images=2, corrected=0.0))(batch)
    assert abs(float(without["dice"]) - float(kept["dice"])) < 1e-2  # bfloat16


@pytest.mark.slow
def test_processes_that_hold_a_part_of_the_encoder_each_name_it_as_a_whole_one(tmp_path):
    options = f"options={{conversations: 2, images: 1, masks: 1, corrected: 0, features: {tmp_path / 'kept'}}}"
    more = ["batch=1", "processes=2", "steps=2", "deepspeed=zero3"]
    runs.launched(runs.begin(tmp_path), f"out={tmp_path / 'split'}", options, *more)
    runs.launched(runs.begin(tmp_path), f"out={tmp_path / 'plain'}", options, "batch=2", "steps=2")
    whole = weights_digest(GroundingModel.from_pretrained(tmp_path / "start").segmenter.encoder)
    assert [path.name for path in (tmp_path / "kept").iterdir() if path.is_dir()] == [whole]
    assert len(list((tmp_path / "kept" / whole).iterdir())) == 4
