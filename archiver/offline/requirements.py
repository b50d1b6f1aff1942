"""What deltas need and nobody has: images, files and pages by their names.

Source: docs/format.md, "Deltas".
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Iterator, Protocol, Sequence

from archiver.core.amounts import count_text, size_text
from archiver.core.descriptor import INDEXES, MANIFESTS, Descriptor
from archiver.core.errors import ArchiverError, BundleDamaged, DeltaIncomplete, RecordCorrupt
from archiver.offline.loading.shelf import absent_bases, joined_images
from archiver.offline.names import CAPTURES
from archiver.offline.problems import inside, refuse
from archiver.offline.records import RESPONSE, REVISIT
from archiver.offline.wacz import open_wacz
from archiver.offline.windows import CHUNK
from archiver.store.captureindex import captures_of
from archiver.store.imagewalk import read_manifest
from archiver.store.warcfiles import MemberReading

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.bundlejson import DocsEntry, ImageEntry
    from archiver.offline.windows import RandomAccess

MOST_NAMED = 100
"""URLs of one doc site that are kept by name."""
_MOST_LINES = 20  # of an error message
_DEEPEST = 4  # indexes within indexes


class Held(Protocol):
    """What is there beside the bundles, such as in an archive folder that the base was loaded into."""

    def has_blob(self, digest: Digest) -> bool:
        """Say whether a blob of an image, or a file's content, is there."""

    def has_record(self, record: str) -> bool:
        """Say whether the response or revisit of a WARC-Record-ID is there."""


@dataclass(frozen=True)
class MissingImage:
    """An image that is not whole: how many of its blobs are known to be missing, and how many bytes that are at most."""

    reference: str
    blobs: int
    size: int

    def __str__(self) -> str:
        return f"image {self.reference}, up to {size_text(self.size)}"


@dataclass(frozen=True)
class MissingFile:
    """A file whose content is missing; ``size`` in bytes."""

    url: str
    size: int

    def __str__(self) -> str:
        return f"file {self.url}, {size_text(self.size)}"


@dataclass(frozen=True)
class MissingDocs:
    """Captures of a doc site that are missing: how many, and the URLs of the first MOST_NAMED of them."""

    site: str
    total: int
    urls: tuple[str, ...]


@dataclass(frozen=True)
class Missing:
    """What deltas need that is not there; false where nothing is.

    Attributes:
        bases: names of the bundles that deltas build on and that were not given, of the default form.
        images, files, docs: what is not whole, by name.
        blobs: the digests of all blobs of images and files that are missing, sorted.
    """

    bases: tuple[str, ...] = ()
    images: tuple[MissingImage, ...] = ()
    files: tuple[MissingFile, ...] = ()
    docs: tuple[MissingDocs, ...] = ()
    blobs: tuple[Digest, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.blobs or self.docs)

    @property
    def summary(self) -> str:
        """How much of what, such as ``2 images, 1 file, 340 captures``."""
        counts = (
            (len(self.images), "image"),
            (len(self.files), "file"),
            (sum(site.total for site in self.docs), "capture"),
        )
        named = [count_text(number, noun) for number, noun in counts if number]
        return ", ".join(named) or (count_text(len(self.blobs), "blob") if self.blobs else "nothing")

    def lines(self) -> Iterator[str]:
        """Yield a line for each thing by name; of pages there may be more than are named."""
        yield from map(str, (*self.images, *self.files))
        for site in self.docs:
            for url in site.urls:
                yield f"page of {site.site}: {url}"
            if site.total > len(site.urls):
                yield f"pages of {site.site}: and {site.total - len(site.urls):,} more"


NOTHING = Missing()
"""What a full bundle needs."""


def missing(
    bundles: Sequence[OpenBundle], held: Held | None = None, of: Sequence[OpenBundle] | None = None
) -> Missing:
    """Return what deltas need and nobody has.

    Args:
        bundles: all there are, full ones and deltas in any order.
        held: what is there beside them.
        of: the deltas whose needs count; all of them where it is left out.

    Raises:
        BundleDamaged, RecordCorrupt: a bundle's docs cannot be read.
        StoreError: a bundle cannot be read.
    """
    deltas = [bundle for bundle in (bundles if of is None else of) if bundle.contents.is_delta]
    if not deltas:
        return NOTHING
    blobs = _missing_blobs(deltas, bundles, held)
    return Missing(
        absent_bases(deltas, bundles),
        tuple(_missing_images(deltas, bundles, blobs)),
        tuple(
            dict.fromkeys(
                MissingFile(file.url, file.size)
                for delta in deltas
                for file in delta.contents.files
                if file.digest in blobs
            )
        ),
        tuple(_missing_docs(deltas, bundles, held)),
        tuple(sorted(blobs)),
    )


def require_all(
    bundles: Sequence[OpenBundle], held: Held | None = None, of: Sequence[OpenBundle] | None = None
) -> None:
    """Refuse deltas that need what nobody has; the arguments are those of ``missing``.

    Raises:
        DeltaIncomplete: something is missing; the message names it.
        BundleDamaged, RecordCorrupt, StoreError: see ``missing``.
    """
    lacking = missing(bundles, held, of)
    if not lacking:
        return
    lines = list(lacking.lines())
    named = "; ".join(lines[:_MOST_LINES]) + ("; ..." if len(lines) > _MOST_LINES else "")
    bases = " and ".join(lacking.bases)
    raise DeltaIncomplete(
        f"{lacking.summary} missing, which an earlier bundle has: {named}",
        place=", ".join(str(bundle.path) for bundle in bundles if bundle.contents.is_delta),
        hint=f"give the bundle that it builds on as well: {bases}"
        if bases
        else "give the earlier bundles as well",
    )


