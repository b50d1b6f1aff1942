"""Loading the images of bundles into docker, podman or containerd, by their own commands over a pipe.

Measured with Debian 12's docker 20.10, podman 4.3 and containerd 1.6: see docs/handing-over.md, "What reads images.tar".
"""

from __future__ import annotations

import platform as machine
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Protocol, Sequence

from archiver.core.descriptor import Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import (
    BundleDamaged,
    ContentError,
    InvalidDigest,
    InvalidDocument,
    LayersUnsupported,
    NotArchived,
    RecordCorrupt,
    RuntimeRefused,
    RuntimeUnavailable,
    UsageError,
)
from archiver.core.progress import NullProgress, Progress
from archiver.core.reference import Reference
from archiver.offline.loading.choosing import choices, selected
from archiver.offline.loading.piping import pipe, run_quietly
from archiver.store.imagestar import ImagesTar, TarImage

if TYPE_CHECKING:
    from archiver.offline.loading.choosing import Choice
    from archiver.offline.loading.shelf import JoinedImages

ZSTD_NOTE = "Docker before version 23 cannot load them; podman, containerd and skopeo can"
"""Who refuses layers that are packed with zstd; to be read behind "layers packed with zstd"."""
_DOCKER_KNOWS_ZSTD = 23  # the major version whose engine learned it
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_SOON = ("--connect-timeout", "3s")  # a daemon that runs answers at once; ctr would wait for ten seconds
_MOST_NAMES = 5  # in one message


@dataclass(frozen=True)
class Loaded:
    """An image that a runtime has now.

    Attributes:
        reference: its full reference.
        platform: what it runs on, as text; empty where nobody says so.
        name: what the runtime calls it: for docker and podman, which know no digest for a tag, empty where the
            reference has one.
        identity: the image ID (docker, podman), or the digest that the name stands for (containerd).
    """

    reference: str
    platform: str
    name: str
    identity: str


class ContainerRuntime(Protocol):
    """What images are loaded into. Its methods raise RuntimeUnavailable where it does not answer."""

    @property
    def name(self) -> str:
        """What users call it."""

    def prepare(self) -> Platform:
        """Ask whether it is there, and return what it runs images for."""

    def check(self, chosen: Sequence[Choice]) -> None:
        """Refuse what it cannot unpack, before anything is sent. Raises LayersUnsupported."""

    def shipments(self, chosen: Sequence[Choice]) -> Sequence[tuple[Sequence[str], Sequence[TarImage]]]:
        """Return the commands to run, each with the images that its standard input gets."""

    def present(self, chosen: Sequence[Choice]) -> Sequence[Loaded]:
        """Return what it has of these images now. Raises RuntimeRefused where one is not there."""


class DockerLike:
    """docker or podman: both load what ``docker save`` writes, one platform a name, and know no manifest's digest.

    Args:
        name: the runtime, and its command.
        version: arguments that print version and platform, such as ``20.10.24 linux/amd64``.
    """

    def __init__(self, name: str, version: Sequence[str]) -> None:
        self.name = name
        self._version = version
        self._answer = ""

    def prepare(self) -> Platform:
        """See ContainerRuntime."""
        self._answer = run_quietly([self.name, *self._version]).strip()
        try:
            return Platform.parse(self._answer.rpartition(" ")[2])
        except InvalidDocument as error:
            raise RuntimeUnavailable(f"it answers {self._answer!r:.200}", place=self.name) from error

    def check(self, chosen: Sequence[Choice]) -> None:
        """See ContainerRuntime."""
        major = self._answer.partition(".")[0]
        packed = [choice.reference for choice in chosen if "zstd" in choice.compressions]
        if self.name != "docker" or not packed or not major.isdigit() or int(major) >= _DOCKER_KNOWS_ZSTD:
            return
        more = f" and {len(packed) - _MOST_NAMES} more" if len(packed) > _MOST_NAMES else ""
        raise LayersUnsupported(
            f"docker {self._answer.partition(' ')[0]} cannot unpack layers packed with zstd: "
            f"{', '.join(packed[:_MOST_NAMES])}{more}",
            place=self.name,
            hint="docker 23 and later can, and so can podman and containerd; --image REF loads only what you name",
        )

    def shipments(self, chosen: Sequence[Choice]) -> Sequence[tuple[Sequence[str], Sequence[TarImage]]]:
        """See ContainerRuntime."""
        images = [_alone(choice) for choice in chosen]
        return [([self.name, "load", "--quiet"], images)]

    def present(self, chosen: Sequence[Choice]) -> Sequence[Loaded]:
        """See ContainerRuntime."""
        names = [_tagged(choice.reference) for choice in chosen]
        asked = [name or _config(choice) for name, choice in zip(names, chosen)]
        try:
            told = run_quietly([self.name, "image", "inspect", "--format", "{{.Id}}", *asked]).split()
        except RuntimeUnavailable as error:
            raise RuntimeRefused(
                f"an image is not there after loading: {error.message}", place=self.name
            ) from error
        if len(told) != len(asked):
            raise RuntimeRefused(
                f"{len(asked)} images were loaded, it has {len(told)} of them", place=self.name
            )
        return [
            Loaded(
                choice.reference, str(choice.platform or ""), name, f"sha256:{identity.rpartition(':')[2]}"
            )
            for choice, name, identity in zip(chosen, names, told)
        ]


