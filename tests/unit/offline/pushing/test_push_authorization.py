"""Logging in to push: what tokens are asked for, and what is remembered."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from archiver.core.errors import AuthenticationFailed, RegistryError, ServerBusy
from archiver.core.logins import Credential, Credentials
from archiver.offline.pushing.authorization import Access, Authorizer
from archiver.offline.pushing.client import Client
from archiver.offline.pushing.connections import Connections, Trust
from servers.registry import Reply, serving

if TYPE_CHECKING:
    from servers.registry import Registry

PUSH = Access("team/app")
KEEPER = Credential("keeper", "secret", origin="a file")


@pytest.fixture
def server() -> Iterator[Registry]:
    """A registry whose token server wants a login."""
    with serving() as registry:
        registry.anonymous = False
        yield registry


class Clock:
    """A clock that stands until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def challenge(server: Registry, scope: str = "") -> str:
    """Return what a registry says with its 401."""
    return f'Bearer realm="http://{server.host}/token",service="tests"' + (
        f',scope="{scope}"' if scope else ""
    )


def authorizer(
    server: Registry, credential: Credential | None = KEEPER, clock: Clock | None = None
) -> Authorizer:
    """Return one for the registry."""
    root = f"http://{server.host}"
    credentials = Credentials({server.host: credential} if credential is not None else {}, ())
    client = Client(Connections(root, Trust(), connect=5, read=5))
    return Authorizer(server.host, root, client, credentials, clock or Clock())


def scopes(server: Registry) -> list[list[str]]:
    """Return the scopes that tokens were asked for by."""
    return [parse_qs(urlsplit(asked.target).query)["scope"] for asked in server.asked]


def test_a_token_is_for_pushing_at_once(server: Registry) -> None:
    """The registry may only speak of pulling, since that was the first request; what else it names is asked for as well."""
    found = authorizer(server)
    found.answer(PUSH, "", challenge(server, "repository:team/app:pull repository:real/name:pull"))
    assert scopes(server) == [["repository:team/app:pull,push", "repository:real/name:pull"]]


def test_a_mount_asks_for_both_repositories(server: Registry) -> None:
    """To push here and to pull there; other repositories ask unasked, once the registry said how."""
    found = authorizer(server)
    found.answer(PUSH, "", challenge(server))
    value = found.current(Access("team/app", "team/base"))
    assert value.startswith("Bearer ")
    assert scopes(server)[1] == ["repository:team/app:pull,push", "repository:team/base:pull"]
    assert found.current(Access("team/app", "team/base")) == value
    assert len(server.asked) == 2


def test_a_token_near_its_end_is_renewed(server: Registry) -> None:
    """Before the registry refuses it in the middle of an upload."""
    clock = Clock()
    found = authorizer(server, clock=clock)
    found.answer(PUSH, "", challenge(server))
    clock.now = 280.0
    found.current(PUSH)
    assert len(server.asked) == 1
    clock.now = 295.0
    found.current(PUSH)
    assert len(server.asked) == 2


def test_a_refresh_token_is_posted(server: Registry) -> None:
    """As docker has it of some registries, in place of a password."""
    found = authorizer(server, Credential(identity_token="long-lived"))
    assert found.answer(PUSH, "", challenge(server)) == "Bearer token-0"
    (asked,) = server.asked
    assert asked.method == "POST"
    assert parse_qs(asked.body.decode())["scope"] == ["repository:team/app:pull,push"]


def test_a_wrong_login_is_told_with_where_it_is_from(server: Registry) -> None:
    """And without the password."""
    found = authorizer(server, Credential("keeper", "hunter2", origin="a file"))
    with pytest.raises(AuthenticationFailed) as caught:
        found.answer(PUSH, "", challenge(server))
    assert "a file" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("realm", ["http://tokens.example.net/token", "ftp://x/", "", "/token"])
def test_a_login_is_sent_to_no_place_in_the_clear(server: Registry, realm: str) -> None:
    """A token server is https, or on the same machine as the registry."""
    with pytest.raises(AuthenticationFailed, match="not https"):
        authorizer(server).answer(PUSH, "", f'Bearer realm="{realm}",service="tests"')
    assert server.asked == []


def test_an_unknown_kind_of_login_is_told(server: Registry) -> None:
    """With its name."""
    with pytest.raises(AuthenticationFailed, match="negotiate"):
        authorizer(server).answer(PUSH, "", "Negotiate")


def test_a_token_server_that_redirects_gets_no_login_elsewhere(server: Registry) -> None:
    """The password stays with whom it was meant for."""
    with serving() as elsewhere, closing(Connections(f"http://{server.host}", Trust(), connect=5, read=5)):
        target = "/token?service=tests&scope=repository%3Ateam%2Fapp%3Apull%2Cpush"
        server.answers[f"GET {target}"] = Reply(
            b"", 307, {"Location": f"http://{elsewhere.host}/token?scope=x"}
        )
        elsewhere.anonymous = True
        authorizer(server).answer(PUSH, "", challenge(server))
        assert "authorization" in server.asked[0].headers
        assert "authorization" not in elsewhere.asked[0].headers


def test_a_refresh_token_is_not_redirected_elsewhere(server: Registry) -> None:
    """It stands in the request's body: 307 asks to send that again, and another host would have the login then."""
    with serving() as elsewhere:
        server.answers["POST /token"] = Reply(b"", 307, {"Location": f"http://{elsewhere.host}/token"})
        with pytest.raises(RegistryError, match="another host"):
            authorizer(server, Credential(identity_token="long-lived")).answer(PUSH, "", challenge(server))
        assert elsewhere.asked == []


@pytest.mark.parametrize("said", ["hunter2", "a2VlcGVyOmh1bnRlcjI="])
def test_what_repeats_a_secret_is_not_told(server: Registry, said: str) -> None:
    """A token server in trouble may show the request that it got: neither the password nor the header gets into messages."""
    words = f"cannot serve {said}".encode()
    target = "/token?service=tests&scope=repository%3Ateam%2Fapp%3Apull%2Cpush"
    server.answers[f"GET {target}"] = Reply(words, 503, {"Content-Type": "text/plain"})
    with pytest.raises(ServerBusy) as caught:
        authorizer(server, Credential("keeper", "hunter2")).answer(PUSH, "", challenge(server))
    assert "503" in str(caught.value)
    assert said not in str(caught.value)
