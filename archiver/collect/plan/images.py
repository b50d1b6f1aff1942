"""Images of a plan: what upstream has of them now, and what of that is here."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, Sequence

from archiver.collect.images.failures import extra_failure, image_failure, meaning
from archiver.collect.images.image import Claims
from archiver.collect.images.reading import ManifestReader, Memo, read_blob
from archiver.collect.images.referrers import Referrers, subjects_of
from archiver.collect.images.walk import UNUSABLE, Miss, walk
from archiver.collect.plan.asking import Question, answers
from archiver.collect.plan.model import (
    FAILED,
    GONE,
    MOVED,
    NEW,
    UNCHANGED,
    PlannedImage,
    RegistryLoad,
)
from archiver.core.errors import InternalError, Stopped, StoreError, TagGone

if TYPE_CHECKING:
    from archiver.collect.images.ratelimit import RateLimits
    from archiver.collect.images.referrers import Extra
    from archiver.collect.images.registries import Registries
    from archiver.collect.images.registry import Document
    from archiver.collect.images.repository import Repository
    from archiver.collect.images.selection import Mention
    from archiver.collect.images.walk import Tree
    from archiver.collect.plan.holdings import Holdings, Tally
    from archiver.core.descriptor import Descriptor, Platform
    from archiver.core.digest import Digest
    from archiver.core.progress import Progress
    from archiver.core.reference import Reference
    from archiver.core.snapshot import Failure, ImageResult

_MOST_HELD = 64 << 20  # bytes of manifests that are held until the plan is made


@dataclass(frozen=True)
class Content:
    """What there is of an image, or of an artifact that comes along with one.

    Attributes:
        reference: what it is asked for by.
        digest: what that means.
        platforms: of the manifests that would be kept.
        blobs: all blobs, manifests and indexes that would be kept.
        artifact_type: what kind of artifact it is; empty for an image.
        refers_to: the digest of the manifest that it is about; None for what the spec itself asks for.
    """

    reference: Reference
    digest: Digest
    platforms: tuple[str, ...]
    blobs: tuple[Descriptor, ...]
    artifact_type: str = ""
    refers_to: Digest | None = None

    @classmethod
    def of(cls, reference: Reference, tree: Tree, refers_to: Digest | None = None) -> Content:
        """Return what a tree amounts to; the manifests' own bytes are not held."""
        documents = (*tree.indexes, *(leaf.document for leaf in tree.leaves))
        pointed = (blob for document in documents for blob in document.manifest.blobs)
        return cls(
            reference,
            tree.root.descriptor.digest,
            tuple(str(leaf.platform) for leaf in tree.leaves if leaf.platform and not leaf.attests),
            (*(document.descriptor for document in documents), *pointed),
            tree.root.manifest.artifact_kind,
            refers_to,
        )


@dataclass(frozen=True)
class Examined:
    """What upstream has for one reference.

    Attributes:
        reference: the reference.
        content: what it means; None where nobody could say, or nothing of it can be had.
        extras: what refers to that.
        told: the registry or mirror that said what the reference means; empty where nobody was asked.
        sent: the one that sent what had to be fetched for the plan; empty where nothing had to be.
        failures: what cannot be had.
    """

    reference: Reference
    content: Content | None = None
    extras: tuple[Content, ...] = ()
    told: str = ""
    sent: str = ""
    failures: tuple[Failure, ...] = ()


class Counted:
    """Counts the manifests that had to be fetched for a plan, by registry or mirror. Used by several threads.

    It holds the first of them, so that tags with one digest cost one request together, as they do in a pull.
    """

    def __init__(self) -> None:
        self.by_location = Counter[str]()
        self._held: list[Document] = []
        self._bytes = 0
        self._lock = threading.Lock()

    def came(self, document: Document) -> None:
        """Take note of a manifest."""
        with self._lock:
            self.by_location[document.location] += 1
            self._bytes += len(document.data)
            if self._bytes <= _MOST_HELD:
                self._held.append(document)


