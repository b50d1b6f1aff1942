"""A bundle opened: as members to work with, or, where it is a full one, as a holding. All is read from the tar in place."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Iterator, Sequence

from archiver.core.digest import Digest
from archiver.core.errors import BundleDamaged, DeltaIncomplete, FormatUnsupported, NotArchived
from archiver.core.reportjson import LIMIT as REPORT_LIMIT
from archiver.core.reportjson import read_report
from archiver.offline.cdxj import ORIGINAL
from archiver.offline.holdings import File, Image, SearchIndex
from archiver.offline.imagetar import read_image_tar
from archiver.offline.names import CONTENTS, FILES, IMAGES, REPORT, SEARCH, SUMS
from archiver.offline.problems import inside, refuse
from archiver.offline.structure import Structure, read_structure
from archiver.offline.volumes import VolumesAccess, open_source
from archiver.offline.wacz import Wacz, open_wacz
from archiver.offline.windows import Part, RandomAccess, open_window

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.capture import Capture
    from archiver.core.judgement import Judgement
    from archiver.core.report import Report as CrawlReport
    from archiver.core.snapshot import BrokenLink, Failure
    from archiver.offline.bundlejson import Contents, DocsEntry, ImageEntry
    from archiver.offline.holdings import FileShelf, ImageShelf, Response, Site
    from archiver.offline.problems import Report
    from archiver.offline.tarwalk import Entry
    from archiver.offline.volumes import Source


class BundleSite:
    """One doc site of a bundle; see holdings.Site."""

    def __init__(self, project: str, docs: DocsEntry, wacz: Wacz) -> None:
        self.project = project
        self.name = docs.name
        self.seeds = docs.seeds
        self.origins = docs.origins
        self.requisite_origins = docs.requisite_origins
        self.pages = docs.pages
        self.gone = docs.gone
        self.newest = docs.newest
        self._wacz = wacz

    def captures(self, key: str) -> Sequence[Capture]:
        """See holdings.Site. Raises RecordCorrupt where the index cannot be read."""
        return tuple(line.capture for line in self._wacz.lines(key) if line.capture.kind != ORIGINAL)

    def captures_near(self, key: str, before: int, after: int) -> Sequence[Capture]:
        """See holdings.Site. Raises RecordCorrupt where the index cannot be read."""
        lines = self._wacz.lines_near(key, before, after)
        return tuple(line.capture for line in lines if line.capture.kind != ORIGINAL)

    def all_captures(self) -> Iterator[Capture]:
        """See holdings.Site. Raises RecordCorrupt where the index cannot be read."""
        return (line.capture for line in self._wacz.all_lines() if line.capture.kind != ORIGINAL)

    def response(self, capture: Capture) -> Response:
        """See holdings.Site."""
        return self._wacz.response(capture)


class BundleImages:
    """The images of a bundle; see holdings.ImageShelf."""

    def __init__(self, source: RandomAccess, contents: Contents) -> None:
        self.images = tuple(image_of(contents.project, image) for image in contents.images)
        self._source = source
        self._blobs = {blob.digest: blob for blob in contents.blobs}

    def size(self, digest: Digest) -> int | None:
        """See holdings.ImageShelf."""
        return self._blobs[digest].size if digest in self._blobs else None

    def open(self, digest: Digest) -> IO[bytes]:
        """See holdings.ImageShelf."""
        blob = self._blobs.get(digest)
        if blob is None:
            raise NotArchived("no such blob in the bundle", place=str(digest))
        return open_window(self._source, blob.offset, blob.size)


def image_of(project: str, entry: ImageEntry) -> Image:
    """Return an entry of bundle.json as shelves have it."""
    return Image(
        project,
        entry.reference,
        entry.digest,
        entry.media_type,
        entry.size,
        entry.platforms,
        entry.refers_to,
        entry.resolved,
        entry.artifact_type,
        entry.gone,
    )


class BundleFiles:
    """The downloaded files of a bundle; see holdings.FileShelf."""

    def __init__(self, source: RandomAccess, contents: Contents, members: dict[str, Entry]) -> None:
        self.files = tuple(
            File(
                contents.project,
                file.path[len(FILES) :],
                file.url,
                file.digest,
                file.size,
                file.media_type,
                file.fetched,
                file.gone,
            )
            for file in contents.files
        )
        self._source = source
        self._members = members

    def open(self, file: File) -> IO[bytes]:
        """See holdings.FileShelf. Raises NotArchived where the file is none of this bundle's."""
        entry = self._members.get(FILES + file.path)
        if entry is None:
            raise NotArchived("no such file in the bundle", place=file.path)
        return open_window(self._source, entry.offset, entry.size)


