"""The captures of an open snapshot of an archive folder, read from its index as they are asked for."""

from __future__ import annotations

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import RecordCorrupt
from archiver.core.progress import NullProgress
from archiver.offline import archivecaptures
from archiver.offline.archive import open_project
from archiver.offline.verifyarchive import verify_archive
from archiver.store import blockindex
from archiver.store.snapshots import read_snapshot, write_snapshot
from servers.small_archive import SITE, SNAPSHOT, ArchiveBuilder, html

if TYPE_CHECKING:
    from archiver.core.capture import Capture

PAGES = 60


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveBuilder:
    """Two doc sites whose pages stand between each other, in an index of many small blocks."""
    monkeypatch.setattr(blockindex, "_BLOCK_SIZE", 1000)
    made = ArchiveBuilder(tmp_path)
    for number in range(PAGES):
        source, day = ("guide", 2) if number % 10 == 5 else ("docs", 1)
        made.page(
            f"{SITE}/{number:03}", html("x", "y"), source=source, timestamp=f"2026030{day}1200{number:02}"
        )
    made.finish()
    return made


def _as_one_stream(made: ArchiveBuilder) -> None:
    """Make the index what other programs write: one gzip stream."""
    path = made.paths.captures(SNAPSHOT)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), mtime=0))
    record = read_snapshot(made.paths, SNAPSHOT)
    write_snapshot(made.paths, replace(record, captures_digest=str(Digest.of(path.read_bytes()))))


@pytest.fixture(params=["blocks", "one stream"])
def either(request: pytest.FixtureRequest, made: ArchiveBuilder) -> ArchiveBuilder:
    """The same with its index written either way."""
    if request.param == "one stream":
        _as_one_stream(made)
    return made


def test_each_doc_site_has_its_own_captures(either: ArchiveBuilder) -> None:
    """By key, around a key, and all of them; the newest time is that of the site."""
    with closing(open_project(either.paths)) as holding:
        sites = {site.name: site for site in holding.sites}
        for name, site in sites.items():
            own = [capture for capture in either.captures if capture.source == name]
            assert list(site.all_captures()) == own
            for capture in either.captures:
                assert list(site.captures(capture.key)) == ([capture] if capture.source == name else [])
            for at, capture in enumerate(own):
                assert list(site.captures_near(capture.key, 2, 3)) == own[max(0, at - 2) : at + 3]
            assert site.newest == max(capture.timestamp for capture in own)
        assert sites["guide"].captures("org,example,docs)/nothing") == []


def test_what_is_near_is_not_looked_for_without_end(
    made: ArchiveBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a doc site with few captures among those of a large one, those are near that so many lines away are found."""
    monkeypatch.setattr(archivecaptures, "_MOST_PASSED", 12)
    with closing(open_project(made.paths)) as holding:
        (guide,) = (site for site in holding.sites if site.name == "guide")
        near = guide.captures_near(made.captures[20].key, 9, 9)
        assert [capture.url[-3:] for capture in near] == ["015", "025"]


def test_several_threads_read_one_snapshot(made: ArchiveBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets what it asks for, though hardly any block is kept."""
    monkeypatch.setattr(archivecaptures, "_KEPT", 2)

    def found(capture: Capture) -> bool:
        return list(sites[capture.source].captures(capture.key)) == [capture]

    with closing(open_project(made.paths)) as holding, ThreadPoolExecutor(8) as threads:
        sites = {site.name: site for site in holding.sites}
        assert all(threads.map(found, made.captures * 10))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()))),
        lambda path: (path.unlink(), os.mkfifo(path)),
    ],
    ids=["missing", "empty", "cut", "other bytes", "no file"],
)
def test_an_index_that_is_not_the_records_is_not_opened(
    made: ArchiveBuilder, damage: Callable[[Path], object]
) -> None:
    """Its digest is checked first, however it is read afterwards; nothing stays open."""
    damage(made.paths.captures(SNAPSHOT))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(RecordCorrupt):
        open_project(made.paths)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_damage_of_later_is_an_error_where_it_is_read(made: ArchiveBuilder) -> None:
    """A disk that goes bad under an open snapshot hides no page: looking it up says that the index is damaged."""
    path = made.paths.captures(SNAPSHOT)
    with closing(open_project(made.paths)) as holding:
        data = path.read_bytes()
        with path.open("r+b") as stream:
            stream.write(bytes(len(data) // 2))
        (docs, _) = holding.sites
        with pytest.raises(RecordCorrupt):
            docs.captures(made.captures[1].key)
        assert list(docs.captures(made.captures[-1].key)) == [made.captures[-1]]
        assert docs.newest == "", "the page of contents does without"


def test_a_doc_site_that_the_record_has_not_is_found_by_verify(either: ArchiveBuilder) -> None:
    """Nobody would be shown its pages; serving the others goes on."""
    record = read_snapshot(either.paths, SNAPSHOT)
    assert verify_archive(either.archive.root, NullProgress()).ok
    write_snapshot(either.paths, replace(record, sites=record.sites[:1]))
    with closing(open_project(either.paths)) as holding:
        (site,) = holding.sites
        assert list(site.captures(either.captures[0].key)) == [either.captures[0]]
    (problem,) = verify_archive(either.archive.root, NullProgress()).problems
    assert "'guide' that the snapshot has not" in str(problem)
