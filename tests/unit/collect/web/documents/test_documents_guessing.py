from __future__ import annotations

import pytest

from archiver.collect.web.documents.guessing import is_asset, is_page, is_rooted, places, site_folder


@pytest.mark.parametrize(
    "string",
    ["a.js", "/a/b.css", "../a.png?x=1#y", "https://x.org/a.woff2", "//x.org/a.JSON", "assets/@local.Ct4m.js",
     "app/(docs)/[slug]-1.js", "a/b%20c.svg"],
)  # fmt: skip
def test_names_of_files_look_like_references(string: str) -> None:
    """A path or URL that ends like a file of a site is one."""
    assert is_asset(string)


@pytest.mark.parametrize(
    "string",
    ["", ".js", ".min.js", "a", "a.b", "a b.js", "/.js", "{a}.js", "a/*.js", "text/css", "a.js b", "@site/a.js",
     "~/a.css", "node_modules/a/b.js", "a.woff2,b.woff2", "http://x.js", "a" * 500 + ".js", "jquery.fn.json()"],
)  # fmt: skip
def test_other_strings_do_not(string: str) -> None:
    """Endings, patterns, prose, media types, hosts and a bundler's names of modules are no references."""
    assert not is_asset(string)


def test_pages_and_paths_are_told_by_their_form() -> None:
    """Pages are known by their endings, and a path from the root is one whatever it ends with."""
    assert is_page("guide/a.html#x")
    assert is_page("../a.htm?x")
    assert not is_page("guide/a")
    assert is_rooted("/docs/intro")
    assert is_rooted("https://x.org/docs/a?b=c")
    assert not is_rooted("docs/intro")
    assert not is_rooted("//")
    assert not is_rooted("/docs/:id")
    assert not is_rooted("/a b")
    assert not is_rooted("/*")


@pytest.mark.parametrize(
    ("reference", "path", "meant"),
    [
        ("/a.js", "/x/y.js", ["/a.js"]),
        ("./a.js", "/x/y.js", ["./a.js"]),
        ("../a.js", "/x/y.js", ["../a.js"]),
        ("https://x.org/a.js", "/x/y.js", ["https://x.org/a.js"]),
        ("assets/a.js", "/docs/assets/js/main.js", ["/docs/assets/a.js"]),
        ("js/a.js", "/docs/js/js/main.js", ["/docs/js/js/a.js"]),
        ("search/index.json", "/docs/assets/javascripts/bundle.js", ["/docs/search/index.json"]),
        ("searchindex.js", "/docs/_static/searchtools.js", ["/docs/searchindex.js", "./searchindex.js"]),
        ("a.json", "/a.js", ["/a.json", "./a.json"]),
    ],
)
def test_a_reference_in_a_file_is_tried_where_it_may_be_meant(
    reference: str, path: str, meant: list[str]
) -> None:
    """One that shares a folder with the file's path is relative to that; else to the site, or to the file."""
    assert list(places(reference, path)) == meant


def test_a_sites_folder_is_above_its_static_folders() -> None:
    """The first folder that is usual for scripts and pictures ends the site's own path."""
    assert site_folder("/docs/v1/assets/js/a.js") == "/docs/v1/"
    assert site_folder("/docs/search/search_index.json") == "/docs/"
    assert site_folder("/docs/a.js") == "/docs/"
    assert site_folder("/a.js") == "/"
