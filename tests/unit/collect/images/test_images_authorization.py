"""Logging in: tokens, their end, whose credentials go where."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import ExitStack
from typing import Iterator

import pytest

from archiver.collect.images.authorization import Authorizer
from archiver.collect.images.endpoints import Endpoint
from archiver.core.errors import AuthenticationFailed, RateLimited, ServerBusy
from archiver.core.logins import Credential, Credentials
from archiver.spec.access import Auth
from archiver.spec.registries import RegistrySettings
from servers.asking import CONTENT, Opened, blob, read, repository
from servers.registry import Asked, Registry, Reply, serving

KEEPER = RegistrySettings(auth=Auth(username="${NAME}", password="${SECRET}"))
ACCOUNT = {"NAME": "keeper", "SECRET": "secret"}
BASIC = "Basic " + b64encode(b"keeper:secret").decode()


@pytest.fixture
def server() -> Iterator[Registry]:
    """A registry with an image, whose token server wants a login."""
    with serving() as registry:
        registry.image("app:1", b"x")
        registry.login, registry.anonymous = "bearer", False
        yield registry


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens registries."""
    with ExitStack() as held:
        yield Opened(held)


def sent(server: Registry) -> list[str | None]:
    """Return the Authorization headers that came, but for those to the token server."""
    return [
        each.headers.get("authorization") for each in server.asked if not each.target.startswith("/token")
    ]


def tokens(server: Registry) -> int:
    """Return how many tokens were asked for."""
    return sum(each.target.startswith("/token") for each in server.asked)


def test_a_token_is_fetched_once_a_repository(server: Registry, opened: Opened) -> None:
    """With the account of the spec, by the scope that the registry asks for; and sent unasked from then on."""
    registries = opened({server.host: KEEPER}, **ACCOUNT)
    repo = repository(registries, server.host)
    for _ in range(3):
        repo.resolve("1")
    assert sent(server) == [None, "Bearer token-0", "Bearer token-0", "Bearer token-0"]
    [asked] = [each for each in server.asked if each.target.startswith("/token")]
    assert asked.headers["authorization"] == BASIC
    assert "scope=repository%3Aapp%3Apull" in asked.target
    server.image("other:1", b"y")
    repository(registries, server.host, "other").resolve("1")
    assert tokens(server) == 2


def test_a_token_that_is_refused_is_fetched_anew(server: Registry, opened: Opened) -> None:
    """In the middle of a run, also where a blob goes on from an earlier attempt: the part asked for stays the same."""
    wanted = blob(server)
    repo = repository(opened({server.host: KEEPER}, **ACCOUNT), server.host)
    repo.resolve("1")
    server.expire()
    assert read(repo, wanted, 4) == (4, CONTENT[4:])
    assert sent(server)[-2:] == ["Bearer token-0", "Bearer token-1"]
    assert [each.headers["range"] for each in server.asked[-3:] if "range" in each.headers] == [
        "bytes=4-"
    ] * 2


def test_a_token_is_renewed_before_its_end(server: Registry, opened: Opened) -> None:
    """By the lifetime that the token server tells; without a 401 in between. Where none is told, a 401 tells."""
    now = [0.0]
    client = opened().client
    authorizer = Authorizer(
        client, Credentials({server.host: Credential("keeper", "secret")}, ()), {}, clock=lambda: now[0]
    )
    endpoint = Endpoint(server.host, "app", server.host, "http")
    server.lifetime = 60
    assert authorizer.current(endpoint) == ""
    challenge = f'Bearer realm="http://{server.host}/token",service="tests"'
    assert authorizer.answer(endpoint, "", challenge) == "Bearer token-0"
    server.expire()
    now[0] = 49.0
    assert authorizer.current(endpoint) == "Bearer token-0"
    now[0] = 51.0
    assert authorizer.current(endpoint) == "Bearer token-1"
    assert authorizer.current(endpoint) == "Bearer token-1"
    server.expire()
    server.answers["/token"] = Reply(b"{}", 500)
    now[0] = 200.0
    server.answers["GET /token?service=tests&scope=repository%3Aapp%3Apull"] = Reply(status=503)
    with pytest.raises(ServerBusy):
        authorizer.current(endpoint)


