"""Which snapshots are open, and what answers from them.

Mostly that is the newest good snapshot of each project. Other ones are opened when a reader asks for their date, and
closed again when nobody has for a while. A new snapshot is noticed without a restart, and taken to once it is ready.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Generic, Iterator, Mapping, Sequence, TypeVar

from archiver.core.errors import ArchiverError
from archiver.offline.asof import Choices
from archiver.offline.lending import Lending
from archiver.offline.search.files import SearchFile

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.holdings import Holding, Project

Choice = tuple[str, ...]
"""The id of a snapshot for each project, in the projects' order."""
Log = Callable[[str], None]
R = TypeVar("R")

_SPARE = 4  # choices kept open that nobody reads at the moment
_INTERVAL = 1.0  # seconds between two looks for new snapshots
_OVERTAKEN = 60.0  # seconds after snapshots were dropped for which what is not found is looked for once more


@dataclass(frozen=True)
class Opened:
    """A snapshot that is open, and its search index."""

    holding: Holding
    search: SearchFile


class Snapshots:
    """The snapshots of all projects: which there are, and those that are open. May be used by several threads.

    Args:
        projects: at least one.
        cache_dir: where to copy search indexes to; None for nowhere.

    Raises:
        NotArchived, RecordCorrupt, InvalidDocument, StoreError: the newest snapshot of a project cannot be opened.
    """

    def __init__(self, projects: Sequence[Project], cache_dir: Path | None) -> None:
        self.projects = tuple(projects)
        self._cache_dir = cache_dir
        self._lending: Lending[tuple[int, str], Opened] = Lending(self._open, self._close, spare=0)
        self.newest = self.look()
        self._held = self.take(self.newest)

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """The newest snapshot of each project, as of the last look."""
        return tuple(opened.holding for opened in self._held)

    def look(self) -> Choice:
        """Return the newest snapshot that each project has by now. Raises NotArchived or StoreError."""
        return tuple(project.newest() for project in self.projects)

    def ids(self) -> Mapping[str, tuple[str, ...]]:
        """Return the ids of all snapshots by project, oldest first."""
        return {project.name: project.snapshots() for project in self.projects}

    def choice(self, wanted: Mapping[str, str], default: Choice) -> Choice:
        """Return a choice that has the snapshots wanted by project, where there are such, and else those of another."""
        return tuple(
            named if (named := wanted.get(project.name, other)) in project.snapshots() else other
            for project, other in zip(self.projects, default)
        )

    def choices(self, choice: Choice) -> Mapping[str, Choices]:
        """Return, by project, what a reader of a choice of snapshots can choose from."""
        return {
            project.name: Choices(project.name, current, newest, project.snapshots()[::-1])
            for project, current, newest in zip(self.projects, choice, self.newest)
        }

    def take(self, choice: Choice) -> tuple[Opened, ...]:
        """Open the snapshots of a choice, until they are given back."""
        taken: list[Opened] = []
        try:
            taken.extend(self._lending.take(key) for key in enumerate(choice))
        except BaseException:
            self.give_back(choice[: len(taken)])
            raise
        return tuple(taken)

    def give_back(self, choice: Choice) -> None:
        """Say that the snapshots of a choice that was taken are needed no longer."""
        for key in enumerate(choice):
            self._lending.give_back(key)

    def move(self, choice: Choice) -> None:
        """Have another choice be the newest."""
        held = self.take(choice)
        before, self.newest, self._held = self.newest, choice, held
        self.give_back(before)

    def close(self) -> None:
        """Close everything."""
        self._lending.close()
        for project in self.projects:
            project.close()

    def _open(self, key: tuple[int, str]) -> Opened:
        number, snapshot = key
        holding = self.projects[number].open(snapshot)
        return Opened(holding, SearchFile(holding, self._cache_dir))

    @staticmethod
    def _close(_: tuple[int, str], opened: Opened) -> None:
        opened.search.close()
        opened.holding.close()


