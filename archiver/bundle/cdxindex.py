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

    Args:
        site: the captures and originals.
        offsets: where in the WARC file each record begins, by WARC-Record-ID.
        filename: the WARC file's name.
    """
    where = {held.at.id: held for held in (*site.captures, *site.originals)}
    return sorted(
        _index_line(held, where, offsets, filename).encode("utf-8")
        for held in (*site.captures, *site.originals)
    )


def _index_line(
    held: HeldCapture, where: Mapping[str, HeldCapture], offsets: Mapping[str, int], filename: str
) -> str:
    capture = held.capture
    members = {
        "url": capture.url,
        "mime": REVISIT_MIME if capture.original else capture.mime,
        "status": capture.status,
        "digest": capture.digest,
        "filename": filename,
        "offset": str(offsets[held.at.id]),
        "length": str(held.at.length),
        "kind": capture.kind,
        "record": capture.record,
    }
    if capture.original:
        original = where[capture.original].at
        members |= {
            "original": capture.original,
            "origMime": capture.mime,
            "origOffset": str(offsets[original.id]),
            "origLength": str(original.length),
        }
    return f"{capture.key} {capture.timestamp} {jsontext.dump_line(members)}\n"


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
