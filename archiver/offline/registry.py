"""A pull-only container registry over archived images.

Source: OCI distribution-spec 1.1 ("Pull", "Content Discovery", "Error Codes"); containerd's registry hosts
documentation for ``?ns=``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterable, Sequence
from urllib.parse import quote, unquote

from archiver.core import jsontext
from archiver.core.descriptor import MANIFEST_LIMIT, MANIFESTS, OCI_INDEX, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, InvalidDigest
from archiver.core.manifest import parse_manifest
from archiver.core.reference import DOCKER_HUB, DOCKER_HUB_HOSTS, Reference, is_tag
from archiver.offline.content import content_reply, is_fresh
from archiver.offline.pullname import host_component
from archiver.offline.reach import Reach
from archiver.offline.wsgi import SANDBOX, Headers, Reply

if TYPE_CHECKING:
    from archiver.offline.holdings import Image, ImageShelf
    from archiver.offline.wsgi import Request

PREFIX = "/v2/"
_API: Headers = (("Docker-Distribution-Api-Version", "registry/2.0"), *SANDBOX)
_NAME = re.compile(r"\A[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*\Z")
_ROUTE = re.compile(r"\A/v2/(.{1,512})/(manifests|blobs|referrers|tags)/([^/]{1,200})\Z")
_MOST_TAGS = 10_000


@dataclass(frozen=True)
class Repository:
    """One archived repository: its images, what its tags point to, and what can be got to from there."""

    registry: str
    path: str
    images: tuple[Image, ...]
    tags: dict[str, Digest]
    reach: Reach


class Repositories:
    """All archived repositories, by name."""

    def __init__(self, shelves: Iterable[ImageShelf]) -> None:
        grouped: dict[tuple[str, str], list[tuple[Image, ImageShelf, Reference]]] = {}
        for shelf in shelves:
            for image in shelf.images:
                reference = Reference.parse(image.reference)
                entry = (image, shelf, reference)
                grouped.setdefault((reference.registry, reference.repository), []).append(entry)
        self._known = {
            (registry, path): Repository(
                registry,
                path,
                tuple(image for image, _, _ in entries),
                {reference.named_tag: image.digest for image, _, reference in entries if reference.named_tag},
                Reach((image, shelf) for image, shelf, _ in entries),
            )
            for (registry, path), entries in grouped.items()
        }
        self._by_component = {host_component(registry): registry for registry, _ in self._known}

    def resolve(self, name: str, namespace: str) -> Repository | None:
        """Return the repository that a client means by a name.

        Args:
            name: as in the request's path.
            namespace: the registry that the client names by ``?ns=``, or empty.
        """
        if namespace:
            return self._in_registry(DOCKER_HUB if namespace in DOCKER_HUB_HOSTS else namespace, name)
        first, slash, rest = name.partition("/")
        registry = self._by_component.get(first)
        if slash and registry is not None:
            found = self._in_registry(registry, rest)
            if found is not None:
                return found
        found = self._in_registry(DOCKER_HUB, name)
        if found is not None:
            return found
        matching = [one for (_, path), one in self._known.items() if path == name]
        return matching[0] if len(matching) == 1 else None

    def _in_registry(self, registry: str, path: str) -> Repository | None:
        if registry == DOCKER_HUB and "/" not in path:
            path = f"library/{path}"
        return self._known.get((registry, path))


class Registry:
    """Answers ``/v2/``. Reads only; nothing here can be changed by a client."""

    def __init__(self, shelves: Sequence[ImageShelf], log: Callable[[str], None]) -> None:
        self._repositories = Repositories(shelves)
        self._log = log

    def answer(self, request: Request) -> Reply:
        """Answer a request whose path begins with ``/v2/``."""
        try:
            reply = self._route(request)
        except InvalidDigest as error:
            reply = _refusal(400, "DIGEST_INVALID", error.message)
        except ArchiverError as error:
            self._log(f"{request.path}: {error}")
            reply = _refusal(502, "DIGEST_INVALID", f"the archive's copy is damaged: {error}")
        return reply.with_headers(*_API)

    def _route(self, request: Request) -> Reply:
        if not request.is_read:
            refusal = _refusal(405, "UNSUPPORTED", "this registry is read-only")
            return refusal.with_headers(("Allow", "GET, HEAD"))
        if request.path.rstrip("/") == "/v2":
            return Reply(200, (("Content-Type", "application/json"),), b"{}")
        match = _ROUTE.match(unquote(request.path))
        if match is None or (match[2] == "tags" and match[3] != "list"):
            return _refusal(404, "UNSUPPORTED", "no such endpoint")
        name, kind, argument = match.groups()
        return self._ask(request, name, kind, argument)

    def _ask(self, request: Request, name: str, kind: str, argument: str) -> Reply:
        if not _NAME.match(name):
            return _refusal(400, "NAME_INVALID", f"invalid repository name: {name:.200}")
        repository = self._repositories.resolve(name, request.parameter("ns"))
        if repository is None:
            return _refusal(404, "NAME_UNKNOWN", f"repository {name} is not in this archive")
        if kind == "tags":
            return _tags(request, name, repository)
        if kind == "manifests":
            return _manifest(request, repository, argument)
        if kind == "blobs":
            return _blob(request, repository, Digest.parse(argument))
        return _referrers(request, repository, Digest.parse(argument))


def _manifest(request: Request, repository: Repository, selector: str) -> Reply:
    if ":" in selector:
        digest: Digest | None = Digest.parse(selector)
    else:
        digest = repository.tags.get(selector) if is_tag(selector) else None
    found = repository.reach.manifest(digest) if digest else None
    if found is None:
        return _refusal(404, "MANIFEST_UNKNOWN", f"manifest {selector:.140} is not in this archive")
    headers: Headers = (
        ("Content-Type", found.media_type),
        ("Docker-Content-Digest", str(digest)),
        ("ETag", f'"{digest}"'),
    )
    data = found.read()
    return Reply(304, headers) if is_fresh(request, str(digest)) else Reply(200, headers, data)


def _blob(request: Request, repository: Repository, digest: Digest) -> Reply:
    found = repository.reach.content(digest)
    if found is None:
        return _refusal(404, "BLOB_UNKNOWN", f"blob {digest} is not in this archive")
    headers = (("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", str(digest)))
    return content_reply(request, lambda: found.shelf.open(digest), digest, found.size, headers)


def _tags(request: Request, name: str, repository: Repository) -> Reply:
    tags = sorted(repository.tags)
    last, count = request.parameter("last"), request.parameter("n")
    if last:
        tags = [tag for tag in tags if tag > last]
    headers: Headers = (("Content-Type", "application/json"),)
    if count:
        if not (count.isascii() and count.isdigit() and len(count) < 10):
            return _refusal(400, "UNSUPPORTED", "n is not a number")
        page = tags[: min(int(count), _MOST_TAGS)]
        if page and len(page) < len(tags):
            namespace = request.parameter("ns")
            more = f"&ns={quote(namespace)}" if namespace else ""
            headers += (
                ("Link", f'</v2/{name}/tags/list?n={count}&last={quote(page[-1])}{more}>; rel="next"'),
            )
        tags = page
    return Reply(200, headers, jsontext.dump({"name": name, "tags": tags}))


def _referrers(request: Request, repository: Repository, subject: Digest) -> Reply:
    """Answer with the archived manifests whose ``subject`` is a digest; an empty index where there are none."""
    wanted = request.parameter("artifactType")
    entries = [
        descriptor.to_json()
        for descriptor in _referring(repository, subject)
        if not wanted or descriptor.artifact_type == wanted
    ]
    headers: Headers = (("Content-Type", OCI_INDEX),)
    if wanted:
        headers += (("OCI-Filters-Applied", "artifactType"),)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return Reply(200, headers, jsontext.dump(index))


def _referring(repository: Repository, subject: Digest) -> list[Descriptor]:
    found: dict[Digest, Descriptor] = {}
    for image in repository.images:
        held = repository.reach.manifest(image.digest) if image.digest not in found else None
        if held is None or held.media_type not in MANIFESTS:
            continue
        data = held.read()
        manifest = parse_manifest(data, held.media_type, what=image.reference)
        if manifest.subject is None or manifest.subject.digest != subject:
            continue
        annotations = jsontext.load_object(data, limit=MANIFEST_LIMIT, what=image.reference).get(
            "annotations"
        )
        kind = manifest.artifact_type or (manifest.config.media_type if manifest.config else "")
        found[image.digest] = Descriptor(
            held.media_type,
            image.digest,
            held.size,
            {str(key): str(value) for key, value in (annotations or {}).items()},
            artifact_type=kind,
        )
    return list(found.values())


def _refusal(status: int, code: str, message: str) -> Reply:
    body = jsontext.dump({"errors": [{"code": code, "message": message}]})
    return Reply(status, (("Content-Type", "application/json"),), body)
