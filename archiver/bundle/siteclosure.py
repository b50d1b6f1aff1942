"""Which WARC records a doc site needs to stand alone: its captures, and the originals of its revisits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable

from archiver.core.capture import Capture
from archiver.core.clock import parse_iso, timestamp14
from archiver.core.errors import BundleIncomplete
from archiver.offline.cdxj import ORIGINAL
from archiver.offline.records import NOT_MODIFIED

if TYPE_CHECKING:
    from archiver.bundle.rawrecords import RawRecords
    from archiver.core.snapshot import SiteResult, Snapshot
    from archiver.store.locator import Location


@dataclass(frozen=True)
class HeldCapture:
    """A capture and where its record is; ``not_modified`` where that has nothing but the server's word (304) in it."""

    capture: Capture
    at: Location
    not_modified: bool = False


@dataclass(frozen=True)
class SiteContent:
    """One doc site: what the snapshot says of it, its captures, and the originals behind them."""

    result: SiteResult
    captures: tuple[HeldCapture, ...]
    originals: tuple[HeldCapture, ...]


def site_contents(
    snapshot: Snapshot, captures: Iterable[Capture], records: RawRecords
) -> tuple[SiteContent, ...]:
    """Return what belongs to each doc site of a snapshot, in the snapshot's order.

    Args:
        snapshot: the record of the run.
        captures: the snapshot's captures, in index order.
        records: where the WARC records are.

    Raises:
        BundleIncomplete: a record is missing, is another one than the index says, or a capture belongs
            to a site that the snapshot does not know.
    """
    by_site: dict[str, list[HeldCapture]] = defaultdict(list)
    for capture in captures:
        at = records.find(capture.record)
        unchanged = bool(capture.original) and records.header(at).get("warc-profile") == NOT_MODIFIED
        by_site[capture.source].append(HeldCapture(capture, at, unchanged))
    unknown = sorted(set(by_site) - {site.name for site in snapshot.sites})
    if unknown:
        raise BundleIncomplete(
            f"the capture index has a doc site {unknown[0]!r:.80} that the snapshot has not",
            place=snapshot.id,
        )
    return tuple(
        SiteContent(site, tuple(by_site[site.name]), _originals(by_site[site.name], records))
        for site in snapshot.sites
    )


def _originals(held: list[HeldCapture], records: RawRecords) -> tuple[HeldCapture, ...]:
    """The records that revisits refer to and that are no captures of the site themselves."""
    present = {entry.capture.record for entry in held}
    found: dict[str, HeldCapture] = {}
    for entry in held:
        original = entry.capture.original
        if original and original not in present and original not in found:
            found[original] = _original(entry.capture, records)
    return tuple(found.values())


def _original(revisit: Capture, records: RawRecords) -> HeldCapture:
    at = records.find(revisit.original)
    fields = records.header(at)
    if fields.get("warc-type") != "response":
        raise BundleIncomplete(
            f"{revisit.record} refers to it as the original, but it is no response record", place=at.id
        )
    try:
        moment = parse_iso(fields.get("warc-date", ""))
    except ValueError as error:
        raise BundleIncomplete("the record has no date", place=at.id) from error
    url = fields.get("warc-target-uri", "")
    return HeldCapture(
        Capture(
            url=url,
            timestamp=timestamp14(moment),
            mime=revisit.mime,
            status=revisit.status,
            digest=revisit.digest,
            source=revisit.source,
            kind=ORIGINAL,
            record=at.id,
        ),
        at,
    )
