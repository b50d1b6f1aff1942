from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.collect.web.fetch import FetchSettings
from archiver.collect.web.frontier import Found, Frontier, RunState
from archiver.collect.web.lanes import Arrival, Job
from archiver.collect.web.pace import MOST_PAUSES, Manners
from archiver.collect.web.robots import RobotsPolicy
from archiver.collect.web.schedule import Host, Schedule
from archiver.core.capture import PAGE

if TYPE_CHECKING:
    from pathlib import Path

ONE, OTHER = "http://one.example", "http://other.example"
SETTINGS = FetchSettings(tries=3, backoff=1.0, longest_wait=600.0)


class _Lane:
    """A lane without threads: what is submitted stays until the test takes it."""

    def __init__(self, connections: int) -> None:
        self.connections, self.busy = connections, 0
        self.submitted: list[Job] = []
        self.begun = 0

    def submit(self, job: Job) -> None:
        self.busy += 1
        self.submitted.append(job)

    def recall(self) -> list[Job]:
        recalled, self.submitted = self.submitted[self.begun :], self.submitted[: self.begun]
        self.busy -= len(recalled)
        return recalled

    def close(self) -> None:
        """Nothing to end."""


class _World:
    """A schedule over a real frontier, with a clock that the test sets and lanes that it empties."""

    def __init__(self, frontier: Frontier, manners: Manners) -> None:
        self.now, self.frontier = 100.0, frontier
        self.lanes: list[_Lane] = []
        self.refused: list[str] = []
        self.schedule = Schedule(
            frontier,
            self._open,  # type: ignore[arg-type]  # stands in for a lane
            manners=lambda _: manners,
            settings=SETTINGS,
            policy=RobotsPolicy.ignored(),
            clock=lambda: self.now,
        )

    def _open(self, connections: int) -> _Lane:
        self.lanes.append(_Lane(connections))
        return self.lanes[-1]

    def queue(self, origin: str, count: int) -> None:
        for number in range(count):
            self.frontier.add(Found(f"{origin}/{number}", PAGE))

    def fill(self) -> None:
        def admit(job: Job, host: Host) -> Job | None:
            if host.lost:
                self.refused.append(job.url)
                self.frontier.settle(job.url)
                return None
            return job

        self.schedule.fill(admit)

    def taken(self, *, begin: int = 100) -> list[Job]:
        """Return what was handed out and not taken yet, as if so many were begun, and let it land."""
        jobs: list[Job] = []
        for lane in self.lanes:
            jobs += lane.submitted[:begin]
            del lane.submitted[:begin]
        for job in jobs:
            self.schedule.landed(Arrival(job))
        return jobs

    def paths(self) -> list[str]:
        """Return the paths of what was handed out and not taken yet."""
        return [job.url.rpartition("/")[2] for job in self.taken()]


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    """An empty frontier."""
    with closing(RunState(tmp_path / "state.sqlite")) as state:
        state.begin("20261123T004400Z", "")
        yield Frontier(state, "docs")


@pytest.fixture
def world(frontier: Frontier) -> _World:
    """A schedule of two connections a host, without a delay."""
    return _World(frontier, Manners(2))


def test_every_connection_gets_one_and_one_ahead(world: _World) -> None:
    """A lane has the connections of the host's manners and is never given more than it can have in hand."""
    world.queue(ONE, 10)
    world.fill()
    assert [lane.connections for lane in world.lanes] == [2]
    assert world.paths() == ["0", "1", "2", "3"]
    world.fill()
    assert world.paths() == ["4", "5", "6", "7"]


def test_a_delay_is_kept_without_anybody_sleeping(frontier: Frontier) -> None:
    """Requests are handed out one by one; how long to wait for the next is told."""
    world = _World(frontier, Manners(2, 5.0))
    world.queue(ONE, 3)
    world.fill()
    world.fill()
    assert world.paths() == ["0"]
    assert world.schedule.pause() == 5.0
    world.now += 4.5
    world.fill()
    assert (world.paths(), world.schedule.pause()) == ([], 0.5)
    world.now += 0.5
    world.fill()
    assert world.paths() == ["1"]


def test_a_throttled_host_pauses_while_others_go_on(world: _World) -> None:
    """Nothing is asked of it, what it had in hand is taken back, and another host is served all the time."""
    world.queue(ONE, 10)
    world.queue(OTHER, 8)
    world.fill()
    first = world.lanes[0]
    job, *ahead = first.submitted
    first.submitted, first.begun = ahead, 1  # the first was answered, the second is under way
    world.schedule.landed(Arrival(job))
    assert world.schedule.throttled(job, 30.0) == 30.0
    assert [each.url for each in first.submitted] == [f"{ONE}/1"]
    assert first.busy == 1
    world.taken()
    world.fill()
    assert {job.host for job in world.taken()} == {OTHER}
    world.now += 29
    world.fill()
    assert world.taken() == []
    assert world.schedule.waiting
    world.now += 1
    asked = []
    for _ in range(40):
        world.fill()
        asked += world.taken()
        world.now += 1
    assert [job.url for job in asked] == [f"{ONE}/{number}" for number in (2, 3, 0, 4, 5, 6, 7, 8, 9)]
    assert (world.schedule.idle, world.schedule.waiting) == (True, False)