@pytest.mark.parametrize("lifetime", ["60", True, None, -1, 0, 10**400])
def test_a_lifetime_that_is_none_is_no_end(server: Registry, opened: Opened, lifetime: object) -> None:
    """Then the token is used until it is refused."""
    now = [0.0]
    authorizer = Authorizer(
        opened().client,
        Credentials({server.host: Credential("keeper", "secret")}, ()),
        {},
        clock=lambda: now[0],
    )
    endpoint = Endpoint(server.host, "app", server.host, "http")
    server.lifetime = lifetime  # type: ignore[assignment]
    authorizer.answer(endpoint, "", f'Bearer realm="http://{server.host}/token"')
    now[0] = 1e9
    assert authorizer.current(endpoint) == "Bearer token-0"


def test_basic_is_sent_unasked_once_it_is_known(server: Registry, opened: Opened) -> None:
    """Also for other repositories: one 401 a registry."""
    server.login = "basic"
    server.image("other:1", b"y")
    registries = opened({server.host: KEEPER}, **ACCOUNT)
    for name in ("app", "other"):
        repository(registries, server.host, name).resolve("1")
    assert sent(server) == [None, BASIC, BASIC]


def test_a_mirror_is_not_sent_the_registry_s_credentials(server: Registry, opened: Opened) -> None:
    """Each place gets its own, or none: neither account nor token goes to another host."""
    with serving() as mirror:
        mirror.login = "basic"
        wanted = blob(server, mirror)
        settings = RegistrySettings(mirrors=(mirror.host,), auth=KEEPER.auth)
        repo = repository(opened({server.host: settings}, **ACCOUNT), server.host)
        repo.resolve("1")
        assert read(repo, wanted) == (0, CONTENT)
        assert sent(mirror) == [None]
        own = RegistrySettings(auth=Auth(username="${NAME}", password="${OTHER}"))
        both = {server.host: settings, mirror.host: own}
        mirror.forget()
        assert read(repository(opened(both, **ACCOUNT, OTHER="wrong"), server.host), wanted) == (0, CONTENT)
        assert sent(mirror) == [None, "Basic " + b64encode(b"keeper:wrong").decode()]
        assert sent(server)[-1] == "Bearer token-0"


def test_redirects_elsewhere_carry_no_credentials(server: Registry, opened: Opened) -> None:
    """Where blobs are sent from, S3 or a CDN, sees the range that is wanted, and no Authorization."""
    with serving() as elsewhere:
        wanted = blob(server, elsewhere)
        target = f"/v2/app/blobs/{wanted.digest}"
        truth = Reply(status=307, headers={"Location": f"http://{elsewhere.host}{target}?signature=x"})

        def reply(asked: Asked) -> Reply:
            known = asked.headers.get("authorization") == "Bearer token-0"
            return truth if known else Reply(b"{}", 401, {"WWW-Authenticate": challenge})

        challenge = f'Bearer realm="http://{server.host}/token"'
        server.answers[target] = reply
        assert read(repository(opened({server.host: KEEPER}, **ACCOUNT), server.host), wanted, 4) == (
            4,
            CONTENT[4:],
        )
        [asked] = elsewhere.asked
        assert "authorization" not in asked.headers
        assert asked.headers["range"] == "bytes=4-"


def test_an_identity_token_is_posted(server: Registry, opened: Opened) -> None:
    """As OAuth 2.0 has it; a token server that knows no POST gets the account by GET, where there is one."""
    entry = {"identitytoken": "long-lived", "auth": b64encode(b"keeper:secret").decode()}
    logins = json.dumps({"auths": {server.host: entry}})
    repository(opened(DOCKER_AUTH_CONFIG=logins), server.host).resolve("1")
    [posted] = [each for each in server.asked if each.method == "POST"]
    assert b"grant_type=refresh_token" in posted.body
    assert "authorization" not in posted.headers
    server.answers["POST /token"] = Reply(status=405)
    repository(opened(DOCKER_AUTH_CONFIG=logins), server.host).resolve("1")
    assert server.asked[-2].headers["authorization"] == BASIC


