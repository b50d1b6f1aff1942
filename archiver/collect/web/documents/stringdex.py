"""Where rustdoc's search index goes on: it is cut into many small files, whose names stand in one another as bytes.

``search.index/root.js`` calls ``rr_`` with a JSON object of columns. A column's ``H`` is the Base64 of six-byte
hashes; each is a file ``<column>/<hash in hex>.js``. Its ``I``, where it has one, is the Base64 of a search tree:
nodes one after the other, the root last. A child is named by its place in the same blob, by an inlined
value (first bit set) or by a hash, and then lies in a file ``<hash in hex>.js`` that calls ``rn_`` with a blob of
the same form. What a reader types decides which files are asked for, so all of them belong in an archive.

Source: the reader of the format that rustdoc puts beside its pages, ``static.files/stringdex-*.js``
(rustdoc 1.90 and later), and https://doc.rust-lang.org/nightly/nightly-rustc/rustdoc/ on its search index.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from typing import Iterator

_ROOT = re.compile(r"\s*+(?://[^\n]*+\n)?rr_\('")
_NODE = re.compile(r'\s*+rn_\("([A-Za-z0-9+/=]*+)"\)')
_COLUMN = re.compile(r"\w{1,100}", re.ASCII)
_LARGEST = 1 << 20  # characters of one blob; the largest of Rust's own libraries, 1,890 files, has 300,000
_HASH = 6  # bytes
_WORD = (1 << 64) - 1
_SIPHASH_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_SHORT_BITMAP, _LONG_BITMAP = 3, 4  # bytes: which letters a node's branches begin with
# Bits of a node's first byte, and of the one that has the length of its data.
_SUFFIXES_ONLY, _CHILDREN_ON_STACK, _LONG_TAG, _KNOWN_DATA = 0x01, 0x02, 0x04, 0x08
_NO_LEAVES, _NEIGHBOURS = 0x80, 0x40


def index_files(script: str) -> list[str]:
    """Return the files that a file of the index leads to.

    Args:
        script: the text of a script, of any kind.

    Returns:
        Paths relative to the folder ``search.index/``, each once; none where the script is no root and no
        node of such an index, or is damaged.
    """
    if _ROOT.match(script):
        return list(dict.fromkeys(_files_of_root(script)))
    if node := _NODE.match(script):
        return list(dict.fromkeys(_files_of_tree(node[1])))
    return []


def _files_of_root(script: str) -> Iterator[str]:
    begin, end = script.index("'") + 1, script.rfind("'")
    try:
        columns = json.loads(script[begin:end])
    except (ValueError, RecursionError):
        return
    for name, column in columns.items() if isinstance(columns, dict) else ():
        if not _COLUMN.fullmatch(name) or not isinstance(column, dict):
            continue
        hashes = _decoded(column.get("H"))
        for start in range(0, len(hashes) - _HASH + 1, _HASH):
            yield f"{name}/{hashes[start : start + _HASH].hex()}.js"
        yield from _files_of_tree(column.get("I"))


def _files_of_tree(encoded: object) -> list[str]:
    try:
        return [f"{name.hex()}.js" for name in _Tree(_decoded(encoded)).elsewhere()]
    except (IndexError, ValueError):
        return []  # another edition of the format, or damaged: what was found so far may be any bytes


def _decoded(encoded: object) -> bytes:
    if not isinstance(encoded, str) or len(encoded) > _LARGEST:
        return b""
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return b""


class _Tree:
    """Walks the nodes of one blob. Raises IndexError or ValueError where it is damaged.

    A child that is named by its hash may still be in the blob, so the hash of each node is worked out. It
    is made of the node's plain form: with the hashes of the children and the data that the blob abridges.
    """

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0
        self._hashes: list[bytes] = []
        self._children: list[int] = []  # nodes that were no node's child yet, as far as that is known
        self._used: set[int] = set()
        self._data: list[bytes] = []

    def elsewhere(self) -> list[bytes]:
        """Return the hashes of the children that lie in other files."""
        found: list[bytes] = []
        here: set[bytes] = set()
        while self._at < len(self._blob):
            node, names = self._node()
            found += [name for name in names if not name[0] & 0x80 and name not in here]
            name = _siphash(node)
            here.add(name)
            self._children.append(len(self._hashes))
            self._hashes.append(name)
        return found

    def _byte(self) -> int:
        value = self._blob[self._at]
        self._at += 1
        return value

    def _bytes(self, length: int) -> bytes:
        value = self._blob[self._at : self._at + length]
        if len(value) < length:
            raise ValueError("the last node is cut short")
        self._at += length
        return value

    def _node(self) -> tuple[bytes, list[bytes]]:
        """Return a node in its plain form, and those of its children that are named by a hash or hold a value."""
        tag = self._byte()
        if tag & _LONG_TAG:
            tag |= self._byte() << 8
        length, flags = 0, _NO_LEAVES
        if not (tag & _KNOWN_DATA and tag & _SUFFIXES_ONLY):
            byte = self._byte()
            length, flags = byte & 0x3F, byte & 0xC0
        data = b""
        if not tag & _SUFFIXES_ONLY:
            data = self._data[-length - 1] if tag & _KNOWN_DATA else self._bytes(length)
        if data:
            self._data.append(data)
        rest, names = self._at, list[bytes]()
        if flags & _NEIGHBOURS:
            self._neighbours(tag, has_leaves=not flags & _NO_LEAVES)
            children = self._blob[rest : self._at]
        else:
            children, names = self._branches(tag)
            leaves = self._at
            for _ in range(0 if flags & _NO_LEAVES else 1 if tag & _SUFFIXES_ONLY else 2):
                self._bitmap()
            children += self._blob[leaves : self._at]
        if self._at > len(self._blob):
            raise ValueError("the last node is cut short")
        if flags & _NEIGHBOURS:
            first = bytes([tag & 0xFF & ~_KNOWN_DATA]) + (bytes([tag >> 8]) if tag & _LONG_TAG else b"")
        else:
            first = bytes([tag & (_SUFFIXES_ONLY | _KNOWN_DATA) if tag & _SUFFIXES_ONLY else 0])
        if not (tag & _KNOWN_DATA and tag & _SUFFIXES_ONLY):
            first += bytes([(length if tag & _SUFFIXES_ONLY else len(data)) | flags])
        return first + data + children, names

    def _neighbours(self, tag: int, *, has_leaves: bool) -> None:
        """Pass over the children of a node that holds them itself, for they are few."""
        count = (tag >> 8) + 1 if tag & _LONG_TAG else 0
        self._at += 2
        for _ in range(count):
            byte = self._byte()
            if not tag & _SUFFIXES_ONLY:
                self._at += byte & 0x0F
            self._at += 2 if byte & 0x80 else 2 * ((byte >> 4) + 1)
        self._at += count
        if has_leaves:
            self._at += 2 if tag & 0x80 else 2 * ((tag >> 4 & 0x07) + 1)

    def _branches(self, tag: int) -> tuple[bytes, list[bytes]]:
        """Read a node's children, those of prefixes first: how many, their names, the letters they begin with."""
        counted = self._bytes(1 if tag & _SUFFIXES_ONLY else 2)
        counts, width = list(counted), 0
        if counts == [0xFF, 0xFF]:
            counts = [0x100, 0]
        elif min(counts) >= 0xC0:
            width, counts = _LONG_BITMAP, [count & 0x3F for count in counts]
        elif min(counts) >= 0x80:
            width, counts = _SHORT_BITMAP, [count & 0x7F for count in counts]
        all_here = tag & 0xF0 == 0xF0 and not tag & _LONG_TAG
        names, given = list[bytes](), list[bytes]()
        for number in range(sum(counts)):
            if all_here or tag >> 4 >> number & 1:
                names.append(self._child(tag))
            else:
                given.append(self._bytes(_HASH))
                names.append(given[-1])
        letters = self._bytes(sum((width or count) if count else 0 for count in counts))
        return counted + b"".join(names) + letters, given

    def _child(self, tag: int) -> bytes:
        """Return the hash of a child in the blob: so many nodes back, or the last one that is no node's child."""
        if tag & _CHILDREN_ON_STACK:
            while self._children[-1] in self._used:
                self._children.pop()
            slot = self._children[-1]
        else:
            slot = len(self._hashes) - 1 - self._byte()
            if slot < 0:
                raise ValueError("a child lies before the first node")
        self._used.add(slot)
        return self._hashes[slot]

    def _bitmap(self) -> None:
        """Pass over a set of numbers: a Roaring bitmap, or one of the short forms for few of them."""
        start, kind = self._at, self._byte()
        few = kind & 0x0F
        if kind == 0:
            return
        if kind > 0xF0:
            self._at += 4 + 2 * (few - 1)
        elif kind > 0xE0:
            self._at += 4
        elif kind > 0xD0:
            self._at += 4 + (few - 1)
        elif kind < 0x3A:
            self._at += 4 * kind
        elif kind in (0x3A, 0x3B):
            self._roaring(start, has_runs=kind == 0x3B)
        else:
            raise ValueError(f"no bitmap begins with {kind}")

    def _roaring(self, start: int, *, has_runs: bool) -> None:
        """Pass over a bitmap as https://github.com/RoaringBitmap/RoaringFormatSpec has it."""
        if has_runs:
            size = self._number(start + 2, 2) + 1
            runs = int.from_bytes(self._blob[start + 4 : start + 4 + (size + 7) // 8], "little")
            self._at = start + 4 + (size + 7) // 8
        else:
            size, runs = self._number(start + 4, 4), 0
            self._at = start + 8
        keys = self._at
        self._at += 4 * size
        if not has_runs or size >= 4:
            self._at += 4 * size
        if self._at > len(self._blob):
            raise ValueError("a bitmap is longer than what holds it")
        for number in range(size):
            cardinality = self._number(keys + 4 * number + 2, 2) + 1
            if runs >> number & 1:
                self._at += 2 + 4 * self._number(self._at, 2)
            else:
                self._at += 8192 if cardinality >= 4096 else 2 * cardinality

    def _number(self, at: int, length: int) -> int:
        if at + length > len(self._blob):
            raise ValueError("a bitmap is cut short")
        return int.from_bytes(self._blob[at : at + length], "little")


def _siphash(message: bytes) -> bytes:
    """Return the last six bytes of SipHash-1-3 with the key 0, the first bit of them cleared.

    Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; one round a word, three at the end.
    """
    whole = len(message) & ~7
    last = int.from_bytes(message[whole:], "little") | (len(message) & 0xFF) << 56
    state = _rounds(_SIPHASH_START, (*struct.unpack(f"<{whole // 8}Q", message[:whole]), last))
    v0, v1, v2, v3 = _rounds((state[0], state[1], state[2] ^ 0xFF, state[3]), (0, 0, 0))
    return ((v0 ^ v1 ^ v2 ^ v3) & 0x7FFFFFFFFFFF).to_bytes(_HASH, "big")


def _rounds(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    v0, v1, v2, v3 = state
    for word in words:
        v3 ^= word
        v0 = (v0 + v1) & _WORD
        v1 = ((v1 << 13 | v1 >> 51) & _WORD) ^ v0
        v0 = (v0 << 32 | v0 >> 32) & _WORD
        v2 = (v2 + v3) & _WORD
        v3 = ((v3 << 16 | v3 >> 48) & _WORD) ^ v2
        v0 = (v0 + v3) & _WORD
        v3 = ((v3 << 21 | v3 >> 43) & _WORD) ^ v0
        v2 = (v2 + v1) & _WORD
        v1 = ((v1 << 17 | v1 >> 47) & _WORD) ^ v2
        v2 = (v2 << 32 | v2 >> 32) & _WORD
        v0 ^= word
    return v0, v1, v2, v3
