"""Who is asked next: a lane for each host at the host's own pace, robots.txt first, dead hosts left alone."""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable, Iterable

from archiver.collect.web.lanes import Job
from archiver.collect.web.pace import Manners, Pace

if TYPE_CHECKING:
    from archiver.collect.web.fetch import FetchSettings
    from archiver.collect.web.frontier import Frontier
    from archiver.collect.web.lanes import Arrival, Lane
    from archiver.collect.web.robots import RobotsPolicy

_MOST_LANES = 16  # hosts spoken to at the same time
_DEAD_AFTER = 5  # URLs in a row that did not even get a connection
_MOST_THROTTLED = 10  # times that one URL is answered "too many requests" while others are not
_MOST_AGAIN = 4  # URLs for each connection of a host that wait for another try before new ones wait as well
_MANY = 100  # URLs given up at a time
_A_MOMENT = 0.001  # seconds


@dataclass
class Host:
    """What the crawl knows of one origin.

    Attributes:
        pace: how fast it is asked.
        policy: what may be fetched; None until its robots.txt was answered.
        private: why its address must not be spoken to; empty where it may.
        unprobed: what it is yet to be asked for before its pages are; None until that is known.
        probing: what of that was asked for and is not settled.
        again: what is to be asked again: not before when, in which order, and the job. A heap.
    """

    pace: Pace
    policy: RobotsPolicy | None = None
    private: str = ""
    robots_asked: bool = False
    robots_hops: int = 0
    unreachable: int = 0
    unprobed: list[str] | None = None
    probing: set[str] = field(default_factory=set)
    again: list[tuple[float, int, Job]] = field(default_factory=list)

    def give_up(self) -> None:
        """Take the host for dead at once: not even its robots.txt could be asked for."""
        self.unreachable = _DEAD_AFTER

    @property
    def dead(self) -> bool:
        """Whether so many URLs in a row got no connection that the rest is not tried."""
        return self.unreachable >= _DEAD_AFTER

    @property
    def lost(self) -> bool:
        """Whether nothing more is asked of it."""
        return self.dead or bool(self.private) or self.pace.exhausted


