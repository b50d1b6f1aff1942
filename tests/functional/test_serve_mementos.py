"""Several snapshots of a project behind one server: by date (RFC 7089), by a reader's choice, and as they come in."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Callable, Iterator
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.progress import NullProgress
from archiver.store.paths import open_archive
from archiver.store.prune import prune
from archiver.store.snapshots import set_good
from servers.browser import browser
from servers.console import HASTY, Console, fetch
from servers.processes import need
from servers.serving import Answer, Running, serving
from servers.site import Reply
from servers.site import html as page_of
from servers.site import serving as live
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

OTHER, CDN = "https://api.example.org", "https://cdn.example.net"
JANUARY, FEBRUARY, MARCH = "20260101T120000Z", "20260201T120000Z", "20260301T120000Z"
PATIENCE = 30  # seconds until something that should have been noticed was not


def _snapshot(made: ArchiveBuilder, snapshot: str, month: str) -> None:
    """Add a snapshot in which every page says the month; one page there is in no other."""
    made.captures.clear()
    stamp = snapshot[:8] + "120001"
    link = f'<a href="{OTHER}/">api</a><link rel=stylesheet href="{CDN}/s.css">'
    made.page(f"{SITE}/", html("Home", f"as of {month}", link), timestamp=stamp)
    made.page(f"{SITE}/{month.lower()}.html", html(month, f"only {month}"), timestamp=stamp)
    made.page(f"{OTHER}/", html("API", f"api of {month}"), timestamp=stamp)
    made.requisite(f"{CDN}/s.css", f"/* {month} */".encode(), "text/css", timestamp=stamp)
    made.finish(snapshot)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of three months."""
    made = ArchiveBuilder(tmp_path_factory.mktemp("mementos") / "archives")
    for snapshot, month in ((JANUARY, "January"), (FEBRUARY, "February"), (MARCH, "March")):
        _snapshot(made, snapshot, month)
    return made.archive.root


@pytest.fixture(scope="module")
def running(root: Path) -> Iterator[Running]:
    """The archive, served."""
    with serving(root) as server:
        yield server


@dataclass(frozen=True)
class Link:
    """An entry of a Link header or a time map."""

    target: str
    relations: tuple[str, ...]
    datetime: str


def _links(text: str) -> list[Link]:
    found = []
    for target, parameters in re.findall(r"<([^>]*)>((?:\s*;\s*\w+=\"[^\"]*\")*)", text):
        named = dict(re.findall(r"(\w+)=\"([^\"]*)\"", parameters))
        found.append(Link(target, tuple(named.get("rel", "").split()), named.get("datetime", "")))
    return found


def _by_relation(text: str) -> dict[str, str]:
    return {relation: link.target for link in _links(text) for relation in link.relations}


def _get(running: Running, url: str, **headers: str) -> Answer:
    """Ask for a whole address of the server."""
    parts = urlsplit(url)
    return running.get(
        parts.path + (f"?{parts.query}" if parts.query else ""), port=parts.port or 80, **headers
    )


def _as_of(running: Running, snapshot: str, to: str = "/", *, port: int = 0, **headers: str) -> Answer:
    query = urlencode({"project": "small", "snapshot": snapshot, "to": to})
    return running.get(f"/-/as-of?{query}", port=port, **headers)


def test_the_latest_good_snapshot_is_read_and_tells_its_date(running: Running) -> None:
    """Every archived answer has its date, the original address, and where the other dates are; RFC 7089 section 2."""
    port = running.port_of(SITE)
    answer = running.get("/", port=port)
    assert "as of March" in answer.text
    assert answer.headers["memento-datetime"] == "Sun, 01 Mar 2026 12:00:01 GMT"
    assert "accept-datetime" in answer.headers["vary"].lower()
    links = _by_relation(answer.headers["link"])
    assert links["original"] == f"{SITE}/"
    assert links["timegate"] == f"http://127.0.0.1:{port}/"
    assert links["timemap"] == f"http://127.0.0.1:{running.port}/-/timemap/link/{SITE}/"
    mounted = running.get("/-/o/https/cdn.example.net/s.css", port=port)
    assert mounted.headers["memento-datetime"] == "Sun, 01 Mar 2026 12:00:01 GMT"
    assert _by_relation(mounted.headers["link"])["original"] == f"{CDN}/s.css"


