"""Checking a bundle down to its last byte, and telling everything that is wrong with it.

Three passes: the structure (headers and lists), one reading of the whole file for all checksums, then the
content of each member. Every byte is covered: data by digests, the rest of the tar by regenerating it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Mapping, Sequence

from archiver.core.errors import InvalidDocument, NotABundle
from archiver.core.progress import NullProgress, Progress
from archiver.offline.bundle import OpenBundle
from archiver.offline.bundlejson import FORMAT
from archiver.offline.checks.delta import check_delta
from archiver.offline.checks.displaced import check_displaced
from archiver.offline.checks.images import blob_ranges, check_images
from archiver.offline.checks.index import Counts, check_index, check_pages
from archiver.offline.checks.members import check_members, check_padding, member_ranges
from archiver.offline.checks.package import check_package, entry_ranges
from archiver.offline.checks.program import check_program
from archiver.offline.checks.ranges import Range, sum_ranges
from archiver.offline.checks.record import check_record
from archiver.offline.checks.search import check_search, pages_of
from archiver.offline.checks.signature import check_signature, check_signer
from archiver.offline.checks.volumes import check_volumes, volume_ranges
from archiver.offline.checks.warc import check_records
from archiver.offline.imagetar import ImageTar, read_image_tar
from archiver.offline.names import IMAGES, PROGRAM, SEARCH, SIGNATURE, SUMS
from archiver.offline.problems import Findings, Problem, inside
from archiver.offline.signature import can_check, parse_signature
from archiver.offline.structure import Structure, read_structure
from archiver.offline.sums import MOST_BYTES
from archiver.offline.volumes import open_source
from archiver.offline.wacz import Wacz, open_wacz
from archiver.offline.windows import Part

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.bundlejson import Contents, DocsEntry
    from archiver.offline.problems import Report
    from archiver.offline.signature import Signer
    from archiver.offline.volumes import Source

UNSIGNED = "unsigned"
NOT_CHECKED = "signature not checked"
SIGNED = "signed"
REFUSED = "signature refused"


@dataclass(frozen=True)
class VerifyReport:
    """What a bundle is and what is wrong with it.

    ``format``, ``project`` and ``snapshot`` are empty where bundle.json cannot be read. ``bytes`` is the
    whole's length; ``captures`` counts those of the snapshot's view that are in it. ``signature`` is one of
    UNSIGNED, NOT_CHECKED, REFUSED and SIGNED; with the last, ``signer`` is who did. ``key`` is what it says that it is
    signed with (kind and fingerprint; anybody can make a key), else empty. ``problems`` are those of whole volumes, then
    the others in the order found.
    """

    path: str
    format: str
    project: str
    snapshot: str
    bytes: int
    members: int
    captures: int
    images: int
    files: int
    signature: str
    signer: Signer | None
    key: str
    problems: tuple[Problem, ...]

    @classmethod
    def unreadable(cls, path: Path, problems: Sequence[Problem]) -> VerifyReport:
        """Return the report of what cannot be opened as a bundle."""
        return cls(str(path), "", "", "", 0, 0, 0, 0, 0, UNSIGNED, None, "", tuple(problems))

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_bundle(path: Path, progress: Progress | None = None, signers: Path | None = None) -> VerifyReport:
    """Check every digest, structure and cross-reference of a bundle and list all problems.

    Args:
        path: the bundle, as ``volumes.open_source`` takes it.
        progress: is told of the bytes read.
        signers: the list of those of whom one must have signed it; None where anybody may, or nobody.

    Raises:
        NotABundle: the file cannot be recognised as a bundle at all.
        VolumeUnfit: a volume is missing, or too short or too long to be one.
        StoreError: the file cannot be read, or there is no room for a temporary copy of the search index.
        UsageError: there is no such list of signers.
    """
    with closing(open_source(path)) as source:
        findings, whole = Findings(), Findings()
        captures = 0
        try:
            structure = read_structure(source, str(path), findings.report)
        except NotABundle:
            damaged = _damaged_volumes(source, progress or NullProgress())
            if damaged:
                return VerifyReport.unreadable(path, damaged)
            raise
        check = _Check(source, structure, findings.report)
        check.run(progress or NullProgress())
        if structure.contents is not None:
            bundle = OpenBundle(path, source, structure, structure.contents)
            captures = _check_record(bundle, check.indexes, findings.report, progress or NullProgress())
        else:
            check_displaced(source, findings.report)
        signer = _check_signature(source, structure, signers, findings.report)
        unchecked = SIGNATURE in structure.members and not can_check()
        check_volumes(source, check.sums, findings.problems, whole.report, unchecked=unchecked)
        contents = structure.contents
        return VerifyReport(
            path=str(path),
            format=FORMAT if contents else "",
            project=contents.project if contents else "",
            snapshot=contents.snapshot if contents else "",
            bytes=source.size,
            members=len(structure.members),
            captures=captures,
            images=len(contents.images) if contents else 0,
            files=len(contents.files) if contents else 0,
            signature=_state(structure, signers, signer),
            signer=signer,
            key=_key(source, structure),
            problems=whole.problems + findings.problems,
        )


def _damaged_volumes(source: Source, progress: Progress) -> tuple[Problem, ...]:
    """Return which volumes are not what the list says, where nothing else can be told."""
    findings = Findings()
    with closing(progress.task("verifying", "B", source.size)) as task:
        sums = sum_ranges(source, volume_ranges(source), task.advance)
    check_volumes(source, sums, (), findings.report, unchecked=True)
    return findings.problems


def _key(source: Source, structure: Structure) -> str:
    entry = structure.members.get(SIGNATURE)
    if entry is None:
        return ""
    try:
        signature = parse_signature(source.read_at(entry.offset, min(entry.size, MOST_BYTES)))
    except InvalidDocument:  # which has been reported
        return ""
    return f"{signature.key_type} {signature.fingerprint}"


def _check_signature(
    source: Source, structure: Structure, signers: Path | None, report: Report
) -> Signer | None:
    """Check the signature, if there is one or has to be; return who signed where that was asked."""

    def read(name: str) -> bytes:
        entry = structure.members.get(name)
        return source.read_at(entry.offset, min(entry.size, MOST_BYTES)) if entry else b""

    signed = SIGNATURE in structure.members
    if signers is not None:
        return check_signer(read(SIGNATURE) if signed else None, read(SUMS), signers, report)
    if signed:
        check_signature(read(SIGNATURE), read(SUMS), report)
    return None


def _state(structure: Structure, signers: Path | None, signer: Signer | None) -> str:
    if SIGNATURE not in structure.members:
        return UNSIGNED
    if signers is None or not can_check():
        return NOT_CHECKED
    return SIGNED if signer else REFUSED


def _check_record(
    bundle: OpenBundle, indexes: Mapping[str, Counts], report: Report, progress: Progress
) -> int:
    """Check ``record/``, and of a delta its docs; return how many captures of the view are here."""
    if bundle.contents.is_delta:
        return check_delta(bundle, report, progress)
    check_record(bundle, indexes, report)
    return sum(counts.captures for counts in indexes.values())


class _Check:
    """One verification: opens what the members hold, sums every range once, then looks at the content."""

    def __init__(self, source: Source, structure: Structure, report: Report) -> None:
        self._source, self._structure, self._report = source, structure, report
        self._contents = structure.contents
        self.indexes: dict[str, Counts] = {}
        self.sums: dict[Range, str] = {}
        self._waczs = self._open_docs()
        self._images = self._open_images()

    def run(self, progress: Progress) -> None:
        with closing(progress.task("verifying", "B", self._source.size)) as task:
            sums = sum_ranges(self._source, self._ranges(), task.advance)
        self.sums = sums
        check_members(self._structure, sums, self._report)
        check_padding(self._source, self._structure.members.values(), self._report)
        self._check_docs(sums, progress)
        if self._images is not None and self._contents is not None:
            self._check_images(self._images, self._contents, sums)
        if PROGRAM in self._structure.members:
            check_program(self._part(PROGRAM), self._report)
        if SEARCH in self._structure.members and self._contents is not None and not self._contents.is_delta:
            sites = {site.name: wacz for site, wacz in self._waczs}
            check_search(self._part(SEARCH), pages_of(sites), self._report)

    def _open_docs(self) -> list[tuple[DocsEntry, Wacz]]:
        opened: list[tuple[DocsEntry, Wacz]] = []
        if self._contents is None or self._contents.is_delta:
            return opened
        by_path = {site.path: site for site in self._contents.docs}
        for site in by_path.values():
            if site.path in self._structure.members:
                wacz = open_wacz(self._part(site.path), site.name, inside(self._report, site.path))
                if wacz is not None:
                    opened.append((site, wacz))
        return opened

    def _open_images(self) -> ImageTar | None:
        if IMAGES not in self._structure.members or self._contents is None:
            return None
        return read_image_tar(self._part(IMAGES), self._offset(IMAGES), self._contents, self._report)

    def _ranges(self) -> Iterable[Range]:
        yield from member_ranges(self._structure)
        for site, wacz in self._waczs:
            yield from entry_ranges(wacz, self._offset(site.path))
        if self._images is not None:
            yield from blob_ranges(self._images)
        yield from volume_ranges(self._source)

    def _check_docs(self, sums: dict[Range, str], progress: Progress) -> None:
        if not self._waczs:
            return
        with closing(progress.task("checking docs", "sites", len(self._waczs))) as task:
            for site, wacz in self._waczs:
                report = inside(self._report, site.path)
                check_package(wacz, self._offset(site.path), sums, report)
                counts = check_index(wacz, site, report)
                check_pages(wacz, counts, report)
                check_records(wacz, counts.lines, report)
                self.indexes[site.name] = counts
                task.advance()

    def _check_images(self, tar: ImageTar, contents: Contents, sums: dict[Range, str]) -> None:
        check_padding(self._part(IMAGES), tar.entries, inside(self._report, IMAGES))
        check_images(self._part(IMAGES), tar, contents, sums, self._report)

    def _part(self, name: str) -> Part:
        entry = self._structure.members[name]
        return Part(self._source, entry.offset, entry.size)

    def _offset(self, name: str) -> int:
        return self._structure.members[name].offset
