"""Reading at any place of a file, by several threads, and ranges of it as streams."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator

import pytest

from archiver.core.errors import RecordCorrupt, StoreError
from archiver.offline.windows import FileAccess, Part, chunks, open_window

CONTENT = bytes(range(256)) * 40


@pytest.fixture(params=["pread", "seek"])
def source(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FileAccess]:
    """A file opened with the system's positioned reads, and as on a system that has none."""
    if request.param == "seek":
        monkeypatch.delattr(os, "pread")
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    access = FileAccess(path)
    yield access
    access.close()


def test_reads_at_any_place(source: FileAccess) -> None:
    """Bytes come from the offset asked for; past the end there are fewer, or none."""
    assert source.size == len(CONTENT)
    assert source.read_at(1000, 300) == CONTENT[1000:1300]
    assert source.read_at(len(CONTENT) - 5, 100) == CONTENT[-5:]
    assert source.read_at(len(CONTENT) + 5, 100) == b""


def test_what_will_be_read_is_asked_of_the_system(
    source: FileAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system is told of ranges that begin inside, at their place in the file, and of no others."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(
        os, "posix_fadvise", lambda _fd, offset, length, _advice: asked.append((offset, length))
    )
    part = Part(source, 1000, 100)
    for offset in (-512, 0, 99, 100, 1 << 70):
        part.prefetch(offset, 512)
    source.prefetch(len(CONTENT), 512)
    assert asked == [(1000, 512), (1099, 512)]


def test_threads_do_not_disturb_each_other(source: FileAccess) -> None:
    """Sixteen threads reading at different places each get their own bytes."""

    def read(number: int) -> bool:
        return all(source.read_at(at, 97) == CONTENT[at : at + 97] for at in range(number, len(CONTENT), 131))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(read, range(64)))


def test_window_is_a_stream_of_its_range(source: FileAccess) -> None:
    """A window reads, seeks and ends within its range, wherever that lies in the file."""
    with open_window(source, 100, 500) as stream:
        assert stream.read() == CONTENT[100:600]
        assert stream.read() == b""
        assert stream.seek(-10, io.SEEK_END) == 490
        assert stream.read(100) == CONTENT[590:600]
        assert stream.seek(20) == 20
        assert stream.read(5) == CONTENT[120:125]
        assert stream.tell() == 25


def test_parts_nest(source: FileAccess) -> None:
    """A part of a part has offsets of its own and never reads beyond itself."""
    part = Part(Part(source, 100, 1000), 50, 20)
    assert part.size == 20
    assert part.read_at(5, 1000) == CONTENT[155:170]
    assert part.read_at(30, 10) == b""


def test_window_beyond_the_file_is_an_error(source: FileAccess) -> None:
    """A range that the file does not hold is an error when it is read, never a silent end."""
    with open_window(source, len(CONTENT) - 10, 100) as stream, pytest.raises(RecordCorrupt):
        stream.read()


def test_chunks_cover_the_range_once(source: FileAccess) -> None:
    """Chunks joined are the range."""
    assert b"".join(chunks(source, 3, 9000)) == CONTENT[3:9003]


def test_missing_file_is_a_store_error(tmp_path: Path) -> None:
    """A file that is not there is told in the error tree's own terms, with its path."""
    with pytest.raises(StoreError) as caught:
        FileAccess(tmp_path / "none")
    assert str(tmp_path / "none") in str(caught.value)


@pytest.mark.parametrize("place", [10**30, 1 << 63, 1 << 64, len(CONTENT)])
def test_there_is_nothing_beyond_the_end(source: FileAccess, place: int) -> None:
    """Offsets come from strangers: one that no file can have reads as nothing, in parts as well."""
    assert source.read_at(place, 10) == b""
    assert Part(source, 5, 1 << 70).read_at(place, 10) == b""
    assert list(chunks(source, place, 10)) == []
    assert source.read_at(len(CONTENT) - 3, 10**30) == CONTENT[-3:]


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe is refused at once: opening it would wait for ever. So are folders and devices."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(StoreError, match="not a regular file"):
            FileAccess(path)