class Readings(Generic[R]):
    """What answers requests, for each choice of snapshots that somebody reads.

    Args:
        snapshots: to read from.
        make: makes what answers, from open snapshots.
        ready: called in a thread of its own when there is a new snapshot, before it is opened.
        log: takes a line where a new snapshot cannot be read; the one before is read on.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        make: Callable[[Sequence[Opened]], R],
        ready: Callable[[], object],
        log: Log,
    ) -> None:
        self._snapshots = snapshots
        self._make = make
        self._ready = ready
        self._log = log
        self._lending: Lending[Choice, R] = Lending(self._open, self._close, _SPARE)
        self._default = snapshots.newest
        self._lending.take(self._default)
        self._refused: Choice = ()
        self._due = time.monotonic() + _INTERVAL
        self._looking = threading.Lock()
        self._ids = snapshots.ids()
        self._dropped = -_OVERTAKEN

    def default(self) -> Choice:
        """Return the choice that is read where no other is asked for; looks for new snapshots once a second."""
        if time.monotonic() >= self._due and self._looking.acquire(blocking=False):
            self._due = time.monotonic() + _INTERVAL
            news = False
            try:
                news = self._has_news()
            finally:
                if not news:
                    self._looking.release()
            if news:
                threading.Thread(target=self._renew, name="archiver-renew", daemon=True).start()
        return self._default

    @contextmanager
    def chosen(self, snapshots: Mapping[str, str]) -> Iterator[R]:
        """Lend what answers from the snapshots named by project; for others, and for what cannot be read, the newest."""
        default = self.default()
        choice = self._snapshots.choice(snapshots, default) if snapshots else default
        try:
            reading = self._lending.take(choice)
        except ArchiverError as error:
            self._log(f"a snapshot cannot be read: {error}")
            choice = default
            reading = self._lending.take(choice)
        try:
            yield reading
        finally:
            self._lending.give_back(choice)

    def are_overtaken(self) -> bool:
        """Say whether snapshots were dropped of late: what a request did not find may be found when it is answered again.

        Where a snapshot that is read by default was dropped, the newest is from now on.
        """
        try:
            ids = self._snapshots.ids()
        except ArchiverError:
            return False
        before, self._ids = self._ids, ids
        if any(set(names) - set(ids[project]) for project, names in before.items()):
            self._dropped = time.monotonic()
        if self._is_dropped(self._default, ids):
            self._dropped = time.monotonic()
            with self._looking:
                if self._is_dropped(self._default, ids):
                    self._go_over()
        return time.monotonic() - self._dropped < _OVERTAKEN

    def _is_dropped(self, choice: Choice, ids: Mapping[str, Sequence[str]]) -> bool:
        return any(name not in ids[project.name] for project, name in zip(self._snapshots.projects, choice))

    def _open(self, choice: Choice) -> R:
        opened = self._snapshots.take(choice)
        try:
            return self._make(opened)
        except BaseException:
            self._snapshots.give_back(choice)
            raise

    def _close(self, choice: Choice, _: R) -> None:
        self._snapshots.give_back(choice)

    def _has_news(self) -> bool:
        try:
            return self._snapshots.look() not in (self._default, self._refused)
        except ArchiverError:  # in the middle of a change, or gone: what is open is read on
            return False

    def _renew(self) -> None:
        """Go over to the newest snapshots once they are ready."""
        try:
            self._ready()
        except Exception as error:  # noqa: BLE001 - whatever it is, what is open can be read on
            self._log(f"a new snapshot cannot be read; the one before stays: {error}")
        else:
            self._go_over()
        finally:
            self._looking.release()

    def _go_over(self) -> None:
        """Go over to the newest snapshots. Whoever reads the ones before reads them to the end."""
        choice: Choice = ()
        try:
            choice = self._snapshots.look()
            self._lending.take(choice)
            self._snapshots.move(choice)
            before, self._default = self._default, choice
            self._lending.give_back(before)
        except Exception as error:  # noqa: BLE001 - whatever it is, what is open can be read on
            self._refused = choice
            self._log(f"a new snapshot cannot be read; the one before stays: {error}")
