import gzip
import io
import os
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Iterator

import pytest

from archiver.offline import rewrite
from archiver.store.locator import Location, Locator
from servers.handmade_bundle import GUIDE_PATH, SITE, Bundle
from servers.serving import Running, serving
from servers.small_archive import ArchiveBuilder, html

A, B = "https://a.example.org", "https://b.example.org"
CDN, ROOTED = "https://cdn.example.net", "https://esm.example.net"
BIG = os.urandom(700_000)  # several chunks


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sites that link to each other, a host in a folder, and one that needs its own address."""
    root = tmp_path_factory.mktemp("replay")
    made = ArchiveBuilder(root)
    links = (
        f'<a href="{A}/x">{A}/x</a><a href="{B}/y">b</a><link href="{CDN}/s.css"><script src="{ROOTED}/m.js">'
    )
    captured = [
        ("Content-Security-Policy", "default-src https://a.example.org"), ("Set-Cookie", "a=b"),
        ("Strict-Transport-Security", "max-age=1"), ("X-Orig-Transfer-Encoding", "chunked"), ("X-Custom", "kept"),
        ("ETag", '"live"'), ("Connection", "close"), ("Access-Control-Allow-Origin", A), ("Server", "nginx"),
        ("Refresh", f"5; url={B}/y"), ("SourceMap", f"{CDN}/app.js.map"), ("Content-Location", f"{A}/index.html"),
        ("Link", f'<{CDN}/s.css>; rel=preload; as=style, <https://live.example.com/x.js>; rel="preload"; title="a, b"'),
        ("Link", f'</next>; rel="next", <{B}>; rel=preconnect, <//live.example.com>; rel=dns-prefetch'),
        ("Referrer-Policy", "unsafe-url"), ("X-DNS-Prefetch-Control", "on"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"), ("Speculation-Rules", '"/rules.json"'),
    ]  # fmt: skip
    made.page(f"{A}/", html("Home", "text", links), headers=captured)
    made.page(f"{A}/zip.html", html("Zip", "gezippt", links), gzipped=True)
    made.page(f"{A}/docs/", html("Docs", "folder"))
    made.page(f"{A}/guide/index.html", html("Guide", "index"))
    made.page(f"{A}/bare", html("Bare", "no slash"))
    made.page(f"{A}/q.html?a=1&b=2", html("Query", "with query"))
    made.page(f"{A}/gone", html("Gone", "the site's own error page"), status="404 Not Found")
    made.page(f"{A}/moved", b"", status="301 Moved Permanently", headers=[("Location", f"{B}/y?z#f")])
    made.page(f"{A}/rel", b"", status="302 Found", headers=[("Location", "docs/")])
    made.page(f"{A}/out", b"", status="302 Found", headers=[("Location", "https://live.example.com/")])
    made.page(f"{A}/odd", b"", status="302 Found", headers=[("Location", "https://[x")])
    made.page(f"{A}/self", b"", status="302 Found", headers=[("Location", f"{A}/self")])
    made.page("http://a.example.org/plain.html", html("Plain", "by http"))
    made.page(
        "http://a.example.org/up", b"", status="301 Moved Permanently", headers=[("Location", f"{A}/up")]
    )
    made.page(
        f"{A}/latin.html", "<p>Grüße</p>".encode("latin-1"), content_type="text/html; charset=iso-8859-1"
    )
    made.page(f"{A}/away", html("Away", "goes"), headers=[("Refresh", "0; url=https://live.example.com/")])
    made.page(f"{A}/same.html", b"<p>nothing to map</p>" * 20, gzipped=True)
    made.page(f"{B}/y", html("Y", "other site"), source="b")
    made.requisite(f"{A}/big.bin", BIG, "application/octet-stream")
    made.requisite(f"{A}/a.txt", b"plain text " * 50, "text/plain", gzipped=True)
    made.requisite(f"{A}/app.js", f'go("{A}/x","https:\\/\\/b.example.org\\/y")'.encode(), "text/javascript")
    made.requisite(
        f"{CDN}/s.css",
        b"@font-face{src:url(f.woff2)} i{background:url(https://cdn.example.net/p.png)}",
        "text/css",
    )
    made.requisite(f"{CDN}/f.woff2", b"\0font", "font/woff2")
    made.requisite(f"{ROOTED}/m.js", b'import "/v1/x.js"', "text/javascript")
    made.finish()
    return root


@pytest.fixture(scope="module")
def running(archive: Path) -> Iterator[Running]:
    """The archive, served."""
    with serving(archive) as server:
        yield server


@pytest.fixture
def a(running: Running) -> int:
    """The port of the first site."""
    return running.port_of(A)


def _base(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _all_headers(running: Running, path: str, port: int) -> list[tuple[str, str]]:
    """Return all headers of an answer, of several of one name each, the names in lowercase."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    head = running.raw(request.encode(), port=port).partition(b"\r\n\r\n")[0].decode("latin-1")
    fields = (line.partition(": ") for line in head.split("\r\n")[1:])
    return [(name.lower(), value) for name, _, value in fields]