class BundleHolding:
    """A bundle open for reading; see holdings.Holding. Get one from ``open_bundle``."""

    def __init__(self, bundle: OpenBundle) -> None:
        source, structure, contents = bundle.source, bundle.structure, bundle.contents
        self.project = contents.project
        self.title = contents.title
        self.snapshot = contents.snapshot
        self.created = contents.created
        self.failures: tuple[Failure, ...] = contents.failures
        self.broken_links: tuple[BrokenLink, ...] = contents.broken_links
        self.judgements: tuple[Judgement, ...] = contents.judgements
        self._bundle = bundle
        self._source = source
        self._search = structure.members.get(SEARCH)
        self.sites: Sequence[Site] = tuple(
            _open_site(source, structure.members, site, contents) for site in contents.docs
        )
        self.images: ImageShelf = _open_images(source, structure.members, contents)
        self.files: FileShelf = BundleFiles(source, contents, structure.members)
        self.search: SearchIndex | None = (
            SearchIndex(contents.project, structure.sums[SEARCH], self._search.size) if self._search else None
        )

    def open_search(self) -> IO[bytes]:
        """See holdings.Holding."""
        if self._search is None:
            raise NotArchived("the bundle has no search index", place=self.project)
        return open_window(self._source, self._search.offset, self._search.size)

    def report(self) -> CrawlReport | None:
        """See holdings.Holding. Raises BundleDamaged or InvalidDocument."""
        if REPORT not in self._bundle.structure.members:
            return None
        return read_report(self._bundle.read_member(REPORT, REPORT_LIMIT), what=REPORT)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


@dataclass(frozen=True)
class OpenBundle:
    """A bundle or delta whose structure was found sound, open for reading; close it, or use it in a ``with`` block.

    Get one from ``read_bundle``. ``path`` is what was opened; ``source`` is the whole tar, which several threads may read.
    """

    path: Path
    source: RandomAccess
    structure: Structure
    contents: Contents

    def open_member(self, name: str) -> IO[bytes]:
        """Open a member, seekable; its content is not checked. Raises NotArchived where there is none of this name."""
        entry = self.structure.members.get(name)
        if entry is None:
            raise NotArchived("the bundle has no such member", place=f"{self.path}: {name}")
        return open_window(self.source, entry.offset, entry.size)

    def read_member(self, name: str, limit: int) -> bytes:
        """Return a member that is in SHA256SUMS, whole and checked by it.

        Raises:
            NotArchived: there is none of this name.
            BundleDamaged: it is longer than ``limit`` bytes, or not what SHA256SUMS says.
        """
        with self.open_member(name) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise BundleDamaged(f"more than the {limit} bytes accepted", place=f"{self.path}: {name}")
        if Digest.of(data) != self.structure.sums.get(name):
            raise BundleDamaged(
                f"the content hashes to {Digest.of(data)}, not to what {SUMS} says",
                place=f"{self.path}: {name}",
                hint="the copy is damaged or was changed: run archiver verify on it for the whole list",
            )
        return data

    def part(self, name: str) -> Part:
        """Return a member for reading at any place. Raises KeyError where there is none of this name."""
        entry = self.structure.members[name]
        return Part(self.source, entry.offset, entry.size)

    def close(self) -> None:
        """Close the file; nothing can be read any more."""
        self.source.close()

    def __enter__(self) -> OpenBundle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_bundle(path: Path) -> OpenBundle:
    """Open a bundle, full or delta, after checking what it says of itself; its data is not read.

    Raises:
        NotABundle: the file is not recognisable as a bundle.
        BundleDamaged: it contradicts itself; the first contradiction is named.
        FormatUnsupported: it was written in a format that this program does not know.
        StoreError: it cannot be read.
    """
    source = open_source(path)
    with _closed_on_error(source, path):
        structure = read_structure(source, str(path), _refusing(source))
        if structure.contents is None:
            raise BundleDamaged("it cannot be read", place=CONTENTS)
        return OpenBundle(path, source, structure, structure.contents)


def open_bundle(path: Path) -> BundleHolding:
    """Open a full bundle for reading what it holds, after the checks of ``read_bundle``.

    Raises:
        DeltaIncomplete: it is a delta, which nothing can be read from alone.
        NotABundle, BundleDamaged, FormatUnsupported, StoreError: see ``read_bundle``.
    """
    bundle = read_bundle(path)
    with _closed_on_error(bundle.source, path):
        if bundle.contents.since is not None:
            raise DeltaIncomplete.of(path, bundle.contents.project, bundle.contents.since.snapshot)
        return BundleHolding(bundle)


def _refusing(source: Source) -> Report:
    """Return ``refuse``; of volumes that end too early it says which file is to be replaced."""

    def report(code: str, where: str, detail: str) -> None:
        if code == "tar.truncated" and isinstance(source, VolumesAccess):
            raise source.ends_early()
        refuse(code, where, detail)

    return report


@contextmanager
def _closed_on_error(source: RandomAccess, path: Path) -> Iterator[None]:
    """Close the source where the block fails; a damaged bundle's error says which of the files given it is."""
    try:
        yield
    except (BundleDamaged, FormatUnsupported) as error:
        source.close()
        error.place = f"{path}: {error.place}"
        raise
    except BaseException:
        source.close()
        raise


def _open_site(
    source: RandomAccess, members: dict[str, Entry], site: DocsEntry, contents: Contents
) -> BundleSite:
    entry = members[site.path]
    part = Part(source, entry.offset, entry.size)
    wacz = open_wacz(part, site.name, inside(refuse, site.path))
    if wacz is None:
        raise BundleDamaged("it cannot be read", place=site.path)
    return BundleSite(contents.project, site, wacz)


def _open_images(source: RandomAccess, members: dict[str, Entry], contents: Contents) -> BundleImages:
    if IMAGES in members:
        entry = members[IMAGES]
        read_image_tar(Part(source, entry.offset, entry.size), entry.offset, contents, refuse)
    return BundleImages(source, contents)
