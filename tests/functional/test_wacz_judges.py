"""A bundle's WACZ files before outside judges: ``wacz validate``, and pywb and ReplayWeb.page, which replay them.

The sites are crawled and bundled as by anybody. pywb then has to give every page as it was, found by the index in
the WACZ, and once more by an index that pywb makes itself; ReplayWeb.page has to in a browser.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator, Mapping
from urllib.parse import quote, urlsplit

import pytest

from archiver.core.clock import parse_iso, timestamp14
from judges.pywb import Pywb, Replayed, pywb, wacz_validate
from judges.replayweb import replayweb
from servers.console import Console
from servers.site import Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.real import Site as NginxSite

pytestmark = [pytest.mark.judges, pytest.mark.xdist_group("judges")]

OURS, THEIRS = "packed", "reindexed"  # by the index in the WACZ, and by one that pywb makes
CHINESE = "/" + quote("安装/指南") + ".html"
UNCHANGED_TEXT = "the same at every visit " * 40


@dataclass(frozen=True)
class Judged:
    """A site's WACZ, the pywb that replays it, and what the site's URLs gave at the last visit."""

    wacz: Path
    replaying: Pywb
    live: Mapping[str, Reply]

    def served(self, url: str) -> Reply:
        """Return what the site gave; nginx gives files, whatever the query."""
        return self.live.get(url) or self.live[url.partition("?")[0]]

    def pages(self) -> list[dict[str, str]]:
        """Return the lines of pages.jsonl."""
        with zipfile.ZipFile(self.wacz) as packed:
            return [json.loads(line) for line in packed.read("pages/pages.jsonl").splitlines()[1:]]

    def index(self) -> list[tuple[str, dict[str, Any]]]:
        """Return timestamp and members of each line of the index."""
        with zipfile.ZipFile(self.wacz) as packed:
            lines = gzip.decompress(packed.read("indexes/index.cdx.gz")).decode().splitlines()
        return [(line.split(" ", 2)[1], json.loads(line.split(" ", 2)[2])) for line in lines]


def _judged(folder: Path, console: Console, project: str) -> tuple[Path, dict[str, Path]]:
    """Bundle a project; return its only WACZ, and what pywb is to make collections of."""
    console.succeed("bundle", project, "-o", folder / "bundle.tar")
    console.succeed("verify", folder / "bundle.tar")
    console.succeed("extract", folder / "bundle.tar", folder / "out", "docs/*.wacz")
    (wacz,) = (folder / "out" / "docs").iterdir()
    with zipfile.ZipFile(wacz) as packed:
        (folder / "data.warc.gz").write_bytes(packed.read("archive/data.warc.gz"))
    return wacz, {OURS: wacz, THEIRS: folder / "data.warc.gz"}


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """A site of redirects, queries, codings and names in any script, visited twice: most of it is revisits."""
    folder = tmp_path_factory.mktemp("varied")
    console = Console(folder)
    with serving({}) as site, serving({}) as other:
        other.answers["/font.woff2"] = Reply(b"\0\1font" * 50, type="font/woff2", etag='"f"')
        _fill(site, other, "first")
        spec = {"project": "varied", "docs": [{"name": "docs", "seeds": [site.url("/index.html")]}]}
        path = console.write("varied.yaml", json.dumps(spec))
        console.succeed("archive", path)
        _fill(site, other, "second")
        console.succeed("archive", path)
        answers = {**_urls(site), **_urls(other)}
    wacz, collections = _judged(folder, console, "varied")
    with pywb(folder / "pywb", collections) as replaying:
        yield Judged(wacz, replaying, answers)


def _urls(site: Site) -> dict[str, Reply]:
    return {site.url(target): reply for target, reply in site.answers.items() if isinstance(reply, Reply)}


def _fill(site: Site, other: Site, visit: str) -> None:
    """Give a site its content at a visit."""
    links = (
        "unchanged.html", "etagged.html", "changed.html", "twin/", "twin/index.html", "old", "search?b=2&a=1",
        "search?a=1&b=3", "search?q=%E6%90%9C%E7%B4%A2", CHINESE, "gzipped.html", "chunked.html", "copy.html",
        "UPPER/Case.html", "tilde/~user/%7Euser.html",
    )  # fmt: skip
    head = f'<link rel=stylesheet href=style.css><link rel=preload as=font href="{other.url("/font.woff2")}">'
    same = html(text=UNCHANGED_TEXT)
    site.answers |= {
        "/robots.txt": Reply(b"", 404),
        "/index.html": Reply(html(*links, head=head)),
        "/style.css": Reply(b"body { color: teal }", type="text/css", etag='"s"'),
        "/unchanged.html": Reply(same),
        "/copy.html": Reply(same),
        "/etagged.html": Reply(html(text="validated " * 50), etag='"e"'),
        "/changed.html": Reply(html(text=f"as at the {visit} visit"), etag=f'"{visit}"'),
        "/twin/": Reply(html(text="a twin " * 30)),
        "/twin/index.html": Reply(html(text="a twin " * 30)),
        "/old": Reply(b"", 301, headers=(("Location", "/new.html"),)),
        "/new.html": Reply(html(text="moved here")),
        "/search?b=2&a=1": Reply(html(text="two and one")),
        "/search?a=1&b=3": Reply(html(text="one and three")),
        "/search?q=%E6%90%9C%E7%B4%A2": Reply(html(text="found")),
        CHINESE: Reply(html(text="如何安装").replace(b"<head>", b"<head><meta charset=utf-8>")),
        "/gzipped.html": Reply(
            gzip.compress(html(text="coded " * 100), mtime=0), headers=(("Content-Encoding", "gzip"),)
        ),
        "/chunked.html": Reply(html(text="in pieces " * 100), chunked=True),
        "/UPPER/Case.html": Reply(html(text="case counts")),
        "/tilde/~user/%7Euser.html": Reply(html(text="escapes")),
    }


@pytest.fixture(scope="module")
def real(python_site: NginxSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """The tutorial of Python's documentation, as Debian has it and nginx serves it, visited twice."""
    folder = tmp_path_factory.mktemp("real")
    console = Console(folder)
    spec = {
        "project": "real",
        "docs": [{"name": "docs", "seeds": [f"{python_site.url}/tutorial/index.html"]}],
    }
    for _ in range(2):
        console.succeed("archive", console.write("real.yaml", json.dumps(spec)))
    wacz, collections = _judged(folder, console, "real")
    live = {
        f"{python_site.url}/{path.relative_to(python_site.root).as_posix()}": Reply(path.read_bytes())
        for path in python_site.root.rglob("*")
        if path.is_file()
    }
    with pywb(folder / "pywb", collections) as replaying:
        yield Judged(wacz, replaying, live)


