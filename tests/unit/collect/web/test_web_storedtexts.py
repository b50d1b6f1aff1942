"""Reading the texts of archived pages back."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from archiver.collect.web import storedtexts
from archiver.collect.web.fetch import Exchange
from archiver.collect.web.payloads import PayloadReader
from archiver.collect.web.storedtexts import MOST_TEXT, StoredTexts
from archiver.collect.web.warc import WarcOutput
from archiver.core.capture import PAGE, Capture
from archiver.core.errors import SizeMismatch
from archiver.store.locator import open_locator
from archiver.store.paths import create_archive
from servers.prose import prose

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.paths import ProjectPaths

URL = "https://docs.example.org/docs/a"
TEXT = prose("cluster", "a")
PAGE_BODY = f"<title>A</title><nav>Menu</nav><main><p>{TEXT}</main>".encode()


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


def _archived(
    paths: ProjectPaths,
    body: bytes,
    *headers: tuple[str, str],
    mime: str = "text/html",
    truncated: bool = False,
) -> Capture:
    """Write the record of a page, as a crawl does; return its capture."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    exchange = Exchange(
        url=URL,
        moment=datetime(2026, 1, 5, 3, 0, 1, tzinfo=timezone.utc),
        request_headers=(),
        version="HTTP/1.1",
        status=200,
        reason="OK",
        headers=(("Content-Type", mime), *headers),
        body=io.BytesIO(body),
        size=len(body),
        digest=digest,
        truncated=truncated,
    )
    with closing(WarcOutput(paths.warc, "20260105T030000Z-docs", {})) as output:
        at = output.write(exchange)
        output.sync()
    with closing(open_locator(paths)) as locator:
        locator.add([at])
    return Capture(URL, "20260105030001", mime, "200", digest, "docs", PAGE, at.id, text="1000")


def _text(paths: ProjectPaths, capture: Capture) -> str | None:
    with StoredTexts(paths) as texts:
        return texts.text_of(capture)


def test_the_main_text_is_read_back(paths: ProjectPaths) -> None:
    """What is around it does not come along; a revisit's is that of the record that it refers to."""
    capture = _archived(paths, PAGE_BODY)
    assert _text(paths, capture) == TEXT
    assert _text(paths, replace(capture, record="<urn:uuid:none>", original=capture.record)) == TEXT


def test_codings_are_undone(paths: ProjectPaths) -> None:
    """A page that came compressed, in an encoding of its own."""
    body = gzip.compress("<meta charset=gb18030><p>集群节点".encode("gb18030"))
    capture = _archived(paths, body, ("Content-Encoding", "gzip"))
    assert _text(paths, capture) == "集群节点"


def test_only_the_beginning_is_read(paths: ProjectPaths) -> None:
    """Of a page that unpacks to a hundred megabytes a bounded piece is looked at."""
    body = gzip.compress(b"<main>" + b"many words " * (10 << 20))
    text = _text(paths, _archived(paths, body, ("Content-Encoding", "gzip")))
    assert text is not None
    assert len(text) == MOST_TEXT


def test_what_is_no_html_is_not_read(paths: ProjectPaths) -> None:
    """A PDF has no text here."""
    assert _text(paths, _archived(paths, b"%PDF-1.7", mime="application/pdf")) is None


def test_what_cannot_be_relied_on_is_not_read(paths: ProjectPaths) -> None:
    """A record that is not there, that has other content, or that was cut when it came."""
    capture = _archived(paths, PAGE_BODY)
    assert _text(paths, replace(capture, record="<urn:uuid:none>")) is None
    assert _text(paths, replace(capture, digest="sha256:other")) is None
    assert _text(paths, _archived(paths, PAGE_BODY + b" ", truncated=True)) is None


@pytest.mark.parametrize("damage", ["flipped", "cut", "unsized", "missing"])
def test_a_damaged_file_is_not_read(paths: ProjectPaths, damage: str) -> None:
    """One flipped byte, a file that ends too early, a record without its length, no file at all."""
    capture = _archived(paths, PAGE_BODY)
    path = next(paths.warc.iterdir())
    with closing(open_locator(paths)) as locator:
        at = locator.get(capture.record)
    assert at is not None
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[at.offset + at.length - 20] ^= 0xFF
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(data[: at.offset + at.length // 2])
    elif damage == "unsized":
        record = gzip.decompress(data[at.offset : at.offset + at.length])
        member = gzip.compress(re.sub(rb"Content-Length: \d+\r\n", b"", record, count=1))
        path.write_bytes(member)
        with closing(open_locator(paths)) as locator:
            locator.add([replace(at, offset=0, length=len(member), pair_length=len(member))])
    else:
        path.unlink()
    assert _text(paths, capture) is None


def test_an_unreasonably_long_record_is_not_read(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor unpacked to see what it has."""
    capture = _archived(paths, PAGE_BODY)
    monkeypatch.setattr(storedtexts, "_LONGEST", 500)
    assert _text(paths, capture) is None
    with closing(open_locator(paths)) as locator, pytest.raises(SizeMismatch, match="bytes"):
        PayloadReader(paths.warc, locator).read(capture.record, 500)


def test_nothing_is_opened_before_something_is_read(paths: ProjectPaths) -> None:
    """A run in which nothing is to be compared does not touch the map of records."""
    with StoredTexts(paths):
        pass
    assert not paths.locator.exists()
