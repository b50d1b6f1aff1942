"""Pruning a history: which snapshots go, what of the WARC files goes with them, and that nothing else does."""

from __future__ import annotations

import errno
import gzip
import os
import random
import shutil
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from archiver.bundle.build import build_bundle
from archiver.bundle.closure import bundle_name
from archiver.core.digest import Digest
from archiver.core.errors import LockHeld, RecordCorrupt, StorageFull
from archiver.core.judgement import GONE, Judgement
from archiver.core.refusal import Refusal
from archiver.offline.verifyarchive import verify_archive
from archiver.store.blobs import BlobReader
from archiver.store.locator import ReadOnlyLocator, rebuild
from archiver.store.locks import locked
from archiver.store.paths import open_archive
from archiver.store.prune import find_garbage, prune
from archiver.store.quarantine import list_quarantine, read_refusal, read_refused_captures, write_refusal
from archiver.store.runs import note_begun
from archiver.store.snapshots import good_snapshot, list_snapshots, read_captures, read_snapshot
from archiver.store.warcfiles import scan_members
from judges.warcs import fastwarc_findings, warcio_findings
from servers.history import TAG, History, bundles, run_id
from servers.stepping import PRUNING, killed_at

if TYPE_CHECKING:
    from pathlib import Path

KEEP = {"last": 2, "weekly": 2}
SEED = int(os.environ.get("KILL_SEED", "20261123"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "12"))


def warcs(history: History) -> dict[str, int]:
    """Return the names and sizes of the WARC files."""
    return {path.name: path.stat().st_size for path in sorted(history.paths.warc.iterdir())}


def members(history: History) -> dict[str, bytes]:
    """Return the bytes of every record's gzip member, by its ID."""
    found = {}
    for path in history.paths.warc.glob("*.warc.gz"):
        data = path.read_bytes()
        found.update({each.record: data[each.offset : each.end] for each in scan_members(path)})
    return found


def check(root: Path) -> None:
    """Check every byte that the snapshots of an archive need, and every WARC file, with its two outside judges."""
    report = verify_archive(root)
    assert report.ok, [f"{problem.where}: {problem.detail}" for problem in report.problems]
    for path in root.glob("*/warc/*.warc.gz"):
        assert not warcio_findings(path)
        assert not [said for said in fastwarc_findings(path) if not said.endswith("payload digest")], (
            "requests have none here"
        )
        assert next(scan_members(path)).type == "warcinfo"


def needed(history: History) -> set[str]:
    """Return the records that the captures of all snapshots need."""
    paths, found = history.paths, set()
    for name in list_snapshots(paths):
        for capture in read_captures(paths, read_snapshot(paths, name)):
            found |= {capture.record, capture.payload_record}
    return found


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Two weeks of a project that keeps two snapshots and one of each of two weeks, and what each bundle was."""
    made = History(tmp_path / "archives", keep=KEEP)
    made.days(14)
    return made


def test_snapshots_go_and_those_that_stay_are_what_they_were(history: History, tmp_path: Path) -> None:
    """What stays is bundled byte for byte as before, all of it verifies, and the dry run said what would go."""
    before, records = bundles(history.archive, tmp_path), members(history)
    size = sum(warcs(history).values())
    told = find_garbage(history.archive)
    assert bundles(history.archive, tmp_path) == before, "finding changes nothing"
    pruned = prune(history.archive)
    assert pruned.garbage == told
    (project,) = told.projects
    kept = [history.ids[10], history.ids[12], history.ids[13]]
    assert [each.snapshot for each in project.kept] == kept == list(list_snapshots(history.paths))
    assert list(project.dropped) == [name for name in history.ids if name not in kept]
    assert bundles(history.archive, tmp_path) == {name: before[name] for name in kept}
    check(history.archive.root)
    now = members(history)
    assert {record: data for record, data in records.items() if record in needed(history)} == {
        record: now[record] for record in needed(history)
    }, "raw members, not packed anew"
    freed = size - sum(warcs(history).values())
    assert abs(freed - sum(file.dead for file in project.warcs)) < 400 * len(project.warcs)
    assert abs(pruned.freed - told.size) < 400 * len(project.warcs)
    assert {path.name.partition(".")[0] for path in history.paths.snapshots.iterdir()} == set(kept)


def test_pruning_again_finds_nothing(history: History) -> None:
    """What was pruned is not rewritten a second time, and the map is what scanning the files gives."""
    prune(history.archive)
    before = warcs(history)
    assert prune(history.archive).freed == 0
    assert find_garbage(history.archive).size == 0
    assert warcs(history) == before
    with closing(ReadOnlyLocator(history.paths)) as locator:
        mapped = set(locator.locations())
    rebuild(history.paths)
    with closing(ReadOnlyLocator(history.paths)) as locator:
        assert set(locator.locations()) == mapped


def test_without_a_policy_nothing_goes(tmp_path: Path) -> None:
    """Every snapshot and every byte stays where the spec says nothing, dead links' answers among them."""
    made = History(tmp_path / "archives")
    made.days(9)
    before = {path: path.read_bytes() for path in made.paths.root.rglob("*") if path.is_file()}
    assert prune(made.archive).freed == 0
    after = {path: path.read_bytes() for path in made.paths.root.rglob("*") if path.is_file()}
    assert {path: data for path, data in after.items() if path != made.paths.lock} == before


