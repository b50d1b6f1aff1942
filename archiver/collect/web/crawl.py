"""Crawling one doc site: fetch threads and processes that read documents, with one coordinator between them.

The coordinator alone decides, writes and remembers. Each exchange is written to the WARC file first;
once a batch is durable there, the locator is told, then the state is committed. A run that ends in
between, however it ends, is continued from exactly there: whole records that the state does not know
of yet are read back instead of being fetched again.
"""

from __future__ import annotations

import queue
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterable, Mapping

from archiver.collect.retry import retry_after
from archiver.collect.web.addresses import AddressPolicy
from archiver.collect.web.credentials import NO_CREDENTIALS
from archiver.collect.web.discovery import Discovery, location_text
from archiver.collect.web.documents.document import AS_DOCUMENT, AS_SITEMAP, NO_FACTS, NOTHING, Document
from archiver.collect.web.documents.mediatype import READ, is_html, is_read, media_type
from archiver.collect.web.documents.pool import DocumentPool, Reading
from archiver.collect.web.documents.sitemap import NOT_A_SITEMAP
from archiver.collect.web.examination import Examination, refusal
from archiver.collect.web.fetch import Fetcher, FetchSettings
from archiver.collect.web.frontier import NOT_THERE, SITEMAP, Found, Frontier
from archiver.collect.web.lanes import Arrival, Job, Lane
from archiver.collect.web.limits import PAGES, CrawlLimits
from archiver.collect.web.pace import Manners
from archiver.collect.web.payloads import PayloadReader
from archiver.collect.web.recorder import Recorder
from archiver.collect.web.robots import MOST_REDIRECTS, PARSED, UNREACHABLE, RobotsPolicy
from archiver.collect.web.schedule import Schedule
from archiver.collect.web.scope import NOT_WEB, Scope
from archiver.collect.web.sitemaps import Sitemaps
from archiver.collect.web.urls import LONGEST, is_web, origin_of, resolve
from archiver.collect.web.warc import WarcOutput, recover
from archiver.collect.web.watchdog import Watchdog
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.errors import (
    FetchError,
    FetchTimeout,
    HostUnreachable,
    NotArchived,
    PageMoved,
    PrivateAddress,
    RecordCorrupt,
    ResponseBroken,
    ResponseTruncated,
    RobotsForbidden,
    ServerBusy,
    StatusRefused,
    StoreError,
    Unreadable,
)
from archiver.core.printable import printable
from archiver.core.urlkey import Origin
from archiver.store.locator import open_locator

if TYPE_CHECKING:
    import threading

    from archiver.collect.web.credentials import Credentials, Proxy
    from archiver.collect.web.documents.document import Facts
    from archiver.collect.web.documents.sitemap import Sitemap
    from archiver.collect.web.fetch import Exchange
    from archiver.collect.web.frontier import RunState
    from archiver.collect.web.recorder import Recorded
    from archiver.collect.web.schedule import Host
    from archiver.collect.web.verdicts import Verdict
    from archiver.core.progress import Progress, Task
    from archiver.core.snapshot import BrokenLink, Failure
    from archiver.spec.model import DocSite
    from archiver.store.locator import Location
    from archiver.store.paths import ProjectPaths

_BATCH, _BATCH_SECONDS = 64, 1.0  # records between two commits, and the longest time
_POLL = 0.2  # seconds between looks at ``stop`` while nothing arrives
_MOST_READING = 64  # documents that are being read, or wait for it
_MOST_READING_BYTES = 64 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TOO_MANY_REQUESTS, _UNAVAILABLE = 429, 503
_PASSING = frozenset({500, 502, 503, 504})  # what may be another answer a moment later
_OVERLOAD = frozenset({502, 503, 504})
_WORTH_TELLING = 5.0  # seconds of a pause
_MOST_CHAIN = 30
_LONGEST_VALIDATOR = 1 << 10
ROBOTS = "robots"
PRIVATE = "private address"
DEAD_HOST = "host unreachable"
BUSY_HOST = "host too busy"
_ROBOTS_HINT = "set `robots: ignore` for this site in the spec if you may archive it all the same"

