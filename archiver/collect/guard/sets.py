"""Putting together what a run saw of images or files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Iterable, TypeVar

from archiver.collect.guard.evidence import SetEvidence
from archiver.collect.guard.kinds import MISSING, UNREACHABLE, kind_of_absence, kind_of_failure, losses
from archiver.core.judgement import HEALTHY
from archiver.core.reference import Reference
from archiver.core.snapshot import ImageResult
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from archiver.core.judgement import Judgement
    from archiver.core.snapshot import Failure, FileResult

_Result = TypeVar("_Result", "ImageResult", "FileResult")


def set_evidence(
    before: Iterable[_Result],
    after: Iterable[_Result],
    failures: Iterable[Failure],
    earlier: Judgement | None,
) -> SetEvidence:
    """Return what a run saw of the images or files of a project.

    Signatures, SBOMs and attestations do not count: they come and go with what they are about.

    Args:
        before: those of the last good snapshot.
        after: those that this run comes to: what it got, and what is carried over and perhaps gone; what the spec asks
            for no longer is not among them.
        failures: this run's.
        earlier: what was judged of them last: what went since it is not healthy was there to be lost; None where nothing was.
    """
    codes = {failure.subject: failure.code for failure in failures}
    had = {each.subject: each for each in before if not _is_referrer(each)}
    now = {each.subject: each for each in after if not _is_referrer(each)}
    good = {subject for subject, each in had.items() if not each.gone or _went_since(each, earlier)}
    asked = sorted(good & now.keys())
    lost = []
    for subject in asked:
        if now[subject].carried:
            kind = MISSING if now[subject].gone else kind_of_failure(codes.get(subject, ""))
            lost.append((kind, _host(now[subject]), subject))
    hosts = Counter(_host(now[subject]) for subject in asked)
    found = losses(lost)
    return SetEvidence(
        before=len(asked),
        unwanted=len(good) - len(asked),
        asked=len(asked),
        lost=found,
        new=sum(not each.carried for subject, each in now.items() if subject not in good),
        vanished=next(iter(losses((MISSING, "", each) for each in had.keys() - good)), None),
        hosts=len(hosts),
        unreachable=tuple(
            loss for loss in found if loss.kind == UNREACHABLE and loss.count == hosts[loss.place]
        ),
        unmet=losses((kind_of_absence(code), "", each) for each, code in codes.items() if each not in had),
    )


def _is_referrer(result: ImageResult | FileResult) -> bool:
    return isinstance(result, ImageResult) and bool(result.refers_to)


def _went_since(result: ImageResult | FileResult, earlier: Judgement | None) -> bool:
    return earlier is not None and earlier.verdict != HEALTHY and result.gone >= earlier.since


def _host(result: ImageResult | FileResult) -> str:
    if isinstance(result, ImageResult):
        return Reference.parse(result.reference).registry
    return Origin.of(result.url).netloc