def test_links_hold_any_address_that_browsers_send(running: Running) -> None:
    """An angle bracket in the query ends no link of the header."""
    answer = running.get("/?<x>;rel=timemap", port=running.port_of(SITE))
    assert _by_relation(answer.headers["link"])["original"] == f"{SITE}/?%3Cx%3E;rel=timemap"


def test_with_the_original_names_the_page_is_its_own_timegate(running: Running) -> None:
    """Where DNS leads the original name here, original and timegate are one address."""
    answer = running.get("/", Host="docs.example.org")
    assert Link("http://docs.example.org/", ("timegate",), "") in _links(answer.headers["link"])


@pytest.mark.parametrize(
    ("asked", "month"),
    [
        ("Sun, 01 Mar 2026 12:00:01 GMT", "March"),
        ("Sun, 01 Mar 2026 11:59:59 GMT", "February"),
        ("Sun, 15 Feb 2026 00:00:00 GMT", "February"),
        ("Thu, 01 Jan 2026 12:00:01 GMT", "January"),
        ("Mon, 01 Jan 2001 00:00:00 GMT", "January"),
        ("Tue, 01 Jan 2030 00:00:00 GMT", "March"),
    ],
)
def test_a_date_asked_for_is_answered_from_the_snapshot_of_that_time(
    running: Running, asked: str, month: str
) -> None:
    """The newest that is not later; before all of them the first. The answer names itself, the first and the last."""
    port = running.port_of(SITE)
    answer = running.get("/", port=port, Accept_Datetime=asked)
    assert answer.status == 200
    assert f"as of {month}" in answer.text
    links = {link.relations: link for link in _links(answer.headers["link"])}
    assert links["first", "memento"].datetime == "Thu, 01 Jan 2026 12:00:01 GMT"
    assert links["last", "memento"].datetime == "Sun, 01 Mar 2026 12:00:01 GMT"
    again = _get(running, answer.headers["content-location"])
    assert f"as of {month}" in again.text
    assert again.headers["memento-datetime"] == answer.headers["memento-datetime"]
    assert _by_relation(again.headers["link"])["timegate"] == f"http://127.0.0.1:{port}/"


def test_a_page_of_one_snapshot_only_is_found_from_any_date(running: Running) -> None:
    """Of what was never there at the date asked for, the nearest state is given, not a miss."""
    port = running.port_of(SITE)
    for asked in ("Sun, 01 Mar 2026 12:00:01 GMT", "Thu, 01 Jan 2026 12:00:01 GMT"):
        answer = running.get("/february.html", port=port, Accept_Datetime=asked)
        assert "only February" in answer.text
        assert answer.headers["memento-datetime"].startswith("Sun, 01 Feb")
    missing = running.get("/april.html", port=port, Accept_Datetime="Sun, 01 Mar 2026 12:00:01 GMT")
    assert missing.status == 404
    assert "memento-datetime" not in missing.headers


@pytest.mark.parametrize(
    "asked", ["yesterday", "2026-03-01T12:00:01Z", "Sun, 31 Feb 2026 12:00:01 GMT", "Sun, 01 Mar 2026 12:00:01 CET",
              "Sun, 01 Mar 2026 12:00:99 GMT", "Sun, 01 Mar 0000 12:00:01 GMT"]
)  # fmt: skip
def test_what_is_no_date_is_refused(running: Running, asked: str) -> None:
    """400, as RFC 7089 section 4.5.3 asks; other requests go on."""
    answer = running.get("/", port=running.port_of(SITE), Accept_Datetime=asked)
    assert (answer.status, "accept-datetime" in answer.headers["vary"]) == (400, True)