def test_each_site_has_an_address_and_so_has_a_host_with_rooted_references(running: Running) -> None:
    """Page origins and a requisite host that refers to itself from the root; no address for a plain font host."""
    assert {address.origin for address in running.served.origins} == {A, "http://a.example.org", B, ROOTED}


def test_links_lead_to_where_things_are_served(running: Running, a: int) -> None:
    """Absolute URLs in tags are mapped: to ports, and to folders for hosts without one; visible text is not."""
    page = running.get("/", port=a).text
    assert f'<a href="{_base(a)}/x">{A}/x</a>' in page
    assert f'href="{_base(running.port_of(B))}/y"' in page
    assert f'href="{_base(a)}/-/o/https/cdn.example.net/s.css"' in page
    assert f'src="{_base(running.port_of(ROOTED))}/m.js"' in page


def test_addresses_are_those_that_the_reader_uses(running: Running, a: int) -> None:
    """A reader on the LAN, who calls the server by another name, gets links with that name."""
    page = running.get("/", port=a, Host=f"lan-server:{a}").text
    assert f'href="http://lan-server:{running.port_of(B)}/y"' in page


def test_a_mounted_host_is_served_below_the_site(running: Running, a: int) -> None:
    """Its style sheet is mapped, and relative references in it work by themselves."""
    style = running.get("/-/o/https/cdn.example.net/s.css", port=a)
    assert style.status == 200
    assert f"url({_base(a)}/-/o/https/cdn.example.net/p.png)" in style.text
    assert running.get("/-/o/https/cdn.example.net/f.woff2", port=a).body == b"\0font"


def test_scripts_are_mapped_in_their_escapes(running: Running, a: int) -> None:
    """JSON-escaped slashes stay escaped."""
    assert running.get("/app.js", port=a).text == (
        f'go("{_base(a)}/x","http:\\/\\/127.0.0.1:{running.port_of(B)}\\/y")'
    )


def test_headers_about_the_live_server_are_dropped(running: Running, a: int) -> None:
    """Policies, cookies and connection headers go; the page's own headers stay; Refresh is mapped."""
    headers = running.get("/", port=a).headers
    for name in (
        "set-cookie",
        "strict-transport-security",
        "x-orig-transfer-encoding",
        "access-control-allow-origin",
    ):
        assert name not in headers
    assert headers["x-custom"] == "kept"
    assert headers["server"] == "archiver"
    assert headers["refresh"] == f"5; url={_base(running.port_of(B))}/y"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert _base(running.port_of(B)) in policy
    assert "example.org" not in policy


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/docs/", "Docs"), ("/docs/index.html", "Docs"), ("/guide/", "Guide"),
        ("/docs/?highlight=x", "Docs"), ("/q.html?b=2&a=1", "Query"), ("/plain.html", "Plain"), ("/gone", "Gone"),
        ("/q.html?a=1&utm_source=x&b=2&gclid=1", "Query"), ("/q.html;jsessionid=0A1B?a=1&b=2", "Query"),
        ("/guide/;jsessionid=0A1B?utm_source=x", "Guide"),
    ],
)  # fmt: skip
def test_twins_answer_for_each_other(running: Running, a: int, path: str, title: str) -> None:
    """Slash, index.html, argument order, tracking, sessions, query and scheme: what a site answers alike."""
    answer = running.get(path, port=a)
    assert f"<title>{title}</title>" in answer.text
    assert answer.status == (404 if title == "Gone" else 200)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/docs", "/docs/"), ("/guide", "/guide/index.html"), ("/bare/", "/bare"),
        ("/docs?highlight=x", "/docs/?highlight=x"), ("/guide;jsessionid=0A1B?q=x", "/guide/index.html?q=x"),
    ],
)  # fmt: skip
def test_twins_in_another_folder_are_redirected_to(running: Running, a: int, path: str, target: str) -> None:
    """Relative links are right at one of the two only: a page of MkDocs without its slash would have no styles."""
    answer = running.get(path, port=a)
    assert (answer.status, answer.headers.get("location")) == (302, f"{_base(a)}{target}")
    assert running.get(target, port=a).status == 200


