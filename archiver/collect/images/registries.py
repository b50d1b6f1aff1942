"""The registries of one run: the client that speaks to them, and what is known of each."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Mapping

from archiver.collect.client import Client
from archiver.collect.images.authorization import Authorizer
from archiver.collect.images.credentials import credentials_of
from archiver.collect.images.endpoints import Endpoint, api_host, endpoints_of
from archiver.collect.images.failover import Failover, Sources
from archiver.collect.images.ratelimit import RateLimits
from archiver.collect.images.registry import Source
from archiver.collect.images.repository import Repository
from archiver.collect.images.transport import Transport
from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier
from archiver.collect.tls import TlsPolicy
from archiver.collect.useragent import user_agent
from archiver.core.errors import ArchiverError, ManifestUnknown
from archiver.spec.registries import RegistrySettings

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from archiver.core.progress import Progress
    from archiver.core.reference import Reference
    from archiver.spec.load import LoadedSpec

_CONNECTIONS = RegistrySettings().connections


class Registries:
    """All registries that one run speaks to. A context manager; may be used by several threads.

    Attributes:
        client: sends the requests.
        retrier: tries again, for all that asks registries.
        brake: ends the work early.
        rate_limits: what registries said of their limits.
    """

    def __init__(
        self,
        settings: Mapping[str, RegistrySettings],
        *,
        client: Client,
        retrier: Retrier,
        brake: Brake,
        transport: Transport,
        progress: Progress,
    ) -> None:
        self.client, self.retrier, self.brake = client, retrier, brake
        self.rate_limits = transport.limits
        self._settings, self._transport, self._progress = settings, transport, progress
        self._sources: dict[Endpoint, Source] = {}
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @classmethod
    def of(
        cls,
        settings: Mapping[str, RegistrySettings],
        folder: Path,
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
            environment: the variables that they refer to, and that say where logins are kept.
            user_agent: what to call ourselves.
            progress: is told of waits, and of what stands in for what.
            stop: set from outside to end early.
            patience: time limits and retries.

        Raises:
            SpecError: a variable is not set, or a certificate or key cannot be read.
        """
        tls = {
            registry: TlsPolicy.of(api_host(registry), entry.tls, folder)
            for registry, entry in settings.items()
            if entry.tls is not None
        }
        credentials = credentials_of(settings, environment)
        brake = Brake(stop)
        client = Client(user_agent, patience, brake)
        transport = Transport(client, Authorizer(client, credentials, tls), RateLimits(), tls)
        return cls(
            settings,
            client=client,
            retrier=Retrier(patience, brake, progress),
            brake=brake,
            transport=transport,
            progress=progress,
        )

    @classmethod
    def for_spec(
        cls,
        loaded: LoadedSpec,
        *,
        environment: Mapping[str, str],
        progress: Progress,
        stop: threading.Event,
    ) -> Registries:
        """Return what a run of a spec needs. Arguments and errors are those of ``of``."""
        return cls.of(
            loaded.spec.registries,
            loaded.folder,
            environment=environment,
            user_agent=user_agent(loaded.spec),
            progress=progress,
            stop=stop,
        )

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
        return Repository(reference, Failover(sources, self.retrier, self._passed_over))

    def connections(self, registry: str) -> int:
        """Return how many transfers a registry's host gets at the same time."""
        entry = self._settings.get(registry)
        return entry.connections if entry is not None else _CONNECTIONS

    def _source(self, endpoint: Endpoint) -> Source:
        """Return the one source of a place: it remembers what it learns of it."""
        with self._lock:
            return self._sources.setdefault(endpoint, Source(self._transport, endpoint))

    def _passed_over(self, source: Source, error: ArchiverError) -> None:
        """Say why another place was asked, once a place and kind of failure; what is not there is nothing to tell."""
        if isinstance(error, ManifestUnknown):
            return
        with self._lock:
            if (source.location, error.code) in self._told:
                return
            self._told.add((source.location, error.code))
        self._progress.note(f"{source.location} is passed over: {error}")
