"""What a bundle carries so that an archive can take the snapshot in again: docs/format.md, "record/"."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.core import jsontext
from archiver.core.descriptor import MANIFEST_LIMIT
from archiver.core.digest import Digest, verified_chunks
from archiver.core.errors import ArchiverError, BundleIncomplete, ContentError
from archiver.core.tarstream import Member, Sink, small_member
from archiver.offline import names
from archiver.store.atomic import storage_errors
from archiver.store.fileartifact import CONFIG_LIMIT, StoredFile

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.bundle.closure import Contents
    from archiver.core.snapshot import FileResult
    from archiver.store.blobs import BlobReader
    from archiver.store.paths import ProjectPaths


def record_members(paths: ProjectPaths, contents: Contents, store: BlobReader) -> tuple[Member, ...]:
    """Return the members below ``record/``, in their order.

    Args:
        paths: the files of the snapshot's project.
        contents: what is packed.
        store: the archive's blobs, for the artifacts that wrap files.

    Raises:
        BundleIncomplete: the snapshot's report, or the artifact of one of its files, is missing or damaged.
    """
    snapshot = contents.snapshot
    packed = replace(snapshot, images=tuple(image.result for image in contents.images))
    found = [
        small_member(names.RECORD, packed.to_json()),
        _captures(paths.captures(snapshot.id), Digest.parse(snapshot.captures_digest)),
        *_reports(paths, contents),
    ]
    if contents.files:
        lines = (_file_line(file, store) for file in contents.files)
        found.append(small_member(names.FILE_RECORDS, "".join(lines).encode("ascii")))
    return tuple(found)


def _captures(path: Path, digest: Digest) -> Member:
    with storage_errors(path):
        size = path.stat().st_size

    def write(sink: Sink) -> None:
        with storage_errors(path):
            opened = path.open("rb")
        try:
            with opened as stream:
                for chunk in verified_chunks(stream, digest, size):
                    sink.write(chunk)
        except ContentError as error:
            raise BundleIncomplete(
                f"the capture index is not the one the snapshot names: {error.message}", place=str(path)
            ) from error

    return Member(names.CAPTURES, size, write)


def _reports(paths: ProjectPaths, contents: Contents) -> list[Member]:
    """The run's report, as data and as a page; nothing where the archive has not both."""
    snapshot = contents.snapshot
    document, page = paths.report(snapshot.id), paths.report_page(snapshot.id)
    with storage_errors(document):
        if not (document.is_file() and page.is_file()):
            return []
        data, text = document.read_bytes(), page.read_bytes()
    if str(Digest.of(data)) != snapshot.report_digest:
        raise BundleIncomplete(
            "the run's report is not the one the snapshot names",
            place=str(document),
            hint="without this file the bundle can be made, and has no report",
        )
    return [small_member(names.REPORT, data), small_member(names.REPORT_PAGE, text)]


def _file_line(file: FileResult, store: BlobReader) -> str:
    try:
        text = store.read(Digest.parse(file.manifest), MANIFEST_LIMIT)
        wrapped = StoredFile.from_manifest(text, what=file.manifest)
        config = store.read(wrapped.config.digest, CONFIG_LIMIT)
        described = {
            "digest": file.manifest,
            "manifest": text.decode("utf-8"),
            "config": config.decode("utf-8"),
        }
    except (ArchiverError, UnicodeDecodeError) as error:
        reason = error.message if isinstance(error, ArchiverError) else "it is no text"
        raise BundleIncomplete(
            f"the artifact that wraps {file.url} cannot be packed: {reason}",
            place=file.manifest,
            hint="archive again",
        ) from error
    return jsontext.dump_line(described) + "\n"
