"""Whether every member's content is what SHA256SUMS says, and every gap between members is zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

from archiver.offline.checks.ranges import Range
from archiver.offline.names import CONTENTS, SIGNATURE, SUMS

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.structure import Structure
    from archiver.offline.tarwalk import Entry
    from archiver.offline.windows import RandomAccess

_ELSEWHERE = (CONTENTS, SUMS, SIGNATURE)  # small; compared as text when the structure is read


def member_ranges(structure: Structure) -> Iterable[Range]:
    """Return the ranges of a bundle whose checksums ``check_members`` needs."""
    return [
        Range(entry.offset, entry.size) for name, entry in structure.members.items() if name not in _ELSEWHERE
    ]


def check_members(structure: Structure, sums: dict[Range, str], report: Report) -> None:
    """Compare the members' checksums with SHA256SUMS, or with bundle.json where it has none.

    Args:
        structure: the bundle's structure.
        sums: the checksums of ``member_ranges``.
        report: is told of each problem.
    """
    said = {member.path: member.digest for member in structure.contents.members} if structure.contents else {}
    said.update(structure.sums)
    for name, entry in structure.members.items():
        if name in _ELSEWHERE or name not in said:
            continue
        actual = f"sha256:{sums[Range(entry.offset, entry.size)]}"
        if actual != str(said[name]):
            report("member.digest", name, f"the content hashes to {actual}, not {said[name]}")


def check_padding(source: RandomAccess, entries: Iterable[Entry], report: Report) -> None:
    """Check that between each member's data and the next header there are only zeros."""
    for entry in entries:
        end = entry.offset + entry.size
        if any(source.read_at(end, entry.end - end)):
            report("tar.padding", entry.name, "the padding behind the data is not zero")
