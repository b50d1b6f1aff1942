"""A snapshot's view: this run's results, and what an earlier snapshot had that this run could not get.

Pure functions. The rule behind them all: nothing that failed replaces something good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Collection, Iterable, Mapping, Sequence, TypeVar

from archiver.core.capture import PAGE
from archiver.core.descriptor import Platform

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.report import SiteReport
    from archiver.core.snapshot import BrokenLink, Failure, FileResult, ImageResult, SiteResult

_Result = TypeVar("_Result", bound="ImageResult | FileResult")


def merged_captures(
    previous: Iterable[Capture], current: Iterable[Capture], in_scope: Callable[[str], bool]
) -> tuple[list[Capture], int]:
    """Return a site's view and how many of its entries are carried over.

    Every capture of this run is in it. Of the previous view, what this run did not capture is carried
    over, except pages that the spec no longer asks for.

    Args:
        previous: the site's captures in the last good snapshot.
        current: this run's captures.
        in_scope: whether the spec still asks for a page.
    """
    view = {capture.url: capture for capture in current}
    fetched = len(view)
    for capture in previous:
        if capture.url not in view and (capture.kind != PAGE or in_scope(capture.url)):
            view[capture.url] = capture
    return list(view.values()), len(view) - fetched


@dataclass(frozen=True)
class Sites:
    """What a run has of the doc sites, and says about them."""

    results: tuple[SiteResult, ...] = ()
    captures: tuple[Capture, ...] = ()
    failures: tuple[Failure, ...] = ()
    broken_links: tuple[BrokenLink, ...] = ()
    reports: tuple[SiteReport, ...] = ()


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
