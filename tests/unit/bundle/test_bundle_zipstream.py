from __future__ import annotations

import io
import zipfile
from typing import IO, TYPE_CHECKING

import pytest

from archiver.bundle import zipstream
from archiver.bundle.zipstream import ZipEntry, ZipWriter, zip_size
from archiver.core.digest import Digest
from archiver.core.errors import SizeMismatch

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.tarstream import Sink


class _Counted:
    """Stands for the sums over an entry that would take seconds to compute."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self.size, self.crc = sink, 0, 0

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self._sink.write(data)

    def finish(self) -> Digest:
        return Digest.of(b"")


class _Sparse:
    """Writes to a file, leaving holes where zeros come in bulk."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        if len(data) == len(_ZEROS):
            self._stream.seek(len(data), io.SEEK_CUR)
        else:
            self._stream.write(data)


_ZEROS = bytes(1 << 24)


def test_python_reads_what_was_written() -> None:
    """Streamed and small entries pass zipfile's own test; all are stored, dated 1980-01-01, in order."""
    output = io.BytesIO()
    packed = ZipWriter(output)

    def write(sink: Sink) -> None:
        sink.write(b"hello ")
        sink.write(b"world")

    digest = packed.stream("archive/data", 11, write)
    packed.add("small.json", b"{}")
    packed.add("empty", b"")
    packed.finish()
    assert digest == Digest.of(b"hello world")
    with zipfile.ZipFile(output) as read:
        assert read.testzip() is None
        assert read.namelist() == ["archive/data", "small.json", "empty"]
        assert read.read("archive/data") == b"hello world"
        for entry in read.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert not entry.extra


def test_the_size_is_known_beforehand() -> None:
    """zip_size says exactly how long the file becomes, from names and sizes only."""
    output = io.BytesIO()
    packed = ZipWriter(output)
    packed.stream("a", 1 << 20, lambda sink: sink.write(bytes(1 << 20)))
    packed.add("pages/pages.jsonl", b"x" * 999)
    packed.finish()
    entries = [ZipEntry("a", 1 << 20), ZipEntry("pages/pages.jsonl", 999, 0)]
    assert zip_size(entries) == len(output.getvalue())


def test_large_entries_are_measured_with_zip64_records() -> None:
    """At 4 GiB a size or an offset moves to ZIP64 fields, and an end record of its own appears."""
    small = zip_size([ZipEntry("a", 0xFFFFFFFE), ZipEntry("b", 1, 0)]) - 0xFFFFFFFE
    large = zip_size([ZipEntry("a", 0xFFFFFFFF), ZipEntry("b", 1, 0)]) - 0xFFFFFFFF
    # Entry a: 20 bytes more in its header, 8 in its descriptor, 20 in the directory; the offset of b: 12 in the
    # directory, as for the small one already; the end records are there in both.
    assert large - small == 20 + 8 + 20


def test_python_reads_a_zip_of_more_than_four_gibibytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a 4 GiB entry, zipfile finds the next one, and all sizes are as they should be."""
    monkeypatch.setattr(zipstream, "_Summed", _Counted)
    size = 1 << 32

    def write(sink: Sink) -> None:
        for _ in range(size // len(_ZEROS)):
            sink.write(_ZEROS)

    with (tmp_path / "large.zip").open("wb") as stream:
        packed = ZipWriter(_Sparse(stream))
        packed.stream("big", size, write)
        packed.add("after", b"after")
        packed.finish()
    expected = zip_size([ZipEntry("big", size), ZipEntry("after", 5, 0)])
    assert (tmp_path / "large.zip").stat().st_size == expected
    with zipfile.ZipFile(tmp_path / "large.zip") as read:
        assert read.getinfo("big").file_size == size
        assert read.read("after") == b"after"
        with read.open("big") as content:
            assert content.read(10) == bytes(10)


def test_a_streamed_entry_of_another_size_is_an_error() -> None:
    """A stream that ends early or late leaves no finished zip."""
    with pytest.raises(SizeMismatch):
        ZipWriter(io.BytesIO()).stream("a", 3, lambda sink: sink.write(b"four"))
