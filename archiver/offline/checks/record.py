"""Whether ``record/`` is what an archive can take in, and says of the snapshot what the rest of the bundle says.

Source: docs/format.md, "record/", "Snapshot record" and "Capture index".
"""

from __future__ import annotations

from collections import defaultdict
from typing import IO, TYPE_CHECKING, Any, Callable, Iterator, Mapping

from archiver.core import jsontext
from archiver.core.capture import Capture
from archiver.core.clock import parse_iso
from archiver.core.descriptor import Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, InvalidDigest, InvalidDocument, RecordCorrupt
from archiver.core.manifest import layer_compressions
from archiver.core.snapshot import Snapshot
from archiver.offline.checks.index import Counts
from archiver.offline.loading.shelf import joined_images
from archiver.offline.names import CAPTURES, CONTENTS, FILE_RECORDS, FILES, RECORD, REPORT
from archiver.store.captureindex import capture_lines
from archiver.store.fileartifact import StoredFile
from archiver.store.imagewalk import walk_image

if TYPE_CHECKING:
    from archiver.core.snapshot import FileResult
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.bundlejson import Contents, DocsEntry
    from archiver.offline.problems import Report

_MOST_RECORD = 256 << 20
_MOST_FILE_LINE = 64 << 20  # a manifest and a config, as JSON strings
_PLATFORM = "bundle.platform"  # the code of the failures that packing adds
_SITE_FACTS = ("name", "seeds", "origins", "requisite_origins", "pages", "gone")


def check_record(
    bundle: OpenBundle,
    indexes: Mapping[str, Counts],
    report: Report,
    seen: Callable[[Capture], None] = lambda _: None,
) -> None:
    """Check all that is below ``record/``.

    Args:
        bundle: the bundle, its structure read.
        indexes: what the docs' own indexes have, by the site's name; none in a delta.
        report: is told of each problem.
        seen: is shown each capture of the view, in order.
    """
    snapshot = read_record(bundle, report)
    if snapshot is None:
        return
    check_snapshot(snapshot, bundle.contents, report)
    check_report(snapshot, bundle.structure.sums, report)
    check_manifests(bundle, snapshot, report)
    check_files(bundle, snapshot, report)
    if CAPTURES in bundle.structure.members:
        with bundle.open_member(CAPTURES) as stream:
            view = CaptureView(stream, snapshot, report)
            view.run(seen)
        view.compare_docs(bundle.contents.docs)
        view.compare_indexes(indexes)


def read_record(bundle: OpenBundle, report: Report) -> Snapshot | None:
    """Read record/snapshot.json; None where it is not there or malformed, which is reported."""
    try:
        return Snapshot.from_json(bundle.read_member(RECORD, _MOST_RECORD), what=RECORD)
    except ArchiverError as error:
        report("record.document", RECORD, error.message)
        return None


def check_snapshot(snapshot: Snapshot, contents: Contents, report: Report) -> None:
    """Check the snapshot record's times, and compare it with bundle.json."""
    for name, text in _times(snapshot):
        try:
            parse_iso(text)
        except ValueError:
            report("record.document", RECORD, f"{name}: {text!r:.40} is not a time")
    for name, there, said in _facts(snapshot, contents):
        if there != said:
            report("record.disagree", RECORD, f"its {name} are not what {CONTENTS} says")


