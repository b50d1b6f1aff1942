"""A snapshot's view: this run's results, and what an earlier snapshot had that this run could not get.

Pure functions. The rule behind them all: nothing that failed replaces something good.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Callable, Collection, Container, Iterable, Mapping, Sequence, TypeVar
from urllib.parse import urlsplit

from archiver.collect.statuses import GONE_STATUSES
from archiver.core.capture import PAGE
from archiver.core.descriptor import Platform
from archiver.core.errors import PageMoved
from archiver.core.printable import printable
from archiver.core.reasons import NOT_THE_FILE, PARKED, SOFT_404, TAKEN_DOWN
from archiver.core.report import KEPT_CODES
from archiver.core.urlidentity import twins_key

if TYPE_CHECKING:
    from archiver.collect.guard.evidence import Answer
    from archiver.core.capture import Capture
    from archiver.core.judgement import Judgement
    from archiver.core.report import SiteReport
    from archiver.core.snapshot import BrokenLink, Failure, FileResult, ImageResult, SiteResult

_Result = TypeVar("_Result", bound="ImageResult | FileResult")
_GONE = frozenset(str(int(status)) for status in GONE_STATUSES)
_NOWHERE = "redirects to {}, which leads to nothing"
_NOT_THERE = frozenset({SOFT_404, PARKED, NOT_THE_FILE})


def merged_captures(
    previous: Iterable[Capture],
    current: Iterable[Capture],
    in_scope: Callable[[str], bool],
    vanished: Container[str] = (),
    moment: str = "",
    *,
    astray: Container[str] = (),
) -> tuple[list[Capture], int]:
    """Return the view of a healthy site and how many of its entries are carried over.

    Every capture of this run is in it, unless the URL vanished or went astray. Of the previous view, what this run did not capture is
    carried over, except pages that the spec no longer asks for; what vanished is marked.

    Args:
        previous: the site's captures in the last good snapshot.
        current: this run's captures.
        in_scope: whether the spec still asks for a page.
        vanished: URLs of the previous view that upstream has no longer, by what it answered this time.
        moment: when that was, timestamp14; what was known to be gone already keeps its date.
        astray: URLs that lead to nothing this time, though they may again.
    """
    view = {
        capture.url: capture
        for capture in current
        if capture.url not in vanished and capture.url not in astray
    }
    fetched = len(view)
    for capture in previous:
        if capture.url not in view and (capture.kind != PAGE or in_scope(capture.url)):
            is_lost = capture.url in vanished and not capture.gone
            view[capture.url] = replace(capture, gone=moment) if is_lost else capture
    return list(view.values()), len(view) - fetched


def vanished(answers: Iterable[Answer]) -> dict[str, str]:
    """Return the URLs of the last good snapshot's view that upstream has no longer, by what it answered.

    It says so by 404, 410 or 451, by an error page, a parked one or a notice in place of the page, or by a redirect to where the
    spec does not follow it, or to a front page: a seed, where a seed leads, or the root of a host. A site that as a whole
    is not healthy is another matter: of that nothing vanishes.

    Args:
        answers: what came of each URL that was asked for.

    Returns:
        By URL what it does in place of what it did, as the rest of a sentence; empty where that was told as a failure.
    """
    found: dict[str, str] = {}
    led: dict[str, str] = {}
    fronts: set[str] = set()
    for answer in answers:
        if answer.seed:
            fronts.add(twins_key(answer.url))
        if answer.earlier is None:
            continue
        has_moved = answer.code == PageMoved.code and not answer.seed
        if _is_not_there(answer) or has_moved:
            found[answer.url] = ""
        elif answer.mark == TAKEN_DOWN:
            found[answer.url] = "shows a notice in place of what it had"
        elif answer.target and not answer.seed and _had_content(answer.earlier):
            led[answer.url] = answer.target
    for url, target in led.items():
        if _is_front(url, target, fronts):
            found[url] = f"redirects to the front page, {printable(target)}"
    return found


def led_to_nothing(
    answers: Iterable[Answer], current: Container[str], earlier: Container[str]
) -> tuple[dict[str, str], frozenset[str]]:
    """Return the URLs that had content, and redirect now to where nothing came: what they had is not to be replaced.

    Args:
        answers: what came of each URL that was asked for.
        current: the URLs that this run captured.
        earlier: those of the last good snapshot: what is among them and was not asked for is there.

    Returns:
        By URL what it does in place of what it did, as ``vanished`` does, where upstream has nothing at the end of the
        redirects; and the URLs where that cannot be told, because what is there fails, was left out, or is a seed's.
    """
    odd = {each.url: each for each in answers if each.target or each.capture is None or _redirects(each)}
    gone: dict[str, str] = {}
    unclear: set[str] = set()
    for url, answer in odd.items():
        if answer.earlier is None or answer.earlier.status != "200" or not _redirects(answer):
            continue
        end = _end(url, odd)
        last = odd.get(end)
        if last is None and (end in current or end in earlier):
            continue
        if last is None or answer.seed or not (_redirects(last) or _is_not_there(last)):
            unclear.add(url)
        else:  # what a page needs is told of with what it leads to
            gone[url] = _NOWHERE.format(printable(answer.target)) if answer.kind == PAGE else ""
    return gone, frozenset(unclear)


def _end(url: str, answers: Mapping[str, Answer]) -> str:
    """Return where redirects lead to; one of them, where they are a circle or lead out of what is asked for."""
    seen: set[str] = set()
    while (answer := answers.get(url)) and _redirects(answer) and answer.target and url not in seen:
        seen.add(url)
        url = answer.target
    return url


def _redirects(answer: Answer) -> bool:
    return answer.capture is not None and answer.capture.status.startswith("3")


def _is_not_there(answer: Answer) -> bool:
    return answer.status in _GONE or answer.mark in _NOT_THERE


def _is_front(url: str, target: str, fronts: Container[str]) -> bool:
    place, parts = twins_key(target), urlsplit(target)
    is_root = parts.path in ("", "/") and not parts.query
    return place != twins_key(url) and (is_root or place in fronts)


def _had_content(capture: Capture) -> bool:
    return (capture.kind, capture.status) == (PAGE, "200")


@dataclass(frozen=True)
class Sites:
    """What a run has of the doc sites, and says about them.

    Of a site that is not healthy ``captures`` are those of the last good snapshot; what came is in quarantine.
    """

    results: tuple[SiteResult, ...] = ()
    captures: tuple[Capture, ...] = ()
    failures: tuple[Failure, ...] = ()
    broken_links: tuple[BrokenLink, ...] = ()
    reports: tuple[SiteReport, ...] = ()
    judgements: tuple[Judgement, ...] = ()

    def and_those(self, others: Sites) -> Sites:
        """Return both together."""
        return Sites(*(getattr(self, each.name) + getattr(others, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Wanted:
    """Which images or files a spec asks for, as far as is known.

    Attributes:
        digests: by reference or URL the digest that it must have; empty where any will do.
        complete: whether that is all. It is not where a list could not be had: then anything may still be wanted.
    """

    digests: Mapping[str, str]
    complete: bool = True

    def allows(self, earlier: ImageResult | FileResult) -> bool:
        """Say whether an earlier result may stand in for one that this run did not get."""
        if earlier.subject not in self.digests:
            return not self.complete
        return self.digests[earlier.subject] in ("", earlier.digest)


def with_carried(wanted: Wanted, got: Sequence[_Result], previous: Iterable[_Result]) -> tuple[_Result, ...]:
    """Return this run's images or files, and behind them what stands in for those it could not get, marked.

    Args:
        wanted: what the spec asks for.
        got: this run's results.
        previous: those of the last good snapshot.
    """
    here = {each.subject for each in got}
    kept = (each for each in previous if each.subject not in here and wanted.allows(each))
    return (*got, *(replace(each, carried=True) for each in kept))


def with_referrers(view: Sequence[ImageResult], previous: Iterable[ImageResult]) -> tuple[ImageResult, ...]:
    """Return images, and behind them the earlier signatures, SBOMs and attestations of theirs that are not there, marked.

    What was signed once stays so, also where upstream offers the signature no longer.

    Args:
        view: a snapshot's images, with what stands in for those that this run could not get.
        previous: those of the last good snapshot.
    """
    result = list(view)
    here = {each.reference for each in view}
    about = {digest for each in view for digest in (each.digest, *each.manifests)}
    left = [each for each in previous if each.refers_to and each.reference not in here]
    while kept := [each for each in left if each.refers_to in about]:
        result += (replace(each, carried=True) for each in kept)
        about.update(each.digest for each in kept)  # an SBOM may be signed as well
        left = [each for each in left if each not in kept]
    return tuple(result)


def with_gone(results: Iterable[_Result], gone: Collection[str], moment: str) -> tuple[_Result, ...]:
    """Return images or files, those marked that upstream has no longer.

    Args:
        results: a snapshot's.
        gone: the references or URLs that upstream said this time not to have.
        moment: when; what was known to be gone already keeps its date.
    """
    return tuple(
        replace(each, gone=each.gone or moment) if each.carried and each.subject in gone else each
        for each in results
    )


def failing_still(failures: Iterable[Failure], previous: Iterable[_Result]) -> tuple[Failure, ...]:
    """Return failures without those that say of an image or file that it is gone, where that was known: it is told once.

    Args:
        failures: a run's.
        previous: the images or files of the last good snapshot.
    """
    known = {each.subject for each in previous if each.gone}
    return tuple(each for each in failures if not (each.code in KEPT_CODES and each.subject in known))


def without_refused(
    results: Iterable[_Result], failures: Iterable[Failure], previous: Iterable[_Result]
) -> tuple[_Result, ...]:
    """Return the images or files of the last good snapshot, in place of those of a run that the guard refused.

    Args:
        results: what there would be; what they say to be gone upstream is marked all the same.
        failures: of the run. What failed and had no stand-in has none here: the spec wants another digest by now.
        previous: those of the last good snapshot.
    """
    instead = {each.subject: each for each in results}
    unwanted = {failure.subject for failure in failures} - instead.keys()
    gone = {subject: each.gone for subject, each in instead.items() if each.carried}
    return tuple(
        replace(each, carried=True, was="", gone=each.gone or gone.get(each.subject, ""))
        for each in previous
        if each.subject not in unwanted
    )


def with_moves(results: Iterable[_Result], previous: Iterable[_Result]) -> tuple[_Result, ...]:
    """Return images or files, those marked that are something else now under the same reference or URL.

    Args:
        results: a snapshot's.
        previous: those of the last good snapshot.
    """
    before = {each.subject: each.digest for each in previous}
    return tuple(
        replace(each, was=earlier if (earlier := before.get(each.subject, "")) != each.digest else "")
        for each in results
    )


def falls_short(
    now: ImageResult, earlier: ImageResult, wanted: Sequence[Platform], failed: Collection[Platform | None]
) -> bool:
    """Say whether an image lacks, because of a failure, what its earlier copy has and the spec still asks for.

    What upstream no longer offers is no failure: then the new image counts.

    Args:
        now: what this run got of the reference.
        earlier: what an earlier one got.
        wanted: the platforms that the spec asks for; none of them stand for all.
        failed: the platforms that could not be got; None stands for any, where it is not known which one failed.
    """

    def count(image: ImageResult, platform: str) -> int:
        return sum(_alike(each, platform) for each in image.platforms)

    return any(
        count(now, platform) < count(earlier, platform)
        and any(lost is None or _alike(str(lost), platform) for lost in failed)
        for platform in earlier.platforms
        if not (platform and wanted) or any(Platform.parse(platform).matches(each) for each in wanted)
    )


def _alike(one: str, other: str) -> bool:
    """Compare platforms, of which one may name its variant and the other not; artifacts have empty ones."""
    if not one or not other:
        return one == other
    first, second = Platform.parse(one), Platform.parse(other)
    return first.matches(second) or second.matches(first)
