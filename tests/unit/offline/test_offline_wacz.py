"""Looking up captures in a WACZ in place, and reading its records."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import ArchiverError, ContentError, RecordCorrupt
from archiver.core.urlkey import surt_key
from archiver.offline.bundle import BundleHolding, open_bundle
from servers.handmade_bundle import GUIDE_PATH, SITE, Bundle, Docs, sample_docs

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.holdings import Site


def opened(docs: Docs, tmp_path: Path) -> BundleHolding:
    path = tmp_path / "bundle.tar"
    path.write_bytes(Bundle(docs=docs).pack())
    return open_bundle(path)


def site_of(docs: Docs, tmp_path: Path) -> Site:
    return opened(docs, tmp_path).sites[0]


def names(site: Site, path: str) -> list[str]:
    return [capture.timestamp for capture in site.captures(surt_key(SITE + path))]


def test_captures_of_a_key_that_spans_blocks(tmp_path: Path) -> None:
    """Equal keys over several index blocks are all found, in order, whatever the blocks' borders."""
    for size in (1, 2, 3, 7, 100):
        docs = Docs()
        docs.block_lines = size
        docs.response("before", "/a", b"1")
        for number in range(10):
            docs.response(f"same-{number}", "/same", str(number).encode(), time=f"202603011200{number:02}")
        docs.response("after", "/same-not", b"2")
        site = site_of(docs, tmp_path)
        assert names(site, "/same") == [f"202603011200{number:02}" for number in range(10)]
        assert len(names(site, "/a")) == len(names(site, "/same-not")) == 1
        assert names(site, "/") == names(site, "/b") == names(site, "/zz") == []
        assert len(list(site.all_captures())) == 12


def test_captures_have_the_originals_facts(tmp_path: Path) -> None:
    """A revisit shows as a capture of the original's media type, status and digest; originals alone do not show."""
    site = site_of(sample_docs(), tmp_path)
    by_url = {capture.url: capture for capture in site.all_captures()}
    assert sorted(by_url) == [f"{SITE}{path}" for path in ("/", "/copy", "/guide", "/old", "/style.css")]
    copy = by_url[f"{SITE}/copy"]
    assert (copy.mime, copy.status, copy.source) == ("text/html", "200", "guide")
    assert copy.digest == by_url[f"{SITE}/guide"].digest
    assert copy.original == by_url[f"{SITE}/guide"].record
    assert names(site, "/old") == ["20260301120009"]


def test_responses_are_read_and_checked(tmp_path: Path) -> None:
    """A page comes with its headers and its body; a large body comes in pieces."""
    docs = sample_docs()
    docs.response("large", "/large", bytes(range(256)) * 4000, mime="application/octet-stream")
    site = site_of(docs, tmp_path)
    (capture,) = site.captures(surt_key(f"{SITE}/large"))
    response = site.response(capture)
    with response.body as body:
        assert (response.status, response.reason) == (200, "OK")
        assert response.headers == (("Content-Type", "application/octet-stream"),)
        assert body.read(10) == bytes(range(10))
        assert len(body.read()) == 256 * 4000 - 10
        assert body.read() == b""


def test_revisits_have_the_originals_body(tmp_path: Path) -> None:
    """Identical payload: own headers, the original's body. Not modified: all of the original."""
    site = site_of(sample_docs(), tmp_path)
    (copy,) = site.captures(surt_key(f"{SITE}/copy"))
    response = site.response(copy)
    assert response.headers == (("X-Of", "copy"),)
    assert response.body.read().startswith(b"<title>guide")
    (old,) = site.captures(surt_key(f"{SITE}/old"))
    response = site.response(old)
    assert (response.status, response.headers) == (200, (("Content-Type", "text/html"),))
    assert response.body.read() == b"<title>old</title>"


