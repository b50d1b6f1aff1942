"""The captures of a snapshot of an archive folder, while it is open: read from its index as they are asked for."""

from __future__ import annotations

import io
import re
from itertools import islice
from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.core.capture import Capture
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument, RecordCorrupt
from archiver.offline.windows import FileAccess, open_window
from archiver.store.atomic import storage_errors
from archiver.store.blockindex import BlockReader, open_blocks, write_lines
from archiver.store.captureindex import MOST_OF_KEY, capture_lines

if TYPE_CHECKING:
    from archiver.core.snapshot import Snapshot
    from archiver.store.paths import ProjectPaths

_KEPT = 64  # blocks: the whole index of 20,000 captures, and 10 MB of a larger one
_MOST_PASSED = 5_000  # lines of other doc sites that are passed over for those near a key
_SOURCE = re.compile(rb'^[^{]*\{(?:"(?!source")[a-z]+":"(?:[^"\\]|\\.)*",)*"source":"([ -!#-\[\]-~]*)"')


class ArchiveCaptures:
    """The capture index of an open snapshot. May be used by several threads.

    Args:
        paths: the project's files.
        snapshot: the snapshot's record.

    Raises:
        RecordCorrupt: the index is missing, or not the one that the record names.
    """

    def __init__(self, paths: ProjectPaths, snapshot: Snapshot) -> None:
        path = paths.captures(snapshot.id)
        self._place = str(path)
        self._sites = frozenset(site.name for site in snapshot.sites)
        with storage_errors(path):
            if not path.is_file():
                raise RecordCorrupt("the snapshot's capture index is missing", place=self._place)
        self._file = FileAccess(path)
        try:
            self._check_digest(snapshot)
            self._blocks = self._opened()
        except BaseException:
            self._file.close()
            raise

    def of_key(self, site: str, key: str) -> list[Capture]:
        """Return a doc site's captures of a SURT key, in index order. Raises RecordCorrupt or InvalidDocument."""
        lines = self._blocks.lines_at(key.encode("utf-8", "surrogatepass") + b" ")
        return list(map(_capture, self._of_site(islice(lines, MOST_OF_KEY), site)))

    def near(self, site: str, key: str, before: int, after: int) -> list[Capture]:
        """Return a doc site's captures around a SURT key or the beginning of one. Raises RecordCorrupt or InvalidDocument.

        Args:
            site: the doc site's name.
            key: the key.
            before: how many in front of it to return, at most.
            after: how many at it and behind it to return, at most.
        """
        prefix = key.encode("utf-8", "surrogatepass")
        ahead = self._of_site(islice(self._blocks.lines_before(prefix), _MOST_PASSED), site)
        behind = self._of_site(islice(self._blocks.lines_from(prefix), _MOST_PASSED), site)
        return list(map(_capture, [*[*islice(ahead, before)][::-1], *islice(behind, after)]))

    def all_of(self, site: str) -> Iterator[Capture]:
        """Yield a doc site's captures, in index order. Raises RecordCorrupt or InvalidDocument."""
        return (_capture(line) for block in self._blocks.blocks() for line in self._of_site(block, site))

    def newest_of(self, site: str) -> str:
        """Return the timestamp14 of a doc site's newest capture, or nothing where it has none. Reads all the index."""
        newest = b""
        for block in self._blocks.blocks():
            for line in block:
                timestamp = line.split(b" ", 2)[1]
                if timestamp > newest and self._source(line) == site:
                    newest = timestamp
        return newest.decode("ascii", "replace")

    def check(self) -> None:
        """Read all of the index. Raises RecordCorrupt where something in it makes no sense."""
        for block in self._blocks.blocks():
            for line in block:
                if self._source(line) not in self._sites:
                    raise RecordCorrupt(
                        f"the capture index has a doc site {self._source(line)!r:.80} that the snapshot has not",
                        place=self._place,
                    )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check_digest(self, snapshot: Snapshot) -> None:
        with open_window(self._file, 0, self._file.size) as stream:
            digest, _ = Digest.of_stream(stream)
        if str(digest) != snapshot.captures_digest:
            raise RecordCorrupt("the capture index is not the one the snapshot names", place=self._place)

    def _opened(self) -> BlockReader:
        blocks = open_blocks(self._file.read_at, self._file.size, self._place, _KEPT)
        if blocks is not None:
            return blocks
        packed = io.BytesIO()  # one stream, which nothing is found in
        with open_window(self._file, 0, self._file.size) as stream:
            write_lines((line + b"\n" for line in capture_lines(stream, self._place)), packed)
        data = packed.getvalue()
        blocks = open_blocks(lambda at, size: data[at : at + size], len(data), self._place, _KEPT)
        assert blocks is not None, "it was just written"
        return blocks

    def _of_site(self, lines: Iterable[bytes], site: str) -> Iterator[bytes]:
        return (line for line in lines if self._source(line) == site)

    def _source(self, line: bytes) -> str:
        """Return the doc site of an index line; mostly without reading all of it, which takes ten times as long."""
        match = _SOURCE.search(line)
        if match is not None:
            return match[1].decode("ascii")
        try:
            return _capture(line).source
        except (InvalidDocument, UnicodeDecodeError) as error:
            raise RecordCorrupt(f"the capture index cannot be read: {error}", place=self._place) from error


def _capture(line: bytes) -> Capture:
    return Capture.from_cdxj(line.decode("utf-8", "surrogatepass"))
