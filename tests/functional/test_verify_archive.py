"""``verify`` of an archive folder: the keeper's, and what a reader put together of bundles."""

from __future__ import annotations

import gzip
import shutil
import zlib
from typing import TYPE_CHECKING, Callable, Iterator

import pytest

from archiver.core.digest import Digest
from archiver.offline.verifyarchive import verify_archive
from archiver.store.blobs import BlobReader
from archiver.store.paths import create_archive, open_archive
from archiver.store.snapshots import list_snapshots, read_captures, read_snapshot
from archiver.store.warcfiles import scan_members
from servers.console import Console
from servers.history import History
from servers.keeper import keeping

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that a bundle and an update of it were loaded into."""
    console = Console(tmp_path_factory.mktemp("merged"))
    with keeping(console) as keeper:
        keeper.archive(1)
        keeper.bundle("base.tar")
        keeper.archive(2)
        keeper.bundle("update.tar", "--since", "base.tar")
    console.succeed("load", "base.tar", "update.tar", "--into", "merged")
    return console.folder / "merged"


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def _layer(folder: Path) -> Path:
    """Return a layer of the newest image, which nothing but its digest tells anything of."""
    return max((folder / "images" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)


def _manifest(folder: Path) -> Path:
    archive = open_archive(folder)
    paths = archive.project("sample")
    snapshot = read_snapshot(paths, max(path.stem for path in paths.snapshots.glob("*Z.json")))
    return BlobReader(archive.images).path(Digest.parse(snapshot.images[0].digest))


def _warc(folder: Path) -> Path:
    return min((folder / "sample" / "warc").iterdir())


def _index(folder: Path) -> Path:
    return max((folder / "sample" / "snapshots").glob("*.cdxj.gz"))


def _felt(data: bytes, offset: int, length: int) -> int:
    """Return a byte near the middle of a gzip member that inflating needs: deflate has bits that mean nothing."""
    for at in range(offset + length // 2, offset + length):
        member = bytearray(data[offset : offset + length])
        member[at - offset] ^= 4
        try:
            gzip.decompress(bytes(member))
        except (OSError, EOFError, zlib.error):
            return at
    raise AssertionError("no byte of the member matters")


def test_what_was_put_together_of_bundles_is_whole(merged: Path) -> None:
    """Base and update in one folder: whole, its snapshots are named, and --json says the same."""
    console = Console(merged.parent)
    said = console.succeed("verify", "merged").out
    assert "merged: whole; " in said
    assert "sample: 2 snapshots, the last 2" in said
    report = console.succeed("verify", "merged", "--json").json
    assert report["ok"]
    assert len(report["projects"][0]["snapshots"]) == 2
    assert report["captures"] > 0
    assert report["blobs"] > 0


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        pytest.param(lambda folder: _flip(_layer(folder), 100), "archive.blob", id="layer changed"),
        pytest.param(lambda folder: _layer(folder).unlink(), "archive.blob", id="layer gone"),
        pytest.param(lambda folder: _manifest(folder).unlink(), "archive.blob", id="manifest gone"),
        pytest.param(lambda folder: _flip(_manifest(folder), 9), "archive.blob", id="manifest changed"),
        pytest.param(lambda folder: _warc(folder).unlink(), "archive.capture", id="WARC file gone"),
        pytest.param(
            lambda folder: _flip(_index(folder), 50), "archive.snapshot", id="capture index changed"
        ),
        pytest.param(lambda folder: _index(folder).unlink(), "archive.snapshot", id="capture index gone"),
        pytest.param(
            lambda folder: (folder / "images" / "index.json").write_text("{"),
            "archive.snapshot",
            id="no JSON",
        ),
    ],
)
def test_damage_is_found_and_named(
    merged: Path, tmp_path: Path, harm: Callable[[Path], object], code: str
) -> None:
    """Whatever is changed or missing is a problem with a code and a place, and exit code 5."""
    shutil.copytree(merged, tmp_path / "harmed")
    harm(tmp_path / "harmed")
    outcome = Console(tmp_path).run("verify", "harmed")
    assert outcome.code == 5, outcome.said
    assert f"[{code}]" in outcome.out
    assert outcome.out.rstrip().endswith("found")


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of which something was refused."""
    history = History(tmp_path_factory.mktemp("refused") / "archives")
    history.days(2)
    history.refuse()
    return history.archive.root


