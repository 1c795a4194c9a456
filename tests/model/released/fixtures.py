"""Fixtures: a client as on a fresh machine, and a hub with small releases."""

import functools
from dataclasses import replace

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import close_session

import model.convert
from model import released
from model.released import fresh
from tests.model.convert import released as tiny
from tests.model.released import llava
from tests.model.released.imitation import Imitation

LISA, CLIP, SAM = "xinlai/LISA-7B-v1", "openai/clip-vit-large-patch14", "ybelkada/segment-anything"
UNWANTED = {"README.md": b"card", "conversation_records.pickle": b"no", "a.png": b"no", "optimizer.bin": b"no"}


@pytest.fixture(autouse=True)
def client(monkeypatch, tmp_path):
    """The hub client as it is on a machine where nothing was set: no proxy, no token, online, a cache of its own."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # what is lost where a connection is cut
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)  # between tries
    close_session()  # it holds the proxies of the environment that it was made in
    yield
    close_session()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """LISA in shards, CLIP, SAM and LLaVA, as they are on the hub, at the smallest sizes."""
    root = tmp_path_factory.mktemp("hub")
    (root / "lisa").mkdir()
    rows = tiny.fast_tokenizer(root / "lisa", ["<im_patch>", *tiny.SURROUND, "[SEG]"])
    tiny.config(root / "lisa", rows)
    tiny.save(root / "lisa", tiny.lisa(rows), parts=3)
    tiny.clip(root / "clip")
    torch.manual_seed(0)
    llava.llava(root / "llava")
    llava.sam(root / "sam.pth")
    clip = contents(root / "clip")
    return {
        LISA: {**contents(root / "lisa"), **UNWANTED},
        CLIP: {**clip, **UNWANTED, "tf_model.h5": b"no", "vocab.json": b"no"},
        SAM: {"checkpoints/sam_vit_h_4b8939.pth": (root / "sam.pth").read_bytes(), "checkpoints/other.pth": b"no"},
        "llava-hf/llava-1.5-7b-hf": {**contents(root / "llava"), **UNWANTED},
    }


@pytest.fixture
def hub(repositories, monkeypatch):
    """The imitation; conversion and assembly are told of the small SAM, and its SHA-256 is not the real one's."""
    convert = functools.partial(model.convert.convert, sam_options=tiny.SAM)
    monkeypatch.setattr("model.convert.convert", convert)

    monkeypatch.setattr(fresh, "assemble", functools.partial(fresh.assemble, config=llava.config()))
    releases = dict(released.table().releases)
    releases["sam-vit-h"] = replace(releases["sam-vit-h"], sha256=None)
    monkeypatch.setattr(released, "table", lambda: released.Table({}, releases))
    with Imitation(dict(repositories)) as made:
        yield made
