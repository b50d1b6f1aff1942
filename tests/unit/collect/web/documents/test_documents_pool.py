"""The processes that read documents: as many as there is work for."""

from __future__ import annotations

import io
import queue
import subprocess
from contextlib import closing
from typing import Any

import pytest

from archiver.collect.web.documents import pool
from archiver.collect.web.documents.document import Document
from archiver.collect.web.documents.pool import DocumentPool, Reading


class _Starts:
    """Counts the processes that are started; from the nth on there is no room for another one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int = 9) -> None:
        self.count, self._room, self._real = 0, room, subprocess.Popen
        monkeypatch.setattr(pool.subprocess, "Popen", self._start)

    def _start(self, *arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        if self.count >= self._room:
            raise BlockingIOError("no more processes")
        self.count += 1
        return self._real(*arguments, **options)


def _read(documents: DocumentPool, count: int) -> list[str]:
    """Have so many documents read, and return their titles."""
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for number in range(count):
        page = f"<title>Page {number}</title><p>Text.".encode()
        url = f"http://docs.example/{number}"
        documents.submit(Reading(url, "text/html", "", io.BytesIO(page), len(page), results.put))
    found = [results.get(timeout=60) for _ in range(count)]
    return sorted(each.facts.title for each in found if isinstance(each, Document))


def test_nothing_is_started_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in which no site is due has no process that reads."""
    starts = _Starts(monkeypatch)
    with closing(DocumentPool(3)):
        pass
    assert starts.count == 0


def test_a_few_documents_are_read_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is to be ready is ready once, and does for what is read where nothing has changed."""
    starts = _Starts(monkeypatch)
    with closing(DocumentPool(3)) as documents:
        documents.get_ready()
        documents.get_ready()
        assert starts.count == 1
        assert _read(documents, 3) == ["Page 0", "Page 1", "Page 2"]
    assert starts.count == 1


def test_many_documents_are_read_by_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents than a few have every processor at work, and no more processes than were allowed."""
    starts = _Starts(monkeypatch)
    with closing(DocumentPool(3)) as documents:
        assert len(_read(documents, 40)) == 40
    assert starts.count == 3


def test_a_process_more_that_there_is_no_room_for_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system starts no second process, the first one reads everything."""
    _Starts(monkeypatch, room=1)
    with closing(DocumentPool(3)) as documents:
        assert len(_read(documents, 20)) == 20


def test_a_first_process_that_there_is_no_room_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any process nothing can be read: that is not kept quiet."""
    _Starts(monkeypatch, room=0)
    with closing(DocumentPool(3)) as documents, pytest.raises(BlockingIOError):
        documents.get_ready()
