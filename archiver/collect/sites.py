"""The doc sites of one run: each is crawled and judged, and what it has in the snapshot's view follows from that."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, Sequence

from archiver.collect.asking import due_sources, intervals, leftovers, retired_sources
from archiver.collect.guard.comparison import Comparison
from archiver.collect.guard.judging import judge_site
from archiver.collect.guard.sight import site_evidence
from archiver.collect.guard.thresholds import thresholds
from archiver.collect.useragent import user_agent
from archiver.collect.view import Sites, led_to_nothing, merged_captures, vanished
from archiver.collect.web.answers import answers
from archiver.collect.web.crawl import crawl
from archiver.collect.web.credentials import Credentials, Proxy
from archiver.collect.web.documents.pool import DocumentPool
from archiver.collect.web.frontier import Frontier
from archiver.collect.web.report import site_report
from archiver.collect.web.scope import Scope
from archiver.collect.web.storedtexts import StoredTexts
from archiver.core.capture import PAGE, distinct_pages
from archiver.core.clock import timestamp14, utc_now
from archiver.core.errors import PageReplaced
from archiver.core.judgement import HEALTHY
from archiver.core.refusal import Refusal
from archiver.core.snapshot import Failure, SiteResult
from archiver.core.urlkey import Origin
from archiver.store.quarantine import write_refusal, write_refused_captures

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from archiver.collect.asking import Asking
    from archiver.collect.before import Before
    from archiver.collect.web.crawl import CrawlOutcome
    from archiver.collect.web.frontier import RunState
    from archiver.core.capture import Capture
    from archiver.core.progress import Progress
    from archiver.spec.load import LoadedSpec
    from archiver.spec.model import DocSite
    from archiver.store.paths import ProjectPaths


@dataclass(frozen=True)
class DocSites:
    """Collects the doc sites of one run.

    Attributes:
        loaded: the spec.
        paths: the project's files.
        run: the id of the run, and of the snapshot that comes of it.
        moment: when the run began: what is due is told by that.
        state: what the run has done so far.
        asking: what is to be asked for.
        stop: set from outside to end early.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.
    """

    loaded: LoadedSpec
    paths: ProjectPaths
    run: str
    moment: datetime
    state: RunState
    asking: Asking
    stop: threading.Event
    progress: Progress
    environment: Mapping[str, str] = field(repr=False)

    def collected(self, before: Before) -> Sites:
        """Crawl what the spec asks for, and keep what the guard refuses in quarantine.

        Args:
            before: what the last good snapshot has.

        Raises:
            Stopped: the run is to end.
            StoreError: or a subclass, when the archive cannot be written.
        """
        earlier: dict[str, dict[str, Capture]] = {}
        for capture in before.captures:
            earlier.setdefault(capture.source, {})[capture.url] = capture
        merged = Sites()
        with closing(DocumentPool()) as documents:  # for all sites: starting processes takes its time
            for site in self.loaded.spec.docs:
                known = earlier.get(site.name, {})
                one = (
                    self._asked(site, before, known, documents)
                    if self._is_due(site, before)
                    else self._left_alone(site, before, known)
                )
                merged = merged.and_those(one)
        return merged

    def _is_due(self, site: DocSite, before: Before) -> bool:
        """Say whether a site is to be asked: an unfinished run goes on with those that it has begun with."""
        if site.name in retired_sources(self.loaded.spec, before.snapshot):
            return before.site(site.name) is None
        due = due_sources(self.loaded.spec, self.loaded.record, before.snapshot, self.asking, self.moment)
        return before.site(site.name) is None or site.name in due or Frontier(self.state, site.name).known > 0

    def _left_alone(self, site: DocSite, before: Before, earlier: Mapping[str, Capture]) -> Sites:
        """Return what the last good snapshot has of a site that is not due, as it is."""
        result, judgement = before.site(site.name), before.judgement(site.name)
        assert result is not None, "what was never asked is due"
        assert judgement is not None, "and what was never judged"
        result = replace(result, fetched=0, unchanged=0, carried=0, bytes=0, skipped={}, not_due=len(earlier))
        told = before.site_report(site.name)
        if told is None:
            told = site_report(self.state, result, ())
        told = replace(told, unchanged=0, carried=0, bytes=0, seconds=0.0, not_due=len(earlier))
        known_gone = {url for url, capture in earlier.items() if capture.gone}
        failures = tuple(each for each in before.failures(site.name) if each.subject not in known_gone)
        links = before.broken_links(site.name)
        if retired := site.name in self.loaded.spec.retired:  # what could not be had will not be had
            coverage = replace(told.coverage, missing=()) if told.coverage else None
            told, failures = replace(told, failed=(), skipped=(), coverage=coverage), ()
        judgement = replace(judgement, retired=retired)
        return Sites((result,), tuple(earlier.values()), failures, links, (told,), (judgement,))

    def _asked(
        self, site: DocSite, before: Before, earlier: Mapping[str, Capture], documents: DocumentPool
    ) -> Sites:
        judged = before.judgement(site.name)
        asked = self.asking.pages(
            judged,
            intervals(self.loaded.spec)[site.name],
            self.moment,
            leftovers(site.name, self.loaded.record, before.snapshot, before.report),
        )
        outcome = crawl(
            site,
            paths=self.paths,
            snapshot=self.run,
            state=self.state,
            user_agent=user_agent(self.loaded.spec),
            previous=earlier,
            asking=asked,
            progress=self.progress,
            stop=self.stop,
            documents=documents,
            credentials=Credentials.of(site, self.environment),
            proxy=Proxy.of(site, self.environment),
        )
        scope = Scope.of(site)

        def is_asked_for(url: str) -> bool:
            return scope.decide(url).inside

        current = {capture.url: capture for capture in outcome.captures}
        lost = vanished(answers(self.state, site.name, earlier, current))
        led, astray = led_to_nothing(answers(self.state, site.name, earlier, current), current, earlier)
        lost = {**led, **lost}
        view, kept = merged_captures(
            earlier.values(), outcome.captures, is_asked_for, lost, timestamp14(utc_now()), astray=astray
        )
        result = _result(site, outcome, view, kept - outcome.not_due)
        limits = thresholds(self.loaded.spec)[site.name]
        with StoredTexts(self.paths) as texts:
            evidence = site_evidence(
                answers(self.state, site.name, earlier, current),
                earlier.values(),
                is_asked_for,
                Comparison(self.run, limits, texts.text_of),
            )
        judgement = judge_site(site.name, evidence, limits, judged, self.run, moment=self.moment)
        failures = outcome.failures
        if judgement.verdict == HEALTHY:
            failures = (*failures, *_vanishing(site.name, lost, earlier, failures))
        else:
            self._refuse(Refusal(self.run, judgement, asdict(evidence), result), view)
            view = list(earlier.values())
            result = _result(site, outcome, view, len(view) - outcome.not_due)
        gone = [capture for capture in view if capture.gone]
        told = site_report(self.state, result, outcome.captures, gone)
        return Sites((result,), tuple(view), failures, outcome.broken_links, (told,), (judgement,))

    def _refuse(self, refusal: Refusal, view: Iterable[Capture]) -> None:
        """Keep what a site would have had in the snapshot, and its view, in quarantine."""
        count, digest = write_refused_captures(self.paths, self.run, refusal.source, view)
        write_refusal(self.paths, replace(refusal, captures=count, captures_digest=digest))


def _result(site: DocSite, outcome: CrawlOutcome, view: Sequence[Capture], carried: int) -> SiteResult:
    pages, requisites = _origins(view)
    return SiteResult(
        name=site.name,
        seeds=site.seeds,
        origins=pages,
        requisite_origins=requisites,
        pages=len(distinct_pages(view)),
        requisites=sum(capture.kind != PAGE for capture in view),
        fetched=outcome.fetched,
        unchanged=outcome.unchanged,
        carried=carried,
        bytes=outcome.bytes,
        skipped=dict(sorted(outcome.skipped.items())),
        not_due=outcome.not_due,
        gone=sum(bool(capture.gone) for capture in view),
    )


def _vanishing(
    source: str, lost: Mapping[str, str], earlier: Mapping[str, Capture], failures: Iterable[Failure]
) -> Iterator[Failure]:
    """Yield as failures the pages that vanished in this run in ways that are none by themselves: that is told once."""
    told = {failure.subject for failure in failures}
    for url, what in lost.items():
        if what and url not in told and not earlier[url].gone:
            yield Failure(source, url, PageReplaced.code, f"{what}; the earlier capture is kept")


def _origins(view: Sequence[Capture]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pages = {str(Origin.of(capture.url)) for capture in view if capture.kind == PAGE}
    others = {str(Origin.of(capture.url)) for capture in view} - pages
    return tuple(sorted(pages)), tuple(sorted(others))
