"""What URLs promise by their names."""

from __future__ import annotations

import pytest

from archiver.collect.filekinds import begins_like_page, promises_asset, promises_file, shows_file


@pytest.mark.parametrize("path", ["", "x", "x.html", "v1.0", "node.js", "x.tgz/", "x.zip/info"])
def test_other_names_promise_no_file(path: str) -> None:
    """Folders, versions, products called like a script, and pages below a file's name."""
    assert not promises_file(f"https://example.org/{path}")


def test_pages_may_be_named_after_the_file_that_they_show() -> None:
    """Those of wikis and forges are; files elsewhere are not shown but sent."""
    for path in (
        "wiki/File:Logo.png",
        "o/r/blob/main/x.png",
        "o/r/src/branch/main/logo.png",
        "o/r/-/tree/x.zip",
    ):
        assert promises_file(f"https://example.org/{path}")
        assert shows_file(f"https://example.org/{path}")
    assert not shows_file("https://example.org/files/x.tgz")


def test_style_sheets_scripts_and_fonts_are_assets() -> None:
    """What a page needs may be promised to be more than a file that a reader downloads."""
    for name in ("a.css", "a.js", "a.mjs?x", "a.woff2", "a.png"):
        assert promises_asset(f"https://example.org/{name}")
    assert not promises_asset("https://example.org/frame.html")


def test_pages_are_known_by_their_beginning() -> None:
    """A byte order mark, white space and case do not matter; archives and text do not begin like pages."""
    assert begins_like_page(b"\xef\xbb\xbf \r\n<!DOCTYPE HTML>")
    assert begins_like_page(b"<html lang=en>")
    for content in (
        b"",
        b"\x1f\x8b\x08\x00",
        b"PK\x03\x04",
        b"-----BEGIN PGP SIGNATURE-----",
        b"<?xml version",
    ):
        assert not begins_like_page(content)
