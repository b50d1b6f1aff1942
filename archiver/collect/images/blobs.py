"""Fetching blobs into the store: several at a time, each digest once for the archive however many images share it.

What came of a blob stays when a connection breaks or the program is killed, and whoever fetches it next goes on
from there: the next attempt, another source, the next run, another process.
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterable, Union

from archiver.collect.images.external import external_sources
from archiver.collect.lanes import Lanes, Slots
from archiver.core.errors import (
    ContentError,
    DigestMismatch,
    FetchError,
    LayerForeign,
    LockHeld,
    NotArchived,
    RecordCorrupt,
)
from archiver.core.reference import is_loopback

if TYPE_CHECKING:
    from concurrent.futures import Future

    from archiver.collect.images.external import ExternalSource
    from archiver.collect.images.registries import Registries
    from archiver.collect.images.registry import Source
    from archiver.collect.images.repository import Repository
    from archiver.collect.meter import Meter
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.core.errors import ArchiverError
    from archiver.store.blobs import BlobStore
    from archiver.store.partials import ResumableBlob

    _AnySource = Union[Source, ExternalSource]

_LOOK_AGAIN = 0.2  # seconds; how often to see whether another process has finished a blob, or given it up


@dataclass(frozen=True)
class Fetch:
    """A blob under way, and the name of the repository that it comes from."""

    descriptor: Descriptor
    repository: str
    future: Future[None]


class BlobFetcher:
    """Gets blobs that the store does not have. Used by the threads that each see to an image.

    Args:
        store: where blobs go.
        registries: where they come from.
        meter: is told of every byte.
    """

    def __init__(self, store: BlobStore, registries: Registries, meter: Meter) -> None:
        self._store, self._registries, self._meter = store, registries, meter
        self._lanes = Lanes(registries.connections, "blob")
        self._slots = Slots(registries.connections, registries.brake)
        self._lock = threading.Lock()
        self._fetched = 0
        self._under_way: dict[tuple[Digest, int], Fetch] = {}

    @property
    def fetched(self) -> int:
        """How many blobs were fetched whole."""
        return self._fetched

    def close(self) -> None:
        """Wait for what is under way and drop what has not begun; pull the brake first to end it early."""
        self._lanes.close()

    def begin(self, repository: Repository, descriptors: Iterable[Descriptor]) -> tuple[Fetch, ...]:
        """Begin fetching what is missing and return at once; give the result to ``wait``.

        A blob that is under way already is not begun again, also where it comes from elsewhere.
        """
        with self._lock:
            return tuple(
                self._begun(repository, descriptor)
                for descriptor in {(each.digest, each.size): each for each in descriptors}.values()
                if self._store.size(descriptor.digest) != descriptor.size
            )

    def wait(self, repository: Repository, fetches: Iterable[Fetch]) -> None:
        """Wait until blobs are in the store, under their final names.

        Where another repository's attempt failed, this one gets its own.

        Raises:
            DigestMismatch, SizeMismatch: a blob is not what its descriptor says.
            FetchError: a blob cannot be had.
            StoreError: a blob cannot be written.
            Stopped: the run is to end.
        """
        for fetch in fetches:
            self._wait_for(repository, fetch)

    def renew(self, repository: Repository, descriptor: Descriptor) -> None:
        """Fetch a small blob that is missing, or here but damaged, in front of what waits for its turn.

        Raises what ``wait`` raises.
        """
        self._meter.expect(descriptor.size)
        self._fetch(repository, descriptor, ahead=True)

    def _wait_for(self, repository: Repository, fetch: Fetch) -> None:
        while True:
            try:
                return fetch.future.result()
            except (FetchError, ContentError):
                if fetch.repository == repository.name:
                    raise
            with self._lock:
                fetch = self._begun(repository, fetch.descriptor)

    def _begun(self, repository: Repository, descriptor: Descriptor) -> Fetch:
        key = (descriptor.digest, descriptor.size)  # a descriptor may lie: each claim is checked by itself
        known = self._under_way.get(key)
        if known is not None and (known.repository == repository.name or not _failed(known.future)):
            return known
        self._meter.expect(descriptor.size)
        future = self._lanes.submit(repository.registry, lambda: self._fetch(repository, descriptor))
        fetch = Fetch(descriptor, repository.name, future)
        self._under_way[key] = fetch
        return fetch

    def _fetch(self, repository: Repository, descriptor: Descriptor, *, ahead: bool = False) -> None:
        """Fetch a blob, unless another run was quicker; one that is small ``ahead`` of others, and looked into."""
        brake = self._registries.brake
        while True:
            brake.check()
            try:
                with self._store.resumable(descriptor.digest, descriptor.size) as blob:
                    with closing(_Transfer(descriptor, blob, self._meter)) as transfer:
                        if not blob.present or (ahead and not self._is_right(descriptor)):
                            attempt = transfer.attempt if ahead else partial(self._in_turn, transfer)
                            self._fill(repository, transfer, attempt)
                    return
            except LockHeld:  # another process is fetching it; what it leaves is gone on from here
                brake.wait(_LOOK_AGAIN)

    def _is_right(self, descriptor: Descriptor) -> bool:
        try:
            self._store.read(descriptor.digest, descriptor.size)
        except (NotArchived, RecordCorrupt):
            return False
        return True

    def _in_turn(self, transfer: _Transfer, source: _AnySource) -> None:
        with self._slots.taken(source.registry):
            transfer.attempt(source)

    def _fill(
        self, repository: Repository, transfer: _Transfer, attempt: Callable[[_AnySource], None]
    ) -> None:
        try:
            repository.fetch(attempt, transfer.came)
        except (FetchError, ContentError) as error:
            if not transfer.descriptor.urls:
                raise
            self._fill_from_publisher(repository, transfer, attempt, error)
        with self._lock:
            self._fetched += 1

    def _fill_from_publisher(
        self,
        repository: Repository,
        transfer: _Transfer,
        attempt: Callable[[_AnySource], None],
        refused: ArchiverError,
    ) -> None:
        """Ask a publisher's addresses; one whose host could not be reached lately only where no other is."""
        client, retrier = self._registries.client, self._registries.retrier
        sources = external_sources(
            client, transfer.descriptor, on_this_machine=is_loopback(repository.registry)
        )
        last = ""
        for source in sorted(sources, key=lambda each: retrier.lately_unreachable(each.registry) is not None):
            if last and retrier.lately_unreachable(source.registry) is not None:
                continue
            try:
                return retrier.run(source.registry, partial(attempt, source), came=transfer.came)
            except (FetchError, ContentError) as error:
                last = str(error)
        last = last or "its manifest names none that is asked"
        raise LayerForeign(
            f"the registry does not have this layer ({refused.message}), nor does an address of its publisher's: {last}",
            place=str(transfer.descriptor.digest),
        )


