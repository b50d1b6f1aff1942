"""A plan with the network: what registries and servers say now, beside what the archive has."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Mapping

from archiver.collect.asking import retired_sources
from archiver.collect.images.registries import Registries
from archiver.collect.images.selection import Mention, selected
from archiver.collect.plan.files import planned_files
from archiver.collect.plan.holdings import Holdings, Tally
from archiver.collect.plan.images import Counted, ImageExaminer, registry_loads
from archiver.collect.plan.model import FAILED, GONE, Plan, PlannedImage
from archiver.collect.plan.offline import planned_sites
from archiver.collect.useragent import user_agent
from archiver.collect.view import failing_still
from archiver.core.descriptor import Platform
from archiver.core.errors import InvalidDocument, NotArchived, Stopped
from archiver.core.judgement import FILES, IMAGES
from archiver.core.progress import NullProgress
from archiver.store.snapshots import good_snapshot, read_snapshot

if TYPE_CHECKING:
    import threading

    from archiver.collect.plan.model import PlannedFile, RegistryLoad
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Failure, FileResult, ImageResult, Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths


def plan_project(
    loaded: LoadedSpec,
    archive: ArchivePaths,
    *,
    stop: threading.Event,
    progress: Progress | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Plan:
    """Return what archiving a spec would fetch, as registries and servers say now. Nothing is written anywhere.

    Args:
        loaded: the spec.
        archive: the archive folder, which need not exist.
        stop: set from outside to end early.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.

    Raises:
        SpecError: a variable is missing or cannot be sent, or a certificate cannot be read.
        KeyboardInterrupt: it was stopped.
        StoreError, InvalidDocument: the archive cannot be read.
    """
    planner = _Planner(loaded, archive, stop, progress or NullProgress(), environment)
    try:
        return planner.plan()
    except Stopped as stopped:
        raise KeyboardInterrupt from stopped


@dataclass(frozen=True)
class _Planner:
    loaded: LoadedSpec
    archive: ArchivePaths
    stop: threading.Event
    progress: Progress
    environment: Mapping[str, str] = field(repr=False)

    def plan(self) -> Plan:
        spec, holdings = self.loaded.spec, Holdings.of(self.archive)
        asked = spec.asked_images
        tally = Tally(holdings)
        before = self._before()
        retired = retired_sources(spec, before)
        images_before = before.images if before else ()
        files_before = before.files if before else ()
        images, loads, failures = (
            self._images(holdings, tally, images_before) if IMAGES not in retired else ((), (), ())
        )
        files, file_failures = self._files(holdings, files_before) if FILES not in retired else ((), ())
        return Plan(
            project=spec.project,
            title=spec.title or spec.project,
            platforms=asked.platforms if asked else (),
            offline=False,
            sites=tuple(site for site in planned_sites(spec) if site.name not in retired),
            images=images,
            files=files,
            registries=loads,
            failures=(*failing_still(failures, images_before), *failing_still(file_failures, files_before)),
            total=sum((file.amount for file in files if file.amount), tally.total),
        )

    def _before(self) -> Snapshot | None:
        """Return the last good snapshot; None where there is none that can be read."""
        paths = self.archive.project(self.loaded.spec.project)
        try:
            return read_snapshot(paths, good_snapshot(paths))
        except NotArchived:
            return None
        except InvalidDocument as error:
            self.progress.warn(f"{paths.name}: the last good snapshot cannot be read: {error}")
            return None

    def _images(
        self, holdings: Holdings, tally: Tally, before: tuple[ImageResult, ...]
    ) -> tuple[tuple[PlannedImage, ...], tuple[RegistryLoad, ...], tuple[Failure, ...]]:
        spec = self.loaded.spec.asked_images
        if spec is None:
            return (), (), ()
        registries = Registries.for_spec(
            self.loaded,
            environment=self.environment,
            progress=self.progress,
            stop=self.stop,
        )
        with registries:
            asked = selected(spec, self.loaded.folder, registries, before)
            counted = Counted()
            examiner = ImageExaminer(
                registries=registries,
                holdings=holdings,
                platforms=tuple(map(Platform.parse, spec.platforms)),
                referrers=spec.referrers,
                previous={image.reference: image for image in before},
                asked=frozenset(asked.references),
                counted=counted,
            )
            examined = examiner.all(asked.references, self.progress)
            images = [
                image
                for each in examined
                for image in examiner.planned(each, asked.mentions[each.reference], tally)
            ]
            loads = registry_loads(images, counted.by_location, registries.rate_limits)
        known = {image.reference: image.digest for image in before}
        lost = [
            PlannedImage(str(reference), Mention(), state, before=known[str(reference)])
            for state, references in ((GONE, asked.gone), (FAILED, asked.kept))
            for reference in references
        ]
        failures = (*asked.failures, *(failure for each in examined for failure in each.failures))
        # What is lost belongs to repositories that the spec itself names: in front of what lists do.
        return tuple(sorted((*images, *lost), key=lambda image: bool(image.asked.list))), loads, failures

    def _files(
        self, holdings: Holdings, before: tuple[FileResult, ...]
    ) -> tuple[tuple[PlannedFile, ...], tuple[Failure, ...]]:
        spec = self.loaded.spec
        if not spec.files:
            return (), ()
        return planned_files(
            spec.files,
            holdings,
            before,
            user_agent=user_agent(spec),
            progress=self.progress,
            stop=self.stop,
        )
