"""A doc site as a WACZ file: its WARC records as they are, an index of them, and the list of pages.

Everything but the records' bytes is made when the file is planned, so that its exact size is known
before the first byte is written; the records then stream through once.

Source: WACZ 1.1.1 (https://specs.webrecorder.net/wacz/1.1.1/); docs/format.md, "docs/<source>.wacz".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from archiver.bundle.cdxindex import index_lines, zipnum
from archiver.bundle.warcdata import WarcData, bundle_info
from archiver.bundle.zipstream import ZipEntry, ZipWriter, zip_size
from archiver.core import jsontext
from archiver.core.capture import distinct_pages
from archiver.core.clock import iso_of_timestamp14
from archiver.core.digest import Digest
from archiver.core.tarstream import Member, Sink
from archiver.offline.cdxj import DATA
from archiver.offline.wacz import ARCHIVE, IDX, INDEX, PACKAGE, PACKAGE_DIGEST, PAGES
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.bundle.rawrecords import RawRecords
    from archiver.bundle.siteclosure import SiteContent
    from archiver.core.snapshot import Snapshot

_NO_DIGEST = Digest("sha256", "0" * 64)  # as long as any, to measure with


class Wacz:
    """One doc site's WACZ, planned.

    Args:
        snapshot: the record of the run.
        site: the captures and originals to pack; at least one capture.
        titles: the pages' titles by URL and timestamp.
        records: where the bytes come from.

    Attributes:
        site: what it holds.
        size: its exact length in bytes.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        site: SiteContent,
        titles: Mapping[tuple[str, str], str],
        records: RawRecords,
    ) -> None:
        self.site = site
        self._snapshot = snapshot
        info = bundle_info(snapshot, site.result.name, DATA)
        self._data = WarcData(info, (*site.captures, *site.originals), records)
        index, summary = zipnum(index_lines(site, self._data.offsets, DATA))
        self._parts = (
            (INDEX, index),
            (IDX, summary),
            (PAGES, _pages(site, titles)),
        )
        small = (*self._parts, *self._packages(_NO_DIGEST))
        self.size = zip_size(
            [ZipEntry(ARCHIVE, self._data.size), *(ZipEntry(path, len(data), 0) for path, data in small)]
        )

    @property
    def path(self) -> str:
        """Its name in the bundle."""
        return f"docs/{self.site.result.name}.wacz"

    def member(self) -> Member:
        """Return the file as a member of a bundle.

        Writing it raises BundleIncomplete where a record is not the one that the index names.
        """
        return Member(self.path, self.size, self._write)

    def _write(self, sink: Sink) -> None:
        packed = ZipWriter(sink)
        digest = packed.stream(ARCHIVE, self._data.size, self._data.write)
        for path, data in (*self._parts, *self._packages(digest)):
            packed.add(path, data)
        packed.finish()

    def _packages(self, archive: Digest) -> tuple[tuple[str, bytes], ...]:
        """``datapackage.json`` and its digest; as long for one digest of the records as for another."""
        small = ((path, Digest.of(data), len(data)) for path, data in self._parts)
        package = jsontext.dump(
            {
                "profile": "data-package",
                "wacz_version": "1.1.1",
                "title": f"{self._snapshot.title}: {self.site.result.name}",
                "created": self._snapshot.finished,
                "software": PROGRAM,
                "resources": [
                    {"name": path.rpartition("/")[2], "path": path, "hash": str(digest), "bytes": size}
                    for path, digest, size in ((ARCHIVE, archive, self._data.size), *small)
                ],
            }
        )
        digest = jsontext.dump({"path": PACKAGE, "hash": str(Digest.of(package))})
        return (PACKAGE, package), (PACKAGE_DIGEST, digest)


def _pages(site: SiteContent, titles: Mapping[tuple[str, str], str]) -> bytes:
    lines: list[Any] = [{"format": "json-pages-1.0", "id": "pages", "title": "All Pages"}]
    for capture in distinct_pages(held.capture for held in site.captures):
        lines.append(  # noqa: PERF401 - a comprehension of this shape would be harder to read
            {
                "id": capture.record.removeprefix("<urn:uuid:").removesuffix(">"),
                "url": capture.url,
                "ts": iso_of_timestamp14(capture.timestamp),
                "title": titles.get((capture.url, capture.timestamp)) or capture.url,
            }
        )
    return "".join(jsontext.dump_line(line) + "\n" for line in lines).encode("utf-8")