# Blobs


def _missing_blobs(
    deltas: Sequence[OpenBundle], bundles: Sequence[OpenBundle], held: Held | None
) -> frozenset[Digest]:
    needed = {digest for delta in deltas for digest in delta.contents.requires}
    for bundle in bundles:
        needed.difference_update(blob.digest for blob in bundle.contents.blobs)
        elsewhere = frozenset(bundle.contents.requires)
        needed.difference_update(
            file.digest for file in bundle.contents.files if file.digest not in elsewhere
        )
    return frozenset(digest for digest in needed if held is None or not held.has_blob(digest))


def _missing_images(
    deltas: Sequence[OpenBundle], bundles: Sequence[OpenBundle], blobs: frozenset[Digest]
) -> Iterator[MissingImage]:
    graph = _Graph(bundles, blobs)
    seen: set[str] = set()
    for delta in sorted(deltas, key=lambda delta: delta.contents.snapshot, reverse=True):
        for image in delta.contents.images:
            if image.reference not in seen:
                seen.add(image.reference)
                found = graph.gaps(image)
                if found is not None:
                    yield found


@dataclass
class _Gaps:
    """What is missing of one image; ``unknown`` where a manifest is, so that there is no telling what else."""

    sizes: dict[Digest, int] = field(default_factory=dict)
    unknown: bool = False
    seen: set[Digest] = field(default_factory=set)


class _Graph:
    """Follows images through the manifests that any of the bundles has."""

    def __init__(self, bundles: Sequence[OpenBundle], absent: frozenset[Digest]) -> None:
        self._absent = absent
        self._images = joined_images(bundles)

    def gaps(self, image: ImageEntry) -> MissingImage | None:
        found = _Gaps()
        self._follow(Descriptor(image.media_type, image.digest, image.size), found, 0)
        if not found.sizes:
            return None
        size = image.size if found.unknown else sum(found.sizes.values())
        return MissingImage(image.reference, len(found.sizes), size)

    def _follow(self, at: Descriptor, found: _Gaps, depth: int) -> None:
        if at.digest in found.seen:
            return
        found.seen.add(at.digest)
        is_document = at.media_type in MANIFESTS | INDEXES
        if at.digest in self._absent:
            found.sizes[at.digest] = at.size
            found.unknown = found.unknown or is_document
        elif is_document and depth <= _DEEPEST:
            for pointer in self._pointers(at):
                self._follow(pointer, found, depth + 1)

    def _pointers(self, at: Descriptor) -> tuple[Descriptor, ...]:
        """What a manifest points to; nothing where no bundle has it whole, which is for ``verify`` to say."""
        try:
            return read_manifest(self._images, at).pointers
        except ArchiverError:
            return ()


# Records


def _missing_docs(
    deltas: Sequence[OpenBundle], bundles: Sequence[OpenBundle], held: Held | None
) -> Iterator[MissingDocs]:
    if not any(delta.contents.docs for delta in deltas):
        return
    present = {
        record for bundle in bundles for site in bundle.contents.docs for record in _records(bundle, site)
    }
    absent: dict[str, set[int]] = defaultdict(set)  # hashes stand for URLs: there may be millions
    named: dict[str, list[str]] = defaultdict(list)
    for delta in deltas:
        with delta.open_member(CAPTURES) as stream:
            for capture in captures_of(stream, f"{delta.path}: {CAPTURES}"):
                needed = {capture.record, capture.payload_record} - present
                if all(held is not None and held.has_record(record) for record in needed):
                    continue
                seen = absent[capture.source]
                if len(seen) < MOST_NAMED and hash(capture.url) not in seen:
                    named[capture.source].append(capture.url)
                seen.add(hash(capture.url))
    for site, urls in absent.items():
        yield MissingDocs(site, len(urls), tuple(named[site]))


def _records(bundle: OpenBundle, site: DocsEntry) -> Iterable[str]:
    """The WARC-Record-IDs of the responses and revisits that a bundle has of a doc site."""
    place = f"{bundle.path}: {site.path}"
    if bundle.contents.is_delta:
        return record_ids(bundle.part(site.path), place)
    wacz = open_wacz(bundle.part(site.path), site.name, inside(refuse, place))
    if wacz is None:
        raise BundleDamaged("it cannot be read", place=place)
    return (line.capture.record for line in wacz.all_lines())


def record_ids(data: RandomAccess, place: str) -> Iterator[str]:
    """Yield the WARC-Record-IDs of the responses and revisits of a WARC file, in order.

    Raises:
        RecordCorrupt: a gzip member is broken or cut short.
    """
    position = 0
    while position < data.size:
        try:
            reading = _member(data, position)
        except RecordCorrupt as error:
            raise RecordCorrupt(error.message, place=f"{place}, byte {position}") from error
        if reading.fields.get("warc-type") in (RESPONSE, REVISIT):
            yield reading.fields.get("warc-record-id", "")
        position += reading.length or 0


def _member(data: RandomAccess, position: int) -> MemberReading:
    reading = MemberReading()
    while reading.length is None:
        chunk = data.read_at(position, CHUNK)
        if not chunk:
            raise RecordCorrupt("the file ends inside a record")
        reading.feed(chunk)
        position += len(chunk)
    return reading
