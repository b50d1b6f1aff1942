from __future__ import annotations

import hashlib
import html as markup
import http.client
import json
import re
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Iterator
from urllib.parse import quote, urlsplit

import pytest

from archiver.core.clock import parse_iso
from archiver.core.errors import UsageError
from archiver.core.report import Entry, Listing, Report, SiteReport
from archiver.core.snapshot import Failure
from archiver.offline import registry
from archiver.offline.markup import age_text
from archiver.offline.opening import open_projects
from archiver.offline.server import start
from archiver.store.snapshots import set_good, write_captures, write_report, write_snapshot
from servers.serving import Running, serving
from servers.small_archive import FINISHED, IMAGE, SITE, SNAPSHOT, ArchiveBuilder, html, small_archive

if TYPE_CHECKING:
    from pathlib import Path

LATER = "20260302T120000Z"
NASTY = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A small archive, served."""
    root = tmp_path_factory.mktemp("site")
    small_archive(root)
    with serving(root) as server:
        yield server


def test_the_document_of_contents(running: Running) -> None:
    """Project, snapshot, docs with name, origin and address, images, files; nothing else."""
    document = json.loads(running.get("/-/bundle.json").body)
    assert set(document) == {"project", "snapshot", "docs", "images", "files"}
    assert (document["project"], document["snapshot"]) == ("small", SNAPSHOT)
    port = running.port_of(SITE)
    assert document["docs"] == [{"name": "docs", "origin": SITE, "url": f"http://127.0.0.1:{port}/"}]
    assert document["images"][0]["name"] == IMAGE
    assert document["images"][0]["pull"] == f"127.0.0.1:{running.port}/docker.io/library/small:1.0"
    assert document["files"][0]["name"] == "dl.example.org/releases/tool-1.0.tar.gz"


def test_several_projects_share_a_server(tmp_path: Path) -> None:
    """Then no one project is the project, and every entry names its own."""
    for project in ("one", "two"):
        made = ArchiveBuilder(tmp_path, project, project.title())
        made.page(f"https://{project}.example.org/", html(project, project))
        made.image(f"docker.io/{project}/image:1", ("linux/amd64",))
        made.finish()
    with serving(tmp_path) as server:
        document = json.loads(server.get("/-/bundle.json").body)
        assert (document["project"], document["snapshot"]) == (None, None)
        assert [(site["project"], site["name"]) for site in document["docs"]] == [
            ("one", "docs"),
            ("two", "docs"),
        ]
        assert {image["project"] for image in document["images"]} == {"one", "two"}
        page = server.get("/").text
        for project in ("one", "two"):
            own = f"/-/projects/{project}"
            assert f'href="{own}"' in page, "the first page leads to each project's own"
            shown = server.get(own).text
            assert f"docker.io/{project}/" in shown
            assert f'href="http://127.0.0.1:{server.port_of(f"https://{project}.example.org")}/"' in page
        assert "docker pull" not in page, "and stays short"
        assert server.get("/-/projects/three").status == 404
        assert server.get("/v2/two/image/tags/list").status == 200


def test_the_landing_page_tells_what_is_here(running: Running) -> None:
    """Docs with their address, images with a command that uses the reader's own host, files with digests."""
    page = running.get("/", Host=f"lan:{running.port}").text
    assert f'href="http://lan:{running.port_of(SITE)}/"' in page
    for words in ("docker pull ", "podman pull --tls-verify=false ", "image: "):
        assert f">{words}</span>" in page
    assert f"</span>lan:{running.port}/docker.io/library/small:1.0<" in page
    assert hashlib.sha256(b"tool" * 5000).hexdigest() in page
    assert "2026-03-01 12:00 UTC" in page


def test_the_landing_page_sets_podman_up_for_the_registries_that_there_are(tmp_path: Path) -> None:
    """One entry a registry of the images, each with the server's path for it; none for others."""
    made = ArchiveBuilder(tmp_path)
    for name in ("quay.io/a/one:1", "quay.io/b/two:1", "registry.example.org:5000/c/three:1"):
        made.image(name, ("linux/amd64",))
    made.finish()
    with serving(tmp_path) as server:
        page = markup.unescape(server.get("/", Host=f"lan:{server.port}").text)
    snippet = page[page.index("[[registry]]") : page.rindex("insecure = true") + 15]
    places = [line.partition(" = ")[2] for line in snippet.splitlines() if line.startswith("location")]
    assert places == [
        '"quay.io"',
        f'"lan:{server.port}/quay.io"',
        '"registry.example.org:5000"',
        f'"lan:{server.port}/registry.example.org_5000"',
    ]
    assert "docker.io" not in page


