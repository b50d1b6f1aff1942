from __future__ import annotations

import json
import time

import pytest

from archiver.collect.web.documents.document import NOTHING, Links
from archiver.collect.web.documents.html import read_html
from archiver.collect.web.documents.read import read_document
from archiver.collect.web.documents.scripts import read_script

SITE = "http://x.org/docs"
URL = f"{SITE}/assets/js/main.js"
PAGE = f"{SITE}/guide/page.html"


def _links(script: str) -> Links:
    return read_script(script, URL).links


def _inline(script: str, attributes: str = "") -> Links:
    return read_html(
        f"<script{attributes}>{script}</script>".encode(), PAGE, "text/html; charset=utf-8"
    ).links


@pytest.mark.parametrize(
    "script",
    [
        'import a from "./r.js"',
        'import{a as b}from"./r.js"',
        'import"./r.js"',
        'import * as a from "/docs/assets/js/r.js"',
        'export{a}from"./r.js";export*from"./r.js"',
        'import("./r.js")',
        "const a = () => import(`./r.js`)",
        'import(/* webpackChunkName: "a" */ "./r.js")',
        'importScripts("./r.js")',
        'importScripts("r.js")',
        'new URL("r.js", import.meta.url)',
        'new Worker(new URL("./r.js", import.meta.url), {type: "module"})',
        'new Worker("/docs/assets/js/r.js")',
        'fetch("/docs/assets/js/r.js")',
        'x.open("GET", "/docs/assets/js/r.js", true)',
        '$.getScript("http://x.org/docs/assets/js/r.js")',
        'img.src = "/docs/assets/js/r.js"',
        r'fetch("\/docs\/assets\/js\/r.js")',
        r'fetch("/docs/assets/js/\u0072.js")',
    ],
)
def test_what_a_script_loads_is_a_requisite(script: str) -> None:
    """Imports are relative to the script; what is loaded by a whole path needs no guess either."""
    assert _links(script) == Links(requisites=(f"{SITE}/assets/js/r.js",))


@pytest.mark.parametrize(
    ("script", "guesses"),
    [
        ('const deps = ["assets/chunks/a.js"]', ["/docs/assets/chunks/a.js"]),
        ('const picture = "/docs/assets/p.png"', ["/docs/assets/p.png"]),
        ('r.p + "assets/images/p.png"', ["/docs/assets/images/p.png"]),
        ("`${base}search/index.json`", ["/docs/search/index.json"]),
        ('base + "/versions.json"', ["/docs/versions.json"]),
        ('fetch("data.json")', ["/docs/data.json", "/docs/assets/js/data.json"]),
        ('x = "search-index{dir}.json?h=1"', ["/docs/search-index.json?h=1", "/docs/assets/js/search-index.json?h=1"]),
        ("""s = '{"logo": "/docs/img/' + 500""", []),
    ],
)  # fmt: skip
def test_what_looks_like_a_file_is_a_guess(script: str, guesses: list[str]) -> None:
    """Strings that no call says the base of are tried where they may be meant."""
    links = _links(script)
    assert links.guessed_requisites == tuple(f"http://x.org{guess}" for guess in guesses)
    assert not links.requisites


@pytest.mark.parametrize(
    "script",
    [
        '// import "./a.js"',
        '/* fetch("/a.js") */',
        '''const sample = "import a from './a.js'"''',
        "const sample = `<script src='/a.js'>`",
        'import a from "react"',
        'import("lodash/fp.js/x")',
        'name === "a.js"',
        'case "a.js":',
        'name.endsWith("x/a.js")',
        'navigator.serviceWorker.register("/sw.js")',
        'const map = {"./a.js": 12, "b/c.js": 13}',
        'const type = "text/css", event = "a.b", name = "@site/src/a.js"',
        'x = "https://other.example.org/a.js"',
        'x = "https://x.org:8080/a.js"',
    ],
)
def test_what_only_resembles_a_reference_is_none(script: str) -> None:
    """Comments, code samples, names of modules, comparisons, keys, service workers and other hosts give nothing."""
    assert _links(script) == Links()


@pytest.mark.parametrize(
    ("script", "pages"),
    [
        ('{path:"/docs/intro",component:f}', ["/docs/intro"]),
        ('{"href":"/docs/intro/"}', ["/docs/intro/"]),
        ('location.href = "/docs/intro"', ["/docs/intro"]),
        ('location.replace("/docs/intro")', ["/docs/intro"]),
        ('x = ["guide/a.html#b", "/docs/b.html"]', ["/docs/guide/a.html", "/docs/b.html"]),
        ('r.p + "assets/files/a.csv"', ["/docs/assets/files/a.csv"]),
        ('x = "/docs/intro"', []),
        ('{path:"/docs/:id"}', []),
        ('a.get("https://x.org/docs/" + x)', []),
    ],
)
def test_what_looks_like_a_page_is_a_guess(script: str, pages: list[str]) -> None:
    """Routes, menus and pages by their names are guessed pages; a path that leads nowhere is not."""
    assert _links(script).guessed_pages == tuple(f"http://x.org{page}" for page in pages)


