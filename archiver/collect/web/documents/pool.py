"""The processes that read documents, and how the crawl speaks to them.

Parsing is what a crawl spends its processor time on, and what hostile documents aim at. In processes of
its own it uses the other cores, and a document that crashes, hangs or blows up its parser costs that
document alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Callable, Sequence

from archiver.collect.web.documents.document import ANSWER_HEAD, AS_DOCUMENT, REQUEST_HEAD, Document
from archiver.core.errors import Unreadable
from archiver.core.printable import printable

_MOST_PROCESSES = 4
_PIPE = 1 << 20  # bytes that a pipe holds, where the system lets it
_AHEAD = 16  # documents that wait in a worker's pipe
_FEW = 4  # documents, for which one process will do: a run in which nothing has changed reads no more
_NO_ROOM = 1.0  # seconds until a process is started again that the system had no room for
_LONGEST_ANSWER = 256 << 20
_COMMAND = (sys.executable, "-m", "archiver.collect.web.documents.worker")


@dataclass(frozen=True)
class Reading:
    """A document to read.

    Attributes:
        url: where it was fetched.
        content_type, content_encoding: the headers' values.
        payload: the document as it came, positioned at its begin; closed once it is read.
        size: how many bytes of it to read.
        form: ``AS_DOCUMENT`` or ``AS_SITEMAP``: what it is read as.
        done: called, from another thread, with what the document told or why it could not be read.
    """

    url: str
    content_type: str
    content_encoding: str
    payload: IO[bytes]
    size: int
    done: Callable[[Document | Unreadable], None] = field(compare=False)
    form: str = AS_DOCUMENT


class DocumentPool:
    """Processes that read documents; they start when there is work for them. ``submit`` may be called by several threads.

    Args:
        processes: how many, at most; by default one for every core, and four of them.
        patience: seconds that one document may take before its process is ended.
        command: what a worker is started with.
    """

    def __init__(
        self, processes: int | None = None, *, patience: float = 120.0, command: Sequence[str] = _COMMAND
    ) -> None:
        self._readings: queue.SimpleQueue[Reading | None] = queue.SimpleQueue()
        self._most = processes or min(_MOST_PROCESSES, os.cpu_count() or 1)
        self._patience, self._command = patience, command
        self._workers: list[_Worker] = []
        self._submitted = 0
        self._lock = threading.Lock()

    def get_ready(self) -> None:
        """Start a process, if there is none yet, for a document that will come soon. Raises OSError."""
        with self._lock:
            self._have(1)

    def submit(self, reading: Reading) -> None:
        """Have a document read."""
        self._readings.put(reading)
        with self._lock:
            self._submitted += 1
            self._have(1 if self._submitted <= _FEW else self._most)

    def _have(self, processes: int) -> None:
        while len(self._workers) < processes:
            try:
                self._workers.append(_Worker(self._readings, self._patience, self._command))
            except OSError:
                if not self._workers:
                    raise
                return  # the system has no room for one more now: those that there are will do

    def close(self) -> None:
        """End the processes at once; of what they are reading nothing is told any more."""
        for worker in self._workers:
            worker.stop()
        for _ in self._workers:
            self._readings.put(None)
        for worker in self._workers:
            worker.join()


class _Worker:
    """One process and the thread that speaks to it.

    The thread writes ahead only what the pipe is sure to hold, so that the two never wait for each other.
    """

    def __init__(
        self, readings: queue.SimpleQueue[Reading | None], patience: float, command: Sequence[str]
    ) -> None:
        self._readings, self._patience, self._command = readings, patience, command
        self._stopped = threading.Event()
        self._sent: deque[tuple[Reading, int]] = deque()
        self._kept_back: Reading | None = None
        self._start()
        self._thread = threading.Thread(target=self._work, name="read documents", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._process.kill()

    def join(self) -> None:
        self._thread.join()
        self._end_process()

    def _start(self) -> None:
        paths = os.pathsep.join(filter(None, sys.path))  # the worker's modules are to be the same
        self._process = subprocess.Popen(  # noqa: S603 - this program's own module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._room = _pipe_size(self._in)
        _pipe_size(self._out)

    def _end_process(self) -> None:
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._in.close()
        self._out.close()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._send_ahead():
                    return
                self._receive()
            except (OSError, EOFError, TimeoutError) as error:
                self._start_again(error)

    def _send_ahead(self) -> bool:
        """Send what fits; say False where nothing is left to do."""
        while len(self._sent) < _AHEAD:
            reading = self._next()
            if reading is None:
                return bool(self._sent) and not self._stopped.is_set()
            head = _head(reading)
            size = len(head) + reading.size
            if self._sent and sum(size for _, size in self._sent) + size > self._room:
                self._kept_back = reading
                return True
            self._sent.append((reading, size))
            reading.payload.seek(0)
            self._in.write(head)
            _copy(reading.payload, self._in, reading.size)
        return True

    def _next(self) -> Reading | None:
        if self._kept_back is not None:
            reading, self._kept_back = self._kept_back, None
            return reading
        try:
            return self._readings.get(block=not self._sent)
        except queue.Empty:
            return None

    def _receive(self) -> None:
        deadline = time.monotonic() + self._patience
        (size,) = ANSWER_HEAD.unpack(self._read(ANSWER_HEAD.size, deadline))
        if size > _LONGEST_ANSWER:
            raise OSError("the answer is too long")
        answer = self._read(size, deadline)
        reading, _ = self._sent.popleft()
        self._finish(reading, _understood(answer, reading.url))

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            ready, _, _ = select.select([self._out], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            chunk = self._out.read(min(size - len(data), _PIPE))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _start_again(self, error: Exception) -> None:
        """Give up the document that was being read, and have those behind it read by a new process."""
        self._end_process()
        if self._stopped.is_set():
            return
        waiting = [reading for reading, _ in self._sent]
        self._sent.clear()
        if waiting:
            culprit, *others = waiting
            what = "took too long" if isinstance(error, TimeoutError) else "ended the process that read it"
            self._finish(culprit, Unreadable(f"reading the document {what}", place=culprit.url))
            for reading in others:
                self._readings.put(reading)
        self._start_when_possible()

    def _start_when_possible(self) -> None:
        """Start a process; where the system has no room for one, try again: without this thread documents wait for ever."""
        while not self._stopped.is_set():
            try:
                self._start()
            except OSError:
                self._stopped.wait(_NO_ROOM)
            else:
                return

    @staticmethod
    def _finish(reading: Reading, result: Document | Unreadable) -> None:
        reading.payload.close()
        reading.done(result)


def _head(reading: Reading) -> bytes:
    arguments = {
        "url": reading.url,
        "content_type": reading.content_type,
        "content_encoding": reading.content_encoding,
        "form": reading.form,
    }
    about = json.dumps(arguments).encode()
    return REQUEST_HEAD.pack(len(about), reading.size) + about


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy exactly ``size`` bytes, or raise OSError: the worker counts on them."""
    left = size
    while left:
        chunk = memoryview(source.read(min(left, _PIPE)))
        if not chunk:
            raise OSError("the payload is shorter than it should be")
        left -= len(chunk)
        while chunk:
            chunk = chunk[target.write(chunk) :]


def _understood(answer: bytes, url: str) -> Document | Unreadable:
    try:
        members = json.loads(answer.decode("utf-8", "surrogatepass"))
        if "error" in members:
            return Unreadable(printable(f"cannot be read: {members['error']}", 200), place=url)
        return Document.of(members)
    except (ValueError, TypeError, KeyError) as error:
        return Unreadable(printable(f"cannot be read: {error}", 200), place=url)


def _pipe_size(pipe: IO[bytes]) -> int:
    """Make a pipe hold more where that can be done, and return how many bytes it is sure to hold."""
    with suppress(AttributeError, OSError):  # Linux only, and an administrator may forbid it
        size: int = fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        return size // 2  # what is written in small pieces takes whole memory pages
    return select.PIPE_BUF