def test_time_maps_list_every_state(running: Running) -> None:
    """In the link format and in JSON: each state's date and an address that gives it; 404 where there is none."""
    for url in (f"{SITE}/", f"{CDN}/s.css"):
        answer = running.get(f"/-/timemap/link/{url}")
        assert answer.headers["content-type"] == "application/link-format"
        links = _links(answer.text)
        assert [link.datetime for link in links if "memento" in link.relations] == [
            "Thu, 01 Jan 2026 12:00:01 GMT",
            "Sun, 01 Feb 2026 12:00:01 GMT",
            "Sun, 01 Mar 2026 12:00:01 GMT",
        ]
        assert [link.relations for link in links] == [
            ("original",), ("self",), ("timegate",), ("first", "memento"), ("memento",), ("last", "memento")
        ]  # fmt: skip
        for link in links:
            if "memento" in link.relations:
                assert _get(running, link.target).headers["memento-datetime"] == link.datetime
    document = json.loads(running.get(f"/-/timemap/json/{SITE}/february.html").body)
    assert document["original_uri"] == f"{SITE}/february.html"
    assert [one["datetime"] for one in document["mementos"]["list"]] == ["2026-02-01T12:00:01Z"]
    assert running.get("/-/timemap/link/https:/docs.example.org/").status == 200, (
        "proxies make one slash of two"
    )
    for missing in (
        f"link/{SITE}/nowhere",
        "link/nonsense",
        f"xml/{SITE}/",
        "link/https://elsewhere.example.com/",
    ):
        assert running.get(f"/-/timemap/{missing}").status == 404


def test_a_redirect_within_a_state_stays_in_it(running: Running) -> None:
    """What January's page redirects to is January's, which alone may have it."""
    port = running.port_of(SITE)
    moved = running.get(f"/-/at/{JANUARY}/january.html/", port=port)
    assert moved.status == 302
    assert moved.headers["location"] == f"http://127.0.0.1:{port}/-/at/{JANUARY}/january.html"


def test_no_such_snapshot_is_plainly_missing(running: Running) -> None:
    """Neither a malformed address of a state nor an unknown snapshot is an error of the server's."""
    port = running.port_of(SITE)
    for path in ("/-/at/20200101T000000Z/", "/-/at/x/", "/-/at/", f"/-/at/{MARCH}"):
        assert running.get(path, port=port).status == 404
    for query in ("project=small&snapshot=20200101T000000Z", "project=other&snapshot=", ""):
        assert running.get(f"/-/as-of?{query}").status == 404


def test_a_choice_holds_for_all_addresses_until_it_is_taken_back(running: Running) -> None:
    """A cookie, set at the main address: docs, their other origins, search and landing page are as of that date."""
    chosen = _as_of(running, JANUARY)
    assert (chosen.status, chosen.headers["location"]) == (303, f"http://127.0.0.1:{running.port}/")
    cookie = chosen.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Domain" not in cookie
    sent = f"theme=dark; {cookie.partition(';')[0]}; x=y"
    assert "as of January" in running.get("/", port=running.port_of(SITE), Cookie=sent).text
    assert "api of January" in running.get("/", port=running.port_of(OTHER), Cookie=sent).text
    assert json.loads(running.get("/-/bundle.json", Cookie=sent).body)["snapshot"] == JANUARY
    assert "2026-01-01 12:00 UTC" in running.get("/", Cookie=sent).text
    assert "as of March" in running.get("/", port=running.port_of(SITE)).text
    back = _as_of(running, "", Cookie=sent)
    assert "Max-Age=0" in back.headers["set-cookie"]
    picked = running.get(
        "/", port=running.port_of(SITE), Cookie=sent, Accept_Datetime="Sun, 15 Feb 2026 00:00:00 GMT"
    )
    assert "as of February" in picked.text, "a request's own date is nearer than the reader's choice"


@pytest.mark.parametrize("value", ["20200101T000000Z", "nonsense", "", "../../etc", "20260101T120000Z/../x"])
def test_a_cookie_that_names_nothing_is_passed_over(running: Running, value: str) -> None:
    """Pages may set any cookie; at worst the newest snapshot is read."""
    answer = running.get("/", port=running.port_of(SITE), Cookie=f"archiver-snapshot-small={value}")
    assert "as of March" in answer.text


@pytest.mark.parametrize(
    ("to", "led"),
    [
        ("/docs/x?y=1", "/docs/x?y=1"), (f"{OTHER}/", "{other}/"), ("https://evil.example.com/", "{main}/"),
        ("//evil.example.com/", "{main}/"), ("/\\evil.example.com", "{main}/"), ("javascript:alert(1)", "{main}/"),
        ("http://127.0.0.1:1/", "{main}/"), ("/a\r\nX: y", "{main}/"), ("", "{main}/"), ("{other}/a", "{other}/a"),
    ],
)  # fmt: skip
def test_choosing_leads_on_to_this_server_only(running: Running, to: str, led: str) -> None:
    """An address of the server's, or an original one that it has; never where a stranger's link wants to send a reader."""
    names = {
        "main": f"http://127.0.0.1:{running.port}",
        "other": f"http://127.0.0.1:{running.port_of(OTHER)}",
    }
    location = _as_of(running, JANUARY, to.format(**names)).headers["location"]
    expected = led.format(**names)
    assert location == (f"{names['main']}{expected}" if expected.startswith("/") else expected)


