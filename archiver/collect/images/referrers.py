"""What refers to an image: signatures, SBOMs, attestations, found in all the ways that registries keep them.

Sources: OCI distribution-spec v1.1, "Listing Referrers" and "Referrers Tag Schema"; cosign's specification of
signatures ("Storage": the tags ``sha256-<hex>.sig``, and likewise ``.att`` and ``.sbom``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Callable, Generator, Iterable, Iterator, TypeVar

from archiver.collect.images.registry import Document
from archiver.collect.images.walk import UNUSABLE, Leaf, Miss, Tree, walk
from archiver.core.errors import (
    AuthenticationFailed,
    FetchTimeout,
    HostUnreachable,
    InvalidDocument,
    ManifestUnknown,
    ManifestUnsupported,
    ResponseBroken,
    ServerBusy,
    StatusRefused,
)
from archiver.core.reference import is_tag

if TYPE_CHECKING:
    from archiver.collect.images.reading import ManifestReader
    from archiver.collect.images.repository import Repository
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.core.reference import Reference

_T = TypeVar("_T")
_COSIGN = (".sig", ".att", ".sbom")
_TAG_HEX = 64  # characters of a digest that go into the tag of the Referrers Tag Schema
_MOST = 100  # of one image; each costs a request at least
_MOST_BYTES = 32 << 20  # of their manifests
_DEEPEST = 2  # what refers to an image, and what refers to that
_NO_ANSWER = (HostUnreachable, FetchTimeout, ResponseBroken, ServerBusy, AuthenticationFailed)


@dataclass(frozen=True)
class Extra:
    """Something that refers to an image.

    Attributes:
        reference: by digest, or by the tag that it was found by.
        refers_to: the digest of the manifest that it is about.
        tree: what there is of it.
    """

    reference: Reference
    refers_to: Digest
    tree: Tree


def subjects_of(tree: Tree) -> tuple[Digest, ...]:
    """Return the digests of an image that something may refer to: its root's, and those of its manifests."""
    manifests = (leaf.digest for leaf in tree.leaves if leaf.attests is None)
    return tuple(dict.fromkeys((tree.root.descriptor.digest, *manifests)))


