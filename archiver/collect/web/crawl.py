"""Crawling one doc site: what the coordinator needs is put together here, and what came of it is summed up."""

from __future__ import annotations

import queue
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Mapping

from archiver.collect.asking import ALL_PAGES
from archiver.collect.watchdog import Watchdog
from archiver.collect.web.accounting import Accounting
from archiver.collect.web.addresses import AddressPolicy
from archiver.collect.web.coordinator import Coordinator
from archiver.collect.web.credentials import NO_CREDENTIALS
from archiver.collect.web.discovery import Discovery
from archiver.collect.web.documents.pool import DocumentPool
from archiver.collect.web.examination import Examination, has_content
from archiver.collect.web.fetch import Fetcher, FetchSettings
from archiver.collect.web.frontier import Frontier
from archiver.collect.web.known import Known
from archiver.collect.web.lanes import Lane
from archiver.collect.web.limits import CrawlLimits
from archiver.collect.web.pace import Manners
from archiver.collect.web.payloads import PayloadReader
from archiver.collect.web.recorder import Recorder
from archiver.collect.web.robots import RobotsPolicy
from archiver.collect.web.schedule import Schedule
from archiver.collect.web.scope import Scope
from archiver.collect.web.sitemaps import Sitemaps
from archiver.collect.web.urls import resolve
from archiver.collect.web.warc import WarcOutput, recover
from archiver.core.urlkey import Origin
from archiver.store.locator import open_locator

if TYPE_CHECKING:
    import threading

    from archiver.collect.asking import PageAsking
    from archiver.collect.web.coordinator import Read
    from archiver.collect.web.credentials import Credentials, Proxy
    from archiver.collect.web.frontier import RunState
    from archiver.collect.web.lanes import Arrival
    from archiver.core.capture import Capture
    from archiver.core.progress import Progress
    from archiver.core.snapshot import BrokenLink, Failure
    from archiver.spec.model import DocSite
    from archiver.store.paths import ProjectPaths

_MOST_CHAIN = 30  # redirects from a seed to its page


@dataclass(frozen=True)
class CrawlOutcome:
    """What a crawl got.

    Attributes:
        captures: this run's, sorted by URL, those of an earlier process of the same run included.
        failures, broken_links: sorted by URL.
        skipped: how many URLs were left out, by reason.
        fetched: how many captures there are; ``unchanged`` of them are revisits.
        bytes: what came over the wire as bodies.
        seeds_captured: how many seeds led, redirects followed, to a page that was captured.
        not_due: how many captures of the last good snapshot were not asked for because their time has not come.
    """

    captures: tuple[Capture, ...]
    failures: tuple[Failure, ...]
    broken_links: tuple[BrokenLink, ...]
    skipped: Mapping[str, int]
    fetched: int
    unchanged: int
    bytes: int
    seeds_captured: int
    not_due: int