def test_files_of_runs_that_stay_keep_their_evidence(history: History) -> None:
    """The WARC files of a snapshot that stays are not touched: what no index names in them, such as a 404, stays too."""
    kept = {
        name: size for name, size in warcs(history).items() if name[:16] in (history.ids[10], history.ids[13])
    }
    prune(history.archive)
    assert len(kept) == 2
    assert kept.items() <= warcs(history).items()


def test_rewritten_files_are_named_by_their_run_and_number(tmp_path: Path) -> None:
    """A file is rewritten under its name and the next number, again and again, and the one before goes."""
    made = History(tmp_path / "archives", keep={"last": 1}, pages=12)
    for number in (1, 2, 3):
        made.days(4)
        prune(made.archive)
        (first, *_) = sorted(warcs(made))
        assert first == f"{run_id(0)}-docs-00000.{number}.warc.gz"
        assert len({name.partition(".")[0] for name in warcs(made)}) == len(warcs(made))
        check(made.archive.root)


def test_captures_of_a_page_that_is_gone_outlast_their_snapshot(history: History, tmp_path: Path) -> None:
    """A page that was captured once, on the first day, is in the newest snapshot's view, and readable."""
    once = next(capture for capture in history.captures if capture.url.endswith("/once.html"))
    prune(history.archive)
    assert run_id(0) not in list_snapshots(history.paths)
    with closing(ReadOnlyLocator(history.paths)) as locator:
        assert locator.find(once.record).file == f"{run_id(0)}-docs-00000.1.warc.gz"
    check(tmp_path / "archives")


def test_the_last_good_of_a_source_that_is_gone_stays(tmp_path: Path) -> None:
    """A site has been gone for a month: the snapshot that last found it healthy stays, whatever the policy."""
    made = History(tmp_path / "archives", keep={"last": 1})
    made.days(4)
    good = made.ids[-1]
    for _ in range(30):
        made.day(Judgement("docs", GONE, "nothing answers", good=good))
    (project,) = prune(made.archive).garbage.projects
    assert {each.snapshot: each.reasons for each in project.kept} == {
        good: ("last good of docs",),
        made.ids[-1]: ("newest", "good", "last"),
    }
    check(made.archive.root)


def test_what_an_unfinished_run_has_written_stays(history: History) -> None:
    """The WARC file of a run that is to be gone on with is left alone, its cut tail and all; without the note it goes."""
    history.crawl()
    run = run_id(14)
    note_begun(history.paths, run)
    path = history.paths.warc / f"{run}-docs-00000.warc.gz"
    with path.open("ab") as stream:
        stream.write(gzip.compress(b"WARC/1.1\r\nWARC-Type: response\r\n")[:20])
    before = path.read_bytes()
    prune(history.archive)
    assert path.read_bytes() == before
    history.paths.unfinished.unlink()
    prune(history.archive)
    assert not path.exists(), "nothing in it is needed, damaged as it is"
    check(history.archive.root)


def test_what_an_unfinished_run_refers_to_stays(history: History) -> None:
    """The good snapshot has moved on, as by a load: what the unfinished run's revisits refer to stays all the same."""
    history.crawl()
    note_begun(history.paths, run_id(14))
    originals = {capture.original for capture in history.captures if capture.original}
    page = next(capture for capture in history.captures if not capture.original)
    history.captures[:] = [page]
    history.spec = {"keep": {"last": 1}}
    history.finish(run_id(20))
    records = members(history)
    prune(history.archive)
    assert len(originals) > 1
    assert {record: members(history)[record] for record in originals} == {
        record: records[record] for record in originals
    }


