"""Sites that want credentials, and sites behind a proxy: who gets what, and that nothing of it is written down."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Callable
from urllib.parse import quote

import pytest

from archiver.collect.web.credentials import Credentials, Proxy
from archiver.store.paths import ProjectPaths, create_archive
from servers.certificates import make_certificates
from servers.crawling import crawled, doc_site
from servers.proxy import proxying
from servers.site import Answer, Asked, Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console

KEY, COOKIE, PASSWORD = "key-3141592653", "cookie+27182/81828", "päss/w0rd & more"
ENVIRONMENT = {"DOCS_KEY": KEY, "DOCS_COOKIE": COOKIE, "DOCS_USER": "keeper", "DOCS_PASSWORD": PASSWORD}
BASIC = base64.b64encode(f"keeper:{PASSWORD}".encode()).decode()
HEADERS = {"x-api-key": KEY, "cookie": f"session={COOKIE}", "authorization": f"Basic {BASIC}"}
LOCKED = {
    "headers": {"Accept-Language": "en", "X-Api-Key": "${DOCS_KEY}"},
    "cookies": {"session": "${DOCS_COOKIE}"},
    "auth": {"username": "${DOCS_USER}", "password": "${DOCS_PASSWORD}"},
}


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def _locked(body: bytes, *headers: tuple[str, str]) -> Callable[[Asked], Reply]:
    """Answer only those who have everything."""

    def answer(asked: Asked) -> Reply:
        if all(asked.headers.get(name) == value for name, value in HEADERS.items()):
            return Reply(body, headers=headers)
        return Reply(b"who are you?", 401, headers=(("WWW-Authenticate", "Basic"),))

    return answer


def _traces(folder: Path) -> list[str]:
    """Return the names of files that have one of the secrets in them, compressed ones unpacked."""
    spellings = [
        spelling.encode()
        for value in (KEY, COOKIE, PASSWORD)
        for spelling in (value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1],
                         base64.b64encode(value.encode()).decode().rstrip("="))
    ]  # fmt: skip
    spellings.append(BASIC.encode())
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            unpacked = gzip.decompress(data) if path.suffix == ".gz" else b""
            if any(spelling in data or spelling in unpacked for spelling in spellings):
                found.append(str(path.relative_to(folder)))
    return found


def _spec(console: Console, site: Site, **values: object) -> Path:
    docs = [{"seeds": [site.url("/docs/")], "sitemaps": [], **LOCKED, **values}]
    return console.write("spec.yaml", json.dumps({"project": "p", "contact": "k@example.org", "docs": docs}))


def _files(console: Console) -> list[bytes]:
    return [gzip.decompress(path.read_bytes()) for path in console.folder.rglob("*.warc.gz")]


def test_a_locked_site_is_archived_without_a_trace_of_the_key(console: Console) -> None:
    """Header, cookie and password open the site; archive, state, search index and output have none of them.

    Its Set-Cookie headers are not kept, be they new or the very cookie that was sent.
    """
    cookie = ("Set-Cookie", f"session={COOKIE}; Secure"), ("Set-Cookie", "csrf=fresh-cookie")
    answers: dict[str, Answer] = {
        "/docs/": _locked(html("a", "lost"), *cookie),
        "/docs/a": _locked(html(text="welcome back, keeper")),
    }
    console.environment.update(ENVIRONMENT)
    with serving(answers) as site:
        spec = _spec(console, site)
        first = console.succeed("archive", spec)
        second = console.succeed("archive", spec, "--json")
        assert second.json["pages"] == 2
        assert all(asked.headers["accept-language"] == "en" for asked in site.asked)
    console.succeed("bundle", "p", "-o", "p.tar")
    assert _traces(console.folder) == []
    assert not [value for value in (KEY, COOKIE, PASSWORD, BASIC) if value in first.said + second.said]
    records = b"".join(_files(console))
    assert b"X-Api-Key: withheld\r\n" in records
    assert b"Authorization: withheld\r\n" in records
    assert b"Cookie: withheld\r\n" in records
    assert b"Accept-Language: en\r\n" in records
    assert records.count(b"Set-Cookie: withheld\r\n") == 4
    assert b"fresh-cookie" not in records


def test_an_interrupted_run_leaves_no_trace_either(console: Console) -> None:
    """The state of a run that goes on later holds URLs and counts, no header."""
    console.environment.update(ENVIRONMENT)
    with serving({"/docs/": _locked(html("a")), "/docs/a": Reply(b"", 500)}) as site:
        outcome = console.run("archive", _spec(console, site))
        assert outcome.code == 3
    assert _traces(console.folder) == []


def test_other_hosts_never_see_a_credential(console: Console) -> None:
    """Requisites, redirects to other hosts and other ports, and the robots.txt of those: all without."""
    console.environment.update(ENVIRONMENT)
    elsewhere: dict[str, Answer] = {
        "/p.png": Reply(b"\x89PNG", type="image/png"),
        "/q.png": Reply(b"\x89PNG", type="image/png"),
    }
    with serving(elsewhere) as other:
        moved = Reply(b"", 302, headers=(("Location", other.url("/q.png")),))
        tags = f'<img src="{other.url("/p.png")}"><img src="/docs/q.png">'
        with serving({"/docs/": _locked(html(text=tags)), "/docs/q.png": moved}) as site:
            outcome = console.succeed("archive", _spec(console, site), "--json")
            assert outcome.json["captures"] == 4
            assert all(HEADERS.items() <= asked.headers.items() for asked in site.asked)
        assert {asked.target for asked in other.asked} >= {"/p.png", "/q.png", "/robots.txt"}
        told = {*HEADERS, "accept-language"}
        assert not [name for asked in other.asked for name in asked.headers if name in told]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (html(text=f"your key: {KEY}"), ()),
        (html(text=quote(COOKIE, safe="")), ()),
        (gzip.compress(html(text=BASIC), mtime=0), (("Content-Encoding", "gzip"),)),
        (zlib.compress(html(text=KEY)), (("Content-Encoding", "deflate"),)),
        (b"", (("X-You-Are", PASSWORD.encode().decode("latin-1")),)),
        (b"", (("Link", f"</?key={KEY}>; rel=next"),)),
    ],
    ids=["plain", "percent-encoded", "gzip", "deflate", "a header", "an address in a header"],
)
def test_a_page_that_shows_a_credential_is_a_failure(
    console: Console, body: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    """It is not archived, and reported without what it shows; the rest of the site is there."""
    console.environment.update(ENVIRONMENT)
    with serving({"/docs/": _locked(html("me")), "/docs/me": _locked(body, *headers)}) as site:
        outcome = console.run("archive", _spec(console, site), "--json")
    assert outcome.code == 3
    assert [failure["code"] for failure in outcome.json["failures"]] == ["fetch.secret"]
    assert outcome.json["pages"] == 1
    assert _traces(console.folder) == []
    assert not [value for value in (KEY, COOKIE, PASSWORD, BASIC) if value in outcome.said]


def test_a_redirect_to_an_address_with_a_credential_is_not_followed(console: Console) -> None:
    """Such an address would be written down; the page fails instead."""
    console.environment.update(ENVIRONMENT)
    moved = Reply(b"", 302, headers=(("Location", f"/docs/?key={KEY}"),))
    with serving({"/docs/": _locked(html("me")), "/docs/me": moved}) as site:
        outcome = console.run("archive", _spec(console, site), "--json")
        assert not [target for target in site.targets() if KEY in target]
    assert [failure["code"] for failure in outcome.json["failures"]] == ["fetch.secret"]
    assert _traces(console.folder) == []


def test_wrong_credentials_are_a_failure_like_any_refusal(console: Console) -> None:
    """A seed that answers 401 is exit code 3, and the wrong password is in no message."""
    console.environment.update({**ENVIRONMENT, "DOCS_PASSWORD": "wrong-password"})
    with serving({"/docs/": _locked(html())}) as site:
        outcome = console.run("archive", _spec(console, site))
    assert outcome.code == 3
    assert "401" in outcome.out
    assert "wrong-password" not in outcome.said


def test_cookies_of_the_server_are_not_sent_back(paths: ProjectPaths) -> None:
    """A crawl has no memory for cookies: each request is that of a new visitor."""
    page = Reply(html("a"), headers=(("Set-Cookie", "visitor=1"),))
    with serving({"/docs/": page, "/docs/a": html()}) as site:
        crawled(paths, doc_site(site))
        assert not [asked for asked in site.asked if "cookie" in asked.headers]


# Proxies.

PUBLIC = "docs.example"  # a name that only the proxy can resolve


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def _behind(proxy: str | None, scheme: str = "http") -> dict[str, object]:
    return {"seeds": (f"{scheme}://{PUBLIC}/docs/",), "proxy": proxy}


@pytest.mark.usefixtures("direct")
def test_a_site_is_reached_through_the_proxy_that_the_spec_names(paths: ProjectPaths) -> None:
    """Its password goes to the proxy and not to the site, the site's credentials to the site, and neither to disk."""
    environment = {**ENVIRONMENT, "PROXY_USER": "me:pr0xy-password"}
    with serving({"/docs/": _locked(html("a")), "/docs/a": _locked(html())}) as site:
        with proxying(site.port, "me:pr0xy-password") as proxy:
            address = proxy.origin.replace("http://", "http://${PROXY_USER}@")
            spec = doc_site(site, **{**LOCKED, **_behind(address)})
            outcome = crawled(
                paths,
                spec,
                credentials=Credentials.of(spec, environment),
                proxy=Proxy.of(spec, environment),
            )
        assert {asked.target for asked in proxy.asked} >= {
            f"http://{PUBLIC}/docs/",
            f"http://{PUBLIC}/docs/a",
        }
        assert not [asked for asked in site.asked if "proxy-authorization" in asked.headers]
    assert (len(outcome.captures), outcome.failures) == (2, ())
    assert _traces(paths.root) == []
    records = b"".join(gzip.decompress(path.read_bytes()) for path in paths.warc.iterdir())
    assert b"pr0xy" not in records
    assert base64.b64encode(b"me:pr0xy-password") not in records
    assert b"roxy-Authorization" not in records


