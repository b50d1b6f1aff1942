"""Fetching blobs into the store: several at a time, each digest once however many images share it."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable

from archiver.core.errors import ContentError, FetchError

if TYPE_CHECKING:
    from archiver.collect.images.registry import Source
    from archiver.collect.images.repository import Repository
    from archiver.collect.meter import Meter
    from archiver.collect.retry import Brake
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.store.blobs import BlobStore

_THREADS = 4


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
        brake: ends the work early.
        meter: is told of every byte.
    """

    def __init__(self, store: BlobStore, brake: Brake, meter: Meter) -> None:
        self._store, self._brake, self._meter = store, brake, meter
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="blob")
        self._lock = threading.Lock()
        self._fetched = 0
        self._under_way: dict[tuple[Digest, int], Fetch] = {}

    @property
    def fetched(self) -> int:
        """How many blobs were fetched whole."""
        return self._fetched

    def close(self) -> None:
        """Wait for what is under way and drop what has not begun; pull the brake first to end it early."""
        self._pool.shutdown(wait=True, cancel_futures=True)

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
        """Fetch a blob that is here but damaged, and wait for it. Raises what ``wait`` raises."""
        with self._lock:
            fetch = self._begun(repository, descriptor)
        self._wait_for(repository, fetch)

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
        future = self._pool.submit(self._fetch, repository, descriptor)
        fetch = Fetch(descriptor, repository.name, future)
        self._under_way[key] = fetch
        self._meter.expect(descriptor.size)
        return fetch

    def _fetch(self, repository: Repository, descriptor: Descriptor) -> None:
        self._brake.check()
        repository.fetch(lambda source: self._copy(source, descriptor))
        with self._lock:
            self._fetched += 1

    def _copy(self, source: Source, descriptor: Descriptor) -> None:
        received = 0
        try:
            writing = self._store.writer(descriptor.digest, descriptor.size)
            with closing(source.open_blob(descriptor).chunks) as chunks, writing as writer:
                for chunk in chunks:
                    received += len(chunk)
                    self._meter.received(len(chunk))
                    writer.write(chunk)
        except BaseException:
            self._meter.expect(received)  # these bytes are to come once more
            raise


def _failed(future: Future[None]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)
