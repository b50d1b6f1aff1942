"""The headers of images.tar: which blobs it has, and where; compared with bundle.json.

Source: docs/format.md, "images/images.tar".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest
from archiver.core.tarheader import BLOCK, header
from archiver.offline.names import IMAGES
from archiver.offline.problems import inside
from archiver.offline.tarwalk import Entry, Layout, walk

if TYPE_CHECKING:
    from archiver.offline.bundlejson import Contents
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

LAYOUT = "oci-layout"
INDEX = "index.json"
SAVED = "manifest.json"  # as docker save writes it
PART_DOCUMENTS = (LAYOUT, INDEX)  # docker could not load a part
DOCUMENTS = (*PART_DOCUMENTS, SAVED)


@dataclass(frozen=True)
class ImageTar:
    """What images.tar holds.

    ``offset`` is where it begins in the bundle, in bytes; ``entries`` are all its members in order, with
    offsets of their own; ``blobs`` are those of them that are blobs.
    """

    offset: int
    entries: tuple[Entry, ...]
    blobs: dict[Digest, Entry]

    def document(self, name: str) -> Entry | None:
        """Return one of the documents in front of the blobs, or None where it is missing."""
        return next((entry for entry in self.entries if entry.name == name), None)


def blob_name(digest: Digest) -> str:
    """Return the name that a blob has in an OCI image layout."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


def read_image_tar(source: RandomAccess, offset: int, contents: Contents, report: Report) -> ImageTar:
    """Walk the headers of images.tar.

    Args:
        source: images.tar.
        offset: where it begins in the bundle, in bytes.
        contents: bundle.json.
        report: is told of each problem; places are within the bundle.
    """
    report = inside(report, IMAGES)

    def known() -> Layout:
        named = [(blob_name(blob.digest), blob) for blob in contents.blobs]
        return {
            blob.offset - offset - len(header(name, blob.size)): (name, blob.size) for name, blob in named
        }

    documents = DOCUMENTS if contents.since is None else PART_DOCUMENTS
    for blob in (
        contents.blobs
    ):  # thousands of headers, gigabytes apart: a medium that is asked for one at a time takes long
        source.prefetch(blob.offset - offset - BLOCK, BLOCK)
    entries = tuple(walk(source, report, known))
    blobs: dict[Digest, Entry] = {}
    for entry in entries:
        digest = _digest(entry.name)
        if digest is not None:
            blobs[digest] = entry
        elif entry.name not in documents:
            report("member.unexpected", entry.name, "no images.tar has a member of this name")
    for name in documents:
        if all(entry.name != name for entry in entries):
            report("member.missing", name, "images.tar must have this member")
    expected = (*documents, *map(blob_name, sorted(blobs)))
    named = set(expected)
    there = [entry.name for entry in entries if entry.name in named]
    present = set(there)
    if there != [name for name in expected if name in present]:
        report("member.order", "", "the members do not stand in their order")
    _compare(blobs, offset, contents, report)
    return ImageTar(offset, entries, blobs)


def _digest(name: str) -> Digest | None:
    parts = name.split("/")
    if len(parts) != 3 or parts[0] != "blobs":
        return None
    try:
        return Digest.parse(":".join(parts[1:]))
    except InvalidDigest:
        return None


def _compare(blobs: dict[Digest, Entry], offset: int, contents: Contents, report: Report) -> None:
    listed = {blob.digest: blob for blob in contents.blobs}
    for digest in sorted(set(blobs) - set(listed)):
        report("member.unexpected", blob_name(digest), "bundle.json does not list the blob")
    for digest, blob in listed.items():
        entry = blobs.get(digest)
        if entry is None:
            report(
                "images.missing", blob_name(digest), "bundle.json lists the blob, images.tar does not have it"
            )
        elif (entry.offset + offset, entry.size) != (blob.offset, blob.size):
            report(
                "bundle.member",
                blob_name(digest),
                f"{entry.size} bytes at {entry.offset + offset}, but bundle.json says {blob.size} at {blob.offset}",
            )