def test_below_a_domain_one_cookie_is_for_all_of_it(root: Path) -> None:
    """With ``--domain`` the cookie names the domain, so that every label's browser sends it."""
    with serving(root, domain="docs.example.internal") as running:
        host = f"docs.example.internal:{running.port}"
        chosen = _as_of(running, JANUARY, Host=host)
        assert "; Domain=docs.example.internal" in chosen.headers["set-cookie"]
        assert chosen.headers["location"] == f"http://{host}/"


def test_hosts_without_a_common_domain_are_visited_one_by_one(running: Running) -> None:
    """Below ``localhost`` no cookie is for all hosts: each one sets its own, and the last leads to the end."""
    answer = _as_of(running, JANUARY, "/#files", Host=f"localhost.localhost:{running.port}")
    visited = []
    while "/-/as-of" in answer.headers["location"]:
        assert "archiver-snapshot-small=20260101T120000Z" in answer.headers["set-cookie"]
        parts = urlsplit(answer.headers["location"])
        visited.append(parts.hostname)
        answer = running.get(f"{parts.path}?{parts.query}", Host=parts.netloc)
        assert len(visited) < 10
    assert {"api-example-org.localhost", "docs-example-org.localhost"} <= set(visited)


def test_what_a_reader_has_kept_is_used_only_where_it_is_the_same(running: Running) -> None:
    """A page kept from one date is asked for again at another; what has not changed needs no bytes."""
    port = running.port_of(SITE)
    march = running.get("/", port=port)
    cookie = f"archiver-snapshot-small={JANUARY}"
    january = running.get("/", port=port, Cookie=cookie, If_None_Match=march.headers["etag"])
    assert january.status == 200
    assert "as of January" in january.text
    again = running.get("/", port=port, Cookie=cookie, If_None_Match=january.headers["etag"])
    assert (again.status, again.headers["memento-datetime"]) == (304, "Thu, 01 Jan 2026 12:00:01 GMT")
    assert "accept-datetime" in again.headers["vary"]


def test_a_part_that_only_an_older_snapshot_has_is_given_to_its_pages(running: Running) -> None:
    """A browser asks other origins for fonts and modules without a cookie; pages are never mixed so."""
    port = running.port_of(SITE)
    for part in (
        {"Sec_Fetch_Dest": "script", "Accept": "*/*"},
        {"Accept": "*/*", "Origin": "http://127.0.0.1:1"},
    ):
        answer = running.get("/january.html", port=port, **part)
        assert "only January" in answer.text
        assert answer.headers["memento-datetime"].startswith("Thu, 01 Jan")
    assert running.get("/january.html", port=port, Sec_Fetch_Dest="document").status == 404
    assert running.get("/nowhere.js", port=port, Accept="*/*").status == 404


def test_a_miss_offers_the_other_dates(running: Running) -> None:
    """The page for what is missing has the choice of snapshots, and leads back to the same page."""
    page = running.get("/february.html", port=running.port_of(SITE), Accept="text/html")
    assert page.status == 404
    assert 'action="/-/as-of"' in page.text
    assert FEBRUARY in page.text
    assert "It is in the state of 2026-02-01 12:00 UTC" in page.text
    link = re.search(r'href="(/-/as-of[^"]*)">Read it there', page.text)
    assert link is not None
    led = running.get(unescape(link[1]), port=running.port_of(SITE))
    assert led.headers["location"] == f"http://127.0.0.1:{running.port_of(SITE)}/february.html"
    nowhere = running.get("/nowhere.html", port=running.port_of(SITE), Accept="text/html").text
    assert "It is in the state of" not in nowhere
    assert 'action="/-/as-of"' in nowhere
    led = _as_of(running, FEBRUARY, f"{SITE}/february.html", port=running.port_of(SITE)).headers["location"]
    assert led == f"http://127.0.0.1:{running.port_of(SITE)}/february.html"


