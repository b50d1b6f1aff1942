"""Reading manifests and configs: from the store where they are here already, else from the repository.

An image that did not change costs one HEAD request in this way; Docker Hub counts what is got.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Iterator, Mapping
from weakref import WeakValueDictionary

from archiver.collect.images.registry import Document, parsed
from archiver.collect.images.walk import CONFIG_LIMIT, check_size
from archiver.core.descriptor import MANIFEST_LIMIT
from archiver.core.digest import ContentCheck
from archiver.core.errors import NotArchived, RecordCorrupt

if TYPE_CHECKING:
    from archiver.collect.images.registry import Source
    from archiver.collect.images.repository import Repository, Resolved
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.core.reference import Reference
    from archiver.store.blobs import BlobReader


class Memo:
    """The manifests that some image of a run holds, so that tags with one digest cost one request together.

    Forgets what nobody holds any more. May be used by several threads.
    """

    def __init__(self) -> None:
        self._documents: WeakValueDictionary[tuple[str, str], Document] = WeakValueDictionary()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, repository: str, selector: str, fetch: Callable[[], Document]) -> Document:
        """Return a manifest by repository and digest, fetching it unless somebody holds it or is fetching it now."""
        with self._alone((repository, selector)):
            document = self._documents.get((repository, selector))
            if document is None:
                document = self._documents[repository, selector] = fetch()
            return document

    @contextmanager
    def _alone(self, key: tuple[str, str]) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield


class ManifestReader:
    """Reads what one repository has. The ``Reader`` of ``pull`` and of ``plan``.

    Args:
        repository: where to get what is not here.
        store: what is here.
        known: descriptors of what is here, for references that say nothing but a digest.
        memo: what other images of the run hold.
        fetch_config: gets a config that is not here, or is damaged here.
        came: is told of each manifest that was got.
    """

    def __init__(
        self,
        repository: Repository,
        store: BlobReader,
        known: Mapping[Digest, Descriptor],
        memo: Memo,
        *,
        fetch_config: Callable[[Descriptor], bytes],
        came: Callable[[Document], None],
    ) -> None:
        self._repository, self._store, self._known, self._memo = repository, store, known, memo
        self._fetch_config, self._came = fetch_config, came
        self._held: dict[str, Document] = {}

    def root(self, reference: Reference, pinned: Digest | None = None, *, final: bool = False) -> Document:
        """Return what a reference means.

        Args:
            reference: of the reader's repository.
            pinned: what its tag is to mean, whatever upstream says.
            final: that the registry itself does not have a tag settles it, whatever mirrors have.

        Returns:
            The manifest or index, with the place that told; without one where nobody was asked.

        Raises:
            ManifestUnknown: there is no such tag or digest.
            FetchError, ContentError, InvalidDocument, InvalidDigest: it cannot be had.
        """
        digest = reference.digest or pinned
        if digest is not None:
            descriptor = self._known.get(digest)
            return self.manifest(descriptor) if descriptor is not None else self._got(str(digest))
        return self._resolved(
            reference.tag, self._repository.resolve(reference.tag, final=final), final=final
        )

    def find(self, tag: str) -> Document | None:
        """Return what a tag means that need not be there, with the place that told; None where it is not there.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: it cannot be had, or nobody says whether it is.
        """
        resolved = self._repository.find(tag)
        return self._resolved(tag, resolved) if resolved is not None else None

    def manifest(self, descriptor: Descriptor) -> Document:
        """Return a manifest or index, its size and digest checked.

        Raises:
            FetchError, ContentError, InvalidDocument, InvalidDigest: it cannot be had.
        """
        return self._stored(descriptor) or self._got(str(descriptor.digest), descriptor)

    def config(self, descriptor: Descriptor) -> bytes:
        """Return a config, checked. Raises what ``manifest`` raises."""
        if self._store.size(descriptor.digest) == descriptor.size:
            try:
                return self._store.read(descriptor.digest, CONFIG_LIMIT)
            except (NotArchived, RecordCorrupt):
                pass
        return self._fetch_config(descriptor)

    def _resolved(self, tag: str, resolved: Resolved, *, final: bool = False) -> Document:
        if resolved.descriptor is None:  # nobody else can want the same: a tag may move
            document = self._repository.get_manifest(tag, final=final)
            self._came(document)
            return document
        return replace(self.manifest(resolved.descriptor), location=resolved.location)

    def _stored(self, descriptor: Descriptor) -> Document | None:
        """Return a manifest that is here; None where it is not, or is damaged, or has another size than is said."""
        if self._store.size(descriptor.digest) != descriptor.size:
            return None
        try:
            data = self._store.read(descriptor.digest, MANIFEST_LIMIT)
        except (NotArchived, RecordCorrupt):
            return None
        return parsed(data, descriptor.digest, descriptor.media_type, str(descriptor.digest))

    def _got(self, selector: str, expected: Descriptor | None = None) -> Document:
        document = self._memo.get(self._repository.name, selector, lambda: self._fetched(selector, expected))
        self._held[selector] = document  # others look for it as long as somebody holds it
        if expected is not None:
            check_size(document, expected)  # who got it may have expected another one
        return document

    def _fetched(self, selector: str, expected: Descriptor | None) -> Document:
        # Who held it may have stored it, and be done, since it was looked for.
        document = self._stored(expected) if expected is not None else None
        if document is None:
            document = self._repository.get_manifest(selector, expected)
            self._came(document)
        return document


def read_blob(repository: Repository, descriptor: Descriptor) -> bytes:
    """Return a small blob, got and checked, without storing it.

    Args:
        repository: where it is.
        descriptor: what it must be; the caller has seen that the size is fit to be held in memory.

    Raises:
        FetchError, ContentError: it cannot be had.
    """

    def attempt(source: Source) -> bytes:
        data, check = bytearray(), ContentCheck(descriptor.digest, descriptor.size)
        body = source.open_blob(descriptor)
        try:
            for chunk in body.chunks:
                check.update(chunk)
                data += chunk
        finally:
            body.chunks.close()
        check.finish()
        return bytes(data)

    return repository.fetch(attempt)
