"""What a plan says. All sizes are in bytes; None stands for what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archiver.collect.images.ratelimit import RateLimit
    from archiver.collect.images.selection import Mention, Unexpanded
    from archiver.core.snapshot import Failure

NEW = "new"
"""The last good snapshot does not have it."""
MOVED = "moved"
"""The tag means another digest than in the last good snapshot, or the file has other content."""
UNCHANGED = "unchanged"
"""It is what the last good snapshot has."""
GONE = "gone"
"""The last good snapshot has it, and upstream has it no longer."""
FAILED = "failed"
"""Nobody could say what it is; the plan's failures tell why."""
UNKNOWN = "unknown"
"""Nobody was asked."""
INDEX = "index"
"""Kind of what is not expanded: a page or document that lists files."""


@dataclass(frozen=True)
class Amount:
    """How much something is.

    Attributes:
        size: of all that belongs to it, each blob and manifest once.
        here: how much of that the archive has.
        fetch: what it adds to what is to be fetched; content that several share counts for the first of them.
    """

    size: int = 0
    here: int = 0
    fetch: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.size + other.size, self.here + other.here, self.fetch + other.fetch)


@dataclass(frozen=True)
class PlannedImage:
    """An image, or a signature, SBOM or attestation that comes along with one.

    Attributes:
        reference: what it is asked for by.
        asked: where the spec asks for it.
        state: NEW, MOVED, UNCHANGED, GONE, FAILED or UNKNOWN.
        digest: what the reference means now; empty where that is not known.
        before: what it means in the last good snapshot; empty where that does not have it.
        platforms: of what would be kept; empty for what runs nowhere.
        amount: how much it is; None where that is not known.
        location: the registry or mirror that its content would come from; empty where that is not known.
        refers_to: the digest of the manifest that this artifact is about; empty for what the spec itself asks for.
        artifact_type: what kind of artifact it is; empty for an image.
    """

    reference: str
    asked: Mention
    state: str
    digest: str = ""
    before: str = ""
    platforms: tuple[str, ...] = ()
    amount: Amount | None = None
    location: str = ""
    refers_to: str = ""
    artifact_type: str = ""


@dataclass(frozen=True)
class PlannedFile:
    """A file.

    Attributes:
        url: where it is.
        state: NEW, MOVED, UNCHANGED, GONE, FAILED, or UNKNOWN where its server does not say whether it is unchanged.
        index: the index that lists it; empty where the spec names the file itself.
        name: its own name, as its server gives it; empty where nobody said.
        amount: how much it is; None where nobody said.
    """

    url: str
    state: str
    index: str = ""
    name: str = ""
    amount: Amount | None = None


@dataclass(frozen=True)
class PlannedSite:
    """A doc site: what a crawl of it finds is not known before."""

    name: str
    seeds: tuple[str, ...]


@dataclass(frozen=True)
class RegistryLoad:
    """What archiving would ask of one registry or mirror.

    Attributes:
        registry: the host, with a path where it is a mirror below one.
        images: how many images it would give.
        fetch: how much.
        counted: how many requests of the kind that Docker Hub counts that takes: GETs of manifests.
        used: how many of them making this plan took.
        limit: what the registry says about them; None where it says nothing.
    """

    registry: str
    images: int = 0
    fetch: int = 0
    counted: int = 0
    used: int = 0
    limit: RateLimit | None = None


@dataclass(frozen=True)
class Plan:
    """What archiving a spec would fetch.

    Attributes:
        project: the spec's project.
        title: the project's title, for people.
        platforms: the platforms that the spec asks for; empty for all of them.
        offline: whether it was made without any network, so that nothing is known but what the spec says.
        sites: its doc sites.
        images: its images, in the spec's order.
        files: its files, in the spec's order.
        unexpanded: what could not be expanded into images and files.
        registries: what each registry would be asked for.
        failures: what could not be planned, as ``archive`` would list it.
        total: of all images and files together; content that several share counts once.
    """

    project: str
    title: str
    platforms: tuple[str, ...]
    offline: bool
    sites: tuple[PlannedSite, ...] = ()
    images: tuple[PlannedImage, ...] = ()
    files: tuple[PlannedFile, ...] = ()
    unexpanded: tuple[Unexpanded, ...] = ()
    registries: tuple[RegistryLoad, ...] = ()
    failures: tuple[Failure, ...] = ()
    total: Amount = Amount()
