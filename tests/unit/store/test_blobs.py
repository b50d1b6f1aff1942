from __future__ import annotations

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import DigestMismatch, NotArchived, RecordCorrupt, SizeMismatch
from archiver.store.blobs import BlobReader, BlobStore

DATA = b"layer" * 1000
DIGEST = Digest.of(DATA)


def files(root):
    """Return every file below a folder."""
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_was_written_can_be_read(tmp_path):
    """A blob has its digest's name, its size, and its content."""
    store = BlobStore(tmp_path)
    with store.writer(DIGEST, len(DATA)) as writer:
        writer.write(DATA[:100])
        writer.write(DATA[100:])
    assert store.path(DIGEST) == tmp_path / "blobs" / "sha256" / DIGEST.hex
    assert store.size(DIGEST) == len(DATA)
    assert store.read(DIGEST, len(DATA)) == DATA


@pytest.mark.parametrize(
    ("content", "size", "error"),
    [(DATA[:-1], len(DATA), SizeMismatch), (DATA + b"x", len(DATA), SizeMismatch), (DATA[:-1] + b"x", len(DATA), DigestMismatch),
     (b"", None, DigestMismatch)],
)  # fmt: skip
def test_wrong_content_never_gets_a_name(tmp_path, content, size, error):
    """Too short, too long or other content leaves no file behind, not even a temporary one."""
    with pytest.raises(error), BlobStore(tmp_path).writer(DIGEST, size) as writer:
        writer.write(content)
    assert files(tmp_path) == []


def test_a_broken_off_write_leaves_nothing(tmp_path):
    """An exception from the source of the bytes removes what was staged."""

    def broken_off():
        with BlobStore(tmp_path).writer(DIGEST, len(DATA)) as writer:
            writer.write(DATA[:10])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        broken_off()
    assert files(tmp_path) == []


def test_a_stream_is_stored_under_what_it_hashes_to(tmp_path):
    """Content whose digest nobody knew is found by it afterwards."""
    store = BlobStore(tmp_path)
    assert store.put_chunks([DATA[:3], DATA[3:]]) == (DIGEST, len(DATA))
    assert store.put(DATA) == DIGEST
    assert len(files(tmp_path)) == 1


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