@dataclass(frozen=True)
class ImageExaminer:
    """Asks registries what images are. Used by several threads.

    Attributes:
        registries: whom to ask.
        holdings: what is here.
        platforms: which platforms to keep; empty for all.
        referrers: whether signatures, SBOMs and attestations are kept, too.
        previous: the images of the last good snapshot, by reference.
        asked: the references that the plan is about.
        counted: is told of each manifest that has to be fetched.
    """

    registries: Registries
    holdings: Holdings
    platforms: tuple[Platform, ...]
    referrers: bool
    previous: Mapping[str, ImageResult]
    asked: frozenset[Reference]
    counted: Counted
    memo: Memo = field(default_factory=Memo)
    claims: Claims = field(default_factory=Claims)

    def all(self, wanted: Sequence[Reference], progress: Progress) -> tuple[Examined, ...]:
        """Examine images, several at a time; the registries answer nothing else afterwards.

        Args:
            wanted: references, each once.
            progress: gets the task ``images``.

        Returns:
            What there is of each, in the order asked.

        Raises:
            Stopped: the work was stopped from outside.
            StoreError: or a subclass, when the archive cannot be read.
        """
        return answers(
            [
                Question(reference.registry, str(reference), partial(self.one, reference))
                for reference in wanted
            ],
            connections=self.registries.connections,
            abort=self.registries.abort,
            task=progress.task("images", "images", len(wanted)),
        )

    def one(self, reference: Reference) -> Examined:
        """Examine an image; what cannot be had of it is told in its failures. Raises what ``all`` raises."""
        repository = self.registries.repository(reference)
        sent: list[str] = []

        def came(document: Document) -> None:
            sent.append(document.location)
            self.counted.came(document)

        reader = ManifestReader(
            repository,
            self.holdings.blobs,
            self.holdings.entries,
            self.memo,
            fetch_config=lambda descriptor: read_blob(repository, descriptor),
            came=came,
        )
        failures: dict[Failure, None] = {}
        found = Examined(reference)
        try:
            root = meaning(reader, reference, self.previous.get(str(reference)))
            tree = walk(root, reader, self.platforms)
            failures.update(
                (image_failure(reference, miss.error, miss.platform), None) for miss in tree.misses
            )
            if tree.leaves:
                found = Examined(reference, Content.of(reference, tree), told=root.location)
                if self.referrers:
                    search = Referrers(repository, reader, reference).of(self._unclaimed(repository, tree))
                    found = replace(found, extras=tuple(self._extras(search, reference, failures)))
        except UNUSABLE as error:
            failures[image_failure(reference, error)] = None
        except (StoreError, Stopped):
            raise
        except Exception as error:  # noqa: BLE001 - as in a pull: the other images are not to suffer
            failures[image_failure(reference, InternalError.of(error))] = None
        return replace(found, sent=sent[-1] if sent else "", failures=tuple(failures))

    def _unclaimed(self, repository: Repository, tree: Tree) -> list[Digest]:
        return [each for each in subjects_of(tree) if self.claims.claim(repository.name, each)]

    def _extras(
        self, search: Iterable[Extra | Miss], reference: Reference, failures: dict[Failure, None]
    ) -> Iterator[Content]:
        """Yield what refers to an image, and note what of it cannot be had."""
        for each in search:
            if isinstance(each, Miss):
                failures[extra_failure(reference, each.error)] = None
            elif each.reference not in self.asked:
                failures.update((extra_failure(reference, miss.error), None) for miss in each.tree.misses)
                if each.tree.leaves:
                    yield Content.of(each.reference, each.tree, each.refers_to)

    def planned(self, examined: Examined, asked: Mention, tally: Tally) -> tuple[PlannedImage, ...]:
        """Return what a plan says of an image, and of what comes along with it.

        Args:
            examined: the image.
            asked: where the spec asks for it.
            tally: adds up the content of all images, in the plan's order.
        """
        if examined.content is None:
            reference = str(examined.reference)
            before = self.previous.get(reference)
            gone = any(failure.code == TagGone.code for failure in examined.failures)
            known = before.digest if before else ""
            return (PlannedImage(reference, asked, GONE if gone else FAILED, before=known),)
        place = examined.sent or _first_source(self.registries.repository(examined.reference))
        return tuple(
            self._planned(content, asked, tally, place, examined.told)
            for content in (examined.content, *examined.extras)
        )

    def _planned(self, content: Content, asked: Mention, tally: Tally, place: str, told: str) -> PlannedImage:
        reference, digest = str(content.reference), str(content.digest)
        before = self.previous.get(reference)
        amount = tally.add(content.blobs)
        state = NEW if before is None else UNCHANGED if before.digest == digest else MOVED
        return PlannedImage(
            reference=reference,
            asked=asked,
            state=state,
            digest=digest,
            before=before.digest if before else "",
            platforms=content.platforms,
            amount=amount,
            location=place if amount.fetch else told,
            refers_to=str(content.refers_to or ""),
            artifact_type=content.artifact_type,
        )


def registry_loads(
    images: Iterable[PlannedImage], counted: Mapping[str, int], limits: RateLimits
) -> tuple[RegistryLoad, ...]:
    """Return what archiving images would ask of each registry and mirror: first those that give images, in their order.

    Args:
        images: the plan's images.
        counted: how many manifests are to be fetched from each.
        limits: what the registries said, and what was asked of them.
    """
    given: dict[str, list[PlannedImage]] = {}
    for image in images:
        if image.location:
            given.setdefault(image.location, []).append(image)
    named = dict.fromkeys((*given, *sorted(counted)))
    hosts = {location.partition("/")[0] for location in named}
    others = (host for host in sorted(limits.counted) if host not in hosts)
    loads = []
    for location in (*named, *others):
        here, host = given.get(location, ()), location.partition("/")[0]
        loads.append(
            RegistryLoad(
                location,
                images=sum(not image.refers_to for image in here),
                fetch=sum(image.amount.fetch for image in here if image.amount),
                counted=counted.get(location, 0),
                used=limits.counted.get(host, 0),
                limit=limits.known.get(host),
            )
        )
    return tuple(loads)


def _first_source(repository: Repository) -> str:
    return repository.content_sources()[0].location
