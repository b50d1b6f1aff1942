from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from archiver.collect.web.documents.html import read_html
from archiver.collect.web.documents.scripts import read_script

if TYPE_CHECKING:
    from archiver.collect.web.documents.document import Links

SITE = "http://x.org/docs"


def _page(html: str, name: str = "guide/page.html") -> Links:
    return read_html(html.encode(), f"{SITE}/{name}", "text/html; charset=utf-8").links


def test_rustdoc_says_what_it_loads_in_a_meta_element() -> None:
    """Scripts for search and settings, the index and themes; buttons lead to the settings and help pages."""
    links = _page(
        '<meta name="rustdoc-vars" data-root-path="../" data-static-root-path="../static.files/" '
        'data-themes="dusk,dawn" data-resource-suffix="-1" data-search-js="search-6.js" '
        'data-stringdex-js="stringdex-b.js" data-settings-js="settings-1.js">'
    )
    assert links.guessed_requisites == tuple(
        f"{SITE}/{name}"
        for name in ("static.files/search-6.js", "static.files/stringdex-b.js", "static.files/settings-1.js",
                     "search.index/root-1.js", "dusk-1.css", "dawn-1.css")
    )  # fmt: skip
    assert links.guessed_pages == (f"{SITE}/settings.html", f"{SITE}/help.html")
    assert not links.requisites


def test_older_rustdoc_has_one_search_index() -> None:
    """Before the index was cut into pieces it was one file at the root."""
    links = _page(
        '<meta name="rustdoc-vars" data-root-path="../" data-search-js="s.js" data-static-root-path="../f/">'
    )
    assert links.guessed_requisites == (f"{SITE}/f/s.js", f"{SITE}/search-index.js", f"{SITE}/crates.js")


def test_rustdoc_of_2022_says_it_on_a_div() -> None:
    """Where no attribute names the scripts, they have fixed names at the root, with what themes and suffix add."""
    links = _page(
        '<div id="rustdoc-vars" data-root-path="../" data-current-crate="lantern" data-themes="ayu" '
        'data-resource-suffix="1.63" data-rustdoc-version="1.63.0" ></div>'
    )
    names = (
        "settings1.63.css",
        "search-index1.63.js",
        "crates1.63.js",
        "search1.63.js",
        "settings1.63.js",
        "ayu1.63.css",
    )
    assert links.guessed_requisites == tuple(f"{SITE}/{name}" for name in names)
    assert links.guessed_pages == (f"{SITE}/settings.html", f"{SITE}/help.html")


def test_rustdoc_of_2021_names_its_index() -> None:
    """Where attributes name the scripts with their index, those are taken."""
    links = _page(
        '<div id="rustdoc-vars" data-root-path="../" data-search-index-js="../search-index1.5.js" '
        'data-search-js="../search1.5.js"></div>'
    )
    assert {f"{SITE}/search-index1.5.js", f"{SITE}/search1.5.js"} <= set(links.guessed_requisites)


def test_rustdocs_index_names_its_parts() -> None:
    """The root of the index is read as such where it lies in the folder of the index."""
    root = """rr_('{"crateNames":{"N":"a","E":"OjAAAAAAAAA=","H":"jsGwSv/J"}}')"""
    part = f"{SITE}/search.index/crateNames/8ec1b04affc9.js"
    assert read_script(root, f"{SITE}/search.index/root-1.js").links.requisites == (part,)
    assert read_script(root, f"{SITE}/other/root.js").links.requisites == ()


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (
            {
                "base": "..",
                "search": "../assets/w/s.min.js",
                "features": ["navigation.instant"],
                "version": {"a": 1},
            },
            ["assets/w/s.min.js", "search/search_index.json", "sitemap.xml", "../versions.json"],
        ),
        ({"base": "../", "features": []}, ["search/search_index.json"]),
        ({"base": 5}, []),
        ([], []),
    ],
)
def test_mkdocs_material_says_what_it_loads_in_its_configuration(config: object, names: list[str]) -> None:
    """The search worker, its index, and, where the theme is set up so, the sitemap and the list of versions."""
    links = _page(f'<script id="__config" type="application/json">{json.dumps(config)}</script>')
    expected = {f"{SITE}/{name}".replace("/docs/..", "") for name in names}
    assert set(links.guessed_requisites) == expected


def test_mdbook_says_where_its_search_index_is() -> None:
    """Newer books name the file; of older ones only the root is known."""
    new = (
        '<script>const path_to_root = "../"; window.path_to_searchindex_js = "../searchindex-7.js";</script>'
    )
    assert _page(new).guessed_requisites == (f"{SITE}/searchindex-7.js",)
    old = '<script>var path_to_root = "../";</script>'
    assert _page(old).guessed_requisites == (f"{SITE}/searchindex.js", f"{SITE}/searchindex.json")


def test_docusaurus_has_a_search_index_for_each_version() -> None:
    """The page of an older version names it, and its folder has the index."""
    meta = '<meta data-rh="true" name="docusaurus_version" content="1.0">'
    assert _page(meta, "1.0/guide/").guessed_requisites == (f"{SITE}/1.0/search-index.json",)
    assert _page(meta, "guide/").guessed_requisites == ()


def test_vitepress_loads_another_chunk_on_navigation() -> None:
    """The page names the chunk of its first display; the other has the same name but for a word."""
    links = _page('<link rel="modulepreload" href="/assets/guide_a.md.DaEj.lean.js">')
    assert links.requisites == ("http://x.org/assets/guide_a.md.DaEj.lean.js",)
    assert links.guessed_requisites == ("http://x.org/assets/guide_a.md.DaEj.js",)
