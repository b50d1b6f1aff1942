"""Which files of a host that only served requisites refer to something from its root."""

from __future__ import annotations

import pytest

from archiver.core.capture import Capture
from archiver.offline.rooted import rooted_pattern


def _capture(mime: str, url: str = "https://cdn.example.net/x", status: str = "200") -> Capture:
    return Capture(
        url, "20260301120000", mime, status, "sha256:" + "0" * 64, "docs", "requisite", "<urn:uuid:0>"
    )


@pytest.mark.parametrize(
    ("mime", "text"),
    [
        ("text/css", "a{background:url( '/x.png' )}"), ("text/css", '@import "/x.css";'), ("text/css", "i{content:image-set('/x.png' 1x)}"),
        ("text/javascript", 'import{a}from"/x.js"'), ("application/ecmascript", "import('/x.js')"), ("text/javascript", 'export*from"/x.js"'),
        ("text/javascript", 'new Worker(new URL("/w.js", import.meta.url))'), ("text/javascript", "importScripts('/x.js')"),
        ("image/svg+xml", '<use href="/sprite.svg#a"/>'), ("text/html", "<img srcset='/a.png 1x'>"), ("text/html", "<style>i{background:url(/a)}</style>"),
        ("application/manifest+json", '{"icons":[{"src":"/a.png"}]}'), ("application/manifest+json", r'{"start_url": "\/docs\/"}'),
    ],
)  # fmt: skip
def test_a_reference_from_the_root_is_seen(mime: str, text: str) -> None:
    """In styles, modules, workers, pages, pictures and manifests."""
    pattern = rooted_pattern(_capture(mime))
    assert pattern is not None
    assert pattern.search(text.encode())


@pytest.mark.parametrize(
    ("mime", "text"),
    [
        ("text/css", "a{background:url(x.png)}"), ("text/css", "a{background:url(//cdn.example.net/x.png)}"), ("text/javascript", 'fetch("/x.json")'),
        ("text/javascript", 'import"./x.js"'), ("text/html", '<a href="//cdn.example.net/">'), ("application/manifest+json", '{"src": "a.png"}'),
    ],
)  # fmt: skip
def test_other_references_are_none(mime: str, text: str) -> None:
    """Relative ones, those with a host, and what scripts ask for on behalf of a page."""
    pattern = rooted_pattern(_capture(mime))
    assert pattern is not None
    assert not pattern.search(text.encode())


def test_a_name_tells_what_its_media_type_does_not() -> None:
    """Styles and modules of servers that know no type for them; errors and pictures refer to nothing."""
    assert rooted_pattern(_capture("text/plain", "https://cdn.example.net/x.css?v=1"))
    assert rooted_pattern(_capture("application/octet-stream", "https://cdn.example.net/x.mjs"))
    assert rooted_pattern(_capture("text/css", status="404")) is None
    assert rooted_pattern(_capture("image/png")) is None
    assert rooted_pattern(_capture("application/json")) is None
