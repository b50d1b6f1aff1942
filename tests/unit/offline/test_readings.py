"""Tests of which snapshots are open, for whom, and for how long."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Sequence

import pytest

from archiver.core.errors import NotArchived, RecordCorrupt
from archiver.offline import readings as module
from archiver.offline.readings import Opened, Readings, Snapshots

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.holdings import ImageShelf

IDS = tuple(f"202601{day:02}T000000Z" for day in range(1, 21))


@dataclass
class Holding:
    """A snapshot that notes when it is closed."""

    snapshot: str
    closed: list[str]
    project: str = "small"
    search: None = None

    def close(self) -> None:
        """Note it."""
        self.closed.append(self.snapshot)


@dataclass
class Project:
    """A project whose snapshots are what a test says; it counts those that are opened and closed."""

    name: str = "small"
    ids: tuple[str, ...] = IDS
    damaged: frozenset[str] = frozenset()
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def snapshots(self) -> tuple[str, ...]:
        """See holdings.Project."""
        return self.ids

    def newest(self) -> str:
        """See holdings.Project."""
        if not self.ids:
            raise NotArchived("none")
        return self.ids[-1]

    def open(self, snapshot: str) -> Any:
        """See holdings.Project."""
        if snapshot in self.damaged:
            raise RecordCorrupt("damaged")
        self.opened.append(snapshot)
        return Holding(snapshot, self.closed)

    def images(self, snapshot: str) -> ImageShelf:
        """See holdings.Project."""
        raise NotArchived(snapshot)

    def look_up(self, snapshot: str, key: str) -> Sequence[Capture]:
        """See holdings.Project."""
        return ()

    def close(self) -> None:
        """See holdings.Project."""

    @property
    def open_now(self) -> set[str]:
        """What is open."""
        return {one for one in self.opened if self.opened.count(one) > self.closed.count(one)}


class Watched:
    """Readings of one project, and what they told."""

    def __init__(self, project: Project) -> None:
        self.log: list[str] = []
        self.renewed = threading.Event()
        self.snapshots = Snapshots([project], None)
        self.readings: Readings[str] = Readings(self.snapshots, self._make, self.renewed.set, self.log.append)

    @staticmethod
    def _make(opened: Sequence[Opened]) -> str:
        return opened[0].holding.snapshot

    def read(self, snapshot: str) -> str:
        """Read one request's worth of a snapshot."""
        with self.readings.chosen({"small": snapshot}) as value:
            return value


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for new snapshots at every request."""
    monkeypatch.setattr(module, "_INTERVAL", 0.0)


def test_only_the_newest_is_opened_at_first() -> None:
    """A year of snapshots costs nothing until somebody asks for one."""
    project = Project()
    Watched(project)
    assert project.opened == [IDS[-1]]


def test_however_many_dates_are_read_few_are_open() -> None:
    """The newest stays; of the others those that were read last."""
    project = Project()
    watched = Watched(project)
    for snapshot in (*IDS, *IDS):
        assert watched.read(snapshot) == snapshot
        assert len(project.open_now) <= 5
        assert IDS[-1] in project.open_now
    assert project.opened.count(IDS[-1]) == 1


def test_what_does_not_exist_is_the_newest() -> None:
    """Whatever a cookie says."""
    watched = Watched(Project())
    assert watched.read("20200101T000000Z") == IDS[-1]
    assert watched.snapshots.choice({"other": IDS[0]}, watched.readings.default()) == (IDS[-1],)


@pytest.mark.usefixtures("always")
def test_a_new_snapshot_is_taken_once_it_is_ready() -> None:
    """What is to be prepared is prepared first; who reads the one before can read on, and then it is closed."""
    project = Project(ids=IDS[:1])
    watched = Watched(project)
    with watched.readings.chosen({}) as reading:
        assert reading == IDS[0]
        project.ids = IDS[:2]
        while watched.readings.default() == (IDS[0],):
            pass
        assert watched.renewed.is_set()
        assert watched.snapshots.newest == (IDS[1],)
        assert project.closed == []
    project.ids = IDS
    for snapshot in IDS[2:9]:
        watched.read(snapshot)
    assert IDS[0] in project.closed


@pytest.mark.usefixtures("always")
def test_a_new_snapshot_that_cannot_be_opened_is_told_once() -> None:
    """The one before stays, and the next one is tried again."""
    project = Project(ids=IDS[:1], damaged=frozenset({IDS[1]}))
    watched = Watched(project)
    project.ids = IDS[:2]
    while not watched.log:
        assert watched.readings.default() == (IDS[0],)
    for _ in range(50):
        assert watched.readings.default() == (IDS[0],)
    assert len(watched.log) == 1
    project.ids = IDS[:3]
    while watched.readings.default() != (IDS[2],):
        pass


@pytest.mark.usefixtures("always")
def test_a_project_without_a_snapshot_for_a_moment_is_read_on() -> None:
    """In the middle of a change there may be none."""
    project = Project(ids=IDS[:1])
    watched = Watched(project)
    project.ids = ()
    assert watched.readings.default() == (IDS[0],)
    assert watched.log == []


def test_a_snapshot_that_cannot_be_opened_is_passed_over() -> None:
    """Its readers get the newest, and the log a line."""
    watched = Watched(Project(damaged=frozenset({IDS[3]})))
    assert watched.read(IDS[3]) == IDS[-1]
    assert len(watched.log) == 1


def test_closing_closes_all_that_is_open() -> None:
    """Once each."""
    project = Project()
    watched = Watched(project)
    for snapshot in IDS[:3]:
        watched.read(snapshot)
    watched.snapshots.close()
    assert sorted(project.closed) == sorted(project.opened)


def test_what_was_dropped_is_looked_for_once_more() -> None:
    """For a while after snapshots were dropped, not before: whoever did not find something may have read one of them."""
    project = Project()
    watched = Watched(project)
    assert not watched.readings.are_overtaken()
    project.ids = IDS[1:]
    assert watched.readings.are_overtaken()
    assert watched.readings.are_overtaken(), "others may have read it, too"
    assert watched.readings.default() == (IDS[-1],)


def test_a_default_that_was_dropped_is_left_at_once() -> None:
    """The snapshot that is read by default is no more before its successor was noticed: that one is read from now on."""
    project = Project(ids=IDS[:1])
    watched = Watched(project)
    project.ids = IDS[1:]
    assert watched.readings.are_overtaken()
    with watched.readings.chosen({}) as reading:
        assert reading == IDS[-1]
    assert not watched.renewed.is_set(), "nobody waits for what can be made ready later"