def test_a_url_that_fails_is_asked_again_later(world: _World) -> None:
    """It waits for its time, twice as long each time, while other URLs of its host are asked; then it is given up."""
    world.queue(ONE, 1)
    moments = []
    for _ in range(20):
        world.fill()
        for job in world.taken():
            moments.append(world.now)
            if not world.schedule.failed(job):
                assert job.failed == 2
                moments.append(-1.0)
        world.now += 0.5
    assert moments == [100.0, 101.0, 103.0, -1.0]


def test_new_urls_wait_where_too_many_have_failed(world: _World) -> None:
    """What is to be asked again is held in memory, so it is bounded: then nothing new is begun."""
    world.queue(ONE, 100)
    for _ in range(50):
        world.fill()
        for job in world.taken():
            world.schedule.failed(job)
    assert len(world.schedule.host(ONE).again) < 16


def test_an_unreachable_host_is_left_alone_between_tries(world: _World) -> None:
    """While its URLs wait for their next try no other is tried, so that few are lost where the host is dead."""
    world.queue(ONE, 100)
    given_up: list[str] = []
    for _ in range(20):
        world.fill()
        for job in world.taken():
            if not world.schedule.unreachable(job):
                given_up.append(job.url)
                world.schedule.host(ONE).unreachable += 1
        world.now += 1
    assert 5 <= len(given_up) < 10
    assert len(given_up) + len(world.refused) == 100
    assert (world.frontier.pending, world.schedule.waiting) == ({}, False)


def test_a_host_that_only_objects_is_given_up_with_all_its_urls(world: _World) -> None:
    """After a bounded number of pauses everything that waits for it is settled at once."""
    world.queue(ONE, 50)
    pauses = []
    while not world.schedule.host(ONE).pace.exhausted:
        world.fill()
        pauses += [world.schedule.throttled(job, None) for job in world.taken(begin=1)]
        world.now += 700
    assert pauses[-1] is None
    assert len(pauses) == MOST_PAUSES
    world.fill()
    assert (world.taken(), world.frontier.pending, world.schedule.waiting) == ([], {}, False)
    assert len(world.refused) == 49, "all but the one that was answered last"


def test_one_url_that_is_always_too_much_is_given_up(world: _World) -> None:
    """Where the host answers everything else, a page that it never gives does not wait for ever."""
    world.queue(ONE, 1)
    answers = 0
    while True:
        world.fill()
        (job,) = world.taken()
        answers += 1
        if world.schedule.throttled(job, None) is None:
            break
        world.now += 700
        world.schedule.answered(Job(f"{ONE}/good", ONE, began=world.now))
    assert answers == 10
    assert not world.schedule.host(ONE).pace.exhausted


def test_what_waits_can_be_dropped(world: _World) -> None:
    """Where the crawl ends early, nothing is asked again; the URLs are still queued in the frontier."""
    world.queue(ONE, 1)
    world.fill()
    for job in world.taken():
        world.schedule.failed(job)
    world.schedule.drop()
    world.now += 100
    world.fill()
    assert world.taken() == []
    assert not world.schedule.waiting


def test_hosts_that_wait_for_a_lane_cost_nothing(world: _World) -> None:
    """A page may need something from each of very many hosts: only those that are spoken to are kept in mind."""
    for number in range(1_000):
        world.queue(f"http://{number}.example", 1)
    world.fill()
    known = len(world.schedule._hosts)
    assert known == len(world.lanes) == 16
    assert world.schedule.pause() == float("inf")


def test_every_host_gets_its_turn(world: _World) -> None:
    """However many hosts wait for a lane, each gets one once another has nothing left to do."""
    for number in range(100):
        world.queue(f"http://{number}.example", 1)
    asked: list[Job] = []
    for _ in range(20):
        world.fill()
        asked += world.taken()
    assert sorted({job.host for job in asked}) == sorted(f"http://{number}.example" for number in range(100))


def test_hosts_that_must_wait_hold_no_lane(world: _World) -> None:
    """Sixteen hosts that want to be left alone keep no seventeenth from being asked, nor are forgotten."""
    for number in range(16):
        world.queue(f"http://{number}.example", 2)
    world.fill()
    for job in world.taken():
        world.schedule.throttled(job, 60.0)
    world.queue(ONE, 1)
    world.fill()
    assert [job.host for job in world.taken()] == [ONE]
    world.now += 61.0
    asked: list[Job] = []
    for _ in range(10):
        world.fill()
        asked += world.taken()
        world.now += 10.0
    assert {job.host for job in asked} == {f"http://{number}.example" for number in range(16)}
