"""The crawl report: what a run found, what it got, what it left out and why, and what is missing.

It says nothing that the snapshot record contradicts, and more: per doc site the URLs behind every number, as far
as they can be listed, and how much of the site's own sitemaps is here (docs/format.md, "Report").
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from archiver.core import jsontext
from archiver.core.errors import FileGone, TagGone
from archiver.core.reasons import GONE_UPSTREAM

if TYPE_CHECKING:
    from archiver.core.judgement import Judgement

FORMAT = "archiver-report/1"
FAILED = "failed"
BROKEN = "broken link"
"""Why what a sitemap lists is not here, where another listing tells more."""
KEPT_CODES = frozenset({TagGone.code, FileGone.code})
"""The error codes of what upstream has no longer, and the archive has."""
MOST_MISSING = 10_000
"""URLs or references listed for one reason, of those that should be here."""


@dataclass(frozen=True)
class Entry:
    """One URL (or image reference) of a listing.

    ``note`` tells what there is to tell about this one beside the listing's reason; ``referrer`` is the page
    or list that named it.
    """

    url: str
    note: str = ""
    referrer: str = ""


@dataclass(frozen=True)
class Listing:
    """What one thing is true of: how many there are in all, and the first of them, by URL."""

    reason: str
    total: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class SitemapReport:
    """One sitemap that was asked for.

    ``named_by`` is ``spec``, ``robots.txt``, ``page``, ``index`` or ``guess``. ``pages`` counts the URLs that it
    lists, of which ``wanted`` are in scope; ``sitemaps`` counts those that it names as an index and ``unusable``
    the entries that are no http(s) URLs. ``problem`` says why it was not read, or not all of it.
    """

    url: str
    named_by: str
    pages: int
    wanted: int
    sitemaps: int
    unusable: int
    problem: str


@dataclass(frozen=True)
class Coverage:
    """How much of what the site's sitemaps list, in scope, is here.

    ``missing`` has it by the reason; ``unlisted`` are the pages that were captured though no sitemap lists them.
    """

    listed: int
    captured: int
    missing: tuple[Listing, ...]
    unlisted: Listing


@dataclass(frozen=True)
class HostReport:
    """What came of one origin.

    ``urls`` were to be fetched there; ``bytes`` came as bodies. ``slowed`` answers asked to be left alone, for
    ``waited`` seconds in all.
    """

    origin: str
    urls: int
    captured: int
    failed: int
    bytes: int
    slowed: int
    waited: float


@dataclass(frozen=True)
class EditionReport:
    """One version or locale (``kind``) that URLs show: how many pages of it were captured and how many left out."""

    kind: str
    name: str
    captured: int
    left_out: int


@dataclass(frozen=True)
class SiteReport:
    """What came of one doc site.

    Of the ``found`` URLs ``pages`` (as ``distinct_pages`` counts), ``requisites`` and ``redirects`` were captured by
    this run, ``unchanged`` of them as before; ``carried`` captures are kept from an earlier snapshot, and ``not_due``
    ones were not asked for. ``bytes`` came as bodies, and the crawl took ``seconds``, those of interrupted processes of
    the run included. ``failed`` is listed by error code, ``broken`` (dead links of the site itself) by status, ``gone``
    (captures that are kept and that upstream has no longer) as a whole, ``marked`` (pages that are not what they seem) by
    what they are. ``skipped`` URLs are wanted and were not asked for, ``left_out`` ones are not
    wanted; both by reason. ``coverage`` is None where no sitemap was read.
    """

    name: str
    seeds: tuple[str, ...]
    found: int
    pages: int
    requisites: int
    redirects: int
    unchanged: int
    carried: int
    not_due: int
    bytes: int
    seconds: float
    failed: tuple[Listing, ...]
    broken: tuple[Listing, ...]
    gone: tuple[Listing, ...]
    marked: tuple[Listing, ...]
    skipped: tuple[Listing, ...]
    left_out: tuple[Listing, ...]
    sitemaps: tuple[SitemapReport, ...]
    coverage: Coverage | None
    hosts: tuple[HostReport, ...]
    editions: tuple[EditionReport, ...]

    @property
    def unreached(self) -> tuple[Listing, ...]:
        """What sitemaps list and is not here, for reasons that no other listing tells."""
        told = {FAILED, BROKEN, GONE_UPSTREAM, *(each.reason for each in self.skipped)}
        listed = self.coverage.missing if self.coverage else ()
        return tuple(each for each in listed if each.reason not in told)

    @property
    def missing(self) -> int:
        """How many URLs are wanted and not here, each one counted once; dead links of the site are none of them."""
        return sum(each.total for each in (*self.failed, *self.skipped, *self.unreached))


@dataclass(frozen=True)
class ItemReport:
    """One image or file that is here, as the snapshot record has it.

    ``platforms`` are those of an image, and ``source`` is who said what its tag means, where that was not its own
    registry. ``gone`` is since when upstream has it no longer, ``was`` the digest that the last good snapshot had for
    the name, where it was another one.
    """

    name: str
    digest: str
    size: int
    platforms: tuple[str, ...] = ()
    source: str = ""
    carried: bool = False
    gone: str = ""
    was: str = ""


@dataclass(frozen=True)
class SetReport:
    """What came of the images or the files: how many there are, and how many of them are kept from before.

    ``items`` are what the spec asks for; ``referrers`` (signatures, SBOMs, attestations) came along with them.
    ``gone`` are those of the items that upstream has no longer. ``kept`` lists the items.
    """

    name: str
    items: int
    carried: int
    failed: tuple[Listing, ...]
    referrers: int = 0
    gone: int = 0
    kept: tuple[ItemReport, ...] = ()

    @property
    def missing(self) -> int:
        """How many the run could not get; what upstream has no longer is kept, and none of them."""
        return sum(each.total for each in self.failed if each.reason not in KEPT_CODES)


@dataclass(frozen=True)
class Report:
    """The report of one run; ``judgements`` are those of the snapshot's record."""

    snapshot: str
    project: str
    title: str
    program: str
    started: str
    finished: str
    sites: tuple[SiteReport, ...]
    sets: tuple[SetReport, ...]
    judgements: tuple[Judgement, ...] = ()

    @property
    def refused(self) -> tuple[Judgement, ...]:
        """What was judged of the sources that are asked and not healthy."""
        return tuple(each for each in self.judgements if each.is_alarm)

    @property
    def missing(self) -> int:
        """How many things are not here that the spec asks for."""
        return sum(site.missing for site in self.sites) + sum(each.missing for each in self.sets)

    def to_json(self) -> bytes:
        """Return the report's file content."""
        return jsontext.dump({"format": FORMAT, "missing": self.missing, **asdict(self)})
