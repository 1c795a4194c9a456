"""What cannot be converted is refused in one line, and nothing is left behind."""

import errno
import json
import os
import pickle
import shutil

import pytest
import torch

from model.convert import _convert, convert
from tests.model.convert import released
from tests.model.convert.test_convert import LLAVA_1, LLAVA_15, folder, gsva


class Bomb:
    """A pickle that makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def lisa(tmp_path):
    return folder(tmp_path, LLAVA_1, released.lisa, parts=2)[0]


def refused(source, part, system="lisa", **options):
    """The line of a refusal; the folder above holds what it held before."""
    target = source.parent / "made"
    before = sorted(source.parent.rglob("*"))
    with pytest.raises((ValueError, OSError)) as error:
        convert(system, source, target, sam_options=released.SAM, **options)
    assert sorted(source.parent.rglob("*")) == before
    line = str(error.value)
    assert part in line
    assert "\n" not in line
    return line


def shard(source, number=1):
    return sorted(source.glob("*.bin"))[number - 1]


def change(path, **changes):
    """Set tensors of a ``.bin``; None takes one away."""
    held = torch.load(path, weights_only=True)
    held.update(changes)
    torch.save({name: value for name, value in held.items() if value is not None}, path)


def test_what_is_no_checkpoint(tmp_path, lisa):
    refused(tmp_path / "nowhere", "no checkpoint at")
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(empty, "holds no .bin or .safetensors")
    shutil.copy(lisa / "config.json", empty)
    refused(empty, "holds no .bin or .safetensors")
    torch.save({"weight": torch.ones(2)}, empty / "pytorch_model.bin")
    refused(empty, "none of the systems")


@pytest.mark.parametrize("keep", [0.5, 0.99, 0.0])
def test_a_shard_cut_short(lisa, keep):
    whole = shard(lisa).read_bytes()
    shard(lisa).write_bytes(whole[: int(len(whole) * keep)])
    assert shard(lisa).name in refused(lisa, "fetch it again")


def test_a_safetensors_shard_cut_short(tmp_path):
    source, _ = folder(tmp_path, LLAVA_1, released.lisa, "safetensors", 2)
    path = sorted(source.glob("*.safetensors"))[1]
    path.write_bytes(path.read_bytes()[:-100])
    assert path.name in refused(source, "damaged or cut short")


def test_a_missing_shard(lisa):
    gone = shard(lisa)
    gone.unlink()
    assert gone.name in refused(lisa, "lacks the shards")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(lisa, tmp_path, zipped):
    mark = tmp_path / "ran"
    held = {"model.norm.weight": torch.ones(released.D), "more": Bomb(mark)}
    if zipped:
        torch.save(held, shard(lisa))
    else:
        shard(lisa).write_bytes(pickle.dumps(held))
    line = refused(lisa, "nothing in it was run")
    assert shard(lisa).name in line
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()  # it would have


def test_an_index_may_not_lead_elsewhere(lisa):
    path = lisa / "pytorch_model.bin.index.json"
    held = json.loads(path.read_text())
    shutil.copy(shard(lisa), lisa.parent / "other.bin")
    held["weight_map"] = dict.fromkeys(held["weight_map"], "../other.bin")
    path.write_text(json.dumps(held))
    refused(lisa, "lacks the shards")
    path.write_text("[]")
    refused(lisa, "expected keys and values")


def test_keys_missing_extra_and_of_another_shape_are_listed(lisa):
    change(shard(lisa), **{"model.norm.weight": None})
    change(shard(lisa, 2), **{"model.norm.weight": None})
    assert "missing: backbone model.language_model.norm.weight" in refused(lisa, "model.language_model.norm.weight")
    change(shard(lisa), **{"model.norm.weight": torch.ones(3)})
    refused(lisa, "of another shape: model.norm.weight [3] float32 instead of [32]")
    change(shard(lisa), **{"model.norm.weight": torch.ones(32, dtype=torch.int8)})
    refused(lisa, "model.norm.weight [32] int8")
    change(shard(lisa), **{"model.norm.weight": torch.ones(32), "model.layers.0.strange": torch.ones(1)})
    refused(lisa, "extra: model.layers.0.strange")
    change(shard(lisa), **{"model.layers.0.strange": None, "stranger.weight": torch.ones(1)})
    refused(lisa, "does not know stranger.weight")
    change(shard(lisa), **{"stranger.weight": None})
    for number in (1, 2):
        change(shard(lisa, number), **{"model.norm.weight": torch.ones(32)})
    refused(lisa, "finds more than once model.norm.weight")


def test_what_is_not_a_tensor_is_refused(lisa):
    change(shard(lisa), step=3)
    refused(lisa, "holds more than tensors (step)")


def test_checkpoints_of_other_systems(tmp_path):
    made = {}
    for system, added, make in (
        ("lisa", LLAVA_1, released.lisa),
        ("read", LLAVA_15, lambda rows: released.lisa(rows, 2)),
        ("uground", LLAVA_15, released.uground),
    ):
        (tmp_path / system).mkdir()
        made[system] = folder(tmp_path / system, added, make)[0]
    (tmp_path / "gsva").mkdir()
    made["gsva"], base, _ = gsva(tmp_path / "gsva", 2, ".default", True)
    for asked in made:
        for system, source in made.items():
            if system != asked and (asked, system) != ("gsva", "lisa"):
                line = refused(source, f"is no checkpoint of {asked}", asked, base=base)
                assert system in line.split("try --from")[1]
    # a merged GSVA and a LISA cannot be told apart by their weights: the tokenizer tells
    torch.save({"weight": torch.ones(2)}, base / "pytorch_model.bin")
    refused(made["lisa"], "embedding", "gsva")


def test_adapters_must_be_whole(tmp_path):
    source, base, _ = gsva(tmp_path, 2, ".default", True)
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight"
    change(source, **{name: torch.ones(2, 7)})
    refused(source, "lora_A", "gsva", base=base)
    change(source, **{name: None})
    refused(source, "the other half of", "gsva", base=base)
    refused(source, "--base", "gsva")


def test_configurations_that_do_not_fit(lisa):
    path = lisa / "config.json"
    whole = json.loads(path.read_text())
    for values, part in (
        ({"num_hidden_layers": 10**8}, "not of one model"),
        ({"hidden_size": 64}, "not of one model"),
        ({"num_attention_heads": None}, "num_attention_heads"),
        ({"num_attention_heads": 5}, ""),
        ({"vocab_size": 9}, "promises 9 tokens"),
        ({"rope_scaling": {"type": "linear"}}, "rope_scaling"),
        ({"mm_vision_select_feature": "cls_patch"}, "mm_vision_select_feature"),
    ):
        path.write_text(json.dumps({**whole, **values}))
        refused(lisa, part)
    path.write_text("{")
    refused(lisa, "cannot be read as JSON")
    path.unlink()
    refused(lisa, "no config.json")


def test_clip_must_be_at_hand(lisa):
    moved = lisa.parent / "elsewhere"
    (lisa.parent / "clip-tiny").rename(moved)
    refused(lisa, "fetch openai/clip-tiny and name its folder with --clip")
    convert("lisa", lisa, lisa.parent / "made", clip=moved, sam_options=released.SAM)


def test_a_sam_of_unknown_size_is_named(lisa):
    with pytest.raises(ValueError, match="a SAM of width 32 and depth 2 is none of"):
        convert("lisa", lisa, lisa.parent / "made")


def test_settings_of_another_name_or_kind(lisa):
    refused(lisa, "unknown key 'relase'", "read", settings={"relase": 60})
    refused(lisa, "release", "read", settings={"release": 31})
    refused(lisa, "did you mean 'template'", settings={"templat": "llava_v1"})
    refused(lisa, "there are gsva, lisa, read, uground", "sesame")


def test_nothing_is_replaced(lisa):
    target = lisa.parent / "made"
    target.mkdir()
    (target / "mine").touch()
    refused(lisa, "exists already")
    (target / "mine").unlink()
    convert("lisa", lisa, target, sam_options=released.SAM)
    with pytest.raises(ValueError, match="no folder"):
        convert("lisa", lisa, lisa.parent / "a" / "b", sam_options=released.SAM)


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_disk_that_is_full_half_way(lisa, monkeypatch, calls):
    write, done = _convert.write, []

    def full(path, moves, make):
        if len(done) == calls:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(path)
        write(path, moves, make)

    monkeypatch.setattr(_convert, "write", full)
    assert str(lisa.parent / "made") in refused(lisa, "No space left")


def test_a_disk_that_is_too_small_is_found_at_once(lisa, monkeypatch):
    usage = type("Usage", (), {"free": 10**6})
    monkeypatch.setattr("model.convert._convert.shutil.disk_usage", lambda _: usage)
    refused(lisa, "0.0 GB free")


def test_an_interruption_leaves_nothing(lisa, monkeypatch):
    write, done = _convert.write, []

    def interrupted(path, moves, make):
        write(path, moves, make)
        done.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(_convert, "write", interrupted)
    before = sorted(lisa.parent.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        convert("lisa", lisa, lisa.parent / "made", sam_options=released.SAM)
    assert done
    assert sorted(lisa.parent.rglob("*")) == before


@pytest.mark.parametrize("part", ["weights", "tokenizer", "config"])
def test_a_check_finds_what_differs(lisa, monkeypatch, part):
    write = _convert.write

    def wrong(path, moves, make):
        write(path, moves, make)
        if path.name == "segmenter.safetensors":
            if part == "weights":
                held = bytearray(path.read_bytes())
                held[-3] ^= 1
                path.write_bytes(held)
            elif part == "config":
                values = json.loads((path.parent / "config.json").read_text())
                (path.parent / "config.json").write_text(json.dumps({**values, "max_new_tokens": 3}))
            else:
                (path.parent / "backbone" / "chat_template.jinja").write_text("{{ messages }}")

    monkeypatch.setattr(_convert, "write", wrong)
    refused(
        lisa, {"weights": "1 weights do not come back", "tokenizer": "tokenizer", "config": "config"}[part], check=True
    )
