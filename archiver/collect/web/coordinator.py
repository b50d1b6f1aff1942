"""The one who decides, writes and remembers: between fetch threads, processes that read documents, and the disk.

Each exchange is written to the WARC file first; once a batch is durable there, the locator is told, then the
state is committed. A run that ends in between, however it ends, is continued from exactly there: whole records
that the state does not know of yet are read back instead of being fetched again.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterable

from archiver.collect.web.accounting import Accounting, archived_kind, facts_of, status_refused
from archiver.collect.web.asides import Asides
from archiver.collect.web.documents.document import AS_DOCUMENT, AS_SITEMAP, NO_FACTS, NOTHING
from archiver.collect.web.documents.mediatype import READ, is_html, is_read
from archiver.collect.web.documents.pool import Reading
from archiver.collect.web.frontier import SITEMAP, Found
from archiver.collect.web.lanes import Arrival, Job
from archiver.collect.web.limits import PAGES
from archiver.collect.web.robots import RobotsPolicy
from archiver.collect.web.urls import origin_of
from archiver.core.capture import PAGE
from archiver.core.errors import (
    FetchError,
    FetchTimeout,
    HostUnreachable,
    NotArchived,
    PrivateAddress,
    RecordCorrupt,
    ResponseBroken,
    RobotsForbidden,
    RobotsUnread,
    ServerBusy,
    StoreError,
    Unreadable,
)
from archiver.core.printable import printable
from archiver.core.reasons import BUSY_HOST, DEAD_HOST, NO_ROBOTS, PRIVATE, ROBOTS
from archiver.core.retryafter import retry_after

if TYPE_CHECKING:
    import threading

    from archiver.collect.web.discovery import Discovery
    from archiver.collect.web.documents.document import Document, Facts
    from archiver.collect.web.documents.pool import DocumentPool
    from archiver.collect.web.examination import Examination
    from archiver.collect.web.fetch import Exchange
    from archiver.collect.web.frontier import Frontier
    from archiver.collect.web.known import Known
    from archiver.collect.web.limits import CrawlLimits
    from archiver.collect.web.recorder import Recorded, Recorder
    from archiver.collect.web.schedule import Host, Schedule
    from archiver.collect.web.sitemaps import Sitemaps
    from archiver.core.progress import Progress, Task
    from archiver.store.locator import Location

_BATCH, _BATCH_SECONDS = 64, 1.0  # records between two commits, and the longest time
_POLL = 0.2  # seconds between looks at ``stop`` while nothing arrives
_MOST_READING = 64  # documents that are being read, or wait for it
_MOST_READING_BYTES = 64 << 20
_TOO_MANY_REQUESTS, _UNAVAILABLE = 429, 503
_PASSING = frozenset({500, 502, 503, 504})  # what may be another answer a moment later
_OVERLOAD = frozenset({502, 503, 504})
_WORTH_TELLING = 5.0  # seconds of a pause
_ROBOTS_HINT = "set `robots: ignore` for this site in the spec if you may archive it all the same"


@dataclass(frozen=True)
class Read:
    """A document was read, or could not be.

    Attributes:
        form: what it was read as.
        again: whether it had been captured before, as a requisite.
        probe: where it is what a site sends for nothing: the URL that was asked for at first.
    """

    recorded: Recorded
    result: Document | Unreadable
    form: str = AS_DOCUMENT
    again: bool = False
    probe: str = ""


@dataclass(frozen=True)
class _BeingRead:
    """A document that is being read, or waits for it.

    Attributes:
        memory: the bytes that it takes there.
        received: the bytes that came for it and are not accounted for.
    """

    memory: int
    received: int


class Coordinator:
    """Takes what arrives, has it written down, and finds what to ask for next.

    Args:
        source: the doc site's name.
        seeds: where the crawl begins, in canonical spelling.
        user_agent: whom robots.txt speaks to.
        frontier: the URLs, and all that is remembered of them.
        schedule: hands URLs to the fetch threads.
        documents: reads documents.
        events: where fetch threads and document readers put what they have.
        recorder: writes the WARC files.
        accounting: keeps what responses mean.
        discovery: queues what documents lead to.
        sitemaps: the site's.
        examination: tells what is not what it seems.
        known: the URLs of the last good snapshot.
        limits: where to stop.
        progress: where to report to.
    """

    def __init__(
        self,
        source: str,
        *,
        seeds: tuple[str, ...],
        user_agent: str,
        frontier: Frontier,
        schedule: Schedule,
        documents: DocumentPool,
        events: queue.SimpleQueue[Arrival | Read],
        recorder: Recorder,
        accounting: Accounting,
        discovery: Discovery,
        sitemaps: Sitemaps,
        examination: Examination,
        known: Known,
        limits: CrawlLimits,
        progress: Progress,
    ) -> None:
        self._source, self._seeds = source, seeds
        self._frontier, self._schedule, self._recorder = frontier, schedule, recorder
        self._documents, self._events, self._progress = documents, events, progress
        self._accounting, self._discovery, self._sitemaps = accounting, discovery, sitemaps
        self._known = known
        self._asides = Asides(
            user_agent,
            frontier=frontier,
            schedule=schedule,
            accounting=accounting,
            sitemaps=sitemaps,
            examination=examination,
            progress=progress,
        )
        self._reading: dict[str, _BeingRead] = {}  # by record
        self._committed_at = time.monotonic()
        self._limits, self._pages_asked = limits, frontier.asked(PAGE)
        self._enough = ""  # the limit that is reached

    def run(self, tail: Iterable[Location], stop: threading.Event) -> None:
        """Crawl until nothing is left. Raises KeyboardInterrupt once ``stop`` is set."""
        for seed in self._seeds:
            self._frontier.add(Found(seed, PAGE, seed=True))
        self._discovery.begin(self._known)
        self._sitemaps.begin()
        self._asides.begin()
        for location in tail:
            self._adopt(location)
            while self._reading:  # the next one may be known only by this one's links
                self._take_event(self._events.get())
        self._commit()
        task = self._progress.task(self._source, "pages", self._frontier.known)
        task.advance(self._frontier.done)
        try:
            self._loop(task, stop)
        finally:
            task.close()
        self._frontier.excuse()
        self._commit()

    def _loop(self, task: Task, stop: threading.Event) -> None:
        while True:
            done = self._frontier.done
            if self._has_enough():
                self._schedule.drop()
            elif not self._reads_enough:
                self._schedule.fill(self._admitted)
            if self._schedule.idle and not self._reading:
                if self._enough:
                    self._known.release()
                    self._frontier.leave_out(self._enough)
                if not self._frontier.pending and not self._schedule.waiting:
                    held, released = self._frontier.holding, self._known.release()
                    self._commit()
                    if held:  # pages that are not due count as well: a limit means the same in each run
                        self._pages_asked = self._frontier.asked(PAGE) + self._frontier.holds(PAGE)
                    if not (released or self._reread()):
                        return
                    continue  # nothing is under way that could be waited for
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

    @property
    def _reads_enough(self) -> bool:
        """Whether so much is being read, and so kept in memory, that nothing is to be added."""
        if len(self._reading) >= _MOST_READING:
            return True
        return sum(each.memory for each in self._reading.values()) >= _MOST_READING_BYTES

    def _next_event(self) -> Arrival | Read | None:
        try:
            return self._events.get_nowait()
        except queue.Empty:
            pass
        try:
            return self._events.get(timeout=min(_POLL, self._schedule.pause()))
        except queue.Empty:
            return None

    def _take_event(self, event: Arrival | Read) -> None:
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
            received = self._frontier.received + sum(each.received for each in self._reading.values())
            self._enough = self._limits.reached(received=received, seconds=seconds)
            if self._enough:
                self._tell_of(self._enough)
        return bool(self._enough)

    def _tell_of(self, limit: str) -> None:
        self._progress.warn(f"{self._source}: the spec's {limit} is reached; what is left is not asked for")

    # What to ask for.

    def _admitted(self, job: Job, host: Host) -> Job | None:
        assert host.policy is not None, "URLs are taken once robots.txt is known"
        url = job.url
        if host.private:
            self._accounting.refuse(url, PRIVATE, PrivateAddress(host.private, place=url))
        elif host.dead:
            self._accounting.refuse(
                url, DEAD_HOST, HostUnreachable("its host could not be reached", place=url)
            )
        elif host.pace.exhausted:
            self._accounting.refuse(
                url, BUSY_HOST, ServerBusy("its host wanted no more requests for too long", place=url)
            )
        elif unread := host.policy.refusal:
            self._accounting.refuse(url, NO_ROBOTS, RobotsUnread(unread, place=url, hint=_ROBOTS_HINT))
        elif forbidden := host.policy.forbids(url):
            self._accounting.refuse(url, ROBOTS, RobotsForbidden(forbidden, place=url, hint=_ROBOTS_HINT))
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

    def _settle_read(self, read: Read) -> None:
        """Account for a document that was read, with the same care."""
        recorded = read.recorded
        try:
            if read.probe:
                self._probed(read.probe, recorded, facts_of(read.result))
                return
            if read.again:
                self._accounting.account_again(recorded, read.result)
            else:
                self._accounting.account(recorded, read.result)
        except Exception as unforeseen:  # noqa: BLE001 - as in _settle
            self._give_up(Job(recorded.url, origin_of(recorded.url), probe=read.probe), unforeseen)
        if read.form != self._form(recorded.url):  # that changed while it was being read
            self._frontier.read_again(recorded.url)
        elif read.again:
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
                self._accounting.refuse(job.url, PRIVATE, error)
            return
        host.unreachable = host.unreachable + 1 if isinstance(error, HostUnreachable) else 0
        if job.probe:
            self._probed(job.probe)
            return
        self._accounting.fail(job.url, error)
        if job.robots:
            self._asides.robots_failed(job.host)
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
                self._probed(job.probe)
                return
            self._accounting.fail(job.url, status_refused(exchange.url, exchange.status))
            if job.robots:
                self._asides.robots_answered(job.host, exchange.status, b"")
            self._frontier.settle(job.url, status=exchange.status, size=exchange.size)
            return
        recorded = self._recorder.write(exchange, conditional=bool(job.conditions))
        if recorded is None:
            exchange.body.close()
            self._schedule.submit(replace(job, conditions=()))
            return
        try:
            self._take_recorded(job, recorded)
        except Exception:
            self._recorder.accounted(recorded)  # as a failure: not to be read back for ever
            raise

    def _take_recorded(self, job: Job, recorded: Recorded) -> None:
        if job.robots:
            self._asides.robots(job, recorded)
            self._recorder.accounted(recorded)
        elif job.probe:
            self._take_probe(job, recorded)
        else:
            self._hand_on(recorded)

    def _take_probe(self, job: Job, recorded: Recorded) -> None:
        if target := self._asides.probe_target(job, recorded):
            recorded.payload.close()
            self._recorder.accounted(recorded)
            self._schedule.submit(Job(target, job.host, probe=job.probe))
        elif recorded.payload_size and is_html(recorded.content_type):
            self._read(recorded, AS_DOCUMENT, probe=job.probe)
        else:
            recorded.payload.close()
            self._probed(job.probe, recorded)

    def _probed(self, probe: str, recorded: Recorded | None = None, facts: Facts = NO_FACTS) -> None:
        """Keep what came for a probe, before anything is asked for that is judged by it."""
        all_known = self._asides.probed(probe, recorded, facts)
        if recorded is not None:
            self._recorder.accounted(recorded)
        if all_known:
            self._commit()

    def _hand_on(self, recorded: Recorded) -> None:
        """Have a document read where there is something to read; else account for the response at once."""
        entry = self._frontier.entry(recorded.url)
        if entry is not None and self._known.was_read(entry, recorded):
            recorded.payload.close()
            self._accounting.account_unread(recorded)
            self._recorder.accounted(recorded)
            return
        has_links = recorded.status < 400 and not recorded.is_redirect
        form = self._form(recorded.url)
        is_document = recorded.payload_size and is_read(recorded.content_type, recorded.url)
        if has_links and (is_document or form == AS_SITEMAP):
            self._read(recorded, form)
        else:
            recorded.payload.close()
            self._accounting.account(recorded, NOTHING)
            self._recorder.accounted(recorded)

    def _form(self, url: str) -> str:
        """Return what a URL's document is to be read as."""
        entry = self._frontier.entry(url)
        return AS_SITEMAP if entry is not None and entry.kind == SITEMAP else AS_DOCUMENT

    def _read(self, recorded: Recorded, form: str, *, again: bool = False, probe: str = "") -> None:
        size = min(recorded.payload_size, READ)
        self._reading[recorded.record] = _BeingRead(size, 0 if again or probe else recorded.size)
        self._documents.submit(
            Reading(
                recorded.url,
                recorded.content_type,
                recorded.content_encoding,
                recorded.payload,
                size,
                lambda result: self._events.put(Read(recorded, result, form, again, probe)),
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
            elif robots and not recorded.is_redirect:  # a redirect is asked for again, and followed then
                self._asides.robots(Job(recorded.url, origin, robots=True), recorded)
                self._recorder.accounted(recorded)
            else:  # asked for again
                recorded.payload.close()
                self._recorder.accounted(recorded)
        except Exception as error:  # noqa: BLE001 - as in _settle
            self._give_up(Job(recorded.url, origin, robots=robots), error)
            self._recorder.accounted(recorded)

    def _reread(self) -> bool:
        """Have what turned out to be a page or a sitemap read again; say whether there was any."""
        urls = self._frontier.rereads()
        for url in urls:
            if self._reads_enough:
                break  # the others stay in the state
            capture, entry = self._frontier.captured(url), self._frontier.entry(url)
            if capture is not None and entry is not None:
                self._frontier.capture(replace(capture, kind=archived_kind(entry)))
                try:
                    recorded = self._recorder.reread(capture)
                except (NotArchived, RecordCorrupt) as error:
                    self._accounting.fail(url, _unreadable(url, error))
                else:
                    self._read(recorded, self._form(url), again=True)
                    continue
            self._frontier.reread(url)
        return bool(urls)


def _unreadable(url: str, error: Exception) -> Unreadable:
    return Unreadable(printable(f"cannot be read: {type(error).__name__}: {error}", 200), place=url)
