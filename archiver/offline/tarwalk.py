"""Walking a tar of the one dialect that bundles are written in, headers only.

A header counts only where ``core.tarheader`` makes the very same bytes of its name and size. So links,
devices, folders, owners, times, GNU and foreign PAX extensions need no rules of their own: they are
headers that cannot be regenerated.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterator, Mapping

from archiver.core.filenames import DistinctNames
from archiver.core.tarheader import BLOCK, END, header

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

_MOST_MEMBERS = 1_000_000
_MOST_NAME = 4096  # bytes
_MOST_PAX = 3 * BLOCK + _MOST_NAME
_UNSAFE = frozenset(("Cc", "Cs"))  # control characters, surrogates
_KINDS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a character device", b"4": "a block device",
    b"5": "a folder", b"6": "a named pipe", b"g": "a global PAX header", b"K": "a GNU long link",
    b"L": "a GNU long name", b"S": "a GNU sparse file", b"\0": "a member of pre-POSIX tar",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A member: its name, where its header and its data begin, and the data's length; all in bytes."""

    name: str
    header: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the padding ends and the next header begins."""
        return self.offset + self.size + (-self.size % BLOCK)


Layout = Mapping[int, "tuple[str, int]"]
"""Where headers should be, by offset, with the name and size they should have."""


def walk(source: RandomAccess, report: Report, known: Callable[[], Layout] = dict) -> Iterator[Entry]:
    """Yield the members in order and report every problem on the way, those of the end blocks included.

    Args:
        source: the tar.
        report: is told of each problem; the walk then goes on as far as it can.
        known: asked when a header is damaged, for what should be there, so that the walk does not lose its way.
    """
    names = DistinctNames()
    position = 0
    for _ in range(_MOST_MEMBERS):
        block = source.read_at(position, BLOCK)
        if not any(block) and (_is_end(source, position) or position not in known()):
            _check_end(source, position, report)
            return
        entry = read_entry(source, position)
        if entry is None:
            entry = _expected(known(), position) or _guess(source, position, block)
            where = entry.name if entry else f"byte {position}"
            report("tar.header", where, _describe(block, position))
        if entry is None:
            report("tar.truncated", f"byte {position}", "what comes from here on cannot be read as a tar")
            return
        if entry.end > source.size:
            report("tar.truncated", entry.name, f"the file ends at byte {source.size}, inside of this member")
            return
        _check_name(entry.name, names, report)
        yield entry
        position = entry.end
    report("tar.members", "", f"more than {_MOST_MEMBERS} members")


def read_entry(source: RandomAccess, position: int) -> Entry | None:
    """Return the member whose header begins at an offset, or None where no header of the dialect does."""
    raw = source.read_at(position, BLOCK)
    fields: dict[str, bytes] = {}
    if raw[156:157] == b"x":
        length = _octal(raw[124:136])
        if length is None or length > _MOST_PAX:
            return None
        raw += source.read_at(position + BLOCK, length + (-length % BLOCK) + BLOCK)
        fields = _pax(raw[BLOCK : BLOCK + length])
    last = raw[-BLOCK:]
    size = _number(fields["size"]) if "size" in fields else _octal(last[124:136])
    try:
        name = fields.get("path", last[:100].rstrip(b"\0")).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if size is None or header(name, size) != raw:
        return None
    return Entry(name, position, position + len(raw), size)


def unsafe_name(name: str) -> str | None:
    """Say why a member must not have a name, or return None where it may."""
    if not name or name.startswith("/"):
        return "the name is empty or absolute"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "the name has an empty, '.' or '..' part"
    if "\\" in name or not (name.isprintable() or _UNSAFE.isdisjoint(map(unicodedata.category, name))):
        return "the name has a backslash or control character"
    if len(name.encode("utf-8")) > _MOST_NAME:
        return f"the name is longer than {_MOST_NAME} bytes"
    return None


def _check_name(name: str, names: DistinctNames, report: Report) -> None:
    reason = unsafe_name(name)
    if reason:
        report("tar.name", name, reason)
    elif names.clash(name):
        report("tar.duplicate", name, "the name clashes with an earlier member's")


def _is_end(source: RandomAccess, position: int) -> bool:
    return position + len(END) == source.size and source.read_at(position, len(END)) == END


def _check_end(source: RandomAccess, position: int, report: Report) -> None:
    if source.read_at(position, len(END)) != END:
        report("tar.truncated", f"byte {position}", "the two zero blocks at the end are not whole")
    elif source.size > position + len(END):
        extra = source.size - position - len(END)
        report("tar.trailing", f"byte {position + len(END)}", f"{extra} bytes behind the end of the tar")


def _expected(known: Layout, position: int) -> Entry | None:
    if position not in known:
        return None
    name, size = known[position]
    return Entry(name, position, position + len(header(name, size)), size)


def _guess(source: RandomAccess, position: int, block: bytes) -> Entry | None:
    """Take a damaged header at its word if what it says leads to a sound header or to the end."""
    size = _octal(block[124:136])
    if size is None or len(block) < BLOCK:
        return None
    name = block[:100].rstrip(b"\0").decode("utf-8", "replace")
    entry = Entry(name, position, position + BLOCK, size)
    follows = source.read_at(entry.end, BLOCK)
    sound = len(follows) == BLOCK and (not any(follows) or read_entry(source, entry.end) is not None)
    return entry if sound else None


def _describe(block: bytes, position: int) -> str:
    kind = _KINDS.get(block[156:157]) if block[257:262] == b"ustar" else None
    what = f"{kind}, which bundles never have" if kind else "not the header that its name and size give"
    return f"{what} (byte {position})"


def _octal(field: bytes) -> int | None:
    digits = field.rstrip(b"\0 ")
    return int(digits, 8) if digits and all(48 <= digit < 56 for digit in digits) else None


def _number(field: bytes) -> int | None:
    return int(field) if field.isdigit() and len(field) < 20 else None


def _pax(data: bytes) -> dict[str, bytes]:
    """Read ``length keyword=value`` lines; what is malformed fails the comparison later."""
    fields: dict[str, bytes] = {}
    while data:
        count = _number(data.partition(b" ")[0])
        if not count:
            break
        keyword, _, value = data[:count].partition(b" ")[2].partition(b"=")
        fields[keyword.decode("ascii", "replace")] = value[:-1]
        data = data[count:]
    return fields
