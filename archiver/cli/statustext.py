"""How projects are, in words: a table of all, or all there is to say of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Iterator, Mapping, Sequence

from archiver.cli.table import Column, table_lines
from archiver.cli.wrapping import BOLD, FAINT, PLAIN, RED, WARNING
from archiver.core.amounts import count_text, size_text, span_text
from archiver.core.clock import parse_iso
from archiver.core.judgement import HEALTHY
from archiver.core.printable import printable
from archiver.offline.exitcodes import (
    COMPLETE,
    FAILURES,
    INTERNAL_ERROR,
    INTERRUPTED,
    SOURCE_GONE,
    STORAGE,
    USAGE,
    VERIFICATION_FAILED,
)

if TYPE_CHECKING:
    from archiver.cli.wrapping import Terminal
    from archiver.core.judgement import Judgement
    from archiver.store.lastrun import LastRun
    from archiver.store.status import ProjectStatus

NEVER = "never good"
RETIRED = "retired"
_COLUMNS = (
    Column("HEALTH"),
    Column("LAST RUN", right=True),
    Column("ENDED", keep=1),
    Column("LAST GOOD (UTC)", keep=2),
    Column("AGE", right=True),
    Column("SIZE", right=True),
    Column("NEXT DUE", right=True),
    Column("PROJECT"),
)
_SOURCE_COLUMNS = (
    Column("HEALTH"),
    Column("ASKED", right=True),
    Column("LAST GOOD", right=True),
    Column("UPSTREAM HAS", right=True, keep=2),
    Column("HAD AT MOST", right=True, keep=1),
    Column("SOURCE"),
)
_ENDINGS = {
    INTERNAL_ERROR: "a bug",
    USAGE: "bad spec",
    FAILURES: "failures",
    SOURCE_GONE: "refused",
    VERIFICATION_FAILED: "damage",
    STORAGE: "storage",
    INTERRUPTED: "interrupted",
}
_RUNS = 3  # refused ones that are named, the newest: what is gone is refused each night
_LATE = timedelta(days=1)
_INDENT = "  "


def table_text(
    statuses: Sequence[ProjectStatus], shared: Mapping[str, int], free: int, now: datetime, terminal: Terminal
) -> str:
    """Return all projects in a table, with what is wrong below each.

    Args:
        statuses: the projects.
        shared: by name what each takes of the common store, in bytes.
        free: the bytes that are free where the archive is.
        now: the time.
        terminal: where it is to be shown.
    """
    if not statuses:
        return "no projects yet"
    heading, *rows = table_lines(
        _COLUMNS, [_row(status, shared, now) for status in statuses], width=terminal.width
    )
    lines = [terminal.styled(heading, BOLD)]
    for status, row in zip(statuses, rows):
        ill = status.verdict != HEALTHY
        lines.append(terminal.styled(row, RED if ill else PLAIN))
        lines += _troubles(status, now, terminal)
    lines += rows[len(statuses) :]
    total = sum(status.folder for status in statuses) + sum(shared.values())
    of = f"{count_text(len(statuses), 'project')}, {size_text(total)}; {size_text(free)} free"
    return "\n".join([*lines, terminal.styled(of, FAINT)])


def project_text(status: ProjectStatus, shared: Mapping[str, int], now: datetime, terminal: Terminal) -> str:
    """Return all there is to say of one project; the arguments are those of ``table_text``."""
    title = f": {printable(status.title)}" if status.title != status.name else ""
    lines = [terminal.styled(f"{status.name}{title}", BOLD)]
    for label, text in _facts(status, shared, now):
        lines += terminal.lines([(text, PLAIN)], first=f"{_INDENT}{label:12} ")
    if status.judgements:
        lines.append("")
        rows = [_source_row(status, judgement, now) for judgement in status.judgements]
        heading, *told = table_lines(_SOURCE_COLUMNS, rows, width=terminal.width, indent=_INDENT)
        lines.append(terminal.styled(heading, BOLD))
        ill = [judgement.is_alarm for judgement in status.judgements]
        lines += [terminal.styled(row, RED if bad else PLAIN) for row, bad in zip(told, ill)]
        lines += told[len(ill) :]
    troubles = list(_troubles(status, now, terminal, examples=True))
    return "\n".join([*lines, *([""] if troubles else []), *troubles])


def health_text(status: ProjectStatus) -> str:
    """Return a project's health in a word or two: ``healthy``, ``degraded``, ``gone``, ``retired``, or that nothing good was had."""
    return RETIRED if status.is_retired else status.verdict or NEVER


def due_text(status: ProjectStatus, now: datetime) -> str:
    """Return when a project is due again: ``in 5 h``, ``now``, ``never``, or for how long it has been; empty where nobody knows."""
    run = status.last_run
    if run is None:
        return ""
    if status.is_retired:
        return "never"
    due = _moment(run.due)
    if due is None and status.has_accepted:  # the next run finds it healthy, and says until when
        return ""
    if due is None or due <= now <= due + _LATE:
        return "now"
    return f"in {span_text((due - now).total_seconds())}" if due > now else f"{_span(due, now)} late"


def _row(status: ProjectStatus, shared: Mapping[str, int], now: datetime) -> Sequence[str]:
    good = _moment(status.last_good)
    return (
        _loud(health_text(status)),
        _ago(status.last_run.finished if status.last_run else "", now),
        _ending(status),
        f"{good:%Y-%m-%d %H:%M}" if good else "",
        _span(good, now) if good else "",
        size_text(status.folder + shared[status.name]),
        due_text(status, now),
        status.name,
    )


