from __future__ import annotations

import os

import pytest

from archiver.core.clock import parse_snapshot_id
from archiver.store.paths import create_archive
from archiver.store.runs import note_begun, note_finished, unfinished_since, written_run

RUN = "20260301T120000Z"


@pytest.fixture
def paths(tmp_path):
    """Return the files of a project that nothing is known of."""
    return create_archive(tmp_path).project("small")


def test_a_run_is_unfinished_until_it_is_finished(paths):
    """What a run writes is dated from the second that gives it its name."""
    assert unfinished_since(paths) is None
    note_begun(paths, RUN)
    assert unfinished_since(paths) == parse_snapshot_id(RUN).timestamp()
    note_finished(paths)
    assert unfinished_since(paths) is None
    note_finished(paths)


def test_a_run_that_is_gone_on_with_keeps_its_beginning(paths):
    """Noting the same run again leaves the note as it is; another run replaces it."""
    note_begun(paths, RUN)
    before = paths.unfinished.stat().st_ino
    note_begun(paths, RUN)
    assert paths.unfinished.stat().st_ino == before
    note_begun(paths, "20260302T120000Z")
    assert unfinished_since(paths) == parse_snapshot_id("20260302T120000Z").timestamp()


def test_an_id_ahead_of_the_clock_dates_nothing(paths):
    """Ids order snapshots, so one may lie in the future after the clock was set back: the note's own date counts then."""
    note_begun(paths, "20990301T120000Z")
    os.utime(paths.unfinished, (1_700_000_000, 1_700_000_000))
    assert unfinished_since(paths) == 1_700_000_000


def test_a_run_with_a_snapshot_is_finished(paths):
    """Who is killed between the snapshot and the note's end has finished."""
    note_begun(paths, RUN)
    paths.snapshots.mkdir()
    paths.record(RUN).write_bytes(b"{}")
    assert unfinished_since(paths) is None


@pytest.mark.parametrize("content", [b"", b"yesterday\n", b"\xff\xfe"])
def test_a_note_that_names_no_run_counts_for_nothing(paths, content):
    """Only an id names a run."""
    paths.root.mkdir()
    paths.unfinished.write_bytes(content)
    assert unfinished_since(paths) is None


def test_a_note_with_an_impossible_date_has_its_own(paths):
    """What has the form of an id and is none still says that there is a run."""
    note_begun(paths, "20269999T999999Z")
    os.utime(paths.unfinished, (1_700_000_000, 1_700_000_000))
    assert unfinished_since(paths) == 1_700_000_000


def test_a_run_that_has_its_snapshot_is_written_and_not_unfinished(paths):
    """Killed in between, it left its note; once that is gone there is nothing left of it."""
    note_begun(paths, RUN)
    assert written_run(paths) is None
    paths.snapshots.mkdir(parents=True, exist_ok=True)
    paths.record(RUN).write_text("{}")
    assert (written_run(paths), unfinished_since(paths)) == (RUN, None)
    note_finished(paths)
    assert written_run(paths) is None
