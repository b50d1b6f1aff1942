"""What the last run of a project came to, also where it made no snapshot: ``last-run.json``.

Source: docs/format.md, "Last run". It is a note for ``status`` and for metrics; no run reads it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from archiver.core import jsontext
from archiver.core.errors import InvalidDocument, LockHeld
from archiver.core.shape import read_record
from archiver.store.atomic import storage_errors, write_atomically
from archiver.store.locks import locked

if TYPE_CHECKING:
    from archiver.store.paths import ProjectPaths

FORMAT = "archiver-last-run/1"
_LIMIT = 1 << 20


@dataclass(frozen=True)
class LastRun:
    """How the last run of a project ended.

    Attributes:
        started: when it began, ISO 8601 UTC.
        finished: when it ended.
        seconds: how long it took, by a clock that nobody sets.
        exit_code: what it stands for by itself (docs/exit-codes.md).
        program: the version of the program.
        snapshot: the id of the snapshot that it made; empty where it made none: it failed, or nothing was due.
        error: what ended it; empty where nothing did.
        error_code: the stable code of that error.
        due: when there is something to be asked again; empty where that is at once, or is not known.
        received: how many bytes came over the network.
        failures: how many things could not be had when they were last asked for.
    """

    started: str
    finished: str
    seconds: int
    exit_code: int
    program: str
    snapshot: str = ""
    error: str = ""
    error_code: str = ""
    due: str = ""
    received: int = 0
    failures: int = 0


def note_last_run(paths: ProjectPaths, run: LastRun) -> None:
    """Keep how a run of a project ended; where another is under way by now, that one will keep how it ended.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    try:
        with locked(paths.lock, paths.name):
            write_atomically(paths.last_run, jsontext.dump({"format": FORMAT, **asdict(run)}))
    except LockHeld:
        return


def read_last_run(paths: ProjectPaths) -> LastRun | None:
    """Return how the project's last run ended; None where nothing is known of one.

    A note that is damaged, or that another version of the program wrote, tells nothing either: the next run replaces it.

    Raises:
        StoreError: or a subclass, for what the file system refuses.
    """
    with storage_errors(paths.last_run):
        try:
            data = paths.last_run.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        document = jsontext.load_object(data, limit=_LIMIT, what=str(paths.last_run))
        return read_record(LastRun, document, what="") if document.get("format") == FORMAT else None
    except InvalidDocument:
        return None
