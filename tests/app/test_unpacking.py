import io
import zipfile

import pytest

from app import unpacking
from app.unpacking import unpack
from tests.app.pictures import red


def zipped(entries, **options):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", **options) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    made.seek(0)
    return made


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def files_of(folder):
    return sorted(path.relative_to(folder.parent).as_posix() for path in folder.parent.rglob("*") if path.is_file())


def test_pictures_and_archives_lie_under_the_names_they_came_with(folder):
    archive = zipped([("deep/b.png", red()), ("deep/", b""), ("__MACOSX/._b.png", b"x"), (".DS_Store", b"x")])
    made = unpack([("a.png", io.BytesIO(red())), ("C:\\mine\\all.ZIP", archive)], folder)
    assert made.names == ["a.png", "deep/b.png"] and made.problems == []
    assert files_of(folder) == ["in/a.png", "in/deep/b.png"]
    assert (folder / "deep/b.png").read_bytes() == red()


def test_no_name_leads_out_of_the_folder(folder):
    names = [
        "../out.png",
        "/etc/out.png",
        "a/../../out.png",
        "..\\out.png",
        "C:\\out.png",
        "\x01.png",
        "x" * 300 + ".png",
    ]
    made = unpack([("all.zip", zipped([(name, red()) for name in names] + [("fine.png", red())]))], folder)
    assert made.names == ["fine.png"] and files_of(folder) == ["in/fine.png"]
    assert len(made.problems) == len(names)


def test_links_other_files_and_what_is_there_twice_are_left_out(folder):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    inside = [(link, b"/etc/passwd"), ("run.sh", b"rm"), ("a.png/b/c.png", red())]
    made = unpack([("a.png", io.BytesIO(red())), ("a.png", io.BytesIO(b"")), ("all.zip", zipped(inside))], folder)
    assert made.names == ["a.png"] and (folder / "a.png").read_bytes() == red()
    said = " ".join(made.problems)
    for part in ("there twice", "is a link", "run.sh: is no picture", "cannot be stored"):
        assert part in said


def test_a_bomb_is_refused_by_what_it_claims_and_by_what_it_holds(folder, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1_000_000)
    bomb = zipped([("a.png", bytes(2_000_000))], compression=zipfile.ZIP_DEFLATED)
    assert bomb.getbuffer().nbytes < 5000
    with pytest.raises(ValueError, match="claims more than"):
        unpack([("bomb.zip", bomb)], folder)
    monkeypatch.setattr(unpacking, "MOST_ONE", 1000)
    made = unpack([("all.zip", zipped([("big.png", bytes(1001)), ("small.png", bytes(1000))]))], folder)
    assert made.names == ["small.png"] and files_of(folder) == ["in/small.png"]
    with pytest.raises(ValueError, match="more than 0 MB unpacked"):
        unpack([(f"{n}.png", io.BytesIO(bytes(1000))) for n in range(1001)], folder)


def test_a_bomb_that_lies_about_its_size_is_cut_off(folder):
    data = bytearray(zipped([("a.png", bytes(5_000_000))], compression=zipfile.ZIP_DEFLATED).getvalue())
    size = (5_000_000).to_bytes(4, "little")
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = (10).to_bytes(4, "little")
    made = unpack([("liar.zip", io.BytesIO(bytes(data)))], folder)
    assert made.names == [] and "damaged" in made.problems[0] and files_of(folder) == []


def test_too_many_files_are_refused(folder, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_FILES", 3)
    with pytest.raises(ValueError, match="holds 4 files"):
        unpack([("all.zip", zipped([(f"{n}.png", b"x") for n in range(4)]))], folder)
    with pytest.raises(ValueError, match="more than 3 pictures"):
        unpack([(f"{n}.png", io.BytesIO(b"x")) for n in range(4)], folder)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no", zipped([("a.png", red())]).getvalue()[:40]])
def test_what_is_no_archive_is_one_line(folder, data):
    with pytest.raises(ValueError, match=r"^all\.zip: is no ZIP file"):
        unpack([("all.zip", io.BytesIO(data))], folder)


def test_a_damaged_or_encrypted_entry_leaves_the_others(folder):
    data = bytearray(zipped([("bad.png", red(64, 64)), ("good.png", red())]).getvalue())
    data[60] ^= 255
    made = unpack([("all.zip", io.BytesIO(bytes(data)))], folder)
    assert made.names == ["good.png"] and "bad.png: is damaged" in made.problems[0]
    locked = bytearray(zipped([("secret.png", red())]).getvalue())
    locked[6] |= 1
    locked[locked.find(b"PK\x01\x02") + 8] |= 1
    made = unpack([("locked.zip", io.BytesIO(bytes(locked)))], folder)
    assert "secret.png: is encrypted" in made.problems[0]


@pytest.mark.parametrize("place", [6, 10])
def test_what_python_cannot_unpack_is_one_line(folder, place):
    data = bytearray(zipped([("a.png", red())]).getvalue())
    listed = data.find(b"PK\x01\x02")
    data[listed + place] = 99  # the version of the format that it needs, or how it was compressed
    if place == 10:
        made = unpack([("all.zip", io.BytesIO(bytes(data)))], folder)
        assert made.names == [] and made.problems == ["a.png: cannot be unpacked; make the ZIP file anew"]
    else:
        with pytest.raises(ValueError, match=r"^all\.zip: is no ZIP file"):
            unpack([("all.zip", io.BytesIO(bytes(data)))], folder)
