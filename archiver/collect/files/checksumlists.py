"""The lists of checksums that a run needs: each fetched once, and only if it has changed since the last run."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, Sequence

from archiver.collect.client import refusal
from archiver.collect.files.answer import Answer
from archiver.collect.files.checksums import LIMIT, Checksums, read_checksums
from archiver.core.errors import NotArchived, RecordCorrupt
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from archiver.collect.client import Client
    from archiver.collect.files.kept import KeptFile
    from archiver.collect.retry import Retrier
    from archiver.store.blobs import BlobReader


class ChecksumLists:
    """Gets lists of checksums. May be used by several threads.

    Args:
        blobs: where the content of those is that are here.
        kept: returns the copies of a list that are here, by its URL, what to compare with first.
        client: sends the requests.
        retrier: tries again.
        came: takes each list that came over the network, and what its server said of it.
    """

    def __init__(
        self,
        blobs: BlobReader,
        kept: Callable[[str], Sequence[KeptFile]],
        client: Client,
        retrier: Retrier,
        came: Callable[[bytes, Answer], None],
    ) -> None:
        self._blobs, self._kept, self._came = blobs, kept, came
        self._client, self._retrier = client, retrier
        self._lists: dict[str, Future[Checksums]] = {}
        self._lock = threading.Lock()

    def get(self, url: str) -> Checksums:
        """Return a list; what was asked for already is not asked for again, whether it could be had or not.

        Raises:
            UnexpectedContent: it is no list of checksums.
            FetchError: it cannot be had.
            StoreError: or a subclass, when the archive cannot be written.
            Stopped: the run is to end.
        """
        with self._lock:
            known = self._lists.get(url)
            future = self._lists[url] = known or Future()
        if known is None:
            try:
                future.set_result(self._retrier.run(Origin.of(url).netloc, lambda: self._fetched(url)))
            except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait get it as well
                future.set_exception(error)
        return future.result()

    def _fetched(self, url: str) -> Checksums:
        kept, known = self._newest(url)
        response = self._client.exchange("GET", url, headers=kept.conditions if kept else {})
        if kept is not None and response.status_code == HTTPStatus.NOT_MODIFIED:
            self._client.discard(response)
            return read_checksums(known, url)
        if response.status_code != HTTPStatus.OK:
            with response:
                raise refusal(response)
        data = self._client.body(response, LIMIT)
        checksums = read_checksums(data, url)
        self._came(data, Answer.of(url, response, None))
        return checksums

    def _newest(self, url: str) -> tuple[KeptFile | None, bytes]:
        """Return the list that is here, and its content; None where that is damaged."""
        for kept in self._kept(url)[:1]:
            with suppress(RecordCorrupt, NotArchived):
                return kept, self._blobs.read(kept.file.digest, LIMIT)
        return None, b""