def test_a_bundle_has_one_date_and_says_so(root: Path, tmp_path: Path) -> None:
    """No choice is offered; any date asked for gets the only state, which is the first and the last."""
    path = tmp_path / "small.tar"
    build_bundle(
        open_archive(root), "small", snapshot=None, output=path, platforms=[], progress=NullProgress()
    )
    with serving(path) as running:
        assert "/-/as-of" not in running.get("/").text
        answer = running.get("/", port=running.port_of(SITE), Accept_Datetime="Mon, 01 Jan 2001 00:00:00 GMT")
        assert "as of March" in answer.text
        memento = next(link for link in _links(answer.headers["link"]) if "memento" in link.relations)
        assert memento.relations == ("first", "last", "memento")
        assert _get(running, memento.target).status == 200


def test_a_new_snapshot_is_read_without_a_restart_and_no_request_fails(tmp_path: Path) -> None:
    """Readers who never stop get the old state, then the new one; pruning in between takes nothing from them."""
    made = ArchiveBuilder(tmp_path)
    _snapshot(made, JANUARY, "January")
    with serving(tmp_path) as running:
        port = running.port_of(SITE)
        ended, failures = threading.Event(), []

        def read() -> None:
            while not ended.is_set():
                for path in ("/", "/-/o/https/cdn.example.net/s.css"):
                    answer = running.get(path, port=port)
                    if answer.status != 200:
                        failures.append((path, answer.status, answer.text))
                if running.get("/-/bundle.json").status != 200:
                    failures.append(("contents", 0, ""))

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        _snapshot(made, FEBRUARY, "February")
        prune(made.archive)
        _until(lambda: "as of February" in running.get("/", port=port).text)
        _snapshot(made, MARCH, "March")
        made.paths.record(JANUARY).unlink()
        prune(made.archive)
        _until(lambda: "as of March" in running.get("/", port=port).text)
        ended.set()
        for reader in readers:
            reader.join(PATIENCE)
        assert failures == []
        assert running.log == []
        assert json.loads(running.get("/-/bundle.json").body)["snapshot"] == MARCH
        assert JANUARY not in running.get("/").text, "what was removed is not offered any more"


def test_the_keepers_program_makes_a_new_snapshot_searchable(tmp_path: Path) -> None:
    """It builds the index of a snapshot that came in while it serves, before it goes over to it."""
    made = ArchiveBuilder(tmp_path / "archives")
    _snapshot(made, JANUARY, "January")
    with Console(tmp_path).serving(made.archive.root) as server:
        assert json.loads(server.get("/-/search.json?q=January"))["total"] > 0
        assert json.loads(server.get("/-/search.json?q=February"))["total"] == 0
        _snapshot(made, FEBRUARY, "February")
        _until(lambda: json.loads(server.get("/-/bundle.json"))["snapshot"] == FEBRUARY)
        assert json.loads(server.get("/-/search.json?q=February"))["total"] > 0


def test_an_archive_is_served_while_it_is_renewed(tmp_path: Path) -> None:
    """The whole program: crawled, served, changed, gone in part and crawled again; every state says what it is."""
    console = Console(tmp_path, HASTY)
    answers = {
        "/robots.txt": Reply(status=404),
        "/docs/": page_of("/docs/old.html", "/docs/broken", "/elsewhere.html", text="first state"),
        "/docs/old.html": page_of(text="an old page"),
        "/docs/broken": Reply(status=500),
    }
    with live(answers) as site:
        spec = console.write(
            "spec.yaml", f"project: demo\ndocs:\n- name: docs\n  seeds: [{site.url('/docs/')}]\n"
        )
        console.run("archive", spec)
        with console.serving(tmp_path / "archives") as server:
            base = server.docs("docs")
            assert b"first state" in fetch(f"{base}/")
            reasons = {
                path: _reason(f"{base.removesuffix('/docs')}{path}")
                for path in ("/docs/broken", "/elsewhere.html")
            }
            assert reasons == {"/docs/broken": "failed", "/elsewhere.html": "out-of-scope"}
            site.answers["/docs/"] = page_of("/docs/old.html", text="second state")
            console.run("archive", spec)
            _until(lambda: b"second state" in fetch(f"{base}/"))
            listed = json.loads(server.get(f"/-/timemap/json/{site.url('/docs/')}"))["mementos"]["list"]
            assert [b"first" in fetch(one["uri"]) for one in listed] == [True, False]


