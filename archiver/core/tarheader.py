"""The one tar dialect that bundles are written in, so that a reader can regenerate every header.

Members are regular files only: mode 0644, owner 0:0 with no names, mtime 0. A name or size that a ustar
header cannot hold goes into a PAX extended header in front of it, and then always there.

Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header".
"""

from __future__ import annotations

BLOCK = 512
END = bytes(2 * BLOCK)
_MOST_NAME = 100
_MOST_SIZE = 8 << 30  # exclusive; eleven octal digits


def header(name: str, size: int) -> bytes:
    """Return the header block, or blocks, that stand in front of a member's data.

    Args:
        name: the member's path, relative, ``/`` between its parts.
        size: the length of its data in bytes.
    """
    raw = name.encode("utf-8")
    extended = b""
    if len(raw) > _MOST_NAME or not name.isascii():
        extended += _pax("path", raw)
        raw = raw.decode("ascii", "replace").encode("ascii", "replace")[:_MOST_NAME]
    if size >= _MOST_SIZE:
        extended += _pax("size", str(size).encode())
    blocks = b""
    if extended:
        blocks = _ustar(b"././@PaxHeader", len(extended), b"x") + extended + bytes(-len(extended) % BLOCK)
    return blocks + _ustar(raw, size if size < _MOST_SIZE else 0, b"0")


def padding(size: int) -> bytes:
    """Return the zero bytes between the end of a member's data and the next block."""
    return bytes(-size % BLOCK)


def span(name: str, size: int) -> int:
    """Return how many bytes a member takes in the tar: headers, data and padding."""
    return len(header(name, size)) + size + (-size % BLOCK)


def _ustar(name: bytes, size: int, kind: bytes) -> bytes:
    block = b"".join(
        (
            name.ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" * 2,
            b"%011o\0" % size,
            b"%011o\0" % 0,
            b" " * 8,
            kind,
            bytes(100),
            b"ustar\x0000",
            bytes(32 * 2),
            b"0000000\0" * 2,
            bytes(155 + 12),
        )
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _pax(keyword: str, value: bytes) -> bytes:
    body = b" " + keyword.encode() + b"=" + value + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body
