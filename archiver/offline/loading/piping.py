"""Writing a tar into another program, which never sees the end of a tar that turns out to be wrong."""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Sequence

from archiver.core.errors import RuntimeRefused, RuntimeUnavailable

if TYPE_CHECKING:
    from archiver.core.progress import Task
    from archiver.store.imagestar import ImagesTar

_MOST_SAID = 4000  # characters of what a program says that are kept: its last words
_PIPE = 1 << 20


def run_quietly(command: Sequence[str]) -> str:
    """Run a program that needs no input and return what it prints.

    Raises:
        RuntimeUnavailable: there is no such program, or it failed; the message has what it said.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the program of that name is the one that the user has
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise _absent(command[0], error) from error
    if done.returncode != 0:
        raise RuntimeUnavailable(
            f"`{' '.join(command)}` fails: {_last_words(done.stderr or done.stdout)}",
            place=command[0],
            hint="is its daemon running, and may this user speak to it? That command has to work",
        )
    return done.stdout.decode("utf-8", "replace")


def pipe(tar: ImagesTar, command: Sequence[str], task: Task) -> None:
    """Write a tar into a program's standard input, with no copy in between.

    Where the tar cannot be finished (a blob is not what its digest says, the bundle cannot be read, Ctrl-C) the program is
    killed before its input ends, so that it does not take what came for the whole.

    Args:
        tar: what to write.
        command: the program and its arguments.
        task: is told of the bytes.

    Raises:
        RuntimeUnavailable: the program cannot be started.
        RuntimeRefused: it did not take the tar; the message has what it said.
        ContentError, NotArchived, StoreError: as ``ImagesTar.write``.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the program of that name is the one that the user has
            command, bufsize=_PIPE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise _absent(command[0], error) from error
    assert process.stdin is not None
    assert process.stdout is not None
    said = _Listening(process.stdout)
    whole = False
    try:
        with suppress(BrokenPipeError):  # it has ended, and said why
            tar.write(_Reported(process.stdin, task))
            process.stdin.close()
            whole = True
        process.wait()
    except BaseException:
        process.kill()  # before its input is closed
        process.wait()
        raise
    finally:
        with suppress(OSError):
            process.stdin.close()
        text = said.finish()
    if process.returncode != 0 or not whole:
        how = (
            f"exit code {process.returncode}" if process.returncode >= 0 else f"signal {-process.returncode}"
        )
        raise RuntimeRefused(f"`{' '.join(command)}` ended with {how}: {text}", place=command[0])


def _absent(program: str, error: OSError) -> RuntimeUnavailable:
    if isinstance(error, FileNotFoundError):
        return RuntimeUnavailable(
            "there is no such command on this machine",
            place=program,
            hint="`archiver load BUNDLE --into docker`, `podman` and `containerd` use docker, podman and ctr",
        )
    return RuntimeUnavailable(f"it cannot be started: {error.strerror}", place=program)


def _last_words(data: bytes) -> str:
    return " ".join(data.decode("utf-8", "replace").split())[-_MOST_SAID:] or "it says nothing"


class _Listening:
    """Reads what a program says while it is written to, and keeps the end of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._said = stream, b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in iter(lambda: self._stream.readline(_MOST_SAID), b""):
            self._said = (self._said + line)[-_MOST_SAID:]

    def finish(self) -> str:
        self._thread.join()
        self._stream.close()
        return _last_words(self._said)


class _Reported:
    """Passes bytes on and tells a task of them."""

    def __init__(self, sink: IO[bytes], task: Task) -> None:
        self._sink, self._task = sink, task

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self._task.advance(len(data))
