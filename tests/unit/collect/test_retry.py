"""Trying again and stopping."""

from __future__ import annotations

import threading

import pytest

from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier
from archiver.core.errors import (
    CertificateRefused,
    FetchTimeout,
    HostUnreachable,
    ResponseBroken,
    ServerBusy,
    StatusRefused,
    Stopped,
)
from archiver.core.progress import NullProgress

HASTY = Patience(attempts=3, first_wait=0.0, longest_wait=5.0)


class Failing:
    """An action that raises what it was given, one by one, and then returns."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def retrier(patience: Patience = HASTY) -> Retrier:
    """Return a retrier that nothing stops."""
    return Retrier(patience, Brake(threading.Event()), NullProgress())


def test_what_passes_is_tried_again() -> None:
    """Timeouts and busy servers are; the result is that of the attempt that worked."""
    action = Failing(FetchTimeout("late"), ServerBusy("busy"))
    assert retrier().run("host", action) == "done"
    assert action.calls == 3


def test_attempts_come_to_an_end() -> None:
    """The last failure is raised as it is."""
    action = Failing(*(FetchTimeout(f"late {n}") for n in range(9)))
    with pytest.raises(FetchTimeout, match="late 2"):
        retrier().run("host", action)


def test_a_refusal_is_not_tried_again() -> None:
    """A 404 stays one."""
    action = Failing(StatusRefused("404"))
    with pytest.raises(StatusRefused):
        retrier().run("host", action)
    assert action.calls == 1


def test_a_dead_host_costs_its_waits_once() -> None:
    """After all attempts failed to connect, later requests to that host get one each, until one works."""
    trying = retrier()
    calls = []
    for _ in range(2):
        action = Failing(*(HostUnreachable("no route") for _ in range(9)))
        with pytest.raises(HostUnreachable):
            trying.run("dead", action)
        calls.append(action.calls)
    assert calls == [3, 1]
    other = Failing(HostUnreachable("no route"))
    assert trying.run("alive", other) == "done"
    assert trying.run("dead", Failing()) == "done"
    assert trying.run("dead", Failing(HostUnreachable("no route"))) == "done"


def test_a_host_that_refuses_is_given_up_sooner() -> None:
    """Fewer attempts, and seconds of waiting in all, where nobody listens than where somebody is slow or busy."""
    patience = Patience(attempts=5, attempts_to_connect=2, first_wait=0.0)
    for error, calls in ((HostUnreachable("refused"), 2), (FetchTimeout("late"), 5), (ServerBusy("busy"), 5)):
        action = Failing(*[error] * 9)
        with pytest.raises(type(error)):
            retrier(patience).run("host", action)
        assert action.calls == calls
    waits = [DEFAULT_PATIENCE.first_wait * 2**n for n in range(DEFAULT_PATIENCE.attempts_to_connect - 1)]
    assert sum(waits) <= 4


def test_a_dead_host_is_left_alone_for_a_while_by_who_has_another() -> None:
    """Why it could not be reached is remembered, without the address that was asked; until it answers, or time has passed."""
    now = [0.0]
    trying = Retrier(HASTY, Brake(threading.Event()), NullProgress(), clock=lambda: now[0])
    assert trying.lately_unreachable("dead") is None
    for error in (
        HostUnreachable("no route", place="https://dead/x"),
        FetchTimeout("late", place="https://dead/x"),
    ):
        with pytest.raises(type(error)):
            trying.run("dead", Failing(*[error] * 9))
        lately = trying.lately_unreachable("dead")
        assert (type(lately), str(lately)) == (type(error), f"dead: {error.message}")
        assert trying.trouble("dead") is not None
        now[0] += HASTY.unreachable
        assert trying.lately_unreachable("dead") is None
        assert trying.trouble("dead") is not None
        trying.run("dead", Failing())
        assert trying.trouble("dead") is None


def test_a_certificate_is_looked_at_once() -> None:
    """It does not change by asking again."""
    action = Failing(CertificateRefused("expired"))
    with pytest.raises(CertificateRefused):
        retrier().run("host", action)
    assert action.calls == 1


def test_attempts_that_get_somewhere_count_anew() -> None:
    """A big blob over a bad line comes in the end, however often it breaks off; one that never goes on does not."""
    received = [0]

    def advancing() -> str:
        received[0] += HASTY.progress
        if received[0] < 20 * HASTY.progress:
            raise ResponseBroken("broke off")
        return "done"

    assert retrier().run("host", advancing, came=lambda: received[0]) == "done"
    stuck = Failing(*[ResponseBroken("broke off")] * 20)
    with pytest.raises(ResponseBroken):
        retrier().run("host", stuck, came=lambda: received[0])
    assert stuck.calls == HASTY.attempts


def test_what_breaks_because_the_work_ends_is_no_failure() -> None:
    """An attempt whose connection was shut under it is a stop, also where no attempt is left."""
    brake = Brake(threading.Event())

    def broken() -> None:
        brake.pull()
        raise StatusRefused("404")

    with pytest.raises(Stopped):
        Retrier(Patience(attempts=1), brake, NullProgress()).run("host", broken)


def test_pace_counts_after_a_while_only() -> None:
    """Any pace will do at first; after that a body must have come at so many bytes a second on average."""
    patience = Patience(warm_up=60.0, slowest=1000.0)
    assert not patience.is_too_slow(0, 60.0)
    assert patience.is_too_slow(60_999, 61.0)
    assert not patience.is_too_slow(61_000, 61.0)


def test_a_server_may_ask_only_for_so_much() -> None:
    """A wait beyond the longest one ends the attempts at once."""
    action = Failing(ServerBusy("busy", wait=3600))
    with pytest.raises(ServerBusy):
        retrier().run("host", action)
    assert action.calls == 1


def test_stopping_ends_a_wait() -> None:
    """A wait of minutes is over as soon as the run is stopped."""
    stop = threading.Event()
    brake = Brake(stop)
    stopper = threading.Timer(0.05, stop.set)
    stopper.start()
    with pytest.raises(Stopped):
        brake.wait(300)
    stopper.join()


def test_a_pulled_brake_stops_only_its_own_run() -> None:
    """The event that others share stays as it was."""
    stop = threading.Event()
    brake = Brake(stop)
    brake.check()
    brake.pull()
    with pytest.raises(Stopped):
        brake.check()
    assert not stop.is_set()
