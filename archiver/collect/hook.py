"""Calling the keeper's command when a source is not healthy: ``on_degraded`` of a spec.

What the command gets is described in docs/cron.md, "Being told".
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from archiver.core import jsontext
from archiver.core.errors import HookFailed, InvalidDocument, NotArchived, SpecError
from archiver.core.judgement import worst_verdict
from archiver.spec.environment import substituted
from archiver.store.snapshots import list_snapshots, read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.judgement import Judgement
    from archiver.core.snapshot import Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ProjectPaths

FORMAT = "archiver-degraded/1"
TIME_LIMIT = 60.0
"""Seconds that the command has."""
_MOST_OUTPUT = 1 << 16
_LEAST_WAIT = 1.0  # seconds for what the command has printed, once it is over


def hook_problems(loaded: LoadedSpec, environment: Mapping[str, str]) -> Iterator[SpecError]:
    """Yield what will keep a spec's command from being called, so that nobody learns of it on the day it is needed."""
    place = loaded.place("on_degraded")
    try:
        words = [substituted(word, environment) for word in loaded.spec.on_degraded]
    except SpecError as error:
        yield SpecError(f"on_degraded: {error.message}", place=place, hint=error.hint)
        return
    if words and _program(words[0], loaded.folder, environment) is None:
        yield SpecError(
            f"on_degraded: there is no program {words[0]!r:.200} that can be run",
            place=place,
            hint="a path with / is relative to the spec; other names are looked for in PATH, which cron sets to little",
        )


def call_hook(
    loaded: LoadedSpec,
    paths: ProjectPaths,
    snapshot: Snapshot,
    *,
    environment: Mapping[str, str] = os.environ,
    time_limit: float = TIME_LIMIT,
) -> str:
    """Call a spec's command with what was found, if it has one and a source is not healthy.

    Args:
        loaded: the spec.
        paths: the project's.
        snapshot: the one that the run made; it is written.
        environment: the variables that the words refer to, and that the command gets.
        time_limit: the seconds it has; then it is killed, with all it has started in its session.

    Returns:
        What it printed, 64 KiB of it at most; empty where it was not called.

    Raises:
        HookFailed: it cannot be started, takes too long, or ends with another exit code than 0; the message ends with
            what it printed last.
        KeyboardInterrupt: the run was stopped; so is the command.
    """
    ill = [judgement for judgement in snapshot.judgements if judgement.is_alarm]
    if not (loaded.spec.on_degraded and ill):
        return ""
    try:
        words = [substituted(word, environment) for word in loaded.spec.on_degraded]
    except SpecError as error:
        raise HookFailed(error.message, place=loaded.place("on_degraded"), hint=error.hint) from error
    told = jsontext.dump(_document(paths, snapshot, ill))
    variables = {
        **environment,
        "ARCHIVER_PROJECT": snapshot.project,
        "ARCHIVER_VERDICT": worst_verdict(ill),
        "ARCHIVER_SNAPSHOT": snapshot.id,
    }
    return _called(words, told, loaded.folder, variables, time_limit)


def _ill_before(paths: ProjectPaths, snapshot: Snapshot) -> frozenset[str]:
    """Return the sources that were not healthy in the snapshot before; none where there is none, or it cannot be read."""
    earlier = max((name for name in list_snapshots(paths) if name < snapshot.id), default="")
    try:
        judgements = read_snapshot(paths, earlier).judgements if earlier else ()
    except (NotArchived, InvalidDocument):
        return frozenset()
    return frozenset(judgement.source for judgement in judgements if judgement.is_alarm)


def _document(paths: ProjectPaths, snapshot: Snapshot, ill: Sequence[Judgement]) -> dict[str, Any]:
    known = _ill_before(paths, snapshot)
    sources = [
        {**asdict(judgement), "new": judgement.source not in known, "kept": bool(judgement.good)}
        for judgement in ill
    ]
    lines = [f"{snapshot.project}: {each.source} is {each.verdict}: {each.reason}" for each in ill]
    return {
        "format": FORMAT,
        "project": snapshot.project,
        "title": snapshot.title,
        "snapshot": snapshot.id,
        "finished": snapshot.finished,
        "verdict": worst_verdict(ill),
        "new": any(source["new"] for source in sources),
        "text": "\n".join(lines),
        "sources": sources,
        "report": str(paths.report_page(snapshot.id).absolute()),
    }


def _program(name: str, folder: Path, environment: Mapping[str, str]) -> str | None:
    if os.sep not in name:
        return shutil.which(name, path=environment.get("PATH", os.defpath))
    path = folder / name
    return str(path) if path.is_file() and os.access(path, os.X_OK) else None


def _called(
    words: Sequence[str], told: bytes, folder: Path, environment: Mapping[str, str], time_limit: float
) -> str:
    try:
        process = subprocess.Popen(  # noqa: S603 - running what the keeper's spec names is what this is for
            list(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,  # so that Ctrl-C reaches it through us, and all of it
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise HookFailed(f"cannot be started: {reason}", place=words[0]) from error
    assert process.stdin is not None
    assert process.stdout is not None
    printed = bytearray()
    reader = threading.Thread(target=_read, args=(process.stdout, printed), daemon=True)
    writer = threading.Thread(target=_write, args=(process.stdin, told), daemon=True)
    try:
        reader.start()
        writer.start()
        code = process.wait(time_limit)
        reader.join(_LEAST_WAIT)  # what it has left running in the background may hold the pipe open
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise HookFailed(f"took longer than {time_limit:g} s and was ended", place=words[0]) from error
        raise
    output = bytes(printed).decode("utf-8", "replace").strip()
    if code != 0:
        last = output.splitlines()[-1] if output else "it printed nothing"
        raise HookFailed(f"ended with exit code {code}: {last}", place=words[0])
    return output


def _write(stream: IO[bytes], told: bytes) -> None:
    with suppress(OSError), stream:  # it need not read
        stream.write(told)


def _read(stream: IO[bytes], printed: bytearray) -> None:
    with stream:
        while piece := os.read(stream.fileno(), 1 << 14):
            printed += piece[: _MOST_OUTPUT - len(printed)]
