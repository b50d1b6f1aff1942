"""Drawing lots."""

from __future__ import annotations

from archiver.collect.lots import lot

RUN, NEXT = "20260105T030000Z", "20260106T030000Z"
NAMES = [f"https://docs.example.org/{n}" for n in range(100)]


def test_a_run_that_is_gone_on_with_draws_the_same() -> None:
    """Lots depend on nothing but the run's id and the name; no two are the same."""
    assert [lot(RUN, name) for name in NAMES] == [lot(RUN, name) for name in NAMES]
    assert len({lot(RUN, name) for name in NAMES}) == 100


def test_the_next_run_draws_others() -> None:
    """So that in time each is drawn."""
    drawn = [{*sorted(NAMES, key=lambda name: lot(run, name))[:10]} for run in (RUN, NEXT)]
    assert drawn[0] != drawn[1]
