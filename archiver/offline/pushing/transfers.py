"""Bringing blobs into the repositories that need them: several at a time, each read and sent once.

Source: OCI distribution-spec v1.1, "Mounting a blob from another repository".
"""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable

from archiver.core.errors import ArchiverError, ContentError, FetchError, Stopped
from archiver.offline.pushing.content import CheckedBlob
from archiver.offline.pushing.upload import BlobUpload

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.core.progress import Task
    from archiver.offline.pushing.plan import ShelfBlobs
    from archiver.offline.pushing.registry import TargetRepository

AT_A_TIME = 4
_SLICE = 0.5  # seconds; how soon Ctrl-C is noticed where no signal interrupts a wait


@dataclass
class Tally:
    """Counts blobs in repositories: those that were there, were mounted, were sent; and the bytes sent."""

    present: int = 0
    mounted: int = 0
    sent: int = 0
    bytes: int = 0


@dataclass
class _Need:
    """A blob, and the repositories that need it."""

    blob: Descriptor
    repositories: dict[str, TargetRepository] = field(default_factory=dict)


class Transfers:
    """Blobs under way.

    Args:
        blobs: where they are read from.
        task: is told of bytes that are done with, however that came.
    """

    def __init__(self, blobs: ShelfBlobs, task: Task) -> None:
        self.tally = Tally()
        self._blobs, self._task = blobs, task
        self._needs: dict[Digest, _Need] = {}
        self._futures: dict[Digest, Future[dict[str, ArchiverError]]] = {}
        self._lock = threading.Lock()

    def need(self, repository: TargetRepository, blobs: Iterable[Descriptor]) -> None:
        """Say that a repository needs some blobs."""
        for blob in blobs:
            self._needs.setdefault(blob.digest, _Need(blob)).repositories[repository.name] = repository

    @property
    def size(self) -> int:
        """The bytes of all blobs that are needed, each counted once."""
        return sum(need.blob.size for need in self._needs.values())

    def begin(self, executor: ThreadPoolExecutor) -> None:
        """Begin with all that is needed, in the order in which it was said to be."""
        for digest, need in self._needs.items():
            self._futures[digest] = executor.submit(self._bring, need)

    def wait(self, repository: TargetRepository, blobs: Iterable[Descriptor]) -> None:
        """Wait until a repository has some blobs.

        Raises:
            ArchiverError: one of them cannot be brought there.
        """
        for blob in blobs:
            future = self._futures[blob.digest]
            while not wait((future,), _SLICE).done:
                pass
            failure = future.result().get(repository.name)
            if failure is not None:
                raise failure

    def _bring(self, need: _Need) -> dict[str, ArchiverError]:
        """Bring a blob to all repositories that need it; return what failed, by repository."""
        failures: dict[str, ArchiverError] = {}
        lacking: list[TargetRepository] = []
        source = ""
        for repository in need.repositories.values():
            try:
                if repository.has_blob(need.blob.digest):
                    source = source or repository.name
                else:
                    lacking.append(repository)
            except FetchError as error:
                failures[repository.name] = error
        self._count(present=len(need.repositories) - len(lacking) - len(failures))
        if source:
            self._advance(need.blob.size)
        for number, repository in enumerate(lacking):
            try:
                self._bring_to(repository, need.blob, source)
                source = source or repository.name
            except Stopped:
                raise
            except FetchError as error:
                failures[repository.name] = error
            except ArchiverError as error:  # it cannot be read, or is damaged: so it is for the others
                failures.update((other.name, error) for other in lacking[number:])
                break
        return failures

    def _bring_to(self, repository: TargetRepository, blob: Descriptor, source: str) -> None:
        with self._blobs.open(blob) as stream:  # before anything is begun: it may not be there
            upload = repository.begin(blob.digest, source)
            if upload is None:
                self._count(mounted=1)
                return
            advance = _no_progress if source else self._advance
            with CheckedBlob(stream, blob.digest, blob.size, advance) as content:
                try:
                    BlobUpload(repository, content, upload).run()
                except ContentError as error:
                    error.hint = error.hint or "this copy is damaged: archiver verify tells what else is"
                    raise
                finally:
                    self._count(bytes=content.given)
            self._count(sent=1)

    def _advance(self, count: int) -> None:
        with self._lock:
            self._task.advance(count)

    def _count(self, present: int = 0, mounted: int = 0, sent: int = 0, bytes: int = 0) -> None:  # noqa: A002 - the field's name
        with self._lock:
            self.tally.present += present
            self.tally.mounted += mounted
            self.tally.sent += sent
            self.tally.bytes += bytes


def _no_progress(_: int) -> None:
    """Tell nothing: the blob was told of when another repository got it."""
