"""The registry that is pushed to: what it has, and what it is given.

Source: OCI distribution-spec v1.1, "Pushing" and "Content Discovery".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Collection, Mapping
from urllib.parse import urlencode

from archiver.core.complaint import ERROR_LIMIT
from archiver.core.descriptor import INDEXES, MANIFEST_LIMIT, MANIFESTS
from archiver.core.digest import Digest
from archiver.core.errors import AuthenticationFailed, InvalidDigest, RegistryError, StatusRefused
from archiver.core.reference import DOCKER_HUB
from archiver.core.urlkey import Origin
from archiver.offline.pushing.answer import NOTHING, Body
from archiver.offline.pushing.authorization import Access, Authorizer
from archiver.offline.pushing.client import Client
from archiver.offline.pushing.connections import Connections, Trust
from archiver.offline.pushing.retrying import DEFAULT_PATIENCE, Attempts, Patience
from archiver.offline.pushing.upload import Upload

if TYPE_CHECKING:
    from archiver.core.logins import Credentials
    from archiver.core.progress import Progress
    from archiver.offline.pushing.answer import Answer

_HUB_API = "registry-1.docker.io"
_MOST_LOGINS = 2  # answers to 401s a request: one may be a token that has aged
_ACCEPT = {"Accept": ", ".join(sorted(MANIFESTS | INDEXES))}
_FOUND = (HTTPStatus.OK, HTTPStatus.NOT_FOUND)


@dataclass(frozen=True)
class Dialling:
    """How the registry is spoken to: in plain HTTP, or by TLS and trusting whom."""

    plain: bool = False
    trust: Trust = field(default_factory=Trust)


def registry_root(name: str, dialling: Dialling) -> str:
    """Return the address of a registry's API: ``scheme://host``."""
    return f"{'http' if dialling.plain else 'https'}://{_HUB_API if name == DOCKER_HUB else name}"


def open_registry(
    name: str,
    dialling: Dialling,
    credentials: Credentials,
    progress: Progress,
    patience: Patience = DEFAULT_PATIENCE,
) -> TargetRegistry:
    """Return a registry to push to; nothing is sent yet. The caller closes it.

    Args:
        name: what references call it.
        dialling: how it is spoken to.
        credentials: what is known of accounts.
        progress: is told of waits.
        patience: time limits and retries.

    Raises:
        UsageError: the authority's certificate cannot be read.
    """
    root = registry_root(name, dialling)
    connections = Connections(root, dialling.trust, connect=patience.connect, read=patience.read)
    client = Client(connections)
    authorizer = Authorizer(name, root, client, credentials)
    return TargetRegistry(name, root, client, authorizer, Attempts(patience, progress))


