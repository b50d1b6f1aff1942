"""A font made by hand: every letter of it is a black square as wide as it is high.

Browsers check fonts before they use them, so that it has all the tables they insist on; and a page can tell by
the width of its text whether the font is there. Source: the OpenType specification, chapter "OpenType font file".
"""

from __future__ import annotations

import struct

FAMILY = "Tiny Squares"
UNITS = 1000  # to the em; each glyph advances by one em
_FIRST, _LAST = 0x20, 0x7E
_EPOCH = 3_000_000_000  # seconds since 1904; any will do


def tiny_font() -> bytes:
    """Return the font as TrueType. The same bytes at each call."""
    glyphs = _glyph() * 2  # .notdef and the square
    tables = {
        b"OS/2": _os2(),
        b"cmap": _cmap(),
        b"glyf": glyphs,
        b"head": _head(),
        b"hhea": struct.pack(">IhhhHhhhhhhhhhhhH", 0x10000, UNITS, 0, 0, UNITS, 0, 0, UNITS, 1, *[0] * 7, 2),
        b"hmtx": struct.pack(">HhHh", UNITS, 0, UNITS, 0),
        b"loca": struct.pack(">III", 0, len(glyphs) // 2, len(glyphs)),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 2, 4, 1, 0, 0, 1, *[0] * 8),
        b"name": _name(),
        b"post": struct.pack(">IIhhIIIII", 0x30000, 0, -100, 50, 0, 0, 0, 0, 0),
    }
    return _assembled(tables)


def _glyph() -> bytes:
    box = struct.pack(">hhhhh", 1, 0, 0, UNITS, UNITS)
    corners = struct.pack(">HH4B", 3, 0, 1, 1, 1, 1)
    ways = struct.pack(">4h4h", 0, UNITS, 0, -UNITS, 0, 0, UNITS, 0)
    return box + corners + ways + b"\0" * (-len(box + corners + ways) % 4)


def _head() -> bytes:
    flags = (0x10000, 0x10000, 0, 0x5F0F3CF5, 3, UNITS)
    return struct.pack(">IIIIHHqqhhhhHHhhh", *flags, _EPOCH, _EPOCH, 0, 0, UNITS, UNITS, 0, 8, 2, 1, 0)


def _cmap() -> bytes:
    return struct.pack(">HHHHI", 0, 1, 3, 1, 12) + _segments()


def _segments() -> bytes:
    """Return a format 4 subtable in which each character is a segment of its own, all of them the square."""
    codes = [*range(_FIRST, _LAST + 1), 0xFFFF]
    deltas = [(1 - code) % 0x10000 for code in codes[:-1]] + [1]
    count = len(codes)
    power = 1 << (count.bit_length() - 1)
    search = (2 * power, power.bit_length() - 1, 2 * (count - power))
    words = [2 * count, *search, *codes, 0, *codes, *deltas, *[0] * count]
    return struct.pack(f">HHH{len(words)}H", 4, 6 + 2 * len(words), 0, *words)


def _name() -> bytes:
    texts = {1: FAMILY, 2: "Regular", 3: FAMILY, 4: FAMILY, 5: "Version 1.0", 6: FAMILY.replace(" ", "")}
    records, strings = b"", b""
    for number, text in texts.items():
        encoded = text.encode("utf-16-be")
        records += struct.pack(">HHHHHH", 3, 1, 0x409, number, len(encoded), len(strings))
        strings += encoded
    return struct.pack(">HHH", 0, len(texts), 6 + len(records)) + records + strings


def _os2() -> bytes:
    head = struct.pack(">HhHHH", 4, UNITS, 400, 5, 0)
    sizes = struct.pack(">11h", *[100] * 11)
    ranges = struct.pack(">10BIIII4s", *[0] * 10, 1, 0, 0, 0, b"TEST")
    lines = struct.pack(">HHHhhhHHII", 0x40, _FIRST, _LAST, UNITS, 0, 0, UNITS, 0, 1, 0)
    return head + sizes + ranges + lines + struct.pack(">hhHHH", UNITS, UNITS, 0, _FIRST, 1)


def _assembled(tables: dict[bytes, bytes]) -> bytes:
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    directory = struct.pack(
        ">IHHHH", 0x10000, count, 16 * power, power.bit_length() - 1, 16 * (count - power)
    )
    at = len(directory) + 16 * count
    body = b""
    for tag, data in sorted(tables.items()):
        padded = data + b"\0" * (-len(data) % 4)
        directory += struct.pack(">4sIII", tag, _checksum(padded), at + len(body), len(data))
        body += padded
    font = bytearray(directory + body)
    head_at = at + sum(len(data) + -len(data) % 4 for tag, data in tables.items() if tag < b"head")
    struct.pack_into(">I", font, head_at + 8, (0xB1B0AFBA - _checksum(bytes(font))) % (1 << 32))
    return bytes(font)


def _checksum(data: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(data) // 4}I", data)
    return sum(words) % (1 << 32)
