"""Credentials for registries: given ones, and those that docker and podman keep.

In this order, the first one found counting: what was given; ``DOCKER_AUTH_CONFIG`` (the content of such a file);
podman's ``auth.json``, which ``REGISTRY_AUTH_FILE`` names; docker's ``config.json`` in ``DOCKER_CONFIG`` or ``~/.docker``.

Sources: docker's ``config.json`` (``auths``, ``credsStore``, ``credHelpers``) and the credential helper
protocol (the host on standard input of ``docker-credential-NAME get``, JSON on its standard output);
containers-auth.json(5).
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, Sequence

from archiver.core import jsontext
from archiver.core.errors import ArchiverError, AuthenticationFailed, InvalidDocument
from archiver.core.printable import printable
from archiver.core.reference import DOCKER_HUB, DOCKER_HUB_HOSTS

_LIMIT = 1 << 20
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_HELPER_TIMEOUT = 60  # seconds; a helper may ask its user
_NOTHING_FOUND = "credentials not found"


@dataclass(frozen=True)
class Credential:
    """A name and password, or tokens in their place. Never shown in messages; ``origin``, where it is from, may be."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    origin: str = field(default="", compare=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617), or nothing where there is no password."""
        if not self.username or not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class LoginFile:
    """What docker or podman keeps of logins; read when first asked. May be used by several threads.

    Args:
        place: names it in errors: its path, or the variable that it stands in.
        read: returns its content; raises FileNotFoundError where there is none.
        namespaced: whether its keys may go on with a path, the longest one that fits counting, as podman has it;
            docker's own do not.
    """

    def __init__(self, place: str, read: Callable[[], bytes], *, namespaced: bool) -> None:
        self._place, self._read, self._namespaced = place, read, namespaced
        self._lock = threading.Lock()
        self._helped: dict[tuple[str, str], Credential | None] = {}
        self._config: Mapping[str, Any] | None = None

    def find(self, registry: str, repository: str) -> Credential | None:
        """Return what to say to a registry (``docker.io``, ``localhost:5000``); None where nothing is known.

        Raises:
            AuthenticationFailed: the file cannot be read, or its credential helper fails.
        """
        with self._lock:
            if self._config is None:
                self._config = self._document()
            helper = self._entry("credHelpers", registry, repository) or self._config.get("credsStore")
            if isinstance(helper, str) and helper:
                found = self._from_helper(helper, _HUB_KEY if registry == DOCKER_HUB else registry)
                if found is not None:
                    return found
            return self._stored(_object(self._entry("auths", registry, repository)))

    def _entry(self, name: str, registry: str, repository: str) -> Any:
        """Return what a part of the file has for a repository, or for the longest path above it."""
        entries = _object(_object(self._config).get(name))
        by_key = {self._key(key): entry for key, entry in reversed(list(entries.items()))}
        parts = [registry, *repository.split("/")]
        for count in range(len(parts), 0, -1):
            entry = by_key.get("/".join(parts[:count]))
            if entry is not None:
                return entry
        return None

    def _key(self, text: str) -> str:
        """Return a key in the form of references; it may be written as a URL, and Docker Hub's by any of its names."""
        _, scheme, rest = text.rpartition("://")
        host, _, path = rest.rstrip("/").partition("/")
        host = DOCKER_HUB if host in DOCKER_HUB_HOSTS else host
        return f"{host}/{path}" if path and self._namespaced and not scheme else host

    def _document(self) -> Mapping[str, Any]:
        try:
            return jsontext.load_object(self._read(), limit=_LIMIT, what=self._place)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise AuthenticationFailed(f"cannot be read: {error.strerror}", place=self._place) from error
        except InvalidDocument as error:
            # not its words: a parser's may quote what is there
            raise AuthenticationFailed("is not a file of logins in JSON", place=self._place) from error

    def _from_helper(self, helper: str, host: str) -> Credential | None:
        if (helper, host) not in self._helped:
            self._helped[helper, host] = _ask(helper, host)
        return self._helped[helper, host]

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
                    "an 'auth' is not base64 of name:password", place=self._place
                ) from error
        found = Credential(
            username,
            password.rstrip("\0"),
            _text(entry, "identitytoken"),
            _text(entry, "registrytoken"),
            self._place,
        )
        return found if found != Credential() else None


def _ask(helper: str, host: str) -> Credential | None:
    """Ask docker's program of a name."""
    name = f"docker-credential-{helper}"
    program = shutil.which(name) if _HELPER.match(helper) else None
    if program is None:
        raise AuthenticationFailed(f"the credential helper {name!r:.80} is not installed", place=host)
    try:
        done = subprocess.run(  # noqa: S603 - the program that the user's own docker configuration names
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
        return Credential(identity_token=secret, origin=name)
    return Credential(username, secret, origin=name) if username or secret else None


class Credentials:
    """Looks up what there is for a registry. May be used by several threads.

    Args:
        given: by registry, what counts before all others.
        files: where else to look, in order.
    """

    def __init__(self, given: Mapping[str, Credential], files: Sequence[LoginFile]) -> None:
        self._given, self._files = given, files

    def find(self, registry: str, repository: str) -> Credential | None:
        """Return what to say to a registry; None where nothing is known.

        Args:
            registry: its host as references name it.
            repository: what is to be pulled from there, or pushed.

        Raises:
            AuthenticationFailed: a file of logins cannot be read, or its credential helper fails.
        """
        if registry in self._given:
            return self._given[registry]
        found = (file.find(registry, repository) for file in self._files)
        return next((credential for credential in found if credential is not None), None)


def login_files(environment: Mapping[str, str]) -> Iterator[LoginFile]:
    """Yield where logins are looked for, in order: docker's variable, podman's files, docker's file."""
    packed = environment.get("DOCKER_AUTH_CONFIG")
    if packed:
        yield LoginFile("DOCKER_AUTH_CONFIG", packed.encode, namespaced=False)
    home = Path(environment.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails for users without one
    explicit = environment.get("REGISTRY_AUTH_FILE")
    if explicit:
        yield _file(Path(explicit), namespaced=True)
    else:
        runtime = environment.get("XDG_RUNTIME_DIR") or _runtime_folder()
        yield _file(Path(runtime, "containers/auth.json"), namespaced=True)
    config = environment.get("XDG_CONFIG_HOME") or home / ".config"
    yield _file(Path(config, "containers/auth.json"), namespaced=True)
    yield _file(Path(environment.get("DOCKER_CONFIG") or home / ".docker", "config.json"), namespaced=False)


def _runtime_folder() -> str:
    return f"/run/containers/{os.getuid()}" if hasattr(os, "getuid") else ""  # Windows has no such number


def _file(path: Path, *, namespaced: bool) -> LoginFile:
    return LoginFile(str(path), path.read_bytes, namespaced=namespaced)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