def _source_row(status: ProjectStatus, judgement: Judgement, now: datetime) -> Sequence[str]:
    return (
        RETIRED if judgement.retired else _loud(judgement.verdict),
        _ago(judgement.checked, now),
        _ago(status.healthy_last(judgement), now) or "never",
        f"{judgement.alive:,}",
        f"{judgement.peak:,}",
        printable(judgement.source),
    )


def _facts(status: ProjectStatus, shared: Mapping[str, int], now: datetime) -> Iterator[tuple[str, str]]:
    yield "health", _loud(health_text(status))
    run = status.last_run
    if run is not None:
        took = f"took {span_text(run.seconds)}" + (
            f", {size_text(run.received)} received" if run.received else ""
        )
        yield (
            "last run",
            f"{_when(run.finished, now)}: {_run_ending(run)} (exit code {run.exit_code}), {took}",
        )
    if status.has_accepted and status.newest is not None:
        said = f"what was refused in {status.newest.accepted}, as snapshot {status.newest.id}"
        yield "accepted", f"{_when(status.newest.finished, now)}: {said}"
    yield "last good", _when(status.last_good, now) or "never"
    if status.good:
        yield "handed over", f"snapshot {status.good}, of {count_text(len(status.snapshots), 'snapshot')}"
    if run is not None:
        due = _when(run.due, now, "")
        text = f"{due_text(status, now)}{f' ({due})' if due else ''}"
        yield "next due", text or "the next refresh says when"
    share, all_blobs = shared[status.name], status.blob_bytes
    others = f", and {size_text(all_blobs - share)} that other projects carry" if all_blobs > share else ""
    rest = status.folder - status.warc
    kinds = {"WARC files": status.warc, "indexes and records": rest, "images and files": share}
    yield "size", f"{size_text(status.folder + share)}: " + _listed(kinds) + others


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{what} {size_text(size)}" for what, size in sizes.items())


def _troubles(
    status: ProjectStatus, now: datetime, terminal: Terminal, *, examples: bool = False
) -> Iterator[str]:
    """Yield what is wrong with a project, in lines that fit."""
    for judgement in status.judgements:
        if judgement.is_alarm:
            since = f" since {judgement.since[:10]}" if judgement.since else ""
            kept = f"; kept as of {judgement.good}" if judgement.keeps else ""
            said = [
                (f"{judgement.source}: {judgement.verdict}{since}", WARNING),
                (f": {judgement.reason}{kept}", PLAIN),
            ]
            yield from terminal.lines(said, first=_INDENT * 2)
            for example in judgement.examples if examples else ():
                yield from terminal.lines([(example, FAINT)], first=_INDENT * 3)
    for text in _sayings(status, now):
        yield from terminal.lines([(text, PLAIN)], first=_INDENT * 2)


def _sayings(status: ProjectStatus, now: datetime) -> Iterator[str]:
    for judgement in status.judgements:
        if judgement.retired:
            since = f" since {judgement.since[:10]}" if judgement.since else ""
            yield f"{judgement.source} is retired: it stays as it is, and is not asked any more (last: {judgement.verdict}{since})"
    run = status.last_run
    if run is not None and run.error:
        yield f"the last run, {_ago(run.finished, now)}, ended with: {run.error} [{run.error_code}]"
    elif status.failures:
        yield f"{count_text(status.failures, 'thing')} could not be had: the newest report in snapshots/ lists them"
    due = _moment(run.due) if run is not None else None
    if due is not None and now > due + _LATE:
        yield f"nothing has run since something was due, {_span(due, now)} ago: look whether refresh is still called"
    if status.unfinished:
        yield (
            f"the run begun {_ago(status.unfinished, now)} is not finished: it is under way, "
            "or the next one goes on with it"
        )
    if status.refused:
        more = f"{len(status.refused) - _RUNS} more and " if len(status.refused) > _RUNS else ""
        yield f"refused, and kept as evidence: what came in {more}{', '.join(status.refused[-_RUNS:])}"
    yield from status.problems


def _ending(status: ProjectStatus) -> str:
    if status.has_accepted:
        return "accepted"
    return _run_ending(status.last_run) if status.last_run else ""


def _run_ending(run: LastRun) -> str:
    if run.exit_code == COMPLETE:
        return "complete" if run.snapshot else "not due"
    return _ENDINGS.get(run.exit_code, f"exit code {run.exit_code}")


def _loud(health: str) -> str:
    """Return a verdict so that a bad one is seen without colours."""
    return health if health in (HEALTHY, RETIRED) else health.upper()


def _when(text: str, now: datetime, ago: str = " ago") -> str:
    moment = _moment(text)
    if moment is None:
        return ""
    return f"{moment:%Y-%m-%d %H:%M} UTC" + (f", {_span(moment, now)}{ago}" if ago else "")


def _ago(text: str, now: datetime) -> str:
    moment = _moment(text)
    return f"{_span(moment, now)} ago" if moment else ""


def _span(moment: datetime, now: datetime) -> str:
    return span_text((now - moment).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        return parse_iso(text)
    except ValueError:  # empty, or of a damaged record
        return None
