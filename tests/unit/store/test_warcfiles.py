from __future__ import annotations

import gzip
from contextlib import closing

import pytest

from archiver.core.errors import NotArchived, RecordCorrupt
from archiver.store.locator import Location, Locator, ReadOnlyLocator, rebuild
from archiver.store.paths import create_archive
from archiver.store.warcfiles import scan_members


def member(kind, identifier, body=b"x" * 2000):
    """Make the gzip member of a record."""
    head = f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{identifier}>\r\nContent-Length: {len(body)}\r\n\r\n"
    return gzip.compress(head.encode() + body + b"\r\n\r\n", mtime=0)


MEMBERS = [member("warcinfo", 0), member("response", 1), member("request", 2), member("revisit", 3), member("request", 4),
           member("response", 5)]  # fmt: skip


@pytest.fixture
def project(tmp_path):
    """A project with one WARC file."""
    project = create_archive(tmp_path).project("demo")
    project.warc.mkdir(parents=True)
    (project.warc / "a.warc.gz").write_bytes(b"".join(MEMBERS))
    return project


def test_members_are_found_with_their_boundaries(project):
    """Each record is one gzip member, and the members fill the file."""
    found = list(scan_members(project.warc / "a.warc.gz"))
    assert [(at.type, at.record) for at in found][1:3] == [
        ("response", "<urn:uuid:1>"),
        ("request", "<urn:uuid:2>"),
    ]
    assert [at.length for at in found] == [len(data) for data in MEMBERS]
    assert found[-1].end == sum(map(len, MEMBERS))


@pytest.mark.parametrize("missing", [1, 4, 10, len(MEMBERS[-1]) - 1])
def test_a_member_that_is_cut_short_is_no_member(project, missing):
    """Whatever a crash left of the last record is told of with its offset, behind all whole ones."""
    path = project.warc / "a.warc.gz"
    path.write_bytes(path.read_bytes()[:-missing])
    found = []
    with pytest.raises(RecordCorrupt) as caught:
        found.extend(scan_members(path))
    assert caught.value.place == f"{path}:{sum(map(len, MEMBERS[:-1]))}"


def test_garbage_behind_the_last_member_is_told_of(project):
    """Bytes that are no gzip member, such as zeros from a file system's journal, are a broken tail."""
    path = project.warc / "a.warc.gz"
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(600))
    with pytest.raises(RecordCorrupt, match="no gzip member") as caught:
        list(scan_members(path, len(MEMBERS[0])))
    assert caught.value.place == f"{path}:{len(whole)}"


@pytest.mark.parametrize("size", [(1 << 18) - 1, 1 << 18, (1 << 18) + 1])
def test_members_around_the_size_of_a_chunk_are_measured(tmp_path, size):
    """Output that fills zlib's bound exactly leaves nothing behind."""
    one = member("response", 1, b"x" * (size - len(gzip.decompress(member("response", 1, b""))) - 5))
    (tmp_path / "a.warc.gz").write_bytes(one * 3)
    assert [at.length for at in scan_members(tmp_path / "a.warc.gz")] == [len(one)] * 3


def test_large_members_do_not_fill_the_memory(tmp_path):
    """A member that inflates to 256 MiB is measured, not kept."""
    import tracemalloc  # noqa: PLC0415 - only this test measures

    path = tmp_path / "bomb.warc.gz"
    path.write_bytes(member("response", 1, bytes(256 << 20)))
    tracemalloc.start()
    (found,) = scan_members(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.length == path.stat().st_size
    assert peak < 8 << 20


def test_the_locator_is_rebuilt_from_the_warc_files(project):
    """A response and the request behind it are one pair; a response without one stands alone."""
    rebuild(project)
    with closing(Locator(project.locator)) as locator:
        first = locator.get("<urn:uuid:1>")
        last = locator.get("<urn:uuid:5>")
        assert locator.get("<urn:uuid:2>") is None
    assert first == Location(
        "<urn:uuid:1>", "a.warc.gz", len(MEMBERS[0]), len(MEMBERS[1]), len(MEMBERS[1]) + len(MEMBERS[2])
    )
    assert last.pair_length == last.length


@pytest.mark.parametrize("state", ["missing", "damaged", "whole"])
def test_reading_needs_no_locator_file(project, state):
    """Without the cache, or with a broken one, the WARC files themselves tell where records are."""
    if state == "whole":
        rebuild(project)
    elif state == "damaged":
        project.locator.write_bytes(b"not a database")
    locator = ReadOnlyLocator(project)
    assert locator.find("<urn:uuid:3>").offset == sum(map(len, MEMBERS[:3]))
    with pytest.raises(NotArchived):
        locator.find("<urn:uuid:9>")


def test_reading_does_not_write(project):
    """An archive on read-only media can be served: the locator is not created by reading."""
    ReadOnlyLocator(project)
    assert not project.locator.exists()
