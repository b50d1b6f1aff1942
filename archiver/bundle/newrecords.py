"""A doc site as a delta has it: a WARC file of the records that readers of the base lack.

Source: docs/format.md, "Deltas".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Container

from archiver.bundle.warcdata import WarcData, bundle_info
from archiver.core.tarstream import Member
from archiver.offline.names import DELTA_DOCS_SUFFIX

if TYPE_CHECKING:
    from archiver.bundle.rawrecords import RawRecords
    from archiver.bundle.siteclosure import SiteContent
    from archiver.core.snapshot import Snapshot


class NewRecords:
    """What is new of one doc site, planned; perhaps nothing but the record that a WARC file begins with.

    Args:
        snapshot: the record of the run.
        site: the captures and originals of the whole view.
        since: the snapshot of the base.
        held: the WARC-Record-IDs that readers of the base have.
        records: where the bytes come from.

    Attributes:
        site: the whole view, of which some is here.
        size: the file's exact length in bytes.
        records: how many captures and originals are here.
    """

    def __init__(
        self, snapshot: Snapshot, site: SiteContent, since: str, held: Container[str], records: RawRecords
    ) -> None:
        self.site = site
        new = [each for each in (*site.captures, *site.originals) if each.at.id not in held]
        name = f"{site.result.name}{DELTA_DOCS_SUFFIX}"
        self._data = WarcData(bundle_info(snapshot, site.result.name, name, since), new, records)
        self.size = self._data.size
        self.records = len(self._data.offsets)

    @property
    def path(self) -> str:
        """Its name in the bundle."""
        return f"docs/{self.site.result.name}{DELTA_DOCS_SUFFIX}"

    def member(self) -> Member:
        """Return the file as a member of a bundle. Writing it raises what ``WarcData.write`` raises."""
        return Member(self.path, self.size, self._data.write)
