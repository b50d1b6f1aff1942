"""``archiver merge``: two archives of one project that went apart become one, and nothing of either is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.core import jsontext
from archiver.core.errors import ArchivesCollide, LockHeld, RecordCorrupt, UsageError
from archiver.offline.verifyarchive import verify_archive
from archiver.store.images import read_index
from archiver.store.locator import ReadOnlyLocator, rebuild
from archiver.store.locks import locked
from archiver.store.merge import merge
from archiver.store.paths import open_archive
from archiver.store.prune import find_garbage, prune
from archiver.store.quarantine import list_quarantine
from archiver.store.snapshots import good_snapshot, list_snapshots
from judges.warcs import judge_warcs
from servers.history import TAG, History, bundles, run_id
from servers.site import Reply, html, serving
from servers.stepping import killed_at

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ArchivePaths
    from servers.console import Console

_MERGE = """
from pathlib import Path
from archiver.store.merge import merge
from archiver.store.paths import create_archive, open_archive
merge(open_archive(Path(sys.argv[3])), create_archive(Path(sys.argv[4])))
"""


def content(root: Path) -> dict[str, bytes]:
    """Return every file of an archive folder, but for locks."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith("lock")
    }


def meaning(archive: ArchivePaths, reference: str = TAG) -> str:
    """Return the digest that a name has in the layout's index."""
    (entry,) = (entry for entry in read_index(archive.images) if reference in entry.annotations.values())
    return str(entry.digest)


def sound(archive: ArchivePaths) -> None:
    """Check every byte that the snapshots of an archive need."""
    report = verify_archive(archive.root)
    assert report.ok, [f"{problem.where}: {problem.detail}" for problem in report.problems]


@pytest.fixture
def apart(tmp_path: Path) -> tuple[History, History]:
    """Two archives that were one for three days: one has two days more, the other three later ones, and evidence."""
    here = History(tmp_path / "archives")
    here.days(3)
    shutil.copytree(tmp_path / "archives", tmp_path / "other")
    there = History(tmp_path / "other")
    there.go_on(here, day=10)
    here.days(2)
    there.days(2)
    there.refuse()
    return here, there


def test_two_archives_become_one(apart: tuple[History, History], console: Console, tmp_path: Path) -> None:
    """All snapshots of both are there, each bundled byte for byte as in its own archive; records of both are there once."""
    here, there = apart
    expected = {**bundles(there.archive, console.folder), **bundles(here.archive, console.folder)}
    before = content(there.archive.root)
    told = console.succeed("merge", there.archive.root, "--json").json
    assert content(there.archive.root) == before, "the other one is only read"
    (project,) = told["projects"]
    assert project["snapshots"] == there.ids[3:]
    assert project["good"] == there.ids[-1] == good_snapshot(here.paths)
    assert list(list_snapshots(here.paths)) == sorted({*here.ids, *there.ids})
    assert list_quarantine(here.paths) == (there.ids[-1],)
    assert bundles(here.archive, console.folder) == expected
    sound(here.archive)
    with closing(ReadOnlyLocator(here.paths)) as locator:
        mapped = set(locator.locations())
    rebuild(here.paths)
    with closing(ReadOnlyLocator(here.paths)) as locator:
        assert set(locator.locations()) == mapped, "no record is in two files"


def test_merging_twice_changes_nothing(apart: tuple[History, History], console: Console) -> None:
    """The second time there is nothing new; and merging back makes both the same, but for what is a cache."""
    here, there = apart
    console.succeed("merge", "other")
    before = content(here.archive.root)
    assert (
        console.succeed("merge", "other").out == "sample: nothing new\n0 blobs of images and files copied\n"
    )
    assert content(here.archive.root) == before
    console.succeed("merge", "archives", "--archives", "other")
    assert list_snapshots(there.paths) == list_snapshots(here.paths)
    assert meaning(there.archive) == meaning(here.archive)
    assert {path.name for path in (there.archive.images / "blobs/sha256").iterdir()} == {
        path.name for path in (here.archive.images / "blobs/sha256").iterdir()
    }
    sound(there.archive)


def test_a_name_means_what_was_learned_last(tmp_path: Path) -> None:
    """Of a tag that both have the meaning that was resolved later wins, whichever archive is merged into the other."""
    for first, second in (("old", "new"), ("new", "old")):
        made = {}
        for name, resolved in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-02-01T00:00:00Z")):
            made[name] = History(tmp_path / f"{first}-{name}", name)
            made[name].crawl()
            image = made[name].image(TAG, ("linux/amd64",), salt=name)
            made[name].images[:] = [type(image)(**{**image.__dict__, "resolved": resolved})]
            made[name].finish(run_id(0))
        newest = meaning(made["new"].archive)
        old = meaning(made["old"].archive)
        merge(made[second].archive, made[first].archive)
        assert meaning(made[first].archive) == newest
        assert old in {str(entry.digest) for entry in read_index(made[first].archive.images)}
        sound(made[first].archive)
        assert prune(made[first].archive).garbage.lost == ()


