"""SHA256SUMS: the list that any sha256sum can check.

Source: docs/format.md, "The bundle"; GNU coreutils, "sha256sum".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError
from archiver.offline.names import SIGNATURE, SUMS

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.tarwalk import Entry
    from archiver.offline.windows import RandomAccess

MOST_BYTES = 64 << 20
"""A longer list is not accepted."""


def read_sums(source: RandomAccess, members: dict[str, Entry], report: Report) -> dict[str, Digest]:
    """Return what SHA256SUMS says of each member, after comparing its lines with the members."""
    entry = members.get(SUMS)
    if entry is None:
        return {}
    if entry.size > MOST_BYTES:
        report("sums.form", SUMS, f"{entry.size} bytes are more than are accepted")
        return {}
    data = source.read_at(entry.offset, entry.size)
    sums = parse_sums(data, SUMS, report)
    covered = [name for name in members if name not in (SUMS, SIGNATURE)]
    for name in covered:
        if name not in sums:
            report("member.unexpected", name, f"{SUMS} does not list the member")
    for name in sorted(set(sums) - set(covered)):
        report("member.missing", name, f"{SUMS} lists the member, the tar does not have it")
    if list(sums) != covered or sums_text(sums.items()) != data:
        report("sums.form", SUMS, "not the text that the members in their order give")
    return sums


def parse_sums(data: bytes, where: str, report: Report) -> dict[str, Digest]:
    """Return the digests in a list as ``sha256sum`` writes it, by name; what is no line of it is reported at ``where``."""
    sums: dict[str, Digest] = {}
    for line in data.split(b"\n"):
        text, _, name = line.partition(b"  ")
        try:
            sums[name.decode("utf-8")] = Digest.parse(f"sha256:{text.decode('ascii')}")
        except (ArchiverError, UnicodeDecodeError):
            if line:
                report("sums.form", where, f"malformed line {line[:120]!r}")
    return sums


def sums_text(sums: Iterable[tuple[str, Digest]]) -> bytes:
    """Return the only form that a list of names and digests has."""
    return "".join(f"{digest.hex}  {name}\n" for name, digest in sums).encode("utf-8")