def test_a_damaged_file_is_left_as_it_is(history: History) -> None:
    """Where a record is damaged nothing is cut out around it: whatever can still be read stays."""
    path = history.paths.warc / f"{run_id(0)}-docs-00000.warc.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    prune(history.archive)
    assert path.read_bytes() == data
    assert find_garbage(history.archive).projects[0].warcs, "it is told again"


def test_a_record_that_is_in_two_files_is_kept_once(history: History, tmp_path: Path) -> None:
    """After a crash a file and its rewriting are both there; whichever the map names, one of each record stays."""
    before = bundles(history.archive, tmp_path)
    first = history.paths.warc / f"{run_id(0)}-docs-00000.warc.gz"
    original = first.read_bytes()
    prune(history.archive)
    for rebuilt in (False, True):
        first.write_bytes(original)
        if rebuilt:
            rebuild(history.paths)
        prune(history.archive)
        assert not first.exists()
        assert len([name for name in warcs(history) if name.startswith(run_id(0))]) == 1
        assert find_garbage(history.archive).size == 0
        check(history.archive.root)
    assert bundles(history.archive, tmp_path).items() <= before.items()


def test_a_map_that_lies_loses_nothing(history: History, tmp_path: Path) -> None:
    """A map that names a missing file, a wrong place, or knows nothing of a needed record costs no record."""
    before = bundles(history.archive, tmp_path)
    with closing(sqlite3.connect(history.paths.locator)) as map_, map_:
        map_.execute("UPDATE records SET file = 'nowhere.warc.gz' WHERE id > '<urn:uuid:b'")
        map_.execute("UPDATE records SET offset = offset + 7 WHERE id < '<urn:uuid:4'")
        map_.execute("DELETE FROM records WHERE id > '<urn:uuid:8' AND id < '<urn:uuid:9'")
    prune(history.archive)
    rebuild(history.paths)
    assert bundles(history.archive, tmp_path).items() <= before.items()
    check(history.archive.root)


def test_without_a_map_the_files_are_read(history: History, tmp_path: Path) -> None:
    """A map that is missing changes neither what is found nor what stays."""
    told = find_garbage(history.archive)
    history.paths.locator.unlink()
    assert find_garbage(history.archive) == told
    assert not history.paths.locator.exists(), "finding writes nothing"
    prune(history.archive)
    check(history.archive.root)


def test_records_of_other_kinds_stay(history: History) -> None:
    """Metadata and resource records are nobody's garbage; a request goes with its response; files of others stay."""
    path = history.paths.warc / f"{run_id(1)}-docs-00000.warc.gz"
    head = "WARC/1.1\r\nWARC-Type: {}\r\nWARC-Record-ID: <urn:uuid:{}>\r\nWARC-Date: 2026-01-01T00:00:00Z\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n"
    with path.open("ab") as stream:
        for number, kind in enumerate(("metadata", "resource")):
            stream.write(gzip.compress(head.format(kind, number).encode(), mtime=0))
    foreign = history.paths.warc / "somebody-s.warc.gz"
    foreign.write_bytes(path.read_bytes())
    before = foreign.read_bytes()
    prune(history.archive)
    assert foreign.read_bytes() == before
    foreign.unlink()
    left = [each.type for file in history.paths.warc.glob(f"{run_id(1)}-*") for each in scan_members(file)]
    assert left[-2:] == ["metadata", "resource"]
    assert left.count("request") == left.count("response") + left.count("revisit")


def test_the_warcinfo_that_records_name_goes_along(tmp_path: Path) -> None:
    """Behind its own record a rewritten file has the warcinfo that what stays names, and that one once."""
    made = History(tmp_path / "archives", keep={"last": 1}, pages=12)
    made.days(1)
    path = made.paths.warc / f"{run_id(0)}-docs-00000.warc.gz"
    info, *others = (
        gzip.decompress(path.read_bytes()[each.offset : each.end]) for each in scan_members(path)
    )
    identity = next(line for line in info.split(b"\r\n") if line.startswith(b"WARC-Record-ID: "))
    named = b"WARC-Warcinfo-ID: " + identity.partition(b": ")[2] + b"\r\nWARC-Date"
    records = [info, *(data.replace(b"WARC-Date", named, 1) for data in others)]
    path.write_bytes(b"".join(gzip.compress(data, mtime=0) for data in records))
    rebuild(made.paths)
    for times in (1, 2):
        made.days(4)
        prune(made.archive)
        (rewritten,) = made.paths.warc.glob(f"{run_id(0)}-*")
        assert rewritten.name.endswith(f".{times}.warc.gz")
        kinds = [each.type for each in scan_members(rewritten)]
        assert kinds[:2] == ["warcinfo", "warcinfo"]
        assert kinds.count("warcinfo") == 2
    check(made.archive.root)