def test_https_goes_through_a_tunnel(paths: ProjectPaths, direct: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The proxy sees a host name and its own password, and nothing of what is asked and answered."""
    made = make_certificates(tmp_path, PUBLIC)
    direct.setenv("REQUESTS_CA_BUNDLE", str(made.authority))
    with serving({"/docs/": _locked(html())}, made.context) as site:
        with proxying(site.port, "me:pr0xy-password") as proxy:
            environment = {**ENVIRONMENT, "PROXY": proxy.origin.replace("//", "//me:pr0xy-password@")}
            spec = doc_site(site, **{**LOCKED, **_behind("${PROXY}", "https")})
            outcome = crawled(
                paths,
                spec,
                credentials=Credentials.of(spec, environment),
                proxy=Proxy.of(spec, environment),
            )
        assert {(asked.method, asked.target) for asked in proxy.asked} == {("CONNECT", f"{PUBLIC}:443")}
        assert not [asked for asked in proxy.asked if HEADERS.keys() & asked.headers.keys()]
    assert [capture.url for capture in outcome.captures] == [f"https://{PUBLIC}/docs/"]
    assert outcome.failures == ()


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_as_such(paths: ProjectPaths, scheme: str) -> None:
    """A wrong password at the proxy is no answer of the site, is not archived, and is in no message."""
    with serving({"/docs/": html()}) as site, proxying(site.port, "me:right") as proxy:
        spec = doc_site(site, robots="ignore", **_behind("${PROXY}", scheme))
        wrong = {"PROXY": proxy.origin.replace("//", "//me:wr0ng-password@")}
        outcome = crawled(paths, spec, proxy=Proxy.of(spec, wrong))
    (failure,) = outcome.failures
    assert failure.code == "fetch.unreachable"
    assert outcome.captures == ()
    assert "wr0ng" not in str(outcome)


def test_a_proxy_of_the_environment_keeps_its_password(
    paths: ProjectPaths, direct: pytest.MonkeyPatch
) -> None:
    """What http_proxy has is used where the spec names none; its password goes to the proxy only."""
    with serving({"/docs/": html()}) as site, proxying(site.port, "me:pr0xy-password") as proxy:
        direct.setenv("http_proxy", proxy.origin.replace("//", "//me:pr0xy-password@"))
        outcome = crawled(paths, doc_site(site, **_behind(None)))
        assert not [asked for asked in site.asked if "proxy-authorization" in asked.headers]
    assert outcome.failures == ()
    records = b"".join(gzip.decompress(path.read_bytes()) for path in paths.warc.iterdir())
    assert b"pr0xy" not in records
    assert base64.b64encode(b"me:pr0xy-password") not in records


@pytest.mark.parametrize(
    "address", ["http://me:hunter2@", "socks5://me:hunter2@127.0.0.1:9", "http://me:hunter2@[::"]
)
def test_an_unusable_proxy_of_the_environment_is_not_shown(
    paths: ProjectPaths, direct: pytest.MonkeyPatch, address: str
) -> None:
    """It is a failure that names the variables to look at; the password in it is in no message."""
    direct.setenv("http_proxy", address)
    with serving({}) as site:
        outcome = crawled(paths, doc_site(site, robots="ignore", **_behind(None)))
    (failure,) = outcome.failures
    assert "http_proxy" in failure.message
    assert "hunter2" not in str(outcome)


@pytest.mark.usefixtures("direct")
def test_loopback_is_spoken_to_without_a_proxy(paths: ProjectPaths) -> None:
    """The spec's proxy is for other hosts: this machine is reached directly."""
    with serving({"/docs/": html()}) as site, proxying(site.port) as proxy:
        spec = doc_site(site, proxy=proxy.origin)
        outcome = crawled(paths, spec, proxy=Proxy.of(spec, {}))
        assert proxy.asked == []
    assert len(outcome.captures) == 1
