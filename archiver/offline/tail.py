"""Finding bundle.json from the end of a bundle, for when the way from the beginning is blocked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.errors import ArchiverError
from archiver.core.tarheader import BLOCK, header
from archiver.offline import bundlejson, names
from archiver.offline.tarwalk import Entry, read_entry

if TYPE_CHECKING:
    from archiver.offline.bundlejson import Contents
    from archiver.offline.tarwalk import Layout
    from archiver.offline.windows import RandomAccess

_MOST = bundlejson.LIMIT + (64 << 20)  # bundle.json, SHA256SUMS, the signature
_SCAN = 512 * BLOCK


class Tail:
    """Says from bundle.json where every member should be; looks for it when first asked."""

    def __init__(self, source: RandomAccess) -> None:
        self._source = source
        self._found: tuple[Entry, Contents] | None = None
        self._looked = False

    def find(self) -> tuple[Entry, Contents] | None:
        """Return bundle.json's own place and what it says; None where there is no readable one."""
        if not self._looked:
            self._looked = True
            self._found = self._find()
        return self._found

    def layout(self) -> Layout:
        """Return where headers should be; empty where there is no readable bundle.json."""
        found = self.find()
        try:
            return {
                member.offset - len(header(member.path, member.size)): (member.path, member.size)
                for member in (found[1].members if found else ())
            }
        except UnicodeEncodeError:  # JSON can hold lone surrogates
            return {}

    def _find(self) -> tuple[Entry, Contents] | None:
        # A file that lost its end is aligned to its beginning, one that bytes were put into to its end.
        for end in dict.fromkeys((self._source.size - self._source.size % BLOCK, self._source.size)):
            entry = self._entry(end)
            if entry is None or entry.size > bundlejson.LIMIT:
                continue
            try:
                found = bundlejson.read_contents(self._source.read_at(entry.offset, entry.size), _ignore)
            except ArchiverError:
                continue
            if found is not None:
                return entry, found
        return None

    def _entry(self, end: int) -> Entry | None:
        """Look at the block boundaries from one backwards."""
        name = names.CONTENTS.encode() + b"\0"
        lowest = max(0, end - _MOST)
        while end - lowest >= BLOCK:
            start = max(lowest, end - _SCAN)
            start += (end - start) % BLOCK
            data = self._source.read_at(start, end - start)
            for at in range(len(data) - BLOCK, -1, -BLOCK):
                if data.startswith(name, at):
                    entry = read_entry(self._source, start + at)
                    if entry is not None:
                        return entry
            end = start
        return None


def _ignore(code: str, where: str, detail: str) -> None:
    """Take a problem and forget it: the walk's own reading of bundle.json reports it."""
