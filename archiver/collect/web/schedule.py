"""Who is asked next: a lane for each host, robots.txt before anything else, hosts that are dead left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from archiver.collect.web.lanes import Job

if TYPE_CHECKING:
    from archiver.collect.web.frontier import Frontier
    from archiver.collect.web.lanes import Arrival, Lane
    from archiver.collect.web.robots import RobotsPolicy

_MOST_LANES = 16  # hosts spoken to at the same time
_DEAD_AFTER = 5  # URLs in a row that did not even get a connection


@dataclass
class Host:
    """What the crawl knows of one origin.

    Attributes:
        policy: what may be fetched; None until its robots.txt was answered.
        private: why its address must not be spoken to; empty where it may.
    """

    policy: RobotsPolicy | None = None
    private: str = ""
    robots_asked: bool = False
    robots_hops: int = 0
    unreachable: int = 0

    def give_up(self) -> None:
        """Take the host for dead at once: not even its robots.txt could be asked for."""
        self.unreachable = _DEAD_AFTER

    @property
    def dead(self) -> bool:
        """Whether so many URLs in a row got no connection that the rest is not tried."""
        return self.unreachable >= _DEAD_AFTER


class Schedule:
    """Moves URLs from the frontier to the lanes. Used by the coordinator only.

    Args:
        frontier: the URLs.
        open_lane: makes a lane for an origin.
        policy: what every host is taken to allow; None: what its robots.txt says.
    """

    def __init__(
        self,
        frontier: Frontier,
        open_lane: Callable[[], Lane],
        policy: RobotsPolicy | None = None,
    ) -> None:
        self._frontier, self._open_lane, self._policy = frontier, open_lane, policy
        self._hosts: dict[str, Host] = {}
        self._lanes: dict[str, Lane] = {}
        self._busy = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is being fetched."""
        return self._busy == 0

    def host(self, origin: str) -> Host:
        """Return what is known of an origin."""
        return self._hosts.setdefault(origin, Host(self._policy))

    def submit(self, job: Job) -> None:
        """Send a job to its host's lane."""
        lane = self._lane(job.host)
        assert lane is not None, "a job is submitted to a host whose lane is open"
        lane.submit(job)
        self._busy += 1

    def fill(self, admit: Callable[[str, Host], Job | None]) -> None:
        """Give every host that has URLs waiting as many as its connections take.

        Args:
            admit: turns a URL into a job, or settles it otherwise and returns None.
        """
        for origin in list(self._frontier.pending):
            host, lane = self.host(origin), self._lane(origin)
            if lane is None:
                continue
            if host.policy is None:
                if not host.robots_asked:
                    host.robots_asked = True
                    self.submit(Job(f"{origin}/robots.txt", origin, robots=True))
                continue
            lane.delay = max(lane.delay, host.policy.delay)
            while lane.room > 0 and (urls := self._frontier.take(origin, lane.room)):
                for url in urls:
                    if job := admit(url, host):
                        self.submit(job)

    def landed(self, arrival: Arrival) -> None:
        """Take note of a result: its connection is free again."""
        self._lanes[arrival.job.host].busy -= 1
        self._busy -= 1

    def close(self) -> None:
        """Let every thread end."""
        for lane in self._lanes.values():
            lane.close()

    def _lane(self, origin: str) -> Lane | None:
        """Return an origin's lane, opening it where there is room for one more."""
        lane = self._lanes.get(origin)
        if lane is None:
            if len(self._lanes) >= _MOST_LANES and not self._close_idle_lane():
                return None
            lane = self._lanes[origin] = self._open_lane()
        return lane

    def _close_idle_lane(self) -> bool:
        for origin, lane in self._lanes.items():
            if not lane.busy and origin not in self._frontier.pending:
                self._lanes.pop(origin).close()
                return True
        return False
