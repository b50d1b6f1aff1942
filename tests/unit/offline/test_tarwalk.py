"""Walking tars of the bundle's dialect, and of other tars that must not pass."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.core.tarheader import BLOCK, header
from archiver.offline.problems import Findings
from archiver.offline.tarwalk import Entry, unsafe_name, walk
from servers.handmade_bundle import tar_of

if TYPE_CHECKING:
    from archiver.offline.tarwalk import Layout


class Memory:
    """Bytes as a RandomAccess; with ``holes`` a sparse file larger than any disk."""

    def __init__(self, data: bytes, size: int | None = None, at: int = 0) -> None:
        self.size = len(data) if size is None else size
        self._data, self._at = data, at

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes; zeros beyond the data, as far as the size goes."""
        length = max(0, min(length, self.size - offset))
        return self._data[offset : offset + length].ljust(length, b"\0")

    def close(self) -> None:
        """Do nothing."""


def walked(data: bytes, known: Layout | None = None) -> tuple[list[Entry], list[str]]:
    findings = Findings()
    entries = list(walk(Memory(data), findings.report, lambda: known or {}))
    return entries, [problem.code for problem in findings.problems]


NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\."), min_size=1, max_size=150
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(NAMES, st.binary(max_size=1500)), max_size=5, unique_by=lambda pair: pair[0].casefold()
    )
)
def test_what_is_written_is_walked(members: list[tuple[str, bytes]]) -> None:
    """Names of any script and length, and data of any length, come back, and tarfile sees the same."""
    members = [(f"{number}{name}", data) for number, (name, data) in enumerate(members)]
    data = tar_of(members)
    entries, problems = walked(data)
    assert problems == []
    assert [(entry.name, data[entry.offset : entry.offset + entry.size]) for entry in entries] == members
    with tarfile.open(fileobj=io.BytesIO(data)) as other:
        assert other.getnames() == [name for name, _ in members]


def test_sizes_beyond_eight_gibibytes_are_walked() -> None:
    """A member of 20 GiB is stepped over without reading it."""
    size = 20 << 30
    head = header("big", size)
    source = Memory(head, len(head) + size + 2 * BLOCK)
    findings = Findings()
    assert [entry.size for entry in walk(source, findings.report)] == [size]
    assert findings.problems == ()


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_tars_of_other_programs_are_not_of_the_dialect(form: int) -> None:
    """An ordinary tar with times and owners does not pass, whatever its format."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=form) as tar:
        entry = tarfile.TarInfo("x" * 90)
        entry.mtime, entry.uname = 12345, "someone"
        tar.addfile(entry)
    _, problems = walked(output.getvalue())
    assert "tar.header" in problems


@pytest.mark.parametrize(
    "name",
    ["", "/x", "a//b", "./a", "a/..", "..", "a\\b", "a\nb", "a\0b", "a/", "x" * 4097, "\x1b[2J", "\ud800"],
)
def test_unsafe_names_are_refused(name: str) -> None:
    """A name that could leave the folder, or that no file could have, is refused with a reason."""
    assert unsafe_name(name)


@pytest.mark.parametrize("name", ["a", "a/b.c", "..a/b..", "ü/日本語", "a b", "files/h:80/x?y=1"])
def test_ordinary_names_pass(name: str) -> None:
    """Dots, spaces, and letters of any script are no reason to refuse a name."""
    assert unsafe_name(name) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [("a", "a"), ("a", "A"), ("\u00e9", "e\u0301"), ("a/b", "a"), ("a", "A/b"), ("stra\u00dfe", "STRASSE")],
)
def test_names_that_clash_are_found(first: str, second: str) -> None:
    """Equal names, in case-insensitive and composing file systems too, and files that are others' folders."""
    _, problems = walked(tar_of([(first, b""), (second, b"")]))
    assert problems == ["tar.duplicate"]


def test_damaged_size_is_survived_where_the_layout_is_known() -> None:
    """Where somebody knows what should be there, the walk goes on behind a destroyed header."""
    data = bytearray(tar_of([("a", b"x" * 600), ("b", b"y")]))
    data[124:135] = b"00000000001"
    entries, problems = walked(bytes(data), {0: ("a", 600)})
    assert [entry.name for entry in entries] == ["a", "b"]
    assert problems == ["tar.header"]
    entries, problems = walked(bytes(data))
    assert entries == []
    assert problems == ["tar.header", "tar.truncated"]


def test_header_zeroed_out_is_not_taken_for_the_end() -> None:
    """A block of zeros where a header is known to be is a damaged header."""
    data = bytearray(tar_of([("a", b"x"), ("b", b"y")]))
    data[2 * BLOCK : 3 * BLOCK] = bytes(BLOCK)
    entries, problems = walked(bytes(data), {2 * BLOCK: ("b", 1)})
    assert [entry.name for entry in entries] == ["a", "b"]
    assert problems == ["tar.header"]


@settings(deadline=None)
@given(st.binary(max_size=4 * BLOCK))
def test_junk_is_walked_without_failing(junk: bytes) -> None:
    """Whatever the bytes are, walking reports problems and ends."""
    _, problems = walked(junk)
    assert problems