def test_inline_scripts_are_relative_to_the_page() -> None:
    """In a page, what is loaded is known, and what looks like a file is guessed, by the page's base."""
    links = _inline('$.getJSON("_static/glossary.json", f); var x = "searchindex.js"; import("./m.js")')
    assert links.requisites == (f"{SITE}/guide/_static/glossary.json", f"{SITE}/guide/m.js")
    assert links.guessed_requisites == (f"{SITE}/guide/searchindex.js",)


@pytest.mark.parametrize(
    ("attributes", "script", "links"),
    [
        (' type="module"', 'import "./r.js"', Links(requisites=(f"{SITE}/guide/r.js",))),
        (' type="text/javascript"', 'fetch("r.json")', Links(requisites=(f"{SITE}/guide/r.json",))),
        (
            ' type="importmap"',
            '{"imports": {"a": "/r.js", "b/": "/b/"}, "scopes": {"/x/": {"c": "https://cdn.org/c.js"}}}',
            Links(requisites=("http://x.org/r.js", "https://cdn.org/c.js")),
        ),
        (' type="importmap"', '{"imports": ["a.js"]}', Links()),
        (' type="importmap"', "{", Links()),
        (
            ' type="application/json"',
            '{"logo": "/img/l.svg", "href": "/docs/b"}',
            Links(guessed_requisites=("http://x.org/img/l.svg",), guessed_pages=("http://x.org/docs/b",)),
        ),
        (
            ' type="speculationrules"',
            '{"prefetch": [{"urls": ["/docs/next"]}]}',
            Links(guessed_pages=("http://x.org/docs/next",)),
        ),
        (' type="application/ld+json"', '{"url": "/docs/b.html", "logo": "/a.png"}', Links()),
        (' type="text/template"', "<img src='a.png'>", Links()),
        (' src="r.js"', 'import "./no.js"', Links(requisites=(f"{SITE}/guide/r.js",))),
    ],
)
def test_the_type_of_a_script_element_decides(attributes: str, script: str, links: Links) -> None:
    """Scripts, modules, import maps and data are each read as what they are; what describes a page is not."""
    assert _inline(script, attributes) == links


def test_data_in_a_string_is_looked_into() -> None:
    """Search indexes and page data that come as one long string of JSON are read as JSON."""
    data = {"t": "x" * 600, "url": "/docs/a", "i": "assets/a.png"}
    links = _links(f"JSON.parse('{json.dumps(data)}')")
    assert links.guessed_pages == (f"{SITE}/a",)
    assert links.guessed_requisites == (f"{SITE}/assets/a.png",)


def test_chunks_that_a_runtime_names_are_requisites() -> None:
    """With a public path that is said they are known, wherever they are; with another they are guesses."""
    function = 'r.u=e=>"assets/js/"+{1:"a",2:"b"}[e]+".js"'
    assert _links(function + ',r.p="https://cdn.org/"').requisites == (
        "https://cdn.org/assets/js/a.js",
        "https://cdn.org/assets/js/b.js",
    )
    assert _links(function + ',r.p=""').guessed_requisites == (f"{URL[:-7]}a.js", f"{URL[:-7]}b.js")


def test_a_script_without_a_type_is_known_by_its_name() -> None:
    """Servers that do not know a type say octet-stream or text/plain; then the name decides."""
    body = b'import "./r.js"'
    for kind in (
        "text/javascript",
        "application/javascript; charset=utf-8",
        "application/octet-stream",
        "text/plain",
    ):
        assert read_document(body, f"{SITE}/a.mjs?v=1", kind).links.requisites == (f"{SITE}/r.js",)
    assert read_document(body, f"{SITE}/a.txt", "text/plain").links == Links()


def test_a_megabyte_of_script_takes_little_time() -> None:
    """A large bundle of ordinary code is read in well under a second."""
    code = 'function f(e,t){return e.a("use strict",/[a-z"]/g.test(t)?"x-y":`${e} b`)/2+e["c/d"]||"e.f"}\n'
    begun = time.process_time()
    _links(code * (1_000_000 // len(code)))
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "piece",
    ['"a/', "'./", '"./a.js",', 'import"./a.js";', "fetch('/a.js'//\n", '{"a.js":', '"/*a.js",', "`${'a.js'}", '"[{\\"a'],
)  # fmt: skip
def test_hostile_scripts_take_no_more_than_linear_time(piece: str) -> None:
    """Half a megabyte of beginnings and of references without end is read at once."""
    _links(piece * (500_000 // len(piece)))


def test_the_search_index_of_sphinx_is_not_looked_through() -> None:
    """It is megabytes of words; its documents are named without what makes a URL of a name."""
    index = (
        b'Search.setIndex({"docnames": ["guide/install"], "filenames": ["guide/install.rst", "img/a.png"]})'
    )
    assert read_document(index, "http://x.org/searchindex.js", "text/javascript") == NOTHING
