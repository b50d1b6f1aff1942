"""Packs members into a tar in one pass: its size is known beforehand, its digests are those of what was written."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Callable, Protocol, Sequence

from archiver.bundle import manifest
from archiver.bundle.hashing import HashingSink
from archiver.bundle.members import Packed, check_names
from archiver.bundle.output.staging import staging_folder
from archiver.bundle.output.volumes import check_room
from archiver.core.digest import Digest
from archiver.core.errors import StorageFull
from archiver.core.tarstream import Member, Sink, TarWriter, data_offsets, small_member, tar_size
from archiver.offline import names

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.bundle.closure import Contents
    from archiver.bundle.output.volumes import Output, Volume
    from archiver.core.progress import Progress, Task

_NO_DIGEST = Digest("sha256", "0" * 64)  # as long as any, to measure with


class Signing(Protocol):
    """Signs SHA256SUMS."""

    @property
    def size(self) -> int:
        """The length of a signature in bytes; of some kinds of keys it may differ by a few."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature's text."""


@dataclass(frozen=True)
class Written:
    """A finished tar: its length and the number of its members, the digest of SHA256SUMS, and its volumes, if it is in such."""

    size: int
    members: int
    sums: Digest
    volumes: tuple[Volume, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that will be written but digests and the signature.

    Attributes:
        contents: what bundle.json describes.
        members: the members in front of bundle.json, in their order.
        signing: signs SHA256SUMS; None for a bundle that is not signed.
    """

    contents: Contents
    members: tuple[Member, ...]
    signing: Signing | None = None

    def closing_members(self, packed: Sequence[Packed]) -> tuple[Member, bytes]:
        """bundle.json over the members in front of it, and the text of SHA256SUMS over all of them."""
        images = next((member.offset for member in packed if member.path == names.IMAGES), 0)
        described = manifest.bundle_json(self.contents, packed, images)
        listed = Packed(names.CONTENTS, len(described), 0, Digest.of(described))
        return small_member(names.CONTENTS, described), manifest.sums((*packed, listed))

    @property
    def names(self) -> list[str]:
        """The names of all members."""
        signature = [names.SIGNATURE] if self.signing else []
        return [*(member.path for member in self.members), names.CONTENTS, names.SUMS, *signature]

    @property
    def size(self) -> int:
        """How many bytes the tar will have."""
        layout = [(member.path, member.size) for member in self.members]
        guessed = [
            Packed(member.path, member.size, offset, _NO_DIGEST)
            for member, offset in zip(self.members, data_offsets(layout))
        ]
        described, sums = self.closing_members(guessed)
        layout += [(described.path, described.size), (names.SUMS, len(sums))]
        if self.signing:
            layout.append((names.SIGNATURE, self.signing.size))
        return tar_size(layout)


def write_bundle(
    plan: Plan, target: Path, open_output: Callable[[Path, int], Output], progress: Progress
) -> Written:
    """Write a tar, and give its files their names when all of them are on the disk.

    Args:
        plan: what is in it.
        target: the name of the whole.
        open_output: makes what takes the bytes, of a folder to write in and the tar's length in bytes.
        progress: is told of the bytes written.

    Raises:
        BundleError: two members' names collide.
        LockHeld: another run is making the same bundle.
        StorageFull: it does not fit; nothing has been written, or nothing is left of it.
        StoreError: what is packed cannot be read, or the files not be written.
    """
    check_names(plan.names)
    size = plan.size
    try:
        with staging_folder(target) as folder, closing(open_output(folder, size)) as output:
            check_room(output, target)
            with closing(progress.task(target.name, "B", size)) as task:
                tar = TarWriter(_Reported(output, task))
                sums = _write_members(plan, tar, task)
            return Written(tar.offset, len(plan.names), Digest.of(sums), output.publish())
    except StorageFull as error:
        if str(size) in error.message:
            raise
        raise StorageFull(
            f"{error.message}; the bundle needs {size} bytes", place=str(target), hint=error.hint
        ) from error


def _write_members(plan: Plan, tar: TarWriter, task: Task) -> bytes:
    """Write all of the tar and return the text of SHA256SUMS."""
    packed: list[Packed] = []
    for member in plan.members:
        task.describe(member.path)
        packed.append(_add(tar, member))
    described, sums = plan.closing_members(packed)
    tar.add(described)
    tar.add(small_member(names.SUMS, sums))
    if plan.signing:
        tar.add(small_member(names.SIGNATURE, plan.signing.sign(sums)))
    tar.finish()
    return sums


def _add(tar: TarWriter, member: Member) -> Packed:
    """Write a member and hash it on its way, but for one that is hashed anyway."""
    if member.digest is not None and member.digest.algorithm == "sha256":
        return Packed(member.path, member.size, tar.add(member), member.digest)
    digest = _NO_DIGEST

    def write(sink: Sink) -> None:
        nonlocal digest
        hashing = HashingSink(sink)
        member.write(hashing)
        digest = hashing.finish()

    offset = tar.add(replace(member, write=write))
    return Packed(member.path, member.size, offset, digest)


class _Reported:
    """Passes bytes on and tells the progress task of them."""

    def __init__(self, sink: Sink, task: Task) -> None:
        self._sink, self._task = sink, task

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self._task.advance(len(data))
