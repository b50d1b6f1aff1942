"""Behind nginx, as departments run things: TLS in front, wildcard names, a path of a larger site, and ports."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator
from urllib.parse import urlsplit

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.progress import NullProgress
from servers.browser import browser
from servers.certificates import Certificates, make_certificates, trust_in_browser
from servers.fronting import fronting
from servers.linked_archive import API, DOCS, FETCHED, LABELS, PLAIN, linked_archive
from servers.processes import PATIENCE, free_port, need
from servers.serving import Running, serving

if TYPE_CHECKING:
    from servers.browser import Tab

DOMAIN = "docs.example.internal"
_LEADING = "[...document.querySelectorAll('a[href], form[action]')].map(one => one.href || one.action)"
# What the guide tells to write: everything is set, so that nothing that a client sends gets through.
HEADERS = """
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header Forwarded "";
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Port "";
"""


@dataclass(frozen=True)
class Made:
    """A bundle, and certificates for the domain."""

    bundle: Path
    certificates: Certificates


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Sites that link to each other."""
    folder = tmp_path_factory.mktemp("proxy")
    builder = linked_archive(folder / "archives")
    bundled = build_bundle(
        builder.archive,
        "linked",
        snapshot=None,
        output=folder / "linked.tar",
        platforms=[],
        progress=NullProgress(),
    )
    return Made(bundled.path, make_certificates(folder, DOMAIN, f"*.{DOMAIN}"))


@dataclass(frozen=True)
class Fronted:
    """A server behind nginx.

    Attributes:
        server: what is behind.
        port: where nginx listens.
        main: the landing page as readers know it, without a final slash.
    """

    server: Running
    port: int
    main: str

    def site(self, site: str) -> str:
        """Return where a reader finds an archived site."""
        parts = urlsplit(self.main)
        return f"{parts.scheme}://{LABELS[site]}.{DOMAIN}:{self.port}"


@contextlib.contextmanager
def _fronted(
    made: Made,
    folder: Path,
    *,
    prefix: str = "",
    secure: bool = True,
    proxies: tuple[str, ...] = ("127.0.0.1",),
) -> Iterator[Fronted]:
    port = free_port()
    with serving(made.bundle, domain=DOMAIN, proxies=proxies) as server:
        tls = f"ssl_certificate {made.certificates.certificate}; ssl_certificate_key {made.certificates.key};"
        behind = f"http://127.0.0.1:{server.port}"
        told = f'proxy_set_header X-Forwarded-Prefix "{prefix}";'
        main = f"location {prefix}/ {{ {HEADERS} {told} proxy_pass {behind}/; }}"
        registry = f"location /v2/ {{ {HEADERS} {told} proxy_pass {behind}; }}" if prefix else ""
        listen = f"listen 127.0.0.1:{port}{' ssl' if secure else ''}; {tls if secure else ''}"
        blocks = f"""
        server {{ {listen} server_name {DOMAIN}; {main} {registry} }}
        server {{ {listen} server_name *.{DOMAIN}; location / {{ {HEADERS} {told} proxy_pass {behind}; }} }}
        """
        with fronting(folder / "nginx", blocks, port):
            scheme = "https" if secure else "http"
            yield Fronted(server, port, f"{scheme}://{DOMAIN}:{port}{prefix}")


def _arrived(tab: Tab, base: str, site: str) -> None:
    tab.wait(f"document.title === {FETCHED[site]!r}")
    assert tab.evaluate("location.href") == f"{base}/"


