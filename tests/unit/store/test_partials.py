from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import DigestMismatch, LockHeld, SizeMismatch
from archiver.store import partials
from archiver.store.blobs import BlobStore
from archiver.store.partials import BegunDownload, partial_blob_path, partial_download_path

DATA = bytes(range(256)) * 1000
DIGEST, SIZE = Digest.of(DATA), len(DATA)
URL = "https://example.org/releases/tool-1.0.tar.gz"


def files(root):
    """Return the names of every file below a folder."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def begun(root, content, digest=DIGEST, size=SIZE):
    """Leave the beginning of a blob, as a broken connection does."""
    with BlobStore(root).resumable(digest, size) as blob:
        blob.write(content)


def note_of(root, url=URL):
    """Return the path of the note on a URL's content."""
    path = root / partial_download_path(url)
    return path.with_name(path.name + ".json")


def run(program, *arguments):
    """Run a program in a process of its own and return its exit code."""
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=False).returncode


# Goes on with a blob or a URL's content, and is killed after so many bytes.
KILLED = """
import os, signal, sys
from pathlib import Path
from archiver.core.digest import Digest
from archiver.store.blobs import BlobStore
root, name, most, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
url = name if "//" in name else ""
data = memoryview(bytes(range(256)) * 1000)
store = BlobStore(root)
opened = store.resumable_download(url) if url else store.resumable(Digest.parse(name), len(data))
with opened as content:
    if url and not content.received:
        content.restart(etag="a", modified="")
    begun = content.received
    while content.received < len(data):
        if content.received - begun >= most:
            os.kill(os.getpid(), signal.SIGKILL)
        content.write(data[content.received:content.received + step])
    content.finish()
"""
FULL = """
import resource, sys
from pathlib import Path
from archiver.core.digest import Digest
from archiver.core.errors import StorageFull
from archiver.store.blobs import BlobStore
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with BlobStore(Path(sys.argv[1])).resumable(Digest.parse(sys.argv[2]), None) as blob:
        blob.write(bytes(range(256)) * 1000)
except StorageFull:
    sys.exit(7)
"""


