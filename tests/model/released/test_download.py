import json
import shutil
from collections import namedtuple

import pytest

from model import released
from model.convert import SPARE
from model.grounding import GroundingModel
from model.released import download as work
from model.released import find
from model.released.hub import Hub
from tests.model.released.fixtures import CLIP, LISA, SAM, UNWANTED

TABLE = released.table
Usage = namedtuple("Usage", "total used free")


def get(hub, name, target, **more):
    said = []
    work.download(find(name), target, Hub(hub.url), said.append, **more)
    return said


def nothing_new(folder):
    return [path for path in folder.iterdir() if path.name not in ("cache", "token")] == []


def test_a_release_is_fetched_and_converted(hub, tmp_path):
    said = get(hub, "lisa-7b-v1", tmp_path / "made", check=True)
    assert GroundingModel.from_pretrained(tmp_path / "made").config.published == "lisa"
    assert json.loads((tmp_path / "made" / "released.json").read_text()) == {
        "name": "lisa-7b-v1", "settings": {}, "repositories": {name: hub.commit(name) for name in (LISA, CLIP)},
    }  # fmt: skip
    assert not list(tmp_path.glob(".made*"))
    assert any("read again and compared" in line for line in said)


def test_only_what_is_needed_is_fetched(hub, tmp_path):
    get(hub, "lisa-7b-v1", tmp_path / "made")
    shards = [f"pytorch_model-0000{part}-of-00003.bin" for part in (1, 2, 3)]
    assert hub.paths() == sorted(
        ["config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", *shards]
        + ["pytorch_model.bin.index.json", "pytorch_model.bin"]
    )


def test_a_fresh_start_is_put_together(hub, tmp_path):
    get(hub, "llava-1.5-7b", tmp_path / "made")
    made = GroundingModel.from_pretrained(tmp_path / "made")
    assert made.config.published is None
    assert set(made.channels) == {"embedding", "points", "mask"}


def test_a_part_is_fetched_alone_and_stays_in_the_cache(hub, tmp_path):
    place = work.download(find("sam-vit-h"), tmp_path / "made", Hub(hub.url), lambda _: None)
    assert place.name == "sam_vit_h_4b8939.pth"
    assert place.read_bytes() == hub.repositories[SAM]["checkpoints/sam_vit_h_4b8939.pth"]
    folder = work.download(find("clip-vit-large-patch14"), tmp_path / "made", Hub(hub.url), lambda _: None)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "pytorch_model.bin"]
    assert not (tmp_path / "made").exists()


def test_safetensors_are_preferred(hub, tmp_path):
    hub.repositories[CLIP] = {**hub.repositories[CLIP], "model.safetensors": b"better"}
    planned = work.plan(find("clip-vit-large-patch14"), Hub(hub.url))
    assert [file.path for file in planned.files] == ["config.json", "model.safetensors"]
    assert planned.size == sum(len(hub.repositories[CLIP][file.path]) for file in planned.files)


def test_the_same_download_is_not_made_twice(hub, tmp_path):
    get(hub, "lisa-7b-v1", tmp_path / "made")
    hub.repositories.clear()
    assert get(hub, "lisa-7b-v1", tmp_path / "made") == [f"{tmp_path / 'made'} is there already: it holds lisa-7b-v1"]
    with pytest.raises(ValueError, match=r"exists already: name another folder"):
        get(hub, "lisa-7b-v1-explanatory", tmp_path / "made")


def test_targets_that_cannot_be_are_refused_before_anything_is_fetched(hub, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    for target in (tmp_path / "file", tmp_path / "full"):
        with pytest.raises(ValueError, match="exists already"):
            get(hub, "lisa-7b-v1", target)
    with pytest.raises(ValueError, match="there is no folder"):
        get(hub, "lisa-7b-v1", tmp_path / "no" / "where")
    assert hub.sent == []
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_cut_download_goes_on(hub, tmp_path):
    shard = "pytorch_model-00002-of-00003.bin"
    size = len(hub.repositories[LISA][shard])
    hub.cuts[shard] = [30_000] + [0] * 20
    with pytest.raises(ValueError, match="the same command goes on"):
        get(hub, "lisa-7b-v1", tmp_path / "made")
    assert nothing_new(tmp_path)
    before, hub.cuts = {path for path, _, _ in hub.sent} - {shard}, {}
    hub.sent.clear()
    get(hub, "lisa-7b-v1", tmp_path / "made")
    assert (shard, 30_000, size - 30_000) in hub.sent
    assert before.isdisjoint(path for path, at, _ in hub.sent if path not in ("config.json", shard))
    assert (tmp_path / "made" / "config.json").is_file()


def test_too_little_room_is_said_before_anything_is_fetched(hub, tmp_path, monkeypatch):
    name = "llava-1.5-7b"
    planned = work.plan(find(name), Hub(hub.url))
    room = 2 * planned.size + SPARE  # the files, and as much again for the result
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, room - 1))
    with pytest.raises(ValueError, match=r"not enough room: needed are .* to fetch .* for the result .*HF_HUB_CACHE"):
        get(hub, name, tmp_path / "made")
    assert hub.sent == [] and nothing_new(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, room))
    get(hub, name, tmp_path / "made")
    # what is in the cache needs no room of its own
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, planned.size + SPARE))
    get(hub, name, tmp_path / "again")


def test_repositories_that_have_changed_are_refused(hub, tmp_path):
    original = hub.repositories[LISA]
    index = json.dumps({"weight_map": {"a": "pytorch_model-00009-of-00009.bin"}}).encode()
    hub.repositories[LISA] = {**original, "pytorch_model.bin.index.json": index}
    with pytest.raises(ValueError, match="has changed: it lacks pytorch_model-00009"):
        get(hub, "lisa-7b-v1", tmp_path / "made")
    hub.repositories[LISA] = {**original, "pytorch_model.bin.index.json": b"[] "}
    with pytest.raises(ValueError, match="no index of shards"):
        get(hub, "lisa-7b-v1", tmp_path / "made")
    hub.repositories[LISA] = UNWANTED
    with pytest.raises(ValueError, match="holds no weights"):
        get(hub, "lisa-7b-v1", tmp_path / "made")
    assert nothing_new(tmp_path)


def test_another_sam_than_the_released_one_is_refused(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(released, "table", TABLE)
    with pytest.raises(ValueError, match="not the file that was released"):
        get(hub, "sam-vit-h", tmp_path / "made")
    assert hub.sent == []


def test_a_conversion_that_fails_leaves_nothing(hub, tmp_path, monkeypatch):
    def stopped(system, source, target, **_):
        target.mkdir()
        (target / "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("model.convert.convert", stopped)
    with pytest.raises(KeyboardInterrupt):
        get(hub, "lisa-7b-v1", tmp_path / "made")
    assert nothing_new(tmp_path)


def test_what_is_on_no_hub_is_described(tmp_path):
    with pytest.raises(ValueError, match=r"on no hub: fetch gsva-7b-pt.bin from https://\S+ by hand.*--from gsva"):
        work.download(find("gsva-7b-pt"), tmp_path / "made", Hub("http://127.0.0.1:9"))


def test_sizes_as_people_read_them():
    assert [work.gigabytes(size) for size in (16_100_000_000, 2_560_000, 88)] == ["16.1 GB", "2.6 MB", "0.1 kB"]
