"""Which files a spec asks for: those that it names, and those that its indexes list today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Mapping, Sequence
from urllib.parse import urljoin

from requests.utils import get_environ_proxies

from archiver.collect.client import Client
from archiver.collect.files.listing import LIMIT, Choice, listed_files
from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier
from archiver.collect.web.addresses import AddressPolicy, addresses_of
from archiver.core.digest import Digest
from archiver.core.errors import FetchError, FileGone, PrivateAddress
from archiver.core.snapshot import Failure
from archiver.core.urlkey import Origin
from archiver.spec.files import FileIndex

if TYPE_CHECKING:
    import threading

    from archiver.core.progress import Progress
    from archiver.core.snapshot import FileResult
    from archiver.spec.files import FileSource

SOURCE = "files"


@dataclass(frozen=True)
class WantedFile:
    """A file to download.

    Attributes:
        url: of the file.
        digest: what the spec itself says that it must hash to.
        checksums: the URL of the list of checksums that says it; empty where there is none.
        index: the URL of the index that lists it; empty where the spec names the file itself.
    """

    url: str
    digest: Digest | None = None
    checksums: str = ""
    index: str = ""

    @classmethod
    def of(cls, source: FileSource) -> WantedFile:
        """Return the file that a spec names itself."""
        digest = Digest("sha256", source.sha256) if source.sha256 else None
        return cls(source.url, digest, _joined(source.url, source.checksums))


@dataclass(frozen=True)
class FileSelection:
    """What a spec's files and indexes come to.

    Attributes:
        files: to be downloaded, in the spec's order; each URL once.
        kept: what an earlier snapshot had of an index that does not list it now, or only where it must not be had from,
            or that could not be had itself.
        failures: the indexes that could not be had, and what is gone from the others.
    """

    files: tuple[WantedFile, ...] = ()
    kept: tuple[FileResult, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def digests(self) -> Mapping[str, str]:
        """Of all that is wanted, by URL, the digest that the spec says it must have; empty where any will do."""
        wanted = {file.url: str(file.digest or "") for file in self.files}
        return wanted | dict.fromkeys((file.url for file in self.kept), "")


def selected_files(
    sources: Sequence[FileSource | FileIndex],
    previous: Sequence[FileResult] = (),
    *,
    user_agent: str,
    progress: Progress,
    stop: threading.Event,
    patience: Patience = DEFAULT_PATIENCE,
) -> FileSelection:
    """Return the files that a spec asks for; indexes are fetched.

    Args:
        sources: the spec's. What it names itself counts before what an index lists.
        previous: the files of the last good snapshot.
        user_agent: what to call ourselves.
        progress: is told of waits.
        stop: set from outside to end early.
        patience: time limits and retries.

    Raises:
        Stopped: ``stop`` was set.
    """
    named = {source.url: WantedFile.of(source) for source in sources if not isinstance(source, FileIndex)}
    files: dict[str, WantedFile] = {}
    kept: dict[str, FileResult] = {}
    failures: list[Failure] = []
    brake = Brake(stop)
    with Client(user_agent, patience, brake) as client:
        indexes = _Indexes(client, Retrier(patience, brake, progress), previous, named)
        for source in sources:
            if not isinstance(source, FileIndex):
                files.setdefault(source.url, named[source.url])
                continue
            listed = indexes.selection(source)
            for file in listed.files:
                files.setdefault(file.url, named.get(file.url, file))
            kept.update((file.url, file) for file in listed.kept)
            failures += listed.failures
    gone = {file.url for file in kept.values()} - files.keys()  # another index may list it
    return FileSelection(
        tuple(files.values()),
        tuple(file for file in kept.values() if file.url in gone),
        tuple(each for each in dict.fromkeys(failures) if each.code != FileGone.code or each.subject in gone),
    )


class _Indexes:
    """Asks for indexes; ``named`` are the URLs that the spec names itself."""

    def __init__(
        self, client: Client, retrier: Retrier, previous: Iterable[FileResult], named: Iterable[str]
    ) -> None:
        self._client, self._retrier, self._previous = client, retrier, tuple(previous)
        self._hosts = {Origin.of(url).host for url in named}

    def selection(self, source: FileIndex) -> FileSelection:
        """Return what an index comes to. Raises Stopped."""
        choice = Choice(source.include, source.exclude)
        earlier = [file for file in self._previous if file.index == source.index and choice.takes(file.url)]
        host = Origin.of(source.index).netloc
        try:
            chosen = choice.among(self._retrier.run(host, lambda: self._listed(source.index)), source.index)
        except FetchError as error:
            failure = Failure(SOURCE, source.index, error.code, error.message)
            return FileSelection(kept=tuple(earlier), failures=(failure,))
        checksums = _joined(source.index, source.checksums)
        refused = _out_of_bounds(chosen, {*self._hosts, Origin.of(source.index).host})
        gone = tuple(file for file in earlier if file.url not in chosen)
        return FileSelection(
            tuple(
                WantedFile(url, None, _checksums(url, checksums), source.index)
                for url in chosen
                if url not in refused
            ),
            (*gone, *(file for file in earlier if file.url in refused)),
            (
                *(_gone(file) for file in gone),
                *(Failure(SOURCE, url, PrivateAddress.code, refused[url], source.index) for url in refused),
            ),
        )

    def _listed(self, url: str) -> tuple[str, ...]:
        response = self._client.open(url)
        content_type = response.headers.get("Content-Type", "")
        return listed_files(self._client.body(response, LIMIT), response.url, content_type)


def _out_of_bounds(urls: Iterable[str], hosts: Iterable[str]) -> dict[str, str]:
    """Return which URLs are on machines of the keeper's own network, and why that is so; ``hosts`` are allowed."""
    policy = AddressPolicy(hosts)
    refused: dict[str, str] = {}
    by_host: dict[str, list[str]] = {}
    for url in urls:
        by_host.setdefault(Origin.of(url).host, []).append(url)
    for host, listed in by_host.items():
        try:
            if get_environ_proxies(listed[0]):  # it is the proxy that looks the name up
                policy.check_name(host)
            else:
                policy.check(host, addresses_of(host))
        except PrivateAddress as error:
            refused.update(dict.fromkeys(listed, error.message))
    return refused


def _gone(file: FileResult) -> Failure:
    message = f"the index lists it no longer; the copy of {file.fetched} is kept"
    return Failure(SOURCE, file.url, FileGone.code, message, referrer=file.index)


def _joined(base: str, checksums: str | None) -> str:
    return urljoin(base, checksums) if checksums else ""


def _checksums(url: str, checksums: str) -> str:
    """Return the list that has a file's checksum. It has not its own, nor those of its signatures (``.asc``)."""
    plain = checksums.partition("?")[0]
    return "" if not plain or url.partition("?")[0] == plain or url.startswith(f"{plain}.") else checksums
