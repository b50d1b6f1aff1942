from __future__ import annotations

import errno
import os

import pytest

from archiver.core.errors import StorageDenied, StorageFull, StoreError
from archiver.store import atomic
from archiver.store.atomic import atomic_file, make_folder, storage_errors, write_atomically
from archiver.store.blobs import BlobStore
from archiver.store.images import ImageLayout
from archiver.store.locks import locked


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    """An error while writing leaves the old content and no temporary file."""
    path = tmp_path / "a" / "file"
    write_atomically(path, b"old")

    def broken_off():
        with atomic_file(path) as stream:
            stream.write(b"half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_content_is_durable_before_it_has_its_name(tmp_path, monkeypatch):
    """The order is: content, fsync of the file, rename, fsync of the folder."""
    events = []
    real_replace, real_fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "replace", lambda *a: (events.append("rename"), real_replace(*a))[1])
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), real_fsync(fd))[1])
    write_atomically(tmp_path / "file", b"x")
    assert events == ["fsync", "rename", "fsync"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EROFS, StorageDenied), (errno.EACCES, StorageDenied),
     (errno.EIO, StoreError)],
)  # fmt: skip
def test_the_systems_errors_become_ours(tmp_path, number, kind):
    """Full, forbidden and broken are told apart, and the path is named."""
    with pytest.raises(kind) as caught, storage_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert caught.value.place == str(tmp_path)


def test_a_file_in_the_place_of_a_folder_is_a_store_error(tmp_path):
    """What cannot be made is a typed error, not a traceback."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        write_atomically(tmp_path / "file" / "below", b"x")


def _blob(root):
    BlobStore(root).put(b"x")


def _lock(root):
    with locked(root / "project" / ".lock", "it"):
        pass


@pytest.mark.parametrize(
    "write",
    [make_folder, lambda root: write_atomically(root / "a" / "file", b"x"), _blob, ImageLayout, _lock],
    ids=["folder", "file", "blob", "layout", "lock"],
)  # fmt: skip
def test_the_parent_of_every_new_folder_is_synced(tmp_path, monkeypatch, write):
    """A power cut cannot take a folder that was made for durable content, however deep it is."""
    synced = []
    real = atomic.sync_folder
    monkeypatch.setattr(atomic, "sync_folder", lambda folder: (synced.append(folder), real(folder))[1])
    write(tmp_path / "one" / "two")
    made = [folder for folder in tmp_path.rglob("*") if folder.is_dir()]
    assert len(made) >= 2
    assert {folder.parent for folder in made} <= set(synced)


def test_a_folder_that_is_there_is_left_alone(tmp_path, monkeypatch):
    """Making what exists costs no sync; a file in the way is an error."""
    monkeypatch.setattr(atomic, "sync_folder", lambda _: pytest.fail("nothing is new"))
    make_folder(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError), storage_errors(tmp_path):
        make_folder(tmp_path / "file" / "below")
