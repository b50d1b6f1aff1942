"""Inflating a gzip member that is whole in memory: with zlib-ng where that is installed, which takes half of zlib's time.

It is where archives are made, and from there a department is served; the program inside a bundle does with zlib. Whatever is
damaged or long is for those who inflate piece by piece, with zlib: so nobody is told anything else with the one than
with the other. Source: RFC 1952.
"""

from __future__ import annotations

from typing import NamedTuple

try:
    from zlib_ng import zlib_ng as zlib
except ImportError:
    import zlib  # type: ignore[no-redef]  # the same functions

_WINDOW = zlib.MAX_WBITS | 16  # says that it is gzip's format


class Member(NamedTuple):
    """What a gzip member holds, and how many bytes it takes itself."""

    content: bytes
    length: int


def inflate(data: bytes, most: int) -> Member | None:
    """Inflate the gzip member that bytes begin with.

    Args:
        data: the member, and what may follow it.
        most: bytes of content beyond which it is left alone.

    Returns:
        None where it is damaged, not whole, or longer.
    """
    inflater = zlib.decompressobj(_WINDOW)
    try:
        content = inflater.decompress(data, most)
    except zlib.error:  # type: ignore[misc]  # a class, whatever zlib-ng's types say
        return None
    return Member(content, len(data) - len(inflater.unused_data)) if inflater.eof else None