def crawl(
    site: DocSite,
    *,
    paths: ProjectPaths,
    snapshot: str,
    state: RunState,
    user_agent: str,
    previous: Mapping[str, Capture],
    progress: Progress,
    stop: threading.Event,
    asking: PageAsking = ALL_PAGES,
    settings: FetchSettings | None = None,
    documents: DocumentPool | None = None,
    credentials: Credentials = NO_CREDENTIALS,
    proxy: Proxy | None = None,
) -> CrawlOutcome:
    """Archive a doc site, or go on archiving it where an earlier process of the same run left off.

    Args:
        site: what to crawl.
        paths: the project's files.
        snapshot: the run's snapshot id; WARC files are named after it.
        state: the run's state; ``begin`` was called for this run.
        user_agent: sent with every request and written into the WARC.
        previous: the site's captures in the last good snapshot, by URL.
        progress: where to report to.
        stop: set from outside to end the crawl early.
        asking: which of those are to be asked for, and how.
        settings: timeouts and retries; ``response_limit`` is the spec's.
        documents: reads documents; by default the crawl starts processes of its own.
        credentials: what the site's own origins are told beside the usual headers.
        proxy: the site's own proxy, if it has one.

    Raises:
        KeyboardInterrupt: ``stop`` was set, or Ctrl-C came; the same call later on continues.
        StoreError: or a subclass, where the archive cannot be written; continuing is possible too.
        InvalidURL: a seed or a scope prefix is not an http(s) URL.
    """
    limits = CrawlLimits.of(site)
    settings = replace(settings or FetchSettings(), response_limit=limits.response)
    prefix = f"{snapshot}-{site.name}"
    info = {"http-header-user-agent": user_agent, "robots": site.robots, "isPartOf": prefix}
    frontier = Frontier(state, site.name)
    tail, position = recover(paths.warc, prefix, frontier.position())
    with ExitStack() as held:
        locator = held.enter_context(closing(open_locator(paths)))
        output = held.enter_context(closing(WarcOutput(paths.warc, prefix, info, position)))
        recorder = Recorder(output, locator, PayloadReader(paths.warc, locator), previous, asking)

        if documents is None:
            documents = held.enter_context(closing(DocumentPool()))
        documents.get_ready()  # starting it takes as long as the first questions to the site
        watchdog = held.enter_context(closing(Watchdog(settings.longest)))
        scope = Scope.of(site)
        own_hosts = scope.hosts
        addresses = AddressPolicy(own_hosts)
        manners = Manners(site.connections, site.delay)
        events: queue.SimpleQueue[Arrival | Read] = queue.SimpleQueue()

        def open_fetcher() -> Fetcher:
            return Fetcher(
                user_agent, settings, stop, addresses, watchdog, credentials=credentials, proxy=proxy
            )

        def open_lane(connections: int) -> Lane:
            return Lane(open_fetcher, connections, events.put, stop)

        def manners_at(origin: str) -> Manners:
            return manners if Origin.of(origin).host in own_hosts else manners.elsewhere

        policy = RobotsPolicy.ignored() if site.robots == "ignore" else None
        seeds = tuple(dict.fromkeys(resolve(seed, seed) or seed for seed in site.seeds))
        examination = Examination(frontier, seeds, own_hosts, previous)
        schedule = held.enter_context(
            closing(
                Schedule(
                    frontier,
                    open_lane,
                    manners=manners_at,
                    settings=settings,
                    policy=policy,
                    probes=examination.probes,
                )
            )
        )
        sitemaps = Sitemaps(state, site, frontier)
        discovery = Discovery(site, frontier, progress, partial(has_content, previous))
        known = Known(
            snapshot,
            frontier=frontier,
            previous=previous,
            asking=asking,
            in_scope=lambda url: scope.decide(url).inside,
        )
        accounting = Accounting(
            site.name,
            previous=previous,
            frontier=frontier,
            discovery=discovery,
            sitemaps=sitemaps,
            examination=examination,
            known=known,
        )
        coordinator = Coordinator(
            site.name,
            seeds=seeds,
            user_agent=user_agent,
            frontier=frontier,
            schedule=schedule,
            documents=documents,
            events=events,
            recorder=recorder,
            accounting=accounting,
            discovery=discovery,
            sitemaps=sitemaps,
            examination=examination,
            known=known,
            limits=limits,
            progress=progress,
        )
        try:
            coordinator.run(tail, stop)
        except BaseException:
            # the WARC may be ahead of the state now; ``recover`` brings them together again
            frontier.rollback()
            raise
        return _outcome(frontier, seeds, previous, known)


def _outcome(
    frontier: Frontier, seeds: tuple[str, ...], previous: Mapping[str, Capture], known: Known
) -> CrawlOutcome:
    captures = frontier.captures()

    def is_unchanged(capture: Capture) -> bool:  # a revisit of what the last good snapshot has, not of a twin
        earlier = previous.get(capture.url)
        return earlier is not None and earlier.payload_record == capture.original

    return CrawlOutcome(
        captures,
        frontier.failures(),
        frontier.broken_links(),
        frontier.skipped(),
        len(captures),
        sum(map(is_unchanged, captures)),
        frontier.received,
        sum(_leads_somewhere(frontier, seed) for seed in seeds),
        known.not_due(),
    )


def _leads_somewhere(frontier: Frontier, seed: str) -> bool:
    for _ in range(_MOST_CHAIN):
        if frontier.captured(seed) is None:
            return False
        target = frontier.target(seed)
        if not target:
            return True
        seed = target
    return False
