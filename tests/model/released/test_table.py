import pytest
import yaml

from data.settings import build
from model import released
from model.convert import load
from model.released import find, near, table

TABLE = yaml.safe_load(released.TABLE.read_text())


def changed(tmp_path, **changes):
    """The table with the keys of one release changed."""
    values = yaml.safe_load(released.TABLE.read_text())
    values["releases"]["read-7b-val"].update(changes)
    (tmp_path / "released.yaml").write_text(yaml.safe_dump(values))
    return tmp_path / "released.yaml"


def test_every_release_is_found_and_has_what_it_needs():
    assert {"lisa-7b-v1", "gsva-7b-pt", "read-7b-val", "uground-7b-test", "llava-1.5-7b"} <= set(table().releases)
    for name, release in table().releases.items():
        assert find(name) is release and release.name == name
        needs = {"fresh": {"sam"}}.get(release.kind, set() if release.is_part else {"clip"})
        assert {part for part in ("clip", "sam") if getattr(release, part)} == needs
        assert release.repository is None or release.repository.count("/") == 1


def test_every_fact_has_a_source_and_every_source_a_fact():
    facts = [fact for release in table().releases.values() for fact in release.facts]
    assert {fact.source for fact in facts} == set(table().sources)
    assert all("https://" in source for source in table().sources.values())


def test_settings_are_those_of_the_conversion():
    for release in table().releases.values():
        if release.kind in ("lisa", "gsva", "read", "uground"):
            module = load(release.kind)
            module.traits(build(module.Settings, release.settings, release.name))


def test_a_wrong_name_suggests_the_near_one():
    with pytest.raises(ValueError, match=r"no release is called 'lisa-7b-v2': did you mean lisa-7b-v1\?"):
        find("lisa-7b-v2")
    with pytest.raises(ValueError, match="pinpoint download --list"):
        find("????")
    assert near("LLaVA-1.5-7B") == "llava-1.5-7b"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"licens": 3}, "did you mean 'licence'"),
        ({"kind": "tiny"}, "'tiny'"),
        ({"size": {"value": "3 GB", "source": "hearsay"}}, "no source 'hearsay'"),
        ({"size": {"value": "3 GB"}}, "'source' is missing"),
        ({"clip": "sam-vit-h"}, "'sam-vit-h' is no clip"),
        ({"page": "https://example.org"}, "either a repository or a page"),
    ],
)
def test_a_mistake_in_the_table_is_found(tmp_path, changes, part):
    with pytest.raises(ValueError, match=part):
        table(changed(tmp_path, **changes))
