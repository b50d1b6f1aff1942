"""What can be wrong with a bundle, as typed values.

Everything that reads a bundle's structure tells what it finds to a ``Report``. Opening passes one that
refuses at the first problem; ``verify`` passes one that collects them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Mapping

from archiver.core.errors import BundleDamaged, FormatUnsupported
from archiver.core.printable import printable

Report = Callable[[str, str, str], None]
"""Takes a problem's code, where it is (a member's name, ``: ``, a name inside of it) and details."""

MEANINGS: Mapping[str, str] = {
    "tar.header": "a header is not the one that the member's name and size give",
    "tar.name": "a member's name is absolute, leaves the folder, or has characters that names must not have",
    "tar.duplicate": "two members have the same name, or names that some file systems take for the same",
    "tar.truncated": "the file ends inside a member, or before the end blocks",
    "tar.padding": "the bytes between a member and the next header are not zero",
    "tar.trailing": "there is something behind the end blocks",
    "tar.members": "there are more members than any bundle has",
    "member.missing": "a member that must be there is not",
    "member.unexpected": "a member is there that the format does not know, or that no list names",
    "member.order": "a member is not at the place that the format gives it",
    "member.digest": "a member's content is not what its checksum says",
    "sums.form": "SHA256SUMS is not the text that the members and their digests give",
    "bundle.document": "bundle.json is not JSON of the expected shape",
    "bundle.format": "bundle.json has a format that this program does not know",
    "bundle.member": "bundle.json and the tar disagree about a member's place, size or digest",
    "bundle.reference": "an entry of bundle.json speaks of something that is not there, or is there otherwise",
    "zip.structure": "the zip's directory and its entries do not account for every byte, or contradict each other",
    "zip.entry": "a zip entry is compressed, has a wrong checksum, or is none that belongs there",
    "wacz.document": "a document inside the WACZ is malformed",
    "wacz.resource": "datapackage.json and the WACZ's entries disagree",
    "wacz.index": "the index is malformed, out of order, or does not lie as index.idx says",
    "wacz.dangling": "an index line, a page or a revisit speaks of a record that is not there",
    "wacz.unindexed": "a record has no line in the index",
    "warc.record": "a record is not whole, or its headers are not those of such a record",
    "warc.pair": "a response or revisit is not followed by its request",
    "warc.digest": "a record's content is not what its digest says",
    "images.document": "oci-layout, index.json, manifest.json or a manifest is malformed",
    "images.digest": "a blob's content is not what its name says",
    "images.size": "a blob has another size than a descriptor or bundle.json says",
    "images.missing": "a blob that a manifest points to, or an image that bundle.json lists, is not there",
    "images.unreferenced": "a blob is there that nothing points to",
    "images.disagree": "index.json, manifest.json, the manifests and bundle.json do not say the same",
    "search.database": "search.sqlite is not a sound search index",
    "search.dangling": "the search index speaks of a page that is not in the docs",
    "record.document": "a document below record/ is malformed, or the capture index is out of order",
    "record.disagree": "the snapshot's record, its capture index or its report is not that of the rest of the bundle",
    "record.file": "the artifact that wraps a file in an archive is not whole, or not that file's",
    "delta.record": "a delta's record is not what the snapshot's capture index, or a revisit that refers to it, says",
    "delta.unindexed": "a delta has a record that the snapshot's capture index does not name",
    "program.zip": "archiver.pyz is not a sound zip application",
    "signature.form": "SHA256SUMS.sig is not an SSH signature",
    "signature.wrong": "SHA256SUMS.sig is not a signature over SHA256SUMS",
    "signature.missing": "signers were named, and the bundle is not signed",
    "signature.signer": "signers were named, and none of them signed, or not at a time or for a purpose that the list allows",
    "signature.unchecked": "signers were named, and this machine has no ssh-keygen that can check the signature",
    "volume.unfit": "a volume is missing, or is too short or too long to be one: replace this file",
    "volume.digest": "a volume's content is not what the list of volumes says: replace this file",
    "volume.list": "the list of volumes gives a volume that is sound another digest: replace the list",
    "volume.unexpected": "a file has a volume's name, and the list of volumes does not name it: remove it",
    "bundle.unrecognised": "the file is no bundle, or damaged beyond recognition",
    "requires.missing": "deltas were given, and something that they build on is in none of the bundles given",
    "archive.snapshot": "a snapshot's record or capture index, or the list of images, is missing or damaged",
    "archive.quarantine": "what the guard refused of a source cannot be read: its record or its capture index is missing or damaged",
    "archive.capture": "a page's record is missing from the archive folder, or is not what the capture index says",
    "archive.blob": "a blob of an image or file is missing from the archive folder, or its content is not what its name says",
    "verify.many": "there are more problems than are listed",
}
"""Every code there is, and what it means. Codes are stable: scripts may match on them."""

_MOST = 10_000


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: a code of ``MEANINGS``, the place, and what is there instead."""

    code: str
    where: str
    detail: str

    def __post_init__(self) -> None:
        assert self.code in MEANINGS, self.code

    def __str__(self) -> str:
        return f"{self.where}: {self.detail} [{self.code}]"


class Findings:
    """Collects problems, in the order found, up to a bound that no honest bundle reaches."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def report(self, code: str, where: str, detail: str) -> None:
        """Take a problem; this is a Report."""
        if len(self._problems) < _MOST:
            self._problems.append(Problem(code, printable(where), printable(detail)))
        elif len(self._problems) == _MOST:
            self._problems.append(Problem("verify.many", "", f"more than {_MOST} problems"))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found so far."""
        return tuple(self._problems)

    def __len__(self) -> int:
        return len(self._problems)


def refuse(code: str, where: str, detail: str) -> None:
    """Raise BundleDamaged (or FormatUnsupported) for the first problem; this is a Report."""
    if code == "bundle.format":
        raise FormatUnsupported(detail, place=where, hint="use the archiver.pyz inside the bundle")
    raise BundleDamaged(
        f"{printable(detail)} [{code}]",
        place=printable(where),
        hint="the copy is damaged or was changed: run archiver verify on it for the whole list",
    )


def inside(report: Report, outer: str) -> Report:
    """Return a Report for what lies inside a member: places get the member's name in front."""

    def nested(code: str, where: str, detail: str) -> None:
        report(code, f"{outer}: {where}" if where else outer, detail)

    return nested
