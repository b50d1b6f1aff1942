"""How projects are, read off the disk: ages, health, sizes, and what is damaged."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Sequence

import pytest

from archiver.core.judgement import DEGRADED, GONE, HEALTHY, Judgement
from archiver.store.lastrun import LastRun, note_last_run
from archiver.store.paths import create_archive
from archiver.store.runs import note_begun
from archiver.store.snapshots import read_snapshot, write_snapshot
from archiver.store.status import known_projects, project_status, shares
from servers.small_archive import FILE_URL, IMAGE, SITE, SNAPSHOT, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ArchivePaths

DOCS = Judgement("docs", HEALTHY, checked="2026-03-01T12:00:00Z", good=SNAPSHOT, alive=1, peak=2)
IMAGES = Judgement("images", HEALTHY, checked="2026-02-27T12:00:00Z", good="20260227T120000Z")
GONE_DOCS = replace(DOCS, verdict=GONE, since="2026-03-01T12:00:00Z", good="20260220T120000Z")


def made(
    root: Path, project: str = "small", judgements: Sequence[Judgement] = (DOCS, IMAGES)
) -> ArchivePaths:
    """Make a project with a page, an image whose layer is everybody's, and a snapshot that was judged so."""
    builder = ArchiveBuilder(root, project)
    builder.page(f"{SITE}/", html("Welcome", "words"))
    builder.image(IMAGE, ("linux/amd64",), shared=b"base" * 10_000, salt=project)
    write_snapshot(builder.paths, replace(builder.finish(), judgements=tuple(judgements)))
    return builder.archive


def test_a_healthy_project(tmp_path: Path) -> None:
    """All sources healthy: last good is when the one was asked that was asked longest ago."""
    status = project_status(made(tmp_path), "small")
    assert (status.verdict, status.good, status.last_good) == (HEALTHY, SNAPSHOT, "2026-02-27T12:00:00Z")
    assert (status.title, status.snapshots, status.problems) == ("Small Project", (SNAPSHOT,), ())
    assert status.last_run is None
    assert 0 < status.warc < status.folder


def test_the_worst_source_is_the_projects_health(tmp_path: Path) -> None:
    """One source that is gone makes the project so, and its age that of what stands in for it."""
    archive = made(tmp_path, judgements=(GONE_DOCS, replace(IMAGES, verdict=DEGRADED)))
    status = project_status(archive, "small")
    assert (status.verdict, status.last_good) == (GONE, "2026-02-20T12:00:00Z")


def test_a_source_that_never_was_good_has_no_age(tmp_path: Path) -> None:
    """As long as one source was never had, there is no time at which all was well."""
    status = project_status(
        made(tmp_path, judgements=(DOCS, replace(IMAGES, verdict=GONE, good=""))), "small"
    )
    assert status.last_good == ""


def test_a_project_without_a_snapshot(tmp_path: Path) -> None:
    """A run that failed at once is known of all the same, and nothing good."""
    archive = create_archive(tmp_path)
    run = LastRun("2026-11-23T04:17:00Z", "2026-11-23T04:17:09Z", 9, 3, "archiver")
    note_last_run(archive.project("small"), run)
    (tmp_path / "no-project").mkdir()
    assert known_projects(archive) == ("small",)
    status = project_status(archive, "small")
    assert (status.last_run, status.verdict, status.newest, status.good, status.last_good) == (
        run,
        "",
        None,
        "",
        "",
    )


def test_a_run_under_way_is_told(tmp_path: Path) -> None:
    """What was begun and is not finished has the time of its beginning."""
    archive = made(tmp_path)
    note_begun(archive.project("small"), "20260302T120000Z")
    assert project_status(archive, "small").unfinished == "2026-03-02T12:00:00Z"


