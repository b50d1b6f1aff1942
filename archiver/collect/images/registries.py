"""The registries of one run: the client that speaks to them, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from archiver.collect.client import Client
from archiver.collect.images.authorization import Authorizer
from archiver.collect.images.credentials import CredentialStore, docker_config
from archiver.collect.images.endpoints import Endpoint, endpoints_of
from archiver.collect.images.registry import Source
from archiver.collect.images.repository import Repository, Sources
from archiver.collect.images.transport import Transport
from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier

if TYPE_CHECKING:
    import threading
    from pathlib import Path
    from types import TracebackType

    from archiver.core.progress import Progress
    from archiver.core.reference import Reference
    from archiver.spec.registries import RegistrySettings

_CONNECTIONS = 6


class Registries:
    """All registries that one run speaks to. A context manager; may be used by several threads.

    Attributes:
        client: sends the requests.
        retrier: tries again, for all that asks registries.
        brake: ends the work early.
    """

    def __init__(
        self,
        settings: Mapping[str, RegistrySettings],
        client: Client,
        credentials: CredentialStore,
        retrier: Retrier,
        brake: Brake,
    ) -> None:
        self.client, self.retrier, self.brake = client, retrier, brake
        self._settings = settings
        self._transport = Transport(client, Authorizer(client, credentials))

    @classmethod
    def of(
        cls,
        settings: Mapping[str, RegistrySettings],
        folder: Path,  # noqa: ARG003 - where certificates are looked for
        *,
        environment: Mapping[str, str],
        user_agent: str,
        progress: Progress,
        stop: threading.Event,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> Registries:
        """Return what a run needs.

        Args:
            settings: the spec's ``registries``.
            folder: the folder that relative paths in them start from.
            environment: the variables that they, and the login files, may refer to.
            user_agent: what to call ourselves.
            progress: is told of waits.
            stop: set from outside to end early.
            patience: time limits and retries.
        """
        brake = Brake(stop)
        client = Client(user_agent, patience, brake)
        credentials = CredentialStore(docker_config(environment))
        return cls(settings, client, credentials, Retrier(patience, brake, progress), brake)

    def __enter__(self) -> Registries:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def abort(self) -> None:
        """End what is under way in other threads, and let nothing new begin."""
        self.client.abort()

    def repository(self, reference: Reference) -> Repository:
        """Return a reference's repository, wherever it can be had."""
        places = endpoints_of(reference, self._settings)
        sources = Sources(
            self._source(places.own),
            tuple(map(self._source, places.mirrors)),
            tuple(map(self._source, places.fallbacks)),
        )
        return Repository(reference, sources, self.retrier)

    def connections(self, registry: str) -> int:
        """Return how many transfers a registry's host gets at the same time."""
        entry = self._settings.get(registry)
        return entry.connections if entry is not None else _CONNECTIONS

    def _source(self, endpoint: Endpoint) -> Source:
        return Source(self._transport, endpoint)
