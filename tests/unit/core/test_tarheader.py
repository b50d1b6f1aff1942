from __future__ import annotations

import io
import tarfile

import pytest

from archiver.core import tarheader

NAMES = ["a", "b/" + "x" * 150, "日本/é.txt", "n" * 100, "q" * 101, "deep/" * 40 + "end"]


def test_python_reads_back_every_name_and_size():
    """Short, long and non-ASCII names come back exactly, as regular files."""
    out = b""
    for index, name in enumerate(NAMES):
        data = b"z" * (index * 300)
        out += tarheader.header(name, len(data)) + data + tarheader.padding(len(data))
        assert len(out) % tarheader.BLOCK == 0
    with tarfile.open(fileobj=io.BytesIO(out + tarheader.END)) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == NAMES
    assert [member.size for member in members] == [index * 300 for index in range(len(NAMES))]
    assert all(member.isreg() and member.mode == 0o644 and member.mtime == 0 for member in members)


@pytest.mark.parametrize("size", [(8 << 30) - 1, 8 << 30, 1 << 40])
def test_sizes_beyond_octal_are_given_by_pax(size):
    """Eleven octal digits end at 8 GiB; what is larger stands in an extended header."""
    with tarfile.open(fileobj=io.BytesIO(tarheader.header("big", size) + bytes(512))) as tar:
        assert tar.next().size == size


def test_span_counts_headers_data_and_padding():
    """A member's place in the tar can be computed before a byte of it is written."""
    assert tarheader.span("a", 0) == 512
    assert tarheader.span("a", 1) == 1024
    assert tarheader.span("q" * 101, 512) == 512 + 512 + 512 + 512
