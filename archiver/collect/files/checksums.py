"""Lists of checksums: what ``sha256sum`` writes and reads, and what such lists are wrapped in.

Sources: GNU coreutils, "cksum common options" and "sha2 utilities" (the two forms of a line, escaped names);
RFC 9580, section 7 (clear-signed text; the signature itself is not checked here).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from archiver.core.charset import declared_codec
from archiver.core.digest import Digest
from archiver.core.errors import ChecksumUnknown, UnexpectedContent

LIMIT = 8 << 20
"""The most bytes of a list."""
_HEX = r"([0-9A-Fa-f]{64})"
_LINE = re.compile(rf"[ \t]*+(\\?+){_HEX}[ \t](?:[ *](?=.))?+(.+)", re.DOTALL)
_TAGGED = re.compile(rf"[ \t]*+(\\?+)SHA(?:2-)?256 ?+\((.+)\)[ \t]*+=[ \t]*+{_HEX}[ \t]*+", re.DOTALL)
_BARE = re.compile(rf"[ \t]*+{_HEX}[ \t]*+")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPES = {"\\": "\\", "n": "\n", "r": "\r"}
_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_MOST_SHOWN = 3


@dataclass(frozen=True)
class _Entry:
    """The parts of a name, folders first, and the digest that is listed for it."""

    parts: tuple[str, ...]
    digest: Digest


@dataclass(frozen=True)
class Checksums:
    """What a list of checksums says. Get one from ``read_checksums``.

    Attributes:
        place: its URL, for errors.
        entries: what is listed, by the last part of the name.
        bare: the one digest of a list that names no file.
    """

    place: str
    entries: Mapping[str, tuple[_Entry, ...]]
    bare: Digest | None = None

    def of(self, url: str) -> Digest:
        """Return the digest that a file must have.

        The file is looked for by the last part of its URL's path. Of several such names the one counts that agrees
        with most of the folders of the URL, from its end; one that agrees as a whole comes first.

        Raises:
            ChecksumUnknown: it is not listed, or more than once with different digests.
        """
        if self.bare is not None:
            return self.bare
        path = tuple(unquote(part) for part in urlsplit(url).path.split("/") if part)
        named = self.entries.get(path[-1], ()) if path else ()
        if not named:
            name = path[-1] if path else ""
            raise ChecksumUnknown(f"the list of checksums has no {name!r:.200}", place=self.place)
        best = max(_agreement(entry.parts, path) for entry in named)
        digests = dict.fromkeys(entry.digest for entry in named if _agreement(entry.parts, path) == best)
        if len(digests) > 1:
            shown = ", ".join(digest.hex for digest in list(digests)[:_MOST_SHOWN])
            raise ChecksumUnknown(
                f"the list of checksums contradicts itself about {path[-1]!r:.200}: {shown}", place=self.place
            )
        return next(iter(digests))


def read_checksums(data: bytes, place: str) -> Checksums:
    """Read a list of sha256 checksums; lines that are none are passed over, as ``sha256sum --check`` does.

    Args:
        data: the list: lines ``hex  name``, ``hex *name`` or ``SHA256 (name) = hex``, or a single digest.
        place: where it is from, for errors.

    Raises:
        UnexpectedContent: it is larger than ``LIMIT``, or lists no sha256 checksum.
    """
    if len(data) > LIMIT:
        raise UnexpectedContent(f"the list of checksums is larger than {LIMIT} bytes", place=place)
    text = data.decode(declared_codec(data, "") or "utf-8", "replace").removeprefix("\ufeff")
    lines = [line for line in _lines(text) if line.strip() and not line.startswith("#")]
    if len(lines) == 1 and (match := _BARE.fullmatch(lines[0])):
        return Checksums(place, {}, _sha256(match[1]))
    found: dict[str, list[_Entry]] = {}
    for line in lines:
        for name, digest in _listed(line):
            parts = tuple(part for part in name.split("/") if part not in ("", "."))
            if parts:
                found.setdefault(parts[-1], []).append(_Entry(parts, digest))
    if not found:
        raise UnexpectedContent("this lists no sha256 checksum", place=place)
    return Checksums(place, {name: tuple(entries) for name, entries in found.items()})


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text; of a clear-signed one those that are signed."""
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    if _SIGNED not in text:
        yield from lines
        return
    for line in lines:
        if line.rstrip() == _SIGNED:
            break
    for line in lines:  # "Hash: SHA256" and the like, up to an empty line
        if not line.strip():
            break
    for line in lines:
        if line.rstrip() == _SIGNATURE:
            return
        yield line.removeprefix("- ")


def _listed(line: str) -> Iterator[tuple[str, Digest]]:
    """Yield the name and digest of a line that has them."""
    if match := _TAGGED.fullmatch(line):
        escaped, name, digest = match.groups()
    elif match := _LINE.fullmatch(line):
        escaped, digest, name = match.groups()
    else:
        return
    plain = _unescaped(name) if escaped else name.strip(" \t")
    if plain:
        yield plain, _sha256(digest)


def _unescaped(name: str) -> str:
    """Undo the escapes of a name; empty where one of them is none."""
    if any(match[1] not in _ESCAPES for match in _ESCAPE.finditer(name)):
        return ""
    return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], name)


def _agreement(parts: tuple[str, ...], path: tuple[str, ...]) -> tuple[bool, int]:
    """Return whether a listed name is the end of a path as a whole, and in how many parts it is."""
    count = 0
    for one, other in zip(reversed(parts), reversed(path)):
        if one != other:
            break
        count += 1
    return count == len(parts), count


def _sha256(hexadecimal: str) -> Digest:
    return Digest("sha256", hexadecimal.lower())
