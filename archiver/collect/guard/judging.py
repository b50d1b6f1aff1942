"""The guard's rules: from evidence to a verdict, with a sentence that says why.

docs/refreshing.md has them as a table, docs/decisions/0029-the-guard.md the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.collect.guard.kinds import (
    LOGIN_PAGE,
    NOTICE,
    OTHER_HOST,
    PARKED_DOMAIN,
    examples_of,
)
from archiver.core.amounts import count_text
from archiver.core.clock import iso, parse_snapshot_id
from archiver.core.judgement import DEGRADED, GONE, HEALTHY, IMAGES, VERDICTS, Judgement
from archiver.core.printable import printable

if TYPE_CHECKING:
    from datetime import datetime

    from archiver.collect.guard.evidence import Evidence, SetEvidence, SiteEvidence
    from archiver.collect.guard.kinds import Loss
    from archiver.collect.guard.thresholds import Thresholds

_TELLING = frozenset({NOTICE, LOGIN_PAGE, PARKED_DOMAIN})  # a seed that shows this speaks for the site
_MOST_TOLD = 4  # kinds of loss in a sentence
_LONGEST_PLACE = 200  # characters


@dataclass(frozen=True)
class _Finding:
    """What one rule makes of the evidence: a verdict that is not healthy, why, and what shows it."""

    verdict: str
    reason: str
    shown: tuple[Loss, ...]


def judge_site(
    source: str,
    evidence: SiteEvidence,
    thresholds: Thresholds,
    earlier: Judgement | None,
    run: str,
    *,
    moment: datetime | None = None,
) -> Judgement:
    """Judge a doc site.

    Args:
        source: its name.
        evidence: what the run saw of it.
        thresholds: where the lines are.
        earlier: what was judged of it last; None where nothing was.
        run: the id of the run.
        moment: when the run began; None for the second that it is named for.
    """
    case = _Case("page", evidence, thresholds, _peak(evidence, earlier))
    return case.judgement(
        source,
        [
            *_of_seeds(case, evidence),
            *case.findings(),
            *_of_text(case, evidence),
            *_of_wording(case, evidence),
        ],
        earlier,
        run,
        moment,
    )


def judge_set(
    source: str,
    evidence: SetEvidence,
    thresholds: Thresholds,
    earlier: Judgement | None,
    run: str,
    *,
    moment: datetime | None = None,
) -> Judgement:
    """Judge the images or files of a project; the arguments are those of ``judge_site``.

    Args:
        source: ``images`` or ``files``.
        evidence: what the run saw of them.
        thresholds: where the lines are.
        earlier: what was judged of them last; None where nothing was.
        run: the id of the run.
        moment: when the run began; None for the second that it is named for.
    """
    case = _Case("image" if source == IMAGES else "file", evidence, thresholds, _peak(evidence, earlier))
    return case.judgement(source, [*_of_hosts(case, evidence), *case.findings()], earlier, run, moment)


@dataclass(frozen=True)
class _Case:
    """What is judged in the same way of pages, images and files: by numbers alone.

    Attributes:
        noun: what they are.
        peak: the most that there ever were of those that the spec still asks for.
    """

    noun: str
    evidence: Evidence
    limits: Thresholds
    peak: float

    def findings(self) -> Iterator[_Finding]:
        """Yield what the numbers come to."""
        evidence, limits = self.evidence, self.limits
        lost = evidence.lost_count - evidence.new
        elsewhere = sum(loss.count for loss in evidence.lost if loss.kind == OTHER_HOST)
        if evidence.may_be_gone and self.exceeds(lost - elsewhere, evidence.asked, limits.gone):
            yield _Finding(GONE, self.told, evidence.lost)
        if self.exceeds(lost, evidence.asked, limits.lost):
            yield _Finding(
                DEGRADED, _moved(self.moved, self.told) if self.moved else self.told, evidence.lost
            )
        if self.has_decayed:
            reason = f"of the {count_text(round(self.peak), self.noun)} that there once were {evidence.alive:,} are left"
            yield _Finding(DEGRADED, reason, (*evidence.lost, *filter(None, [evidence.vanished])))

    @property
    def has_decayed(self) -> bool:
        """Whether much less is left than there once was, however slowly it went."""
        limit, left = self.limits.decayed, self.evidence.alive
        return limit is not None and self.peak - left >= self.limits.least and left < (1 - limit) * self.peak

    def exceeds(self, hits: int, asked: int, limit: float | None) -> bool:
        """Say whether the share of what was hit is over a limit."""
        return self.limits.exceeded(limit, hits, asked, self.evidence.before)

    @property
    def told(self) -> str:
        """A clause that says how much is lost, and what became of it."""
        evidence, lost = self.evidence, self.evidence.lost
        in_all = f", of {evidence.before:,} in all," if evidence.asked < evidence.before else ""
        which = _of_them(evidence.lost_count, evidence.asked, (self.noun, f"{self.noun}s"))
        which = f"{which} asked for{in_all}"
        said = lost[0].clause if len(lost) == 1 else f"are lost: {_listed(lost)}"
        instead = f"; {count_text(evidence.new, 'new one')} do not make up for that" if evidence.new else ""
        return f"{which} {said}{instead}"

    @property
    def moved(self) -> str:
        """The place that most of what is lost leads to on another host; empty where it does not."""
        place = next((loss for loss in self.evidence.lost if loss.kind == OTHER_HOST), None)
        return place.place if place is not None and 2 * place.count > self.evidence.lost_count else ""

    def judgement(
        self,
        source: str,
        findings: Sequence[_Finding],
        earlier: Judgement | None,
        run: str,
        moment: datetime | None,
    ) -> Judgement:
        """Return what the findings come to; of several equally grave ones the first is told."""
        checked, alive = iso(moment or parse_snapshot_id(run)), self.evidence.alive
        if not findings:
            peak = max(round(self.peak), alive)
            return Judgement(source, HEALTHY, checked=checked, good=run, alive=alive, peak=peak)
        worst = min(findings, key=lambda finding: VERDICTS.index(finding.verdict))
        return Judgement(
            source=source,
            verdict=worst.verdict,
            reason=worst.reason,
            examples=examples_of(worst.shown),
            checked=checked,
            since=(earlier.since if earlier else "") or checked,
            good=earlier.good if earlier else "",
            alive=alive,
            peak=earlier.peak if earlier else alive,  # what is refused is no more than there ever was
        )


def _of_seeds(case: _Case, evidence: SiteEvidence) -> Iterator[_Finding]:
    """Yield what the seeds alone come to, also of a site that there is nothing to compare with."""
    lost = evidence.seeds_lost
    more = evidence.lost_count > sum(loss.count for loss in lost)  # than the seeds, which are pages, too
    shown = (*lost, *evidence.lost)
    count = evidence.seeds_asked
    if lost and not evidence.seeds:
        what = f"the seed {lost[0].clause}"
        if count > 1:
            what = f"none of the {count:,} seeds gives a page: {_listed(lost)}"
        place = next((loss.place for loss in lost if loss.kind == OTHER_HOST), "")
        if place:
            yield _Finding(DEGRADED, _moved(place, case.told if more else what), shown)
        else:
            yield _Finding(GONE, f"{what}; {case.told}" if more else what, shown)
    elif case.limits.lost is not None and (telling := [loss for loss in lost if loss.kind in _TELLING]):
        what = f"the seed {telling[0].clause}" if count == 1 else f"of {count:,} seeds {_listed(telling)}"
        yield _Finding(DEGRADED, f"{what}; {case.told}" if more else what, shown)


def _moved(place: str, what: str) -> str:
    return f"it seems to have moved to {printable(place, _LONGEST_PLACE)}: {what}; name that in the spec's seeds if it has"


def _of_text(case: _Case, evidence: SiteEvidence) -> Iterator[_Finding]:
    """Yield what the pages come to that answer, and have lost their text; those that are lost have lost it, too."""
    collapsed, lost = evidence.collapsed, max(0, evidence.lost_count - evidence.new)
    if collapsed is None:
        return
    if case.exceeds(collapsed.count + lost, evidence.measured + lost, case.limits.collapsed):
        which = _of_them(collapsed.count, evidence.measured, ("page that answers", "pages that answer"))
        further = f"; {case.told}" if evidence.lost else ""
        yield _Finding(DEGRADED, f"{which} {collapsed.clause}{further}", (collapsed, *evidence.lost))


def _of_wording(case: _Case, evidence: SiteEvidence) -> Iterator[_Finding]:
    """Yield what the pages come to that answer, and say other things: whose site is it now?"""
    replaced = evidence.replaced
    if replaced is None or not case.exceeds(replaced.count, evidence.compared, case.limits.replaced):
        return
    which = _of_them(
        replaced.count, evidence.compared, ("page that was compared", "pages that were compared")
    )
    further = f"; {case.told}" if evidence.lost else ""
    yield _Finding(DEGRADED, f"{which} {replaced.clause}{further}", (replaced, *evidence.lost))


def _of_hosts(case: _Case, evidence: SetEvidence) -> Iterator[_Finding]:
    """Yield what the registries or servers come to: one that could not be reached at all, or all that gave nothing."""
    silent, noun = evidence.unreachable, "registry" if case.noun == "image" else "server"
    nothing = GONE if evidence.may_be_gone else DEGRADED
    if evidence.unmet and not evidence.asked and not evidence.new:
        yield _Finding(nothing, f"nothing of it could be had: {_listed(evidence.unmet)}", evidence.unmet)
    elif evidence.lost and evidence.lost_count == evidence.asked and not evidence.new:
        what = f"no {noun} can be reached; " if len(silent) == evidence.hosts else ""
        yield _Finding(nothing, f"{what}{case.told}", evidence.lost)
    elif case.limits.lost is not None and any(loss.count >= case.limits.least for loss in silent):
        what = f"{len(silent):,} of {count_text(evidence.hosts, noun)} cannot be reached"
        yield _Finding(DEGRADED, f"{what}; {case.told}", (*silent, *evidence.lost))


def _of_them(count: int, of: int, nouns: tuple[str, str]) -> str:
    """Return which of some pages are meant, or that all are; the nouns are for one of them and for several."""
    if count < of:
        return f"{count:,} of the {of:,} {nouns[1]}"
    return {1: f"the only {nouns[0]}", 2: f"both {nouns[1]}"}.get(of, f"all {of:,} {nouns[1]}")


def _peak(evidence: Evidence, earlier: Judgement | None) -> float:
    """Return the most that there ever was, as far as the spec still asks for it."""
    had = evidence.before + evidence.unwanted
    most = earlier.peak if earlier is not None else had
    return most * evidence.before / had if had else float(most)


def _listed(lost: Sequence[Loss]) -> str:
    """Return how many of them became what."""
    told = [f"{loss.count:,} {loss.clause}" for loss in lost[:_MOST_TOLD]]
    others = sum(loss.count for loss in lost[_MOST_TOLD:])
    return ", ".join([*told, f"{others:,} in other ways"] if others else told)