def test_redirects_lead_to_mapped_addresses(running: Running, a: int) -> None:
    """Absolute and relative Locations are followed within the archive."""
    moved = running.get("/moved", port=a)
    assert (moved.status, moved.headers["location"]) == (301, f"{_base(running.port_of(B))}/y?z#f")
    assert running.get("/rel", port=a).headers["location"] == f"{_base(a)}/docs/"


def test_a_redirect_out_of_the_archive_is_explained(running: Running, a: int) -> None:
    """Nobody is sent to the live internet without being told."""
    out = running.get("/out", port=a)
    assert out.status == 404
    assert "https://live.example.com/" in out.text


@pytest.mark.parametrize("path", ["/self", "/up"])
def test_a_redirect_to_itself_does_not_loop(running: Running, a: int, path: str) -> None:
    """A capture that leads back to what was asked for, also by the other scheme, is no answer."""
    assert running.get(path, port=a).status == 404


def test_what_is_missing_gets_a_page_that_helps(running: Running, a: int) -> None:
    """The page names the original URL, escaped, and leads to the nearest folder and the landing page."""
    miss = running.get("/docs/no/%3Cscript%3E?x=<b>".replace("<b>", "%3Cb%3E"), port=a)
    assert miss.status == 404
    assert f"{A}/docs/no/%3Cscript%3E" in miss.text
    assert f'href="{_base(a)}/docs/"' in miss.text
    assert f'href="{_base(running.port)}/"' in miss.text
    assert "default-src" in miss.headers["content-security-policy"]


