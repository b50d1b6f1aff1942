"""The docs of bundles as WARC files: how they are cut, found again, and made whole where they were damaged."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Iterable, Sequence

import pytest

from archiver.bundle import searchindex
from archiver.bundle.build import build_bundle
from archiver.bundle.searchindex import ensure_search_index
from archiver.core.digest import Digest
from archiver.core.errors import DeltaIncomplete, StorageFull
from archiver.core.progress import NullProgress
from archiver.offline.bundle import read_bundle
from archiver.offline.loading import archive as archive_module
from archiver.offline.loading import records as module
from archiver.offline.loading import search as search_module
from archiver.offline.loading.archive import load_archive
from archiver.offline.opening import open_holdings
from archiver.offline.search.provenance import loaded_index, side_file
from archiver.store.atomic import TEMPORARY_PREFIX
from archiver.store.locator import open_locator
from archiver.store.paths import open_archive
from archiver.store.snapshots import list_snapshots
from archiver.store.warcfiles import scan_members
from archiver.version import PROGRAM
from servers.small_archive import SITE, SNAPSHOT, small_archive

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.bundle import OpenBundle
    from archiver.offline.loading.plan import ProjectPlan
    from archiver.offline.loading.project import LoadedArchive
    from archiver.offline.search.writer import IndexedDocument
    from archiver.store.paths import ArchivePaths

CAPTURES = 8  # and originals, in the small archive


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of the small archive."""
    made = small_archive(tmp_path / "keeper")
    return build_bundle(made.archive, "small", output=tmp_path / "small.tar").path


def _load(bundle: Path, folder: Path) -> LoadedArchive:
    with read_bundle(bundle) as opened:
        (loaded,) = load_archive([opened], folder)
    return loaded


def _warcs(folder: Path) -> list[Path]:
    return sorted((folder / "small" / "warc").iterdir())


def _read_all(folder: Path) -> None:
    (holding,) = open_holdings(folder)
    with closing(holding):
        for site in holding.sites:
            for capture in site.all_captures():
                with closing(site.response(capture).body) as body:
                    body.read()


