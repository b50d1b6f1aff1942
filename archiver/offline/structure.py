"""The structure of a bundle: its members, what bundle.json says of them, and SHA256SUMS.

Reads headers and the two lists, never the data. Opening and ``verify`` both begin here; they differ in the
Report that they pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.core.digest import Digest
from archiver.core.errors import NotABundle
from archiver.offline import agreement, bundlejson
from archiver.offline.names import CONTENTS, FIRST, SUMS
from archiver.offline.sums import read_sums
from archiver.offline.tail import Tail
from archiver.offline.tarwalk import Entry, read_entry, walk

if TYPE_CHECKING:
    from archiver.offline.bundlejson import Contents
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess


@dataclass(frozen=True)
class Structure:
    """What a bundle is made of; ``members`` are in tar order, ``contents`` is None where it is unreadable."""

    members: dict[str, Entry]
    contents: Contents | None
    sums: dict[str, Digest]


def read_structure(source: RandomAccess, place: str, report: Report) -> Structure:
    """Read a bundle's structure and report all that contradicts itself.

    Args:
        source: the bundle.
        place: its path, for errors.
        report: is told of each problem.

    Raises:
        NotABundle: neither its beginning nor its end looks like a bundle.
    """
    tail = Tail(source)
    first = read_entry(source, 0)
    if (first is None or first.name != FIRST) and not tail.layout():
        raise NotABundle("not a bundle, or damaged beyond recognition", place=place)
    members: dict[str, Entry] = {}
    for entry in walk(source, report, tail.layout):
        members.setdefault(entry.name, entry)  # the walk reports a name that occurs twice
    agreement.check_order(list(members), report)
    sums = read_sums(source, members, report)
    contents = _read(source, members, sums, report)
    if contents is not None:
        agreement.check_members(contents, members, report)
        agreement.check_sums(contents, sums, report)
        agreement.check_references(contents, members, report)
    return Structure(members, contents, sums)


def _read(
    source: RandomAccess, members: dict[str, Entry], sums: dict[str, Digest], report: Report
) -> Contents | None:
    entry = members.get(CONTENTS)
    if entry is None:
        return None
    if entry.size > bundlejson.LIMIT:
        report("bundle.document", CONTENTS, f"{entry.size} bytes are more than are accepted")
        return None
    data = source.read_at(entry.offset, entry.size)
    if CONTENTS in sums and Digest.of(data) != sums[CONTENTS]:
        report("member.digest", CONTENTS, f"hashes to {Digest.of(data)}, {SUMS} says {sums[CONTENTS]}")
    return bundlejson.read_contents(data, report)
