"""Much of everything: URLs that are queued cost no memory, and an archive goes on over many WARC files."""

from __future__ import annotations

import functools
import json
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from archiver.collect.web.warc import WarcOutput
from archiver.store.paths import create_archive
from judges.warcs import captured_urls, judge_warcs
from servers.crawling import FIRST, SECOND, crawled, doc_site
from servers.endless_list import PER_LIST, answer_lists
from servers.site import Reply, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console

pytestmark = pytest.mark.thorough

QUEUED = 100_000
ROLL_OVER = 20_000


def test_queued_urls_cost_no_memory(console: Console) -> None:
    """A hundred thousand URLs left in the queue at a limit: no process needs more than 150 MB.

    ``make bench-frontier`` queues ten times as many.
    """
    with serving({}) as site:
        lists = answer_lists(site, QUEUED)
        docs = [
            {
                "name": "docs",
                "seeds": [site.url("/docs/")],
                "sitemaps": "none",
                "limits": {"pages": lists + 1},
            }
        ]
        spec = console.write("sample.yaml", json.dumps({"project": "sample", "docs": docs}))
        outcome, megabytes = console.measured("archive", spec, "--json")
        assert outcome.code == 0, outcome.said
        assert sum("-title-" in target for target in site.targets()) == 0
    (record,) = (console.folder / "archives" / "sample" / "snapshots").glob("2*Z.json")
    (result,) = json.loads(record.read_text())["sites"]
    assert result["pages"] == lists + 1
    assert result["skipped"]["limit: pages"] == lists * PER_LIST
    assert megabytes < 150


def test_an_archive_goes_on_over_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file is begun when one is full; revisits refer to records in files of earlier runs."""
    monkeypatch.setattr(
        "archiver.collect.web.crawl.WarcOutput", functools.partial(WarcOutput, roll_over=ROLL_OVER)
    )
    paths = create_archive(tmp_path / "archives").project("project")
    chance = random.Random(1)
    pages = {
        f"/docs/{number}": html(f"{number + 1}", text=chance.randbytes(chance.randint(100, 4000)).hex())
        for number in range(60)
    }
    with serving({"/docs/": html("0"), **pages}) as site:
        first = crawled(paths, doc_site(site))
        site.answers["/docs/30"] = Reply(html("31", text="changed"))
        second = crawled(paths, doc_site(site), snapshot=SECOND, previous=first.captures)
    files = sorted(paths.warc.iterdir())
    assert sum(path.name.startswith(FIRST) for path in files) > 5
    assert max(path.stat().st_size for path in files) < ROLL_OVER + 10_000
    records = judge_warcs(paths.warc)
    assert Counter(url for url in captured_urls(records) if "no-such-page" not in url) >= Counter(
        capture.url for capture in (*first.captures, *second.captures)
    )
    revisits = [record for record in records if record.type == "revisit"]
    assert len(revisits) == len(second.captures) - 1
