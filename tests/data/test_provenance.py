import hashlib
import subprocess

from data import provenance


def test_the_commit_is_that_of_git():
    said = provenance.commit()
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    assert said == "unknown" or head.startswith(said.removesuffix("+changes"))


def test_versions_name_what_is_installed():
    found = provenance.versions(["numpy", "no-such-package"])
    assert set(found) == {"python", "numpy"}
    assert found["python"].startswith("3.")


def test_the_digest_follows_every_byte_and_name_but_for_notes(tmp_path):
    (tmp_path / "backbone").mkdir()
    (tmp_path / "config.json").write_bytes(b"{}")
    (tmp_path / "backbone" / "model.safetensors").write_bytes(b"weights")
    first = provenance.digest(tmp_path)
    lines = [
        f"{hashlib.sha256(b'weights').hexdigest()}  backbone/model.safetensors\n",
        f"{hashlib.sha256(b'{}').hexdigest()}  config.json\n",
    ]
    assert first == hashlib.sha256("".join(lines).encode()).hexdigest()
    (tmp_path / "README.md").write_text("a card")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "lock").touch()
    assert provenance.digest(tmp_path) == first
    (tmp_path / "backbone" / "model.safetensors").rename(tmp_path / "model.safetensors")
    moved = provenance.digest(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"weightz")
    assert len({first, moved, provenance.digest(tmp_path)}) == 3


def test_the_fingerprint_follows_what_annotations_hold(tmp_path):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "a.png").write_bytes(b"four")
    (tmp_path / "refs.p").write_bytes(b"refs")
    files = [tmp_path / "refs.p", tmp_path / "maps"]
    found = {provenance.fingerprint(files)}
    assert found == {provenance.fingerprint(files[::-1])}
    (tmp_path / "refs.p").write_bytes(b"reft")
    found.add(provenance.fingerprint(files))
    (tmp_path / "maps" / "a.png").rename(tmp_path / "maps" / "b.png")
    found.add(provenance.fingerprint(files))
    (tmp_path / "maps" / "b.png").write_bytes(b"fives")
    assert len({*found, provenance.fingerprint(files)}) == 4