@pytest.mark.parametrize("quarantined", [1, 5])
def test_what_is_in_quarantine_stays_with_its_snapshot_or_as_one_of_the_newest(
    tmp_path: Path, quarantined: int
) -> None:
    """Evidence goes with its snapshot, but for that of the newest three runs; and so do the records that only it needs."""
    made = History(tmp_path / "archives", keep={"last": 1})
    made.days(3)
    refused = [made.refuse() for _ in range(quarantined)]
    made.days(4)
    records = members(made)
    prune(made.archive)
    assert list_quarantine(made.paths) == tuple(refused[-3:])
    assert {path.name for path in made.paths.quarantine.iterdir()} == set(refused[-3:])
    for run in refused[-3:]:
        for capture in read_refused_captures(made.paths, read_refusal(made.paths, run, "docs")):
            for record in (capture.record, capture.payload_record):
                assert members(made)[record] == records[record]
    check(made.archive.root)


def test_images_in_quarantine_keep_their_blobs(tmp_path: Path) -> None:
    """What a refused run got of images can still be accepted: its manifests and layers stay, the tag means what it meant."""
    made = History(tmp_path / "archives")
    made.days(1)
    before = list(made.images)
    refused = made.image(TAG, ("linux/amd64",), salt="refused")
    made.images[:] = before
    judgement = Judgement("images", GONE, good=made.ids[0])
    write_refusal(made.paths, Refusal(run_id(1), judgement, evidence={}, images=(refused,)))
    made.day(judgement)
    prune(made.archive)
    store = BlobReader(made.archive.images)
    assert all(store.size(Digest.parse(digest)) for digest in (refused.digest, *refused.manifests))
    for path in made.paths.quarantine.rglob("*.json"):
        path.unlink()
    prune(made.archive)
    assert store.size(Digest.parse(refused.digest)) is None
    check(made.archive.root)


def test_what_was_left_of_snapshots_without_a_record_goes(history: History) -> None:
    """Capture indexes and reports of a run that was killed before its record, or of a record that was dropped, go."""
    prune(history.archive)
    for name in ("20250101T000000Z.cdxj.gz", "20250101T000000Z.report.json", ".tmp-abc"):
        (history.paths.snapshots / name).write_bytes(b"left")
    (history.paths.warc / ".tmp-def").write_bytes(b"left")
    killed = history.paths.quarantine / "20250101T000000Z"
    killed.mkdir(parents=True)
    (killed / "docs.cdxj.gz").write_bytes(b"left")
    assert prune(history.archive).freed == 20
    assert not [path for path in history.paths.root.rglob("*") if "2025" in path.name or ".tmp" in path.name]


def test_what_was_left_beside_evidence_that_stays_goes(history: History) -> None:
    """A temporary file in the quarantine of a run goes, as merging leaves it when it is killed; the evidence stays."""
    run = history.refuse()
    prune(history.archive)
    evidence = sorted(path.name for path in (history.paths.quarantine / run).iterdir())
    left = history.paths.quarantine / run / ".tmp-abc"
    left.write_bytes(b"left")
    [project] = find_garbage(history.archive).projects
    assert [stale.path for stale in project.temporaries] == [left]
    assert prune(history.archive).freed == 4
    assert sorted(path.name for path in (history.paths.quarantine / run).iterdir()) == evidence


@pytest.mark.parametrize("damaged", ["record", "index", "policy", "quarantine"])
def test_damage_removes_nothing(history: History, damaged: str) -> None:
    """Where it cannot be told what is needed, or what the policy is, everything stays."""
    if damaged == "record":
        history.paths.record(history.ids[3]).write_bytes(b"{}")
    elif damaged == "index":
        history.paths.captures(history.ids[-1]).write_bytes(b"no gzip")
    elif damaged == "policy":
        history.spec = {"keep": {"minutely": 5}}
        history.day()
    else:
        history.paths.refusal(history.refuse(), "docs").write_bytes(b"{}")
    before = {path: path.stat().st_size for path in history.paths.root.rglob("*") if path.is_file()}
    with pytest.raises(RecordCorrupt, match="cannot tell what"):
        prune(history.archive)
    with pytest.raises(RecordCorrupt):
        find_garbage(history.archive)
    after = {path: path.stat().st_size for path in history.paths.root.rglob("*") if path.is_file()}
    assert {path: size for path, size in after.items() if path != history.paths.lock} == before