def _reason(url: str) -> str:
    with pytest.raises(HTTPError) as missed:
        fetch(url)
    with missed.value as answer:
        return str(answer.headers["X-Archive-Miss"])


def test_a_new_snapshot_that_is_damaged_leaves_the_one_before(tmp_path: Path) -> None:
    """The log says once what is wrong; readers notice nothing, and the next good one is taken."""
    made = ArchiveBuilder(tmp_path)
    _snapshot(made, JANUARY, "January")
    with serving(tmp_path) as running:
        port = running.port_of(SITE)
        _snapshot(made, FEBRUARY, "February")
        set_good(made.paths, JANUARY)
        made.paths.captures(FEBRUARY).write_bytes(b"damaged")
        set_good(made.paths, FEBRUARY)
        _until(lambda: running.get("/", port=port).status == 200 and running.log)
        assert "as of January" in running.get("/", port=port).text
        _snapshot(made, MARCH, "March")
        _until(lambda: "as of March" in running.get("/", port=port).text)
        assert len(running.log) == 1
        chosen = running.get("/", port=port, Cookie=f"archiver-snapshot-small={FEBRUARY}")
        assert "as of March" in chosen.text, "what cannot be read is not read"


def test_a_new_origin_is_reached_below_another(tmp_path: Path) -> None:
    """It has no port until a restart, but its pages answer, and links to them lead there."""
    made = ArchiveBuilder(tmp_path)
    made.page(f"{SITE}/", html("Home", "first"), timestamp="20260101120001")
    made.finish(JANUARY)
    with serving(tmp_path) as running:
        port = running.port_of(SITE)
        made.captures.clear()
        made.page(f"{SITE}/", html("Home", "second", f'<a href="{OTHER}/">api</a>'))
        made.page(f"{OTHER}/", html("API", "new here"))
        made.finish(FEBRUARY)
        _until(lambda: "second" in running.get("/", port=port).text)
        assert f"http://127.0.0.1:{port}/-/o/https/api.example.org/" in running.get("/", port=port).text
        assert "new here" in running.get("/-/o/https/api.example.org/", port=port).text
        found = json.loads(running.get("/-/lookup.json?url=https://api.example.org/").body)
        assert found["address"] == f"http://127.0.0.1:{port}/-/o/https/api.example.org/"


def test_a_reader_chooses_a_date_without_any_script(running: Running, tmp_path: Path) -> None:
    """In Chromium: the form on the landing page, then pages of all origins; on a miss the form leads to the page itself."""
    need("chromium")
    with browser(tmp_path) as chromium, chromium.tab() as tab:
        tab.block("*.js*")
        tab.go(running.served.url)
        tab.evaluate(f"document.querySelector('form[action$=\"/-/as-of\"] select').value = {JANUARY!r}")
        tab.click('form[action$="/-/as-of"] button')
        tab.wait("document.body.innerText.includes('2026-01-01 12:00 UTC')")
        for origin, text in ((SITE, "as of January"), (OTHER, "api of January")):
            tab.go(f"http://127.0.0.1:{running.port_of(origin)}/")
            assert text in tab.evaluate("document.body.innerText")
        tab.go(f"http://127.0.0.1:{running.port_of(SITE)}/march.html")
        tab.evaluate("document.querySelector('form[action$=\"/-/as-of\"] select').value = ''")
        tab.click('form[action$="/-/as-of"] button')
        tab.wait("document.body.innerText.includes('only March')")
        assert tab.visit.hosts == {"127.0.0.1"}


def test_a_choice_reaches_every_name_below_localhost(running: Running, tmp_path: Path) -> None:
    """In Chromium, where hosts share no cookie: after choosing once, each of them has the date."""
    need("chromium")
    names = {"*.localhost": "127.0.0.1"}
    with browser(tmp_path, names=names) as chromium, chromium.tab() as tab:
        base = f"docs-example-org.localhost:{running.port}"
        tab.go(f"http://{base}/january.html")
        tab.evaluate(f"document.querySelector('form[action$=\"/-/as-of\"] select').value = {JANUARY!r}")
        tab.click('form[action$="/-/as-of"] button')
        tab.wait("document.body.innerText.includes('only January')")
        tab.go(f"http://api-example-org.localhost:{running.port}/")
        assert "api of January" in tab.evaluate("document.body.innerText")


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "never came true"
