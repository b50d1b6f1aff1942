from __future__ import annotations

import pytest

from archiver.core import jsontext
from archiver.core.descriptor import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument, NotArchived, RecordCorrupt
from archiver.store.blobs import BlobStore
from archiver.store.imagewalk import walk_image


def everything(_digest):
    """Keep all that an index names."""
    return True


def put(store, media_type, document):
    """Store a document and describe it."""
    data = jsontext.dump({"schemaVersion": 2, "mediaType": media_type, **document})
    return Descriptor(media_type, store.put(data), len(data))


def manifest(store, layer=b"layer"):
    """Store a manifest with a layer."""
    config = Descriptor(OCI_EMPTY, store.put(b"{}"), 2)
    return put(
        store,
        OCI_MANIFEST,
        {
            "config": config.to_json(),
            "layers": [Descriptor("text/plain", store.put(layer), len(layer)).to_json()],
        },
    )


def index(store, *children):
    """Store an index."""
    return put(store, OCI_INDEX, {"manifests": [child.to_json() for child in children]})


def digests(walked):
    """Return the digests of what was walked, in its order."""
    return [each.descriptor.digest for each in walked]


def test_a_manifest_is_all_there_is(tmp_path):
    """An image for one platform is its manifest."""
    store = BlobStore(tmp_path)
    root = manifest(store)
    (found,) = walk_image(store, root, everything)
    assert found.descriptor == root
    assert [pointer.digest for pointer in found.manifest.blobs] == [Digest.of(b"{}"), Digest.of(b"layer")]


def test_what_points_comes_after_what_it_points_to(tmp_path):
    """Manifests come in the order of their index, indexes behind them; what is named twice comes once."""
    store = BlobStore(tmp_path)
    one, two, three = (manifest(store, layer) for layer in (b"1", b"2", b"3"))
    nested = index(store, two, one)
    root = index(store, one, nested, three, nested)
    assert digests(walk_image(store, root, everything)) == [
        one.digest, two.digest, nested.digest, three.digest, root.digest,
    ]  # fmt: skip


def test_a_sparse_index(tmp_path):
    """Of an index only what is kept counts; an index that leads to nothing kept does not."""
    store = BlobStore(tmp_path)
    one, two = manifest(store, b"1"), manifest(store, b"2")
    absent = Descriptor(OCI_MANIFEST, Digest.of(b"elsewhere"), 9)
    nested = index(store, two, absent)
    root = index(store, one, nested, absent)
    assert digests(walk_image(store, root, {one.digest}.__contains__)) == [one.digest, root.digest]
    assert digests(walk_image(store, root, {two.digest}.__contains__)) == [
        two.digest,
        nested.digest,
        root.digest,
    ]
    assert walk_image(store, root, set().__contains__) == ()


def test_what_is_kept_must_be_readable(tmp_path):
    """A kept manifest that is missing or damaged is an error that names it."""
    store = BlobStore(tmp_path)
    child = manifest(store)
    root = index(store, child)
    data = store.path(child.digest).read_bytes()
    store.path(child.digest).write_bytes(data.replace(b"2", b"3"))
    with pytest.raises(RecordCorrupt) as damaged:
        walk_image(store, root, everything)
    store.path(child.digest).unlink()
    with pytest.raises(NotArchived) as absent:
        walk_image(store, root, everything)
    assert damaged.value.place == absent.value.place == str(child.digest)


def test_nesting_is_bounded(tmp_path):
    """Indexes in indexes are followed to a depth, however often they repeat each other."""
    store = BlobStore(tmp_path)
    root = manifest(store)
    for _ in range(4):
        root = index(store, *[root] * 500)
    assert len(walk_image(store, root, everything)) == 5
    with pytest.raises(InvalidDocument):
        walk_image(store, index(store, root), everything)