class TestBlobs:
    """What is kept by its digest."""

    def test_content_in_one_go(self, tmp_path):
        """Bytes and views in any cut become the blob; nothing else is left."""
        store = BlobStore(tmp_path)
        with store.resumable(DIGEST, SIZE) as blob:
            assert (blob.received, blob.present) == (0, False)
            blob.write(DATA[:1000])
            blob.write(memoryview(DATA)[1000:])
            assert blob.received == len(DATA)
            assert store.size(DIGEST) is None, "no name before the check"
            blob.finish()
        assert store.read(DIGEST, SIZE) == DATA
        assert files(tmp_path) == [f"blobs/sha256/{DIGEST.hex}"]
        assert store.path(DIGEST).stat().st_mode & 0o777 == 0o644

    def test_a_later_attempt_goes_on(self, tmp_path):
        """What came before a broken connection is kept, and counts."""
        store = BlobStore(tmp_path)

        def broken_off():
            with store.resumable(DIGEST, SIZE) as blob:
                blob.write(DATA[:70_000])
                raise ConnectionError

        with pytest.raises(ConnectionError):
            broken_off()
        assert files(tmp_path) == [partial_blob_path(DIGEST)]
        assert (store.size(DIGEST), store.begun(DIGEST), store.begun(Digest.of(b""))) == (None, 70_000, 0)
        with store.resumable(DIGEST, SIZE) as blob:
            assert blob.received == 70_000
            blob.write(DATA[70_000:])
            blob.finish()
        assert store.read(DIGEST, SIZE) == DATA

    def test_going_on_after_a_kill(self, tmp_path):
        """A killed process's bytes are there for the next, and its lock is gone."""
        assert run(KILLED, tmp_path, DIGEST, 102_400, 1024) == -signal.SIGKILL
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            assert blob.received == 102_400
            blob.write(DATA[blob.received :])
            blob.finish()
        assert BlobStore(tmp_path).size(DIGEST) == len(DATA)

    @pytest.mark.parametrize("name", [str(DIGEST), URL])
    @pytest.mark.parametrize("seed", range(3))
    def test_killed_again_and_again(self, tmp_path, name, seed):
        """However often and wherever a writer is killed, what is whole in the end is right, and nothing is left over."""
        chance = random.Random(seed)
        attempts = 0
        while run(KILLED, tmp_path, name, chance.randrange(1, SIZE), chance.randrange(500, 100_000)):
            attempts += 1
        assert attempts
        assert files(tmp_path) == [f"blobs/sha256/{DIGEST.hex}"]
        assert BlobStore(tmp_path).read(DIGEST, SIZE) == DATA

    def test_a_full_disk_leaves_what_was_written(self, tmp_path):
        """Where there is no space left, what there was space for is gone on from later."""
        assert run(FULL, tmp_path, DIGEST) == 7
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            assert blob.received == 100_000
            blob.write(DATA[100_000:])
            blob.finish()

    def test_all_came_and_only_the_finish_is_left(self, tmp_path):
        """Who is killed after the last byte has nothing to ask for: finishing checks what is here."""
        begun(tmp_path, DATA)
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            assert blob.received == len(DATA)
            blob.finish()
        assert files(tmp_path) == [f"blobs/sha256/{DIGEST.hex}"]

    def test_damaged_beginnings_are_noticed_and_dropped(self, tmp_path):
        """Earlier bytes are hashed again: what a power cut left of them never becomes part of a blob."""
        begun(tmp_path, DATA[:50_000])
        (tmp_path / partial_blob_path(DIGEST)).write_bytes(bytes(50_000))
        store = BlobStore(tmp_path)
        with store.resumable(DIGEST, SIZE) as blob:
            blob.write(DATA[50_000:])
            with pytest.raises(DigestMismatch):
                blob.finish()
            assert blob.received == 0
            blob.write(DATA)
            blob.finish()
        assert store.read(DIGEST, SIZE) == DATA

    def test_wrong_content_is_dropped(self, tmp_path):
        """Content with another digest leaves nothing to go on from."""
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            blob.write(DATA[:-1] + b"x")
            with pytest.raises(DigestMismatch):
                blob.finish()
        assert files(tmp_path) == []

    def test_more_than_announced_is_dropped(self, tmp_path):
        """A source that sends more than it said is not believed about the rest either."""
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            blob.write(DATA)
            with pytest.raises(SizeMismatch):
                blob.write(b"x")
        assert files(tmp_path) == []

    def test_less_than_announced_is_kept(self, tmp_path):
        """A source that ends early is gone on from."""
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            blob.write(DATA[:-1])
            with pytest.raises(SizeMismatch):
                blob.finish()
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            assert blob.received == len(DATA) - 1
            blob.write(DATA[-1:])
            blob.finish()

    def test_a_beginning_that_is_too_long_is_dropped(self, tmp_path):
        """What cannot be the beginning of this blob is not gone on from."""
        begun(tmp_path, DATA, size=None)
        with BlobStore(tmp_path).resumable(DIGEST, 10) as blob:
            assert blob.received == 0

    def test_beginning_anew(self, tmp_path):
        """A server that ignores Range sends everything: what was here is dropped first."""
        begun(tmp_path, DATA[:1000])
        with BlobStore(tmp_path).resumable(DIGEST, SIZE) as blob:
            blob.restart()
            assert blob.received == 0
            blob.write(DATA)
            blob.finish()
        assert BlobStore(tmp_path).read(DIGEST, SIZE) == DATA

    def test_opening_alone_leaves_nothing(self, tmp_path):
        """An attempt that got no byte leaves no file."""
        with BlobStore(tmp_path).resumable(DIGEST, None):
            pass
        assert files(tmp_path) == []

    def test_the_empty_blob(self, tmp_path):
        """A blob of no bytes is one like any other."""
        empty = Digest.of(b"")
        with BlobStore(tmp_path).resumable(empty, 0) as blob:
            blob.finish()
        assert BlobStore(tmp_path).size(empty) == 0

    def test_a_blob_by_sha512(self, tmp_path):
        """The digest's own algorithm is the one that is checked."""
        digest = Digest("sha512", hashlib.sha512(DATA).hexdigest())
        begun(tmp_path, DATA[:99], digest)
        with BlobStore(tmp_path).resumable(digest, len(DATA)) as blob:
            blob.write(DATA[99:])
            blob.finish()
        assert files(tmp_path) == [f"blobs/sha512/{digest.hex}"]

    def test_one_writer_at_a_time(self, tmp_path):
        """A second writer of the same digest is told at once, in this process and in others; other digests are free."""
        store = BlobStore(tmp_path)
        other = Digest.of(b"other")
        program = (
            "import sys; from pathlib import Path\n"
            "from archiver.core.digest import Digest; from archiver.core.errors import LockHeld\n"
            "from archiver.store.blobs import BlobStore\n"
            "try:\n"
            "    with BlobStore(Path(sys.argv[1])).resumable(Digest.parse(sys.argv[2]), None): print('free')\n"
            "except LockHeld: print('held')\n"
        )
        with store.resumable(DIGEST, SIZE), store.resumable(other, None):
            with pytest.raises(LockHeld):
                store.resumable(DIGEST, SIZE).__enter__()
            told = subprocess.run(
                [sys.executable, "-c", program, str(tmp_path), str(DIGEST)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            assert told.stdout == "held\n"
        with store.resumable(DIGEST, SIZE):
            pass

    def test_what_another_run_finished_is_present(self, tmp_path):
        """Under the lock it is looked again whether the blob is here; one of another size does not count."""
        store = BlobStore(tmp_path)
        store.put(DATA)
        with store.resumable(DIGEST, SIZE) as blob:
            assert blob.present
        with store.resumable(DIGEST, None) as blob:
            assert blob.present
        with store.resumable(DIGEST, len(DATA) + 1) as blob:
            assert not blob.present

    def test_a_damaged_blob_can_be_replaced(self, tmp_path):
        """Who knows that the blob here is damaged writes it nevertheless."""
        store = BlobStore(tmp_path)
        store.put(DATA)
        store.path(DIGEST).write_bytes(bytes(len(DATA)))
        with store.resumable(DIGEST, SIZE) as blob:
            assert blob.present
            blob.write(DATA)
            blob.finish()
        assert store.read(DIGEST, SIZE) == DATA

    def test_a_lock_on_a_file_that_lost_its_name_does_not_count(self, tmp_path, monkeypatch):
        """Who opens the file just before it becomes the blob does not write into the blob once the lock is free."""
        store = BlobStore(tmp_path)
        flock, calls = fcntl.flock, []

        def overtaken(descriptor, operation):
            """Let another writer finish between opening and locking, the first time."""
            calls.append(operation)
            if len(calls) == 1:
                with store.resumable(DIGEST, SIZE) as winner:
                    winner.write(DATA)
                    winner.finish()
            return flock(descriptor, operation)

        begun(tmp_path, DATA[:5])
        (tmp_path / partial_blob_path(DIGEST)).write_bytes(b"")
        monkeypatch.setattr(fcntl, "flock", overtaken)
        with store.resumable(DIGEST, SIZE) as blob:
            assert blob.present
            assert blob.received == 0
            blob.write(b"anything")
        monkeypatch.undo()
        assert store.read(DIGEST, SIZE) == DATA
        assert len(calls) == 3

    def test_many_threads_and_one_digest(self, tmp_path):
        """However threads race for a digest, its bytes are written once and are right."""
        store = BlobStore(tmp_path)
        written, barrier = [], threading.Barrier(8)

        def work():
            barrier.wait()
            while True:
                try:
                    with store.resumable(DIGEST, SIZE) as blob:
                        if blob.present:
                            return
                        blob.write(DATA)
                        blob.finish()
                        written.append(1)
                except LockHeld:
                    continue

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert written == [1]
        assert files(tmp_path) == [f"blobs/sha256/{DIGEST.hex}"]

    def test_large_content_is_written_back_on_the_way(self, tmp_path, monkeypatch):
        """The disk is told of finished ranges while more is coming, each once."""
        told = []
        monkeypatch.setattr(
            os, "posix_fadvise", lambda _fd, start, length, _advice: told.append((start, length))
        )
        chunk = bytes(5 << 20)
        with BlobStore(tmp_path).resumable(Digest.of(chunk * 10), None) as blob:
            for _ in range(10):
                blob.write(chunk)
            blob.finish()
        assert told == [(at << 20, 10 << 20) for at in (0, 10, 20, 30, 40)]


class TestDownloads:
    """What is kept by its URL."""

    def test_content_in_one_go(self, tmp_path):
        """Content becomes the blob that it hashes to; neither its beginning nor the note is left."""
        store = BlobStore(tmp_path)
        with store.resumable_download(URL) as download:
            assert (download.received, download.etag, download.modified) == (0, "", "")
            download.restart(etag='"a"', modified="")
            download.write(DATA[:1])
            download.write(memoryview(DATA)[1:])
            assert download.finish() == (DIGEST, SIZE)
        assert files(tmp_path) == [f"blobs/sha256/{DIGEST.hex}"]

    def test_a_later_attempt_knows_the_validators(self, tmp_path):
        """What came is kept with the validators of the content that it belongs to."""
        store = BlobStore(tmp_path)
        with store.resumable_download(URL) as download:
            download.restart(etag='"a"', modified="Mon, 23 Nov 2026 08:00:00 GMT")
            download.write(DATA[:70_000])
        with store.resumable_download(URL) as download:
            assert download.received == 70_000
            assert (download.etag, download.modified) == ('"a"', "Mon, 23 Nov 2026 08:00:00 GMT")
            download.write(DATA[70_000:])
            assert download.finish(DIGEST) == (DIGEST, SIZE)

    def test_what_came_can_be_looked_at(self, tmp_path):
        """The first bytes, as many as there are, of what came now or before; it is gone on with all the same."""
        store = BlobStore(tmp_path)
        with store.resumable_download(URL) as download:
            assert download.head(512) == b""
            download.restart(etag="", modified="")
            download.write(DATA[:100])
            assert download.head(512) == DATA[:100]
        with store.resumable_download(URL) as download:
            assert download.head(10) == DATA[:10]
            download.write(DATA[100:])
            assert download.finish(DIGEST) == (DIGEST, SIZE)

    def test_other_content_begins_anew(self, tmp_path):
        """When upstream has other content by now, the bytes here and their validators go together."""
        store = BlobStore(tmp_path)
        with store.resumable_download(URL) as download:
            download.restart(etag='"old"', modified="")
            download.write(b"old content")
        with store.resumable_download(URL) as download:
            download.restart(etag='"new"', modified="")
            assert download.received == 0
            download.write(DATA[:10])
        with store.resumable_download(URL) as download:
            assert (download.received, download.etag) == (10, '"new"')

    def test_wrong_content_is_dropped(self, tmp_path):
        """Where a digest is known after all, other content leaves nothing."""
        with BlobStore(tmp_path).resumable_download(URL) as download:
            download.restart(etag='"a"', modified="")
            download.write(b"something else")
            with pytest.raises(DigestMismatch):
                download.finish(DIGEST)
            assert (download.received, download.etag) == (0, "")
        assert files(tmp_path) == []

    def test_bytes_without_a_note_do_not_count(self, tmp_path):
        """Bytes of which nobody knows what they belong to are dropped; so are those with a damaged note."""
        store = BlobStore(tmp_path)
        for damage in (None, b"", b"{}", b'{"url": 3}'):
            with store.resumable_download(URL) as download:
                download.restart(etag='"a"', modified="")
                download.write(DATA)
            note_of(tmp_path).unlink()
            if damage is not None:
                note_of(tmp_path).write_bytes(damage)
            with store.resumable_download(URL) as download:
                assert (download.received, download.etag) == (0, "")

    def test_after_a_restart_of_the_machine_only_durable_bytes_count(self, tmp_path, monkeypatch):
        """Bytes that may not have reached the disk are not gone on from once the machine was restarted."""
        store = BlobStore(tmp_path)
        monkeypatch.setattr(partials, "_CHECKPOINT", 1000)
        monkeypatch.setattr(partials.ResumableDownload, "close", lambda _self: None)  # as a kill does
        with store.resumable_download(URL) as download:
            download.restart(etag='"a"', modified="")
            download.write(DATA[:1500])
            download.write(DATA[1500:1900])
        with store.resumable_download(URL) as download:
            assert download.received == 1900, "the machine runs on"
        (tmp_path / "boot").write_text("another boot\n")
        monkeypatch.setattr(partials, "_BOOT", tmp_path / "boot")
        with store.resumable_download(URL) as download:
            assert (download.received, download.etag) == (1500, '"a"')
            download.write(DATA[1500:2000])
        with store.resumable_download(URL) as download:
            assert download.received == 2000, "this is the same boot again"
            download.write(DATA[2000:])
            assert download.finish() == (DIGEST, SIZE)

    def test_where_boots_have_no_name_only_durable_bytes_count(self, tmp_path, monkeypatch):
        """Without the kernel's word that the machine ran on, nothing is taken for granted; leaving makes durable."""
        store = BlobStore(tmp_path)
        monkeypatch.setattr(partials, "_BOOT", tmp_path / "no-such-file")
        with store.resumable_download(URL) as download:
            download.restart(etag='"a"', modified="")
            download.write(DATA[:1500])
        assert json.loads(note_of(tmp_path).read_bytes())["durable"] == 1500
        with store.resumable_download(URL) as download:
            assert download.received == 1500

    def test_one_writer_at_a_time(self, tmp_path):
        """A second download of the same URL is told at once."""
        store = BlobStore(tmp_path)
        with store.resumable_download(URL), store.resumable_download(URL + "?x"), pytest.raises(LockHeld):
            store.resumable_download(URL).__enter__()

    def test_others_wait_after_the_finish_as_well(self, tmp_path):
        """The content has its name by then, and nobody else could tell yet that it is this URL's."""
        store = BlobStore(tmp_path)
        with store.resumable_download(URL) as download:
            download.restart(etag="", modified="")
            download.write(b"content")
            download.finish()
            with pytest.raises(LockHeld), store.resumable_download(URL):
                pass
        with store.resumable_download(URL) as download:
            assert download.received == 0
        assert list((tmp_path / ".partial").iterdir()) == []

    def test_opening_alone_leaves_nothing(self, tmp_path):
        """An attempt that got no byte leaves neither file nor note."""
        with BlobStore(tmp_path).resumable_download(URL) as download:
            download.restart(etag='"a"', modified="")
        assert files(tmp_path) == []


def test_what_is_under_way_can_be_looked_at(tmp_path, monkeypatch):
    """Bytes and validators of a download are told while it is written; after a power cut only what is certainly there."""
    store, url = BlobStore(tmp_path), "http://127.0.0.1/big.tgz"
    assert store.begun_download(url) == BegunDownload()
    assert not (tmp_path / ".partial").exists()
    with store.resumable_download(url) as download:
        download.restart(etag='"one"', modified="")
        download.write(b"0123456789")
        assert store.begun_download(url) == BegunDownload(10, '"one"', "")
    assert store.begun_download(url) == BegunDownload(10, '"one"', "")
    note = tmp_path / f"{partial_download_path(url)}.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "durable": 4}))
    monkeypatch.setattr(partials, "_boot_id", lambda: "another")
    assert store.begun_download(url) == BegunDownload(4, '"one"', "")
