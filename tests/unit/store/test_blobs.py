from __future__ import annotations

import hashlib

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import DigestMismatch, NotArchived, RecordCorrupt
from archiver.store.blobs import BlobReader, BlobStore

DATA = b"layer" * 1000
DIGEST = Digest.of(DATA)


def files(root):
    """Return every file below a folder."""
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_was_written_can_be_read(tmp_path):
    """A blob has its digest's name, its size, and its content, and anybody may read it."""
    store = BlobStore(tmp_path)
    assert store.put(DATA) == DIGEST
    assert files(tmp_path) == [tmp_path / "blobs" / "sha256" / DIGEST.hex] == [store.path(DIGEST)]
    assert store.path(DIGEST).stat().st_mode & 0o777 == 0o644
    assert store.size(DIGEST) == len(DATA)
    assert store.read(DIGEST, len(DATA)) == DATA


def test_what_is_here_is_not_written_again(tmp_path):
    """Storing the same bytes twice leaves the file as it is; one that is damaged is made anew."""
    store = BlobStore(tmp_path)
    store.put(DATA)
    before = store.path(DIGEST).stat().st_ino
    store.put(DATA)
    assert store.path(DIGEST).stat().st_ino == before
    for damage in (DATA[:10], DATA + b"x", bytes(len(DATA))):
        store.path(DIGEST).write_bytes(damage)
        store.put(DATA)
        assert store.read(DIGEST, len(DATA)) == DATA


def test_a_damaged_blob_is_replaced(tmp_path):
    """Bytes are stored under the digest that they must have, in place of what rotted there."""
    store = BlobStore(tmp_path)
    digest = Digest("sha512", hashlib.sha512(DATA).hexdigest())
    for _ in range(2):
        store.replace(digest, DATA)
        assert store.read(digest, len(DATA)) == DATA
        store.path(digest).write_bytes(bytes(len(DATA)))


def test_wrong_content_never_gets_a_name(tmp_path):
    """Other content leaves no file behind, not even a temporary one, and what is there stays."""
    store = BlobStore(tmp_path)
    with pytest.raises(DigestMismatch):
        store.replace(DIGEST, DATA + b"x")
    assert files(tmp_path) == []
    store.put(DATA)
    with pytest.raises(DigestMismatch):
        store.replace(DIGEST, DATA[:-1])
    assert store.read(DIGEST, len(DATA)) == DATA


def test_damage_on_disk_is_found_when_a_blob_is_read_whole(tmp_path):
    """A blob that rotted, or is larger than can be, is an error that names it."""
    store = BlobStore(tmp_path)
    store.put(DATA)
    with pytest.raises(RecordCorrupt):
        store.read(DIGEST, 10)
    store.path(DIGEST).write_bytes(DATA[:-1] + b"x")
    with pytest.raises(RecordCorrupt) as caught:
        store.read(DIGEST, len(DATA))
    assert caught.value.place == str(DIGEST)


def test_what_is_not_here_is_absent(tmp_path):
    """Absence is None for a size and a typed error for opening."""
    reader = BlobReader(tmp_path)
    assert reader.size(DIGEST) is None
    with pytest.raises(NotArchived):
        reader.open(DIGEST)
    assert not hasattr(reader, "put"), "read-only means lacking the method"
