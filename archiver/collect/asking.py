"""What a run asks for: every source or the due ones, and of a doc site every URL or those that may have changed.

Nothing is remembered for it beside the snapshots. A judgement says when its source was last asked, a capture when
its URL was and since when its content is what it is. Pure functions of that, of what sitemaps and feeds say, and of
the second that the run is named for: a run that was interrupted decides as it did before (docs/decisions/0028).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Mapping, Protocol

from archiver.core.amounts import parse_duration
from archiver.core.clock import parse_iso, parse_timestamp14
from archiver.core.errors import (
    PageMoved,
    PageReplaced,
    ResponseTruncated,
    RobotsForbidden,
    SoftNotFound,
    Unreadable,
)
from archiver.core.judgement import FILES, HEALTHY, IMAGES
from archiver.core.reasons import ROBOTS, TOO_LONG, TOO_MANY_REDIRECTS
from archiver.core.report import KEPT_CODES
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.judgement import Judgement
    from archiver.core.report import Entry, Report
    from archiver.core.snapshot import Snapshot
    from archiver.spec.model import Spec

_RETRY = timedelta(days=1)
_MOST_EARLY = timedelta(hours=3)  # timers are spread, so that not everybody comes at midnight
_NEVER_ASKED = frozenset({TOO_LONG, TOO_MANY_REDIRECTS})  # whatever comes of it
_HOW_ONLY = frozenset({"every", "at_least_every", "guard", "connections", "delay"})  # not what is asked for
_SETTLED = KEPT_CODES | {
    each.code
    for each in (PageMoved, PageReplaced, ResponseTruncated, RobotsForbidden, SoftNotFound, Unreadable)
}
"""Failures that are the same tomorrow, as far as anybody can tell."""


@dataclass(frozen=True)
class Interval:
    """How often a source is asked.

    Attributes:
        every: the time between two runs that ask it.
        at_most: the time after which a page is asked that never changes; not less than ``every``.
    """

    every: timedelta
    at_most: timedelta


class PageAsking(Protocol):
    """What is asked of one doc site in one run."""

    @property
    def leftovers(self) -> tuple[Entry, ...] | None:
        """What the last run wanted and did not get, to be asked for again.

        None where that is not known: then every page is to be read again for what it leads to.
        """
        ...

    def is_due(self, capture: Capture, modified: str = "") -> bool:
        """Say whether a URL of the earlier view is to be asked for.

        Args:
            capture: what the earlier view has.
            modified: when a sitemap or feed says that it last changed, ISO 8601 UTC; empty where none does.
        """
        ...

    def is_list_due(self, capture: Capture, modified: str = "") -> bool:
        """Say the same of a page that leads to others: it is asked whenever the site is, since new ones show there."""
        ...

    def conditions(self, capture: Capture) -> tuple[tuple[str, str], ...]:
        """Return the request headers that have a server send only what is not in the earlier view."""
        ...


class Asking(Protocol):
    """What a run asks for: one of ``EVERYTHING``, ``UNCONDITIONAL`` and ``DUE``."""

    def is_source_due(self, judgement: Judgement | None, interval: Interval, moment: datetime) -> bool:
        """Say whether a source is to be asked at all.

        Args:
            judgement: the last good snapshot's; None where it has none.
            interval: how often.
            moment: the second that the run is named for.
        """
        ...

    def pages(
        self,
        judgement: Judgement | None,
        interval: Interval,
        moment: datetime,
        leftovers: tuple[Entry, ...] | None,
    ) -> PageAsking:
        """Return what is to be asked of a doc site that is due.

        Args:
            judgement: as above.
            interval: as above.
            moment: as above.
            leftovers: what ``leftovers`` returns.
        """
        ...


@dataclass(frozen=True)
class _AllPages:
    """Every URL, sent only if it changed."""

    leftovers: tuple[Entry, ...] | None = None

    def is_due(self, capture: Capture, modified: str = "") -> bool:  # noqa: ARG002 - the protocol's
        return True

    def is_list_due(self, capture: Capture, modified: str = "") -> bool:  # noqa: ARG002 - the protocol's
        return True

    def conditions(self, capture: Capture) -> tuple[tuple[str, str], ...]:
        return _validators(capture)


@dataclass(frozen=True)
class _AllPagesAnew(_AllPages):
    """Every URL, sent whether it changed or not."""

    def conditions(self, capture: Capture) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - the protocol's
        return ()


@dataclass(frozen=True)
class _DuePages:
    """The URLs that may have changed, by their own history and what the site says; sent only if they did."""

    leftovers: tuple[Entry, ...]
    interval: Interval
    moment: datetime
    checked: datetime | None

    def is_due(self, capture: Capture, modified: str = "") -> bool:
        asked = _moment14(capture.timestamp)
        if asked is None or asked > self.moment:  # a clock was wrong, then or now
            return True
        if capture.gone:
            return self._is_gone_due(capture)
        if modified:
            changed = _moment(modified)
            if changed is not None:
                return changed > asked or self._has_passed(asked, self.interval.at_most)
        since = _moment14(capture.since) or asked
        return self._has_passed(asked, self._wait(asked - since))

    def is_list_due(self, capture: Capture, modified: str = "") -> bool:
        asked = _moment14(capture.timestamp)
        if modified or capture.gone or asked is None:
            return self.is_due(capture, modified)
        return asked > self.moment or self._has_passed(asked, self.interval.every)

    def conditions(self, capture: Capture) -> tuple[tuple[str, str], ...]:
        return _validators(capture)

    def _wait(self, unchanged: timedelta) -> timedelta:
        """Return how long to leave alone what has not changed for so long: half of that, within bounds."""
        return min(max(self.interval.every, unchanged / 2), self.interval.at_most)

    def _has_passed(self, asked: datetime, wait: timedelta) -> bool:
        """Say whether this run is the one that is nearest to the time: runs lie ``every`` apart, and take a while."""
        return self.moment - asked >= wait - self.interval.every / 2

    def _is_gone_due(self, capture: Capture) -> bool:
        """Say whether it is time to look whether something came back: its capture does not tell when that was last done.

        So there are fixed times for it, further and further apart, and one of them must lie behind the last run.
        """
        time = _moment14(capture.gone)
        if time is None or self.checked is None or not time <= self.checked <= self.moment:
            return True
        gone, early = time, self.interval.every / 2
        while time - early <= self.checked:
            wait = self._wait(time - gone)
            ahead = (self.checked - time) // wait if wait == self.interval.at_most else 0
            time += wait * max(1, ahead)
        return time - early <= self.moment


class _Everything:
    """Asks every source for everything, has it sent only where it changed, and reads all of what was not healthy."""

    def is_source_due(self, judgement: Judgement | None, interval: Interval, moment: datetime) -> bool:  # noqa: ARG002 - the protocol's
        return True

    def pages(
        self,
        judgement: Judgement | None,
        interval: Interval,  # noqa: ARG002 - the protocol's
        moment: datetime,  # noqa: ARG002 - the protocol's
        leftovers: tuple[Entry, ...] | None,
    ) -> PageAsking:
        return _AllPages(leftovers if _is_healthy(judgement) else None)


class _Unconditional(_Everything):
    """Asks every source for everything, and has it all sent and read again."""

    def pages(
        self,
        judgement: Judgement | None,  # noqa: ARG002 - the protocol's
        interval: Interval,  # noqa: ARG002 - the protocol's
        moment: datetime,  # noqa: ARG002 - the protocol's
        leftovers: tuple[Entry, ...] | None,  # noqa: ARG002 - the protocol's
    ) -> PageAsking:
        return _AllPagesAnew()


class _Due:
    """Asks the sources that are due for what is due; one that was not healthy, or may have more than is known, for all."""

    def is_source_due(self, judgement: Judgement | None, interval: Interval, moment: datetime) -> bool:
        due = due_at(judgement, interval) if judgement is not None else None
        if due is None or judgement is None or judgement.verdict != HEALTHY or due - interval.every > moment:
            return True
        return due - min(interval.every / 8, _MOST_EARLY) <= moment

    def pages(
        self,
        judgement: Judgement | None,
        interval: Interval,
        moment: datetime,
        leftovers: tuple[Entry, ...] | None,
    ) -> PageAsking:
        if judgement is None or not _is_healthy(judgement) or leftovers is None:
            return _AllPages()
        return _DuePages(leftovers, interval, moment, _moment(judgement.checked))


ALL_PAGES: PageAsking = _AllPages()
"""Every URL is asked for, sent only where it changed, and read for what it leads to."""
EVERYTHING: Asking = _Everything()
"""``archive`` and ``refresh --full``: every URL is asked for, and sent where it changed."""
UNCONDITIONAL: Asking = _Unconditional()
"""``refresh --refetch``: every URL is asked for and sent; what is the same is not stored again all the same."""
DUE: Asking = _Due()
"""``refresh``: what is due is asked for, and sent where it changed."""


def intervals(spec: Spec) -> dict[str, Interval]:
    """Return how often each source of a spec is asked, by its name."""
    named = {site.name: (site.every, site.at_least_every) for site in spec.docs}
    if spec.asked_images is not None:
        named[IMAGES] = (spec.images.every if spec.images else None, None)
    if spec.files:
        named[FILES] = (None, None)
    return {
        name: _interval(every or spec.every, at_most or spec.at_least_every)
        for name, (every, at_most) in named.items()
    }


def waits(spec: Spec, before: Snapshot | None) -> dict[str, Interval]:
    """Return how long each source that is asked is left alone, by its name: a day at most where something may come yet.

    What could not be had for an error of the server, of the network or of a registry may be there the next day; a week
    is long to be without it. It is little that is asked for then: each page still has its own time.

    Args:
        spec: the spec.
        before: the last good snapshot; None where there is none.
    """
    missed = {each.source for each in before.failures if each.code not in _SETTLED} if before else set()
    retired = retired_sources(spec, before)
    return {
        source: replace(interval, every=min(interval.every, _RETRY)) if source in missed else interval
        for source, interval in intervals(spec).items()
        if source not in retired
    }


def retired_sources(spec: Spec, before: Snapshot | None) -> frozenset[str]:
    """Return the names of the sources of a spec that are not to be asked, whatever a run asks for.

    One of which there is nothing is asked all the same: a copy that was never made cannot be kept.

    Args:
        spec: the spec.
        before: the last good snapshot; None where there is none.
    """
    kept = {each.source for each in before.judgements if each.good} if before is not None else set()
    return frozenset(kept.intersection(spec.retired))


def due_sources(
    spec: Spec, record: Mapping[str, Any], before: Snapshot | None, asking: Asking, moment: datetime
) -> frozenset[str]:
    """Return the names of the sources of a spec that are to be asked: by their time, for something else than before, or once more.

    Args:
        spec: the spec.
        record: the same as plain data (``LoadedSpec.record``).
        before: the last good snapshot; None where there is none.
        asking: what the run asks for.
        moment: the second that the run is named for.
    """
    due = {
        source
        for source, interval in waits(spec, before).items()
        if asking.is_source_due(before.judgement(source) if before else None, interval, moment)
    }
    changed = changed_sources(record, before.spec if before else {})
    back = {each.source for each in before.judgements if each.retired} if before else set()
    return (changed | due | back & intervals(spec).keys()) - retired_sources(spec, before)


def due_at(judgement: Judgement, interval: Interval) -> datetime | None:
    """Return when a source is to be asked again; None where its judgement does not say when it was asked."""
    checked = _moment(judgement.checked)
    return None if checked is None else checked + interval.every


def changed_sources(now: Mapping[str, Any], before: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of sources of which a spec asks something else than before, or for the first time.

    Args:
        now: the spec as plain data (``LoadedSpec.record``).
        before: the same of an earlier snapshot (``Snapshot.spec``), which nobody has checked.
    """
    ours, theirs = _questions(now), _questions(before)
    return frozenset(name for name, question in ours.items() if question != theirs.get(name))