@pytest.fixture(params=["varied", "real"])
def judged(request: pytest.FixtureRequest) -> Judged:
    """Each of the sites."""
    found: Judged = request.getfixturevalue(request.param)
    return found


def _body(replayed: Replayed) -> bytes:
    return (
        gzip.decompress(replayed.body)
        if replayed.headers.get("content-encoding") == "gzip"
        else replayed.body
    )


def test_wacz_validate_is_content(judged: Judged) -> None:
    """The reference tool finds nothing wrong with the package."""
    content, said = wacz_validate(judged.wacz)
    assert content, said


def test_wacz_validate_would_tell(varied: Judged, tmp_path: Path) -> None:
    """The judge is awake: a package whose pages were changed is refused."""
    broken = tmp_path / "broken.wacz"
    with zipfile.ZipFile(varied.wacz) as packed, zipfile.ZipFile(broken, "w") as output:
        for entry in packed.infolist():
            data = packed.read(entry)
            output.writestr(entry, data + b" " if entry.filename == "pages/pages.jsonl" else data)
    content, _ = wacz_validate(broken)
    assert not content


def _difference(replayed: Replayed, live: Reply) -> str:
    """Say how an answer differs from what the site served; empty where it does not."""
    headers = {name.lower(): value for name, value in live.headers}
    location = headers.get("location", "")
    if replayed.status != live.status:
        return f"status {replayed.status}"
    if not replayed.headers.get("location", "").endswith(location):
        return f"leads to {replayed.headers.get('location')}"
    same = live.status != 200 or _body(replayed) == _body(Replayed(200, headers, live.body))
    return "" if same else f"another body of {len(replayed.body)} bytes"


