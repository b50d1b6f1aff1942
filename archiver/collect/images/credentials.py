"""The keeper's registry credentials, where docker keeps them: ``~/.docker/config.json`` and credential helpers.

Sources: docker's ``config.json`` (``auths``, ``credsStore``, ``credHelpers``) and the credential helper
protocol (the host on standard input of ``docker-credential-NAME get``, JSON on its standard output).
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from archiver.core import jsontext
from archiver.core.errors import ArchiverError, AuthenticationFailed
from archiver.core.printable import printable
from archiver.core.reference import DOCKER_HUB_HOSTS

_LIMIT = 1 << 20
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_HELPER_TIMEOUT = 60  # seconds; a helper may ask its user
_NOTHING_FOUND = "credentials not found"


@dataclass(frozen=True)
class Credential:
    """A name and password, or tokens in their place. Never shown in messages."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617), or nothing where there is no password."""
        if not self.username or not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class CredentialStore:
    """Looks credentials up; reads the configuration when first asked. May be used by several threads.

    Args:
        path: docker's configuration file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, Credential | None] = {}
        self._config: Mapping[str, Any] | None = None

    def find(self, registry: str) -> Credential | None:
        """Return what to say to a registry (``docker.io``, ``localhost:5000``); None where nothing is known.

        Raises:
            AuthenticationFailed: the configuration cannot be read, or its credential helper fails.
        """
        with self._lock:
            if registry not in self._known:
                self._known[registry] = self._look_up(registry)
            return self._known[registry]

    def _look_up(self, registry: str) -> Credential | None:
        if self._config is None:
            self._config = self._read()
        helpers = _object(self._config.get("credHelpers"))
        helper = _by_host(helpers, registry) or self._config.get("credsStore")
        if isinstance(helper, str) and helper:
            found = self._ask(helper, _HUB_KEY if registry in DOCKER_HUB_HOSTS else registry)
            if found is not None:
                return found
        return self._stored(_object(_by_host(_object(self._config.get("auths")), registry)))

    def _read(self) -> Mapping[str, Any]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise AuthenticationFailed(f"cannot be read: {error.strerror}", place=str(self._path)) from error
        try:
            return jsontext.load_object(data, limit=_LIMIT, what=str(self._path))
        except ArchiverError as error:
            raise AuthenticationFailed(error.message, place=str(self._path)) from error

    def _stored(self, entry: Mapping[str, Any]) -> Credential | None:
        username, password = _text(entry, "username"), _text(entry, "password")
        packed = _text(entry, "auth")
        if packed:
            try:
                username, _, password = (
                    base64.b64decode(packed.strip(), validate=True).decode("utf-8").partition(":")
                )
            except (binascii.Error, UnicodeDecodeError) as error:
                raise AuthenticationFailed(
                    "an 'auth' is not base64 of name:password", place=str(self._path)
                ) from error
        found = Credential(
            username, password.rstrip("\0"), _text(entry, "identitytoken"), _text(entry, "registrytoken")
        )
        return found if found != Credential() else None

    @staticmethod
    def _ask(helper: str, host: str) -> Credential | None:
        name = f"docker-credential-{helper}"
        program = shutil.which(name) if _HELPER.match(helper) else None
        if program is None:
            raise AuthenticationFailed(f"the credential helper {name!r:.80} is not installed", place=host)
        try:
            done = subprocess.run(  # noqa: S603 - the program that the keeper's own docker configuration names
                [program, "get"],
                input=host.encode(),
                capture_output=True,
                timeout=_HELPER_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AuthenticationFailed(f"{name} does not answer", place=host) from error
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
            if _NOTHING_FOUND in said.lower():
                return None
            raise AuthenticationFailed(f"{name} fails: {printable(said, 200)}", place=host)
        try:
            answer = jsontext.load_object(done.stdout, limit=_LIMIT, what=name)
        except ArchiverError as error:
            raise AuthenticationFailed(f"{name} does not answer in JSON", place=host) from error
        username, secret = _text(answer, "Username"), _text(answer, "Secret")
        if username == "<token>":
            return Credential(identity_token=secret)
        return Credential(username, secret) if username or secret else None


def docker_config(environment: Mapping[str, str]) -> Path:
    """Return the configuration file that docker itself would read."""
    folder = environment.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path("~/.docker").expanduser()) / "config.json"


def _by_host(entries: Mapping[str, Any], registry: str) -> Any:
    """Find a registry's entry; keys may be written as URLs, and Docker Hub's by any of its names."""
    hosts = DOCKER_HUB_HOSTS if registry in DOCKER_HUB_HOSTS else {registry}
    if registry in entries:
        return entries[registry]
    for key, entry in entries.items():
        if key.rpartition("://")[2].partition("/")[0] in hosts:
            return entry
    return None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