def test_what_projects_share_is_parted(tmp_path: Path) -> None:
    """Blobs of two projects count half for each, so that all shares together are what is on the disk."""
    made(tmp_path, "one")
    archive = made(tmp_path, "two")
    statuses = [project_status(archive, name) for name in known_projects(archive)]
    shared = shares(statuses)
    on_disk = sum(path.stat().st_size for path in (archive.images / "blobs").rglob("*") if path.is_file())
    alias = on_disk - sum(shared.values())
    assert 0 <= alias <= 2  # an odd number of bytes cannot be halved
    assert shared["one"] < statuses[0].blob_bytes


def test_a_damaged_snapshot_is_told_and_the_rest_counts(tmp_path: Path) -> None:
    """A record that cannot be read is a problem of the project, not an error of status."""
    archive = made(tmp_path)
    newer = archive.project("small").record("20260401T120000Z")
    newer.write_text("{")
    status = project_status(archive, "small")
    assert status.newest is not None
    assert status.newest.id == SNAPSHOT
    (problem,) = status.problems
    assert "20260401T120000Z is damaged" in problem


def test_missing_manifests_are_told(tmp_path: Path) -> None:
    """Where it cannot be told what images need, the project says so and counts them as nothing."""
    archive = made(tmp_path)
    shutil.rmtree(archive.images / "blobs")
    status = project_status(archive, "small")
    assert status.blob_bytes == 0
    assert len(status.problems) == 1


def test_files_count_like_images(tmp_path: Path) -> None:
    """A downloaded file takes its room in the common store."""
    builder = ArchiveBuilder(tmp_path)
    builder.file(FILE_URL, b"tool" * 5000)
    builder.finish()
    assert project_status(builder.archive, "small").blob_bytes > 20_000


@pytest.mark.parametrize(
    "judgement",
    [
        replace(DOCS, checked="yesterday"),
        replace(GONE_DOCS, good="x"),
        replace(GONE_DOCS, good="20261399T000000Z"),
    ],
)
def test_times_that_are_none_are_unknown(tmp_path: Path, judgement: Judgement) -> None:
    """A damaged record's judgement has no time, and nothing fails over it."""
    assert project_status(made(tmp_path, judgements=(judgement,)), "small").last_good == ""


def test_ages_go_by_the_time_of_runs_and_not_by_ids(tmp_path: Path) -> None:
    """After a clock that was ahead ids only order snapshots: how old the last good copy is, its own record says."""
    archive = made(tmp_path, judgements=(DOCS,))
    paths = archive.project("small")
    good = replace(read_snapshot(paths, SNAPSHOT), id="20360301T120000Z", started="2026-03-02T12:00:00Z")
    ill = replace(GONE_DOCS, good=good.id, since="2026-03-03T12:00:00Z")
    newer = replace(good, id="20360301T120001Z", started="2026-03-03T12:00:00Z", judgements=(ill,))
    for snapshot in (good, newer):
        write_snapshot(paths, snapshot)
    status = project_status(archive, "small")
    assert (status.last_good, status.healthy_last(ill)) == ("2026-03-02T12:00:00Z",) * 2
    paths.record(good.id).unlink()
    assert project_status(archive, "small").last_good == "2036-03-01T12:00:00Z", "its id is all there is"


def test_what_was_accepted_since_the_last_run_counts(tmp_path: Path) -> None:
    """The failures are those of what was taken over, until the next run tells; an error is one all the same."""
    archive = made(tmp_path)
    paths = archive.project("small")
    run = LastRun("2026-03-01T12:00:00Z", "2026-03-01T12:00:09Z", 9, 4, "archiver", SNAPSHOT, failures=7)
    note_last_run(paths, run)
    first = read_snapshot(paths, SNAPSHOT)
    times = {"started": "2026-03-02T12:00:00Z", "finished": "2026-03-02T12:00:01Z"}
    write_snapshot(paths, replace(first, id="20260302T120000Z", accepted=SNAPSHOT, **times))
    status = project_status(archive, "small")
    assert (status.has_accepted, status.failures) == (True, len(first.failures))
    for later in (replace(run, finished="2026-03-03T12:00:00Z"), replace(run, error="No space left")):
        note_last_run(paths, later)
        status = project_status(archive, "small")
        assert (status.has_accepted, status.failures) == (False, 7)