def test_into_an_empty_folder_all_of_it_comes(
    apart: tuple[History, History], console: Console, tmp_path: Path
) -> None:
    """Merged into a folder that is not there yet an archive is the same: WARC files byte for byte, under their names."""
    _, there = apart
    console.succeed("merge", "other", "--archives", "empty")
    empty = open_archive(tmp_path / "empty")
    assert bundles(empty, console.folder) == bundles(there.archive, console.folder)
    assert read_index(empty.images) == read_index(there.archive.images)
    sound(empty)


def test_what_a_crawl_wrote_is_copied_as_it_is(console: Console, tmp_path: Path) -> None:
    """WARC files of real runs come byte for byte under their names; those that both have in part bring what is new."""
    with serving({}) as site:
        pages = [f"{number}.html" for number in range(6)]
        site.answers["/docs/"] = Reply(html(*pages), etag='"a"')
        for page in pages:
            site.answers[f"/docs/{page}"] = Reply(
                html(text=f"<p>{page} {os.urandom(400).hex()}"), etag=f'"{page}"'
            )
        spec = console.write("sample.yaml", f"project: sample\ndocs:\n  - seeds: ['{site.url('/docs/')}']\n")
        console.succeed("archive", "-q", spec)
        shutil.copytree(tmp_path / "archives", tmp_path / "other")
        console.succeed("archive", "-q", spec, "--archives", "other")
    console.succeed("merge", "other")
    warcs = {path.name: path.read_bytes() for path in (tmp_path / "archives/sample/warc").iterdir()}
    assert warcs == {path.name: path.read_bytes() for path in (tmp_path / "other/sample/warc").iterdir()}
    judge_warcs(tmp_path / "archives/sample/warc")
    sound(open_archive(tmp_path / "archives"))
    reports = [path.name for path in (tmp_path / "archives/sample/snapshots").glob("*.report.*")]
    assert len(reports) == 4


def test_one_that_was_pruned_brings_what_it_has(apart: tuple[History, History], console: Console) -> None:
    """A file that one archive has whole and the other rewritten: only records that are not there come, once."""
    here, there = apart
    there.spec = {"keep": {"last": 2}}
    there.days(1)
    prune(there.archive)
    expected = {**bundles(there.archive, console.folder), **bundles(here.archive, console.folder)}
    console.succeed("merge", "other")
    assert bundles(here.archive, console.folder) == expected
    console.succeed("merge", "archives", "--archives", "other")
    assert bundles(there.archive, console.folder) == expected
    for archive in (here.archive, there.archive):
        sound(archive)


@pytest.mark.parametrize("what", ["snapshot", "quarantine", "record"])
def test_what_is_called_the_same_and_is_not_is_refused(
    apart: tuple[History, History], console: Console, what: str
) -> None:
    """Two snapshots of one id, two pieces of evidence or two records of one ID: it is told, and nothing is written."""
    here, there = apart
    if what == "snapshot":
        path = here.paths.record(there.ids[-2])
        path.write_bytes(
            there.paths.record(there.ids[-2]).read_bytes().replace(b"archiver test", b"archiver else")
        )
    elif what == "quarantine":
        path = here.paths.refusal(there.ids[-1], "docs")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"{}")
    else:
        here._day = 10
        here._size = 900
        here.crawl()
    before = content(here.archive.root)
    told = console.run("merge", "other")
    assert told.code == 2
    assert "both archives have" in told.err
    with pytest.raises(ArchivesCollide):
        merge(there.archive, here.archive)
    assert content(here.archive.root) == before


