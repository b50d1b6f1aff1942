"""Uploads against a registry that answers what a test tells it to."""

from __future__ import annotations

import hashlib
import io
from contextlib import closing
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.core.digest import Digest
from archiver.core.errors import (
    AuthenticationFailed,
    DigestMismatch,
    HostUnreachable,
    RegistryError,
    ResponseBroken,
    ServerBusy,
    StatusRefused,
)
from archiver.core.logins import Credential, Credentials
from archiver.core.progress import NullProgress
from archiver.offline.pushing import upload as uploads
from archiver.offline.pushing.content import CheckedBlob
from archiver.offline.pushing.registry import Dialling, TargetRegistry, TargetRepository, open_registry
from archiver.offline.pushing.retrying import Patience
from archiver.offline.pushing.upload import BlobUpload
from servers.processes import free_port
from servers.registry import Asked, Reply, serving

if TYPE_CHECKING:
    from servers.registry import Registry

HASTY = Patience(attempts=3, first_wait=0.0, longest_wait=5.0, connect=5, read=5, down=0)
DATA = b"0123456789" * 10
DIGEST = Digest.of(DATA)
BEGIN = "POST /v2/a/blobs/uploads/"
HEAD = f"HEAD /v2/a/blobs/{DIGEST}"
ABSENT, TAKEN = Reply(b"", 404), Reply(b"", 201)


