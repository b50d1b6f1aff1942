"""Pushing images: blobs first, then manifests from the leaves up, tags last; what refers to an image behind it.

Source: OCI distribution-spec v1.1, "Pushing".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.core.descriptor import INDEXES, MANIFEST_LIMIT, Platform
from archiver.core.digest import Digest
from archiver.core.errors import (
    ArchiverError,
    FetchError,
    IndexRefused,
    NotArchived,
    RegistryError,
    StatusRefused,
    Stopped,
)
from archiver.offline.pushing.plan import ImagePlan, ShelfBlobs, plan_image
from archiver.offline.pushing.referrers import ReferrerLists, fallback_tag, referrer_descriptor
from archiver.offline.pushing.registry import TargetRepository
from archiver.offline.pushing.transfers import AT_A_TIME, Tally, Transfers

if TYPE_CHECKING:
    from archiver.core.progress import Progress, Task
    from archiver.offline.holdings import ImageShelf
    from archiver.offline.pushing.names import Placement
    from archiver.offline.pushing.registry import TargetRegistry
    from archiver.store.imagewalk import StoredManifest

_DEEPEST = 16  # of what refers to what refers to …
_MOST_NAMES = 6


@dataclass(frozen=True)
class PushedImage:
    """An image that is in the registry now.

    Attributes:
        placement: what it is called there.
        digest: what the name points to.
        platform: the platform whose manifest stands in for the index; None where nothing stands in.
    """

    placement: Placement
    digest: Digest
    platform: Platform | None

    @property
    def name(self) -> str:
        """Its full name in the registry, by its tag, or by its digest where it is asked for by that."""
        target = self.placement.target
        return f"{target.name}@{self.digest}" if target.digest is not None else str(target)


@dataclass(frozen=True)
class Refusal:
    """Something that could not be pushed: what (by name and digest), what it should be called, and why."""

    source: str
    target: str
    digest: str
    error: ArchiverError


@dataclass(frozen=True)
class PushOutcome:
    """What came of a push."""

    pushed: tuple[PushedImage, ...]
    refused: tuple[Refusal, ...]
    tally: Tally


def push_images(
    placements: Sequence[Placement],
    shelf: ImageShelf,
    registry: TargetRegistry,
    progress: Progress,
    *,
    flatten: Platform | None = None,
) -> PushOutcome:
    """Push images; where one fails, the others go on.

    What the registry has is not sent again. No manifest and no digest is changed, unless ``flatten`` asks for it.

    Args:
        placements: the images, and what they shall be called.
        shelf: where they are.
        registry: where they shall be.
        progress: is told of the bytes that are done with.
        flatten: the platform whose manifest is to stand in for an index that lists what is not here.

    Raises:
        FetchError: the registry cannot be reached, or lets us not in: nothing was sent.
        Stopped: the work was ended from outside; what was pushed by then stays.
    """
    if not placements:
        return PushOutcome((), (), Tally())
    registry.check(placements[0].target.repository)
    task = progress.task("pushing", "B")
    try:
        return _Push(ShelfBlobs(shelf), registry, task, flatten).run(placements)
    finally:
        task.close()


class _Push:
    """One push."""

    def __init__(
        self, blobs: ShelfBlobs, registry: TargetRegistry, task: Task, flatten: Platform | None
    ) -> None:
        self._blobs, self._registry, self._task, self._flatten = blobs, registry, task, flatten
        self._transfers = Transfers(blobs, task)
        self._repositories: dict[str, TargetRepository] = {}
        self._lists = ReferrerLists()
        self._pushed: list[PushedImage] = []
        self._refused: list[Refusal] = []

    def run(self, placements: Sequence[Placement]) -> PushOutcome:
        lists = [placement for placement in placements if _is_list(placement)]
        plans = self._planned([placement for placement in placements if not _is_list(placement)])
        for plan in plans:
            self._transfers.need(self._repository(plan.repository), plan.blobs)
        self._task.expect(self._transfers.size)
        executor = ThreadPoolExecutor(AT_A_TIME)
        try:
            self._transfers.begin(executor)
            self._push_all(plans)
        except BaseException:
            self._registry.abort()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
        self._push_lists(lists)
        return PushOutcome(tuple(self._pushed), tuple(self._refused), self._transfers.tally)

    def _planned(self, placements: Sequence[Placement]) -> list[ImagePlan]:
        """Return what is to be done, what refers to something behind that."""
        plans = []
        for placement in placements:
            try:
                plans.append(plan_image(placement, self._blobs, self._flatten))
            except NotArchived as error:
                if not self._is_there(placement):
                    self._refuse(placement, error)
            except ArchiverError as error:
                self._refuse(placement, error)
        owners = {str(stored.descriptor.digest): plan for plan in plans for stored in plan.manifests}
        return sorted(plans, key=lambda plan: _depth(plan, owners))  # a stable sort

    def _is_there(self, placement: Placement) -> bool:
        """Say whether the registry has an image that is not here: a delta lacks what its base brought there."""
        image, target = placement.image, placement.target
        try:
            if self._repository(target.repository).manifest_digest(target.selector) != str(image.digest):
                return False
        except FetchError:
            return False
        self._pushed.append(PushedImage(placement, image.digest, None))
        return True

    def _push_all(self, plans: Sequence[ImagePlan]) -> None:
        lost = {refused.digest for refused in self._refused}
        arrived: set[str] = set()
        for plan in plans:
            about = plan.placement.image.refers_to
            digests = {str(stored.descriptor.digest) for stored in plan.manifests}
            try:
                if about in lost - arrived:
                    raise RegistryError("what it refers to could not be pushed", place=about)
                self._push_one(plan)
            except Stopped:
                raise
            except ArchiverError as error:
                self._refuse(plan.placement, error)
                lost |= digests
            else:
                arrived |= digests

    def _push_one(self, plan: ImagePlan) -> None:
        repository = self._repository(plan.repository)
        self._transfers.wait(repository, plan.blobs)
        *children, root = plan.manifests
        for child in children:
            self._push_manifest(repository, str(child.descriptor.digest), child)
        try:
            self._push_manifest(repository, plan.selector, root)
        except StatusRefused as error:
            if not plan.absent:
                raise
            raise _sparse(plan, error) from error
        self._pushed.append(PushedImage(plan.placement, root.descriptor.digest, plan.platform))

    def _push_manifest(self, repository: TargetRepository, selector: str, stored: StoredManifest) -> None:
        at, subject = stored.descriptor, stored.manifest.subject
        here = repository.manifest_digest(selector) == str(at.digest)
        if here and subject is None:
            return
        data = self._blobs.read(at.digest, MANIFEST_LIMIT)
        listed = None if here else repository.put_manifest(selector, data, at.media_type, at.digest)
        if subject is not None:
            self._lists.pushed(repository, subject.digest, referrer_descriptor(stored, data), listed=listed)

    def _push_lists(self, archived: Sequence[Placement]) -> None:
        """Bring the lists of what refers to something up to date, where the registry does not keep them itself."""
        for placement in archived:
            image, repository = placement.image, self._repository(placement.target.repository)
            try:
                data = self._blobs.read(image.digest, MANIFEST_LIMIT)
                self._lists.archived(repository, Digest.parse(image.refers_to), data)
            except ArchiverError as error:
                self._refuse(placement, error)
        for repository, subject, reason in self._lists.update():
            place = f"{self._registry.name}/{repository.name}:{fallback_tag(subject)}"
            self._refused.append(
                Refusal(f"the list of what refers to {subject}", place, str(subject), reason)
            )

    def _repository(self, name: str) -> TargetRepository:
        return self._repositories.setdefault(name, TargetRepository(self._registry, name))

    def _refuse(self, placement: Placement, error: ArchiverError) -> None:
        image = placement.image
        self._refused.append(Refusal(image.reference, str(placement.target), str(image.digest), error))


def _is_list(placement: Placement) -> bool:
    """Say whether this is not an image but the list of what refers to one, at the tag where clients look for it."""
    image = placement.image
    if not image.refers_to or image.media_type not in INDEXES:
        return False
    return placement.source.named_tag == fallback_tag(Digest.parse(image.refers_to))


def _depth(plan: ImagePlan, owners: Mapping[str, ImagePlan]) -> int:
    """Return how many others an image is behind: what it refers to, what that refers to, and so on."""
    depth, owner = 0, owners.get(plan.placement.image.refers_to)
    while owner is not None and depth < _DEEPEST:
        depth, owner = depth + 1, owners.get(owner.placement.image.refers_to)
    return depth


def _sparse(plan: ImagePlan, error: StatusRefused) -> IndexRefused:
    names = ", ".join(str(child.platform or child.digest) for child in plan.absent[:_MOST_NAMES])
    further = len(plan.absent) - _MOST_NAMES
    here = next((stored.descriptor.platform for stored in plan.manifests if stored.descriptor.platform), "P")
    return IndexRefused(
        "the registry takes an index only together with all that it lists, and what it lists is only here in part"
        f" (not here: {names}{f' and {further} more' if further > 0 else ''}): {error.message}",
        place=error.place,
        hint="push a bundle that was made without --platform; or give --flatten "
        f"{here}: then the tag points to that platform's manifest, whose digest is another than the image's",
    )
