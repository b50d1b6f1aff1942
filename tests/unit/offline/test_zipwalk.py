"""Strict reading of zips: what the standard library writes passes, what says two things does not."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.offline.problems import Findings
from archiver.offline.zipwalk import read_zip
from servers.handmade_bundle import zip_of


class Memory:
    """Bytes as a RandomAccess."""

    def __init__(self, data: bytes) -> None:
        self.size, self._data = len(data), data

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes."""
        return self._data[offset : offset + length]

    def close(self) -> None:
        """Do nothing."""


FILES = {"a/one.txt": b"one" * 100, "two": b"", "three": b"3"}


def read(data: bytes) -> tuple[dict[str, bytes], list[str]]:
    findings = Findings()
    entries = read_zip(Memory(data), findings.report)
    content = {name: data[entry.offset : entry.offset + entry.size] for name, entry in entries.items()}
    return content, [problem.code for problem in findings.problems]


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_stored_zip_is_read() -> None:
    """Entries come in order with the place of their data."""
    assert read(zip_of(FILES)) == (FILES, [])


def test_streamed_zip_is_read() -> None:
    """Entries whose checksum follows in a data descriptor are read too."""
    output = _Unseekable()
    with zipfile.ZipFile(output, "w") as packed:
        for name, data in FILES.items():
            packed.writestr(zipfile.ZipInfo(name), data)
    assert read(output.getvalue()) == (FILES, [])


def test_zip64_is_read() -> None:
    """Sizes in ZIP64 extra fields are read, as a file over 4 GiB has them."""
    output = io.BytesIO()
    with (
        zipfile.ZipFile(output, "w") as packed,
        packed.open(zipfile.ZipInfo("big"), "w", force_zip64=True) as entry,
    ):
        entry.write(b"content")
    assert read(output.getvalue()) == ({"big": b"content"}, [])


@pytest.mark.parametrize(
    "lie",
    [
        lambda data: b"junk" + data,
        lambda data: data + b"junk",
        lambda data: data[:-22] + b"junk" + data[-22:],
        lambda data: data[:-2] + b"\4\0note",
        lambda data: data.replace(b"a/one.txt", b"b/one.txt", 1),
        lambda data: data[:-1],
        lambda data: data[:0],
        lambda data: data[-22:-18] + bytes(17),
    ],
)
def test_what_does_not_account_for_every_byte_is_refused(lie: object) -> None:
    """Prefixes, gaps, comments and headers that contradict the directory leave nothing to read."""
    assert callable(lie)
    assert read(lie(zip_of(FILES))) == ({}, ["zip.structure"])


def test_compressed_and_repeated_entries_are_refused() -> None:
    """Everything is read in place, so nothing may be compressed; and a name means one entry."""
    assert read(zip_of(FILES, zipfile.ZIP_DEFLATED))[1] == ["zip.structure"]
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as packed:
        packed.writestr(zipfile.ZipInfo("x"), b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            packed.writestr(zipfile.ZipInfo("x"), b"2")
    assert read(output.getvalue())[1] == ["zip.structure"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_headers_never_move_content(data: st.DataObject) -> None:
    """A changed byte is refused, or changes content or checksum only: no header byte goes unnoticed otherwise."""
    whole = bytearray(zip_of(FILES))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    content, problems = read(bytes(whole))
    assert problems == ["zip.structure"] or list(content) == list(FILES)