def _times(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """When what happened, by name; an archive goes by the times when names were resolved."""
    yield "started", snapshot.started
    yield "finished", snapshot.finished
    yield from ((image.reference, image.resolved) for image in snapshot.images)
    yield from ((file.url, file.fetched) for file in snapshot.files)


def _facts(snapshot: Snapshot, contents: Contents) -> Iterator[tuple[str, Any, Any]]:
    """What both say, by name: first the record's, then bundle.json's."""
    yield (
        "project, title, id and time",
        (snapshot.project, snapshot.title, snapshot.id, snapshot.finished),
        (contents.project, contents.title, contents.snapshot, contents.created),
    )
    yield "captures", snapshot.captures_digest, str(contents.captures_digest)
    yield "judgements", snapshot.judgements, contents.judgements
    packed = {site.name for site in contents.docs}
    yield (
        "doc sites",
        [_site(site) for site in snapshot.sites if site.name in packed],
        [_site(site) for site in contents.docs],
    )
    yield (
        "images",
        [
            (
                image.reference,
                image.digest,
                image.media_type,
                image.size,
                image.platforms,
                image.refers_to,
                image.artifact_type,
                image.resolved,
                image.gone,
            )
            for image in snapshot.images
        ],
        [
            (
                image.reference,
                str(image.digest),
                image.media_type,
                image.size,
                image.platforms,
                image.refers_to,
                image.artifact_type,
                image.resolved,
                image.gone,
            )
            for image in contents.images
        ],
    )
    yield (
        "files",
        [
            (file.url, FILES + file.path, file.digest, file.size, file.media_type, file.fetched, file.gone)
            for file in sorted(snapshot.files, key=lambda file: file.path)
        ],
        [
            (file.url, file.path, str(file.digest), file.size, file.media_type, file.fetched, file.gone)
            for file in contents.files
        ],
    )
    packing = len(snapshot.failures)
    yield "failures", snapshot.failures, contents.failures[:packing]
    yield "failures", {_PLATFORM}, {failure.code for failure in contents.failures[packing:]} | {_PLATFORM}
    yield "broken links", snapshot.broken_links, contents.broken_links
    named = any(image.reference == snapshot.reader_image for image in contents.images)
    yield "reader's image", snapshot.reader_image if named else "", contents.reader_image


def _site(site: object) -> tuple[Any, ...]:
    return tuple(getattr(site, name) for name in _SITE_FACTS)


def check_report(snapshot: Snapshot, sums: Mapping[str, Digest], report: Report) -> None:
    """Check that the run's report, where it is here, is the one that the record names."""
    if REPORT in sums and str(sums[REPORT]) != snapshot.report_digest:
        report("record.disagree", REPORT, f"not the report that {RECORD} names")


class CaptureView:
    """record/captures.cdxj.gz, read line by line: in order, well formed, as many as the record says.

    Attributes:
        sites: what it has of each doc site.
    """

    def __init__(self, stream: IO[bytes], snapshot: Snapshot, report: Report) -> None:
        self._stream, self._snapshot, self._report = stream, snapshot, report
        self.sites: dict[str, Counts] = defaultdict(Counts)

    def run(self, seen: Callable[[Capture], None]) -> None:
        """Read it to its end, or to what makes no sense any more, and show each capture to ``seen``."""
        number = 0
        try:
            for capture in self._captures():
                number += 1
                self.sites[capture.source].add(capture)
                seen(capture)
        except (ArchiverError, OSError, UnicodeDecodeError) as error:
            detail = error.message if isinstance(error, ArchiverError) else str(error)
            self._report("record.document", CAPTURES, f"behind line {number}: {detail}")
            return
        if number != self._snapshot.captures:
            self._report(
                "record.disagree", CAPTURES, f"{number} lines, {RECORD} speaks of {self._snapshot.captures}"
            )

    def _captures(self) -> Iterator[Capture]:
        last = b""
        for line in capture_lines(self._stream, CAPTURES):
            if line <= last:
                raise RecordCorrupt("the lines are not in order")
            last = line
            capture = Capture.from_cdxj(line.decode("ascii"))
            if not line.startswith(capture.key.encode() + b" "):
                raise RecordCorrupt(f"{capture.url:.200} stands under another key")
            yield capture

    def compare_docs(self, docs: tuple[DocsEntry, ...]) -> None:
        """Check that these are the captures that bundle.json speaks of."""
        said = {site.name: (site.captures, site.pages, site.oldest, site.newest) for site in docs}
        there = {
            name: (found.captures, found.pages, found.oldest, found.newest)
            for name, found in self.sites.items()
        }
        for name in sorted(set(said) | set(there)):
            if said.get(name) != there.get(name):
                self._report(
                    "record.disagree",
                    CAPTURES,
                    f"captures, pages, oldest, newest of {name} are {there.get(name)}, {CONTENTS} says {said.get(name)}",
                )

    def compare_indexes(self, indexes: Mapping[str, Counts]) -> None:
        """Check that the docs' own indexes have the very same captures."""
        for name, counts in indexes.items():
            if self.sites[name].fingerprint != counts.fingerprint:
                self._report("record.disagree", CAPTURES, f"the captures of {name} are not those of its WACZ")


def check_manifests(bundle: OpenBundle, snapshot: Snapshot, report: Report) -> None:
    """Check that the record names each image's manifests, one a platform, and bundle.json how their layers are packed.

    Of a delta, images that are not whole in it are passed over.
    """
    images = joined_images([bundle])
    for image, entry in zip(snapshot.images, bundle.contents.images):
        if len(image.platforms) != len(image.manifests):
            report("record.disagree", RECORD, f"{image.reference} has not one manifest a platform")
        root = Descriptor(entry.media_type, entry.digest, images.size(entry.digest) or 0)
        try:
            listed = {Digest.parse(text) for text in image.manifests}
        except InvalidDigest as error:
            report("record.document", RECORD, f"{image.reference}: {error.message}")
            continue
        for digest in sorted(listed.difference(bundle.contents.requires)):
            if images.size(digest) is None:
                report(
                    "images.missing", RECORD, f"{image.reference} has a manifest {digest}, which is not here"
                )
        try:
            walked = walk_image(images, root, listed.__contains__)
        except ArchiverError:  # not in this delta; or malformed, which the check of images.tar reports
            continue
        manifests = [each for each in walked if not each.manifest.is_index]
        if {each.descriptor.digest for each in manifests} != listed:
            report("record.disagree", RECORD, f"the manifests of {image.reference} are not those it leads to")
        if entry.compressions != layer_compressions(each.manifest for each in manifests):
            report("bundle.reference", entry.reference, "its layers are packed otherwise than is said")


def check_files(bundle: OpenBundle, snapshot: Snapshot, report: Report) -> None:
    """Check that record/files.jsonl has for each file the artifact that wraps it in the archive."""
    if FILE_RECORDS not in bundle.structure.members:
        return
    recorded = {FILES + file.path: file for file in snapshot.files}
    with bundle.open_member(FILE_RECORDS) as stream:
        for number, entry in enumerate(bundle.contents.files, 1):
            file = recorded.get(entry.path)
            problem = _file_problem(stream.readline(_MOST_FILE_LINE), file) if file else ""
            if problem:
                report("record.file", FILE_RECORDS, f"line {number}, of {entry.url}: {problem}")
        if stream.readline(_MOST_FILE_LINE):
            report("record.file", FILE_RECORDS, "there are more lines than files")


def _file_problem(line: bytes, file: FileResult) -> str:
    """Say what is wrong with a file's line; nothing where it is as it should be."""
    try:
        said = jsontext.load_object(line, limit=_MOST_FILE_LINE, what=FILE_RECORDS)
        texts = [said.get(name) for name in ("digest", "manifest", "config")]
        if not line.endswith(b"\n") or len(said) != len(texts) or not all(isinstance(t, str) for t in texts):
            raise InvalidDocument("not a line of digest, manifest and config")
        digest, manifest, config = map(str, texts)
        stored = StoredFile.from_manifest(manifest.encode("utf-8"), what=digest)
    except ArchiverError as error:
        return error.message
    if digest != file.manifest or str(Digest.of(manifest.encode("utf-8"))) != digest:
        return f"it is not the manifest {file.manifest}"
    if Digest.of(config.encode("utf-8")) != stored.config.digest:
        return "the config is not the one that the manifest points to"
    if (str(stored.digest), stored.size) != (file.digest, file.size):
        return "the manifest wraps another file"
    return ""
