"""Documents that are being read while the crawl goes on: how many at a time, and what is learnt of them meanwhile."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.collect.web import coordinator
from archiver.collect.web.documents import pool
from archiver.collect.web.documents.document import AS_DOCUMENT
from archiver.collect.web.documents.pool import DocumentPool, Reading
from archiver.store.paths import ProjectPaths, create_archive
from servers.crawling import crawled, doc_site
from servers.site import Reply, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.web.documents.document import Document
    from archiver.core.errors import Unreadable


@pytest.fixture
def paths(tmp_path: Path) -> ProjectPaths:
    return create_archive(tmp_path / "archives").project("project")


class _Counting(DocumentPool):
    """Counts the documents that are read a second time, at the same time."""

    def __init__(self) -> None:
        super().__init__(1)
        self.met: set[str] = set()
        self.again: set[str] = set()
        self.most = self.all = 0

    def submit(self, reading: Reading) -> None:
        """Count a document and have it read."""
        if reading.url in self.met:
            self.again.add(reading.url)
            self.all += 1
            self.most = max(self.most, len(self.again))
        self.met.add(reading.url)
        super().submit(replace(reading, done=lambda result: self._done(reading, result)))

    def _done(self, reading: Reading, result: Document | Unreadable) -> None:
        self.again.discard(reading.url)
        reading.done(result)


def test_what_is_read_again_is_not_all_in_memory_at_once(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents that turn out to be pages are read back from the WARC as others are done, not a hundred at a time."""
    monkeypatch.setattr(coordinator, "_MOST_READING", 2)
    names = [f"{number}.html" for number in range(8)]
    head = "".join(f'<link rel="preload" href="{name}">' for name in names)
    answers = {f"/docs/{name}": html(f"deep-{name}") for name in names}
    answers |= {f"/docs/deep-{name}": html() for name in names}
    with serving(
        {**answers, "/docs/": html("list.html", head=head), "/docs/list.html": html(*names)}
    ) as site:
        counting = _Counting()
        try:
            outcome = crawled(paths, doc_site(site, connections=1), documents=counting)
        finally:
            counting.close()
    assert {capture.url.rpartition("/")[2] for capture in outcome.captures} >= {
        f"deep-{name}" for name in names
    }
    assert counting.all >= len(names) // 2  # the others were pages before they were asked for
    assert counting.most <= 2


class _Late(DocumentPool):
    """Reads one document only once the sitemap index was read that names it."""

    def __init__(self) -> None:
        super().__init__(1)
        self.held: list[Reading] = []
        self.forms: list[str] = []

    def submit(self, reading: Reading) -> None:
        """Have a document read, in the order that matters."""
        if reading.url.endswith("/map.xml"):
            self.forms.append(reading.form)
        if reading.url.endswith(("/map.xml", "/index.xml")) and len(self.forms) < 2:
            self.held.append(reading)
            if len(self.held) == 2:
                listing, listed = sorted(self.held, key=lambda each: each.form == AS_DOCUMENT)
                super().submit(replace(listing, done=lambda result: self._done(listing, listed, result)))
        else:
            super().submit(reading)

    def _done(self, listing: Reading, listed: Reading, result: Document | Unreadable) -> None:
        listing.done(result)
        super().submit(listed)


def test_what_turns_out_to_be_a_sitemap_while_it_is_read_is_read_as_one(paths: ProjectPaths) -> None:
    """A page links to a document that a sitemap index names before it is read: no page that it lists is lost."""
    with serving({"/docs/": html("map.xml"), "/docs/hidden.html": html()}) as site:
        names = site.url("/docs/map.xml"), site.url("/docs/hidden.html")
        site.answers["/docs/index.xml"] = Reply(
            f"<sitemapindex><sitemap><loc>{names[0]}</loc></sitemap></sitemapindex>".encode(), type="text/xml"
        )
        site.answers["/docs/map.xml"] = Reply(
            f"<urlset><url><loc>{names[1]}</loc></url></urlset>".encode(), type="text/xml"
        )
        late = _Late()
        try:
            outcome = crawled(paths, doc_site(site, sitemaps=[site.url("/docs/index.xml")]), documents=late)
        finally:
            late.close()
    assert late.forms == ["document", "sitemap"]
    assert names[1] in {capture.url for capture in outcome.captures}


def test_a_reader_that_cannot_be_started_again_at_once_is_started_later(
    paths: ProjectPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has no room for a process for a moment does not leave the crawl waiting for ever."""
    dying = "import os, sys; sys.stdin.buffer.read(8); os._exit(9)"
    reading = DocumentPool(1, command=[sys.executable, "-c", dying])
    reading.get_ready()
    refusals = [BlockingIOError("no more processes")]

    def start(_: object, **options: object) -> object:
        if refusals:
            raise refusals.pop()
        return real([sys.executable, "-m", "archiver.collect.web.documents.worker"], **options)

    real = subprocess.Popen
    monkeypatch.setattr(pool, "_NO_ROOM", 0.01)
    monkeypatch.setattr(pool.subprocess, "Popen", start)
    with serving({"/docs/": html("a"), "/docs/a": html()}) as site:
        try:
            outcome = crawled(paths, doc_site(site), documents=reading)
        finally:
            reading.close()
        assert [capture.url for capture in outcome.captures] == [site.url("/docs/"), site.url("/docs/a")]
    assert not refusals  # the first document, what the site sends for nothing, ended the process