@pytest.mark.parametrize(("prefix", "secure"), [("", True), ("/offline/docs", True), ("", False)])
def test_a_browser_reads_all_sites_behind_nginx(
    made: Made, tmp_path: Path, prefix: str, secure: bool
) -> None:
    """Landing page, search, the crawl report, each site, links across sites, and the page for what is missing."""
    need("chromium")
    if secure:
        trust_in_browser(tmp_path, made.certificates.authority)
    names = {DOMAIN: "127.0.0.1", f"*.{DOMAIN}": "127.0.0.1"}
    with (
        _fronted(made, tmp_path, prefix=prefix, secure=secure) as front,
        browser(tmp_path, names=names) as opened,
        opened.tab() as tab,
    ):
        tab.go(f"{front.main}/")
        assert "Linked Sites" in str(tab.evaluate("document.body.innerText"))
        assert tab.evaluate("getComputedStyle(document.body).fontFamily") != "Times New Roman"
        links = tab.evaluate(_LEADING)
        inside = (front.main, *(front.site(site) for site in (DOCS, API, PLAIN)))
        assert all(str(link).startswith(inside) for link in links), links
        tab.go(f"{front.main}/-/search?q=site")
        links = tab.evaluate(_LEADING)
        assert f"{front.site(PLAIN)}/" in links
        assert all(str(link).startswith(inside) for link in links), links
        tab.go(f"{front.site(DOCS)}/")
        _arrived(tab, front.site(DOCS), DOCS)
        tab.click("#link1")
        _arrived(tab, front.site(PLAIN), PLAIN)
        tab.go(f"{front.site(DOCS)}/absent")
        links = tab.evaluate(_LEADING)
        assert f"{front.main}/" in links
        assert all(str(link).startswith(inside) for link in links), links
        asked = [url for url in tab.visit.requested if url.startswith("http")]
        assert all(url.startswith(inside) for url in asked), asked
        wrong = [
            line
            for line in (*tab.visit.failed, *tab.visit.complaints)
            if "/absent" not in line and "favicon" not in line
        ]
        assert wrong == []


@pytest.mark.parametrize("prefix", ["", "/offline/docs"])
def test_lists_and_files_have_the_readers_addresses(made: Made, tmp_path: Path, prefix: str) -> None:
    """What programs read, and the registry, which clients find at the host's root only."""
    with _fronted(made, tmp_path, prefix=prefix, secure=False) as front:
        listed = json.loads(_get(front, f"{prefix}/-/bundle.json"))
        assert listed["docs"][0]["url"] == f"{front.site(DOCS)}/"
        assert listed["files"][0]["url"].startswith(f"{front.main}/files/")
        assert listed["images"][0]["pull"] == f"{DOMAIN}:{front.port}/docker.io/library/linked:1.0"
        assert _get(front, urlsplit(listed["files"][0]["url"]).path) == b"tool" * 100_000
        tags = json.loads(_get(front, "/v2/docker.io/library/linked/tags/list"))
        assert tags == {"name": "docker.io/library/linked", "tags": ["1.0"]}


def test_skopeo_copies_through_tls_in_front(made: Made, tmp_path: Path) -> None:
    """The certificate is nginx'; the images are ours."""
    need("skopeo")
    trusted = tmp_path / "certs"
    trusted.mkdir()
    (trusted / "ca.crt").write_bytes(made.certificates.authority.read_bytes())
    with _fronted(made, tmp_path) as front:
        name = f"docker://127.0.0.1:{front.port}/docker.io/library/linked:1.0"
        done = subprocess.run(
            ["skopeo", "copy", "--src-cert-dir", trusted, "--override-arch", "amd64", name, f"dir:{tmp_path / 'image'}"],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_a_proxy_that_is_not_named_is_not_believed(made: Made, tmp_path: Path) -> None:
    """Its headers are then anybody's: addresses are those that this server was called by."""
    with _fronted(made, tmp_path, prefix="/offline", secure=False, proxies=()) as front:
        listed = json.loads(_get(front, "/offline/-/bundle.json"))
        assert listed["files"][0]["url"].startswith(f"http://{DOMAIN}:{front.port}/files/")


def test_what_clients_forge_does_not_pass(made: Made, tmp_path: Path) -> None:
    """The proxy overwrites what a client sends; what it would let through contradicts it, and is refused."""
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "ftp",
              "Forwarded": "host=evil.example"}  # fmt: skip
    with _fronted(made, tmp_path, secure=False) as front:
        assert b"evil" not in _get(front, "/-/bundle.json", **forged)
        assert b"evil" not in _get(front, "/", **forged)
    with serving(made.bundle, proxies=["127.0.0.1"]) as direct:
        both = {"Forwarded": "host=evil.example", "X-Forwarded-Host": "docs.corp"}
        assert direct.get("/", **both).status == 400
        assert direct.get("/", **{"X-Forwarded-Host": "<script>"}).status == 400


