"""The CDXJ index inside a WACZ: where each capture's record is, in blocks that can be searched by halves.

Source: WACZ 1.1.1, "indexes"; the ZipNum format of the Internet Archive's tools; docs/format.md.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.core import jsontext
from archiver.core.digest import Digest
from archiver.offline.cdxj import REVISIT_MIME

if TYPE_CHECKING:
    from archiver.bundle.siteclosure import HeldCapture, SiteContent

_BLOCK_LINES = 1000


def index_lines(site: SiteContent, offsets: Mapping[str, int], filename: str) -> list[bytes]:
    """Return the CDXJ lines of a site's captures and of the originals behind its revisits, sorted.

    Other tools replay a record that says 304 as an answer without content (pywb), and refuse a line whose time is not its
    record's (wabac.js). So what is not modified has no line of its own: it is told in that of its original.

    Args:
        site: the captures and originals.
        offsets: where in the WARC file each record begins, by WARC-Record-ID.
        filename: the WARC file's name.
    """
    where = {held.at.id: held for held in (*site.captures, *site.originals)}
    apart = {held.at.id for held in site.originals}
    shared: dict[str, HeldCapture] = {}
    for held in site.captures:
        original = held.capture.original
        if held.not_modified and original in apart and where[original].capture.url == held.capture.url:
            shared.setdefault(original, held)
    within = {held.at.id for held in shared.values()}
    lines = _Lines(where, offsets, filename)
    return sorted(
        lines.line(held, shared.get(held.at.id)).encode("utf-8")
        for held in (*site.captures, *site.originals)
        if held.at.id not in within
    )


class _Lines:
    """Writes lines, knowing where every record is."""

    def __init__(self, where: Mapping[str, HeldCapture], offsets: Mapping[str, int], filename: str) -> None:
        self._where, self._offsets, self._filename = where, offsets, filename

    def line(self, held: HeldCapture, again: HeldCapture | None) -> str:
        """Return the line of a record, in which ``again``, a revisit of it, may share."""
        capture = held.capture
        members = {
            "url": capture.url,
            "mime": REVISIT_MIME if capture.original else capture.mime,
            "status": capture.status,
            "digest": capture.digest,
            "filename": self._filename,
            **self._place(held, "offset", "length"),
            "kind": again.capture.kind if again else capture.kind,
            "record": capture.record,
            **({"gone": gone} if (gone := (again or held).capture.gone) else {}),
        }
        if capture.original:
            members |= {"refersTo": capture.original, "origMime": capture.mime}
            members |= self._place(self._where[capture.original], "origOffset", "origLength")
        if again is not None:
            members |= {"revisit": again.capture.record, "revisitTime": again.capture.timestamp}
            members |= self._place(again, "revisitOffset", "revisitLength")
        return f"{capture.key} {capture.timestamp} {jsontext.dump_line(members)}\n"

    def _place(self, held: HeldCapture, offset: str, length: str) -> dict[str, str]:
        return {offset: str(self._offsets[held.at.id]), length: str(held.at.length)}


def zipnum(lines: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return ``index.cdx.gz``, a gzip member a block of lines, and ``index.idx``, a line a block."""
    packed: list[bytes] = []
    summary = [b'!meta 0 {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}\n']
    offset = 0
    for first in range(0, len(lines), _BLOCK_LINES):
        block = lines[first : first + _BLOCK_LINES]
        member = gzip.compress(b"".join(block), 6, mtime=0)
        key, timestamp, _ = block[0].split(b" ", 2)
        place = {
            "offset": offset,
            "length": len(member),
            "digest": str(Digest.of(member)),
            "filename": "index.cdx.gz",
        }
        summary.append(b" ".join((key, timestamp, json.dumps(place).encode())) + b"\n")
        packed.append(member)
        offset += len(member)
    return b"".join(packed), b"".join(summary)
