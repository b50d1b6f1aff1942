"""Image references with Docker's defaults: ``alpine:3`` is ``docker.io/library/alpine:3``.

Source: the grammar of the distribution project's ``reference`` package, as quoted in the OCI
distribution-spec v1.1 ("Pulling manifests": names and tags).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from archiver.core.digest import ALGORITHMS, Digest
from archiver.core.errors import InvalidDigest, InvalidReference

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"\A{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"\A(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::([0-9]{{1,5}}))?\Z")
_MOST = 255
_HIGHEST_PORT = 65535
_TAG_HINT = "a tag has at most 128 letters, digits and _.- and begins with none of .-"
_DIGEST_HINT = "a digest is sha256: and 64 hex digits, or sha512: and 128, in lowercase"
DOCKER_HUB = "docker.io"
DOCKER_HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
"""The host names that all mean Docker Hub; ``DOCKER_HUB`` is the one that people write."""


@dataclass(frozen=True, order=True)
class Reference:
    """An image by registry host, repository, and tag or digest (or both).

    ``registry`` is as people write it (``docker.io``, not ``registry-1.docker.io``). With neither
    tag nor digest given, parsing sets the tag ``latest``.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference as ``docker pull`` would.

        Raises:
            InvalidReference: the text does not follow the grammar.
        """
        name, _, digest_text = text.partition("@")
        digest = _digest(text, digest_text) if "@" in text else None
        tag = ""
        head, colon, last = name.rpartition(":")
        if colon and "/" not in last:
            name, tag = head, last
            if not is_tag(tag):
                raise InvalidReference(text, "has a malformed tag", hint=_TAG_HINT)
        registry, repository = _split_registry(name)
        if not _is_host(registry):
            raise InvalidReference(text, "has a malformed registry host")
        if not _REPOSITORY.match(repository) or len(repository) > _MOST:
            hint = "repository names are lowercase" if repository != repository.lower() else None
            raise InvalidReference(text, "is not an image reference", hint=hint)
        if not tag and digest is None:
            tag = "latest"
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """``registry/repository``, without tag or digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def selector(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag."""
        return str(self.digest) if self.digest else self.tag

    @property
    def named_tag(self) -> str:
        """The tag that this is about; empty where a digest says what is meant, whatever the tag points to."""
        return "" if self.digest else self.tag

    @property
    def is_loopback(self) -> bool:
        """Whether the registry is on this machine."""
        return is_loopback(self.registry)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")


def _digest(text: str, digest: str) -> Digest:
    """Return the digest of a reference; ``text`` is the whole, for the error."""
    try:
        return Digest.parse(digest)
    except InvalidDigest as error:
        algorithm, colon, _ = digest.partition(":")
        unknown = bool(colon and algorithm) and algorithm not in ALGORITHMS
        fault = (
            f"has a digest of an unknown algorithm, {algorithm!r:.40}"
            if unknown
            else "has a malformed digest"
        )
        raise InvalidReference(text, fault, hint=_DIGEST_HINT) from error


def _is_host(text: str) -> bool:
    match = _HOST.match(text)
    return match is not None and int(match[1] or 0) <= _HIGHEST_PORT


def is_loopback(registry: str) -> bool:
    """Say whether a registry's host is this machine, and so is spoken to in plain HTTP as docker does."""
    host = registry.rsplit(":", 1)[0] if not registry.endswith("]") else registry
    return host in {"localhost", "[::1]"} or re.fullmatch(r"127(?:\.\d{1,3}){3}", host) is not None


def is_tag(text: str) -> bool:
    """Say whether a string can be a tag."""
    return _TAG.match(text) is not None


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        registry, repository = first, rest
    else:
        registry, repository = DOCKER_HUB, name
    if registry in DOCKER_HUB_HOSTS:
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository
