"""The images and the files of one run: got, judged, and where the guard refuses what came, as they were before."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Mapping, TypeVar

from archiver.collect.asking import due_sources, retired_sources
from archiver.collect.guard.judging import judge_set
from archiver.collect.guard.sets import set_evidence
from archiver.collect.guard.thresholds import thresholds
from archiver.collect.images.names import name_again
from archiver.collect.mirror import Mirror
from archiver.collect.view import failing_still, without_refused
from archiver.core.clock import iso, parse_snapshot_id
from archiver.core.judgement import FILES, HEALTHY, IMAGES
from archiver.core.refusal import Refusal
from archiver.store.quarantine import write_refusal

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from archiver.collect.asking import Asking
    from archiver.collect.before import Before
    from archiver.collect.guard.evidence import SetEvidence
    from archiver.core.judgement import Judgement
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Failure, FileResult, ImageResult, Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.images import ImageLayout
    from archiver.store.paths import ProjectPaths

_Result = TypeVar("_Result", "ImageResult", "FileResult")


@dataclass(frozen=True)
class Guarded(Generic[_Result]):
    """What a snapshot has of the images or the files.

    Attributes:
        results: the images or files.
        failures: what could not be had.
        bytes: what came over the network.
        judgement: what was judged of them; None where the spec asks for none.
    """

    results: tuple[_Result, ...] = ()
    failures: tuple[Failure, ...] = ()
    bytes: int = 0
    judgement: Judgement | None = None


@dataclass(frozen=True)
class MirrorSets:
    """Collects the images and the files of one run.

    Attributes:
        loaded: the spec.
        paths: the project's files.
        layout: where images and files go; the caller holds its ``writing()``.
        run: the id of the run.
        moment: when the run began: what is due is told by that.
        asking: what is to be asked for.
        lock: the snapshot whose images and files are to be had again, by their digests; None for the newest.
        stop: set from outside to end early.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.
    """

    loaded: LoadedSpec
    paths: ProjectPaths
    layout: ImageLayout
    run: str
    moment: datetime
    asking: Asking
    lock: Snapshot | None
    stop: threading.Event
    progress: Progress
    environment: Mapping[str, str] = field(repr=False)

    def images(self, before: Before) -> Guarded[ImageResult]:
        """Get the images that the spec asks for.

        Args:
            before: what the last good snapshot has.

        Raises:
            Stopped: the run is to end.
            StoreError: or a subclass, when the archive cannot be written.
        """
        if self.loaded.spec.asked_images is None:
            return Guarded()
        earlier = before.images
        if not self._is_due(IMAGES, before):
            return self._left_alone(IMAGES, earlier, before)
        got = (
            self._mirror.images(earlier)
            if self.lock is None
            else self._mirror.locked_images(self.lock, earlier)
        )
        failures = failing_still(got.failures, earlier)
        evidence = set_evidence(earlier, got.results, failures, before.judgement(IMAGES))
        judgement = self._judged(IMAGES, evidence, before)
        results = got.results
        if judgement.verdict != HEALTHY:
            write_refusal(self.paths, Refusal(self.run, judgement, asdict(evidence), images=results))
            results = without_refused(results, got.failures, earlier)
            name_again(self.layout, results)
        return Guarded(results, failures, got.bytes, judgement)

    def files(self, before: Before) -> Guarded[FileResult]:
        """Get the files that the spec asks for. Arguments and errors are those of ``images``."""
        if not self.loaded.spec.files:
            return Guarded()
        earlier = before.files
        if not self._is_due(FILES, before):
            return self._left_alone(FILES, earlier, before)
        got = (
            self._mirror.files(earlier)
            if self.lock is None
            else self._mirror.locked_files(self.lock, earlier)
        )
        failures = failing_still(got.failures, earlier)
        evidence = set_evidence(earlier, got.results, failures, before.judgement(FILES))
        judgement = self._judged(FILES, evidence, before)
        results = got.results
        if judgement.verdict != HEALTHY:
            write_refusal(self.paths, Refusal(self.run, judgement, asdict(evidence), files=results))
            results = without_refused(results, got.failures, earlier)
        return Guarded(results, failures, got.bytes, judgement)

    def _judged(self, source: str, evidence: SetEvidence, before: Before) -> Judgement:
        limits = thresholds(self.loaded.spec)[source]
        return judge_set(source, evidence, limits, before.judgement(source), self.run, moment=self.moment)

    def _is_due(self, source: str, before: Before) -> bool:
        spec = self.loaded.spec
        if self.lock is not None:
            return source not in retired_sources(spec, before.snapshot)
        return source in due_sources(spec, self.loaded.record, before.snapshot, self.asking, self.moment)

    def _left_alone(self, source: str, earlier: tuple[_Result, ...], before: Before) -> Guarded[_Result]:
        """Return what the last good snapshot has of a set that is not due, as it is; what had changed then has not changed now."""
        failures = failing_still(before.failures(source), earlier)
        judgement = before.judgement(source)
        assert judgement is not None, "what was never judged is due"
        retired = source in self.loaded.spec.retired
        results = tuple(replace(each, was="") for each in earlier)
        return Guarded(results, () if retired else failures, 0, replace(judgement, retired=retired))

    @property
    def _mirror(self) -> Mirror:
        began = iso(parse_snapshot_id(self.run))
        return Mirror(self.loaded, self.layout, began, self.stop, self.progress, self.environment)