@pytest.mark.parametrize(
    "what", ["record", "index", "report", "warc", "warc missing", "blob", "blob missing", "quarantine"]
)
def test_of_a_damaged_archive_nothing_is_taken(
    apart: tuple[History, History], console: Console, what: str
) -> None:
    """Whatever is damaged or missing over there: it is named, the exit code is 5, and there is no new snapshot here."""
    here, there = apart
    newest = there.ids[-2]
    (image,) = there.images
    paths = {
        "record": there.paths.record(newest),
        "index": there.paths.captures(newest),
        "report": there.paths.report(newest),
        "warc": there.paths.warc / f"{newest}-docs-00000.warc.gz",
        "blob": there.archive.images / "blobs" / image.digest.replace(":", "/"),
        "quarantine": there.paths.refused_captures(there.ids[-1], "docs"),
    }
    path = paths[what.partition(" ")[0]]
    if what == "report":
        record = json.loads(there.paths.record(newest).read_bytes())
        there.paths.record(newest).write_bytes(
            jsontext.dump({**record, "report_digest": "sha256:" + "0" * 64})
        )
        path.write_bytes(b"{}")
    elif what == "record":
        path.write_bytes(path.read_bytes()[:-9])
    elif what.endswith("missing"):
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x55
        path.write_bytes(data)
    before = list_snapshots(here.paths), good_snapshot(here.paths), read_index(here.archive.images)
    told = console.run("merge", "other")
    assert told.code == 5, told.said
    assert "no snapshot was taken in" in told.err
    with pytest.raises(RecordCorrupt):
        merge(there.archive, here.archive)
    assert (list_snapshots(here.paths), good_snapshot(here.paths), read_index(here.archive.images)) == before
    sound(here.archive)
    prune(here.archive)
    assert find_garbage(here.archive).size == 0


def test_a_record_that_is_damaged_here_is_healed(apart: tuple[History, History], console: Console) -> None:
    """What the other archive has whole takes the place of a damaged copy."""
    here, _ = apart
    path = here.paths.warc / f"{run_id(0)}-docs-00000.warc.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert not verify_archive(here.archive.root).ok
    console.succeed("merge", "other")
    sound(here.archive)


def test_of_another_format_nothing_is_taken(apart: tuple[History, History], console: Console) -> None:
    """An archive of a format that this program does not know is told of before anything is written."""
    here, there = apart
    (there.archive.root / "archive.json").write_bytes(jsontext.dump({"format": "archiver-archive/0"}))
    before = content(here.archive.root)
    told = console.run("merge", "other")
    assert told.code == 2
    assert "archiver-archive/0" in told.err
    assert content(here.archive.root) == before


def test_what_cannot_be_merged(apart: tuple[History, History], console: Console, tmp_path: Path) -> None:
    """A folder with itself, a folder that is no archive, and a project that a run works on."""
    here, there = apart
    with pytest.raises(UsageError):
        merge(here.archive, open_archive(tmp_path / "other" / ".." / "archives"))
    assert console.run("merge", tmp_path).code == 2
    with locked(here.paths.lock, "sample"), pytest.raises(LockHeld):
        merge(there.archive, here.archive)
    assert list(list_snapshots(here.paths)) == here.ids


def test_an_unfinished_run_over_there_stays_there(apart: tuple[History, History], console: Console) -> None:
    """What a run over there has got so far is nobody's yet: its WARC files do not come, however they end."""
    here, there = apart
    there.crawl()
    run = run_id(there._day)
    there.paths.unfinished.write_text(f"{run}\n")
    with (there.paths.warc / f"{run}-docs-00000.warc.gz").open("ab") as stream:
        stream.write(b"\x1f\x8b\x08half a record")
    console.succeed("merge", "other")
    assert not list(here.paths.warc.glob(f"{run}*"))
    sound(here.archive)


def test_from_read_only_media(apart: tuple[History, History], console: Console, tmp_path: Path) -> None:
    """Nothing is written to the other archive, no lock and no map: it can be on a disc."""
    here, there = apart
    there.paths.locator.unlink()
    for path in tmp_path.glob("other/**/.*lock"):
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "other").rglob("*"))}
    console.succeed("merge", "other")
    assert {path: path.stat().st_mtime_ns for path in sorted((tmp_path / "other").rglob("*"))} == before
    sound(here.archive)


@pytest.mark.thorough
def test_killed_at_any_step_and_again(
    apart: tuple[History, History], console: Console, tmp_path: Path
) -> None:
    """Killed before each rename, sync and change of the map in turn: what is here stays whole, and the next time all comes."""
    here, there = apart
    expected = {**bundles(there.archive, console.folder), **bundles(here.archive, console.folder)}
    own, newest = here.ids, max(expected)
    shutil.copytree(here.archive.root, tmp_path / "origin")
    step, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        shutil.rmtree(here.archive.root)
        shutil.copytree(tmp_path / "origin", here.archive.root)
        code = killed_at(step, "", _MERGE, there.archive.root, here.archive.root)
        sound(here.archive)
        assert set(own) <= set(list_snapshots(here.paths))
        merge(there.archive, here.archive)
        sound(here.archive)
        assert list(list_snapshots(here.paths)) == sorted(expected)
        assert good_snapshot(here.paths) == newest
        step += 1
    assert code == 0
    assert step > 40
    assert bundles(here.archive, console.folder) == expected
