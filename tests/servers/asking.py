"""Registries asked without pulling: in a hurry, with nobody's logins but those that a test gives."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Mapping

from archiver.collect.images.registries import Registries
from archiver.collect.retry import Patience
from archiver.core.descriptor import Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import SizeMismatch
from archiver.core.reference import Reference
from servers.registry import OCI_LAYER, Registry

if TYPE_CHECKING:
    from archiver.collect.images.registry import Source
    from archiver.collect.images.repository import Repository
    from archiver.core.progress import Task
    from archiver.spec.registries import RegistrySettings

HASTY = Patience(
    attempts=2, attempts_to_connect=2, first_wait=0.01, first_pause=0.02, paused=0.05, connect=5, read=5
)
CONTENT = b"0123456789"


@dataclass
class Notes:
    """A progress that keeps what it is told."""

    told: list[str] = field(default_factory=list)

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        """Nothing here begins one."""
        raise AssertionError(label, unit, total)

    def note(self, message: str) -> None:
        """Keep it."""
        self.told.append(message)

    def warn(self, message: str) -> None:
        """Keep it."""
        self.told.append(message)


@dataclass
class Opened:
    """Opens registries, and closes them when ``held`` ends; ``notes`` has what they tell."""

    held: ExitStack
    notes: Notes = field(default_factory=Notes)

    def __call__(
        self,
        settings: Mapping[str, RegistrySettings] | None = None,
        patience: Patience = HASTY,
        folder: Path = Path(),
        **environment: str,
    ) -> Registries:
        """Return registries by the settings of a spec in a folder, and an environment."""
        registries = Registries.of(
            settings or {},
            folder,
            environment={"HOME": "/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent", **environment},
            user_agent="archiver/test",
            progress=self.notes,
            stop=threading.Event(),
            patience=patience,
        )
        return self.held.enter_context(registries)


def repository(registries: Registries, host: str, name: str = "app") -> Repository:
    """Return a repository of a host."""
    return registries.repository(Reference.parse(f"{host}/{name}"))


def blob(*servers: Registry) -> Descriptor:
    """Put the same blob into registries."""
    made = [server.put(CONTENT) for server in servers]
    return Descriptor(OCI_LAYER, Digest.parse(made[0].digest), len(CONTENT))


def read(repository: Repository, descriptor: Descriptor, start: int = 0) -> tuple[int, bytes]:
    """Fetch a blob; return where its body began, and the body."""

    def attempt(source: Source) -> tuple[int, bytes]:
        body = source.open_blob(descriptor, start)
        with closing(body.chunks) as chunks:
            data = b"".join(chunks)
        if len(data) != descriptor.size - body.start:
            raise SizeMismatch("too short")
        return body.start, data

    return repository.fetch(attempt)