class _Transfer:
    """One blob on its way into the store, in as many attempts as it takes."""

    def __init__(self, descriptor: Descriptor, blob: ResumableBlob, meter: Meter) -> None:
        self.descriptor = descriptor
        self._blob, self._meter = blob, meter
        self._due = descriptor.size  # what the meter was told to expect, and has not come
        self._most = blob.received

    def came(self) -> int:
        """Return how many bytes were here at most: what a server sends again and again is no progress."""
        self._most = max(self._most, self._blob.received)
        return self._most

    def attempt(self, source: _AnySource) -> None:
        """Get from a source what is missing, and give the blob its name.

        Raises:
            FetchError: it breaks off, or cannot be had there; what came stays.
            DigestMismatch, SizeMismatch: it is other content.
        """
        resumed = self._receive(source)
        try:
            self._blob.finish()
        except DigestMismatch:
            if not resumed:
                raise
            self._receive(source)  # it may be the earlier bytes that were wrong: they are gone now
            self._blob.finish()

    def close(self) -> None:
        """Expect no more."""
        self._expect(0)

    def _receive(self, source: _AnySource) -> bool:
        """Take what a source sends; say whether something is in front of it that came before."""
        blob, size = self._blob, self.descriptor.size
        self._expect(size - blob.received)
        if blob.received == size:
            return True
        body = source.open_blob(self.descriptor, blob.received)
        with closing(body.chunks):
            if body.start != blob.received:
                blob.restart()
                self._expect(size)
            for chunk in body.chunks:
                self._due -= len(chunk)
                self._meter.received(len(chunk))
                blob.write(chunk)
        return body.start > 0

    def _expect(self, count: int) -> None:
        self._meter.expect(count - self._due)
        self._due = count


def _failed(future: Future[None]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)