@pytest.mark.parametrize("login", ["basic", "bearer"])
def test_a_wrong_password_is_an_error_without_it(server: Registry, opened: Opened, login: str) -> None:
    """It says whose it is, and shows nothing secret; nobody insists."""
    server.login = login
    with pytest.raises(AuthenticationFailed) as caught:
        repository(opened({server.host: KEEPER}, NAME="keeper", SECRET="mistyped"), server.host).resolve("1")
    told = f"{caught.value!r} {caught.value} {caught.value.hint}"
    assert f"the login of the spec (registries, {server.host}, auth)" in told
    assert "mistyped" not in told
    assert b64encode(b"keeper:mistyped").decode() not in told
    assert len(server.asked) <= 4


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_secret_that_a_server_repeats_is_not_shown(server: Registry, opened: Opened, kind: str) -> None:
    """Some servers print the request into their error pages."""
    server.login = "basic"
    errors = {"errors": [{"code": "DENIED", "message": f"no way in by Authorization: {BASIC}"}]}
    said = Reply(json.dumps(errors).encode(), 403, {"Content-Type": kind})
    challenge = Reply(status=401, headers={"WWW-Authenticate": "Basic"})
    server.answers["GET /v2/app/manifests/1"] = [challenge, said]
    with pytest.raises(AuthenticationFailed, match="HTTP 403") as caught:
        repository(opened({server.host: KEEPER}, **ACCOUNT), server.host).get_manifest("1")
    assert BASIC.partition(" ")[2] not in str(caught.value)


def test_without_credentials_a_login_is_asked_for(server: Registry, opened: Opened) -> None:
    """The message names the registry and the spec's key."""
    server.login = "basic"
    with pytest.raises(AuthenticationFailed, match="needs a login, or does not exist") as caught:
        repository(opened(), server.host).resolve("1")
    assert f"`docker login {server.host}`" in caught.value.message
    assert f"registries, {server.host}, auth" in caught.value.message


@pytest.mark.parametrize(
    "realm", ["http://auth.example/token", "ftp://auth.example", "//x", "", "https://[", "file:///etc/passwd"]
)
def test_credentials_go_to_no_token_server_in_the_clear(server: Registry, opened: Opened, realm: str) -> None:
    """Nor to what is no address at all."""
    server.answers["/v2/app/manifests/1"] = Reply(
        status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'}
    )
    with pytest.raises(AuthenticationFailed, match="not https"):
        repository(opened({server.host: KEEPER}, **ACCOUNT), server.host).resolve("1")


def test_a_registry_elsewhere_has_no_token_server_on_this_machine(opened: Opened) -> None:
    """Whoever listens there may be anybody: the registry's password is not for them."""
    with serving() as local:
        host = "registry.example.org"
        authorizer = Authorizer(opened().client, Credentials({host: Credential("keeper", "secret")}, ()), {})
        endpoint = Endpoint(host, "app", host)
        with pytest.raises(AuthenticationFailed, match="not https"):
            authorizer.answer(endpoint, "", f'Bearer realm="http://{local.host}/token"')
        assert local.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"token": 3}',
        b'{"token": "a b"}',
        b'{"token": "a\\nb"}',
        b'{"token": "x' + b"y" * (1 << 20),
    ],
)
def test_a_token_that_is_none_is_an_error(server: Registry, opened: Opened, answer: bytes) -> None:
    """Not JSON, no token, something that cannot stand in a header, more than a megabyte."""
    target = "/token?service=tests&scope=repository%3Aapp%3Apull"
    server.answers[f"GET {target}"] = Reply(answer)
    with pytest.raises(AuthenticationFailed, match="token server"):
        repository(opened(), server.host).resolve("1")


def test_a_token_server_that_wants_a_rest_gets_it(server: Registry, opened: Opened) -> None:
    """As if the registry had said it."""
    server.answers["GET /token?service=tests&scope=repository%3Aapp%3Apull"] = Reply(status=429)
    with pytest.raises(RateLimited):
        repository(opened({server.host: KEEPER}, **ACCOUNT), server.host).resolve("1")
    assert any("wants no more requests for now" in note for note in opened.notes.told)
