"""Naming the members that bytes were put into or taken out of, when the walk lost its way behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.digest import CHUNK
from archiver.core.tarheader import BLOCK, span
from archiver.offline.names import CONTENTS
from archiver.offline.tail import Tail

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess


def check_displaced(source: RandomAccess, report: Report) -> None:
    """Report each member that is whole neither where it should be nor as far off as bundle.json is.

    Does nothing where no bundle.json can be found from the end of the file.
    """
    found = Tail(source).find()
    if found is None or not found[1].members:
        return
    entry, contents = found
    last = contents.members[-1]
    expected = last.offset + last.size + (-last.size % BLOCK) + span(CONTENTS, 0)
    shift = entry.offset - expected
    for member in contents.members:
        places = dict.fromkeys((member.offset, member.offset + shift))
        if not any(_is_at(source, place, member.size, member.digest) for place in places):
            report(
                "member.digest",
                member.path,
                "its content is not there; bytes were changed, put in or taken out",
            )


def _is_at(source: RandomAccess, offset: int, size: int, digest: Digest) -> bool:
    if offset < 0 or offset + size > source.size:
        return False
    hasher = digest.hasher()
    for at in range(offset, offset + size, CHUNK):
        hasher.update(source.read_at(at, min(CHUNK, offset + size - at)))
    return bool(hasher.hexdigest() == digest.hex)
