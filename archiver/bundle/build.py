"""Makes a bundle: plans every member, checks that there is room, then writes the tar in one pass."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from archiver.bundle import manifest
from archiver.bundle.closure import bundle_name, closure
from archiver.bundle.hashing import HashingSink
from archiver.bundle.members import Packed, check_names, from_archive
from archiver.bundle.readme import plaintext, webpage
from archiver.bundle.record import record_members
from archiver.bundle.runtime import build_runtime
from archiver.bundle.searchindex import page_titles, search_index
from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import StorageFull, UsageError
from archiver.core.progress import NullProgress, Progress
from archiver.core.tarstream import Member, Sink, TarWriter, data_offsets, small_member, tar_size
from archiver.offline import names
from archiver.store.atomic import atomic_file, make_folder, storage_errors
from archiver.store.images import blob_reader
from archiver.store.imagestar import blob_member
from archiver.store.snapshots import good_snapshot, read_snapshot

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents
    from archiver.core.descriptor import Platform
    from archiver.core.progress import Task
    from archiver.store.blobs import BlobReader
    from archiver.store.paths import ArchivePaths

_FIRST = b"README.html\0"  # what every bundle begins with
_NO_DIGEST = Digest("sha256", "0" * 64)  # as long as any, to measure with


@dataclass(frozen=True)
class Bundled:
    """A finished bundle: where it is, its length in bytes, the tar's own sha256 digest, and counts of what it holds.

    ``referrers`` sign or describe the images; ``failures`` are those of the archiving run, and ``left_out`` counts images that
    are archived for none of the platforms that were packed.
    """

    path: Path
    size: int
    digest: Digest
    members: int
    images: int
    referrers: int
    captures: int
    files: int
    failures: int
    left_out: int


def build_bundle(
    archive: ArchivePaths,
    project: str,
    *,
    snapshot: str | None = None,
    output: Path | None = None,
    platforms: Sequence[Platform] = (),
    progress: Progress | None = None,
) -> Bundled:
    """Pack a snapshot into one file. Same snapshot, platforms, program, Python and SQLite: same bytes.

    Args:
        archive: the archive folder.
        project: the project's name.
        snapshot: the snapshot's id; None for the project's good one.
        output: the file to make, or a folder to make it in; None for the current folder.
        platforms: which platforms of multi-platform images to pack; empty for all that are archived.
        progress: is told of the pages indexed and the bytes written.

    Raises:
        NotArchived: no such project or snapshot.
        UsageError: the file to make is there and is no bundle, or would lie among the archive's own files; or
            there is nothing for the platforms.
        BundleIncomplete: something that the snapshot names is missing from the archive or damaged there.
        BundleError: it cannot be packed: two names collide.
        StorageFull: the file does not fit; nothing is left under its name.
        StoreError: the archive cannot be read, or the file not be written.
    """
    progress = progress or NullProgress()
    paths = archive.project(project)
    record = read_snapshot(paths, snapshot or good_snapshot(paths))
    target = _target(output, bundle_name(record), archive)
    with search_index(paths, record.id, progress, target) as index:
        contents = closure(archive, record, platforms, page_titles(index) if index else None)
        for failure in contents.failures[len(record.failures) :]:
            progress.warn(f"{failure.subject} is left out: {failure.message}")
        if platforms and not (contents.docs or contents.images or contents.files):
            raise _nothing_left(contents)
        store = blob_reader(archive.images)
        plan = _Plan(contents, (*_members(contents, index, store), *record_members(paths, contents, store)))
        return _write(plan, target, progress)


def _nothing_left(contents: Contents) -> UsageError:
    archived = sorted({name for image in contents.snapshot.images for name in image.platforms if name})
    return UsageError(
        f"nothing of {contents.snapshot.project} is for {', '.join(map(str, contents.platforms))}",
        hint=f"archived are: {', '.join(archived):.300}",
    )


def _members(contents: Contents, index: Path | None, store: BlobReader) -> tuple[Member, ...]:
    """The members in front of ``record/``, in the order of docs/format.md."""
    found = [
        small_member(names.FIRST, webpage.render(contents)),
        small_member("README.txt", plaintext.render(contents)),
        small_member(names.PROGRAM, build_runtime()),
        *(wacz.member() for wacz in contents.docs),
    ]
    if index is not None:
        found.append(_file_member(names.SEARCH, index))
    if contents.images_tar is not None:
        found.append(from_archive(contents.images_tar.member(names.IMAGES)))
    found += [
        from_archive(blob_member(manifest.file_path(file), Digest.parse(file.digest), file.size, store))
        for file in contents.files
    ]
    return tuple(found)


def _file_member(path: str, source: Path) -> Member:
    with storage_errors(source):
        size = source.stat().st_size

    def write(sink: Sink) -> None:
        with source.open("rb") as stream:
            for chunk in iter(lambda: stream.read(CHUNK), b""):
                sink.write(chunk)

    return Member(path, size, write)


@dataclass(frozen=True)
class _Plan:
    """Everything that will be written but digests, and so the exact size of the whole."""

    contents: Contents
    members: tuple[Member, ...]

    def closing_members(self, packed: Sequence[Packed]) -> tuple[Member, Member]:
        """bundle.json and SHA256SUMS over the members in front of them."""
        images = next((member.offset for member in packed if member.path == names.IMAGES), 0)
        described = manifest.bundle_json(self.contents, packed, images)
        listed = Packed(names.CONTENTS, len(described), 0, Digest.of(described))
        return (
            small_member(names.CONTENTS, described),
            small_member(names.SUMS, manifest.sums((*packed, listed))),
        )

    @property
    def size(self) -> int:
        """How many bytes the tar will have."""
        layout = [(member.path, member.size) for member in self.members]
        guessed = [
            Packed(member.path, member.size, offset, _NO_DIGEST)
            for member, offset in zip(self.members, data_offsets(layout))
        ]
        return tar_size(layout + [(last.path, last.size) for last in self.closing_members(guessed)])


def _write(plan: _Plan, target: Path, progress: Progress) -> Bundled:
    check_names([*(member.path for member in plan.members), names.CONTENTS, names.SUMS])
    size = plan.size
    _check_space(target, size)
    try:
        with atomic_file(target) as stream, closing(progress.task(target.name, "B", size)) as task:
            whole = HashingSink(_Reported(stream, task))
            tar = TarWriter(whole)
            packed: list[Packed] = []
            for member in plan.members:
                task.describe(member.path)
                packed.append(_add(tar, member))
            for member in plan.closing_members(packed):
                tar.add(member)
            tar.finish()
    except StorageFull as error:
        raise StorageFull(
            f"{error.message}; the bundle needs {size} bytes", place=str(target), hint=error.hint
        ) from error
    contents = plan.contents
    return Bundled(
        target,
        tar.offset,
        whole.finish(),
        len(plan.members) + 2,
        sum(not image.result.refers_to for image in contents.images),
        sum(image.result.refers_to != "" for image in contents.images),
        sum(len(wacz.site.captures) for wacz in contents.docs),
        len(contents.files),
        len(contents.snapshot.failures),
        len(contents.failures) - len(contents.snapshot.failures),
    )


def _add(tar: TarWriter, member: Member) -> Packed:
    """Write a member and hash it on its way."""
    digest = _NO_DIGEST

    def write(sink: Sink) -> None:
        nonlocal digest
        hashing = HashingSink(sink)
        member.write(hashing)
        digest = hashing.finish()

    offset = tar.add(replace(member, write=write))
    return Packed(member.path, member.size, offset, digest)


class _Reported:
    """Passes bytes on to the file and tells the progress task of them."""

    def __init__(self, sink: Sink, task: Task) -> None:
        self._sink, self._task = sink, task

    def write(self, data: bytes) -> None:
        self._sink.write(data)
        self._task.advance(len(data))


def _target(output: Path | None, name: str, archive: ArchivePaths) -> Path:
    """Return where the bundle goes. Raises UsageError where something else would be destroyed by that."""
    target = Path(name) if output is None else output / name if output.is_dir() else output
    with storage_errors(target):
        above = target.resolve().parents
        inside = {
            archive.images.resolve(),
            *(archive.project(each).root.resolve() for each in archive.projects()),
        }
        if inside.intersection(above):
            raise UsageError(
                "a bundle cannot be made among the archive's own files",
                place=str(target),
                hint="choose another place",
            )
        if target.exists() and not _is_bundle(target):
            raise UsageError(
                "this file is there already and is no bundle",
                place=str(target),
                hint="choose another name, or remove it first",
            )
    return target


def _is_bundle(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_FIRST)) == _FIRST


def _check_space(target: Path, size: int) -> None:
    """Refuse to begin what cannot fit."""
    folder = target.absolute().parent
    with storage_errors(folder):
        make_folder(folder)
        free = shutil.disk_usage(folder).free
    if free < size:
        raise StorageFull(
            f"the bundle needs {size} bytes, {free} are free",
            place=str(folder),
            hint="free some space, or name another place with --output",
        )