def test_the_landing_page_does_not_say_that_what_was_left_out_could_not_be_fetched(tmp_path: Path) -> None:
    """An image that is archived, but not for the platforms of this bundle, is told with its own reason."""
    made = ArchiveBuilder(tmp_path)
    made.failures.append(
        Failure("images", "docker.io/x/y:1", "bundle.platform", "not archived for linux/arm64")
    )
    made.finish()
    with serving(tmp_path) as server:
        page = server.get("/").text
    assert "1 thing not here, or not renewed" in page
    assert "not archived for linux/arm64" in page
    assert "could not get" not in page


def test_the_landing_page_loads_nothing_from_elsewhere(running: Running) -> None:
    """Its own two files and its own addresses; the policy allows no more."""
    answer = running.get("/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    loaded = re.findall(r'(?:src|<link [^>]*href)="([^"]*)"', answer.text)
    assert [address.rpartition("/")[2] for address in loaded] == ["icon.svg", "style.css", "script.js"]
    for address in loaded:
        assert address.startswith("/-/assets/")
        assert "immutable" in running.get(address).headers["cache-control"], (
            "its name changes with its content"
        )
        alone = running.get(f"/-/assets/{address.rpartition('/')[2]}")
        assert (alone.status, alone.headers["cache-control"]) == (200, "no-cache")
    assert running.get("/-/assets/000000000000/style.css").status == 404
    assert running.get("/-/assets/../server.py").status == 404
    assert "<style" not in answer.text
    assert "style=" not in answer.text


def test_a_long_list_is_folded_and_can_be_narrowed_without_a_script(tmp_path: Path) -> None:
    """From 25 on images are grouped by namespace and files by folder; a form finds some by name."""
    made = ArchiveBuilder(tmp_path)
    for number in range(30):
        made.image(
            f"docker.io/{'calico' if number % 3 else 'library'}/image{number}:1",
            ("linux/amd64",),
            salt=str(number),
        )
        made.file(f"https://dl.example.org/{'odd' if number % 2 else 'even'}/tool-{number}.tgz", b"x")
    made.finish()
    with serving(tmp_path) as server:
        page = server.get("/").text
        found = server.get("/?images=IMAGE29").text
        nothing = server.get(f"/?images={quote(NASTY)}&files=tool-7").text
    assert re.findall(r'<summary><span class="name"[^>]*>([^<]*)</span>', page) == [
        "docker.io/calico", "docker.io/library", "dl.example.org/even", "dl.example.org/odd",
    ]  # fmt: skip
    assert "docker.io/calico/image29:1" in found
    assert "image28" not in found
    assert "1 of 30 images" in found
    assert "<img" not in nothing
    assert "No image has that in its name" in nothing
    assert "tool-7.tgz" in nothing
    assert "tool-8.tgz" not in nothing


def test_programs_get_a_list_of_names_to_pull(running: Running) -> None:
    """One name a line, as the reader's machine calls this server; of images only."""
    answer = running.get("/-/images.txt", Host=f"lan:{running.port}")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.splitlines() == [
        f"lan:{running.port}/docker.io/library/small:1.0",
        f"lan:{running.port}/registry.example.org_5000/tools/single:2",
    ]


def test_a_site_in_trouble_says_so(tmp_path: Path) -> None:
    """Whoever reads it is told that it was kept from before, and why."""
    made = ArchiveBuilder(tmp_path)
    made.page(f"{SITE}/", html("x", "y"))
    made.verdicts["docs"] = "gone"
    made.finish()
    with serving(tmp_path) as server:
        assert "The site is gone, since 2026-03-01: kept as it was before" in server.get("/").text


def test_the_report_of_the_run_leads_to_what_is_here(tmp_path: Path) -> None:
    """URLs that are archived are links to this server; others are text, since nothing outside can be reached."""
    made = ArchiveBuilder(tmp_path)
    made.page(f"{SITE}/", html("x", "y"))
    record = made.finish()
    outside = Listing("out of scope", 1, (Entry("https://elsewhere.example.com/x", "note", f"{SITE}/"),))
    site = SiteReport(
        "docs",
        (f"{SITE}/",),
        2,
        1,
        0,
        0,
        0,
        0,
        0,
        9,
        1.0,
        (),
        (),
        (),
        (),
        (),
        (outside,),
        (),
        None,
        (),
        (),
    )
    report = Report(record.id, "small", NASTY, "p", FINISHED, FINISHED, (site,), ())
    digest = write_report(made.paths, record.id, report.to_json(), b"")
    write_snapshot(made.paths, replace(record, id=LATER, report_digest=digest))
    with serving(tmp_path) as server:
        assert "There is none" in server.get("/-/report").text
    write_captures(made.paths, LATER, made.captures)
    write_report(made.paths, LATER, report.to_json(), b"")
    set_good(made.paths, LATER)
    with serving(tmp_path) as server:
        page = server.get("/-/report").text
        port = server.port_of(SITE)
        made.paths.report(LATER).write_bytes(b"{}")
        damaged = server.get("/-/report")
    assert f'<a href="http://127.0.0.1:{port}/">{SITE}/</a>' in page
    assert "https://elsewhere.example.com/x" in page
    assert 'href="https://' not in page
    assert "<img" not in page
    assert "style=" not in page
    assert damaged.status == 404
    assert "It is damaged" in damaged.text


def test_what_was_verified_says_when_and_what_came_later_does_not(tmp_path: Path) -> None:
    """Of the snapshots that were there when all was checked the page says so; of a newer one it does not."""
    made = small_archive(tmp_path)
    with start(open_projects(tmp_path), port=0, verified="2026-03-05T08:00:00Z", log=print) as served:
        port = urlsplit(served.url).port or 0
        assert "every byte verified 2026-03-05 08:00 UTC" in _page(port)
        made.finish(LATER)
        chosen = _page(port, f"archiver-snapshot-small={LATER}")
        assert "selected>2026-03-02 12:00 UTC" in chosen
        assert "every byte verified" not in chosen
        assert "checked as it is read" in chosen


def test_an_older_state_is_chosen_from_a_list_and_says_so(tmp_path: Path) -> None:
    """The newest is read by default; of an older one the page tells that it is, and how to get back."""
    made = small_archive(tmp_path)
    made.finish(LATER)
    with serving(tmp_path) as server:
        page = server.get("/").text
        older = server.get("/", Cookie=f"archiver-snapshot-small={SNAPSHOT}").text
    assert re.findall(r'<option value="([^"]*)"( selected)?>', page) == [("", " selected"), (SNAPSHOT, "")]
    assert "You are reading" not in page
    assert "You are reading the state of 2026-03-01 12:00 UTC" in older
    assert 'href="/-/as-of?project=small&amp;snapshot=&amp;to=%2F"' in older


def test_below_a_path_every_address_has_the_path(tmp_path: Path) -> None:
    """Behind a proxy that gives this server a path, nothing on its own pages leads past that path."""
    small_archive(tmp_path)
    other = ArchiveBuilder(tmp_path, "other", "Other")
    other.page("https://other.example.org/", html("x", "y"))
    other.finish(LATER)
    other.finish("20260303T120000Z")
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "docs.corp",
        "X-Forwarded-Prefix": "/archive/",
    }
    seen = 0
    with serving(tmp_path, proxies=["127.0.0.1"]) as server:
        for path in (
            "/",
            "/-/projects/other",
            "/-/projects/small",
            "/-/search?q=x",
            "/-/report?project=small",
        ):
            page = server.get(path, **headers).text
            assert '<body data-root="/archive">' in page
            for address in re.findall(r'\b(?:href|src|action)="([^"#?][^"]*)"', page):
                seen += 1
                own = address.startswith(("/archive/", "https://docs.corp/archive/"))
                assert own or re.match(r"https://docs\.corp:\d+/", address), (
                    address
                )  # a site has a port of its own
    assert seen > 20


def _page(port: int, cookie: str = "") -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


@pytest.mark.parametrize(
    ("created", "age"),
    [
        ("2026-11-23T10:00:00Z", "today"), ("2026-11-22T10:00:00Z", "yesterday"), ("2026-11-13T10:00:00Z", "10 days ago"),
        ("2026-08-23T10:00:00Z", "3 months ago"), ("2022-11-23T10:00:00Z", "4 years ago"),
        ("2026-11-25T10:00:00Z", ""), ("soon", ""),
    ],
)  # fmt: skip
def test_ages_are_told_roughly(created: str, age: str) -> None:
    """How old a copy is, in the unit that matters; nothing of what is not over yet or no time."""
    assert age_text(created, parse_iso("2026-11-23T12:00:00Z")) == age


def test_everything_from_strangers_is_escaped(tmp_path: Path) -> None:
    """Titles, failures and search texts cannot become markup."""
    made = ArchiveBuilder(tmp_path, title=NASTY)
    made.page(f"{SITE}/", html("x", "y"))
    made.failures.append(Failure("docs", f"{SITE}/{NASTY}", "fetch.status", NASTY))
    made.finish()
    with serving(tmp_path) as server:
        for path in ("/", "/-/search?q=%3Cimg%20src=x%20onerror=alert(1)%3E%22%27", "/-/search"):
            page = server.get(path).text
            assert "<img" not in page
            assert "&lt;img" in page


@pytest.mark.parametrize(
    "parameter", ["limit=ten", "offset=-1", "limit=1e3", "offset=%D9%A1", "limit=1234567"]
)
def test_a_search_by_a_program_says_what_number_is_none(running: Running, parameter: str) -> None:
    """Programs get 400 and a line; for people a page comes all the same."""
    answer = running.get(f"/-/search.json?q=x&{parameter}")
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith(parameter.partition("=")[0])
    assert running.get("/-/search.json?q=x&limit=&offset=0").status != 400
    assert running.get(f"/-/search?q=x&{parameter}").status != 400


def test_below_a_domain_a_name_of_no_site_is_no_landing_page(tmp_path: Path) -> None:
    """A mistyped name gets 404, for people as a page that leads to what is here, and so does whatever is below it."""
    small_archive(tmp_path)
    with serving(tmp_path, domain="docs.corp") as server:
        host = f"dosc-example-org.docs.corp:{server.port}"
        for path in ("/", "/-/search", "/v2/", "/-/bundle.json", "/any/page.html"):
            answer = server.get(path, Host=host, Accept="text/html")
            assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
            assert "No such site is here" in answer.text
            assert f'href="http://docs.corp:{server.port}/"' in answer.text
        line = server.get("/", Host=host, Accept="*/*")
        assert (line.status, line.text.splitlines()) == (
            404,
            [
                f"no archived site is at dosc-example-org.docs.corp; what is here is at http://docs.corp:{server.port}/"
            ],
        )
        style = re.search(r'href="(/-/assets/[^"]*style.css)"', answer.text)
        assert style is not None
        assert server.get(style[1], Host=host).status == 200
        for known in ("docs.corp", "docs-example-org.docs.corp", "127.0.0.1"):
            assert server.get("/", Host=f"{known}:{server.port}").status == 200


def test_without_an_index_search_says_so(running: Running) -> None:
    """The page and the API tell that search is off; neither is an internal error."""
    assert running.get("/-/search?q=x").status == 503
    assert "error" in json.loads(running.get("/-/search.json?q=x").body)


def test_files_come_with_ranges_and_as_downloads(running: Running) -> None:
    """The whole, a part, and never as a page of this server's own origin."""
    path = "/files/dl.example.org/releases/tool-1.0.tar.gz"
    whole = running.get(path)
    assert whole.body == b"tool" * 5000
    assert whole.headers["content-type"] == "application/gzip"
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''tool-1.0.tar.gz"
    assert "sandbox" in whole.headers["content-security-policy"]
    part = running.get(path, Range="bytes=2-5")
    assert (part.status, part.body) == (206, b"olto")
    stale = running.get(path, Range="bytes=2-5", If_Range='"another"')
    assert stale.status == 200
    assert running.get(path, If_None_Match=whole.headers["etag"]).status == 304


@pytest.mark.parametrize(
    "path", ["/files/", "/files/../etc/passwd", "/files/%2e%2e/%2e%2e/etc/passwd", "/files//etc/passwd", "/nothing", "/-/nothing"]
)  # fmt: skip
def test_other_paths_are_not_found(running: Running, path: str) -> None:
    """Only what is listed is here."""
    assert running.get(path).status == 404


@pytest.mark.parametrize("path", ["/", "/-/search", "/files/x", "/-/assets/style.css", "/-/bundle.json"])
def test_the_landing_site_only_reads(running: Running, path: str) -> None:
    """Other methods are 405, with or without a body."""
    answer = running.get(path, method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_broken_requests_get_a_plain_refusal(running: Running, request_bytes: bytes) -> None:
    """Malformed, doubled or huge headers are a 4xx; nothing is logged as an internal error."""
    before = len(running.log)
    answer = running.raw(request_bytes)
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert b"Traceback" not in answer
    assert len(running.log) == before


def test_a_tls_handshake_is_refused_at_once(running: Running) -> None:
    """Container clients try TLS first: the refusal comes while they keep the connection open."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(400))
        assert connection.recv(100).startswith(b"HTTP/1.0 400")


def test_an_internal_error_is_logged_and_the_server_goes_on(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request gets a 500 without details, and the next one its answer."""
    monkeypatch.setattr(registry.Registry, "answer", lambda *_: 1 / 0)
    answer = running.get("/v2/")
    assert (answer.status, answer.body) == (500, b"internal error\n")
    assert "ZeroDivisionError" in running.log.pop()
    assert running.get("/").status == 200


def test_docs_origins_have_nothing_of_the_landing_site(running: Running) -> None:
    """There the program answers below /-/ only: the registry and search are not on a stranger's origin."""
    port = running.port_of(SITE)
    for path in ("/v2/", "/-/search", "/-/bundle.json", "/files/dl.example.org/releases/tool-1.0.tar.gz"):
        assert running.get(path, port=port).status == 404
    assert running.get("/-/assets/style.css", port=port).status == 200


def test_one_port_serves_all_below_a_domain(tmp_path: Path) -> None:
    """With a domain every origin is a host name on the main port."""
    small_archive(tmp_path)
    with serving(tmp_path, domain="docs.corp") as server:
        host = f"docs-example-org.docs.corp:{server.port}"
        assert [address.url for address in server.served.origins] == [f"http://{host}/"]
        assert "quick brown fox" in server.get("/", Host=host).text
        assert "Small Project" in server.get("/", Host=f"docs.corp:{server.port}").text


def test_origins_take_the_next_free_ports(tmp_path: Path) -> None:
    """A taken port is passed over, and the main port is refused when it is taken itself."""
    small_archive(tmp_path)
    with start(open_projects(tmp_path), port=0, log=print) as first:
        taken = urlsplit(first.url).port or 0
        with pytest.raises(UsageError, match="in use"):
            start(open_projects(tmp_path), port=taken, log=print)
        with start(open_projects(tmp_path), port=0, log=print) as second:
            assert {urlsplit(address.url).port for address in first.origins}.isdisjoint(
                urlsplit(address.url).port for address in second.origins
            )


def test_stopping_closes_every_port(tmp_path: Path) -> None:
    """After stop nothing listens any more, and stopping again does no harm."""
    small_archive(tmp_path)
    with serving(tmp_path) as server:
        ports = [server.port, server.port_of(SITE)]
        server.served.stop()
    for port in ports:
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):  # noqa: PT011 - any refusal
            pass


def test_serve_ends_when_told_to(tmp_path: Path) -> None:
    """Serve calls ready once, when all answers, and returns after stop is set."""
    small_archive(tmp_path)
    stop = threading.Event()
    told = []

    def ready(served: object) -> None:
        told.append(served)
        stop.set()

    with start(open_projects(tmp_path), port=0, log=print) as served:
        ready(served)
        served.wait(stop)
    assert len(told) == 1


def test_many_readers_at_once(running: Running) -> None:
    """Threads share the holdings: a hundred requests from ten readers all get the same page."""
    port = running.port_of(SITE)
    answers: list[bytes] = []

    def read() -> None:
        answers.extend(running.get("/install.html", port=port).body for _ in range(10))

    readers = [threading.Thread(target=read) for _ in range(10)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(answers) == 100
    assert len(set(answers)) == 1
