from __future__ import annotations

import json

import pytest

from archiver.core import jsontext
from archiver.core.descriptor import (
    CONTAINERD_NAME,
    DOCKER_CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    REF_NAME,
    Descriptor,
    Platform,
)
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest, InvalidDocument, RecordCorrupt
from archiver.store.images import ImageLayout, read_index
from archiver.store.layoutindex import ALIAS_OF, LayoutIndex

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


@pytest.fixture
def layout(tmp_path):
    """Return an empty layout."""
    return ImageLayout(tmp_path)


def put(layout, media_type, document, platform=None):
    """Store a manifest and describe it."""
    data = jsontext.dump({"schemaVersion": 2, "mediaType": media_type, **document})
    return Descriptor(media_type, layout.blobs.put(data), len(data), platform=platform)


def image(layout, salt, platform=None, media_type=DOCKER_MANIFEST):
    """Store an image of Docker's kind without layers."""
    config = Descriptor(DOCKER_CONFIG, layout.blobs.put(salt), len(salt))
    return put(layout, media_type, {"config": config.to_json(), "layers": []}, platform)


def manifest_list(layout, *children):
    """Store a manifest list."""
    return put(layout, DOCKER_LIST, {"manifests": [child.to_json() for child in children]})


def listed(layout):
    """Return the entries of index.json as they are in the file."""
    return json.loads((layout.root / "index.json").read_bytes())["manifests"]


def children(layout, entry):
    """Return what an entry's index points to."""
    return json.loads(layout.blobs.path(Digest.parse(entry["digest"])).read_bytes())["manifests"]


def test_what_oci_readers_know_has_one_entry(layout):
    """An image with OCI's media types needs nothing that stands for it, and neither does one without a name."""
    layout.point([("a:1", image(layout, b"{}", media_type=OCI_MANIFEST)), ("", image(layout, b"{ }"))])
    assert len(listed(layout)) == 2


def test_an_image_of_docker_s_kind_has_a_second_entry(layout):
    """Upstream's manifest comes first; behind it, under the same name, an OCI index whose only child it is."""
    target = image(layout, b"{}")
    layout.point([("a:1", target)])
    first, second = listed(layout)
    assert first["digest"] == str(target.digest)
    assert first["mediaType"] == DOCKER_MANIFEST
    assert first["annotations"] == {REF_NAME: "a:1", CONTAINERD_NAME: "a:1"}
    assert second["mediaType"] == OCI_INDEX
    assert second["annotations"] == {REF_NAME: "a:1", ALIAS_OF: str(target.digest)}
    assert children(layout, second) == [target.to_json()], "without a platform, it is for every reader"


def test_readers_see_what_is_archived(layout):
    """Who asks for entries gets upstream's alone."""
    target = image(layout, b"{}")
    layout.point([("a:1", target)])
    (entry,) = layout.entries()
    assert (entry.digest, entry.media_type) == (target.digest, DOCKER_MANIFEST)
    assert read_index(layout.root) == (entry,)


def test_of_a_list_the_children_that_are_here_count(layout):
    """A sparse list is stood for by an index of what is here, and by another one when more is."""
    amd, arm = image(layout, b"{}", AMD64), image(layout, b"{ }", ARM64)
    target = manifest_list(layout, amd, arm)
    data = layout.blobs.path(arm.digest).read_bytes()
    layout.blobs.path(arm.digest).unlink()
    layout.point([("a:1", target)])
    assert children(layout, listed(layout)[1]) == [amd.to_json()]
    layout.blobs.put(data)
    layout.point([("a:1", target)])
    assert children(layout, listed(layout)[1]) == [amd.to_json(), arm.to_json()]
    assert len(listed(layout)) == 2


def test_a_list_of_which_nothing_is_here_has_one_entry(layout):
    """Nothing stands for a list without children."""
    layout.point([("a:1", manifest_list(layout, Descriptor(DOCKER_MANIFEST, Digest.of(b"elsewhere"), 9)))])
    assert len(listed(layout)) == 1


def test_a_moved_name_moves_with_what_stands_for_it(layout):
    """The earlier target stays without a name, and so without a second entry."""
    old, new = image(layout, b"{}"), image(layout, b"{ }")
    layout.point([("a:1", old), ("b:1", old)])
    assert len(listed(layout)) == 4
    layout.point([("a:1", new), ("b:1", new)])
    assert [(entry["digest"], len(entry.get("annotations", {}))) for entry in listed(layout)[:1]] == [
        (str(old.digest), 0)
    ]
    assert [entry["annotations"].get(ALIAS_OF) for entry in listed(layout)[1:]] == [
        None, str(new.digest), None, str(new.digest),
    ]  # fmt: skip


def test_naming_again_changes_nothing(layout):
    """A run that finds everything as it was does not rewrite the index, and keeps what others named."""
    layout.point([("a:1", image(layout, b"{}")), ("b:1", image(layout, b"{ }"))])
    before = (layout.root / "index.json").stat().st_ino
    layout.point([("b:1", image(layout, b"{ }"))])
    assert (layout.root / "index.json").stat().st_ino == before
    layout.point([("c:1", image(layout, b"{ }"))])
    assert len(listed(layout)) == 6


def test_what_others_wrote_meanwhile_stays(layout):
    """A layout that wrote the index last itself takes notice of another one's entries all the same."""
    other = ImageLayout(layout.root)
    for number in range(3):
        layout.point([(f"a:{number}", image(layout, b"{}"))])
        other.point([(f"b:{number}", image(layout, b"{ }"))])
    assert len(LayoutIndex.read(layout.root).entries) == 6


def test_reading_gives_what_was_written(layout):
    """An index survives its file."""
    layout.point([("a:1", image(layout, b"{}")), ("", image(layout, b"{ }"))])
    index = LayoutIndex.read(layout.root)
    assert (len(index.entries), len(index.aliases)) == (2, 1)
    assert index.to_json() == (layout.root / "index.json").read_bytes()


def test_a_damaged_list_is_not_named(layout):
    """What cannot be read is an error, and the index stays as it was."""
    target = manifest_list(layout, image(layout, b"{}"))
    path = layout.blobs.path(target.digest)
    path.write_bytes(path.read_bytes().replace(b"schema", b"Schema"))
    with pytest.raises(RecordCorrupt):
        layout.point([("a:1", target)])
    assert listed(layout) == []


def test_a_damaged_alias_is_a_typed_error(layout):
    """An index whose second entries say nonsense is refused."""
    layout.point([("a:1", image(layout, b"{}"))])
    path = layout.root / "index.json"
    path.write_bytes(path.read_bytes().replace(b'alias-of":"sha256:', b'alias-of":"md5:'))
    with pytest.raises((InvalidDigest, InvalidDocument)):
        read_index(layout.root)
