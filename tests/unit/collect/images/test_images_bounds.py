"""What registries send without end: everything that is read of them has a bound."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Iterator

import pytest

from archiver.collect.retry import Patience
from archiver.core.descriptor import Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import (
    ArchiverError,
    AuthenticationFailed,
    FetchError,
    ManifestUnsupported,
    RegistryError,
    SizeMismatch,
)
from servers.asking import Opened, blob, read, repository
from servers.rawsite import Raw, Then, raw_serving, wire
from servers.registry import Asked, Registry, Reply, serving

OCI = "Content-Type: application/vnd.oci.image.manifest.v1+json"
ONCE = Patience(attempts=1, attempts_to_connect=1, first_wait=0.01, connect=5, read=5)
FLOOD = b"z" * 65536
SOON = 10  # seconds; what has no bound takes for ever


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens registries."""
    with ExitStack() as held:
        yield Opened(held)


def endless(*lines: str) -> Raw:
    """Return an answer whose body never ends, nor says when it will."""
    return wire("HTTP/1.1 200 OK", *lines, then=Then.FLOOD, more=FLOOD)


@pytest.mark.parametrize("what", ["manifest", "error", "tags", "referrers"])
def test_no_document_is_read_without_end(opened: Opened, what: str) -> None:
    """A manifest, an error's words, a list of tags or of referrers."""
    digest = Digest.of(b"x")
    answers = {
        "/v2/app/manifests/1": endless(OCI),
        "/v2/app/manifests/2": wire("HTTP/1.1 404 Not Found", then=Then.FLOOD, more=FLOOD),
        "/v2/app/tags/list?n=1000": endless("Content-Type: application/json"),
        f"/v2/app/referrers/{digest}": endless("Content-Type: application/vnd.oci.image.index.v1+json"),
    }
    with raw_serving(answers) as site:
        repo = repository(opened(patience=ONCE), site.origin.removeprefix("http://"))
        actions = {
            "manifest": lambda: repo.get_manifest("1"),
            "error": lambda: repo.get_manifest("2"),
            "tags": repo.tags,
            "referrers": lambda: repo.referrers(digest),
        }
        began = time.monotonic()
        with pytest.raises(ArchiverError) as caught:
            actions[what]()
        assert time.monotonic() - began < SOON
        if what == "manifest":
            assert isinstance(caught.value, ManifestUnsupported)


def test_headers_have_a_bound(opened: Opened) -> None:
    """Neither a line without end nor lines without end are read."""
    for more in (b"z" * 8192, b"X-Y: z\r\n" * 8192):
        said = Raw(b"HTTP/1.1 200 OK\r\nX-Y: ", Then.FLOOD, more)
        with raw_serving({"/v2/app/manifests/1": said}) as site, pytest.raises(FetchError):
            repository(opened(patience=ONCE), site.origin.removeprefix("http://")).get_manifest("1")


def test_a_token_server_s_words_have_a_bound(opened: Opened) -> None:
    """Its answers and its refusals."""
    for status in ("200 OK", "403 Forbidden"):
        with serving() as server, raw_serving({}) as site:
            said = wire(f"HTTP/1.1 {status}", then=Then.FLOOD, more=FLOOD)
            site.answers["/token?scope=repository%3Aapp%3Apull"] = said
            challenge = {"WWW-Authenticate": f'Bearer realm="{site.origin}/token"'}
            server.answers["/v2/app/manifests/1"] = Reply(status=401, headers=challenge)
            with pytest.raises(AuthenticationFailed):
                repository(opened(patience=ONCE), server.host).get_manifest("1")


@pytest.mark.parametrize("length", ["\u00b2".encode("latin-1"), b"9" * 5000])
def test_a_length_that_is_no_number_is_not_read_as_one(opened: Opened, length: bytes) -> None:
    """Wherever one is looked at: it is a failure of that registry or none at all, and never of this program."""
    said = (b"Content-Length: " + length, "Connection: close")
    digest = Digest.of(b"x")
    announced = f"Docker-Content-Digest: {digest}"
    answers = {
        "/v2/app/manifests/1": wire("HTTP/1.1 200 OK", OCI, announced, *said),
        "/v2/app/tags/list?n=1000": wire("HTTP/1.1 401 Unauthorized", *said),
        f"/v2/app/blobs/{digest}": wire("HTTP/1.1 200 OK", *said, body=b"x"),
    }
    with raw_serving(answers) as site:
        repo = repository(opened(patience=ONCE), site.origin.removeprefix("http://"))
        assert repo.resolve("1").descriptor is None
        with pytest.raises(AuthenticationFailed):
            repo.tags()
        assert read(repo, Descriptor("application/octet-stream", digest, 1)) == (0, b"x")


def test_pages_of_tags_bring_some(opened: Opened) -> None:
    """Ever further pages of what was said before are not read to their end."""

    def page(asked: Asked) -> Reply:
        return Reply(b'{"tags":["1"]}', headers={"Link": f'<{asked.target}9>; rel="next"'})

    with serving() as server:
        for count in range(200):
            server.answers[f"GET /v2/app/tags/list?n=1000{'9' * count}"] = page
        with pytest.raises(RegistryError, match="without any that is new"):
            repository(opened(patience=ONCE), server.host).tags()
        assert len(server.asked) < 110


def test_redirects_come_to_an_end(opened: Opened) -> None:
    """A circle is one after a few steps; so is a way that never comes back."""
    with serving() as server:
        wanted = blob(server)
        target = f"/v2/app/blobs/{wanted.digest}"
        server.answers[target] = Reply(status=307, headers={"Location": target})
        with pytest.raises(FetchError, match="more than 8 redirects"):
            read(repository(opened(patience=ONCE), server.host), wanted)
        assert len(server.asked) == 8


def test_a_challenge_without_end_is_not_read_to_it(opened: Opened) -> None:
    """A registry that refuses every token is asked a few times; long headers are cut."""
    with serving() as server:
        server.login = "bearer"
        never = {"WWW-Authenticate": f'Bearer realm="http://{server.host}/token",x="{"y" * 60000}"'}
        server.answers["/v2/app/manifests/1"] = Reply(status=401, headers=never)
        with pytest.raises(AuthenticationFailed):
            repository(opened(patience=ONCE), server.host).get_manifest("1")
        assert len(server.asked) < 8


def _numbered(server: Registry) -> None:
    """Let the token server give another token each time."""
    server.answers["GET /token?service=tests&scope=repository%3Aapp%3Apull"] = lambda _: Reply(
        json.dumps({"token": f"t{len(server.asked)}"}).encode()
    )


def test_ever_new_tokens_are_not_tried_for_ever(opened: Opened) -> None:
    """As Docker Hub has them for what does not exist: each token is another one, and each is refused."""
    with serving() as server:
        server.login = "bearer"
        _numbered(server)
        with pytest.raises(AuthenticationFailed, match="needs a login, or does not exist"):
            repository(opened(patience=ONCE), server.host).get_manifest("1")
        assert len(server.asked) <= 6


def test_a_body_longer_than_its_blob_is_left(opened: Opened) -> None:
    """One that announces more is not read; one that announces nothing is read by whoever counts."""
    with serving() as server:
        wanted = blob(server)
        server.answers[f"/v2/app/blobs/{wanted.digest}"] = Reply(b"x" * 11)
        with pytest.raises(SizeMismatch):
            read(repository(opened(patience=ONCE), server.host), wanted)
