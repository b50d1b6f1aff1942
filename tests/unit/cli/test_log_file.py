"""The log file of runs that nobody watches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archiver.cli.log import ERROR, INFO, WARNING, LogFile, LogProgress
from archiver.core.errors import SpecError, StorageFull, StoreError

_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", re.MULTILINE)


def _written(path: Path) -> str:
    """Return a log without its times, after checking that each line has one."""
    text = path.read_text("utf-8")
    assert len(_TIME.findall(text)) == text.count("\n")
    return _TIME.sub("", text)


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    """A log in a folder of its own."""
    (tmp_path / "new").mkdir()
    return LogFile(tmp_path / "new" / "log")


def test_a_line_has_a_time_and_a_level(log: LogFile, tmp_path: Path) -> None:
    """Lines of a text are lines of the log; nothing in them can move a cursor or begin another line."""
    log.write(INFO, "one\ntwo")
    log.write(WARNING, "\x1b[2Jthree\u2028four")
    log.write(INFO, "")
    assert _written(tmp_path / "new/log") == "INFO    one\nINFO    two\nWARNING \\x1b[2Jthree\nWARNING four\n"


def test_errors_have_their_codes_and_hints(log: LogFile, tmp_path: Path) -> None:
    """An error, and what was found with it, each with its stable code."""
    log.error(SpecError.joined([SpecError("one", place="a.yaml:1", hint="do this"), SpecError("two")]))
    assert _written(tmp_path / "new/log").splitlines() == [
        "ERROR   a.yaml:1: one [spec.invalid]",
        "ERROR     hint: do this",
        "ERROR   two [spec.invalid]",
    ]
    assert ERROR == "ERROR"


def test_it_is_added_to(log: LogFile, tmp_path: Path) -> None:
    """A second log of the same name adds its lines, and both may be written to in turn."""
    second = LogFile(tmp_path / "new" / "log")
    log.write(INFO, "one")
    second.write(INFO, "two")
    log.write(INFO, "three")
    assert _written(tmp_path / "new/log").split() == ["INFO", "one", "INFO", "two", "INFO", "three"]


def test_no_log_takes_everything() -> None:
    """Without a path nothing is written and nothing is wrong."""
    log = LogFile(None)
    log.write(INFO, "nowhere")
    log.close()
    assert log.problem is None


def test_where_it_cannot_be_opened(tmp_path: Path) -> None:
    """A file in a folder's place is an error of the store."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        LogFile(tmp_path / "file" / "log")


def test_a_full_disk_is_remembered() -> None:
    """The first line that cannot be written is kept as the problem, and no error ends what is logged."""
    log = LogFile(Path("/dev/full"))
    log.write(INFO, "one")
    log.write(INFO, "two")
    assert isinstance(log.problem, StorageFull)


def test_progress_is_told_when_a_task_ends(log: LogFile, tmp_path: Path) -> None:
    """Notes, warnings, and how far each task came: bytes in words, counts with their noun."""
    progress = LogProgress(log, "sample")
    progress.note("a note")
    progress.warn("a warning")
    pages = progress.task("docs", "pages", 10)
    pages.advance(1)
    pages.advance(1234)
    pages.describe("queued 3")
    pages.expect(2000)
    pages.close()
    pages.close()
    received = progress.task("blobs", "B", 4_000_000)
    received.advance(4_000_000)
    received.close()
    assert _written(tmp_path / "new/log").splitlines() == [
        "INFO    a note",
        "WARNING a warning",
        "INFO    sample: docs: 1,235 of 2,000 pages",
        "INFO    sample: blobs: 4.0 MB",
    ]
