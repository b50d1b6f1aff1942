from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace

import pytest

from archiver.core.capture import Capture
from archiver.core.errors import FormatUnsupported, LockHeld, NotArchived, RecordCorrupt, UsageError
from archiver.store.locks import locked
from archiver.store.paths import create_archive, is_archive, is_project_name, open_archive
from archiver.store.snapshots import (
    good_snapshot,
    list_snapshots,
    read_captures,
    read_snapshot,
    set_good,
    write_captures,
    write_report,
    write_snapshot,
)
from servers.records import run_record

IDS = ("20261123T004400Z", "20261123T004401Z")


@pytest.fixture
def project(tmp_path):
    """A project's paths in a new archive."""
    return create_archive(tmp_path / "archives").project("demo")


def capture(number):
    """Make a capture."""
    return Capture(
        f"http://a/{number}",
        "20261123004400",
        "text/html",
        "200",
        "sha256:0",
        "docs",
        "page",
        f"<urn:uuid:{number}>",
    )


def snapshot(identifier, count, digest):
    """Make a snapshot that got nothing but captures."""
    return run_record(id=identifier, project="demo", captures=count, captures_digest=digest)


def stored(project, identifier=IDS[0]):
    """Write a snapshot with three captures and return it."""
    count, digest = write_captures(project, identifier, [capture(number) for number in (3, 1, 2)])
    record = snapshot(identifier, count, digest)
    write_snapshot(project, record)
    return record


def test_captures_come_back_sorted(project):
    """The index is sorted whatever the order of writing, and holds every capture."""
    record = stored(project)
    assert list(read_captures(project, record)) == [capture(1), capture(2), capture(3)]


def test_any_url_survives_the_index(project):
    """Letters beyond ASCII, of one byte or more, come back as they were."""
    odd = replace(capture(1), url="http://a/é/中?q=\U0001f600", mime="text/é")
    count, digest = write_captures(project, IDS[0], [odd])
    assert list(read_captures(project, snapshot(IDS[0], count, digest))) == [odd]


def test_the_same_captures_give_the_same_bytes(project):
    """The index's digest depends on nothing but the captures."""
    assert stored(project, IDS[0]).captures_digest == stored(project, IDS[1]).captures_digest


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-4], lambda data: data + b"\0", lambda _: gzip.compress(b"x y z\n")]
)
def test_a_changed_index_is_refused(project, damage):
    """An index that is not the one the record names is an error, not a shorter view."""
    record = stored(project)
    path = project.captures(record.id)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RecordCorrupt):
        list(read_captures(project, record))


def test_a_missing_index_is_refused(project):
    """A record without its index is an error with the path."""
    record = stored(project)
    project.captures(record.id).unlink()
    with pytest.raises(RecordCorrupt):
        list(read_captures(project, record))


def test_snapshots_are_listed_oldest_first_and_read_by_id(project):
    """Other files in the folder are not taken for snapshots."""
    assert list_snapshots(project) == ()
    records = [stored(project, identifier) for identifier in reversed(IDS)]
    (project.snapshots / "notes.json").write_text("{}")
    assert list_snapshots(project) == IDS
    assert read_snapshot(project, IDS[1]) == records[0]
    for name in ("20991231T000000Z", "../demo", ""):
        with pytest.raises(NotArchived):
            read_snapshot(project, name)


def test_good_names_a_snapshot_that_exists(project):
    """Without a good snapshot, or with a mark that names none, there is an error and a hint."""
    for _ in range(2):
        with pytest.raises(NotArchived) as caught:
            good_snapshot(project)
        assert caught.value.hint
        project.root.mkdir(exist_ok=True)
        project.good.write_text("../../x")
    stored(project)
    set_good(project, IDS[0])
    assert good_snapshot(project) == IDS[0]


def test_a_second_run_is_told_at_once(project):
    """The project's lock is held by one run and free again after it."""
    with locked(project.lock, "demo"), pytest.raises(LockHeld), locked(project.lock, "demo"):
        pass
    with locked(project.lock, "demo"):
        pass


def test_an_archive_of_another_format_is_not_touched(tmp_path):
    """A newer program's archive is refused with a hint."""
    create_archive(tmp_path)
    (tmp_path / "archive.json").write_text('{"format": "archiver-archive/2"}')
    with pytest.raises(FormatUnsupported):
        open_archive(tmp_path)
    with pytest.raises(FormatUnsupported):
        create_archive(tmp_path)


def test_a_folder_without_a_marker_is_no_archive(tmp_path):
    """Reading does not make an archive where there is none."""
    with pytest.raises(NotArchived):
        open_archive(tmp_path)
    assert not is_archive(tmp_path)


def test_only_projects_with_snapshots_are_listed(tmp_path, project):
    """A run that never finished leaves a folder, not a project to serve."""
    archive = open_archive(project.root.parent)
    (archive.root / "half").mkdir()
    assert archive.projects() == ()
    stored(project)
    assert archive.projects() == ("demo",)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "images", "A", "a/b", "-a", "a-", "a" * 65, "a..b", "é", "a\n"]
)
def test_names_that_are_no_folder_of_their_own_are_refused(tmp_path, name):
    """A project's name can neither leave the archive nor collide with its layout."""
    assert not is_project_name(name)
    with pytest.raises(UsageError):
        create_archive(tmp_path).project(name)


def test_a_report_is_no_snapshot(project):
    """Reports stand beside the records and are not taken for some; their digest is that of the JSON."""
    record = stored(project)
    digest = write_report(project, record.id, b"{}", b"<p>")
    assert digest == f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    assert (project.report(record.id).read_bytes(), project.report_page(record.id).read_bytes()) == (
        b"{}",
        b"<p>",
    )
    assert list_snapshots(project) == (record.id,)


def test_a_report_without_a_record_is_no_snapshot_either(project):
    """A run that ends between the two has none."""
    write_report(project, IDS[0], b"{}", b"<p>")
    assert list_snapshots(project) == ()
    assert open_archive(project.root.parent).projects() == ()
