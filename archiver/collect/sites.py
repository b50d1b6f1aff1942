"""The doc sites of one run: each is crawled, and what stands in for pages that cannot be had is carried over."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Mapping, Sequence

from archiver.collect.useragent import user_agent
from archiver.collect.view import Sites, merged_captures
from archiver.collect.web.crawl import crawl
from archiver.collect.web.credentials import Credentials, Proxy
from archiver.collect.web.documents.pool import DocumentPool
from archiver.collect.web.report import site_report
from archiver.collect.web.scope import Scope
from archiver.core.capture import PAGE, distinct_pages
from archiver.core.judgement import GONE, HEALTHY
from archiver.core.snapshot import SiteResult
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import threading

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
        state: what the run has done so far.
        stop: set from outside to end early.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.
    """

    loaded: LoadedSpec
    paths: ProjectPaths
    run: str
    state: RunState
    stop: threading.Event
    progress: Progress
    environment: Mapping[str, str] = field(repr=False)

    def collected(self, before: Iterable[Capture]) -> Sites:
        """Crawl what the spec asks for.

        Args:
            before: the captures of the last good snapshot.

        Raises:
            Stopped: the run is to end.
            StoreError: or a subclass, when the archive cannot be written.
        """
        earlier: dict[str, dict[str, Capture]] = {}
        for capture in before:
            earlier.setdefault(capture.source, {})[capture.url] = capture
        merged = Sites()
        with closing(DocumentPool()) as documents:  # for all sites: starting the processes takes its time
            for site in self.loaded.spec.docs:
                merged = self._with_site(merged, site, earlier.get(site.name, {}), documents)
        return merged

    def _with_site(
        self, merged: Sites, site: DocSite, earlier: dict[str, Capture], documents: DocumentPool
    ) -> Sites:
        outcome = crawl(
            site,
            paths=self.paths,
            snapshot=self.run,
            state=self.state,
            user_agent=user_agent(self.loaded.spec),
            previous=earlier,
            progress=self.progress,
            stop=self.stop,
            documents=documents,
            credentials=Credentials.of(site, self.environment),
            proxy=Proxy.of(site, self.environment),
        )
        scope = Scope.of(site)
        view, carried = merged_captures(
            earlier.values(), outcome.captures, lambda url: scope.decide(url).inside
        )
        pages, requisites = _origins(view)
        result = SiteResult(
            name=site.name,
            seeds=site.seeds,
            origins=pages,
            requisite_origins=requisites,
            verdict=HEALTHY if outcome.seeds_captured else GONE,
            pages=len(distinct_pages(view)),
            requisites=sum(capture.kind != PAGE for capture in view),
            fetched=outcome.fetched,
            unchanged=outcome.unchanged,
            carried=carried,
            bytes=outcome.bytes,
            skipped=dict(sorted(outcome.skipped.items())),
        )
        return Sites(
            (*merged.results, result),
            (*merged.captures, *view),
            (*merged.failures, *outcome.failures),
            (*merged.broken_links, *outcome.broken_links),
            (*merged.reports, site_report(self.state, result, outcome.captures)),
        )


def _origins(view: Sequence[Capture]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    pages = {str(Origin.of(capture.url)) for capture in view if capture.kind == PAGE}
    others = {str(Origin.of(capture.url)) for capture in view} - pages
    return tuple(sorted(pages)), tuple(sorted(others))
