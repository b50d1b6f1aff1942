"""Makes a bundle: plans every member, checks that there is room, then writes the tar in one pass."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Sequence

from archiver.bundle import manifest
from archiver.bundle.closure import bundle_name, closure
from archiver.bundle.members import from_archive
from archiver.bundle.newrecords import NewRecords
from archiver.bundle.output.target import target_path
from archiver.bundle.output.volumes import Volumes, WholeFile, volume_bytes
from archiver.bundle.packing import Plan, write_bundle
from archiver.bundle.readme import facts, plaintext, webpage
from archiver.bundle.record import record_members
from archiver.bundle.runtime import build_runtime
from archiver.bundle.searchindex import index_digest, new_documents, page_titles, search_index
from archiver.bundle.signing import signing_key
from archiver.bundle.since import read_base
from archiver.core.descriptor import Platform
from archiver.core.digest import CHUNK, Digest
from archiver.core.errors import UsageError
from archiver.core.progress import NullProgress, Progress
from archiver.core.tarstream import Member, Sink, small_member
from archiver.offline import names
from archiver.offline.volumelist import list_path, whole_of
from archiver.store.atomic import storage_errors
from archiver.store.images import blob_reader, undisturbed
from archiver.store.imagestar import blob_member
from archiver.store.snapshots import good_snapshot, read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.bundle.closure import Contents
    from archiver.bundle.output.volumes import Output, Volume
    from archiver.bundle.signing import SigningKey
    from archiver.bundle.since import Base
    from archiver.core.judgement import Judgement
    from archiver.core.snapshot import Snapshot
    from archiver.store.blobs import BlobReader
    from archiver.store.paths import ArchivePaths


@dataclass(frozen=True)
class Bundled:
    """A finished bundle: what to open it by, its length in bytes, and counts of what it holds.

    ``path`` is the file, or the list of the ``volumes`` where it is made in such. ``sums`` is the digest of SHA256SUMS, which
    vouches for all that is in the bundle; ``key`` is what it was signed with, if it was.
    ``alarms`` are the sources that were not healthy, of which the last good captures are packed.
    ``referrers`` sign or describe the images; ``failures`` are those of the archiving run, and ``left_out`` counts images that
    are archived for none of the platforms that were packed. ``new`` says of a delta what is in it; all other counts are of
    the whole snapshot.
    """

    path: Path
    size: int
    volumes: tuple[Volume, ...]
    sums: Digest
    key: SigningKey | None
    members: int
    images: int
    referrers: int
    captures: int
    files: int
    alarms: tuple[Judgement, ...]
    failures: int
    left_out: int
    new: NewSince | None


@dataclass(frozen=True)
class NewSince:
    """What is in a delta: the snapshot of its base and that one's usual name, and counts of WARC pairs, blobs of images, and files."""

    snapshot: str
    bundle: str
    records: int
    blobs: int
    files: int


