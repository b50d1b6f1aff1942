"""Every way to tell the archived sites apart, in a browser: ports, labels, a domain, and the sites' own names.

Wherever they stand, pages link and fetch across sites, and the landing page is reached from each of them.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from servers.browser import Browser, Tab, browser
from servers.certificates import Certificates, make_certificates, trust_in_browser
from servers.linked_archive import API, DOCS, FETCHED, LABELS, PLAIN, linked_archive
from servers.processes import need
from servers.serving import Running, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.thorough  # a dozen browsers, one after the other
DOMAIN = "docs.example.internal"


@dataclass(frozen=True)
class Made:
    """An archive, certificates for all names in it, and a folder."""

    archive: Path
    certificates: Certificates
    folder: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Sites that link to each other."""
    folder = tmp_path_factory.mktemp("addresses")
    linked_archive(folder / "archives")
    hosts = [str(urlsplit(site).hostname) for site in (DOCS, API, PLAIN)]
    return Made(folder / "archives", make_certificates(folder, *hosts, DOMAIN, f"*.{DOMAIN}"), folder)


def walked(opened: Browser, start: str, sites: Mapping[str, str], main: str) -> None:
    """Read as people do: from the landing page to each site, across sites, and from a page that is missing back.

    Args:
        opened: the browser.
        start: the landing page.
        sites: where each site is to be.
        main: where pages of the sites are to say that the landing page is, without a final slash.
    """
    with opened.tab() as tab:
        tab.go(start)
        links = tab.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
        assert {f"{base}/" for base in sites.values()} <= set(links)
        for site, base in sites.items():
            tab.go(f"{base}/")
            _arrived(tab, base, site)
        tab.go(f"{sites[DOCS]}/")
        for selector, site in (("#link0", API), ("#link0", DOCS), ("#link1", PLAIN), ("#link1", API)):
            tab.click(selector)
            _arrived(tab, sites[site], site)
        tab.go(f"{sites[DOCS]}/moved")
        _arrived(tab, sites[API], API)
        tab.go(f"{sites[DOCS]}/absent")
        back = tab.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
        assert f"{main}/" in back
        tab.go(f"{main}/")
        assert "Linked Sites" in str(tab.evaluate("document.body.innerText"))
        asked = {urlsplit(url).netloc for url in tab.visit.requested if url.startswith("http")}
        assert asked == {urlsplit(url).netloc for url in (*sites.values(), start, main)}
        assert not [line for line in tab.visit.complaints if "404" not in line], tab.visit.complaints


def _arrived(tab: Tab, base: str, site: str) -> None:
    tab.wait(f"document.title === {FETCHED[site]!r}")
    assert tab.evaluate("location.href") == f"{base}/"
    assert tab.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"


@contextlib.contextmanager
def _reading(
    made: Made, folder: Path, names: Mapping[str, str] | None = None, *, secure: bool = False
) -> Iterator[Browser]:
    need("chromium")
    if secure:
        trust_in_browser(folder, made.certificates.authority)
    with browser(folder, names=names or {}) as opened:
        yield opened


def _by_ports(server: Running, host: str) -> dict[str, str]:
    return {site: f"http://{host}:{server.port_of(site)}" for site in (DOCS, API, PLAIN)}


@pytest.mark.parametrize(
    ("listen", "host"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"), ("127.0.0.1", "localhost"), ("0.0.0.0", "pc.lan")],
)
def test_each_site_has_a_port(made: Made, tmp_path: Path, listen: str, host: str) -> None:
    """Whatever this machine is called, by another machine too: all links use that name."""
    names = {host: "127.0.0.1" if host == "pc.lan" else host}
    with serving(made.archive, host=listen) as server, _reading(made, tmp_path, names) as opened:
        main = f"http://{host}:{server.port}"
        walked(opened, f"{main}/", _by_ports(server, host), main)


def test_ports_by_the_sixth_protocol(made: Made, tmp_path: Path) -> None:
    """Addresses stand in brackets then."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    rules = {"[::1]": "[::1]", "::1": "[::1]"}
    with serving(made.archive, host="::1") as server, _reading(made, tmp_path, rules) as opened:
        main = f"http://[::1]:{server.port}"
        walked(opened, f"{main}/", _by_ports(server, "[::1]"), main)


def test_each_site_has_a_label_of_localhost(made: Made, tmp_path: Path) -> None:
    """On one port, without any DNS: browsers take such names for this machine."""
    with (
        serving(made.archive) as server,
        _reading(made, tmp_path, {"*.localhost": "127.0.0.1"}) as opened,
    ):
        tail = f"localhost:{server.port}"
        sites = {site: f"http://{label}.{tail}" for site, label in LABELS.items()}
        with opened.tab() as tab:
            tab.go(f"{sites[DOCS]}/")
            for selector, site in (("#link0", API), ("#link0", DOCS), ("#link1", PLAIN)):
                tab.click(selector)
                _arrived(tab, sites[site], site)


@pytest.mark.parametrize("secure", [False, True])
def test_all_sites_below_a_domain(made: Made, tmp_path: Path, secure: bool) -> None:
    """Wildcard DNS leads all of them to one port."""
    names = {DOMAIN: "127.0.0.1", f"*.{DOMAIN}": "127.0.0.1"}
    tls = made.certificates if secure else None
    with (
        serving(made.archive, domain=DOMAIN, tls=tls) as server,
        _reading(made, tmp_path, names, secure=secure) as opened,
    ):
        scheme = "https" if secure else "http"
        sites = {site: f"{scheme}://{label}.{DOMAIN}:{server.port}" for site, label in LABELS.items()}
        main = f"{scheme}://{DOMAIN}:{server.port}"
        walked(opened, f"{main}/", sites, main)


@pytest.mark.parametrize("secure", [False, True])
def test_all_sites_at_their_own_names(made: Made, tmp_path: Path, secure: bool) -> None:
    """DNS says that this server is all of them: what was archived by https is read by http, and the other way round."""
    tls = made.certificates if secure else None
    with serving(made.archive, tls=tls) as server:
        names = {str(urlsplit(site).hostname): f"127.0.0.1:{server.port}" for site in (DOCS, API, PLAIN)}
        scheme = "https" if secure else "http"
        sites = {site: f"{scheme}://{urlsplit(site).hostname}" for site in (DOCS, API, PLAIN)}
        main = f"{scheme}://127.0.0.1:{server.port}"
        with _reading(made, tmp_path, names, secure=secure) as opened, opened.tab() as tab:
            for site in (DOCS, API, PLAIN):
                tab.go(f"{sites[site]}/")
                _arrived(tab, sites[site], site)
            tab.go(f"{sites[DOCS]}/")
            for selector, site in (("#link0", API), ("#link0", DOCS), ("#link1", PLAIN)):
                tab.click(selector)
                _arrived(tab, sites[site], site)
            tab.go(f"{sites[DOCS]}/absent")
            back = tab.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
            assert f"{main}/" in back


def test_names_and_a_domain_together(made: Made, tmp_path: Path) -> None:
    """Who asks for a site by its own name is told the domain for the landing page."""
    with serving(made.archive, domain=DOMAIN) as server:
        at = f"127.0.0.1:{server.port}"
        names = {"docs.example.org": at, "api.example.net": at, "plain.example.com": at, DOMAIN: at}
        sites = {site: f"http://{urlsplit(site).hostname}" for site in (DOCS, API, PLAIN)}
        with _reading(made, tmp_path, names) as opened, opened.tab() as tab:
            tab.go(f"{sites[DOCS]}/absent")
            back = tab.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
            assert f"http://{DOMAIN}/" in back
