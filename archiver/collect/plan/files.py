"""Files of a plan: what their servers say of them by HEAD, and which of them are here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, Mapping, Sequence

from archiver.collect.client import Client, refusal
from archiver.collect.contentlength import content_length
from archiver.collect.files.checksumlists import ChecksumLists
from archiver.collect.files.kept import kept_files
from archiver.collect.files.names import name_of
from archiver.collect.files.naming import distinct_paths
from archiver.collect.files.selection import SOURCE, selected_files
from archiver.collect.files.validators import RangeValidator
from archiver.collect.plan.asking import Question, answers
from archiver.collect.plan.model import FAILED, GONE, MOVED, NEW, UNCHANGED, UNKNOWN, Amount, PlannedFile
from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier
from archiver.collect.statuses import GONE_STATUSES
from archiver.core.errors import ContentError, FetchError, FileGone
from archiver.core.snapshot import Failure
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import threading

    import requests

    from archiver.collect.files.kept import KeptFile
    from archiver.collect.files.selection import WantedFile
    from archiver.collect.plan.holdings import Holdings
    from archiver.core.digest import Digest
    from archiver.core.errors import ArchiverError
    from archiver.core.progress import Progress
    from archiver.core.snapshot import FileResult
    from archiver.spec.files import FileEntry
    from archiver.store.blobs import BlobReader

_A_HOST = 4  # requests at a time
_NO_HEAD = (HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


def planned_files(
    sources: Sequence[FileEntry],
    holdings: Holdings,
    previous: Sequence[FileResult],
    *,
    user_agent: str,
    progress: Progress,
    stop: threading.Event,
    patience: Patience = DEFAULT_PATIENCE,
) -> tuple[tuple[PlannedFile, ...], tuple[Failure, ...]]:
    """Return the files of a plan, and what cannot be planned of them.

    Indexes and lists of checksums are fetched, files only asked about.

    Args:
        sources: the spec's.
        holdings: what is here.
        previous: the files of the last good snapshot.
        user_agent: what to call ourselves.
        progress: gets the task ``files``.
        stop: set from outside to end early.
        patience: time limits and retries.

    Raises:
        Stopped: ``stop`` was set.
        StoreError: or a subclass, when the archive cannot be read.
    """
    asked = selected_files(
        sources, previous, user_agent=user_agent, progress=progress, stop=stop, patience=patience
    )
    _, unnameable = distinct_paths(asked.digests)
    urls = {url for file in asked.files for url in (file.url, file.checksums)}
    kept = kept_files(holdings.blobs, holdings.entries.values(), urls, previous)

    def copies(url: str) -> tuple[KeptFile, ...]:
        return kept.get(url, ())

    brake = Brake(stop)
    with Client(user_agent, patience, brake) as client:
        retrier = Retrier(patience, brake, progress)
        lists = ChecksumLists(holdings.blobs, copies, client, retrier, lambda _data, _answer: None)
        examiner = _Examiner(
            client, retrier, holdings.blobs, lists, {file.url: file for file in previous}, copies
        )
        found = answers(
            [
                Question(Origin.of(file.url).netloc, file.url, partial(examiner.one, file))
                for file in asked.files
                if file.url not in unnameable
            ],
            connections=lambda _: _A_HOST,
            abort=client.abort,
            task=progress.task("files", "files", len(asked.files)),
        )
    by_url = {file.url: (file, failure) for file, failure in found}
    for file in asked.files:
        if file.url in unnameable:
            by_url[file.url] = _failed(file, unnameable[file.url], FAILED)
    gone = {failure.subject for failure in asked.failures if failure.code == FileGone.code}
    lost = (PlannedFile(file.url, GONE if file.url in gone else FAILED, file.index) for file in asked.kept)
    told = [by_url[file.url] for file in asked.files]
    failures = (failure for _, failure in told if failure is not None)
    return (*(file for file, _ in told), *lost), (*asked.failures, *failures)


@dataclass(frozen=True)
class _Examiner:
    """Asks servers about files. Used by several threads."""

    client: Client
    retrier: Retrier
    blobs: BlobReader
    lists: ChecksumLists
    previous: Mapping[str, FileResult]
    copies: Callable[[str], tuple[KeptFile, ...]]

    def one(self, file: WantedFile) -> tuple[PlannedFile, Failure | None]:
        """Return what a plan says of a file, and why it could not be asked for where it could not."""
        host = Origin.of(file.url).netloc
        try:
            digest = self.lists.get(file.checksums).of(file.url) if file.checksums else file.digest
            copies = [copy for copy in self.copies(file.url) if digest in (None, copy.file.digest)]
            if digest is not None and copies:
                return self._here(file, copies[0]), None
            newest = copies[0] if copies else None
            return self.retrier.run(host, lambda: self._asked(file, digest, newest)), None
        except (FetchError, ContentError) as error:
            return _failed(file, error, GONE if isinstance(error, FileGone) else FAILED)

    def _asked(self, file: WantedFile, digest: Digest | None, newest: KeptFile | None) -> PlannedFile:
        """Ask about a file, in a single attempt."""
        conditions = newest.conditions if newest is not None else {}
        response = self.client.exchange("HEAD", file.url, headers=conditions)
        self.client.discard(response)
        status = response.status_code
        if newest is not None and (status == HTTPStatus.NOT_MODIFIED or _is_same(newest, response)):
            return self._here(file, newest)
        before = self.previous.get(file.url)
        if status in _NO_HEAD:
            return PlannedFile(file.url, NEW if before is None else UNKNOWN, file.index)
        if status in GONE_STATUSES and before is not None:
            raise FileGone(
                f"the server has it no longer (HTTP {status}); the copy of {before.fetched} is kept",
                place=file.url,
            )
        if status != HTTPStatus.OK:
            raise refusal(response)
        another = before is not None and digest is not None and before.digest != str(digest)
        state = NEW if before is None else MOVED if conditions or another else UNKNOWN
        name = name_of(file.url, response.headers.get("Content-Disposition", ""))
        length = content_length(response.headers)
        amount = None
        if length is not None and "Content-Encoding" not in response.headers:
            begun = self._begun(file, digest, response)
            here = begun if begun < length else 0
            amount = Amount(length, here, length - here)
        return PlannedFile(file.url, state, file.index, name, amount)

    def _begun(self, file: WantedFile, digest: Digest | None, response: requests.Response) -> int:
        """Return how many bytes of a file are here from a download that was ended, if it can be gone on with."""
        begun = self.blobs.begun_download(file.url)
        validator = RangeValidator(begun.etag, begun.modified)
        certain = digest is not None or bool(validator.condition)
        return begun.received if certain and validator.allows(response.headers) else 0

    def _here(self, file: WantedFile, copy: KeptFile) -> PlannedFile:
        before = self.previous.get(file.url)
        same = before is not None and before.digest == str(copy.file.digest)
        state = UNCHANGED if same else NEW if before is None else MOVED
        amount = Amount(copy.file.size, copy.file.size, 0)
        return PlannedFile(file.url, state, file.index, copy.file.title, amount)


def _is_same(copy: KeptFile, response: requests.Response) -> bool:
    """Say whether an answer without the file is about the copy that is here: some servers ignore conditions of HEAD."""
    etag = response.headers.get("ETag", "")
    return response.status_code == HTTPStatus.OK and bool(etag) and etag == copy.file.etag


def _failed(file: WantedFile, error: ArchiverError, state: str) -> tuple[PlannedFile, Failure]:
    failure = Failure(SOURCE, file.url, error.code, str(error), referrer=file.index)
    return PlannedFile(file.url, state, file.index), failure