def _refused(folder: Path, pattern: str) -> Path:
    return next((folder / "sample" / "quarantine").glob(f"*/{pattern}"))


def test_what_was_refused_is_read_as_well(refused: Path) -> None:
    """The records of refused pages count among those that were checked, though no snapshot has them."""
    whole = verify_archive(refused)
    assert whole.ok, whole.problems
    paths = open_archive(refused).project("sample")
    named = {
        capture.record
        for name in list_snapshots(paths)
        for capture in read_captures(paths, read_snapshot(paths, name))
    }
    assert whole.captures > len(named)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        pytest.param(lambda folder: _flip(_refused(folder, "docs.json"), 3), "quarantine", id="record"),
        pytest.param(lambda folder: _flip(_refused(folder, "*.gz"), 50), "quarantine", id="index"),
        pytest.param(lambda folder: _refused(folder, "*.gz").unlink(), "quarantine", id="index gone"),
        pytest.param(
            lambda folder: _refused(folder, "docs.json").rename(_refused(folder, "docs.json").with_stem("b")),
            "quarantine",
            id="of another source",
        ),
        pytest.param(
            lambda folder: max((folder / "sample" / "warc").iterdir()).unlink(), "capture", id="records gone"
        ),
    ],
)
def test_damage_of_what_was_refused_is_found(
    refused: Path, tmp_path: Path, harm: Callable[[Path], object], code: str
) -> None:
    """Evidence that cannot be read cannot be accepted: better to know before it is wanted."""
    shutil.copytree(refused, tmp_path / "harmed")
    harm(tmp_path / "harmed")
    outcome = Console(tmp_path).run("verify", "harmed")
    assert outcome.code == 5, outcome.said
    assert f"[archive.{code}]" in outcome.out


def test_every_record_of_a_snapshot_is_read(merged: Path, tmp_path: Path) -> None:
    """A byte changed in any record that a snapshot has, or in its request, is found, where it changes the content."""
    folder = shutil.copytree(merged, tmp_path / "harmed")
    paths = open_archive(folder).project("sample")
    needed = set()
    for name in list_snapshots(paths):
        for capture in read_captures(paths, read_snapshot(paths, name)):
            needed.update((capture.record, capture.original))
    path = _warc(folder)
    members = list(scan_members(path))
    sound = path.read_bytes()
    places = [
        _felt(sound, member.offset, member.length)
        for before, member in zip(members[:1] + members, members)
        if member.record in needed or (member.type == "request" and before.record in needed)
    ]
    assert len(places) > 2
    for at in places:
        _flip(path, at)
        assert not verify_archive(folder).ok, at
        path.write_bytes(sound)


def test_an_archive_whose_first_run_was_killed_at_once_is_whole(tmp_path: Path) -> None:
    """Nothing that was archived is missing where nothing was; once there is a snapshot, the index has to be there."""
    root = tmp_path / "archives"
    (root / "images" / "blobs" / "sha256").mkdir(parents=True)
    create_archive(root)
    assert verify_archive(root).ok
    History(root).day()
    assert verify_archive(root).ok
    (root / "images" / "index.json").unlink()
    assert [problem.code for problem in verify_archive(root).problems] == ["archive.snapshot"]


def test_folders_have_no_signers_and_come_alone(merged: Path) -> None:
    """--signers with a folder, or a folder among bundles, or one that is no archive: wrong usage."""
    console = Console(merged.parent)
    (console.folder / "signers").write_text("")
    (console.folder / "empty").mkdir()
    for arguments, reason in (
        (("merged", "--signers", "signers"), "not signed"),
        (("base.tar", "merged"), "one archive folder"),
        (("empty",), "no archive here"),
    ):
        outcome = console.run("verify", *arguments)
        assert outcome.code == 2, outcome.said
        assert reason in outcome.said