def test_not_beside_a_run_of_any_project(tmp_path: Path) -> None:
    """While a run works on one project, nothing of any goes; a folder that is no project's is not even looked into."""
    one, other = (History(tmp_path / "archives", name, keep=KEEP) for name in ("one", "other"))
    for made in (one, other):
        made.days(4)
    (tmp_path / "archives" / "notes").mkdir()
    (tmp_path / "archives" / "notes" / ".tmp-mine").touch()
    before = warcs(one), warcs(other)
    with locked(other.paths.lock, "other"), pytest.raises(LockHeld):
        prune(one.archive)
    assert (warcs(one), warcs(other)) == before
    prune(one.archive)
    assert (warcs(one), warcs(other)) != before
    assert [path.name for path in (tmp_path / "archives" / "notes").iterdir()] == [".tmp-mine"]


def test_not_under_a_bundle(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a bundle is being made nothing is pruned from under it; and a bundle needs no lock file to be there."""
    tried = []

    def try_to_prune(*arguments: Any) -> Any:
        with pytest.raises(LockHeld):
            prune(history.archive)
        tried.append(arguments)
        return bundle_name(*arguments)

    (history.archive.images / ".store.lock").touch()
    monkeypatch.setattr("archiver.bundle.build.bundle_name", try_to_prune)
    build_bundle(history.archive, "sample", output=history.archive.root.parent / "bundle.tar")
    assert len(tried) == 1
    prune(history.archive)


def test_a_full_disk_loses_nothing(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no room for a rewritten file: the old one stays, all that is needed is there, and the next time goes on."""
    before = bundles(history.archive, tmp_path)

    def refuse(source: Any, out: Any, length: int) -> None:
        out.write(source.read(length // 2))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("archiver.store.warccopy._copy_bytes", refuse)
        with pytest.raises(StorageFull):
            prune(history.archive)
    assert not [path for path in history.paths.warc.iterdir() if path.name.startswith(".tmp-")]
    check(history.archive.root)
    prune(history.archive)
    assert bundles(history.archive, tmp_path).items() <= before.items()
    check(history.archive.root)


def _check_after_kill(root: Path, before: dict[str, bytes], folder: Path) -> None:
    check(root)
    archive = open_archive(root)
    left = list_snapshots(archive.project("sample"))
    assert left[-1] == max(before)
    assert good_snapshot(archive.project("sample")) == max(before)
    assert bundles(archive, folder)[left[-1]] == before[left[-1]]


@pytest.mark.thorough
def test_killed_at_any_step_nothing_is_lost(tmp_path: Path) -> None:
    """Killed before each removal, rename, sync and change of the map in turn: all that stays is whole, and the next run ends it."""
    made = History(tmp_path / "origin", keep={"last": 1}, pages=4)
    made.days(3)
    made.refuse()
    made.days(3)
    before, step, code = bundles(made.archive, tmp_path), 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        root = tmp_path / "archives"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(tmp_path / "origin", root)
        code = killed_at(step, "", PRUNING, root)
        check(root)
        prune(open_archive(root))
        _check_after_kill(root, before, tmp_path)
        assert find_garbage(open_archive(root)).size == 0
        step += 1
    assert code == 0
    assert step > 40


@pytest.mark.thorough
def test_killed_again_and_again_while_days_go_by(tmp_path: Path) -> None:
    """Pruning is killed at random steps, again and again, and the project archived on: no byte that a snapshot needs is lost."""
    chance = random.Random(SEED)
    print(f"KILL_SEED={SEED} KILL_ROUNDS={ROUNDS}")
    made = History(tmp_path / "archives", keep={"last": 2, "weekly": 2}, pages=6)
    made.days(3)
    killed = 0
    for _ in range(ROUNDS):
        made.days(chance.randint(1, 3))
        before = bundles(made.archive, tmp_path)
        for _ in range(chance.randint(1, 3)):
            killed += killed_at(chance.randint(0, 60), "", PRUNING, made.archive.root) != 0
            _check_after_kill(made.archive.root, before, tmp_path)
    assert killed > ROUNDS // 2
    prune(made.archive)
    assert bundles(made.archive, tmp_path).items() <= before.items()
    assert find_garbage(made.archive).size == 0
