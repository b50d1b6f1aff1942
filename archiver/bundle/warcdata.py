"""The WARC records of a doc site, one after another: where each will be is known before any is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

from archiver.store.warcinfo import warcinfo

if TYPE_CHECKING:
    from archiver.bundle.rawrecords import RawRecords
    from archiver.bundle.siteclosure import HeldCapture
    from archiver.core.snapshot import Snapshot
    from archiver.core.tarstream import Sink


class WarcData:
    """A WARC file to be: a warcinfo record, then pairs of records as the archive has them.

    They stand in the order of their times and IDs, whatever files the archive has them in: an archive that was put
    together from bundles gives the same bytes.

    Args:
        info: the record that it begins with.
        held: the captures and originals whose records it has.
        records: where the bytes come from.

    Attributes:
        size: its exact length in bytes.
        offsets: where each record begins, by WARC-Record-ID.
    """

    def __init__(self, info: bytes, held: Iterable[HeldCapture], records: RawRecords) -> None:
        self._info, self._records = info, records
        distinct = {each.at.id: each for each in held}
        ordered = sorted(distinct.values(), key=lambda each: (each.capture.timestamp, each.at.id))
        self._places = [each.at for each in ordered]
        self.offsets: dict[str, int] = {}
        self.size = len(info)
        for at in self._places:
            self.offsets[at.id] = self.size
            self.size += at.pair_length

    def write(self, sink: Sink) -> None:
        """Copy the records. Raises BundleIncomplete where one is not the one that the index names."""
        sink.write(self._info)
        self._records.copy(self._places, sink)


def bundle_info(snapshot: Snapshot, site: str, filename: str, since: str = "") -> bytes:
    """Return the record that a doc site's WARC file in a bundle begins with: the same bytes for the same arguments.

    Args:
        snapshot: the record of the run.
        site: the doc site's name.
        filename: the WARC file's own name.
        since: in a delta, the snapshot of its base.
    """
    part = f"{snapshot.id}/{site}" + (f"/since/{since}" if since else "")
    return warcinfo(
        filename,
        identity=f"archiver:{snapshot.project}/{part}",
        date=snapshot.finished,
        about={
            "isPartOf": f"{snapshot.project}/{site}",
            "description": f"{snapshot.title}, snapshot {snapshot.id}"
            + (f", what is new since {since}" if since else ""),
        },
    )