def leftovers(
    source: str, now: Mapping[str, Any], before: Snapshot | None, report: Report | None
) -> tuple[Entry, ...] | None:
    """Return what a doc site's last run wanted and did not get.

    With it and the snapshot's view all is known that the site's unchanged pages lead to; so they need not be read again.
    Of URLs that robots.txt forbids the report need not list all: they are found again when their pages are read.

    Args:
        source: the doc site's name.
        now: the spec as plain data.
        before: the last good snapshot.
        report: its report.

    Returns:
        None where that is not known: another spec or program may find more in the same pages, and a listing of the
        report may be cut.
    """
    if before is None or report is None or before.program != PROGRAM:
        return None
    told = next((site for site in report.sites if site.name == source), None)
    if told is None or source in changed_sources(now, before.spec):
        return None
    listings = [
        each for each in (*told.failed, *told.broken, *told.skipped) if each.reason not in _NEVER_ASKED
    ]
    if any(each.total != len(each.entries) and each.reason != ROBOTS for each in listings):
        return None
    return tuple({entry.url: entry for listing in listings for entry in listing.entries}.values())


def _is_healthy(judgement: Judgement | None) -> bool:
    """Say whether a source was asked and healthy; of one that was retired nobody noted what it did not give."""
    return judgement is not None and judgement.verdict == HEALTHY and not judgement.retired


def _validators(capture: Capture) -> tuple[tuple[str, str], ...]:
    pairs = (("If-None-Match", capture.etag), ("If-Modified-Since", capture.modified))
    return tuple((name, value) for name, value in pairs if value)


def _questions(record: Mapping[str, Any]) -> dict[str, object]:
    """Return by source what a spec asks for."""
    questions: dict[str, object] = {}
    docs, images = record.get("docs"), record.get("images")
    for site in docs if isinstance(docs, (list, tuple)) else ():
        if isinstance(site, dict):
            questions[str(site.get("name"))] = {
                key: value for key, value in site.items() if key not in _HOW_ONLY
            }
    if isinstance(images, dict):
        images = {key: value for key, value in images.items() if key not in _HOW_ONLY}
    questions[IMAGES] = (images, record.get("registries"), record.get("reader_image"))
    questions[FILES] = record.get("files")
    return questions


def _interval(every: str, at_most: str) -> Interval:
    shortest = timedelta(seconds=parse_duration(every))
    return Interval(shortest, max(shortest, timedelta(seconds=parse_duration(at_most))))


def _moment14(text: str) -> datetime | None:
    try:
        return parse_timestamp14(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        return parse_iso(text)
    except ValueError:
        return None
