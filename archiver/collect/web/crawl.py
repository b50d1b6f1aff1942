"""Crawling one doc site: fetch threads on one side, one coordinator on the other.

The coordinator alone decides, writes and remembers. Each exchange is written to the WARC file first;
once a batch is durable there, the locator is told, then the state is committed. A run that ends in
between, however it ends, is continued from exactly there: whole records that the state does not know
of yet are read back instead of being fetched again.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterable, Mapping

from archiver.collect.web.addresses import AddressPolicy
from archiver.collect.web.documents.document import NO_LINKS
from archiver.collect.web.documents.mediatype import media_type
from archiver.collect.web.fetch import Fetcher, FetchSettings
from archiver.collect.web.frontier import Found, Frontier
from archiver.collect.web.lanes import Arrival, Job, Lane
from archiver.collect.web.payloads import PayloadReader
from archiver.collect.web.recorder import Recorder
from archiver.collect.web.robots import MOST_REDIRECTS, PARSED, UNREACHABLE, RobotsPolicy
from archiver.collect.web.schedule import Schedule
from archiver.collect.web.scope import EXCLUDED, NOT_WEB, OUTSIDE, Scope
from archiver.collect.web.urls import LONGEST, is_web, origin_of, resolve
from archiver.collect.web.warc import WarcOutput, recover
from archiver.core.capture import PAGE, REQUISITE, Capture
from archiver.core.errors import (
    FetchError,
    HostUnreachable,
    NotArchived,
    PageMoved,
    PrivateAddress,
    RecordCorrupt,
    ResponseTruncated,
    RobotsForbidden,
    StatusRefused,
    StoreError,
    Unreadable,
)
from archiver.core.printable import printable
from archiver.store.locator import open_locator

if TYPE_CHECKING:
    import threading
    from queue import SimpleQueue

    from archiver.collect.web.documents.document import Links
    from archiver.collect.web.fetch import Exchange
    from archiver.collect.web.frontier import RunState
    from archiver.collect.web.recorder import Recorded
    from archiver.collect.web.schedule import Host
    from archiver.core.progress import Progress, Task
    from archiver.core.snapshot import BrokenLink, Failure
    from archiver.spec.model import DocSite
    from archiver.store.locator import Location
    from archiver.store.paths import ProjectPaths

_BATCH, _BATCH_SECONDS = 64, 1.0  # records between two commits, and the longest time
_POLL = 0.2  # seconds between looks at ``stop`` while nothing arrives
_RECENT = 50_000  # links remembered in memory
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_CHAIN = 30
_LONGEST_VALIDATOR = 1 << 10
ROBOTS = "robots"
TOO_LONG = "too long"
PRIVATE = "private address"
DEAD_HOST = "host unreachable"
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
        settings: timeouts, retries and limits.

    Raises:
        KeyboardInterrupt: ``stop`` was set, or Ctrl-C came; the same call later on continues.
        StoreError: or a subclass, where the archive cannot be written; continuing is possible too.
        InvalidURL: a seed or a scope prefix is not an http(s) URL.
    """
    settings = settings or FetchSettings()
    prefix = f"{snapshot}-{site.name}"
    info = {"http-header-user-agent": user_agent, "robots": site.robots, "isPartOf": prefix}
    frontier = Frontier(state, site.name)
    tail, position = recover(paths.warc, prefix, frontier.position())
    with ExitStack() as held:
        locator = held.enter_context(closing(open_locator(paths)))
        output = held.enter_context(closing(WarcOutput(paths.warc, prefix, info, position)))
        recorder = Recorder(output, locator, PayloadReader(paths.warc, locator), previous)

        addresses = AddressPolicy(Scope.of(site).hosts)

        def open_fetcher() -> Fetcher:
            return Fetcher(user_agent, settings, stop, addresses)

        def open_lane(arrivals: SimpleQueue[Arrival]) -> Lane:
            return Lane(open_fetcher, site.connections, site.delay, arrivals, stop)

        policy = RobotsPolicy.ignored() if site.robots == "ignore" else None
        schedule = Schedule(frontier, open_lane, policy)
        held.callback(schedule.close)
        coordinator = _Coordinator(
            site,
            user_agent=user_agent,
            previous=previous,
            frontier=frontier,
            schedule=schedule,
            recorder=recorder,
            progress=progress,
        )
        try:
            coordinator.run(tail, stop)
        except BaseException:
            # the WARC may be ahead of the state now; ``recover`` brings them together again
            frontier.rollback()
            raise
        return coordinator.outcome()