class TargetRegistry:
    """Sends requests to the registry, logging in where it asks for it. May be used by several threads.

    Args:
        name: what references call it.
        root: its address.
        client: speaks HTTP.
        authorizer: answers to requests for a login.
        attempts: tries again what may pass.
    """

    def __init__(
        self, name: str, root: str, client: Client, authorizer: Authorizer, attempts: Attempts
    ) -> None:
        self.name, self.root, self.attempts = name, root, attempts
        self._client, self._authorizer = client, authorizer

    def abort(self) -> None:
        """End what is under way in other threads, and let nothing new begin."""
        self.attempts.stop()
        self._client.abort()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def check(self, repository: str) -> None:
        """Ask whether there is a registry that lets us in.

        Raises:
            FetchError: there is none, or it does not.
        """
        url, access = f"{self.root}/v2/", Access(repository)
        answered = (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            self.attempts.run(
                lambda: self.request("HEAD", url, access, accepted=answered),
                self.attempts.patience.first_attempts,
            )
        except StatusRefused:
            self.request("GET", url, access, accepted=answered)  # this answer says why

    def request(
        self,
        method: str,
        url: str,
        access: Access,
        *,
        accepted: Collection[int],
        headers: Mapping[str, str] | None = None,
        body: Body = NOTHING,
        limit: int = ERROR_LIMIT,
    ) -> Answer:
        """Send one request and return the answer, of an accepted status.

        Raises:
            AuthenticationFailed: it lets us not in.
            RateLimited, ServerBusy: not now.
            FetchError: it cannot be reached, or refuses otherwise.
        """
        home = Origin.of(self.root)
        ours = Origin.of(url) == home
        authorization = self._authorizer.current(access) if ours else ""
        for _ in range(_MOST_LOGINS + 1):
            answer = self._client.exchange(
                method, url, headers=headers, authorization=authorization, body=body, limit=limit
            )
            if answer.status in accepted:
                return answer
            if answer.status != HTTPStatus.UNAUTHORIZED or Origin.of(answer.url) != home:
                raise answer.refusal(authorization.partition(" ")[2])
            authorization = self._authorizer.answer(access, authorization, answer.header("WWW-Authenticate"))
        raise self._authorizer.denied(access)


class TargetRepository:
    """One repository of the registry. May be used by several threads."""

    def __init__(self, registry: TargetRegistry, name: str) -> None:
        self.name = name
        self.attempts = registry.attempts
        self._registry = registry
        self._root = f"{registry.root}/v2/{name}"
        self._access = Access(name)

    def has_blob(self, digest: Digest) -> bool:
        """Say whether a blob is here."""
        return self._ask("HEAD", f"/blobs/{digest}", accepted=_FOUND).status == HTTPStatus.OK

    def begin(self, digest: Digest, mounted_from: str = "") -> Upload | None:
        """Begin an upload, or mount a blob from another repository.

        Args:
            digest: the blob's.
            mounted_from: a repository that has it; empty for none.

        Returns:
            None where it was mounted: the blob is here.
        """
        query = {"mount": str(digest), "from": mounted_from} if mounted_from else {}
        try:
            answer = self._begun(Access(self.name, mounted_from), query)
        except (AuthenticationFailed, StatusRefused):
            if not mounted_from:
                raise
            answer = self._begun(self._access, {})  # no way from there to here: it has to be sent
        if answer.status == HTTPStatus.CREATED:
            return None
        return Upload(self._registry, self._access, answer)

    def _begun(self, access: Access, query: Mapping[str, str]) -> Answer:
        url = f"{self._root}/blobs/uploads/" + (f"?{urlencode(query)}" if query else "")
        accepted = (HTTPStatus.ACCEPTED, HTTPStatus.CREATED) if query else (HTTPStatus.ACCEPTED,)
        return self.attempts.run(lambda: self._registry.request("POST", url, access, accepted=accepted))

    def manifest_digest(self, selector: str) -> str:
        """Return the digest of what is here under a tag or digest; empty where nothing is, or it is not told."""
        answer = self._ask("HEAD", f"/manifests/{selector}", accepted=_FOUND, headers=_ACCEPT)
        return answer.header("Docker-Content-Digest") if answer.status == HTTPStatus.OK else ""

    def manifest(self, selector: str) -> bytes | None:
        """Return a manifest's bytes, unchecked; None where there is none."""
        answer = self._ask(
            "GET", f"/manifests/{selector}", accepted=_FOUND, headers=_ACCEPT, limit=MANIFEST_LIMIT
        )
        return answer.body if answer.status == HTTPStatus.OK else None

    def put_manifest(self, selector: str, data: bytes, media_type: str, digest: Digest) -> bool:
        """Give it a manifest, byte for byte, under a tag or its digest.

        Returns:
            Whether the registry itself lists it with what it refers to (OCI-Subject).

        Raises:
            RegistryError: the registry took it for something else.
            FetchError: it does not take it.
        """
        answer = self._ask(
            "PUT",
            f"/manifests/{selector}",
            accepted=(HTTPStatus.CREATED, HTTPStatus.OK),
            headers={"Content-Type": media_type},
            body=Body.of(data),
        )
        told = answer.header("Docker-Content-Digest")
        if told and not _is_digest_of(told, data):
            raise RegistryError(f"the registry took {digest} for {told!r:.120}", place=answer.place)
        return bool(answer.header("OCI-Subject"))

    def lists_referrers(self, digest: Digest) -> bool:
        """Say whether the registry itself lists what refers to a manifest."""
        try:
            answer = self._ask("GET", f"/referrers/{digest}", accepted=_FOUND, limit=MANIFEST_LIMIT)
        except (StatusRefused, RegistryError):
            return False
        return answer.status == HTTPStatus.OK

    def _ask(
        self,
        method: str,
        path: str,
        *,
        accepted: Collection[int],
        headers: Mapping[str, str] | None = None,
        body: Body = NOTHING,
        limit: int = ERROR_LIMIT,
    ) -> Answer:
        return self.attempts.run(
            lambda: self._registry.request(
                method,
                self._root + path,
                self._access,
                accepted=accepted,
                headers=headers,
                body=body,
                limit=limit,
            )
        )


def _is_digest_of(text: str, data: bytes) -> bool:
    """Say whether a digest, by whatever algorithm the registry prefers, is that of some bytes."""
    try:
        digest = Digest.parse(text)
    except InvalidDigest:
        return False
    hasher = digest.hasher()
    hasher.update(data)
    return hasher.hexdigest() == digest.hex
