"""The snapshot record: what one run for one project was asked for, what it got, what failed.

The record is immutable JSON (docs/format.md, "Snapshot record"). Reading it checks types, so that
a damaged or hand-edited record is an error with a place and never an exception later on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Iterable, Mapping

from archiver.core import jsontext
from archiver.core.clock import is_snapshot_id
from archiver.core.descriptor import Platform
from archiver.core.errors import InvalidDocument, InvalidReference, InvalidURL
from archiver.core.judgement import VERDICTS, Judgement, worst_verdict
from archiver.core.reference import Reference
from archiver.core.shape import read_record
from archiver.core.urlkey import Origin

FORMAT = "archiver-snapshot/1"
_LIMIT = 256 << 20


@dataclass(frozen=True)
class Failure:
    """One thing that was asked for and could not be got.

    ``subject`` is the URL or image reference; ``code`` the error's stable code; ``referrer`` the
    page or list that named it, where there is one.
    """

    source: str
    subject: str
    code: str
    message: str
    referrer: str = ""


@dataclass(frozen=True)
class BrokenLink:
    """A link of the site itself that leads nowhere (404, 410 or 451) and was never captured."""

    source: str
    url: str
    status: str
    referrer: str = ""


@dataclass(frozen=True)
class SiteResult:
    """What came of one doc site.

    ``origins`` are those of captured pages, ``requisite_origins`` those that only served
    requisites. ``pages`` counts as ``distinct_pages`` does, ``requisites`` the captures of that kind. ``fetched``
    counts this run's captures, ``carried`` the entries kept from an earlier snapshot, ``unchanged`` the captures that
    are revisits; ``skipped`` counts URLs by the reason they were left out. ``bytes`` is what came over the wire as bodies.
    ``not_due`` counts the entries that were not asked for because their time had not come, ``gone`` the captures of the
    view that upstream is known to have no longer.
    """

    name: str
    seeds: tuple[str, ...]
    origins: tuple[str, ...]
    requisite_origins: tuple[str, ...]
    pages: int
    requisites: int
    fetched: int
    unchanged: int
    carried: int
    bytes: int
    skipped: Mapping[str, int]
    not_due: int = 0
    gone: int = 0


@dataclass(frozen=True)
class ImageResult:
    """One image or artifact as archived: reference -> digest, when, and from where.

    Attributes:
        reference: what it is asked for by.
        digest: what the tag resolved to (an index's own digest for a multi-platform image).
        media_type: of what ``digest`` names.
        size: the sum in bytes of all distinct blobs and manifests kept for it.
        platforms: of the manifests, in the same order; empty where a manifest runs nowhere.
        manifests: the digests of the platform manifests that are here.
        resolved: when the digest was asked for.
        registry: who said what the reference means: the registry, or a mirror of it.
        carried: whether this run could not get it and an earlier snapshot's copy stands in.
        refers_to: the digest of the manifest that this signature, SBOM or attestation is about; empty for what the
            spec itself asks for.
        artifact_type: what kind of artifact it is, by its manifest; empty for an image.
        gone: since when upstream is known not to have it any more; empty where it has it, or cannot say.
        was: the digest that the last good snapshot had for the reference, where this run got another one.
    """

    reference: str
    digest: str
    media_type: str
    size: int
    platforms: tuple[str, ...]
    manifests: tuple[str, ...]
    resolved: str
    registry: str
    carried: bool = False
    refers_to: str = ""
    artifact_type: str = ""
    gone: str = ""
    was: str = ""

    @property
    def subject(self) -> str:
        """What a spec asks for it by."""
        return self.reference


@dataclass(frozen=True)
class FileResult:
    """One downloaded file.

    Attributes:
        url: where it came from.
        path: where a bundle has it.
        digest: of its content.
        size: in bytes.
        media_type: what the server called it.
        manifest: the digest of the OCI artifact that wraps it.
        fetched: when its bytes came.
        carried: whether this run could not get it and an earlier snapshot's copy stands in.
        name: its own name, as its server gave it.
        index: the URL of the index that listed it; empty where the spec names the file itself.
        gone: since when upstream is known not to have it any more; empty where it has it, or cannot say.
        was: the digest that the last good snapshot had for the URL, where this run got another one.
    """

    url: str
    path: str
    digest: str
    size: int
    media_type: str
    manifest: str
    fetched: str
    carried: bool = False
    name: str = ""
    index: str = ""
    gone: str = ""
    was: str = ""

    @property
    def subject(self) -> str:
        """What a spec asks for it by."""
        return self.url


@dataclass(frozen=True)
class Snapshot:
    """The record of one run.

    ``spec`` is the spec as it was read; ``captures`` counts index entries. ``report_digest`` is that of the report
    in JSON; empty in records that were written before there were reports. ``locked`` names the snapshot whose images and
    files this one reproduces; empty where what is newest was asked for. ``reader_image`` is the reference of the image that
    readers without Python can read with; empty where the spec names none. ``judgements`` has one entry a source, in the
    spec's order, doc sites before images before files. ``accepted`` names the snapshot whose refused captures the keeper
    accepted into this one; empty where a run made it.
    """

    id: str
    project: str
    title: str
    program: str
    started: str
    finished: str
    spec: Mapping[str, Any]
    sites: tuple[SiteResult, ...]
    images: tuple[ImageResult, ...]
    files: tuple[FileResult, ...]
    failures: tuple[Failure, ...]
    broken_links: tuple[BrokenLink, ...]
    captures: int
    captures_digest: str
    report_digest: str = ""
    locked: str = ""
    reader_image: str = ""
    judgements: tuple[Judgement, ...] = ()
    accepted: str = ""

    @property
    def verdict(self) -> str:
        """The worst verdict on any source that is asked still."""
        return worst_verdict(self.judgements)

    @property
    def has_anything(self) -> bool:
        """Whether there is something to hand over."""
        return bool(self.captures or self.images or self.files)

    @property
    def is_retired(self) -> bool:
        """Whether none of its sources is asked any more."""
        return bool(self.judgements) and all(judgement.retired for judgement in self.judgements)

    def judgement(self, source: str) -> Judgement | None:
        """Return what was judged of a source; None where the record has nothing of it."""
        return next((each for each in self.judgements if each.source == source), None)

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms of images that the spec asked for, in its order; empty where it asked for all, or for no images."""
        images = self.spec.get("images")
        names = images.get("platforms") if isinstance(images, dict) else None
        return tuple(Platform.parse(str(name)) for name in names) if isinstance(names, list) else ()

    def to_json(self) -> bytes:
        """Return the record's file content."""
        return jsontext.dump({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, data: bytes, *, what: str) -> Snapshot:
        """Read a record.

        Raises:
            InvalidDocument: another format, or any member missing or of the wrong type.
        """
        document = jsontext.load_object(data, limit=_LIMIT, what=what)
        if document.pop("format", None) != FORMAT:
            raise InvalidDocument(f"not a {FORMAT} record", place=what)
        lists = {"sites": SiteResult, "images": ImageResult, "files": FileResult, "failures": Failure,
                 "broken_links": BrokenLink, "judgements": Judgement}  # fmt: skip
        for name, kind in lists.items():
            entries = document.get(name, [] if kind is Judgement else None)
            if not isinstance(entries, list):
                raise InvalidDocument(f"{name!r} is not a list", place=what)
            document[name] = tuple(read_record(kind, entry, what=what) for entry in entries)
        snapshot: Snapshot = read_record(cls, document, what=what)
        check_verdicts(snapshot.judgements, what)
        _check_platforms(snapshot, what)
        _check_reader_image(snapshot, what)
        if not is_snapshot_id(snapshot.id):
            raise InvalidDocument(f"{snapshot.id!r:.40} is not a snapshot id", place=what)
        for site in snapshot.sites:
            _check_origins(site.origins + site.requisite_origins, what)
        return snapshot


def check_verdicts(judgements: Iterable[Judgement], what: str) -> None:
    """Raise InvalidDocument where a judgement that was read has a verdict that there is not."""
    for each in judgements:
        if each.verdict not in VERDICTS:
            raise InvalidDocument(f"{each.verdict!r:.40} is not a verdict", place=what)


def _check_platforms(snapshot: Snapshot, what: str) -> None:
    try:
        _ = snapshot.platforms
    except InvalidDocument as error:
        raise InvalidDocument(f"the spec's platforms: {error.message}", place=what) from error


def _check_reader_image(snapshot: Snapshot, what: str) -> None:
    if snapshot.reader_image:
        try:
            Reference.parse(snapshot.reader_image)
        except InvalidReference as error:
            raise InvalidDocument(f"the reader's image: {error.message}", place=what) from error


def _check_origins(origins: tuple[str, ...], what: str) -> None:
    for text in origins:
        try:
            Origin.of(text)
        except InvalidURL as error:
            raise InvalidDocument(f"{text!r:.120} is not an origin", place=what) from error
