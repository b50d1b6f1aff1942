"""Why a URL is not in the archive: what the run that made the snapshot wrote down about it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from archiver.core import reasons
from archiver.core.capture import PAGE
from archiver.core.errors import ArchiverError, InvalidURL
from archiver.core.urlidentity import twins, without_cache_busting, without_noise
from archiver.core.urlkey import Origin, surt_key

if TYPE_CHECKING:
    from archiver.core.report import Listing
    from archiver.offline.holdings import Holding, Site

FAILED, GONE, UNKNOWN, REDIRECTS_OUTSIDE, REDIRECTS_NOWHERE = (
    "failed", "gone", "not-found", "redirects-outside", "redirects-nowhere",
)  # fmt: skip
OUT_OF_SCOPE = "out-of-scope"
_LONGEST = 300  # characters of a stranger's message
_LOOKED_AT = 20  # captures in a folder
_SAID = {
    reasons.OUTSIDE: "It is outside of what was archived.",
    reasons.EXCLUDED: "It was left out on purpose: the archive's spec excludes it.",
    reasons.OTHER_VERSION: "It belongs to a version of the documentation that was not archived.",
    reasons.OTHER_LOCALE: "It belongs to a language of the documentation that was not archived.",
    reasons.ROBOTS: "The site asks programs not to fetch it (robots.txt), so it was not archived.",
    reasons.NO_ROBOTS: "Its server could not say whether programs may fetch it (robots.txt)",
    reasons.DEAD_HOST: "Its server could not be reached",
    reasons.BUSY_HOST: "Its server was too busy to give it out",
    reasons.NOT_THERE: "The site had no such page",
    reasons.PRIVATE: "It is at a private address, which the archive does not fetch from.",
}


@dataclass(frozen=True)
class Why:
    """Why a URL is not here.

    Attributes:
        code: for programs, as in the header ``X-Archive-Miss``: lowercase words joined by hyphens.
        text: for people, a sentence.
    """

    code: str
    text: str


def redirects_outside(target: str) -> Why:
    """Return the reason for a page that was archived as a redirect to what is not in the archive."""
    return Why(
        REDIRECTS_OUTSIDE,
        f"The archived page redirects to {target:.{_LONGEST}}, which is outside the archive.",
    )


NO_ADDRESS = Why("no-address", "This is not an address that anything archived can have.")
REDIRECTS_TO_NO_URL = Why(REDIRECTS_NOWHERE, "The archived page redirects to what is no address.")


class Missing:
    """Knows why URLs are not in what is read.

    Args:
        holdings: what is read.
        log: takes a line where a report cannot be read; its reasons are missing then.
    """

    def __init__(self, holdings: Sequence[Holding], log: Callable[[str], None]) -> None:
        self._holdings = holdings
        self._log = log
        self._told: list[_Told] | None = None
        self._turn = threading.Lock()

    def why(self, url: str) -> Why:
        """Return why a URL was not archived. The first call reads the reports.

        Args:
            url: an absolute URL without a fragment.
        """
        with self._turn:
            if self._told is None:
                self._told = [_Told(holding, self._log) for holding in self._holdings]
        names = dict.fromkeys(_names(url))
        known = (told.of(name) for name in names for told in self._told)
        return next(filter(None, known), None) or self._by_place(url)

    def _by_place(self, url: str) -> Why:
        """Return why a URL is not here that no report lists."""
        try:
            origin = Origin.of(url)
        except InvalidURL:
            return NO_ADDRESS
        near = [
            (holding, site)
            for holding in self._holdings
            for site in holding.sites
            if _has_host(site, origin.host)
        ]
        if not near:
            return Why(OUT_OF_SCOPE, f"Nothing of {origin.netloc} is in this archive.")
        for holding, site in near:
            if any(_schemeless(url).startswith(_folder(seed)) for seed in site.seeds) or _is_amid(site, url):
                return Why(UNKNOWN, f"No archived page led there when the site was archived{_on(holding)}.")
        folder = _folder(next((seed for _, site in near for seed in site.seeds), ""))
        what = f": of this site that is {folder}" if folder else ""
        return Why(OUT_OF_SCOPE, f"It is outside of what was archived{what}.")


class _Told:
    """What one snapshot's record and report tell of single URLs."""

    def __init__(self, holding: Holding, log: Callable[[str], None]) -> None:
        self._holding = holding
        self._on = _on(holding)
        self._failed: dict[str, str] = {}
        self._gone: dict[str, str] = {}
        self._left_out: dict[str, str] = {}
        try:
            report = holding.report()
        except ArchiverError as error:
            log(f"the report of {holding.project}: {error}")
            report = None
        for site in report.sites if report else ():
            self._note(self._left_out, site.left_out)
            self._note(self._left_out, site.skipped)
            self._note(self._left_out, site.unreached)
            for listing in site.failed:
                for entry in listing.entries:
                    self._failed[_schemeless(entry.url)] = entry.note
            self._note(self._gone, site.broken)
        sites = {site.name for site in holding.sites}
        for failure in holding.failures:
            if failure.source in sites:
                self._failed[_schemeless(failure.subject)] = failure.message
        for broken in holding.broken_links:
            self._gone[_schemeless(broken.url)] = broken.status

    def of(self, name: str) -> Why | None:
        """Return what is told of a URL, without its scheme."""
        if name in self._failed:
            message = _sentence(self._failed[name])
            return Why(FAILED, f"It could not be fetched when the site was archived{self._on}{message}")
        if name in self._gone:
            status = self._gone[name]
            said = f"it answered {status}" if status.isdigit() else f"what came was a {status}"
            return Why(
                GONE, f"The site itself had it no more when it was archived{self._on}: {said:.{_LONGEST}}."
            )
        reason = self._left_out.get(name)
        return None if reason is None else Why(_slug(reason), self._say(reason))

    def _say(self, reason: str) -> str:
        said = _SAID.get(reason)
        if said is None:
            return f"It was not fetched when the site was archived{self._on}: {reason:.{_LONGEST}}."
        return said if said.endswith(".") else f"{said} when the site was archived{self._on}."

    @staticmethod
    def _note(where: dict[str, str], listings: Iterable[Listing]) -> None:
        for listing in listings:
            where.update((_schemeless(entry.url), listing.reason) for entry in listing.entries)


