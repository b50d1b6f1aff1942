"""One crawl in the test's own process, as a run makes it."""

from __future__ import annotations

import atexit
import threading
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

from archiver.collect.web.crawl import CrawlOutcome, crawl
from archiver.collect.web.documents.pool import DocumentPool
from archiver.collect.web.fetch import FetchSettings
from archiver.collect.web.frontier import RunState
from archiver.core.progress import NullProgress
from archiver.spec.model import DocSite
from judges.warcs import judge_warcs

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.store.paths import ProjectPaths
    from servers.site import Site

FIRST, SECOND = "20261123T004400Z", "20261124T004400Z"
AGENT = "archiver/0 (+mailto:keeper@example.org)"
IMPATIENT = FetchSettings(backoff=0.001, longest_wait=0.01, connect_timeout=5, read_timeout=5)


class Notes(NullProgress):
    """Keeps what people are told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, message: str) -> None:
        """Keep a remark."""
        self.notes.append(message)

    def warn(self, message: str) -> None:
        """Keep a warning."""
        self.warnings.append(message)


def doc_site(site: Site, seed: str = "/docs/", **values: object) -> DocSite:
    """Return a spec for a site, without sitemaps unless it names some."""
    return DocSite.model_validate({"seeds": (site.url(seed),), "sitemaps": (), **values})


def crawl_site(
    paths: ProjectPaths,
    spec: DocSite,
    *,
    snapshot: str = FIRST,
    previous: tuple[Capture, ...] = (),
    stop: threading.Event | None = None,
    settings: FetchSettings = IMPATIENT,
    progress: NullProgress | None = None,
    documents: DocumentPool | None = None,
    **more: Any,
) -> CrawlOutcome:
    """Crawl a site, or go on where an earlier call for the same snapshot was ended."""
    with closing(RunState(paths.state)) as state:
        if state.unfinished != snapshot:
            state.begin(snapshot, "")
        return crawl(
            spec,
            paths=paths,
            snapshot=snapshot,
            state=state,
            user_agent=AGENT,
            previous={capture.url: capture for capture in previous},
            progress=progress or NullProgress(),
            stop=stop or threading.Event(),
            settings=settings,
            documents=documents or document_pool(),
            **more,
        )


def crawled(paths: ProjectPaths, spec: DocSite, **how: Any) -> CrawlOutcome:
    """Crawl as ``crawl_site`` does, and judge the WARC files that come of it."""
    outcome = crawl_site(paths, spec, **how)
    if paths.warc.is_dir():
        judge_warcs(paths.warc)
    return outcome


@cache
def document_pool() -> DocumentPool:
    """Return one pool for all tests: starting a process takes longer than most of them."""
    pool = DocumentPool()
    atexit.register(pool.close)
    return pool
