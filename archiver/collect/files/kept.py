"""Files that an archive has already, and how a server is asked whether they have changed. Reads only."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Container, Iterable, Mapping

from archiver.core.clock import iso
from archiver.core.descriptor import MANIFEST_LIMIT
from archiver.core.errors import InvalidDigest, InvalidDocument, NotArchived, RecordCorrupt
from archiver.core.snapshot import FileResult
from archiver.store.fileartifact import CONFIG_LIMIT, FILE_TYPE, Provenance, StoredFile

if TYPE_CHECKING:
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.store.blobs import BlobReader

_DAMAGE = (RecordCorrupt, NotArchived, InvalidDocument, InvalidDigest)


@dataclass(frozen=True)
class KeptFile:
    """A file that is here whole.

    Attributes:
        file: what is known of it.
        manifest: the digest of its artifact.
        fetched: when its bytes came.
    """

    file: StoredFile
    manifest: Digest
    fetched: str

    @property
    def conditions(self) -> Mapping[str, str]:
        """The request headers that ask for it only if it has changed; none where its server gave no validators."""
        said = {"If-None-Match": self.file.etag, "If-Modified-Since": self.file.modified}
        return {name: value for name, value in said.items() if value}

    def result(self, path: str, index: str = "") -> FileResult:
        """Return it as a snapshot has it.

        Args:
            path: where a bundle has it.
            index: the URL of the index that listed it, if one did.
        """
        return FileResult(
            url=self.file.url,
            path=path,
            digest=str(self.file.digest),
            size=self.file.size,
            media_type=self.file.media_type,
            manifest=str(self.manifest),
            fetched=self.fetched,
            name=self.file.title,
            index=index,
        )


def kept_files(
    blobs: BlobReader,
    entries: Iterable[Descriptor],
    urls: Container[str],
    previous: Iterable[FileResult] = (),
) -> dict[str, tuple[KeptFile, ...]]:
    """Return by URL the files that are here whole; of each URL those of the last snapshot first, then the newest.

    Args:
        blobs: the layout's.
        entries: of its index.
        urls: whose files to look for.
        previous: the files of the last good snapshot.
    """
    last = {(file.url, file.manifest): file.fetched for file in previous}
    found: defaultdict[str, list[KeptFile]] = defaultdict(list)
    for entry in entries:
        if entry.artifact_type == FILE_TYPE:
            with suppress(*_DAMAGE):  # then it is fetched anew
                data = blobs.read(entry.digest, MANIFEST_LIMIT)
                file = StoredFile.from_manifest(data, what=str(entry.digest))
                if file.url in urls and blobs.size(file.digest) == file.size:
                    fetched = last.get((file.url, str(entry.digest))) or _fetched(blobs, file, entry.digest)
                    found[file.url].append(KeptFile(file, entry.digest, fetched))
    return {
        url: tuple(
            sorted(files, key=lambda each: ((url, str(each.manifest)) in last, each.fetched), reverse=True)
        )
        for url, files in found.items()
    }


def _fetched(blobs: BlobReader, file: StoredFile, manifest: Digest) -> str:
    """Return when a file's bytes came. Where nothing tells, the artifact's time on the disk is all that is known."""
    if file.has_provenance:
        data = blobs.read(file.config.digest, CONFIG_LIMIT)
        return Provenance.from_json(data, what=str(file.config.digest)).fetched
    written = blobs.path(manifest).stat().st_mtime
    return iso(datetime.fromtimestamp(int(written), timezone.utc))
