"""Looking records up without writing, without reading the whole map, and without the map."""

from __future__ import annotations

import gzip
import sqlite3
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Callable

import pytest

from archiver.core.errors import NotArchived
from archiver.store.locator import Location, Locator, ReadOnlyLocator, rebuild
from archiver.store.paths import ProjectPaths, create_archive

if TYPE_CHECKING:
    from pathlib import Path

MANY = 20_000


def _identity(number: int) -> str:
    return f"<urn:uuid:{number:036}>"


@pytest.fixture
def project(tmp_path: Path) -> ProjectPaths:
    """A project with one WARC file of three responses, and no locator."""
    project = create_archive(tmp_path).project("demo")
    project.warc.mkdir(parents=True)
    head = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: {}\r\nContent-Length: 4\r\n\r\nbody\r\n\r\n"
    members = (gzip.compress(head.format(_identity(number)).encode(), mtime=0) for number in range(3))
    (project.warc / "a.warc.gz").write_bytes(b"".join(members))
    return project


def _long_history(project: ProjectPaths) -> None:
    with closing(Locator(project.locator)) as locator:
        locator.add(Location(_identity(number), "a.warc.gz", number, 1, 1) for number in range(MANY))


def test_memory_does_not_grow_with_history(project: ProjectPaths) -> None:
    """Records are looked up in the file: twenty thousand of them take no megabyte."""
    _long_history(project)
    tracemalloc.start()
    with closing(ReadOnlyLocator(project)) as locator:
        found = [locator.find(_identity(number)).offset for number in range(0, MANY, 7)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == list(range(0, MANY, 7))
    assert peak < 1 << 20


def test_several_threads_look_up_at_once(project: ProjectPaths) -> None:
    """Each gets what it asked for, whichever thread opened the map."""
    _long_history(project)
    with closing(ReadOnlyLocator(project)) as locator, ThreadPoolExecutor(8) as pool:
        asked = [_identity(number) for number in range(0, MANY, 11)]
        assert [at.id for at in pool.map(locator.find, asked)] == asked


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE records (id TEXT PRIMARY KEY); PRAGMA user_version = 77")


def _without_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE records")


def _rotten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "spoil", [_foreign, _without_table, _rotten, lambda path: path.write_bytes(b"none"), lambda path: path.unlink()]
)  # fmt: skip
def test_a_map_of_no_use_is_done_without(project: ProjectPaths, spoil: Callable[[Path], None]) -> None:
    """Missing, damaged, or of another version: the WARC files say where records are, and nothing is written."""
    rebuild(project)
    if spoil is _foreign:
        project.locator.unlink()
    spoil(project.locator)
    before = sorted(project.root.iterdir())
    with closing(ReadOnlyLocator(project)) as locator:
        assert [locator.find(_identity(number)).file for number in range(3)] == ["a.warc.gz"] * 3
        with pytest.raises(NotArchived):
            locator.find(_identity(9))
    assert sorted(project.root.iterdir()) == before


def test_a_map_that_rots_while_open_is_done_without(project: ProjectPaths) -> None:
    """A lookup that fails goes on with the WARC files."""
    _long_history(project)
    with closing(ReadOnlyLocator(project)) as locator:
        _rotten(project.locator)
        first = locator.find(_identity(1))
    assert first.offset > 1


def _opener(path: Path) -> bytes:
    return path.read_bytes()


def test_a_record_that_was_moved_is_found_where_it_is_now(project: ProjectPaths) -> None:
    """Between the look-up and the opening prune has moved the record and removed the file: it is looked up again."""
    rebuild(project)
    old, new = project.warc / "a.warc.gz", project.warc / "a.1.warc.gz"
    with closing(ReadOnlyLocator(project)) as locator:
        found = locator.find(_identity(1))

        def move(path: Path) -> bytes:
            if old.exists():  # as prune does, in the middle of a reader's opening
                new.write_bytes(old.read_bytes())
                with closing(Locator(project.locator)) as written:
                    written.add([Location(_identity(1), new.name, 7, found.length, found.pair_length)])
                old.unlink()
            return _opener(path)

        at, data = locator.open(_identity(1), move)
    assert (at.file, at.offset, data) == (new.name, 7, new.read_bytes())


@pytest.mark.parametrize("mapped", [True, False])
def test_a_map_that_was_made_again_is_opened_again(project: ProjectPaths, mapped: bool) -> None:
    """Where another file has taken the map's place, or the files were scanned, what is gone is looked for anew."""
    if mapped:
        rebuild(project)
    with closing(ReadOnlyLocator(project)) as locator:
        assert locator.find(_identity(2)).file == "a.warc.gz"
        (project.warc / "a.warc.gz").rename(project.warc / "a.1.warc.gz")
        if mapped:
            rebuild(project)
        assert locator.open(_identity(2), _opener)[0].file == "a.1.warc.gz"


def test_a_file_that_is_gone_for_good_is_told(project: ProjectPaths) -> None:
    """A map that names a file that is missing ends in an error that names the file, and so does one with a path."""
    rebuild(project)
    (project.warc / "a.warc.gz").unlink()
    with closing(ReadOnlyLocator(project)) as locator, pytest.raises(NotArchived) as caught:
        locator.open(_identity(0), _opener)
    assert caught.value.place == str(project.warc / "a.warc.gz")
    with closing(Locator(project.locator)) as written:
        written.add([Location(_identity(0), "../snapshots/x", 0, 1, 1)])
    with closing(ReadOnlyLocator(project)) as locator, pytest.raises(NotArchived):
        locator.open(_identity(0), _opener)


def test_all_places_can_be_had(project: ProjectPaths) -> None:
    """By pages, so that a writer is not held up; without a map the files are scanned."""
    with closing(ReadOnlyLocator(project)) as locator:
        assert [at.id for at in locator.locations()] == [_identity(number) for number in range(3)]
    _long_history(project)
    with closing(ReadOnlyLocator(project)) as locator:
        places = locator.locations()
        first = next(places)
        with closing(Locator(project.locator)) as written:
            written.remove([first.id], "a.warc.gz")
        assert [at.id for at in (first, *places)] == [_identity(number) for number in range(MANY)]