class Containerd:
    """containerd by ``ctr``: it keeps names and digests as they are, and takes one platform of an index at a time.

    Args:
        namespace: containerd's namespace; Kubernetes looks in ``k8s.io``.
    """

    name = "containerd"

    def __init__(self, namespace: str) -> None:
        self._ctr = ["ctr", "--namespace", namespace]

    def prepare(self) -> Platform:
        """See ContainerRuntime."""
        run_quietly([*self._ctr, *_SOON, "version"])
        return _here()

    def check(self, chosen: Sequence[Choice]) -> None:
        """See ContainerRuntime: it takes all that images can be made of."""

    def shipments(self, chosen: Sequence[Choice]) -> Sequence[tuple[Sequence[str], Sequence[TarImage]]]:
        """See ContainerRuntime. Without ``--platform`` ctr wants this machine's of each index to be there."""
        here = _here()
        groups: dict[str, list[TarImage]] = {}
        for choice in chosen:
            usual = not choice.indexes or choice.platform is None or choice.platform.matches(here)
            groups.setdefault("" if usual else str(choice.platform), []).append(_with_indexes(choice))
        return [
            ([*self._ctr, "images", "import", *(["--platform", group] if group else []), "-"], images)
            for group, images in groups.items()
        ]

    def present(self, chosen: Sequence[Choice]) -> Sequence[Loaded]:
        """See ContainerRuntime."""
        rows = [line.split() for line in run_quietly([*self._ctr, "images", "list"]).splitlines()]
        digests: Mapping[str, str] = {row[0]: row[2] for row in rows if len(row) > 2}
        for choice in chosen:
            if digests.get(choice.reference) != str(choice.root.digest):
                raise RuntimeRefused("it does not have the image after importing it", place=choice.reference)
        return [
            Loaded(choice.reference, str(choice.platform or ""), choice.reference, str(choice.root.digest))
            for choice in chosen
        ]


def runtime(name: str, namespace: str) -> ContainerRuntime | None:
    """Return the runtime that users call so, or None where none is called so.

    Args:
        name: ``docker``, ``podman`` or ``containerd``.
        namespace: containerd's namespace.
    """
    if name == "docker":
        return DockerLike(
            name, ["version", "--format", "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}"]
        )
    if name == "podman":
        return DockerLike(name, ["info", "--format", "{{.Version.Version}} {{.Host.OS}}/{{.Host.Arch}}"])
    return Containerd(namespace) if name == "containerd" else None


def load_images(
    shelf: JoinedImages,
    into: ContainerRuntime,
    references: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[Loaded, ...]:
    """Load images into a runtime, each for the runtime's own platform where the bundles have that.

    Args:
        shelf: the images, and their blobs.
        into: the runtime.
        references: which images, as ``docker pull`` would take them; all of them where none is named.
        progress: is told of the bytes sent, and of what is no image.

    Returns:
        What the runtime has now, an image each.

    Raises:
        UsageError: there is no image to load, or none of such a name.
        RuntimeUnavailable: the runtime is not here, or does not answer.
        LayersUnsupported: the runtime is known not to take the layers; nothing was sent.
        DeltaIncomplete: blobs are missing; nothing was sent.
        RuntimeRefused: the runtime did not take the images.
        BundleDamaged: a blob is not what its digest says; the runtime's command was stopped before its input ended.
        StoreError: a bundle cannot be read.
    """
    progress = progress or NullProgress()
    entries = selected(shelf.entries, references)
    platform = into.prepare()
    chosen = choices(shelf, entries, platform)
    others = len(entries) - len(chosen)
    if others:
        progress.note(
            f"{others} of {len(entries)} are charts, signatures or other artifacts, which {into.name} cannot load; "
            "archiver push takes them, and so does load --into DIR"
        )
    if not chosen:
        raise UsageError("there is no image to load")
    into.check(chosen)
    for command, images in into.shipments(chosen):
        tar = ImagesTar(images, shelf)
        with closing(progress.task(f"into {into.name}", "B", tar.size)) as task:
            try:
                pipe(tar, command, task)
            except (ContentError, RecordCorrupt, NotArchived) as error:
                raise BundleDamaged(
                    f"a blob is damaged, and {into.name} was stopped before it had all: {error.message}",
                    place=_place(shelf, error.place),
                    hint="archiver verify lists all that is damaged",
                ) from error
    return tuple(into.present(chosen))


def _here() -> Platform:
    """What containers on this machine run on: ctr works on this machine only."""
    architecture = machine.machine().lower()
    return Platform("linux", _MACHINES.get(architecture, architecture))


def _alone(choice: Choice) -> TarImage:
    """An image as its chosen manifest: all that a ``docker save`` archive can say."""
    root = Descriptor(choice.descriptor.media_type, choice.descriptor.digest, choice.descriptor.size)
    return TarImage(choice.reference, root, choice.blobs, choice.manifest)


def _with_indexes(choice: Choice) -> TarImage:
    return TarImage(choice.reference, choice.root, {**choice.indexes, **choice.blobs}, choice.manifest)


def _tagged(reference: str) -> str:
    """What docker calls an image; empty where a digest pins it."""
    parsed = Reference.parse(reference)
    return f"{parsed.name}:{parsed.named_tag}" if parsed.named_tag else ""


def _config(choice: Choice) -> str:
    return str(choice.manifest.config.digest) if choice.manifest.config is not None else ""


def _place(shelf: JoinedImages, text: str | None) -> str | None:
    try:
        return shelf.place(Digest.parse(text or ""))
    except InvalidDigest:
        return text
