"""What a run did, in words and as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Sequence

from archiver.collect.web.limits import REASONS
from archiver.core.amounts import count_text, size_text
from archiver.core.judgement import HEALTHY
from archiver.core.printable import printable
from archiver.core.reasons import CATCH_ALL, SCRIPT_ONLY
from archiver.core.report import KEPT_CODES

if TYPE_CHECKING:
    from archiver.collect.run import RunResult
    from archiver.core.judgement import Judgement
    from archiver.core.report import Listing, Report, SiteReport
    from archiver.core.snapshot import Failure, FileResult, ImageResult, SiteResult, Snapshot

_MOST_LISTED = 20


def summary_text(result: RunResult, seconds: float | None = None) -> str:
    """Return what a run did, for people."""
    snapshot = result.snapshot
    took = "" if seconds is None else f" in {seconds:.1f} s"
    lines = [f"{snapshot.project}: snapshot {snapshot.id}{took}, {size_text(result.bytes)} received"]
    lines += [f"  {_site_line(site, snapshot.judgement(site.name))}" for site in snapshot.sites]
    images = [image for image in snapshot.images if not image.refers_to]
    referrers = len(snapshot.images) - len(images)
    lines += _set_line("image", images, f" and {referrers} that sign or describe them" if referrers else "")
    lines += _set_line("file", snapshot.files)
    lines += [line for judged in snapshot.judgements for line in _refused(snapshot, judged)]
    if snapshot.locked:
        lines.append(f"  images and files as in snapshot {snapshot.locked}")
    if snapshot.broken_links:
        lines.append(f"  {count_text(len(snapshot.broken_links), 'broken link')} of the site itself:")
        links = (f"{link.status} {link.url}{_found_on(link.referrer)}" for link in snapshot.broken_links)
        lines += _shortened(links)
    moved = _moved(snapshot)
    if moved:
        lines.append(f"  {len(moved)} changed under the same name; earlier snapshots keep what was there:")
        lines += _shortened(f"{each.subject} was {each.was}, is {each.digest}" for each in moved)
    gone = [failure for failure in snapshot.failures if failure.code in KEPT_CODES]
    if gone:
        lines.append(f"  {len(gone)} GONE upstream, kept from before:")
        lines += _shortened(map(failure_line, gone))
    failed = [failure for failure in snapshot.failures if failure.code not in KEPT_CODES]
    if failed:
        lines.append(f"  {len(failed)} FAILED:")
        lines += _shortened(map(failure_line, failed))
    warnings = [line for site in result.report.sites for line in _warnings(site)]
    lines += warnings
    if result.report.missing or snapshot.broken_links or warnings:
        lines.append(f"  {_missing(result.report)}report: {result.paths.report_page(snapshot.id)}")
    return "\n".join(lines)


def _refused(snapshot: Snapshot, judged: Judgement) -> Iterator[str]:
    """Yield why what came of a source was refused, where it was."""
    if not judged.is_alarm:
        return
    yield f"  {judged.source} is {judged.verdict.upper()}: {printable(judged.reason)}"
    yield from (f"    {printable(example)}" for example in judged.examples)
    if judged.keeps:
        yield (
            f"    what was good before is kept; what came is in quarantine, and taken over by: "
            f"archiver accept {snapshot.project} {snapshot.id}"
        )


def _moved(snapshot: Snapshot) -> list[ImageResult | FileResult]:
    """Return what is something else now under the same reference or URL."""
    items: tuple[ImageResult | FileResult, ...] = (*snapshot.images, *snapshot.files)
    return [each for each in items if each.was]


def _set_line(name: str, items: Sequence[ImageResult | FileResult], more: str = "") -> Iterator[str]:
    """Yield a line about images or files, where there are some."""
    carried = sum(item.carried for item in items)
    gone = sum(bool(item.gone) for item in items)
    notes = [f"{carried} kept from before"] if carried else []
    notes += [f"{gone} gone upstream"] if gone else []
    note = f" ({', '.join(notes)})" if notes else ""
    if items:
        yield f"  {count_text(len(items), name)}{more}{note}"


def _missing(report: Report) -> str:
    """Say how much is missing, and why that is where the failures do not tell."""
    if not report.missing:
        return ""
    reasons = Counter[str]()
    for site in report.sites:
        reasons.update({each.reason: each.total for each in (*site.skipped, *site.unreached)})
    failed = report.missing - reasons.total()
    told = [f"{reason}: {count}" for reason, count in reasons.most_common()]
    told += [f"failed: {failed}"] if told and failed else []
    why = f" ({', '.join(told)})" if told else ""
    return f"{count_text(report.missing, 'thing')} missing{why}; "


def _site_line(site: SiteResult, judged: Judgement | None) -> str:
    retired = judged is not None and judged.retired
    notes = [f"{site.unchanged} unchanged"] if site.unchanged else []
    notes += [f"{site.carried} kept from before"] if site.carried else []
    notes += [f"{site.not_due} not due yet"] if site.not_due and not retired else []
    notes += [f"{site.gone} gone upstream"] if site.gone else []
    notes += ["retired"] if retired else []
    notes += [judged.verdict.upper()] if judged is not None and judged.is_alarm else []
    forbidden = site.skipped.get("robots", 0)
    notes += [f"robots.txt keeps {count_text(forbidden, 'URL')} out"] if forbidden else []
    notes += [
        f"{reason} reached, {count_text(site.skipped[reason], 'URL')} left out"
        for reason in REASONS
        if reason in site.skipped
    ]
    note = f" ({', '.join(notes)})" if notes else ""
    return f"site {site.name}: {count_text(site.pages, 'page')}, {count_text(site.requisites, 'requisite')}{note}"


def _warnings(site: SiteReport) -> Iterator[str]:
    """Yield what the keeper should know of pages that are here."""
    for marked in site.marked:
        if marked.reason == SCRIPT_ONLY:
            pages = count_text(marked.total, "page")
            yield f"  site {site.name}: {pages} with hardly any text before scripts ran: not searchable, such as {_first(marked)}"
        elif marked.reason == CATCH_ALL:
            yield f"  site {site.name}: the same page is answered for every URL of {_first(marked)}"


def _first(listing: Listing) -> str:
    return printable(listing.entries[0].url) if listing.entries else ""


def failure_line(failure: Failure) -> str:
    """Return a failure in a line, with its code in brackets; not yet fit to be printed."""
    message = failure.message.removeprefix(f"{failure.subject}: ")
    return f"{failure.source}: {failure.subject}: {message} [{failure.code}]{_found_on(failure.referrer)}"


def _found_on(referrer: str) -> str:
    return f"  (on {referrer})" if referrer else ""


def _shortened(lines: Iterable[str]) -> list[str]:
    shown = [f"    {printable(line)}" for line in lines]
    more = len(shown) - _MOST_LISTED
    return (
        shown if more <= 0 else [*shown[:_MOST_LISTED], f"    … and {more} more, all in the snapshot record"]
    )


def summary_json(result: RunResult, seconds: float) -> dict[str, Any]:
    """Return what a run did, for programs."""
    snapshot = result.snapshot
    return {
        "project": snapshot.project,
        "snapshot": snapshot.id,
        "complete": not snapshot.failures and snapshot.verdict == HEALTHY,
        "verdict": snapshot.verdict,
        "judgements": [asdict(judgement) for judgement in snapshot.judgements],
        "resumed": result.resumed,
        "pages": sum(site.pages for site in snapshot.sites),
        "requisites": sum(site.requisites for site in snapshot.sites),
        "captures": snapshot.captures,
        "carried": {
            "captures": sum(site.carried for site in snapshot.sites),
            "images": sum(image.carried for image in snapshot.images),
            "files": sum(file.carried for file in snapshot.files),
        },
        "skipped": {site.name: dict(site.skipped) for site in snapshot.sites},
        "unchanged": sum(site.unchanged for site in snapshot.sites),
        "not_due": sum(site.not_due for site in snapshot.sites),
        "bytes": result.bytes,
        "gone": {
            "captures": sum(site.gone for site in snapshot.sites),
            "images": sum(bool(image.gone) for image in snapshot.images),
            "files": sum(bool(file.gone) for file in snapshot.files),
        },
        "moved": [{"name": each.subject, "was": each.was, "is": each.digest} for each in _moved(snapshot)],
        "images": sum(not image.refers_to for image in snapshot.images),
        "referrers": sum(bool(image.refers_to) for image in snapshot.images),
        "files": len(snapshot.files),
        "locked": snapshot.locked,
        "missing": result.report.missing,
        "marked": {
            site.name: {marked.reason: marked.total for marked in site.marked} for site in result.report.sites
        },
        "report": str(result.paths.report(snapshot.id)),
        "failures": [vars(failure) for failure in snapshot.failures],
        "broken_links": [vars(link) for link in snapshot.broken_links],
        "seconds": round(seconds, 3),
    }
