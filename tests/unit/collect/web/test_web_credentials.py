from __future__ import annotations

import base64
import gzip
import io
from datetime import datetime, timezone
from urllib.parse import quote

import pytest

from archiver.collect.web.credentials import NO_CREDENTIALS, Credentials, Proxy, problems
from archiver.collect.web.echoes import Secrets
from archiver.collect.web.fetch import Exchange
from archiver.core.errors import SecretEchoed, SpecError
from archiver.spec.model import DocSite

SECRET = 'p4ss/w0rd & "more"'
ENVIRONMENT = {"KEY": "key-31415", "COOKIE": "session-27182", "WHO": "keeper", "PASSWORD": SECRET}
SITE = "https://docs.example"


def _site(*seeds: str, **values: object) -> DocSite:
    return DocSite.model_validate({"seeds": seeds or (f"{SITE}/v2/",), **values})


LOCKED = _site(
    headers={"Accept-Language": "en", "X-Api-Key": "k=${KEY}"},
    cookies={"a": "${COOKIE}", "b": "x${COOKIE}"},
    auth={"username": "${WHO}", "password": "${PASSWORD}"},
)


def _exchange(body: bytes = b"", *headers: tuple[str, str], url: str = f"{SITE}/") -> Exchange:
    moment = datetime(2026, 11, 23, tzinfo=timezone.utc)
    return Exchange(url, moment, (), "HTTP/1.1", 200, "OK", headers, io.BytesIO(body), len(body), "")


def test_all_that_a_spec_names_is_sent_to_the_site() -> None:
    """Headers with their references replaced, one Cookie header, and basic authentication."""
    basic = base64.b64encode(f"keeper:{SECRET}".encode()).decode()
    assert Credentials.of(LOCKED, ENVIRONMENT).headers_for(SITE) == (
        ("Accept-Language", "en"),
        ("X-Api-Key", "k=key-31415"),
        ("Cookie", "a=session-27182; b=xsession-27182"),
        ("Authorization", f"Basic {basic}"),
    )


@pytest.mark.parametrize(
    ("seed", "origin", "sent"),
    [
        (f"{SITE}/v2/", SITE, True),
        (f"{SITE}/v2/", "http://docs.example", False),
        (f"{SITE}/v2/", "https://docs.example:8443", False),
        (f"{SITE}/v2/", "https://example", False),
        (f"{SITE}/v2/", "https://x.docs.example", False),
        ("http://docs.example/", SITE, True),
        ("http://docs.example:8080/", "http://docs.example:8080", True),
        ("http://docs.example:8080/", "https://docs.example:8080", False),
        ("http://docs.example:8080/", SITE, False),
        ("HTTPS://DOCS.example:443/", SITE, True),
    ],
)
def test_only_the_seeds_origins_get_credentials(seed: str, origin: str, sent: bool) -> None:
    """Scheme, host and port count; the one step up is from plain http to https on their usual ports."""
    site = _site(seed, headers={"X-Api-Key": "${KEY}"}, scope={"include": ("https://x.docs.example/",)})
    assert bool(Credentials.of(site, ENVIRONMENT).headers_for(origin)) is sent


def test_secret_headers_are_recorded_without_their_values() -> None:
    """What came from the environment is withheld; literal headers and the program's own stay."""
    credentials = Credentials.of(LOCKED, ENVIRONMENT)
    sent = (("Host", "docs.example"), *credentials.headers_for(SITE))
    assert credentials.recorded(sent) == (
        ("Host", "docs.example"),
        ("Accept-Language", "en"),
        ("X-Api-Key", "withheld"),
        ("Cookie", "withheld"),
        ("Authorization", "withheld"),
    )


def test_the_cookies_that_such_a_site_sets_are_withheld() -> None:
    """They may be worth as much as a password; other headers and other sites' answers stay as they are."""
    credentials = Credentials.of(LOCKED, ENVIRONMENT)
    headers = (("SET-Cookie", "session=new; Secure"), ("Content-Type", "text/html"))
    assert credentials.cleared(_exchange(b"", *headers)).headers == (
        ("SET-Cookie", "withheld"),
        ("Content-Type", "text/html"),
    )
    elsewhere = _exchange(b"", *headers, url="https://cdn.example/")
    assert credentials.cleared(elsewhere) is elsewhere
    for site in (_site(), _site(headers={"Accept-Language": "en"})):
        public = _exchange(b"", *headers)
        assert Credentials.of(site, {}).cleared(public) is public
    assert NO_CREDENTIALS.headers_for(SITE) == ()


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        "p4ss/w0rd &amp; &quot;more&quot;",
        'p4ss/w0rd & \\"more\\"',
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"keeper:{SECRET}".encode()).decode(),
        "key-31415",
        "xsession-27182",
    ],
)
def test_an_answer_that_shows_a_secret_is_refused(shown: str) -> None:
    """In a header or a body, compressed or not, in any usual spelling: the answer is not archived."""
    credentials = Credentials.of(LOCKED, ENVIRONMENT)
    page = f"<p>you are {shown}!</p>".encode()
    zipped = _exchange(gzip.compress(page), ("Content-Encoding", "gzip"))
    for exchange in (_exchange(page), zipped, _exchange(b"", ("Location", f"/?k={shown}"))):
        with pytest.raises(SecretEchoed) as caught:
            credentials.cleared(exchange)
        assert shown not in f"{caught.value} {caught.value.hint}"


