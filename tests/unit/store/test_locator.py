from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import StoreError
from archiver.store import locator as module
from archiver.store.locator import Location, Locator, catch_up, open_locator, rebuild
from archiver.store.paths import ProjectPaths, create_archive

if TYPE_CHECKING:
    from pathlib import Path


def _member(kind: str, number: int) -> bytes:
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nContent-Length: 4\r\n\r\n"
    )
    return gzip.compress(head.encode() + b"body\r\n\r\n", mtime=0)


@pytest.fixture
def project(tmp_path: Path) -> ProjectPaths:
    """A project with two WARC files of one response each, and no locator."""
    project = create_archive(tmp_path).project("demo")
    project.warc.mkdir(parents=True)
    for number in (1, 2):
        (project.warc / f"{number}.warc.gz").write_bytes(_member("response", number))
    return project


def _known(paths: ProjectPaths) -> list[int]:
    with closing(open_locator(paths)) as locator:
        return [number for number in range(1, 10) if locator.get(f"<urn:uuid:{number}>")]


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE records (id TEXT PRIMARY KEY, place TEXT)")


def _rotten(path: Path) -> None:
    with closing(Locator(path)) as locator:
        locator.add(Location(f"<urn:uuid:x{number}>", "x", 0, 1, 1) for number in range(5000))
    data = bytearray(path.read_bytes())
    data[8192:12288] = bytes(4096)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: None,
        lambda path: path.write_bytes(b"no database at all, but long enough to be looked at" * 40),
        lambda path: path.write_bytes(b""),
        _foreign,
        _rotten,
    ],
    ids=["missing", "garbage", "empty", "another schema", "damaged within"],
)
def test_a_locator_of_no_use_is_made_again(project: ProjectPaths, spoil: object) -> None:
    """A cache that is lost, damaged or another program's costs a scan of the WARC files, never the run."""
    assert callable(spoil)
    spoil(project.locator)
    assert _known(project) == [1, 2]


def test_a_sound_locator_is_used_as_it_is(project: ProjectPaths) -> None:
    """Opening it again keeps what was added, without a look at the WARC files."""
    with closing(open_locator(project)) as locator:
        locator.add([Location("<urn:uuid:3>", "1.warc.gz", 0, 1, 1)])
    for path in project.warc.iterdir():
        path.unlink()
    assert _known(project) == [1, 2, 3]


@pytest.mark.parametrize("padding", [0, (1 << 18) - 1, 1 << 18])
def test_records_behind_a_damaged_one_are_found(project: ProjectPaths, padding: int) -> None:
    """A bit that the disk lost costs the record it is in, not all that follow in the file."""
    members = [_member("response", 3), b"\x1f\x8b\x08 no record" + bytes(padding), _member("response", 4)]
    damaged = bytearray(_member("response", 5))
    damaged[len(damaged) // 2] ^= 0xFF
    members += [bytes(damaged), _member("revisit", 6), _member("request", 7), _member("response", 8)[:-1]]
    (project.warc / "3.warc.gz").write_bytes(b"".join(members))
    assert _known(project) == [1, 2, 3, 4, 6]
    with closing(open_locator(project)) as locator:
        at = locator.get("<urn:uuid:6>")
    assert at is not None
    assert at.pair_length == len(members[4]) + len(members[5])


def test_a_rebuild_that_is_killed_leaves_no_half_a_map(
    project: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The map has its name only when it is complete: half a map would say that the rest is not archived."""
    real = module._locations

    def killed(path: Path) -> list[Location]:
        if path.name == "2.warc.gz":
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(module, "_locations", killed)
    with pytest.raises(KeyboardInterrupt):
        rebuild(project)
    monkeypatch.undo()
    assert sorted(path.name for path in project.root.iterdir()) == ["warc"]
    assert _known(project) == [1, 2]


def test_a_crashed_writer_s_journal_does_not_reach_the_new_map(project: ProjectPaths) -> None:
    """SQLite rolls back a journal that lies beside a database, even one of the file that stood there before."""
    with closing(Locator(project.locator)) as locator:
        locator.add([Location("<urn:uuid:7>", "x", 0, 1, 1)])
    writer = sqlite3.connect(project.locator, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN")
    writer.executemany(
        "INSERT INTO records VALUES (?, 'x', 0, 1, 1)", ((f"y{number}",) for number in range(9000))
    )
    journal = project.locator.with_name("locator-journal").read_bytes()
    writer.execute("ROLLBACK")
    writer.close()
    assert len(journal) > 512
    project.locator.unlink()
    project.locator.with_name("locator-journal").write_bytes(journal)
    assert _known(project) == [1, 2]


def test_what_the_file_system_refuses_is_told(project: ProjectPaths) -> None:
    """A folder in the locator's place is nothing that a cache may remove."""
    project.locator.mkdir()
    with pytest.raises(StoreError):
        open_locator(project)
    assert project.locator.is_dir()


def test_files_that_the_map_knows_nothing_of_are_added(project: ProjectPaths) -> None:
    """Who was killed between putting a file in place and adding its records makes up for it; what is known is left alone."""
    with closing(open_locator(project)) as locator:
        assert locator.files() == {"1.warc.gz", "2.warc.gz"}
        (project.warc / "1.warc.gz").write_bytes(b"not looked at again")
        (project.warc / "3.warc.gz").write_bytes(_member("response", 3))
        catch_up(project, locator)
        assert locator.files() == {"1.warc.gz", "2.warc.gz", "3.warc.gz"}
        assert len(locator) == 3
    assert _known(project) == [1, 2, 3]