def _names(url: str) -> Iterator[str]:
    """Yield what a URL may be listed by."""
    plain = without_noise(url)
    for variant in (url, plain, *twins(plain), without_cache_busting(plain)):
        yield _schemeless(variant)


def _schemeless(url: str) -> str:
    return url.partition("://")[2]


def _folder(seed: str) -> str:
    """Return a seed's folder, without the scheme."""
    path = _schemeless(seed).partition("?")[0]
    return path[: path.rfind("/") + 1] if "/" in path else f"{path}/" if path else ""


def _has_host(site: Site, host: str) -> bool:
    return any(urlsplit(origin).hostname == host for origin in (*site.origins, *site.requisite_origins))


def _is_amid(site: Site, url: str) -> bool:
    """Say whether pages in a URL's folder, the host's root left aside, are in the archive: then so would it be."""
    folder = _folder(url)
    if folder.count("/") < 2:
        return False
    try:
        near = site.captures_near(f"{surt_key(f'https://{folder}')}/", 0, _LOOKED_AT)
    except ArchiverError:  # told where the page itself is looked up
        return False
    return any(capture.kind == PAGE and _folder(capture.url) == folder for capture in near)


def _on(holding: Holding) -> str:
    return f" on {holding.created[:10]}" if holding.created else ""


def _sentence(message: str) -> str:
    text = message[:_LONGEST].strip().rstrip(".")
    return f": {text}." if text else "."


def _slug(reason: str) -> str:
    """Return a reason as a program compares it; what follows a colon tells more than the kind."""
    return re.sub(r"[^a-z0-9]+", "-", reason.partition(":")[0].lower()).strip("-")[:40] or "left-out"
