"""A pull-only container registry over archived images.

Whatever else there is of the API is UNSUPPORTED: pushing and deleting, and Docker's ``_catalog``, which the
specification does not have; ``/-/bundle.json`` lists what is here.

Source: OCI distribution-spec 1.1 ("Pull", "Content Discovery", "Error Codes"). Which repository a name means:
``repositories``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, Iterable, Sequence
from urllib.parse import unquote, urlencode

from archiver.core import jsontext
from archiver.core.descriptor import OCI_INDEX
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, InvalidDigest, NotArchived
from archiver.core.reference import is_tag
from archiver.offline.content import content_reply, is_fresh
from archiver.offline.referrers import referrers_page
from archiver.offline.repositories import Repositories, Repository
from archiver.offline.wsgi import SANDBOX, Headers, Reply

if TYPE_CHECKING:
    from archiver.offline.holdings import ImageShelf
    from archiver.offline.wsgi import Request

PREFIX = "/v2/"
_API: Headers = (("Docker-Distribution-Api-Version", "registry/2.0"), *SANDBOX)
_FOR_EVER = ("Cache-Control", "max-age=31536000, immutable")  # what a digest names never changes
_NAME = re.compile(r"\A[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*\Z")
_ROUTE = re.compile(r"\A/v2/(.{1,512})/(manifests|blobs|referrers|tags)/([^/]{1,200})\Z")
_MOST_TAGS = 10_000


class Registry:
    """Answers ``/v2/``. Reads only; nothing here can be changed by a client.

    Args:
        shelves: the images that there are.
        log: takes a line where something is damaged.
        earlier: gives the shelves of earlier snapshots, whose images can be pulled by digest.
    """

    def __init__(
        self,
        shelves: Sequence[ImageShelf],
        log: Callable[[str], None],
        earlier: Callable[[], Iterable[ImageShelf]] = tuple,
    ) -> None:
        self._repositories = Repositories(shelves, earlier)
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
        host = request.caller.host
        called = f"{host.name}:{host.port}" if host.port else host.name
        repository = self._repositories.resolve(name, request.parameter("ns"), called)
        if kind == "referrers":
            return _referrers(request, name, repository, Digest.parse(argument))
        if repository is None:
            return _refusal(404, "NAME_UNKNOWN", f"repository {name} is not in this archive")
        if kind == "tags":
            return _tags(request, name, repository)
        if kind == "manifests":
            return _manifest(request, repository, argument)
        return _blob(request, repository, Digest.parse(argument))


def _manifest(request: Request, repository: Repository, selector: str) -> Reply:
    if ":" in selector:
        digest: Digest | None = Digest.parse(selector)
    else:
        digest = repository.tags.get(selector) if is_tag(selector) else None
    found = repository.reach.manifest(digest) if digest else None
    if found is None:
        return _refusal(404, "MANIFEST_UNKNOWN", f"manifest {selector:.140} is not in this archive")
    try:
        data = found.read()
    except NotArchived:  # pruned since
        return _refusal(404, "MANIFEST_UNKNOWN", f"manifest {selector:.140} is no longer in this archive")
    headers: Headers = (
        ("Content-Type", found.media_type),
        ("Docker-Content-Digest", str(digest)),
        ("ETag", f'"{digest}"'),
        _FOR_EVER if ":" in selector else ("Cache-Control", "no-cache"),
    )
    return Reply(304, headers) if is_fresh(request, str(digest)) else Reply(200, headers, data)


def _blob(request: Request, repository: Repository, digest: Digest) -> Reply:
    found = repository.reach.content(digest)
    if found is None:
        return _refusal(404, "BLOB_UNKNOWN", f"blob {digest} is not in this archive")
    headers: Headers = (
        ("Content-Type", "application/octet-stream"),
        ("Docker-Content-Digest", str(digest)),
        _FOR_EVER,
    )
    try:
        reply = content_reply(request, lambda: found.shelf.open(digest), digest, found.size, headers)
    except NotArchived:  # pruned since
        return _refusal(404, "BLOB_UNKNOWN", f"blob {digest} is no longer in this archive")
    if reply.status == 416:
        refusal = _refusal(416, "SIZE_INVALID", f"the blob has {found.size} bytes")
        return refusal.with_headers(("Content-Range", f"bytes */{found.size}"))
    return reply


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
            headers += (_next(request, f"/v2/{name}/tags/list", n=count, last=page[-1]),)
        tags = page
    return Reply(200, headers, jsontext.dump({"name": name, "tags": tags}))


def _referrers(request: Request, name: str, repository: Repository | None, subject: Digest) -> Reply:
    """Answer with the archived manifests whose ``subject`` is a digest; an empty index where there are none.

    That also of a repository that is not here: a 404 would say that there is no such API, and send clients looking
    for tags instead.
    """
    # No media type has a space: it was a plus sign that the client did not escape.
    kind = request.parameter("artifactType").replace(" ", "+")
    found = repository.reach.referrers(subject) if repository is not None else ()
    page = referrers_page(found, kind=kind, after=request.parameter("last"))
    headers: Headers = (("Content-Type", OCI_INDEX),)
    if kind:
        headers += (("OCI-Filters-Applied", "artifactType"),)
    if page.last is not None:
        path = f"/v2/{name}/referrers/{subject}"
        headers += (_next(request, path, artifactType=kind, last=str(page.last)),)
    return Reply(200, headers, page.index)


def _next(request: Request, path: str, **parameters: str) -> tuple[str, str]:
    """Return the header that leads to the next page, of the same registry where the client names one."""
    asked = {**parameters, "ns": request.parameter("ns")}
    query = urlencode({name: value for name, value in asked.items() if value})
    return "Link", f'<{path}?{query}>; rel="next"'


def _refusal(status: int, code: str, message: str) -> Reply:
    body = jsontext.dump({"errors": [{"code": code, "message": message}]})
    return Reply(status, (("Content-Type", "application/json"),), body)
