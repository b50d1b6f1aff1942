"""Downloading files into the layout's blobs: several at a time, failures listed, the rest kept.

A file is entered into the layout as soon as it is whole, so that a run that is killed has it. What came of the
others stays under way in the store, and the next run goes on from there where the server can.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Collection, Iterator, Mapping, Sequence

from archiver.collect.client import Client
from archiver.collect.files.artifacts import Artifacts
from archiver.collect.files.checksumlists import ChecksumLists
from archiver.collect.files.naming import distinct_paths
from archiver.collect.files.selection import SOURCE
from archiver.collect.files.transfer import Received, Request, Transfer
from archiver.collect.lanes import Lanes
from archiver.collect.meter import Meter
from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier
from archiver.core.errors import ContentError, FetchError, LockHeld, Stopped
from archiver.core.snapshot import Failure, FileResult
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import threading
    from concurrent.futures import Future

    from archiver.collect.files.answer import Answer
    from archiver.collect.files.kept import KeptFile
    from archiver.collect.files.selection import FileSelection, WantedFile
    from archiver.core.digest import Digest
    from archiver.core.errors import ArchiverError
    from archiver.core.progress import Progress, Task
    from archiver.store.images import ImageLayout
    from archiver.store.partials import ResumableDownload

_A_HOST = 4  # downloads at a time
_SLICE = 0.5  # seconds; how soon a run that is stopped from outside ends what it waits for


@dataclass(frozen=True)
class DownloadOutcome:
    """What came of downloading.

    Attributes:
        files: what is here now, in the order asked; each URL once.
        failures: what could not be got, in the same order.
        paths: where a bundle has each URL that is wanted, got or not; those that cannot be named have none.
        bytes: what came over the network as bodies, repetitions included.
    """

    files: tuple[FileResult, ...]
    failures: tuple[Failure, ...]
    paths: Mapping[str, str]
    bytes: int


def download_files(
    selection: FileSelection,
    layout: ImageLayout,
    *,
    previous: Sequence[FileResult] = (),
    began: str = "",
    user_agent: str,
    progress: Progress,
    stop: threading.Event,
    patience: Patience = DEFAULT_PATIENCE,
) -> DownloadOutcome:
    """Download files into a layout.

    A file with a known digest that is here already costs no request, nor does one that this run has got before it
    was interrupted; any other that is here is asked for conditionally.

    Args:
        selection: what to download, and what else needs a path beside it.
        layout: where to; the caller holds its ``writing()``. What is whole enters its index at once.
        previous: the files of the last good snapshot.
        began: when this run began, as in snapshots; empty where that does not matter.
        user_agent: what to call ourselves.
        progress: gets the tasks ``files`` and ``downloads``, and notes of files that have changed.
        stop: set from outside to end early: the outcome then has what was finished until then.
        patience: time limits and retries.

    Raises:
        StoreError: or a subclass, when the archive cannot be written.
    """
    wanted = selection.files
    paths, unnameable = distinct_paths(selection.digests)
    brake = Brake(stop)
    with ExitStack() as held:
        client = held.enter_context(Client(user_agent, patience, brake))
        done = progress.task("files", "files", len(wanted))
        held.callback(done.close)
        bytes_done = progress.task("downloads", "B")
        held.callback(bytes_done.close)
        meter = Meter(bytes_done)
        retrier = Retrier(patience, brake, progress)
        urls = {url for file in wanted for url in (file.url, file.checksums)}
        artifacts = Artifacts(layout, urls, previous)

        def listed(data: bytes, answer: Answer) -> None:
            meter.expect(len(data))
            meter.received(len(data))
            artifacts.keep_content(data, answer)

        downloader = _Downloader(
            layout=layout,
            artifacts=artifacts,
            lists=ChecksumLists(layout.blobs, artifacts.of, client, retrier, listed),
            client=client,
            retrier=retrier,
            brake=brake,
            meter=meter,
            previous={file.url: file for file in previous},
            began=began,
            progress=progress,
        )
        lanes = Lanes(lambda _: _A_HOST, "files")
        held.callback(lanes.close)
        held.callback(client.abort)  # first of all, however this block ends: nothing goes on behind its back
        futures = {
            file.url: lanes.submit(
                Origin.of(file.url).netloc, partial(_result, downloader, file, paths[file.url])
            )
            for file in wanted
            if file.url in paths
        }
        _watch(futures.values(), done, brake, client)
        came = [
            futures[file.url].result() if file.url in futures else _failure(file, unnameable[file.url])
            for file in wanted
        ]
    return DownloadOutcome(
        tuple(each for each in came if isinstance(each, FileResult)),
        tuple(each for each in came if isinstance(each, Failure)),
        paths,
        meter.bytes,
    )


def _watch(
    futures: Collection[Future[FileResult | Failure | None]], task: Task, brake: Brake, client: Client
) -> None:
    """Count the files that are done, until all are; an error that ends the run ends the watching."""
    finished: SimpleQueue[Future[FileResult | Failure | None]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(finished.put)
    left = len(futures)
    while left:
        with suppress(Empty):
            came = finished.get(timeout=_SLICE).result()
            left -= 1
            if came is not None:
                task.describe(came.url if isinstance(came, FileResult) else came.subject)
                task.advance()
        if brake.is_on:
            client.abort()


def _result(downloader: _Downloader, wanted: WantedFile, path: str) -> FileResult | Failure | None:
    """Return what came of a file; None where the run is being stopped."""
    try:
        return downloader.get(wanted).result(path, wanted.index)
    except Stopped:
        return None
    except (FetchError, ContentError) as error:
        return _failure(wanted, error)


def _failure(wanted: WantedFile, error: ArchiverError) -> Failure:
    return Failure(SOURCE, wanted.url, error.code, str(error), referrer=wanted.index)


@dataclass(frozen=True)
class _Downloader:
    """Makes sure that files are here; the attributes are what it needs for that. Used by several threads."""

    layout: ImageLayout
    artifacts: Artifacts
    lists: ChecksumLists
    client: Client
    retrier: Retrier
    brake: Brake
    meter: Meter
    previous: Mapping[str, FileResult]
    began: str
    progress: Progress

    def get(self, wanted: WantedFile) -> KeptFile:
        """Return a file that is here now, whole. Raises FetchError, ContentError, StoreError or Stopped."""
        self.brake.check()
        digest = self.lists.get(wanted.checksums).of(wanted.url) if wanted.checksums else wanted.digest
        found = self._ready(wanted.url, digest) or self._got(wanted, digest)
        earlier = self.previous.get(wanted.url)
        if earlier is not None and earlier.digest != str(found.file.digest):
            self.progress.note(
                f"{wanted.url} has changed under the same name: it was {earlier.digest}, it is {found.file.digest}"
            )
        return found

    def _ready(self, url: str, digest: Digest | None) -> KeptFile | None:
        """Return a file that is here, where there is no need to ask for it."""
        for kept in self.artifacts.of(url):
            if kept.file.digest == digest if digest is not None else self._is_of_this_run(kept):
                return kept
        return None

    def _is_of_this_run(self, kept: KeptFile) -> bool:
        """Say whether a file came since the run began. Times are whole seconds: the last snapshot's own is none."""
        earlier = self.previous.get(kept.file.url)
        known = earlier is not None and earlier.manifest == str(kept.manifest)
        return bool(self.began) and kept.fetched >= self.began and not known

    def _got(self, wanted: WantedFile, digest: Digest | None) -> KeptFile:
        with self._alone(wanted.url) as under_way:
            if found := self._ready(wanted.url, digest):  # another run was quicker
                return found
            earlier = self.previous.get(wanted.url)
            if earlier is not None and digest is not None and earlier.digest != str(digest):
                earlier = None  # the spec wants another one by now: no stand-in
            request = Request(
                url=wanted.url,
                digest=digest,
                kept=next(iter(self.artifacts.of(wanted.url)), None) if digest is None else None,
                listed=bool(wanted.index),
                had=earlier.fetched if earlier is not None else "",
            )
            transfer = Transfer(request, under_way, self.client, self.meter)
            host = Origin.of(wanted.url).netloc
            came = self.retrier.run(host, transfer.attempt, came=lambda: transfer.received)
            if isinstance(came, Received):
                return self.artifacts.keep(came.digest, came.size, came.answer)
            return came

    @contextmanager
    def _alone(self, url: str) -> Iterator[ResumableDownload]:
        """Have a URL's content under way for ourselves, waiting where another run has it."""
        with ExitStack() as held:
            waited = False
            while True:
                try:
                    under_way = held.enter_context(self.layout.blobs.resumable_download(url))
                    break
                except LockHeld:
                    if not waited:
                        self.progress.note(f"another run is downloading {url}; waiting for it")
                    waited = True
                    self.brake.wait(_SLICE)
            if waited:
                self.artifacts.look_again(url)
            yield under_way
