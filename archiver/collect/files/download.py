"""Downloading single files into the layout's blobs: streamed, hashed, and fetched again only if changed."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Generator, Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from archiver.collect.client import Client, refusal
from archiver.collect.filekinds import begins_like_page, promises_file
from archiver.collect.files.artifact import EMPTY, FILE_TYPE, StoredFile, media_type_of, validator
from archiver.collect.files.naming import distinct_paths
from archiver.collect.meter import Meter
from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier
from archiver.core.capture import HTML_TYPES
from archiver.core.clock import iso, utc_now
from archiver.core.descriptor import MANIFEST_LIMIT, OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import (
    ContentError,
    FetchError,
    InvalidDigest,
    InvalidDocument,
    InvalidURL,
    NotArchived,
    RecordCorrupt,
    Stopped,
    UnexpectedContent,
)
from archiver.core.snapshot import Failure, FileResult
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import threading

    import requests

    from archiver.core.progress import Progress
    from archiver.spec.files import FileSource
    from archiver.store.images import ImageLayout

SOURCE = "files"
_PACKED = (".gz", ".tgz", ".svgz", ".br", ".zst")


@dataclass(frozen=True)
class DownloadOutcome:
    """What came of downloading.

    Attributes:
        files: what is here now, in the order asked; each URL once.
        failures: what could not be got, in the same order.
        paths: where a bundle has each URL, whether it could be got or not; those that cannot be named have none.
        bytes: what came over the network as bodies, repetitions included.
    """

    files: tuple[FileResult, ...]
    failures: tuple[Failure, ...]
    paths: Mapping[str, str]
    bytes: int


def download_files(
    files: Sequence[FileSource],
    layout: ImageLayout,
    *,
    previous: Iterable[FileResult] = (),
    user_agent: str,
    progress: Progress,
    stop: threading.Event,
    patience: Patience = DEFAULT_PATIENCE,
) -> DownloadOutcome:
    """Download files into a layout, each URL once.

    A file with a known digest that is here already costs no request; any other that is here is asked
    for conditionally.

    Args:
        files: what to download.
        layout: where to; the caller holds its ``writing()``. What is whole enters its index at the end, however
            it comes.
        previous: the files of the last good snapshot, which know when they were fetched.
        user_agent: what to call ourselves.
        progress: gets the tasks ``files`` and ``downloads``.
        stop: set from outside to end early: the outcome then has what was finished until then.
        patience: time limits and retries.

    Raises:
        StoreError: or a subclass, when the archive cannot be written.
    """
    wanted = tuple({file.url: file for file in files}.values())
    paths, unnameable = distinct_paths(file.url for file in wanted)
    results: list[FileResult] = []
    failures: list[Failure] = []
    brake = Brake(stop)
    with ExitStack() as held:
        client = held.enter_context(Client(user_agent, patience, brake))
        done = progress.task("files", "files", len(wanted))
        held.callback(done.close)
        bytes_done = progress.task("downloads", "B")
        held.callback(bytes_done.close)
        meter = Meter(bytes_done)
        downloader = _Downloader(
            layout, client, Retrier(patience, brake, progress), meter, _kept_files(layout, previous)
        )
        held.callback(lambda: layout.point(("", artifact) for artifact in downloader.artifacts))
        for file in wanted:
            done.describe(file.url)
            try:
                if file.url in unnameable:
                    raise unnameable[file.url]
                results.append(downloader.get(file, paths[file.url]))
            except Stopped:
                break
            except (FetchError, ContentError, InvalidURL) as error:
                failures.append(Failure(SOURCE, file.url, error.code, str(error)))
            done.advance()
    return DownloadOutcome(tuple(results), tuple(failures), paths, meter.bytes)


@dataclass(frozen=True)
class _Kept:
    """A file that is here already: what is known of it, its artifact, and when it was fetched (as in snapshots)."""

    file: StoredFile
    manifest: Digest
    fetched: str


class _Downloader:
    def __init__(
        self,
        layout: ImageLayout,
        client: Client,
        retrier: Retrier,
        meter: Meter,
        kept: Mapping[str, tuple[_Kept, ...]],
    ) -> None:
        self._layout, self._client, self._retrier, self._meter = layout, client, retrier, meter
        self._kept = kept
        self.artifacts: list[Descriptor] = []

    def get(self, source: FileSource, path: str) -> FileResult:
        """Make sure that a file is here. Raises FetchError, ContentError, StoreError or Stopped."""
        digest = Digest.parse(f"sha256:{source.sha256}") if source.sha256 else None
        kept = self._kept.get(source.url, ())
        if digest is not None:
            found = next((each for each in kept if each.file.digest == digest), None)
            if found is not None:
                return _result(found, path)
            kept = ()
        newest = max(kept, key=lambda each: each.fetched, default=None)
        host = Origin.of(source.url).netloc
        return _result(self._retrier.run(host, lambda: self._attempt(source.url, digest, newest)), path)

    def _attempt(self, url: str, digest: Digest | None, newest: _Kept | None) -> _Kept:
        response = self._client.open(url, _conditions(newest))
        if response.status_code == 304:
            response.close()
            if newest is None:
                raise refusal(response)
            return newest
        media_type = media_type_of(response.headers.get("Content-Type", ""))
        if digest is None and media_type in HTML_TYPES and promises_file(url):
            response.close()
            raise UnexpectedContent(
                f"the server sends a web page ({media_type}) in place of the file", place=url
            )
        found, size = self._stored(url, response, digest)
        return self._wrapped(
            StoredFile(
                url=url,
                title=_name(url),
                digest=found,
                size=size,
                media_type=media_type,
                etag=validator(response.headers.get("ETag", "")),
                modified=validator(response.headers.get("Last-Modified", "")),
            )
        )

    def _stored(self, url: str, response: requests.Response, digest: Digest | None) -> tuple[Digest, int]:
        """Stream a body into the store. One cut short is noticed by its Content-Length or its chunks."""
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit():
            self._meter.expect(int(announced))
        with closing(self._chunks(response)) as chunks:
            if digest is None:
                return self._layout.blobs.put_chunks(_without_page(chunks, url))
            size = 0
            with self._layout.blobs.writer(digest) as writer:
                for chunk in chunks:
                    size += len(chunk)
                    writer.write(chunk)
        return digest, size

    def _chunks(self, response: requests.Response) -> Generator[bytes, None, None]:
        # No coding was asked for. A server that has x.tar.gz and calls it "gzip" means the file itself.
        coding = response.headers.get("Content-Encoding", "identity").lower()
        decode = coding != "identity" and not _name(response.url).lower().endswith(_PACKED)
        for chunk in self._client.chunks(response, decode=decode):
            self._meter.received(len(chunk))
            yield chunk

    def _wrapped(self, file: StoredFile) -> _Kept:
        """Store the artifact of a file whose content is stored, and note it for the index."""
        self._layout.blobs.put(EMPTY)
        data = file.to_manifest()
        digest = self._layout.blobs.put(data)
        self.artifacts.append(Descriptor(OCI_MANIFEST, digest, len(data), artifact_type=FILE_TYPE))
        return _Kept(file, digest, iso(utc_now()))


def _without_page(chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
    """Pass a file on. Raises UnexpectedContent where it is a web page that is only called something else."""
    first = next(chunks, b"")
    if begins_like_page(first) and promises_file(url):
        raise UnexpectedContent("the server sends a web page in place of the file", place=url)
    yield first
    yield from chunks


def _conditions(kept: _Kept | None) -> Mapping[str, str]:
    if kept is None:
        return {}
    said = {"If-None-Match": kept.file.etag, "If-Modified-Since": kept.file.modified}
    return {name: value for name, value in said.items() if value}


def _result(kept: _Kept, path: str) -> FileResult:
    return FileResult(
        url=kept.file.url,
        path=path,
        digest=str(kept.file.digest),
        size=kept.file.size,
        media_type=kept.file.media_type,
        manifest=str(kept.manifest),
        fetched=kept.fetched,
    )


def _name(url: str) -> str:
    """Return the last part of a URL's path."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _kept_files(layout: ImageLayout, previous: Iterable[FileResult]) -> Mapping[str, tuple[_Kept, ...]]:
    """Return by URL the files that are here whole.

    When a file was fetched is what the previous snapshot says. Of one that it does not have (another project's,
    or from a run that was interrupted) the artifact's time on disk is all that is known.
    """
    fetched = {(file.url, file.manifest): file.fetched for file in previous}
    found: dict[str, tuple[_Kept, ...]] = {}
    for entry in layout.entries():
        if entry.artifact_type != FILE_TYPE:
            continue
        try:
            data = layout.blobs.read(entry.digest, MANIFEST_LIMIT)
            file = StoredFile.from_manifest(data, what=str(entry.digest))
        except (RecordCorrupt, NotArchived, InvalidDocument, InvalidDigest):
            continue  # then it is fetched anew
        if layout.blobs.size(file.digest) == file.size:
            written = layout.blobs.path(entry.digest).stat().st_mtime
            moment = iso(datetime.fromtimestamp(int(written), timezone.utc))
            known = fetched.get((file.url, str(entry.digest)), moment)
            found[file.url] = (*found.get(file.url, ()), _Kept(file, entry.digest, known))
    return found
