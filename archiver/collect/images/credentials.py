"""The keeper's registry credentials: of the spec, then those that docker and podman keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from archiver.core.logins import Credential, Credentials, login_files
from archiver.spec.environment import substituted

if TYPE_CHECKING:
    from archiver.spec.registries import RegistrySettings


def credentials_of(settings: Mapping[str, RegistrySettings], environment: Mapping[str, str]) -> Credentials:
    """Return those of a spec, and of the logins of docker and podman that the environment leads to.

    Raises:
        SpecError: a variable that the spec refers to is not set.
    """
    given = {
        registry: Credential(
            substituted(entry.auth.username, environment),
            substituted(entry.auth.password, environment),
            origin=f"the spec (registries, {registry}, auth)",
        )
        for registry, entry in settings.items()
        if entry.auth is not None
    }
    return Credentials(given, tuple(login_files(environment)))
