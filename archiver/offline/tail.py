"""Finding bundle.json from the end of a bundle, for when the way from the beginning is blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.errors import ArchiverError
from archiver.core.tarheader import BLOCK, header
from archiver.offline import bundlejson, names
from archiver.offline.tarwalk import Entry, read_entry

if TYPE_CHECKING:
    from archiver.offline.tarwalk import Layout
    from archiver.offline.windows import RandomAccess

_MOST = bundlejson.LIMIT + (64 << 20)  # bundle.json, SHA256SUMS, the signature
_SCAN = 512 * BLOCK


class Tail:
    """Says from bundle.json where every header should be; looks for it when first asked."""

    def __init__(self, source: RandomAccess) -> None:
        self._source = source
        self._layout: Layout | None = None

    def layout(self) -> Layout:
        """Return where headers should be; empty where there is no readable bundle.json."""
        if self._layout is None:
            self._layout = self._find()
        return self._layout

    def _find(self) -> Layout:
        entry = self._entry()
        if entry is None or entry.size > bundlejson.LIMIT:
            return {}
        try:
            found = bundlejson.read_contents(self._source.read_at(entry.offset, entry.size), _ignore)
        except ArchiverError:
            return {}
        members = found.members if found else ()
        try:
            return {
                member.offset - len(header(member.path, member.size)): (member.path, member.size)
                for member in members
            }
        except UnicodeEncodeError:  # JSON can hold lone surrogates
            return {}

    def _entry(self) -> Entry | None:
        """Look at the block boundaries from the last one backwards."""
        name = names.CONTENTS.encode() + b"\0"
        end = self._source.size - self._source.size % BLOCK
        lowest = max(0, end - _MOST)
        while end > lowest:
            start = max(lowest, end - _SCAN)
            data = self._source.read_at(start, end - start)
            for at in range(len(data) - len(data) % BLOCK - BLOCK, -1, -BLOCK):
                if data.startswith(name, at):
                    entry = read_entry(self._source, start + at)
                    if entry is not None:
                        return entry
            end = start
        return None


def _ignore(code: str, where: str, detail: str) -> None:
    """Take a problem and forget it: the walk's own reading of bundle.json reports it."""
