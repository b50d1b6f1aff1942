"""What a refresh of a project came to, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.collect.refresh import NotDue
from archiver.core.amounts import count_text, size_text
from archiver.core.errors import LockHeld
from archiver.core.printable import printable

if TYPE_CHECKING:
    from archiver.collect.run import RunResult
    from archiver.core.errors import ArchiverError
    from archiver.core.judgement import Judgement
    from archiver.core.snapshot import Failure, FileResult, Snapshot

_LONGEST = 300  # characters of a reason or a failure


def outcome_line(outcome: RunResult | NotDue, seconds: float) -> str:
    """Return what was refreshed, what is bad first."""
    if isinstance(outcome, NotDue):
        if outcome.until is None:
            return f"{outcome.project}: not due: all its sources are retired"
        return f"{outcome.project}: not due before {outcome.until:%Y-%m-%d %H:%M} UTC"
    snapshot = outcome.snapshot
    ill = {judgement.source for judgement in snapshot.judgements if judgement.is_alarm}
    failures = [
        failure for failure in snapshot.failures if failure.source not in ill
    ]  # the others are part of why
    bad = [*_ill(snapshot), *_failed(failures), *_replaced(snapshot.files)]
    parts = bad or ["healthy"]
    parts.append(f"snapshot {snapshot.id}: {', '.join(_amounts(snapshot))}")
    parts.append(f"{size_text(outcome.bytes)} received in {_took(seconds)}")
    if snapshot.failures or ill:
        parts.append(f"report: {outcome.paths.report_page(snapshot.id)}")
    return f"{snapshot.project}: {'; '.join(parts)}"


def failed_line(project: str, error: ArchiverError) -> str:
    """Return what ended the refresh of a project, or kept it from beginning."""
    what = "LOCKED" if isinstance(error, LockHeld) else "FAILED"
    return f"{project}: {what}: {printable(str(error), _LONGEST)} [{error.code}]"


def is_alarming(outcome: RunResult | NotDue) -> bool:
    """Say whether a refresh has something to tell that nobody should have to ask for, whatever its exit code.

    A file that is another one under the same name is: releases are not replaced, so it may be an attack.
    """
    return not isinstance(outcome, NotDue) and any(file.was for file in outcome.snapshot.files)


def _ill(snapshot: Snapshot) -> Iterator[str]:
    for judgement in snapshot.judgements:
        if judgement.is_alarm:
            reason = printable(judgement.reason, _LONGEST)
            such = f" (such as {printable(judgement.examples[0], _LONGEST)})" if judgement.examples else ""
            kept = f", kept as of {judgement.good}" if judgement.keeps else ""
            yield f"{judgement.source} {judgement.verdict.upper()}{_since(judgement, snapshot)}: {reason}{such}{kept}"


def _since(judgement: Judgement, snapshot: Snapshot) -> str:
    """Say since when, unless it is since this run."""
    return f" since {judgement.since[:10]}" if judgement.since and judgement.since < snapshot.started else ""


def _failed(failures: Sequence[Failure]) -> Iterator[str]:
    if failures:
        first = failures[0]
        told = printable(f"{first.subject}: {first.message.removeprefix(f'{first.subject}: ')}", _LONGEST)
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        yield f"{len(failures)} FAILED: {first.source}: {told} [{first.code}]{more}"


def _replaced(files: tuple[FileResult, ...]) -> Iterator[str]:
    replaced = [file.url for file in files if file.was]
    if replaced:
        yield f"{count_text(len(replaced), 'file')} REPLACED under the same name, such as {printable(replaced[0], _LONGEST)}"


def _amounts(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.sites:
        sites = snapshot.sites
        unchanged = sum(site.unchanged for site in sites)
        yield count_text(sum(site.pages for site in sites), "page")
        yield f"{sum(site.fetched for site in sites) - unchanged:,} URLs new or changed"
        yield f"{unchanged:,} unchanged"
        not_due = sum(site.not_due for site in sites)
        if not_due:
            yield f"{not_due:,} not due"
    images = sum(not image.refers_to for image in snapshot.images)
    if images:
        moved = sum(bool(image.was) for image in snapshot.images)
        yield count_text(images, "image") + (f" ({moved} moved)" if moved else "")
    if snapshot.files:
        yield count_text(len(snapshot.files), "file")


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
