"""The mirror half of one run: a spec's images and files, and what stands in for those that cannot be had.

Either what is newest is asked for, or what an earlier snapshot says: its lock record, reference to digest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Iterable, Mapping, Sequence

from archiver.collect.files.download import download_files
from archiver.collect.files.selection import selected_files
from archiver.collect.images.names import name_missing
from archiver.collect.images.pull import pull_images
from archiver.collect.images.registries import Registries
from archiver.collect.images.selection import selected, selected_offline
from archiver.collect.useragent import user_agent
from archiver.collect.view import Wanted, with_carried, with_gone, with_moves, with_referrers
from archiver.core.clock import iso, utc_now
from archiver.core.descriptor import Platform
from archiver.core.digest import Digest
from archiver.core.errors import FileGone, NotLocked, TagGone
from archiver.core.reference import Reference
from archiver.core.snapshot import Failure, FileResult, ImageResult
from archiver.spec.files import FileSource

if TYPE_CHECKING:
    import threading

    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.spec.files import FileIndex
    from archiver.spec.images import ImageSet
    from archiver.spec.load import LoadedSpec
    from archiver.store.images import ImageLayout

_IMAGES = "images"
_FILES = "files"


@dataclass(frozen=True)
class Images:
    """The images of a snapshot, what failed, and the bytes that came over the network."""

    results: tuple[ImageResult, ...] = ()
    failures: tuple[Failure, ...] = ()
    bytes: int = 0


@dataclass(frozen=True)
class Files:
    """The files of a snapshot, what failed, and the bytes that came over the network."""

    results: tuple[FileResult, ...] = ()
    failures: tuple[Failure, ...] = ()
    bytes: int = 0


@dataclass(frozen=True)
class Mirror:
    """Collects the images and files of one run.

    Attributes:
        loaded: the spec.
        layout: where they go; the caller holds its ``writing()``.
        began: when the run began, as in snapshots.
        stop: set from outside to end early.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.
    """

    loaded: LoadedSpec
    layout: ImageLayout
    began: str
    stop: threading.Event
    progress: Progress
    environment: Mapping[str, str] = field(repr=False)

    def images(self, before: Sequence[ImageResult]) -> Images:
        """Get the images that the spec asks for, as they are today.

        Args:
            before: those of the last good snapshot.

        Raises:
            Stopped: the run is to end.
            StoreError: or a subclass, when the archive cannot be written.
        """
        spec = self.loaded.spec.asked_images
        if spec is None:
            return Images()
        with self._registries() as registries:
            asked = selected(spec, self.loaded.folder, registries, before)
            outcome = pull_images(
                asked.references,
                _platforms(spec),
                self.layout,
                registries,
                previous=before,
                referrers=spec.referrers,
                progress=self.progress,
            )
            for registry, limit in sorted(registries.rate_limits.known.items()):
                self.progress.note(f"{registry} says of requests for manifests: {limit}")
        names = (*asked.references, *asked.gone, *asked.kept)
        view = with_carried(
            Wanted(dict.fromkeys(map(str, names), ""), asked.complete), outcome.images, before
        )
        if spec.referrers:
            view = with_referrers(view, before)
        failures = (*asked.failures, *outcome.failures)
        view = with_gone(view, _subjects(failures, TagGone.code), iso(utc_now()))
        name_missing(self.layout, view)
        return Images(with_moves(view, before), failures, outcome.bytes)

    def locked_images(self, lock: Snapshot, before: Sequence[ImageResult]) -> Images:
        """Get the images that an earlier snapshot had, by their digests. Arguments and errors are those of ``images``."""
        spec = self.loaded.spec.asked_images
        if spec is None:
            return Images()
        locked = {Reference.parse(image.reference): image for image in lock.images}
        # Without a set of images, the record of a spec says nothing of the reader's image's platforms.
        platforms = lock.platforms if lock.spec.get("images") else _platforms(spec)
        with self._registries() as registries:
            outcome = pull_images(
                tuple(locked),
                platforms,
                self.layout,
                registries,
                previous=before,
                referrers=False,  # those that the lock has are references of their own in it
                pinned={reference: Digest.parse(image.digest) for reference, image in locked.items()},
                progress=self.progress,
            )
        about = {image.reference: image.refers_to for image in lock.images}
        got = [replace(image, refers_to=about[image.reference]) for image in outcome.images]
        asked = selected_offline(spec, self.loaded.folder).references
        absent = [
            _not_locked(_IMAGES, str(reference), lock) for reference in asked if reference not in locked
        ]
        wanted = Wanted({image.reference: image.digest for image in lock.images})
        view = with_moves(with_carried(wanted, got, before), before)
        return Images(view, (*absent, *outcome.failures), outcome.bytes)

    def files(self, before: Sequence[FileResult]) -> Files:
        """Get the files that the spec asks for, as they are today.

        Args:
            before: those of the last good snapshot.

        Raises:
            Stopped: the run is to end.
            StoreError: or a subclass, when the archive cannot be written.
        """
        return self._downloaded(self.loaded.spec.files, before)

    def locked_files(self, lock: Snapshot, before: Sequence[FileResult]) -> Files:
        """Get the files that an earlier snapshot had, by their digests. Arguments and errors are those of ``files``."""
        asked = self.loaded.spec.files
        if not asked:
            return Files()
        locked = {file.url: file for file in lock.files}
        got = self._downloaded([_pinned(file) for file in lock.files], before)
        absent = [
            _not_locked(_FILES, source.url, lock)
            for source in asked
            if isinstance(source, FileSource) and source.url not in locked
        ]
        results = tuple(replace(file, index=locked[file.url].index) for file in got.results)
        return Files(results, (*absent, *got.failures), got.bytes)

    def _registries(self) -> Registries:
        return Registries.for_spec(
            self.loaded,
            environment=self.environment,
            progress=self.progress,
            stop=self.stop,
        )

    def _downloaded(self, sources: Sequence[FileSource | FileIndex], before: Sequence[FileResult]) -> Files:
        if not sources:
            return Files()
        agent = user_agent(self.loaded.spec)
        selection = selected_files(sources, before, user_agent=agent, progress=self.progress, stop=self.stop)
        outcome = download_files(
            selection,
            self.layout,
            previous=before,
            began=self.began,
            user_agent=agent,
            progress=self.progress,
            stop=self.stop,
        )
        paths = outcome.paths  # a carried file takes the path that is its own beside today's others
        earlier = [replace(file, path=paths[file.url]) for file in before if file.url in paths]
        view = with_carried(Wanted(selection.digests), outcome.files, earlier)
        failures = (*selection.failures, *outcome.failures)
        view = with_gone(view, _subjects(failures, FileGone.code), iso(utc_now()))
        return Files(with_moves(view, before), failures, outcome.bytes)


def _platforms(spec: ImageSet) -> tuple[Platform, ...]:
    return tuple(Platform.parse(platform) for platform in spec.platforms)


def _pinned(file: FileResult) -> FileSource:
    return FileSource(url=file.url, sha256=Digest.parse(file.digest).hex, checksums=None)


def _subjects(failures: Iterable[Failure], code: str) -> frozenset[str]:
    return frozenset(failure.subject for failure in failures if failure.code == code)


def _not_locked(source: str, subject: str, lock: Snapshot) -> Failure:
    return Failure(
        source, subject, NotLocked.code, f"snapshot {lock.id}, which is to be reproduced, does not have it"
    )
