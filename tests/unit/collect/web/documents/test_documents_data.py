from __future__ import annotations

import json

import pytest

from archiver.collect.web.documents.data import read_data, read_manifest
from archiver.collect.web.documents.document import Links
from archiver.collect.web.documents.read import read_document
from archiver.collect.web.documents.references import MOST_GUESSED

SITE = "http://x.org/docs"


def _links(value: object, name: str = "search/search_index.json") -> Links:
    return read_data(json.dumps(value), f"{SITE}/{name}").links


@pytest.mark.parametrize(
    ("index", "pages"),
    [
        ({"docs": [{"location": "", "title": "a/b"}, {"location": "guide/#x"}, {"location": "b.html#y"}]},
         ["guide/", "b.html"]),
        ([{"ref": "/docs/a/", "title": "/not/one"}], ["a/"]),
        ({"documents": [{"i": 1, "t": "Install", "u": "/docs/install", "b": ["Guide"]}]}, ["install"]),
        ([{"href": "/docs/a", "content": "/docs/no"}, {"uri": "http://x.org/docs/b"}], ["a", "b"]),
        ({"a": {"b": [{"permalink": "/docs/c/"}]}}, ["c/"]),
        ({"url": "https://other.example.org/docs/d"}, []),
        ({"path": "guide/", "url": "/docs/*", "to": "mailto:a@x.org"}, []),
    ],
)  # fmt: skip
def test_the_pages_of_a_search_index_are_guessed(index: object, pages: list[str]) -> None:
    """What stands under the keys that search indexes use is a page, relative to the site and not to the index."""
    assert _links(index).guessed_pages == tuple(f"{SITE}/{page}" for page in pages)


def test_the_files_that_data_names_are_guessed() -> None:
    """Wherever a path that ends like a file of a site stands, it is tried where it may be meant."""
    links = _links({"logo": "img/a.png", "x": ["/b.css", "Node", "text/css"]}, "assets/theme.json")
    assert links.guessed_requisites == (f"{SITE}/img/a.png", "http://x.org/b.css")


def test_escapes_are_undone() -> None:
    """JSON that escapes its slashes and letters names the same."""
    text = r'{"url": "\/docs\/\u0061", "x": "\ud800.js", "bad": "\q/a.png"}'
    assert read_data(text, f"{SITE}/a.json").links == Links(guessed_pages=(f"{SITE}/a",))


def test_material_names_its_languages_in_its_index() -> None:
    """The search worker of MkDocs Material loads a file for each language of the index."""
    index = {"config": {"lang": ["en", "de", "ja"], "separator": "x"}, "docs": []}
    folder = f"{SITE}/assets/javascripts/lunr"
    assert _links(index).guessed_requisites == tuple(
        f"{folder}/{name}"
        for name in ("min/lunr.stemmer.support.min.js", "min/lunr.multi.min.js", "min/lunr.de.min.js",
                     "min/lunr.ja.min.js", "tinyseg.js")
    )  # fmt: skip
    assert _links(index, "data.json").guessed_requisites == ()
    assert _links({"config": {"lang": ["en"]}}).guessed_requisites == ()


def test_guesses_are_bounded() -> None:
    """Data that names endless files leads to no endless requests."""
    assert (
        len(_links([f"/docs/{number}.png" for number in range(MOST_GUESSED + 5)]).guessed_requisites)
        == MOST_GUESSED
    )


@pytest.mark.parametrize("piece", ['"', '"a":', '["', '"\\', '{"url": "/a', '"/a/', "[" * 5, '"url": "/a", '])
def test_hostile_data_takes_no_more_than_linear_time(piece: str) -> None:
    """Half a megabyte that is never closed, or nested as deep, is read at once."""
    read_data(piece * (500_000 // len(piece)), f"{SITE}/a.json")


def test_a_web_app_manifest_shows_icons_and_starts_at_a_page() -> None:
    """Icons and screenshots are needed; the start and the shortcuts are pages; all relative to the manifest."""
    manifest = {
        "start_url": "../?source=pwa",
        "icons": [{"src": "i.png", "sizes": "48x48"}, {"src": "/j.svg"}, {"src": 5}, "k.png"],
        "screenshots": [{"src": "s.webp"}],
        "shortcuts": [{"url": "/docs/new", "icons": [{"src": "n.png"}]}, 5],
    }
    links = read_manifest(json.dumps(manifest), f"{SITE}/app/site.webmanifest").links
    assert links.pages == (f"{SITE}/?source=pwa", f"{SITE}/new")
    assert links.requisites == (
        f"{SITE}/app/i.png",
        "http://x.org/j.svg",
        f"{SITE}/app/s.webp",
        f"{SITE}/app/n.png",
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "5", '{"icons": 5, "shortcuts": {"a": 1}, "start_url": null}', "[" * 100_000]
)
def test_what_is_no_manifest_says_nothing(text: str) -> None:
    """Other JSON, and what is none, gives no links and no error."""
    assert read_manifest(text, f"{SITE}/a.webmanifest").links == Links()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.webmanifest", "application/manifest+json"),
        ("site.webmanifest", "application/octet-stream"),
        ("manifest.json", "application/json"),
        ("app.manifest.json?v=1", "text/plain"),
        ("anything", "application/manifest+json; charset=utf-8"),
    ],
)
def test_a_manifest_is_known_by_its_type_or_name(name: str, kind: str) -> None:
    """Servers send manifests as JSON, or as nothing in particular."""
    links = read_document(b'{"icons": [{"src": "i.png"}]}', f"{SITE}/{name}", kind).links
    assert links == Links(requisites=(f"{SITE}/i.png",))


def test_json_is_read_whatever_its_type_is_called() -> None:
    """Every type that ends in +json is JSON."""
    for kind in ("application/json", "text/json", "application/vnd.x+json"):
        assert read_document(b'["/docs/a.png"]', f"{SITE}/a", kind).links.guessed_requisites == (
            f"{SITE}/a.png",
        )