def test_empty_body_is_read(tmp_path: Path) -> None:
    """A response without a payload is a response all the same."""
    docs = sample_docs()
    docs.response("empty", "/empty", b"", kind="requisite")
    site = site_of(docs, tmp_path)
    (capture,) = site.captures(surt_key(f"{SITE}/empty"))
    assert site.response(capture).body.read() == b""


def test_altered_body_fails_at_its_end(tmp_path: Path) -> None:
    """The last bytes of a body that is not what was captured are never handed out."""
    docs = sample_docs()
    plain = gzip.decompress(docs.records["home"])
    docs.records["home"] = gzip.compress(plain.replace(b"fox", b"cat"), mtime=0)
    site = site_of(docs, tmp_path)
    (capture,) = site.captures(surt_key(f"{SITE}/"))
    with pytest.raises(ContentError):
        site.response(capture).body.read()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"WARC/1.1", b"WARC/9.9"),
        (b"HTTP/1.1 200", b"HTTP/1.1 2x0"),
        (b"HTTP/1.1 200", b"SPDY/1.1 200"),
        (b"WARC-Type: response", b"WARC-Type: resource"),
        (b"WARC-Record-ID: <urn", b"WARC-Record-ID: <urm"),
        (b"WARC-Payload-Digest: sha256", b"WARC-Payload-Digest: sha512"),
        (b"WARC-Payload-Digest:", b"X-Payload-Digest:"),
        (b"Content-Length: ", b"Content-Length: 1"),
        (b"Content-Length: ", b"Content-Length: -"),
        (b"Content-Type: text/html\r\n\r\n", b"Content-Type: text/html\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * (2 << 20) + b"\r\n"),
        (b"WARC/1.1\r\n", b"WARC/1.1\r\nA: " + b"b" * (1 << 20) + b"\r\n"),
    ],
)
def test_records_that_are_not_what_the_index_names_are_refused(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    """Another type, identity or grammar, or a header block without end, is an error and not a response."""
    docs = sample_docs()
    plain = gzip.decompress(docs.records["home"])
    assert old in plain
    docs.records["home"] = gzip.compress(plain.replace(old, new, 1), mtime=0)
    site = site_of(docs, tmp_path)
    (capture,) = site.captures(surt_key(f"{SITE}/"))
    with pytest.raises((RecordCorrupt, ContentError)):
        site.response(capture).body.read()


def test_bomb_in_a_record_is_bounded(tmp_path: Path) -> None:
    """A member that unpacks to far more than its Content-Length is noticed at that length."""
    docs = sample_docs()
    docs.records["home"] = gzip.compress(gzip.decompress(docs.records["home"]) + bytes(100 << 20), mtime=0)
    site = site_of(docs, tmp_path)
    (capture,) = site.captures(surt_key(f"{SITE}/"))
    with pytest.raises(RecordCorrupt, match="end"):
        site.response(capture).body.read()


def test_capture_of_another_site_is_refused(tmp_path: Path) -> None:
    """Asking for a record that the index does not have is RecordCorrupt."""
    site = site_of(sample_docs(), tmp_path)
    other = Docs()
    other.response("other", "/", b"x")
    (tmp_path / "other").mkdir()
    (capture,) = site_of(other, tmp_path / "other").captures(surt_key(f"{SITE}/"))
    with pytest.raises(RecordCorrupt, match="no such record"):
        site.response(capture)


def test_damaged_index_block_is_an_error_where_it_is_needed(tmp_path: Path) -> None:
    """A damaged block does not keep the rest of the index from being read."""
    bundle = Bundle()
    data = bytearray(bundle.pack())
    start = data.find(bundle.members[GUIDE_PATH][:200])
    index = data.find(b"indexes/index.cdx.gz", start) + len("indexes/index.cdx.gz")
    data[index + 20] ^= 1
    path = tmp_path / "bundle.tar"
    path.write_bytes(data)
    site = open_bundle(path).sites[0]
    with pytest.raises(ArchiverError):
        site.captures(surt_key(f"{SITE}/"))
    assert len(site.captures(surt_key(f"{SITE}/style.css"))) == 1
