"""Putting the report of a run together: its sites, its images, its files."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Iterable, Sequence

from archiver.core.report import MOST_MISSING, Entry, ItemReport, Listing, Report, SetReport
from archiver.core.snapshot import ImageResult

if TYPE_CHECKING:
    from archiver.core.report import SiteReport
    from archiver.core.snapshot import Failure, FileResult, Snapshot


def run_report(snapshot: Snapshot, sites: tuple[SiteReport, ...]) -> Report:
    """Return the report of a run.

    Args:
        snapshot: the record of the run.
        sites: what is reported of each doc site.
    """
    sets = (("images", snapshot.images), ("files", snapshot.files))
    reports = (_set_report(name, items, snapshot.failures) for name, items in sets)
    return Report(
        snapshot=snapshot.id,
        project=snapshot.project,
        title=snapshot.title,
        program=snapshot.program,
        started=snapshot.started,
        finished=snapshot.finished,
        sites=sites,
        sets=tuple(report for report in reports if report.items or report.failed),
        judgements=snapshot.judgements,
    )


def _set_report(
    name: str, results: Sequence[ImageResult | FileResult], failures: Iterable[Failure]
) -> SetReport:
    mine = (failure for failure in failures if failure.source == name)
    by_code = groupby(sorted(mine, key=attrgetter("code", "subject")), key=attrgetter("code"))
    items = [each for each in results if not (isinstance(each, ImageResult) and each.refers_to)]
    return SetReport(
        name,
        len(items),
        sum(item.carried for item in items),
        tuple(_listing(code, list(group)) for code, group in by_code),
        referrers=len(results) - len(items),
        gone=sum(bool(item.gone) for item in items),
        kept=tuple(map(_item, items)),
    )


def _item(result: ImageResult | FileResult) -> ItemReport:
    item = ItemReport(
        result.subject,
        result.digest,
        result.size,
        carried=result.carried,
        gone=result.gone,
        was=result.was,
    )
    if not isinstance(result, ImageResult):
        return item
    own = result.reference.startswith(f"{result.registry}/")
    return replace(
        item, platforms=tuple(filter(None, result.platforms)), source="" if own else result.registry
    )


def _listing(code: str, failures: list[Failure]) -> Listing:
    entries = (
        Entry(each.subject, each.message.removeprefix(f"{each.subject}: "), each.referrer)
        for each in failures[:MOST_MISSING]
    )
    return Listing(code, len(failures), tuple(entries))
