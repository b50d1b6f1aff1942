"""Whatever servers do, in whatever order: a blob is right in the end, or it is not there."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Generator

from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.collect.images.blobbody import BlobBody
from archiver.collect.images.blobs import BlobFetcher
from archiver.collect.meter import Meter
from archiver.core.descriptor import Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import ContentError, FetchError, ResponseBroken
from archiver.core.progress import NullProgress
from archiver.store.blobs import BlobStore
from servers.pulling import registries

if TYPE_CHECKING:
    from archiver.collect.images.repository import Repository

RIGHT = bytes(range(256)) * 4
BLOB = Descriptor("application/octet-stream", Digest.of(RIGHT), len(RIGHT))


@dataclass(frozen=True)
class Attempt:
    """How a server answers once.

    Attributes:
        content: what it takes the blob to be.
        ranged: whether it begins where it is asked to.
        cut: breaks off after so many bytes; None for not at all.
        piece: the bytes that it sends at a time.
    """

    content: bytes
    ranged: bool
    cut: int | None
    piece: int

    registry = "registry.example.org"

    def open_blob(self, _: Descriptor, start: int = 0) -> BlobBody:
        """Answer."""
        start = start if self.ranged else 0

        def chunks() -> Generator[bytes, None, None]:
            sent = self.content[start:][: self.cut]
            for at in range(0, len(sent), self.piece):
                yield sent[at : at + self.piece]
            if self.cut is not None and len(self.content) - start > self.cut:
                raise ResponseBroken("broke off")

        return BlobBody(start, chunks())


HONEST = Attempt(RIGHT, ranged=True, cut=None, piece=100)
contents = st.one_of(
    st.just(RIGHT),
    st.just(RIGHT + b"more"),
    st.just(b"!" * len(RIGHT)),
    st.just(RIGHT[:700]),
    st.just(b""),
    st.integers(0, len(RIGHT) - 1).map(lambda at: RIGHT[:at] + b"!" + RIGHT[at + 1 :]),
)
attempts = st.builds(
    Attempt, contents, st.booleans(), st.none() | st.integers(0, len(RIGHT)), st.sampled_from([1, 100, 5000])
)


@dataclass
class Script:
    """A repository whose servers answer as it is written."""

    attempts: list[Attempt]
    name = "registry.example.org/app"
    registry = "registry.example.org"

    def fetch(self, action: Callable[[Attempt], None], came: Callable[[], int]) -> None:
        """Try one after the other, as the real one does with its places."""
        error: Exception | None = None
        for each in self.attempts:
            try:
                return action(each)
            except (FetchError, ContentError) as failed:
                error = failed
            assert came() <= len(RIGHT)
        assert error is not None
        raise error


class Shown(NullProgress):
    """Adds up what a task was told."""

    came = expected = 0

    def advance(self, count: int = 1) -> None:
        """Count."""
        self.came += count

    def expect(self, total: int) -> None:
        """Remember the total."""
        self.expected = total


def fetch(folder: Path, *written: Attempt, shown: Any = None) -> BlobStore:
    """Fetch the blob by a script, and return the store."""
    store, script = BlobStore(folder), Script(list(written))
    repository: Repository = script  # type: ignore[assignment]  # stands in for the real one
    with registries() as running:
        fetcher = BlobFetcher(store, running, Meter(shown or Shown()))
        try:
            fetcher.wait(repository, fetcher.begin(repository, [BLOB]))
        finally:
            fetcher.close()
    return store


@settings(deadline=None, max_examples=150)
@given(st.lists(attempts, max_size=5))
def test_an_honest_server_at_the_end_makes_it_right(written: list[Attempt]) -> None:
    """After any faults the content is the right one, and as many bytes were expected as came."""
    shown = Shown()
    with tempfile.TemporaryDirectory() as folder:
        store = fetch(Path(folder), *written, HONEST, shown=shown)
        assert store.read(BLOB.digest, 1 << 20) == RIGHT
        assert not any(Path(folder, ".partial").iterdir())
    assert shown.came == shown.expected


@settings(deadline=None, max_examples=150)
@given(st.lists(attempts, min_size=1, max_size=5), st.lists(attempts, max_size=3))
def test_nothing_wrong_ever_gets_the_name(one: list[Attempt], two: list[Attempt]) -> None:
    """After one run and another, with no server to be trusted: the right content, or none; a third run gets it."""
    with tempfile.TemporaryDirectory() as folder:
        for run in filter(None, (one, two)):
            with suppress(FetchError, ContentError):
                fetch(Path(folder), *run)
            if BlobStore(Path(folder)).size(BLOB.digest) is not None:
                assert BlobStore(Path(folder)).read(BLOB.digest, 1 << 20) == RIGHT
        assert fetch(Path(folder), HONEST).read(BLOB.digest, 1 << 20) == RIGHT