class Referrers:
    """Looks for what refers to one image; used once.

    Args:
        repository: the image's.
        reader: reads its manifests.
        image: any reference into the repository.
    """

    def __init__(self, repository: Repository, reader: ManifestReader, image: Reference) -> None:
        self._repository, self._reader, self._image = repository, reader, image
        self._seen: set[Digest] = set()
        self._count = self._bytes = 0

    def of(self, subjects: Iterable[Digest]) -> Iterator[Extra | Miss]:
        """Yield what refers to some manifests of the image, and what refers to that.

        An artifact that cannot be had is a miss beside the others. A repository that gives no answer ends the search
        with a miss, and so does one artifact too many.

        Raises:
            Stopped: the run is to end.
        """
        level = list(subjects)
        self._seen.update(level)
        try:
            for _ in range(_DEEPEST):
                level = yield from self._level(level)
        except UNUSABLE as error:
            yield Miss(error)

    def _level(self, subjects: Iterable[Digest]) -> Generator[Extra | Miss, None, list[Digest]]:
        """Yield what refers to some manifests; return the digests of that to which something may refer in turn."""
        found: list[Digest] = []
        for subject in subjects:
            for each in chain(self._listed(subject), self._tagged(subject)):
                self._count += _weight(each, subject)
                if self._count > _MOST:
                    raise ManifestUnsupported(f"more than {_MOST} artifacts refer to it", place=str(subject))
                if isinstance(each, Extra) and _may_be_signed(each.reference):
                    found.append(each.tree.root.descriptor.digest)
                yield each
        return found

    def _listed(self, subject: Digest) -> Iterator[Extra | Miss]:
        """Yield what the registry lists, by its API or else at the tag that stands in for that."""
        listed = _tried(lambda: self._repository.referrers(subject))
        index = None
        if listed is None:
            index = _tried(lambda: self._index(_tag(subject)))
            listed = index.manifest.manifests if isinstance(index, Document) else ()
        leaves: list[Leaf] = []
        for descriptor in () if isinstance(listed, Miss) else listed:
            if descriptor.digest in self._seen:
                continue
            self._seen.add(descriptor.digest)
            extra = _tried(partial(self._by_digest, descriptor, subject))
            leaves += _below(extra.tree) if isinstance(extra, Extra) else ()
            yield extra
        yield from (each for each in (listed, index) if isinstance(each, Miss))
        if isinstance(index, Document) and leaves:
            yield Extra(self._at(_tag(subject)), subject, Tree(index, tuple(leaves), ()))

    def _tagged(self, subject: Digest) -> Iterator[Extra | Miss]:
        """Yield what cosign's tags name."""
        for suffix in _COSIGN:
            tag = f"{subject.algorithm}-{subject.hex}{suffix}"
            if not is_tag(tag):  # it would be too long, with a sha512
                continue
            found = _tried(partial(self._by_tag, tag, subject))
            if found is not None:
                yield found

    def _index(self, tag: str) -> Document | None:
        document = self._document_at(tag)
        if document is not None and not document.manifest.is_index:
            raise InvalidDocument("what should list referrers is no index", place=str(self._at(tag)))
        return document

    def _by_digest(self, descriptor: Descriptor, subject: Digest) -> Extra:
        document = self._weighed(self._reader.manifest(descriptor))
        about = document.manifest.subject
        if about is None or about.digest != subject:
            raise InvalidDocument(
                f"is listed as referring to {subject}, and does not", place=str(descriptor.digest)
            )
        reference = replace(self._image, tag="", digest=descriptor.digest)
        return Extra(reference, subject, walk(document, self._reader, ()))

    def _by_tag(self, tag: str, subject: Digest) -> Extra | None:
        document = self._document_at(tag)
        return (
            Extra(self._at(tag), subject, walk(document, self._reader, ())) if document is not None else None
        )

    def _document_at(self, tag: str) -> Document | None:
        """Return what a tag means; None where there is none, which not every registry says in the same words."""
        try:
            document = self._reader.find(tag)
        except (ManifestUnknown, StatusRefused):
            return None
        return self._weighed(document) if document is not None else None

    def _weighed(self, document: Document) -> Document:
        self._bytes += len(document.data)
        if self._bytes > _MOST_BYTES:
            raise ManifestUnsupported(f"more than {_MOST_BYTES} bytes of manifests refer to it")
        return document

    def _at(self, tag: str) -> Reference:
        return replace(self._image, tag=tag, digest=None)


def _tried(action: Callable[[], _T]) -> _T | Miss:
    """Do something that may fail without ending the search; a repository that gives no answer does end it."""
    try:
        return action()
    except _NO_ANSWER:
        raise
    except UNUSABLE as error:
        return Miss(error)


def _weight(found: Extra | Miss, subject: Digest) -> int:
    """Return how many artifacts something is: as many as an index has, and none where it only lists the others."""
    if isinstance(found, Miss):
        return 1
    return max(1, len(found.tree.leaves)) if found.reference.tag != _tag(subject) else 0


def _below(tree: Tree) -> Iterator[Leaf]:
    """Yield a tree's leaves as they are below what lists its root."""
    above = (tree.root,) if tree.root.manifest.is_index else ()
    return (replace(leaf, nested=(*above, *leaf.nested)) for leaf in tree.leaves)


def _tag(subject: Digest) -> str:
    """Return the tag at which clients of a registry without the API keep the list of what refers to a digest."""
    return f"{subject.algorithm}-{subject.hex[:_TAG_HEX]}"


def _may_be_signed(extra: Reference) -> bool:
    """Say whether something may refer to an artifact in turn: not to cosign's signatures, nor to a list."""
    return extra.digest is not None or extra.tag.endswith(".sbom")