def test_every_page_replays_with_the_same_body(judged: Judged) -> None:
    """Each page of pages.jsonl is replayed, at its time, byte for byte as the site last served it."""
    pages = judged.pages()
    assert len(pages) >= 10
    wrong = {}
    for page in pages:
        replayed = judged.replaying.replay(OURS, page["url"], timestamp14(parse_iso(page["ts"])))
        wrong[page["url"]] = _difference(replayed, judged.served(page["url"]))
    assert not {url: difference for url, difference in wrong.items() if difference}


def test_every_capture_replays(judged: Judged) -> None:
    """So does all that the index names: requisites, redirects with their targets, and every revisit."""
    wrong = {}
    for timestamp, line in judged.index():
        replayed = judged.replaying.replay(OURS, line["url"], timestamp)
        wrong[line["url"]] = _difference(replayed, judged.served(line["url"]))
    assert len(wrong) >= 15
    assert not {url: difference for url, difference in wrong.items() if difference}


def test_the_records_alone_replay(varied: Judged) -> None:
    """The same by an index that pywb makes of the WARC file: records, and what they refer to, stand for themselves.

    By that pywb shows a 304 as what it is, an answer without content, so those are not asked for.
    """
    wrong = {}
    for timestamp, line in varied.index():
        if "revisit" not in line:
            replayed = varied.replaying.replay(THEIRS, line["url"], timestamp)
            wrong[line["url"]] = _difference(replayed, varied.served(line["url"]))
    assert len(wrong) >= 10
    assert not {url: difference for url, difference in wrong.items() if difference}


def test_replayweb_shows_every_page(judged: Judged, tmp_path: Path) -> None:
    """In Chromium ReplayWeb.page's worker gives each page as the site last served it, and shows one with its style."""
    wrong = {}
    with replayweb(tmp_path, judged.wacz) as replaying:
        for page in judged.pages():
            replayed = replaying.replay(page["url"], timestamp14(parse_iso(page["ts"])))
            headers = {name.lower(): value for name, value in judged.served(page["url"]).headers}
            expected = _body(Replayed(200, headers, judged.served(page["url"]).body))
            if (replayed.status, replayed.body) != (200, expected):
                wrong[page["url"]] = (replayed.status, len(replayed.body))
        assert not wrong
        front = next(page for page in judged.pages() if page["url"].endswith("/index.html"))
        replaying.show(front["url"], timestamp14(parse_iso(front["ts"])))
        replaying.tab.wait("frames[0].document.querySelectorAll('a[href]').length > 10")
        replaying.tab.wait("[...frames[0].document.styleSheets].some(sheet => sheet.cssRules.length)")


def test_revisits_of_both_kinds_are_there(varied: Judged) -> None:
    """What was judged has revisits: unchanged bodies, and unchanged by the server's word (304)."""
    lines = [line for _, line in varied.index()]
    revisited = {urlsplit(line["url"]).path for line in lines if line["mime"] == "warc/revisit"}
    assert {"/unchanged.html", "/gzipped.html", CHINESE} <= revisited
    assert {urlsplit(line["url"]).path for line in lines if "revisit" in line} >= {
        "/etagged.html",
        "/style.css",
    }
    assert not [line for line in lines if "/changed.html" in line["url"] and "revisit" in line["mime"]]
    with zipfile.ZipFile(varied.wacz) as packed:
        records = gzip.decompress(packed.read("archive/data.warc.gz"))
    assert b"/revisit/server-not-modified" in records
    assert b"/revisit/identical-payload-digest" in records