def test_ports_behind_a_proxy_are_shown_as_they_are(made: Made, tmp_path: Path) -> None:
    """Without a domain, a proxy that passes each port on under the same number is all that it takes."""
    with serving(made.bundle, host="127.0.0.1", proxies=["127.0.0.1"]) as server:
        ports = (server.port, *(server.port_of(site) for site in (DOCS, API, PLAIN)))
        blocks = "".join(
            f"server {{ listen 127.0.0.2:{port} ssl; ssl_certificate {made.certificates.certificate}; "
            f"ssl_certificate_key {made.certificates.key}; "
            f"location / {{ {HEADERS} proxy_pass http://127.0.0.1:{port}; }} }}\n"
            for port in ports
        )
        need("curl")
        with fronting(tmp_path / "nginx", blocks):
            command = ["curl", "--silent", "--show-error", "--retry", "20", "--retry-connrefused", "--cacert",
                       str(made.certificates.authority), "--connect-to", f"{DOMAIN}:{server.port}:127.0.0.2:{server.port}",
                       f"https://{DOMAIN}:{server.port}/-/bundle.json"]  # fmt: skip
            done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
        listed = json.loads(done.stdout)
        assert listed["docs"][0]["url"] == f"https://{DOMAIN}:{server.port_of(DOCS)}/"
        assert listed["files"][0]["url"].startswith(f"https://{DOMAIN}:{server.port}/files/")


def test_the_guides_configuration_works_as_it_is_written(made: Made, tmp_path: Path) -> None:
    """Only ports, the domain and the certificate's place are another operator's; what clients forge stays out."""
    need("curl")
    guide = (Path(__file__).parents[2] / "docs" / "reading-offline.md").read_text("utf-8")
    written = guide.partition("```nginx\n")[2].partition("```")[0]
    port = free_port()
    with serving(made.bundle, domain=DOMAIN, proxies=["127.0.0.1"]) as server:
        block = (
            written.replace("listen 443", f"listen 127.0.0.1:{port}")
            .replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
            .replace("/etc/nginx/docs.corp.crt", str(made.certificates.certificate))
            .replace("/etc/nginx/docs.corp.key", str(made.certificates.key))
            .replace("docs.corp", DOMAIN)
        )
        with fronting(tmp_path / "nginx", block, port):
            for name in (DOMAIN, f"{LABELS[API]}.{DOMAIN}"):
                done = subprocess.run(
                    ["curl", "--silent", "--show-error", "--fail", "--cacert", made.certificates.authority,
                     "--resolve", f"{name}:{port}:127.0.0.1", "--header", "Forwarded: host=evil.example",
                     "--header", "X-Forwarded-Host: evil.example", "--header", "X-Forwarded-Port: 1",
                     "--header", "X-Forwarded-Prefix: /evil", f"https://{name}:{port}/"],
                    capture_output=True, text=True, check=False, timeout=PATIENCE,
                )  # fmt: skip
                assert done.returncode == 0, done.stderr
                assert f"https://{LABELS[DOCS]}.{DOMAIN}:{port}/" in done.stdout
                assert "evil" not in done.stdout


def _get(front: Fronted, path: str, **headers: str) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{front.port}{path}", headers={"Host": f"{DOMAIN}:{front.port}", **headers}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return bytes(answer.read())
