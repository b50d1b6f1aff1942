"""A run that is killed between its snapshot and the rest of its end: the snapshot counts, and the run is over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from archiver.collect import ending
from archiver.collect.accept import accept_refused
from archiver.collect.asking import DUE
from archiver.collect.refresh import NotDue, refresh_project
from archiver.spec.load import load_spec
from archiver.store.runs import written_run
from archiver.store.snapshots import good_snapshot, list_snapshots

if TYPE_CHECKING:
    from archiver.store.paths import ProjectPaths
    from servers.dying import Dying


class _Killed(BaseException):
    """Ends a run as a kill would: nothing catches it."""


def _kill(paths: ProjectPaths, snapshot: str) -> None:
    raise _Killed


def _run_and_kill(world: Dying, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setattr(ending, "set_good", _kill)
        with pytest.raises(_Killed):
            world.run("docs")


@pytest.fixture
def killed(world: Dying, monkeypatch: pytest.MonkeyPatch) -> Dying:
    """A project whose second run was killed once its record was there."""
    world.run("docs")
    world.publish(2)
    _run_and_kill(world, monkeypatch)
    first, second = list_snapshots(world.paths)
    assert (good_snapshot(world.paths), written_run(world.paths)) == (first, second)
    return world


def test_the_next_run_goes_on_from_it(killed: Dying) -> None:
    """It says what was so, and asks with what the killed run has got."""
    second = list_snapshots(killed.paths)[-1]
    third = killed.run("docs")
    assert list_snapshots(killed.paths)[1:] == (second, third.id)
    assert third.sites[0].unchanged == third.sites[0].fetched > 0
    (told,) = killed.progress.notes
    assert told == f"sample: the interrupted run of {second} had written its snapshot; it is ended"
    assert written_run(killed.paths) is None


def test_a_refresh_of_which_nothing_is_due_hands_it_over(killed: Dying) -> None:
    """No run is needed to have the snapshot be the good one."""
    loaded = load_spec(killed.spec("docs"))
    outcome = refresh_project(loaded, killed.archive, DUE, stop=threading.Event(), progress=killed.progress)
    assert isinstance(outcome, NotDue)
    assert good_snapshot(killed.paths) == list_snapshots(killed.paths)[-1]
    assert (len(list_snapshots(killed.paths)), written_run(killed.paths)) == (2, None)


def test_what_is_accepted_goes_on_from_it(world: Dying, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused run that was killed there can be accepted at once."""
    world.run("docs")
    world.take_down(*range(2, 12))
    _run_and_kill(world, monkeypatch)
    refused = list_snapshots(world.paths)[-1]
    accepted = accept_refused(world.archive, "sample", refused).snapshot
    assert list_snapshots(world.paths)[1:] == (refused, accepted.id)
    assert good_snapshot(world.paths) == accepted.id