def test_files_are_cut_and_each_begins_with_a_warcinfo(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a file is long enough the next is begun; response and request are never parted."""
    monkeypatch.setattr(module.WarcFiles.__init__, "__kwdefaults__", {"roll_over": 1500})
    assert _load(bundle, tmp_path / "archives").records.copied == CAPTURES
    files = _warcs(tmp_path / "archives")
    assert [path.name for path in files] == [
        f"{SNAPSHOT}-docs-{number:05d}.warc.gz" for number in range(len(files))
    ]
    assert len(files) > 2
    for path in files:
        kinds = [member.type for member in scan_members(path)]
        assert kinds[0] == "warcinfo"
        assert set(kinds[1::2]) <= {"response", "revisit"}
        assert set(kinds[2::2]) == {"request"}
    again = build_bundle(open_archive(tmp_path / "archives"), "small", output=tmp_path / "again.tar")
    assert again.path.read_bytes() == bundle.read_bytes()


def test_what_a_killed_load_has_cut_is_gone_on_from(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that have their names are not copied again, even where the locator was not told of the last one any more."""
    folder = tmp_path / "archives"
    monkeypatch.setattr(module.WarcFiles.__init__, "__kwdefaults__", {"roll_over": 1500})
    _load(bundle, folder)
    files = _warcs(folder)
    files[-1].unlink()
    (folder / "small" / "snapshots" / f"{SNAPSHOT}.json").unlink()
    with closing(open_locator(open_archive(folder).project("small"))) as locator:
        locator._connection.execute("DELETE FROM records WHERE file >= ?", (files[-2].name,))
        locator._connection.commit()
    loaded = _load(bundle, folder)
    assert 0 < loaded.records.copied < loaded.records.present
    assert _warcs(folder) == files
    _read_all(folder)


def test_a_record_that_was_damaged_in_the_archive_is_made_whole(bundle: Path, tmp_path: Path) -> None:
    """Loading a bundle again repairs what a disk has lost: what is not there byte for byte is copied anew."""
    folder = tmp_path / "archives"
    _load(bundle, folder)
    (path,) = _warcs(folder)
    with closing(open_locator(open_archive(folder).project("small"))) as locator:
        at = next(
            place
            for member in scan_members(path)
            if (place := locator.get(member.record)) and place.offset > 2000
        )
    data = bytearray(path.read_bytes())
    data[at.offset + at.length // 2] ^= 0xFF
    path.write_bytes(data)
    loaded = _load(bundle, folder)
    assert (loaded.records.copied, loaded.records.present) == (1, CAPTURES - 1)
    assert [each.name for each in _warcs(folder)] == [path.name, f"{SNAPSHOT}-docs-00001.warc.gz"]
    _read_all(folder)
    assert _load(bundle, folder).records.copied == 0


def test_a_file_that_has_the_name_already_stays(bundle: Path, tmp_path: Path) -> None:
    """Records go to a file of the next free number: whatever else is in the folder is not touched."""
    folder = tmp_path / "archives"
    taken = folder / "small" / "warc" / f"{SNAPSHOT}-docs-00000.warc.gz"
    load = _load(bundle, folder)
    taken.write_bytes(b"something else")
    open_archive(folder).project("small").locator.unlink()
    again = _load(bundle, folder)
    assert load.records.copied == again.records.copied == CAPTURES
    assert taken.read_bytes() == b"something else"
    _read_all(folder)


def test_a_loaded_search_index_is_bundled_as_it_is(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken for this program's own, whatever Python and SQLite it came from; another version's is built anew."""
    folder = tmp_path / "archives"
    _load(bundle, folder)
    paths = open_archive(folder).project("small")
    path, before = paths.search(SNAPSHOT), paths.search(SNAPSHOT).stat().st_mtime_ns
    assert side_file(path).read_bytes() == loaded_index(Digest.of(path.read_bytes()), PROGRAM)
    monkeypatch.setattr("sqlite3.sqlite_version", "3.1.4")
    assert ensure_search_index(paths, SNAPSHOT) == path
    assert path.stat().st_mtime_ns == before
    monkeypatch.setattr(searchindex, "PROGRAM", "archiver 99")
    assert ensure_search_index(paths, SNAPSHOT) == path
    assert path.stat().st_mtime_ns != before


def test_a_delta_whose_base_has_no_index_is_loaded_without_one(tmp_path: Path) -> None:
    """A search index is a cache, the base's may be gone: that is said, and whoever bundles the archive builds it."""
    said: list[str] = []

    class Warnings(NullProgress):
        def warn(self, message: str) -> None:
            said.append(message)

    made = small_archive(tmp_path / "keeper")
    base = build_bundle(made.archive, "small", output=tmp_path / "base.tar").path
    made.page(f"{SITE}/new.html", b"<title>New</title><p>quick fox", timestamp="20260302120001")
    made.finish("20260302T120000Z")
    delta = build_bundle(made.archive, "small", since=base, output=tmp_path / "delta.tar").path
    whole = build_bundle(made.archive, "small", output=tmp_path / "whole.tar").path
    folder = tmp_path / "archives"
    _load(base, folder)
    open_archive(folder).project("small").search(SNAPSHOT).unlink()
    with read_bundle(delta) as opened:
        load_archive([opened], folder, Warnings())
    assert any("not in the search index" in line for line in said)
    assert not side_file(open_archive(folder).project("small").search("20260302T120000Z")).exists()
    again = build_bundle(open_archive(folder), "small", output=tmp_path / "again.tar").path
    assert again.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("what", ["an image's layer", "a file"])
def test_what_is_pruned_before_the_folder_is_locked_is_not_pointed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A delta builds on blobs that are in the folder; where they are gone by the time it is written, no snapshot names them."""
    made = small_archive(tmp_path / "keeper")
    base = build_bundle(made.archive, "small", output=tmp_path / "base.tar").path
    made.finish("20260302T120000Z")
    delta = build_bundle(made.archive, "small", since=base, output=tmp_path / "delta.tar").path
    folder = tmp_path / "archives"
    _load(base, folder)
    with read_bundle(delta) as opened:
        files = {file.digest for file in opened.contents.files}
        gone = next(each for each in opened.contents.requires if (each in files) == (what == "a file"))
    real = archive_module.planned

    def planned(bundles: Sequence[OpenBundle], archive: ArchivePaths) -> tuple[ProjectPlan, ...]:
        plans = real(bundles, archive)
        (archive.images / "blobs" / gone.algorithm / gone.hex).unlink()
        return plans

    monkeypatch.setattr(archive_module, "planned", planned)
    with pytest.raises(DeltaIncomplete, match=gone.hex):
        _load(delta, folder)
    assert list_snapshots(open_archive(folder).project("small")) == (SNAPSHOT,)


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_disk_that_fills_up_on_the_way_is_told_and_the_next_load_goes_on(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """It is an error of its own at whatever moment; with room again the load completes what it began, and leaves no scraps."""
    folder = tmp_path / "archives"
    real, left = getattr(os, call), 0

    def full(*args: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args)

    failures = 0
    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        for left in (1, 3, 9, 20, 30):  # noqa: B007 - what the function above counts down
            with suppress(StorageFull):
                _load(bundle, folder)
                continue
            failures += 1
    assert failures >= 2
    _load(bundle, folder)
    again = build_bundle(open_archive(folder), "small", output=tmp_path / "again.tar")
    assert again.path.read_bytes() == bundle.read_bytes()
    assert not [path for path in folder.rglob("*") if path.name.startswith(TEMPORARY_PREFIX)]


@pytest.mark.parametrize(("other_sqlite", "other_program"), [(False, True), (True, False), (True, True)])
def test_an_index_made_of_two_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_sqlite: bool, other_program: bool
) -> None:
    """It is taken for one version's own where it has the bytes that the delta names, or where that version made both parts."""
    made = small_archive(tmp_path / "keeper")
    base = build_bundle(made.archive, "small", output=tmp_path / "base.tar").path
    made.page(f"{SITE}/new.html", b"<title>New</title><p>quick fox", timestamp="20260302120001")
    made.finish("20260302T120000Z")
    delta = build_bundle(made.archive, "small", since=base, output=tmp_path / "delta.tar").path
    folder = tmp_path / "archives"
    _load(base, folder)
    paths = open_archive(folder).project("small")
    if other_program:
        index = paths.search(SNAPSHOT)
        side_file(index).write_bytes(loaded_index(Digest.of(index.read_bytes()), "archiver 0.0.1"))
    if other_sqlite:  # as if it had written other bytes
        real = search_module.write_index

        def written(target: Path, documents: Iterable[IndexedDocument]) -> None:
            real(target, documents)
            with closing(sqlite3.connect(target)) as database:
                database.execute("PRAGMA application_id = 7")
                database.commit()

        monkeypatch.setattr(search_module, "write_index", written)
    _load(delta, folder)
    note = side_file(paths.search("20260302T120000Z"))
    assert note.is_file() == (not (other_sqlite and other_program))