@pytest.fixture
def server() -> Iterator[Registry]:
    """A registry whose uploads go to /u."""
    with serving() as registry:
        registry.answers[BEGIN] = Reply(b"", 202, {"Location": "/u"})
        registry.answers[HEAD] = ABSENT
        yield registry


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let forty bytes make a chunk, and nothing be so small that it goes whole."""
    monkeypatch.setattr(uploads, "WHOLE", 0)
    monkeypatch.setattr(uploads, "CHUNK", 40)


def opened(server: Registry, *accounts: Credential) -> TargetRegistry:
    """Return the registry as it is pushed to."""
    credentials = Credentials({server.host: accounts[0]} if accounts else {}, ())
    return open_registry(server.host, Dialling(plain=True), credentials, NullProgress(), HASTY)


def send(server: Registry, data: bytes = DATA, *accounts: Credential) -> None:
    """Upload a blob."""
    with closing(opened(server, *accounts)) as registry:
        repository = TargetRepository(registry, "a")
        begun = repository.begin(DIGEST)
        assert begun is not None
        with CheckedBlob(io.BytesIO(data), DIGEST, len(DATA), lambda _: None) as blob:
            BlobUpload(repository, blob, begun).run()


class Chunks:
    """A registry's side of an upload in chunks.

    Attributes:
        data: what came so far.
        lose: after how many chunks the answer is withheld once; the chunk is taken.
    """

    def __init__(self, server: Registry, lose: int = -1) -> None:
        self.data, self.lose = b"", lose
        self.ranges: list[str] = []
        server.answers["PATCH /u"] = self.patch
        server.answers["GET /u"] = lambda _: self._state(204)
        server.answers[f"PUT /u?digest={DIGEST}"] = lambda _: Reply(b"", 201 if self.data == DATA else 400)

    def patch(self, asked: Asked) -> Reply:
        """Take a chunk."""
        self.ranges.append(asked.headers["content-range"])
        if int(asked.headers["content-range"].partition("-")[0]) != len(self.data):
            return Reply(b"", 416)
        self.data += asked.body
        self.lose -= 1
        return Reply(b"", 503) if self.lose == 0 else self._state(202)

    def _state(self, status: int) -> Reply:
        return Reply(b"", status, {"Location": "/u", "Range": f"0-{max(0, len(self.data) - 1)}"})


def test_small_blobs_go_in_one_request(server: Registry) -> None:
    """POST and PUT, with the digest behind whatever the address has already."""
    server.answers[BEGIN] = Reply(b"", 202, {"Location": "/u?state=x"})
    server.answers[f"PUT /u?state=x&digest={DIGEST}"] = TAKEN
    send(server)
    assert [asked.method for asked in server.asked] == ["POST", "PUT"]
    assert server.asked[-1].body == DATA


@pytest.mark.usefixtures("small_chunks")
def test_large_blobs_go_in_chunks(server: Registry) -> None:
    """Each with its range; the end is a PUT without content."""
    chunks = Chunks(server)
    send(server)
    assert chunks.ranges == ["0-39", "40-79", "80-99"]
    assert server.asked[-1].body == b""


@pytest.mark.usefixtures("small_chunks")
def test_a_chunk_whose_answer_was_lost_is_not_sent_again(server: Registry) -> None:
    """The registry is asked how far it is."""
    chunks = Chunks(server, lose=2)
    send(server)
    assert chunks.ranges == ["0-39", "40-79", "80-99"]


@pytest.mark.usefixtures("small_chunks")
def test_the_registry_may_want_larger_chunks(server: Registry) -> None:
    """OCI-Chunk-Min-Length counts."""
    server.answers[BEGIN] = Reply(b"", 202, {"Location": "/u", "OCI-Chunk-Min-Length": "60"})
    chunks = Chunks(server)
    send(server)
    assert chunks.ranges == ["0-59", "60-99"]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("status", [400, 404, 405, 413, 416, 501])
def test_without_chunks_it_goes_whole(server: Registry, status: int) -> None:
    """A registry that takes no PATCH, or not the second one, gets one PUT."""
    server.answers["PATCH /u"] = [Reply(b"", 202, {"Location": "/u", "Range": "0-39"}), Reply(b"", status)]
    server.answers["GET /u"] = Reply(b"", 404)
    server.answers[f"PUT /u?digest={DIGEST}"] = TAKEN
    if status == 501:
        server.answers["PATCH /u"] = Reply(b"", 405)
    send(server)
    assert server.asked[-1].body == DATA


@pytest.mark.usefixtures("small_chunks")
def test_a_registry_that_gets_nowhere_is_given_up(server: Registry) -> None:
    """One that says again and again that it has nothing does not keep us for ever."""
    server.answers["PATCH /u"] = Reply(b"", 202, {"Location": "/u", "Range": "0-0"})
    server.answers["GET /u"] = Reply(b"", 204, {"Location": "/u", "Range": "0-0"})
    with pytest.raises(ResponseBroken, match="after a chunk"):
        send(server)
    assert sum(asked.method == "PATCH" for asked in server.asked) == HASTY.attempts


def test_a_damaged_blob_is_not_ended_but_cancelled(server: Registry) -> None:
    """Its last bytes are not sent, and the registry may forget the upload."""
    server.answers[f"PUT /u?digest={DIGEST}"] = TAKEN
    server.answers["DELETE /u"] = Reply(b"", 204)
    with pytest.raises(DigestMismatch):
        send(server, b"X" + DATA[1:])
    assert not [asked for asked in server.asked if asked.method == "PUT" and len(asked.body) == len(DATA)]
    assert server.lines("DELETE") == ["DELETE /u"]


def test_an_upload_elsewhere_gets_no_credentials(server: Registry) -> None:
    """The login is the registry's; where it sends us to is somebody else's place."""
    with serving() as elsewhere:
        server.login = "basic"
        elsewhere.answers[f"PUT /u?digest={DIGEST}"] = TAKEN
        server.answers[BEGIN] = lambda asked: (
            Reply(b"", 202, {"Location": f"http://{elsewhere.host}/u"})
            if "authorization" in asked.headers
            else Reply(b"", 401, {"WWW-Authenticate": "Basic realm=tests"})
        )
        send(server, DATA, Credential("keeper", "secret"))
        assert [asked.headers.get("authorization") for asked in elsewhere.asked] == [None]
        assert elsewhere.asked[0].body == DATA


def test_an_upload_to_where_nobody_answers_is_told_without_its_signature(server: Registry) -> None:
    """The address is named, so that it can be looked into, but not the query that lets anybody upload there."""
    there = f"127.0.0.1:{free_port()}"
    server.answers[BEGIN] = Reply(b"", 202, {"Location": f"http://{there}/u?X-Signature=secret"})
    with pytest.raises(HostUnreachable) as refused:
        send(server)
    assert f"http://{there}/u" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_redirected_request_takes_its_body_along_and_no_login(server: Registry) -> None:
    """307: the same request again, at the other place, without the login."""
    with serving() as elsewhere:
        elsewhere.answers["PUT /there"] = TAKEN
        server.answers[f"PUT /u?digest={DIGEST}"] = Reply(
            b"", 307, {"Location": f"http://{elsewhere.host}/there"}
        )
        send(server)
        assert elsewhere.asked[0].body == DATA
        assert "authorization" not in elsewhere.asked[0].headers


def test_a_login_that_does_not_count_is_told_once(server: Registry) -> None:
    """The same password is not tried again and again, and is not in the error."""
    server.answers[BEGIN] = Reply(b"", 401, {"WWW-Authenticate": "Basic realm=tests"})
    with pytest.raises(AuthenticationFailed) as caught:
        send(server, DATA, Credential("keeper", "hunter2", origin="a file"))
    assert "hunter2" not in str(caught.value)
    assert "a file" in str(caught.value)
    assert len(server.asked) == 2


def test_a_denial_holds_for_the_repository(server: Registry) -> None:
    """Where a token does not do, the next blob is not asked for with one token after the other."""
    server.answers[BEGIN] = lambda _: Reply(
        b"", 401, {"WWW-Authenticate": f'Bearer realm="http://{server.host}/token",service="tests"'}
    )
    with closing(opened(server, Credential("keeper", "secret", origin="a file"))) as registry:
        repository = TargetRepository(registry, "a")
        for _ in range(5):
            with pytest.raises(AuthenticationFailed, match="push to a"):
                repository.begin(DIGEST)
    assert len(server.lines("POST")) == 3


def test_what_passes_is_tried_again_and_what_does_not_is_not(server: Registry) -> None:
    """503 as often as there is patience, 400 once."""
    server.answers[f"PUT /u?digest={DIGEST}"] = Reply(b"", 503)
    with pytest.raises(ServerBusy):
        send(server)
    assert len(server.lines("PUT")) == HASTY.attempts
    server.forget()
    server.answers[f"PUT /u?digest={DIGEST}"] = Reply(b"", 400)
    with pytest.raises(StatusRefused):
        send(server)
    assert len(server.lines("PUT")) == 1


def test_a_lost_answer_to_the_end_is_no_second_upload(server: Registry) -> None:
    """The blob is there: so it is done."""
    server.answers[HEAD] = Reply(b"", 200)
    server.answers[f"PUT /u?digest={DIGEST}"] = Reply(b"", 503)
    send(server)
    assert len(server.lines("PUT")) == 1


def test_a_mount_that_is_not_granted_becomes_an_upload(server: Registry) -> None:
    """Whether the registry begins one itself, or forbids the mount."""
    target = f"POST /v2/a/blobs/uploads/?mount={str(DIGEST).replace(':', '%3A')}&from=b"
    with closing(opened(server)) as registry:
        repository = TargetRepository(registry, "a")
        server.answers[target] = Reply(b"", 202, {"Location": "/u"})
        assert repository.begin(DIGEST, "b") is not None
        server.answers[target] = Reply(b"", 403)
        assert repository.begin(DIGEST, "b") is not None
        assert server.lines("POST")[-1] == BEGIN
        server.answers[target] = TAKEN
        assert repository.begin(DIGEST, "b") is None


def test_a_registry_that_is_down_is_not_asked_for_each_blob() -> None:
    """Once it could not be reached by all attempts, what follows fails at once."""
    with serving() as server:
        host = server.host
    patience = Patience(attempts=2, first_wait=0.0, connect=5, read=5, down=60)
    with closing(
        open_registry(host, Dialling(plain=True), Credentials({}, ()), NullProgress(), patience)
    ) as registry:
        repository = TargetRepository(registry, "a")
        with pytest.raises(HostUnreachable) as first:
            repository.has_blob(DIGEST)
        with pytest.raises(HostUnreachable) as second:
            repository.has_blob(DIGEST)
        assert first.value is second.value


@pytest.mark.parametrize("headers", [{}, {"Location": "http://x/a b"}, {"Location": "ftp://x/"}])
def test_an_upload_to_nowhere_is_an_error(server: Registry, headers: dict[str, str]) -> None:
    """An answer that does not say where to upload to is none."""
    server.answers[BEGIN] = Reply(b"", 202, headers)
    with pytest.raises(RegistryError):
        send(server)


def test_endless_answers_are_refused(server: Registry) -> None:
    """An error's body is read up to a bound."""
    server.answers[f"PUT /u?digest={DIGEST}"] = Reply(b"x" * (1 << 20), 400)
    with pytest.raises(RegistryError, match="more than"):
        send(server)


def test_a_manifest_that_the_registry_calls_otherwise_is_an_error(server: Registry) -> None:
    """Its Docker-Content-Digest must be one of the manifest's bytes, by whatever algorithm it prefers."""
    with closing(opened(server)) as registry:
        repository = TargetRepository(registry, "a")
        for told in ("sha256:" + "0" * 64, "nonsense"):
            server.answers["PUT /v2/a/manifests/1"] = Reply(b"", 201, {"Docker-Content-Digest": told})
            with pytest.raises(RegistryError, match="took sha256:"):
                repository.put_manifest("1", b"{}", "application/x", Digest.of(b"{}"))
        long = "sha512:" + hashlib.sha512(b"{}").hexdigest()
        server.answers["PUT /v2/a/manifests/1"] = Reply(b"", 201, {"Docker-Content-Digest": long})
        assert not repository.put_manifest("1", b"{}", "application/x", Digest.of(b"{}"))