_MOVED_HINT = "add that to `include` in the spec if it is the page's new place"


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
    """

    captures: tuple[Capture, ...]
    failures: tuple[Failure, ...]
    broken_links: tuple[BrokenLink, ...]
    skipped: Mapping[str, int]
    fetched: int
    unchanged: int
    bytes: int
    seeds_captured: int


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
        previous: the site's captures in the last good snapshot, by URL; asked for conditionally.
        progress: where to report to.
        stop: set from outside to end the crawl early.
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
        recorder = Recorder(output, locator, PayloadReader(paths.warc, locator), previous)

        if documents is None:
            documents = held.enter_context(closing(DocumentPool()))
        watchdog = held.enter_context(closing(Watchdog(settings.longest)))
        own_hosts = Scope.of(site).hosts
        addresses = AddressPolicy(own_hosts)
        manners = Manners(site.connections, site.delay)
        events: queue.SimpleQueue[Arrival | _Read] = queue.SimpleQueue()

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
        examination = Examination(frontier, seeds, own_hosts)
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
        coordinator = _Coordinator(
            site,
            seeds=seeds,
            sitemaps=Sitemaps(state, site, frontier),
            examination=examination,
            user_agent=user_agent,
            previous=previous,
            frontier=frontier,
            schedule=schedule,
            documents=documents,
            events=events,
            recorder=recorder,
            limits=limits,
            progress=progress,
        )
        try:
            coordinator.run(tail, stop)
        except BaseException:
            # the WARC may be ahead of the state now; ``recover`` brings them together again
            frontier.rollback()
            raise
        return coordinator.outcome()


@dataclass(frozen=True)
class _Read:
    """A document was read, or could not be.

    Attributes:
        again: whether it had been captured before, as a requisite.
        probe: where it is what a site sends for nothing: the URL that was asked for at first.
    """

    recorded: Recorded
    result: Document | Unreadable
    again: bool = False
    probe: str = ""


class _Coordinator:
    """Takes what arrives, has it written down, and finds what to ask for next."""

    def __init__(
        self,
        site: DocSite,
        *,
        seeds: tuple[str, ...],
        sitemaps: Sitemaps,
        examination: Examination,
        user_agent: str,
        previous: Mapping[str, Capture],
        frontier: Frontier,
        schedule: Schedule,
        documents: DocumentPool,
        events: queue.SimpleQueue[Arrival | _Read],
        recorder: Recorder,
        limits: CrawlLimits,
        progress: Progress,
    ) -> None:
        self._site, self._agent, self._previous = site, user_agent, previous
        self._frontier, self._schedule, self._recorder = frontier, schedule, recorder
        self._documents, self._events, self._progress = documents, events, progress
        self._discovery, self._sitemaps = Discovery(site, frontier, progress, self._had), sitemaps
        self._reading: dict[str, int] = {}  # the sizes of the documents being read, by record
        self._seeds, self._examination = seeds, examination
        self._committed_at = time.monotonic()
        self._limits, self._pages_asked = limits, frontier.asked(PAGE)
        self._enough = ""  # the limit that is reached

    def run(self, tail: Iterable[Location], stop: threading.Event) -> None:
        """Crawl until nothing is left. Raises KeyboardInterrupt once ``stop`` is set."""
        for seed in self._seeds:
            self._frontier.add(Found(seed, PAGE, seed=True))
        self._discovery.begin()
        self._sitemaps.begin()
        for origin, status, body in self._frontier.robots():
            self._schedule.host(origin).policy = self._policy(status, body)
        for location in tail:
            self._adopt(location)
            while self._reading:  # the next one may be known only by this one's links
                self._take_event(self._events.get())
        self._commit()
        task = self._progress.task(self._site.name, "pages", self._frontier.known)
        task.advance(self._frontier.done)
        try:
            self._loop(task, stop)
        finally:
            task.close()

    def outcome(self) -> CrawlOutcome:
        """Return what the run has got."""
        captures = self._frontier.captures()
        return CrawlOutcome(
            captures,
            self._frontier.failures(),
            self._frontier.broken_links(),
            self._frontier.skipped(),
            len(captures),
            sum(map(self._is_unchanged, captures)),
            self._frontier.received,
            sum(map(self._leads_somewhere, self._seeds)),
        )

    def _loop(self, task: Task, stop: threading.Event) -> None:
        while True:
            done = self._frontier.done
            if self._has_enough():
                self._schedule.drop()
            elif len(self._reading) < _MOST_READING and sum(self._reading.values()) < _MOST_READING_BYTES:
                self._schedule.fill(self._admitted)
            if self._schedule.idle and not self._reading:
                if self._enough:
                    self._frontier.leave_out(self._enough)
                self._commit()
                if not self._frontier.pending and not self._schedule.waiting and not self._reread():
                    return
            if event := self._next_event():
                self._take_event(event)
            task.advance(self._frontier.done - done)
            task.expect(self._frontier.known)
            queued, megabytes = self._frontier.known - self._frontier.done, self._frontier.received / 1e6
            task.describe(f"queued {queued}, {megabytes:.1f} MB")
            if stop.is_set():
                self._commit()
                raise KeyboardInterrupt
            if self._recorder.waiting >= _BATCH or time.monotonic() - self._committed_at > _BATCH_SECONDS:
                self._commit()

    def _next_event(self) -> Arrival | _Read | None:
        try:
            return self._events.get_nowait()
        except queue.Empty:
            pass
        try:
            return self._events.get(timeout=min(_POLL, self._schedule.pause()))
        except queue.Empty:
            return None

    def _take_event(self, event: Arrival | _Read) -> None:
        if isinstance(event, Arrival):
            self._schedule.landed(event)
            self._settle(event)
        else:
            del self._reading[event.recorded.record]
            self._settle_read(event)

    def _commit(self) -> None:
        now = time.monotonic()
        self._frontier.spend(now - self._committed_at)
        self._frontier.commit(self._recorder.sync())
        self._committed_at = now

    def _has_enough(self) -> bool:
        """Say whether a limit of bytes or time is reached; what is under way then is let in, and nothing else."""
        if not self._enough:
            seconds = self._frontier.seconds + time.monotonic() - self._committed_at
            self._enough = self._limits.reached(received=self._frontier.received, seconds=seconds)
            if self._enough:
                self._tell_of(self._enough)
        return bool(self._enough)

    def _tell_of(self, limit: str) -> None:
        self._progress.warn(
            f"{self._site.name}: the spec's {limit} is reached; what is left is not asked for"
        )

    def _leads_somewhere(self, seed: str) -> bool:
        for _ in range(_MOST_CHAIN):
            if self._frontier.captured(seed) is None:
                return False
            target = self._frontier.target(seed)
            if not target:
                return True
            seed = target
        return False

    # What to ask for.

    def _admitted(self, job: Job, host: Host) -> Job | None:
        assert host.policy is not None, "URLs are taken once robots.txt is known"
        url = job.url
        if host.private:
            self._refuse(url, PRIVATE, PrivateAddress(host.private, place=url))
        elif host.dead:
            self._refuse(url, DEAD_HOST, HostUnreachable("its host could not be reached", place=url))
        elif host.pace.exhausted:
            self._refuse(
                url, BUSY_HOST, ServerBusy("its host wanted no more requests for too long", place=url)
            )
        elif forbidden := host.policy.forbids(url):
            self._refuse(url, ROBOTS, RobotsForbidden(forbidden, place=url, hint=_ROBOTS_HINT))
        elif job.is_first_try and self._is_page_too_many(url):
            self._frontier.skip(url, PAGES)
            self._frontier.settle(url)
        else:
            return replace(job, conditions=self._recorder.conditions(url))
        return None

    def _is_page_too_many(self, url: str) -> bool:
        """Count a page that is to be asked for; say whether it is one more than the spec wants."""
        if self._limits.pages is None:
            return False
        entry = self._frontier.entry(url)
        if entry is None or entry.kind != PAGE:
            return False
        if self._limits.allows_page(self._pages_asked):
            self._pages_asked += 1
            return False
        if self._pages_asked == self._limits.pages:
            self._pages_asked += 1
            self._tell_of(PAGES)
        return True

    def _refuse(self, url: str, reason: str, error: FetchError) -> None:
        entry = self._frontier.entry(url)
        if (entry is not None and entry.seed) or self._sitemaps.is_guess(url):
            self._fail(url, error)
        else:
            self._frontier.skip(url, reason)
        self._frontier.settle(url)

    # What arrives.

    def _settle(self, arrival: Arrival) -> None:
        """Account for a result. Whatever a server sent, only the archive's own trouble ends the run."""
        job, exchange = arrival.job, arrival.exchange
        error = arrival.error
        if exchange is not None:
            try:
                self._take(job, exchange)
            except Exception as unforeseen:  # noqa: BLE001 - one site's content must not end the run for all
                exchange.body.close()
                error = unforeseen
        if error is not None and not self._is_tried_again(job, error):
            self._give_up(job, error)
        # neither: the crawl is being stopped, and the URL stays queued

    def _is_tried_again(self, job: Job, error: Exception) -> bool:
        """Have a URL asked for again where that may help; say whether it will be."""
        if isinstance(error, HostUnreachable):
            return self._schedule.unreachable(job)
        return isinstance(error, (FetchTimeout, ResponseBroken)) and self._schedule.overloaded(job)

    def _is_asked_again(self, job: Job, exchange: Exchange) -> bool:
        """The same for an answer that says "not now"."""
        status, value = exchange.status, exchange.header("Retry-After")
        if status == _TOO_MANY_REQUESTS or (status == _UNAVAILABLE and value):
            pause = self._schedule.throttled(job, retry_after(value))
            if pause is None:
                return False
            self._frontier.slowed(job.host, pause)
            if pause >= _WORTH_TELLING:
                self._progress.note(f"{job.host} answered {status}: it is asked again in {pause:.0f} s")
            return True
        if status in _OVERLOAD:
            return self._schedule.overloaded(job)
        self._schedule.answered(job)
        return status in _PASSING and self._schedule.failed(job)

    def _settle_read(self, read: _Read) -> None:
        """Account for a document that was read, with the same care."""
        recorded = read.recorded
        try:
            if read.probe:
                self._account_nothing(read.probe, recorded, _facts(read.result))
            elif read.again:
                self._account_again(recorded, read.result)
            else:
                self._account(recorded, read.result)
        except Exception as unforeseen:  # noqa: BLE001 - as in _settle
            self._give_up(Job(recorded.url, origin_of(recorded.url), probe=read.probe), unforeseen)
            self._frontier.reread(recorded.url)
            self._recorder.accounted(recorded)

    def _give_up(self, job: Job, unforeseen: Exception) -> None:
        if isinstance(unforeseen, StoreError):
            raise unforeseen
        error = unforeseen if isinstance(unforeseen, FetchError) else _unreadable(job.url, unforeseen)
        host = self._schedule.host(job.host)
        if isinstance(error, PrivateAddress) and origin_of(job.url) == job.host:
            host.private, host.policy = error.message, host.policy or RobotsPolicy.ignored()
            if not job.aside:
                self._refuse(job.url, PRIVATE, error)
            return
        host.unreachable = host.unreachable + 1 if isinstance(error, HostUnreachable) else 0
        if job.probe:
            self._account_nothing(job.probe)
            return
        self._fail(job.url, error)
        if job.robots:  # not kept: a continued run may find the host again
            host.policy = self._policy(UNREACHABLE, b"")
            if isinstance(error, HostUnreachable):
                host.give_up()
        self._frontier.settle(job.url)

    def _take(self, job: Job, exchange: Exchange) -> None:
        if self._is_asked_again(job, exchange):
            exchange.body.close()
            return
        if exchange.status == _TOO_MANY_REQUESTS or exchange.status >= 500:
            exchange.body.close()
            if job.probe:
                self._account_nothing(job.probe)
                return
            self._fail(job.url, _refused(exchange.url, exchange.status))
            if job.robots:
                self._take_robots(job.host, exchange.status, b"")
            self._frontier.settle(job.url, size=exchange.size)
            return
        recorded = self._recorder.write(exchange, conditional=bool(job.conditions))
        if recorded is None:
            exchange.body.close()
            self._schedule.submit(replace(job, conditions=()))
        elif job.robots:
            self._account_robots(job, recorded)
        elif job.probe:
            self._account_probe(job, recorded)
        else:
            self._hand_on(recorded)

    def _hand_on(self, recorded: Recorded) -> None:
        """Have a document read where there is something to read; else account for the response at once."""
        has_links = recorded.status < 400 and recorded.status not in _REDIRECTS
        form = self._form(recorded.url)
        is_document = recorded.payload_size and is_read(recorded.content_type, recorded.url)
        if has_links and (is_document or form == AS_SITEMAP):
            self._read(recorded, form)
        else:
            recorded.payload.close()
            self._account(recorded, NOTHING)

    def _form(self, url: str) -> str:
        """Return what a URL's document is to be read as."""
        entry = self._frontier.entry(url)
        return AS_SITEMAP if entry is not None and entry.kind == SITEMAP else AS_DOCUMENT

    def _read(self, recorded: Recorded, form: str, *, again: bool = False, probe: str = "") -> None:
        size = min(recorded.payload_size, READ)
        self._reading[recorded.record] = size
        self._documents.submit(
            Reading(
                recorded.url,
                recorded.content_type,
                recorded.content_encoding,
                recorded.payload,
                size,
                lambda result: self._events.put(_Read(recorded, result, again, probe)),
                form,
            )
        )

    def _adopt(self, location: Location) -> None:
        """Account for a record that an earlier process of this run wrote but did not commit."""
        recorded = self._recorder.adopt(location)
        if recorded is None:
            return
        origin = origin_of(recorded.url)
        robots = recorded.url == f"{origin}/robots.txt"
        try:
            if self._frontier.entry(recorded.url) is not None:
                self._hand_on(recorded)
            elif (
                robots and recorded.status not in _REDIRECTS
            ):  # a redirect is asked for again, and followed then
                self._account_robots(Job(recorded.url, origin, robots=True), recorded)
            else:  # asked for again
                recorded.payload.close()
                self._recorder.accounted(recorded)
        except Exception as error:  # noqa: BLE001 - as in _settle
            self._give_up(Job(recorded.url, origin, robots=robots), error)
            self._recorder.accounted(recorded)

    def _account(self, recorded: Recorded, result: Document | Unreadable) -> None:
        """Remember what a recorded response means: a capture and its links, or a problem."""
        url, status = recorded.url, recorded.status
        entry = self._frontier.entry(url)
        assert entry is not None, "only known URLs are fetched"
        target = ""
        if status >= 400:
            self._account_error(entry, status)
        elif verdict := self._refusing(entry, recorded, _facts(result)):
            self._account_refused(entry, verdict)
        else:
            problem = self._problem(entry, recorded)
            if problem is not None:
                self._fail(url, problem)
            if _is_other_file(entry, recorded):
                self._frontier.skip(url, NOT_THERE)
            elif (problem is None or not self._had(url)) and not self._is_no_sitemap(entry, result):
                self._frontier.capture(self._capture(recorded, _archived_kind(entry)))
            target = self._lead_on(entry, recorded, result)
        self._frontier.settle(url, size=recorded.size, target=target)
        self._recorder.accounted(recorded)

    def _lead_on(self, entry: Found, recorded: Recorded, result: Document | Unreadable) -> str:
        """Queue what a response leads to; return where it redirects to, if it does."""
        if recorded.status in _REDIRECTS:
            target = self._discovery.follow(entry, recorded.header("Location"))
            if target and entry.kind == SITEMAP:
                self._sitemaps.redirected(entry.url, target)
            return target
        if isinstance(result, Unreadable):  # the capture stays, whatever is in it
            self._fail(recorded.url, result)
            return ""
        if result.damage and not recorded.truncated:
            self._fail(recorded.url, Unreadable(f"{result.damage}; links may be missing", place=recorded.url))
        if result.sitemap is not None:
            self._take_sitemap(entry, result.sitemap)
        if entry.kind == PAGE:
            self._sitemaps.linked(result.links.sitemaps, entry.url)
        self._discovery.links(entry, result.links)
        return ""

    def _take_sitemap(self, entry: Found, sitemap: Sitemap) -> None:
        self._sitemaps.take(entry.url, sitemap, self._discovery.listed)
        if entry.seed and sitemap.problem and not (sitemap.pages or sitemap.sitemaps):
            self._fail(entry.url, Unreadable(sitemap.problem, place=entry.url))

    def _is_no_sitemap(self, entry: Found, result: Document | Unreadable) -> bool:
        """Say whether another document was answered where a sitemap was only tried: it is not archived."""
        sitemap = result.sitemap if isinstance(result, Document) else None
        return sitemap is not None and sitemap.problem == NOT_A_SITEMAP and self._sitemaps.is_guess(entry.url)

    def _account_error(self, entry: Found, status: int) -> None:
        lost = entry.url in self._previous
        tried = entry.kind == SITEMAP and self._sitemaps.is_guess(entry.url)
        if entry.guessed and not lost:
            self._frontier.skip(entry.url, NOT_THERE)
        elif entry.seed or lost or tried or status not in (404, 410):
            self._fail(entry.url, _refused(entry.url, status, lost=lost))
        else:
            self._frontier.broken_link(entry.url, status, entry.referrer)

    def _refusing(self, entry: Found, recorded: Recorded, facts: Facts) -> Verdict | None:
        """Return what a response is where it is not what was asked for; None where it is, though it may be marked."""
        if recorded.status not in _REDIRECTS:
            verdict = self._examination.verdict(entry, recorded, facts)
        elif entry.url in self._previous and not self._had(entry.url):
            return None  # a redirect it was before
        else:
            target, reason = self._discovery.redirection(entry, recorded.header("Location"))
            verdict = None if reason == NOT_WEB else self._examination.redirect_verdict(entry, target)
        if verdict is not None and not verdict.refuses:
            self._frontier.mark(entry.url, verdict.mark, verdict.reason)
            return None
        return verdict

    def _account_refused(self, entry: Found, verdict: Verdict) -> None:
        lost = entry.url in self._previous
        error = refusal(entry.url, verdict, lost=lost)
        if self._sitemaps.is_guess(entry.url):
            self._sitemaps.note(entry.url, error.message)
            return
        if entry.guessed and not lost:
            self._frontier.skip(entry.url, NOT_THERE)
            return
        self._frontier.mark(entry.url, verdict.mark, verdict.reason)
        if entry.seed or lost:
            self._fail(entry.url, error)
        else:
            self._frontier.broken_link(entry.url, verdict.mark, entry.referrer)

    def _problem(self, entry: Found, recorded: Recorded) -> FetchError | None:
        """Return why a response is not to replace what an earlier snapshot has; None where it may."""
        if recorded.truncated:
            return ResponseTruncated(
                "longer than what is archived of one response; cut there", place=entry.url
            )
        if recorded.status in _REDIRECTS and entry.kind == PAGE and self._had(entry.url):
            target, reason = self._discovery.redirection(entry, recorded.header("Location"))
            if reason:
                where = f"redirects to {printable(target)}, which is {reason}; the earlier capture is kept"
                return PageMoved(where, place=entry.url, hint=_MOVED_HINT)
        return None

    def _is_unchanged(self, capture: Capture) -> bool:
        """Say whether a capture is a revisit of what the last good snapshot has, rather than of a twin."""
        earlier = self._previous.get(capture.url)
        return earlier is not None and earlier.payload_record == capture.original

    def _had(self, url: str) -> bool:
        """Say whether an earlier snapshot has a URL's content."""
        earlier = self._previous.get(url)
        return earlier is not None and earlier.status == "200"

    def _capture(self, recorded: Recorded, kind: str) -> Capture:
        earlier = recorded.revisited
        return Capture(
            url=recorded.url,
            timestamp=recorded.timestamp,
            mime=earlier.mime if earlier else media_type(recorded.content_type),
            status=earlier.status if earlier else str(recorded.status),
            digest=recorded.digest,
            source=self._site.name,
            kind=kind,
            record=recorded.record,
            original=recorded.original,
            etag=_validator(recorded, "ETag") or (earlier.etag if earlier else ""),
            modified=_validator(recorded, "Last-Modified") or (earlier.modified if earlier else ""),
        )

    def _fail(self, url: str, error: FetchError) -> None:
        if self._sitemaps.is_guess(url):
            self._sitemaps.note(url, error.message)
            return
        entry = self._frontier.entry(url)
        if entry is not None and entry.guessed and url not in self._previous:
            self._frontier.skip(url, NOT_THERE)
            return
        message = f"{error.message} ({error.hint})" if error.hint else error.message
        self._frontier.fail(url, error.code, message, entry.referrer if entry else "")

    # What an origin sends for nothing. It is in the WARC, as evidence, and no capture.

    def _account_probe(self, job: Job, recorded: Recorded) -> None:
        if recorded.status in _REDIRECTS and (target := self._probed_next(job, recorded)):
            recorded.payload.close()
            self._recorder.accounted(recorded)
            self._schedule.submit(Job(target, job.host, probe=job.probe))
            return
        if recorded.payload_size and is_html(recorded.content_type):
            self._read(recorded, AS_DOCUMENT, probe=job.probe)
        else:
            recorded.payload.close()
            self._account_nothing(job.probe, recorded)

    def _probed_next(self, job: Job, recorded: Recorded) -> str:
        """Return where a probe is redirected to; empty where it is not to be followed."""
        target = resolve(recorded.url, location_text(recorded.header("Location")))
        policy = self._schedule.host(job.host).policy
        assert policy is not None, "probes are asked for once robots.txt is known"
        if target is None or not is_web(target) or not self._examination.follows(job.probe, target):
            return ""
        return target if policy.allows(target) else ""

    def _account_nothing(self, probe: str, recorded: Recorded | None = None, facts: Facts = NO_FACTS) -> None:
        """Keep what came for a probe, before anything is asked for that is judged by it."""
        self._examination.probed(probe, recorded, facts)
        if recorded is not None:
            self._recorder.accounted(recorded)
        host = self._schedule.host(origin_of(probe))
        host.probing.discard(probe)
        if not host.probing:
            self._commit()

    # robots.txt.

    def _account_robots(self, job: Job, recorded: Recorded) -> None:
        self._recorder.accounted(recorded)  # read back and asked for again, it comes to the same
        page = recorded.status not in _REDIRECTS and is_html(recorded.content_type)
        if recorded.status < 400 and not page:
            self._frontier.capture(self._capture(recorded, REQUISITE))
        host = self._schedule.host(job.host)
        location = recorded.header("Location")
        target = resolve(recorded.url, location_text(location)) if location else None
        followed = target is not None and is_web(target) and len(target) <= LONGEST
        if target and followed and recorded.status in _REDIRECTS and host.robots_hops < MOST_REDIRECTS:
            host.robots_hops += 1
            # asked on the lane of the host that the answer is for: at most five requests
            self._schedule.submit(Job(target, job.host, robots=True))
            return
        status = 200 if recorded.revisited else recorded.status
        with closing(recorded.payload):
            self._take_robots(job.host, status, recorded.content(PARSED))

    def _take_robots(self, origin: str, status: int, body: bytes) -> None:
        self._frontier.keep_robots(origin, status, body[:PARSED])
        host = self._schedule.host(origin)
        host.policy = self._policy(status, body)
        if host.policy.refusal:
            self._progress.warn(f"{origin}: {host.policy.refusal}")
        else:
            self._sitemaps.robots_known(origin, host.policy.sitemaps)

    def _policy(self, status: int, body: bytes) -> RobotsPolicy:
        return RobotsPolicy.of(status, body, self._agent)

    def _reread(self) -> bool:
        """Have what turned out to be a page or a sitemap read again; say whether there was any."""
        urls = self._frontier.rereads()
        for url in urls:
            capture, entry = self._frontier.captured(url), self._frontier.entry(url)
            if capture is not None and entry is not None:
                self._frontier.capture(replace(capture, kind=_archived_kind(entry)))
                try:
                    recorded = self._recorder.reread(capture)
                except (NotArchived, RecordCorrupt) as error:
                    self._fail(url, _unreadable(url, error))
                else:
                    self._read(recorded, self._form(url), again=True)
                    continue
            self._frontier.reread(url)
        return bool(urls)

    def _account_again(self, recorded: Recorded, result: Document | Unreadable) -> None:
        """Follow the links of what had been read as something less."""
        entry = self._frontier.entry(recorded.url)
        assert entry is not None, "only known URLs are read again"
        if verdict := self._refusing(entry, recorded, _facts(result)):
            self._frontier.release(entry.url)
            self._account_refused(entry, verdict)
        else:
            self._lead_on(entry, recorded, result)
        self._frontier.reread(recorded.url)


def _facts(result: Document | Unreadable) -> Facts:
    return result.facts if isinstance(result, Document) else NO_FACTS


def _archived_kind(entry: Found) -> str:
    return PAGE if entry.kind == PAGE else REQUISITE


def _is_other_file(entry: Found, recorded: Recorded) -> bool:
    """Say whether a page was answered where a script's file was only guessed: such hosts answer everything with it."""
    return (
        entry.guessed
        and entry.kind == REQUISITE
        and recorded.status == 200
        and is_html(recorded.content_type)
    )


def _refused(url: str, status: int, *, lost: bool = False) -> StatusRefused:
    before = "; an earlier snapshot has it" if lost else ""
    return StatusRefused(f"the server answered {status}{before}", place=url)


def _unreadable(url: str, error: Exception) -> Unreadable:
    return Unreadable(printable(f"cannot be read: {type(error).__name__}: {error}", 200), place=url)


def _validator(recorded: Recorded, name: str) -> str:
    """Return a validator to ask with next time; none where it could not be sent back as it is."""
    value = recorded.header(name)
    return value if value.isascii() and len(value) <= _LONGEST_VALIDATOR else ""
