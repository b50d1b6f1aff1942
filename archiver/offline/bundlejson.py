"""What bundle.json says: the contents of a bundle, every member typed and checked.

Source: docs/format.md, "bundle.json".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from archiver.core import jsontext
from archiver.core.clock import is_snapshot_id, parse_iso
from archiver.core.descriptor import Platform, is_media_type
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest, InvalidDocument, InvalidReference, InvalidURL
from archiver.core.judgement import Judgement
from archiver.core.reference import Reference
from archiver.core.shape import read_record
from archiver.core.snapshot import BrokenLink, Failure, check_verdicts
from archiver.core.urlkey import Origin
from archiver.offline.names import CONTENTS as NAME
from archiver.store.paths import is_project_name

if TYPE_CHECKING:
    from archiver.offline.problems import Report

FORMAT = "archiver-bundle/1"
LIMIT = 64 << 20  # bytes
ROLES = ("readme", "program", "docs", "search", "images", "file", "record")
COMPRESSIONS = ("gzip", "none", "other", "zstd")


@dataclass(frozen=True)
class MemberEntry:
    """A member of the tar; ``offset`` is where its data begins, in bytes."""

    path: str
    size: int
    offset: int
    digest: Digest
    role: str


@dataclass(frozen=True)
class DocsEntry:
    """A doc site; ``path`` is its WACZ, or in a delta its new WARC records; all else is of its whole view.

    ``oldest`` and ``newest`` are timestamps14 of its captures, ``gone`` of which upstream has no longer.
    """

    name: str
    path: str
    seeds: tuple[str, ...]
    origins: tuple[str, ...]
    requisite_origins: tuple[str, ...]
    pages: int
    captures: int
    oldest: str
    newest: str
    gone: int = 0


@dataclass(frozen=True)
class ImageEntry:
    """An image or artifact; ``default_platform`` is the one in manifest.json, empty for artifacts.

    ``reference`` is a full one; ``platforms`` are such as linux/amd64, or empty for what runs nowhere. ``refers_to`` is the
    digest of the manifest that a signature, SBOM or attestation is about; empty for what stands for itself.
    ``compressions`` are those of its layers that are file systems, of COMPRESSIONS, sorted. ``artifact_type`` says what kind
    of artifact it is; empty for an image. ``resolved`` and ``gone`` are those of the snapshot record (ISO times).
    """

    reference: str
    digest: Digest
    media_type: str
    size: int
    platforms: tuple[str, ...]
    default_platform: str
    compressions: tuple[str, ...]
    refers_to: str = ""
    artifact_type: str = ""
    resolved: str = ""
    gone: str = ""


@dataclass(frozen=True)
class BlobEntry:
    """A blob inside images.tar; ``offset`` counts from the beginning of the bundle, in bytes."""

    digest: Digest
    size: int
    offset: int


@dataclass(frozen=True)
class FileEntry:
    """A downloaded file; ``path`` is its member's, ``fetched`` and ``gone`` are those of the snapshot record (ISO times)."""

    url: str
    path: str
    digest: Digest
    size: int
    media_type: str
    fetched: str = ""
    gone: str = ""


@dataclass(frozen=True)
class Since:
    """The bundle that a delta builds on: its snapshot, and the digest of that snapshot's capture index."""

    snapshot: str
    captures_digest: Digest


@dataclass(frozen=True)
class Contents:
    """The whole of bundle.json.

    ``platforms`` is None where the bundle was not narrowed. ``captures_digest`` is that of the snapshot's capture index,
    ``search_digest`` that of the search index of all its pages, None where there are no docs.
    ``reader_image`` is a reference among ``images``, or empty. ``since`` is None in a full bundle; in a delta ``docs``,
    ``images`` and ``files`` are those of the whole snapshot, ``members`` and ``blobs`` what is in this bundle, and
    ``requires`` the blobs of images and files that are not.
    """

    project: str
    title: str
    snapshot: str
    created: str
    program: str
    platforms: tuple[str, ...] | None
    members: tuple[MemberEntry, ...]
    docs: tuple[DocsEntry, ...]
    images: tuple[ImageEntry, ...]
    blobs: tuple[BlobEntry, ...]
    files: tuple[FileEntry, ...]
    failures: tuple[Failure, ...]
    broken_links: tuple[BrokenLink, ...]
    requires: tuple[Digest, ...]
    captures_digest: Digest
    search_digest: Digest | None
    reader_image: str
    since: Since | None
    judgements: tuple[Judgement, ...] = ()

    @property
    def is_delta(self) -> bool:
        """Whether this is what came since another bundle, and of no use without it."""
        return self.since is not None