def test_harmless_answers_pass_with_their_bodies_unread() -> None:
    """The user name alone is no secret; the body is left where it was."""
    page = b"<p>hello keeper</p>"
    cleared = Credentials.of(LOCKED, ENVIRONMENT).cleared(_exchange(page, ("Content-Encoding", "gzip")))
    assert cleared.body.read() == page


def test_secrets_are_found_across_the_pieces_of_a_body() -> None:
    """Wherever a body is cut for reading, a value that lies across the cut is seen."""
    secrets = Secrets(["0123456789"])
    size = 1 << 18
    for at in range(size - 12, size + 3):
        body = io.BytesIO(b"x" * at + b"0123456789" + b"x" * size)
        assert secrets.in_body(body, "")
    assert not secrets.in_body(io.BytesIO(b"012345678" * 100_000), "")


def test_short_values_are_not_looked_for() -> None:
    """What is shorter than six characters would be found everywhere."""
    assert not Secrets(["abc"]).in_text("abc abcdef")


def test_no_representation_shows_a_value() -> None:
    """What a log or a traceback prints of credentials and proxies has no secret in it."""
    credentials = Credentials.of(LOCKED, ENVIRONMENT)
    proxy = Proxy.of(_site(proxy="${PROXY}"), {"PROXY": "http://me:hunter2@proxy.example:3128"})
    text = repr((credentials, proxy))
    assert not [value for value in ("31415", "27182", "w0rd", "hunter2") if value in text]


@pytest.mark.parametrize(
    ("text", "value", "url", "user"),
    [
        ("http://proxy:3128", "", "http://proxy:3128", ""),
        ("${PROXY}", "https://proxy.example/", "https://proxy.example", ""),
        ("${PROXY}", "http://me:p%40ss@[::1]:3128/", "http://[::1]:3128", "me:p@ss"),
        ("http://${PROXY}@proxy:1", "me:x", "http://proxy:1", "me:x"),
    ],
)
def test_a_proxy_is_taken_apart(text: str, value: str, url: str, user: str) -> None:
    """The address has no password in it; that is in a header of its own."""
    proxy = Proxy.of(_site(proxy=text), {"PROXY": value})
    assert proxy is not None
    assert proxy.url == url
    assert proxy.authorization == (f"Basic {base64.b64encode(user.encode()).decode()}" if user else "")


def test_a_site_without_a_proxy_has_none() -> None:
    """The environment's own proxies are another matter."""
    assert Proxy.of(_site(), {"http_proxy": "http://proxy:1"}) is None


@pytest.mark.parametrize(
    ("values", "at", "value"),
    [
        ({"headers": {"X-Api-Key": "${V}"}}, ("headers", "X-Api-Key"), None),
        ({"headers": {"X-Api-Key": "${V}"}}, ("headers", "X-Api-Key"), ""),
        ({"headers": {"X-Api-Key": "${V}"}}, ("headers", "X-Api-Key"), "hunter2\nX-Evil: 1"),
        ({"headers": {"X-Api-Key": "${V}"}}, ("headers", "X-Api-Key"), "hunter2 "),
        ({"headers": {"X-Api-Key": "${V}"}}, ("headers", "X-Api-Key"), "hunter2é"),
        ({"cookies": {"a": "${V}"}}, ("cookies", "a"), "hunter2; b=c"),
        ({"auth": {"username": "${V}", "password": "${OK}"}}, ("auth", "username"), "hunter2:x"),
        ({"auth": {"username": "${OK}", "password": "${V}"}}, ("auth", "password"), "hunter2\r"),
        ({"proxy": "${V}"}, ("proxy",), "socks5://hunter2@proxy:1"),
        ({"proxy": "${V}"}, ("proxy",), "http://hunter2@proxy:port"),
        ({"proxy": "${V}"}, ("proxy",), "hunter2@proxy:1"),
    ],
)
def test_values_that_cannot_be_sent_are_told_by_key(
    values: dict[str, object], at: tuple[str, ...], value: str | None
) -> None:
    """Missing, empty and unusable variables are problems with the key's place, and no value is shown."""
    environment = {"OK": "fine"} | ({} if value is None else {"V": value})
    site = _site(**values)
    ((where, error),) = problems(site, environment)
    assert where == at
    assert error.hint
    assert "hunter2" not in f"{error} {error.hint}"
    with pytest.raises(SpecError):
        (Credentials.of(site, environment), Proxy.of(site, environment))


def test_usable_values_are_no_problem() -> None:
    """Passwords may have any printable characters."""
    assert list(problems(LOCKED, ENVIRONMENT | {"PASSWORD": "pä:ss wörd"})) == []
