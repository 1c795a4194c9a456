import hashlib
import random

import pytest
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.utils import WeakFileLock

from model.released.hub import Hub
from tests.model.released.imitation import Imitation

NAME = "someone/model"
LARGE = random.Random(0).randbytes(300_000)
SMALL = b'{"a": 1}'


@pytest.fixture
def hub():
    with Imitation({NAME: {"config.json": SMALL, "weights.bin": LARGE, "deep/er.bin": LARGE[::-1]}}) as made:
        yield made


def leftovers(cache):
    return [path for path in cache.rglob("*.incomplete") if path.is_file()]


def test_a_listing_tells_commit_sizes_and_hashes(hub):
    listing = Hub(hub.url + "/").listing(NAME)
    assert listing.commit == hub.commit(NAME)
    assert {path: file.size for path, file in listing.files.items()} == {
        "config.json": len(SMALL), "weights.bin": len(LARGE), "deep/er.bin": len(LARGE),
    }  # fmt: skip
    assert listing.files["weights.bin"].etag == hashlib.sha256(LARGE).hexdigest()
    assert listing.files["weights.bin"].hashed and not listing.files["config.json"].hashed


def test_files_are_fetched_once_and_lie_where_the_client_looks_for_them(hub, tmp_path):
    client = Hub(hub.url)
    files = client.listing(NAME).files
    for path, content in hub.repositories[NAME].items():
        assert client.missing(files[path]) == len(content)
        assert client.fetch(files[path]).read_bytes() == content
        assert client.missing(files[path]) == 0
        found = try_to_load_from_cache(NAME, path, cache_dir=tmp_path / "cache", revision=hub.commit(NAME))
        assert found == str(client.fetch(files[path]))
    assert sorted(path for path, _, _ in hub.sent) == ["config.json", "deep/er.bin", "weights.bin"]
    assert leftovers(tmp_path) == []


def test_a_cut_connection_is_taken_up_where_it_ended(hub):
    hub.cuts["weights.bin"] = [100_000, 50_000]
    client = Hub(hub.url)
    assert client.fetch(client.listing(NAME).files["weights.bin"]).read_bytes() == LARGE
    assert [(at, count) for _, at, count in hub.sent] == [(0, 100_000), (100_000, 50_000), (150_000, 150_000)]


def test_what_arrived_before_a_stop_is_not_fetched_again(hub, tmp_path):
    hub.cuts["weights.bin"] = [100_000] + [0] * 20
    client = Hub(hub.url)
    file = client.listing(NAME).files["weights.bin"]
    with pytest.raises(ValueError, match=r"connection was cut.*the same command goes on"):
        client.fetch(file)
    assert [path.stat().st_size for path in leftovers(tmp_path)] == [100_000]
    hub.cuts.clear()
    hub.sent.clear()
    again = Hub(hub.url)
    assert again.missing(file) == 200_000
    assert again.fetch(file).read_bytes() == LARGE
    assert hub.sent == [("weights.bin", 100_000, 200_000)]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("size", [len(LARGE) - 5, len(LARGE) + 5])
def test_another_size_than_listed_is_refused_and_thrown_away(hub, tmp_path, size):
    hub.sizes["weights.bin"] = size
    client = Hub(hub.url)
    with pytest.raises(ValueError, match=f"not of the size that the hub lists, {size} bytes"):
        client.fetch(client.listing(NAME).files["weights.bin"])
    assert leftovers(tmp_path) == []


def test_damage_on_the_way_is_found(hub, tmp_path):
    hub.content["weights.bin"] = LARGE[:-1] + bytes([LARGE[-1] ^ 1])
    client = Hub(hub.url)
    file = client.listing(NAME).files["weights.bin"]
    with pytest.raises(ValueError, match=r"arrived damaged.*fetch it again"):
        client.fetch(file)
    assert leftovers(tmp_path) == []
    hub.content.clear()
    assert client.fetch(file).read_bytes() == LARGE


def test_a_part_longer_than_the_file_is_thrown_away(hub, tmp_path):
    client = Hub(hub.url)
    file = client.listing(NAME).files["weights.bin"]
    part = tmp_path / "cache" / "models--someone--model" / "blobs" / f"{file.etag}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(LARGE + b"more")
    assert client.fetch(file).read_bytes() == LARGE


@pytest.mark.parametrize(
    ("status", "code", "part"),
    [
        (404, "RepoNotFound", "no such repository"),
        (401, "", "hf auth login"),
        (401, "GatedRepo", "accept its terms"),
        (403, "GatedRepo", "accept its terms"),
        (403, "", "refused"),
        (500, "", "error 500"),
    ],
)
def test_refusals_say_what_to_do(hub, status, code, part):
    client = Hub(hub.url)
    file = client.listing(NAME).files["weights.bin"]
    hub.refused[NAME] = (status, code)
    for call in (lambda: client.listing(NAME), lambda: client.fetch(file)):
        with pytest.raises(ValueError, match=part) as caught:
            call()
        assert hub.url in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch, free_port):
    with pytest.raises(ValueError, match=rf"127.0.0.1:{free_port} cannot be reached.*connection"):
        Hub(f"http://127.0.0.1:{free_port}").listing(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"HF_HUB_OFFLINE.*unset"):
        Hub(f"http://127.0.0.1:{free_port}").listing(NAME)
    with pytest.raises(ValueError, match="begins with https://"):
        Hub("huggingface.co")


def test_what_is_no_hub_is_found_out(hub, monkeypatch):
    for listing in ([], {"id": NAME}, {"id": NAME, "sha": "0" * 40, "siblings": [{"rfilename": "a"}]}, "page"):
        monkeypatch.setattr(Imitation, "listing", lambda *_, listing=listing: listing)
        with pytest.raises(ValueError, match="does not answer as a hub"):
            Hub(hub.url).listing(NAME)


def test_a_full_disk_says_where(hub, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    client = Hub(hub.url)
    file = client.listing(NAME).files["weights.bin"]
    monkeypatch.setattr("model.released.hub.http_get", full)
    with pytest.raises(ValueError, match=rf"{tmp_path / 'cache'}: No space left.*HF_HUB_CACHE"):
        client.fetch(file)


def test_a_token_goes_to_the_hub_alone(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    client = Hub(hub.url)
    client.fetch(client.listing(NAME).files["weights.bin"])
    assert hub.tokens == ({"Bearer hf_mine"}, {None})


def test_two_downloads_of_one_file_do_not_mix(hub, tmp_path):
    client = Hub(hub.url)
    file = client.listing(NAME).files["weights.bin"]
    lock = tmp_path / "cache" / ".locks" / "models--someone--model" / f"{file.etag}.lock"
    lock.parent.mkdir(parents=True)
    with WeakFileLock(lock), pytest.raises(ValueError, match="another process: wait"):
        client.fetch(file)
    assert client.fetch(file).read_bytes() == LARGE