def read_contents(data: bytes, report: Report) -> Contents | None:
    """Read bundle.json, reporting every entry that is malformed and leaving it out.

    Returns None where it is no JSON object at all, or one of a format that this program does not know.
    """
    try:
        document = jsontext.load_object(data, limit=LIMIT, what=NAME)
    except InvalidDocument as error:
        report("bundle.document", NAME, error.message)
        return None
    if document.get("format") != FORMAT:
        report("bundle.format", NAME, f"format {document.get('format')!r:.80}; this program knows {FORMAT}")
        return None
    texts = {name: _text(document, name, report) for name in _TEXTS}
    snapshot = _text(document, "snapshot", report)
    if not is_project_name(texts["project"]):
        report("bundle.document", NAME, f"{texts['project']!r:.60} cannot be a project's name")
    if not is_snapshot_id(snapshot):
        report("bundle.document", NAME, f"{snapshot!r:.60} is not a snapshot's id")
    return Contents(
        snapshot=snapshot,
        platforms=_platforms(document, report),
        members=_entries(document, "members", MemberEntry, report),
        judgements=_entries({"judgements": [], **document}, "judgements", Judgement, report),
        docs=_entries(document, "docs", DocsEntry, report),
        images=_entries(document, "images", ImageEntry, report),
        blobs=_entries(document, "blobs", BlobEntry, report),
        files=_entries(document, "files", FileEntry, report),
        failures=_entries(document, "failures", Failure, report),
        broken_links=_entries(document, "broken_links", BrokenLink, report),
        requires=_digests(document, report),
        captures_digest=_digest(document, "captures_digest", report),
        search_digest=_digest(document, "search_digest", report)
        if document.get("search_digest") != ""
        else None,
        since=_since(document, report),
        **texts,
    )


_TEXTS = ("project", "title", "created", "program", "reader_image")
_T = TypeVar("_T")
_COUNTS = ("size", "offset", "pages", "captures")
_MOST = 1 << 60  # more than there ever is of anything, and still a number that files can be read at


def _entries(document: dict[str, Any], name: str, kind: type[_T], report: Report) -> tuple[_T, ...]:
    entries = document.get(name)
    if not isinstance(entries, list):
        report("bundle.document", NAME, f"{name!r} is not a list")
        return ()
    result: list[_T] = []
    for number, entry in enumerate(entries):
        try:
            record = read_record(kind, entry, what=NAME)
            _check_values(record)
        except (InvalidDocument, InvalidReference, InvalidURL) as error:
            report("bundle.document", NAME, f"{name}[{number}]: {error.message}")
        else:
            result.append(record)
    return tuple(result)


def _check_values(record: object) -> None:
    for name in _COUNTS:
        if not 0 <= getattr(record, name, 0) < _MOST:
            raise InvalidDocument(f"{name} is negative, or larger than anything")
    if isinstance(record, MemberEntry) and record.role not in ROLES:
        raise InvalidDocument(f"{record.role!r:.40} is not a role")
    if isinstance(record, DocsEntry):
        _check_docs(record)
    if isinstance(record, ImageEntry):
        _check_image(record)
    if isinstance(record, FileEntry):
        _check_times(record.fetched, record.gone)
    if isinstance(record, Judgement):
        check_verdicts([record], NAME)
        _check_times(record.since, record.checked)


def _check_docs(docs: DocsEntry) -> None:
    if not 0 <= docs.gone <= docs.captures:
        raise InvalidDocument("more is gone than there is")
    for origin in docs.origins + docs.requisite_origins:
        Origin.of(origin)


def _check_image(image: ImageEntry) -> None:
    if list(image.compressions) != sorted(set(image.compressions).intersection(COMPRESSIONS)):
        raise InvalidDocument("compressions are unknown, or not sorted")
    if image.artifact_type and not is_media_type(image.artifact_type):
        raise InvalidDocument(f"{image.artifact_type!r:.80} is not a media type")
    Reference.parse(image.reference)
    for platform in filter(None, (*image.platforms, image.default_platform)):
        Platform.parse(platform)
    _check_times(image.resolved, image.gone)


def _check_times(*texts: str) -> None:
    for text in filter(None, texts):
        try:
            parse_iso(text)
        except ValueError as error:
            raise InvalidDocument(str(error)) from error


def _text(document: dict[str, Any], name: str, report: Report) -> str:
    value = document.get(name)
    if isinstance(value, str):
        return value
    report("bundle.document", NAME, f"{name!r} is not a string")
    return ""


def _platforms(document: dict[str, Any], report: Report) -> tuple[str, ...] | None:
    options = document.get("options")
    platforms = options.get("platforms") if isinstance(options, dict) else ""
    if platforms is None:
        return None
    try:
        if isinstance(platforms, list):
            return tuple(str(Platform.parse(str(item))) for item in platforms)
    except InvalidDocument:
        pass
    report("bundle.document", NAME, "'options' has no 'platforms' that is a list of platforms or null")
    return None


def _since(document: dict[str, Any], report: Report) -> Since | None:
    value = document.get("since", "")
    if value is None:
        return None
    try:
        since: Since = read_record(Since, value, what=NAME)
        if is_snapshot_id(since.snapshot):
            return since
    except InvalidDocument:
        pass
    report(
        "bundle.document", NAME, "'since' is neither null nor a snapshot and the digest of its capture index"
    )
    return None


def _digest(document: dict[str, Any], name: str, report: Report) -> Digest:
    try:
        return Digest.parse(document.get(name, ""))
    except InvalidDigest as error:
        report("bundle.document", NAME, f"{name!r}: {error.message}")
        return Digest.of(b"")


def _digests(document: dict[str, Any], report: Report) -> tuple[Digest, ...]:
    texts = document.get("requires")
    try:
        if isinstance(texts, list):
            return tuple(Digest.parse(text) for text in texts)
    except InvalidDigest:
        pass
    report("bundle.document", NAME, "'requires' is not a list of digests")
    return ()