def build_bundle(
    archive: ArchivePaths,
    project: str,
    *,
    snapshot: str | None = None,
    since: Path | None = None,
    output: Path | None = None,
    platforms: Sequence[Platform] = (),
    volume_size: int | None = None,
    sign: Path | None = None,
    progress: Progress | None = None,
) -> Bundled:
    """Pack a snapshot into one file, or into volumes of it.

    Same snapshot, options, program, Python and SQLite: same bytes, but for signatures by keys that are not
    ``deterministic``.

    Args:
        archive: the archive folder.
        project: the project's name.
        snapshot: the snapshot's id; None for the project's good one.
        since: an earlier bundle (or its bundle.json) whose readers get only what is new; None to pack everything.
        output: the file to make, or a folder to make it in; None for the current folder.
        platforms: which platforms of multi-platform images to pack; empty for all that are archived.
        volume_size: how many bytes volumes are to have; None for one file.
        sign: the key to sign it with, see ``signing.signing_key``; None to leave it unsigned.
        progress: is told of the pages indexed and the bytes written.

    Raises:
        NotArchived: no such project or snapshot.
        UsageError: the file to make is there and is no bundle, or would lie among the archive's own files; no
            image is archived for one of the platforms; the volumes are too small; nothing can build on ``since``.
        NotABundle, BundleDamaged: ``since`` is no sound bundle.
        SigningFailed: the key cannot sign; this is found out before anything is packed.
        LockHeld: another run is making the same bundle.
        BundleIncomplete: something that the snapshot names is missing from the archive or damaged there.
        BundleError: it cannot be packed: two names collide.
        StorageFull: the file does not fit; nothing is left under its name.
        StoreError: the archive cannot be read, or the file not be written.
    """
    progress = progress or NullProgress()
    with ExitStack() as held:
        held.enter_context(undisturbed(archive.images))
        paths = archive.project(project)
        record = read_snapshot(paths, snapshot or good_snapshot(paths))
        _check_platforms(record, platforms)
        most = volume_bytes(volume_size) if volume_size is not None else None
        base = read_base(since, paths, record, progress) if since is not None else None
        target = target_path(output, bundle_name(record, base), archive)
        if since is not None and whole_of(since).resolve() == target.resolve():
            raise UsageError(
                "the delta would take the place of its base", place=str(target), hint="choose another name"
            )
        key = held.enter_context(signing_key(sign)) if sign is not None else None
        index = held.enter_context(search_index(paths, record.id, progress, target))
        contents = closure(archive, record, platforms, page_titles(index) if index else None, base)
        for failure in contents.failures[len(record.failures) :]:
            progress.warn(f"{failure.subject} is left out: {failure.message}")
        if sentence := facts.zstd_sentence(contents):
            progress.note(sentence)
        if base is not None and index is not None:
            contents = replace(contents, search_digest=index_digest(index))
            index = held.enter_context(new_documents(index, paths, base, progress, target))
        store = blob_reader(archive.images)
        readmes = (
            small_member(names.FIRST, webpage.render(contents, signed=key is not None)),
            small_member("README.txt", plaintext.render(contents, signed=key is not None)),
        )
        members = (*readmes, *_members(contents, index, store), *record_members(paths, contents, store))
        plan = Plan(contents, members, key)

        def open_output(folder: Path, size: int) -> Output:
            return Volumes(folder, target, size, most) if most else WholeFile(folder, target, size)

        written = write_bundle(plan, target, open_output, progress)
    return Bundled(
        list_path(target) if written.volumes else target,
        written.size,
        written.volumes,
        written.sums,
        key,
        written.members,
        sum(not image.result.refers_to for image in contents.images),
        sum(image.result.refers_to != "" for image in contents.images),
        sum(len(wacz.site.captures) for wacz in contents.docs),
        len(contents.files),
        tuple(judgement for judgement in record.judgements if judgement.is_alarm),
        len(record.failures),
        len(contents.failures) - len(record.failures),
        _new(contents, base) if base else None,
    )


def _new(contents: Contents, base: Base) -> NewSince:
    return NewSince(
        base.snapshot,
        f"{contents.snapshot.project}-{base.snapshot}{f'-since-{base.since}' if base.since else ''}.tar",
        sum(docs.records for docs in contents.docs if isinstance(docs, NewRecords)),
        len(contents.images_tar.blobs) if contents.images_tar else 0,
        len(contents.packed_files),
    )


def _check_platforms(record: Snapshot, wanted: Sequence[Platform]) -> None:
    """Refuse a platform that no image has been archived for: it is misspelt, or the spec does not ask for it."""
    archived = sorted({name for image in record.images for name in image.platforms if name})
    for platform in wanted if archived else ():
        if not any(Platform.parse(name).matches(platform) for name in archived):
            raise UsageError(
                f"no image of {record.project} is archived for {platform}",
                hint=f"archived are: {', '.join(archived):.300}",
            )


def _members(contents: Contents, index: Path | None, store: BlobReader) -> tuple[Member, ...]:
    """The members between the READMEs and ``record/``, in the order of docs/format.md."""
    found = [
        small_member(names.PROGRAM, build_runtime()),
        *(wacz.member() for wacz in contents.docs),
    ]
    if index is not None:
        found.append(_file_member(names.SEARCH, index))
    if contents.images_tar is not None:
        found.append(from_archive(contents.images_tar.member(names.IMAGES)))
    found += [
        from_archive(blob_member(manifest.file_path(file), Digest.parse(file.digest), file.size, store))
        for file in contents.packed_files
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