class _Coordinator:
    """Takes what arrives, has it written down, and finds what to ask for next."""

    def __init__(
        self,
        site: DocSite,
        *,
        user_agent: str,
        previous: Mapping[str, Capture],
        frontier: Frontier,
        schedule: Schedule,
        recorder: Recorder,
        progress: Progress,
    ) -> None:
        self._site, self._agent, self._previous = site, user_agent, previous
        self._frontier, self._schedule, self._recorder = frontier, schedule, recorder
        self._progress, self._scope = progress, Scope.of(site)
        self._seeds = tuple(dict.fromkeys(resolve(seed, seed) or seed for seed in site.seeds))
        self._committed_at = time.monotonic()
        self._recent: dict[tuple[str, str], None] = {}

    def run(self, tail: Iterable[Location], stop: threading.Event) -> None:
        """Crawl until nothing is left. Raises KeyboardInterrupt once ``stop`` is set."""
        for seed in self._seeds:
            self._frontier.add(Found(seed, PAGE, seed=True))
        for origin, status, body in self._frontier.robots():
            self._schedule.host(origin).policy = self._policy(status, body)
        for location in tail:
            self._adopt(location)
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
            sum(bool(capture.original) for capture in captures),
            self._frontier.received,
            sum(map(self._leads_somewhere, self._seeds)),
        )

    def _loop(self, task: Task, stop: threading.Event) -> None:
        while True:
            done = self._frontier.done
            self._schedule.fill(self._admitted)
            if self._schedule.idle:
                self._commit()
                if not self._frontier.pending and not self._reread():
                    return
            elif arrival := self._schedule.next(_POLL):
                self._settle(arrival)
            task.advance(self._frontier.done - done)
            task.expect(self._frontier.known)
            queued, megabytes = self._frontier.known - self._frontier.done, self._frontier.received / 1e6
            task.describe(f"queued {queued}, {megabytes:.1f} MB")
            if stop.is_set():
                self._commit()
                raise KeyboardInterrupt
            if self._recorder.waiting >= _BATCH or time.monotonic() - self._committed_at > _BATCH_SECONDS:
                self._commit()

    def _commit(self) -> None:
        self._frontier.commit(self._recorder.sync())
        self._committed_at = time.monotonic()

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

    def _admitted(self, url: str, host: Host) -> Job | None:
        assert host.policy is not None, "URLs are taken once robots.txt is known"
        if host.private:
            self._refuse(url, PRIVATE, PrivateAddress(host.private, place=url))
        elif host.dead:
            self._refuse(url, DEAD_HOST, HostUnreachable("its host could not be reached", place=url))
        elif not host.policy.allows(url):
            reason = host.policy.refusal or "robots.txt forbids it"
            self._refuse(url, ROBOTS, RobotsForbidden(reason, place=url, hint=_ROBOTS_HINT))
        else:
            return Job(url, origin_of(url), self._recorder.conditions(url))
        return None

    def _refuse(self, url: str, reason: str, error: FetchError) -> None:
        entry = self._frontier.entry(url)
        if entry is not None and entry.seed:
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
            self._schedule.host(job.host).unreachable = 0
            try:
                with closing(exchange.body):
                    self._take(job, exchange)
            except Exception as unforeseen:  # noqa: BLE001 - one site's content must not end the run for all
                error = unforeseen
        if isinstance(error, StoreError):
            raise error
        if error is not None:
            self._give_up(job, error if isinstance(error, FetchError) else _unreadable(job.url, error))
        # neither: the crawl is being stopped, and the URL stays queued

    def _give_up(self, job: Job, error: FetchError) -> None:
        host = self._schedule.host(job.host)
        if isinstance(error, PrivateAddress) and origin_of(job.url) == job.host:
            host.private, host.policy = error.message, host.policy or RobotsPolicy.ignored()
            if not job.robots:
                self._refuse(job.url, PRIVATE, error)
            return
        host.unreachable = host.unreachable + 1 if isinstance(error, HostUnreachable) else 0
        self._fail(job.url, error)
        if job.robots:  # not kept: a continued run may find the host again
            host.policy = self._policy(UNREACHABLE, b"")
            if isinstance(error, HostUnreachable):
                host.give_up()
        self._frontier.settle(job.url)

    def _take(self, job: Job, exchange: Exchange) -> None:
        if exchange.status == 429 or exchange.status >= 500:
            self._fail(job.url, _refused(exchange.url, exchange.status))
            if job.robots:
                self._take_robots(job.host, exchange.status, b"")
            self._frontier.settle(job.url, size=exchange.size)
            return
        recorded = self._recorder.write(exchange, conditional=bool(job.conditions))
        if recorded is None:
            self._schedule.submit(replace(job, conditions=()))
        elif job.robots:
            self._account_robots(job, recorded)
        else:
            self._account(recorded)

    def _adopt(self, location: Location) -> None:
        """Account for a record that an earlier process of this run wrote but did not commit."""
        recorded = self._recorder.adopt(location)
        if recorded is None:
            return
        origin = origin_of(recorded.url)
        robots = recorded.url == f"{origin}/robots.txt"
        try:
            if self._frontier.entry(recorded.url) is not None:
                self._account(recorded)
            elif (
                robots and recorded.status not in _REDIRECTS
            ):  # a redirect is asked for again, and followed then
                self._account_robots(Job(recorded.url, origin, robots=True), recorded)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - as in _settle
            self._give_up(Job(recorded.url, origin, robots=robots), _unreadable(recorded.url, error))

    def _account(self, recorded: Recorded) -> None:
        """Remember what a recorded response means: a capture and its links, or a problem."""
        url, status = recorded.url, recorded.status
        entry = self._frontier.entry(url)
        assert entry is not None, "only known URLs are fetched"
        target = ""
        if status >= 400:
            self._account_error(entry, status)
        else:
            problem = self._problem(entry, recorded)
            if problem is not None:
                self._fail(url, problem)
            if problem is None or not self._had(url):
                self._frontier.capture(self._capture(recorded, entry.kind))
            target = self._lead_on(entry, recorded)
        self._frontier.settle(url, size=recorded.size, target=target)

    def _account_error(self, entry: Found, status: int) -> None:
        lost = entry.url in self._previous
        if entry.seed or lost or status not in (404, 410):
            self._fail(entry.url, _refused(entry.url, status, lost=lost))
        else:
            self._frontier.broken_link(entry.url, status, entry.referrer)

    def _problem(self, entry: Found, recorded: Recorded) -> FetchError | None:
        """Return why a response is not to replace what an earlier snapshot has; None where it may."""
        if recorded.truncated:
            return ResponseTruncated(
                "longer than what is archived of one response; cut there", place=entry.url
            )
        if recorded.status in _REDIRECTS and entry.kind == PAGE and self._had(entry.url):
            target, reason = self._redirection(entry, recorded.header("Location"))
            if reason:
                where = f"redirects to {printable(target)}, which is {reason}; the earlier capture is kept"
                return PageMoved(where, place=entry.url, hint=_MOVED_HINT)
        return None

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
            original=earlier.payload_record if earlier else "",
            etag=_validator(recorded, "ETag") or (earlier.etag if earlier else ""),
            modified=_validator(recorded, "Last-Modified") or (earlier.modified if earlier else ""),
        )

    def _fail(self, url: str, error: FetchError) -> None:
        entry = self._frontier.entry(url)
        message = f"{error.message} ({error.hint})" if error.hint else error.message
        self._frontier.fail(url, error.code, message, entry.referrer if entry else "")

    # robots.txt.

    def _account_robots(self, job: Job, recorded: Recorded) -> None:
        if recorded.status < 400:
            self._frontier.capture(self._capture(recorded, REQUISITE))
        host = self._schedule.host(job.host)
        location = recorded.header("Location")
        target = resolve(recorded.url, _location(location)) if location else None
        followed = target is not None and is_web(target) and len(target) <= LONGEST
        if target and followed and recorded.status in _REDIRECTS and host.robots_hops < MOST_REDIRECTS:
            host.robots_hops += 1
            # asked on the lane of the host that the answer is for: at most five requests
            self._schedule.submit(Job(target, job.host, robots=True))
            return
        status = 200 if recorded.revisited else recorded.status
        self._take_robots(job.host, status, recorded.content())

    def _take_robots(self, origin: str, status: int, body: bytes) -> None:
        self._frontier.keep_robots(origin, status, body[:PARSED])
        host = self._schedule.host(origin)
        host.policy = self._policy(status, body)
        if host.policy.refusal:
            self._progress.warn(f"{origin}: {host.policy.refusal}")

    def _policy(self, status: int, body: bytes) -> RobotsPolicy:
        return RobotsPolicy.of(status, body, self._agent)

    # Links.

    def _lead_on(self, entry: Found, recorded: Recorded) -> str:
        """Queue what a response leads to; return where it redirects to, if it does."""
        if recorded.status in _REDIRECTS:
            return self._follow(entry, recorded.header("Location"))
        self._discover(entry, self._links(recorded))
        return ""

    def _follow(self, entry: Found, location: str) -> str:
        """Queue a redirect's target, of the same kind, and return it; empty where it is not followed."""
        target, reason = self._redirection(entry, location)
        if reason in (OUTSIDE, EXCLUDED) and entry.seed and not self._had(entry.url):
            self._progress.warn(
                f"{entry.url} redirects out of its scope, to {target}; add that to `include`?"
            )
        elif reason:
            self._frontier.skip(target, reason)
            return ""
        self._frontier.add(Found(target, entry.kind, entry.url, entry.seed, entry.hops + 1))
        return target

    def _redirection(self, entry: Found, location: str) -> tuple[str, str]:
        """Return where a redirect leads, and the reason not to follow it there; empty where there is none."""
        target = resolve(entry.url, _location(location))
        if target is None or not is_web(target):
            return (target or location)[:LONGEST], NOT_WEB
        if len(target) > LONGEST:
            return target[:LONGEST], TOO_LONG
        decision = self._scope.decide(target)
        return target, "" if entry.kind != PAGE or decision.inside else decision.reason

    def _links(self, recorded: Recorded) -> Links:
        """Return a document's links; none, and a failure, where looking for them goes wrong."""
        try:
            links = recorded.links()
        except Exception as error:  # noqa: BLE001 - documents are not trusted; the capture stays whatever is in it
            self._fail(recorded.url, _unreadable(recorded.url, error))
            return NO_LINKS
        if not links.complete:
            self._fail(recorded.url, Unreadable("nested too deeply to be parsed; links may be missing"))
        return links

    def _discover(self, entry: Found, links: Links) -> None:
        """Queue a document's links. Only pages lead on to pages."""
        is_page = entry.kind == PAGE
        for url in links.requisites:
            self._queue(url, REQUISITE, entry.url)
        if not is_page:
            return
        for url in links.pages:
            decision = self._scope.decide(url)
            if decision.inside:
                self._queue(url, PAGE, entry.url)
            elif self._is_new(url, decision.reason):
                self._frontier.skip(url, decision.reason)
        for url in links.frames:
            self._queue(url, PAGE if self._scope.decide(url).inside else REQUISITE, entry.url)
        for url in links.others:
            self._frontier.skip(url, TOO_LONG if is_web(url) else NOT_WEB)

    def _queue(self, url: str, kind: str, referrer: str) -> None:
        if self._is_new(url, kind):
            self._frontier.add(Found(url, kind, referrer))

    def _is_new(self, url: str, what: str) -> bool:
        """Say whether a URL was not met lately, so that the state need not be asked about every link."""
        key = (url, what)
        if key in self._recent:
            return False
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[key] = None
        return True

    def _reread(self) -> bool:
        """Follow the links of requisites that turned out to be pages; say whether there were any."""
        urls = self._frontier.rereads()
        for url in urls:
            capture, entry = self._frontier.captured(url), self._frontier.entry(url)
            if capture is not None and entry is not None:
                self._frontier.capture(replace(capture, kind=PAGE))
                try:
                    recorded = self._recorder.reread(capture)
                except (NotArchived, RecordCorrupt) as error:
                    self._fail(url, _unreadable(url, error))
                else:
                    self._lead_on(entry, recorded)
            self._frontier.reread(url)
        return bool(urls)


def _refused(url: str, status: int, *, lost: bool = False) -> StatusRefused:
    before = "; an earlier snapshot has it" if lost else ""
    return StatusRefused(f"the server answered {status}{before}", place=url)


def _unreadable(url: str, error: Exception) -> Unreadable:
    return Unreadable(printable(f"cannot be read: {type(error).__name__}: {error}", 200), place=url)


def _validator(recorded: Recorded, name: str) -> str:
    """Return a validator to ask with next time; none where it could not be sent back as it is."""
    value = recorded.header(name)
    return value if value.isascii() and len(value) <= _LONGEST_VALIDATOR else ""


def _location(value: str) -> str:
    """Return a Location header as text: servers send UTF-8 there, http.client reads Latin-1."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