def test_content_coding_is_passed_through_only_to_those_who_take_it(running: Running, a: int) -> None:
    """A gzipped file goes out as captured, or unpacked; a mapped page goes out unpacked."""
    packed = running.get("/a.txt", port=a, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == b"plain text " * 50
    assert running.get("/a.txt", port=a).body == b"plain text " * 50
    assert running.get("/a.txt", port=a, Accept_Encoding="gzip;q=0, br").body == b"plain text " * 50
    page = running.get("/zip.html", port=a, Accept_Encoding="gzip")
    assert "content-encoding" not in page.headers
    assert "gezippt" in page.text


def test_charset_is_preserved(running: Running, a: int) -> None:
    """Bytes and Content-Type stay as they were."""
    page = running.get("/latin.html", port=a)
    assert page.headers["content-type"] == "text/html; charset=iso-8859-1"
    assert page.body == "<p>Grüße</p>".encode("latin-1")


def test_large_files_are_streamed_and_cut_in_ranges(running: Running, a: int) -> None:
    """Whole, from the middle, from the end, and beyond."""
    assert running.get("/big.bin", port=a).body == BIG
    middle = running.get("/big.bin", port=a, Range="bytes=300000-599999")
    assert (middle.status, middle.body) == (206, BIG[300000:600000])
    assert middle.headers["content-range"] == f"bytes 300000-599999/{len(BIG)}"
    assert running.get("/big.bin", port=a, Range="bytes=-10").body == BIG[-10:]
    assert running.get("/big.bin", port=a, Range="bytes=700000-").status == 416
    assert running.get("/big.bin", port=a, Range=f"bytes={'9' * 5000}-").status in (200, 416)
    assert running.get("/big.bin", port=a, Range="bytes=0-1,5-6").status == 200


def test_head_has_the_headers_and_nothing_else(running: Running, a: int) -> None:
    """HEAD answers like GET without the body."""
    for path in ("/big.bin", "/", "/a.txt", "/missing"):
        head, get = running.get(path, port=a, method="HEAD"), running.get(path, port=a)
        assert head.body == b""
        assert head.status == get.status
        assert head.headers.get("content-length", str(len(get.body))) == str(len(get.body))


def test_a_page_that_the_reader_has_is_not_sent_again(running: Running, a: int) -> None:
    """The entity tag answers 304, and is another one where other addresses are mapped in."""
    tag = running.get("/", port=a).headers["etag"]
    again = running.get("/", port=a, If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    assert running.get("/", port=a, If_None_Match=tag, Host=f"other:{a}").status == 200


def test_fonts_and_modules_may_be_shared_among_archived_origins_only(running: Running, a: int) -> None:
    """CORS allows the served origins, and no page from elsewhere."""
    port = running.port_of(ROOTED)
    assert running.get("/m.js", port=port, Origin=_base(a)).headers["access-control-allow-origin"] == _base(a)
    assert (
        "access-control-allow-origin"
        not in running.get("/m.js", port=port, Origin="https://evil.example").headers
    )


def test_the_site_gets_no_service_worker(running: Running, a: int) -> None:
    """A captured one would go on answering after this server ended: instead comes one that takes itself away."""
    worker = running.get("/app.js", port=a, Service_Worker="script")
    assert worker.status == 200  # a refusal would be an error on a page that is sound
    assert "registration.unregister()" in worker.text
    assert "fetch" not in worker.text
    assert A not in worker.text


def test_links_and_refreshes_in_headers_stay_in_the_archive(running: Running, a: int) -> None:
    """What they name in the archive is mapped; what is to be fetched or gone to elsewhere is left out."""
    headers = _all_headers(running, "/", a)
    cdn = f"{_base(a)}/-/o/https/cdn.example.net"
    links = [
        value
        for name, value in headers
        if name == "link" and "memento" not in value and "timegate" not in value
    ]
    assert links == [f"<{cdn}/s.css>; rel=preload; as=style", '</next>; rel="next"']
    assert ("sourcemap", f"{cdn}/app.js.map") in headers
    assert ("content-location", f"{_base(a)}/index.html") in headers
    assert "refresh" not in running.get("/away", port=a).headers


def test_a_page_is_as_isolated_as_it_was(running: Running, a: int) -> None:
    """Opener and embedder policies go on, and whatever is archived may be embedded under them."""
    headers = running.get("/", port=a).headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert "speculation-rules" not in headers
    policies = [value for name, value in _all_headers(running, "/", a) if name == "referrer-policy"]
    assert policies == ["no-referrer"]


def test_a_page_without_anything_to_map_keeps_its_coding(running: Running, a: int) -> None:
    """It goes out as captured to those who take that, and unpacked to others; caches keep the two apart."""
    packed = running.get("/same.html", port=a, Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == b"<p>nothing to map</p>" * 20
    unpacked = running.get("/same.html", port=a)
    assert unpacked.body == b"<p>nothing to map</p>" * 20
    varies = [value.lower() for name, value in _all_headers(running, "/same.html", a) if name == "vary"]
    assert "accept-encoding" in varies
    assert packed.headers["etag"].startswith("W/")
    again = running.get("/same.html", port=a, If_None_Match=packed.headers["etag"])
    assert (again.status, again.headers["etag"]) == (304, packed.headers["etag"])


def test_a_range_of_what_is_another_file_by_now_is_not_sent(running: Running, a: int) -> None:
    """If-Range with another entity tag gets the whole (RFC 9110 section 13.1.5)."""
    tag = running.get("/big.bin", port=a).headers["etag"]
    assert running.get("/big.bin", port=a, Range="bytes=0-9", If_Range=tag).status == 206
    assert running.get("/big.bin", port=a, Range="bytes=0-9", If_Range='"other"').body == BIG


def test_scripts_may_ask_other_archived_origins_with_headers_of_their_own(running: Running, a: int) -> None:
    """Browsers ask beforehand (CORS preflight): archived origins may, others may not."""
    asked = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "x-requested-with"}
    port = running.port_of(B)
    allowed = running.get("/y", port=port, method="OPTIONS", Origin=_base(a), **asked)
    assert allowed.status == 204
    assert allowed.headers["access-control-allow-origin"] == _base(a)
    assert allowed.headers["access-control-allow-headers"] == "x-requested-with"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert (
        running.get("/y", port=port, method="OPTIONS", Origin="https://evil.example", **asked).status == 405
    )
    assert running.get("/y", port=port, method="OPTIONS", Origin=_base(a)).status == 405


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_only_reading_is_answered(running: Running, a: int, method: str) -> None:
    """Any other method is 405 and says what is allowed."""
    answer = running.get("/", port=a, method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/-/o/https/../x", "/-/o/file/x/etc/passwd", "/-/o/", "/-/x", "//b.example.org/y"]
)  # fmt: skip
def test_paths_that_try_something_are_not_found(running: Running, a: int, path: str) -> None:
    """Nothing but captured URLs has an answer."""
    assert running.get(path, port=a).status == 404


def test_damaged_records_are_never_shown(archive: Path, tmp_path: Path) -> None:
    """A page whose bytes rotted is a 502 with a line in the log; a large file is broken off before its end."""
    damaged = ArchiveBuilder(tmp_path / "archive")
    damaged.page(f"{A}/", html("Home", "text " * 100))
    damaged.requisite(f"{A}/big.bin", BIG, "application/octet-stream")
    damaged.finish()
    file = next(damaged.paths.warc.glob("*.warc.gz"))
    data = bytearray(file.read_bytes())
    locations = {at.id: at for at in _locations(damaged)}
    for capture in damaged.captures:
        at = locations[capture.record]
        data[at.offset + at.length - 12] ^= 0xFF
    file.write_bytes(bytes(data))
    with serving(tmp_path / "archive") as running:
        port = running.port_of(A)
        assert running.get("/", port=port).status == 502
        big = running.get("/big.bin", port=port)
        assert big.status == 502 or not big.complete
        assert len(big.body) < len(BIG)
        assert len(running.log) == 2
        assert running.get("/-/assets/style.css", port=port).status == 200, "the server goes on"


def _locations(made: ArchiveBuilder) -> list[Location]:
    with closing(Locator(made.paths.locator)) as locator:
        return [at for capture in made.captures if (at := locator.get(capture.record))]


def test_a_redirect_to_no_address_is_a_miss(archive: Path) -> None:
    """A Location that is no URL leads nowhere, and the page says so."""
    with serving(archive) as running:
        answer = running.get("/odd", port=running.port_of(A))
    assert answer.status == 404
    assert "no address" in answer.text


def test_a_damaged_part_of_the_index_is_told(tmp_path: Path) -> None:
    """What stands in it is a 502 with a line in the log, as is what might; everything else is served."""
    bundle = Bundle()
    bundle.document["docs"][0]["requisite_origins"] = ["https://cdn.example.net"]
    data = bytearray(bundle.pack())
    with zipfile.ZipFile(io.BytesIO(bundle.members[GUIDE_PATH])) as wacz:
        block = wacz.read("indexes/index.cdx.gz")
    data[data.index(block) + 20] ^= 1  # in the first of two blocks
    path = tmp_path / "bundle.tar"
    path.write_bytes(data)
    with serving(path) as running:
        port = running.port_of(SITE)
        assert running.get("/", port=port).status == 502
        assert running.log
        assert all("block of the index" in line for line in running.log)
        assert running.get("/style.css", port=port).status == 200
        missing = running.get("/zebra/missing.html", port=port)
        assert (missing.status, "zebra/missing.html" in missing.text) == (404, True)
        assert running.get("/").status == 200
    assert not any("internal" in line for line in running.log)


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_page_too_long_to_be_mapped_is_sent_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, gzipped: bool
) -> None:
    """Memory stays bounded, and the page comes whole, in a coding that the reader takes."""
    monkeypatch.setattr(rewrite, "LIMIT", 500_000)
    page = html("Long", f'<a href="{A}/x">x</a>' * 40_000)
    made = ArchiveBuilder(tmp_path / "archive")
    made.page(f"{A}/long", page, gzipped=gzipped)
    made.finish()
    with serving(tmp_path / "archive") as running:
        port = running.port_of(A)
        assert running.get("/long", port=port).body == page
        packed = running.get("/long", port=port, Accept_Encoding="gzip")
        assert running.get("/long", port=port, method="HEAD").status == 200
    assert (gzip.decompress(packed.body) if gzipped else packed.body) == page