class Schedule:
    """Moves URLs from the frontier to the lanes, at each host's pace. Used by the coordinator only.

    No thread ever waits for a host: what is to be asked later waits here, and its URL stays queued in the frontier.

    Args:
        frontier: the URLs.
        open_lane: makes a lane of so many connections.
        manners: how an origin may be asked at most.
        settings: how often and after what time to try again.
        policy: what every host is taken to allow; None: what its robots.txt says.
        probes: what an origin is to be asked for first, given the origin; its pages wait until that is settled.
        clock: tells the time in seconds, from any beginning.
    """

    def __init__(
        self,
        frontier: Frontier,
        open_lane: Callable[[int], Lane],
        *,
        manners: Callable[[str], Manners],
        settings: FetchSettings,
        policy: RobotsPolicy | None = None,
        probes: Callable[[str], Iterable[str]] = lambda _: (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._frontier, self._open_lane, self._manners = frontier, open_lane, manners
        self._settings, self._policy, self._clock = settings, policy, clock
        self._probes = probes
        self._hosts: dict[str, Host] = {}
        self._lanes: dict[str, Lane] = {}
        self._again: dict[str, Host] = {}  # the hosts of which something is to be asked again
        self._order = itertools.count()
        self._busy = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is being fetched."""
        return self._busy == 0

    @property
    def waiting(self) -> bool:
        """Whether something is to be asked again."""
        return bool(self._again)

    def host(self, origin: str) -> Host:
        """Return what is known of an origin."""
        host = self._hosts.get(origin)
        if host is None:
            pace = Pace(
                self._manners(origin),
                first_pause=self._settings.backoff,
                longest_pause=self._settings.longest_wait,
            )
            host = self._hosts[origin] = Host(pace, self._policy)
        return host

    def submit(self, job: Job) -> None:
        """Send a job to its host's lane."""
        lane = self._lane(job.host)
        assert lane is not None, "a job is submitted to a host whose lane is open"
        now = self._clock()
        self.host(job.host).pace.began(now)
        lane.submit(replace(job, began=now))
        self._busy += 1

    def fill(self, admit: Callable[[Job, Host], Job | None]) -> None:
        """Give every host that has URLs waiting as many as its pace allows.

        Args:
            admit: gets each job that comes from the frontier whenever it is to be asked; returns it as it is to be
                sent, or settles its URL otherwise and returns None.
        """
        for origin in self._wanted():
            host = self.host(origin)
            if host.lost:
                self._give_back(origin, host, admit)
            elif (lane := self._lane(origin)) is None:
                break  # there is none for the others either
            else:
                while room := host.pace.room(lane.busy, self._clock()):
                    jobs = self._jobs(origin, host, room)
                    for job in jobs:
                        if admitted := job if job.aside else admit(job, host):
                            self.submit(admitted)
                    if not jobs:
                        break

    def pause(self) -> float:
        """Return the seconds until time alone makes something possible that is not; infinite where nothing does.

        What has become possible since ``fill`` looked is a moment away. Of hosts without a lane, which may be very many, only those count of which something is to be asked again.
        """
        now = self._clock()
        waits = [
            wait
            for origin in self._lanes
            if origin in self._frontier.pending
            and not (host := self.host(origin)).lost
            and (wait := host.pace.wait(now)) > 0
        ]
        for origin, host in self._again.items():
            wait, lane = max(host.again[0][0] - now, host.pace.wait(now)), self._lanes.get(origin)
            if wait > 0:
                waits.append(wait)
            elif lane is not None and host.pace.room(lane.busy, now):
                waits.append(_A_MOMENT)
        return min(waits, default=float("inf"))

    def landed(self, arrival: Arrival) -> None:
        """Take note of a result: its connection is free again."""
        self._lanes[arrival.job.host].busy -= 1
        self._busy -= 1

    def answered(self, job: Job) -> None:
        """Take note of an answer that was no complaint."""
        host = self.host(job.host)
        host.unreachable = 0
        host.pace.succeeded(job.began)

    def failed(self, job: Job) -> bool:
        """Take note of a try without a usable answer; say whether the URL will be asked again."""
        if job.failed + 1 >= self._settings.tries:
            return False
        self._ask_again(replace(job, failed=job.failed + 1), self._clock() + self._patience(job))
        return True

    def overloaded(self, job: Job) -> bool:
        """As ``failed``, for a reason that may be that the host gets too much at the same time."""
        self.host(job.host).pace.stumbled(job.began, self._clock())
        return self.failed(job)

    def unreachable(self, job: Job) -> bool:
        """As ``failed``, where the host took no connection: nothing else is tried there in the meantime."""
        again = self.failed(job)
        if again:
            self._recall(job.host)
            self.host(job.host).pace.rest(self._clock(), self._patience(job))
        return again

    def throttled(self, job: Job, asked: float | None) -> float | None:
        """Take note that a host wants less; nothing is asked of it for a while.

        Args:
            job: what was answered so.
            asked: the seconds of the answer's Retry-After, if it has one.

        Returns:
            The seconds until the URL is asked again; None where it will not be.
        """
        host, now = self.host(job.host), self._clock()
        pause = host.pace.throttled(job.began, now, asked)
        self._recall(job.host)
        if host.pace.exhausted or job.throttled + 1 >= _MOST_THROTTLED:
            return None
        self._ask_again(replace(job, throttled=job.throttled + 1), now + pause)
        return pause

    def drop(self) -> None:
        """Forget what is to be asked again; the URLs stay queued in the frontier."""
        for host in self._again.values():
            host.again.clear()
        self._again.clear()

    def close(self) -> None:
        """Let every thread end."""
        for lane in self._lanes.values():
            lane.close()

    def _jobs(self, origin: str, host: Host, room: int) -> list[Job]:
        """Return what is to be asked next of a host; nothing where that has to wait."""
        due = self._due(origin, host, room)
        if due:
            return due
        if host.policy is None:
            if host.robots_asked:
                return []
            host.robots_asked = True
            return [Job(f"{origin}/robots.txt", origin, robots=True)]
        host.pace.slow_to(host.policy.delay)
        if host.unprobed is None:
            host.unprobed = [url for url in self._probes(origin) if host.policy.allows(url)]
        if host.unprobed or host.probing:
            probes, host.unprobed = host.unprobed[:room], host.unprobed[room:]
            host.probing.update(probes)
            return [Job(url, origin, probe=url) for url in probes]
        if len(host.again) >= _MOST_AGAIN * host.pace.connections:
            return []
        return [Job(url, origin) for url in self._frontier.take(origin, room)]

    def _wanted(self) -> list[str]:
        """Return the origins to ask now: those with a lane, then of the others, which may be very many, the first ones."""
        pending, again = self._frontier.pending, self._again
        served = [origin for origin in self._lanes if origin in pending or origin in again]
        others = (
            origin
            for origin in itertools.chain(again, (each for each in pending if each not in again))
            if origin not in self._lanes and self._is_ready(origin)
        )
        return served + list(itertools.islice(others, _MOST_LANES))

    def _is_ready(self, origin: str) -> bool:
        """Say whether an origin without a lane has a use for one, or is none to be asked any more."""
        host = self._hosts.get(origin)
        return host is None or host.lost or not host.pace.wait(self._clock())

    def _due(self, origin: str, host: Host, most: int) -> list[Job]:
        now = self._clock()
        due: list[Job] = []
        while host.again and len(due) < most and host.again[0][0] <= now:
            due.append(heapq.heappop(host.again)[2])
        if not host.again:
            self._again.pop(origin, None)
        return due

    def _give_back(self, origin: str, host: Host, admit: Callable[[Job, Host], Job | None]) -> None:
        """Have every URL of a host settled that will not be asked."""
        self._again.pop(origin, None)
        jobs, host.again = [job for _, _, job in host.again], []
        while jobs := jobs or [Job(url, origin) for url in self._frontier.take(origin, _MANY)]:
            job = jobs.pop()
            refused = job.aside or admit(job, host) is None
            assert refused, "nothing is asked of a host that is lost"

    def _patience(self, job: Job) -> float:
        return self._settings.backoff * 2.0**job.failed

    def _recall(self, origin: str) -> None:
        recalled = self._lanes[origin].recall()
        self._busy -= len(recalled)
        for job in recalled:
            self._ask_again(job, self._clock())

    def _ask_again(self, job: Job, moment: float) -> None:
        host = self.host(job.host)
        heapq.heappush(host.again, (moment, next(self._order), job))
        self._again[job.host] = host

    def _lane(self, origin: str) -> Lane | None:
        """Return an origin's lane, opening it where there is room for one more."""
        lane = self._lanes.get(origin)
        if lane is None:
            if len(self._lanes) >= _MOST_LANES and not self._close_idle_lane():
                return None
            connections = self._manners(origin).connections
            lane = self._lanes[origin] = self._open_lane(connections)
        return lane

    def _close_idle_lane(self) -> bool:
        now = self._clock()
        for origin, lane in self._lanes.items():
            wanted = origin in self._frontier.pending or origin in self._again
            if not lane.busy and (not wanted or self.host(origin).pace.wait(now)):
                self._lanes.pop(origin).close()
                return True
        return False
