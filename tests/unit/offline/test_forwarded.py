from __future__ import annotations

import pytest
from werkzeug.test import create_environ

from archiver.core.errors import UsageError
from archiver.offline.forwarded import NO_PROXIES, TrustedProxies
from archiver.offline.wsgi import Caller, Host, Reply, Request, read_request

PROXY = TrustedProxies.parse(["127.0.0.1", "10.1.0.0/16", "fd00::/8"])


def _asked(
    headers: dict[str, str], *, peer: str = "127.0.0.1", proxies: TrustedProxies = PROXY
) -> Request | Reply:
    environ = create_environ(headers={"Host": "inner:8080", **headers})
    environ.update({"SERVER_PORT": "8080", "REMOTE_ADDR": peer})
    request = read_request(environ)
    assert isinstance(request, Request)
    return proxies.original(request)


def _caller(headers: dict[str, str], **more: object) -> Caller:
    found = _asked(headers, **more)  # type: ignore[arg-type]
    assert isinstance(found, Request), found
    return found.caller


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        ({}, "http", Host("inner", 8080)),
        ({"X-Forwarded-Proto": "https"}, "https", Host("inner", 8080)),
        ({"X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "Docs.Corp"}, "https", Host("docs.corp")),
        ({"X-Forwarded-Host": "docs.corp", "X-Forwarded-Port": "8443"}, "http", Host("docs.corp", 8443)),
        ({"X-Forwarded-Host": "docs.corp:9443", "X-Forwarded-Port": "443"}, "http", Host("docs.corp", 9443)),
        ({"X-Forwarded-Host": "evil.example, docs.corp"}, "http", Host("docs.corp")),
        ({"Forwarded": "for=192.0.2.7;proto=https;host=docs.corp"}, "https", Host("docs.corp")),
        ({"Forwarded": 'For="[2001:db8::7]:4711";Proto=https;Host="docs.corp:8443"'}, "https", Host("docs.corp", 8443)),
        ({"Forwarded": "host=evil.example;proto=http, for=192.0.2.7;host=docs.corp"}, "http", Host("docs.corp")),
        ({"Forwarded": "for=192.0.2.7;host=docs.corp;proto=https, for=10.1.2.3;host=inner;proto=http"}, "https",
         Host("docs.corp")),
        ({"Forwarded": 'host=evil.example, for=192.0.2.7;host=docs.corp, for="[fd00::1]:80";host=inner'}, "http",
         Host("docs.corp")),
        ({"Forwarded": "for=unknown"}, "http", Host("inner", 8080)),
        ({"Forwarded": "host=docs.corp", "X-Forwarded-Host": "docs.corp"}, "http", Host("docs.corp")),
    ],
)  # fmt: skip
def test_a_trusted_proxy_tells_what_was_asked_for(headers: dict[str, str], scheme: str, host: Host) -> None:
    """What our peer says counts; what a client put before it counts only where a trusted proxy passed it on."""
    caller = _caller(headers)
    assert (caller.scheme, caller.host) == (scheme, host)


@pytest.mark.parametrize(
    ("text", "prefix"), [("", ""), ("/", ""), ("/archive", "/archive"), ("/a/b-c_d.e~/", "/a/b-c_d.e~")]
)
def test_a_prefix_has_no_final_slash(text: str, prefix: str) -> None:
    """Where the main site is shown at the root, there is none."""
    assert _caller({"X-Forwarded-Prefix": text}).prefix == prefix


@pytest.mark.parametrize("peer", ["127.0.0.2", "10.2.0.1", "::1", "", "no address"])
def test_others_are_not_believed(peer: str) -> None:
    """Anybody can send these headers; malformed ones, too."""
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "=", "X-Forwarded-Prefix": "//evil.example"}
    assert _caller(headers, peer=peer) == Caller(Host("inner", 8080), port=8080)
    assert _caller(headers, proxies=NO_PROXIES) == Caller(Host("inner", 8080), port=8080)


@pytest.mark.parametrize("peer", ["10.1.255.1", "::ffff:10.1.0.7", "fd00::7", "::ffff:127.0.0.1"])
def test_networks_are_trusted_however_the_socket_tells_the_address(peer: str) -> None:
    """A socket for both kinds of addresses maps one into the other."""
    assert _caller({"X-Forwarded-Host": "docs.corp"}, peer=peer).host == Host("docs.corp")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Proto": "ftp"},
        {"X-Forwarded-Proto": "https;"},
        {"X-Forwarded-Host": "<script>"},
        {"X-Forwarded-Host": "docs.corp/path"},
        {"X-Forwarded-Host": "docs.corp:99999"},
        {"X-Forwarded-Host": "docs.corp:80", "X-Forwarded-Port": "x"},
        {"X-Forwarded-Port": "0"},
        {"X-Forwarded-Port": "65536"},
        {"X-Forwarded-Port": "-1"},
        {"X-Forwarded-Port": "\u0664"},
        {"X-Forwarded-Prefix": "archive"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Forwarded-Prefix": "/a/../b"},
        {"X-Forwarded-Prefix": "/./a"},
        {"X-Forwarded-Prefix": '/"><script>'},
        {"X-Forwarded-Prefix": "/a?b"},
        {"X-Forwarded-Prefix": "/" + "/".join("a" * 20)},
        {"Forwarded": "proto"},
        {"Forwarded": "proto=https host=docs.corp"},
        {"Forwarded": "proto = https"},
        {"Forwarded": "proto=https;proto=http"},
        {"Forwarded": 'host="docs.corp'},
        {"Forwarded": "host=a:b"},
        {"Forwarded": "proto=https/host=x"},
        {"Forwarded": "host=" + "a" * 5000},
        {"Forwarded": "host=a.corp", "X-Forwarded-Host": "b.corp"},
        {"Forwarded": "proto=http", "X-Forwarded-Proto": "https"},
    ],
)
def test_what_a_trusted_proxy_says_is_read_strictly(headers: dict[str, str]) -> None:
    """A guess would lead readers astray, so it is a plain refusal."""
    refusal = _asked(headers)
    assert isinstance(refusal, Reply)
    assert refusal.status == 400


@pytest.mark.parametrize("text", ["localhost", "10.1.0.1/16", "10.1.0.0/33", "", "*"])
def test_a_proxy_is_an_address_or_a_network(text: str) -> None:
    """A name may mean another machine tomorrow; host bits beside a mask are a slip."""
    with pytest.raises(UsageError, match="no address of a proxy"):
        TrustedProxies.parse([text])
