"""Pulling images in tests: as a run does, but in a hurry, and without anybody's credentials."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Mapping, Protocol, Sequence

from archiver.collect.images.pull import PullOutcome, pull_images
from archiver.collect.images.registries import Registries
from archiver.collect.retry import Patience
from archiver.core.descriptor import REF_NAME, Platform
from archiver.core.progress import NullProgress
from archiver.core.reference import Reference
from servers.registry import Reply

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.spec.registries import RegistrySettings
    from archiver.store.images import ImageLayout


class Serving(Protocol):
    """A registry that runs."""

    host: str


AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
HASTY = Patience(attempts=3, first_wait=0.0, longest_wait=60.0, connect=5, read=5)
ABSENT = Reply(b'{"errors":[{"code":"BLOB_UNKNOWN"}]}', 404, {"Content-Type": "application/json"})
"""What a registry says of what it does not have; a 404 in other words may be anybody's."""


def registries(
    settings: Mapping[str, RegistrySettings] = MappingProxyType({}),
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    patience: Patience = HASTY,
) -> Registries:
    """Return the registries of a run; credentials come from the environment."""
    return Registries.of(
        settings,
        Path(),
        environment=os.environ,
        user_agent="archiver/test",
        progress=progress or NullProgress(),
        stop=stop or threading.Event(),
        patience=patience,
    )


def pull(layout: ImageLayout, registry: Serving, *names: str, **more: Any) -> PullOutcome:
    """Pull images by ``repository:tag`` from one registry; what refers to them only where a test asks for it."""
    return pull_all(layout, [Reference.parse(f"{registry.host}/{name}") for name in names], **more)


def pull_all(
    layout: ImageLayout,
    references: Sequence[Reference],
    *,
    platforms: tuple[Platform, ...] = (AMD64,),
    settings: Mapping[str, RegistrySettings] = MappingProxyType({}),
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    patience: Patience = HASTY,
    **more: Any,
) -> PullOutcome:
    """Pull images from wherever their references say."""
    progress = progress or NullProgress()
    with registries(settings, progress=progress, stop=stop, patience=patience) as running:
        more = {"referrers": False, **more}
        return pull_images(references, platforms, layout, running, progress=progress, **more)


def here(layout: ImageLayout) -> set[str]:
    """Return the digests of everything that has a final name."""
    return {f"sha256:{path.name}" for path in (layout.root / "blobs/sha256").iterdir()}


def named(layout: ImageLayout) -> dict[str, str]:
    """Return what index.json names: reference to digest."""
    return {entry.annotations[REF_NAME]: str(entry.digest) for entry in layout.entries() if entry.annotations}


def codes(outcome: PullOutcome) -> list[str]:
    """Return the failures' codes."""
    return [failure.code for failure in outcome.failures]
