"""Runs that are killed at any moment: the next one goes on, asks for no more than was under way, and loses nothing."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import threading
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from judges.warcs import captured_urls, judge_warcs
from servers.processes import wait_until
from servers.site import Asked, Reply, Site, html, put, serving

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from servers.console import Console

pytestmark = pytest.mark.thorough

PAGES = 240
CONNECTIONS = 4
SEED = int(os.environ.get("KILL_SEED", "20261123"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "9"))
# What may be asked for again after a kill: what was under way on each connection, and what waited behind it.
AGAIN = 2 * CONNECTIONS


class _Book:
    """A site of pages that lead to one another as a tree does; ends a process at the nth request for one of them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._left, self._signal = 0, signal.SIGKILL
        self._process: subprocess.Popen[bytes] | None = None
        for number in range(PAGES):
            site.answers[f"/docs/{number}"] = self._page
        site.answers["/docs/s.css"] = Reply(b"p { color: navy }", type="text/css", etag='"css"')

    @property
    def pages(self) -> set[str]:
        """The URLs of all pages."""
        return {self.site.url(f"/docs/{number}") for number in range(PAGES)}

    def end(self, process: subprocess.Popen[bytes], after: int, how: signal.Signals = signal.SIGKILL) -> None:
        """End a process at the request for a page that comes after so many others from now on."""
        with self._lock:
            self._process, self._left, self._signal = process, after, how

    def _page(self, asked: Asked) -> Reply:
        number = int(asked.target.rpartition("/")[2])
        with self._lock:
            self.asked[self.site.url(asked.target)] += 1
            self._left -= 1
            if self._left == 0 and self._process is not None:
                self._process.send_signal(self._signal)
        links = (f"{child}" for child in (2 * number + 1, 2 * number + 2) if child < PAGES)
        text = f"<p>Page {number}: {random.Random(number).randbytes(300).hex()}"
        body = html(*links, head="<link rel=stylesheet href=s.css>", text=text)
        return Reply(body, etag=f'"{zlib.crc32(body):08x}"')


def _spec(console: Console, site: Site) -> Path:
    docs = [
        {
            "name": "docs",
            "seeds": [site.url("/docs/0")],
            "connections": CONNECTIONS,
            "scope": {"include": [site.url("/docs/")]},
        }
    ]
    return console.write("sample.yaml", json.dumps({"project": "sample", "docs": docs}))


def _whole_pairs(folder: Path) -> set[str]:
    """Return the IDs of the response and revisit records that are whole, with their requests, in files that may have a broken tail."""
    found: set[str] = set()
    for path in folder.glob("*.warc.gz"):
        data, records = path.read_bytes(), list[tuple[str, str]]()
        while data:
            unpacker = zlib.decompressobj(wbits=31)
            try:
                content = unpacker.decompress(data)
            except zlib.error:
                break
            if not unpacker.eof:
                break
            data = unpacker.unused_data
            lines = content.partition(b"\r\n\r\n")[0].decode().split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines[1:])
            records.append((fields["WARC-Type"], fields["WARC-Record-ID"]))
        found |= {name for (_, name), (kind, _) in zip(records, records[1:]) if kind == "request"}
    return found


def _view(console: Console) -> list[str]:
    """Return the URLs of the good snapshot's view, one for each capture."""
    folder = console.folder / "archives" / "sample"
    snapshot = (folder / "good").read_text().strip()
    lines = gzip.decompress((folder / "snapshots" / f"{snapshot}.cdxj.gz").read_bytes()).decode().splitlines()
    return [json.loads(line.split(" ", 2)[2])["url"] for line in lines]


def _snapshots(console: Console) -> list[str]:
    return sorted(
        path.stem for path in (console.folder / "archives" / "sample" / "snapshots").glob("2*Z.json")
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_ended_again_and_again_loses_and_repeats_nothing(console: Console, how: signal.Signals) -> None:
    """At random moments, first while pages come and then while they are asked for conditionally: all is there once."""
    chance = random.Random(f"{SEED}-{how}")
    print(f"KILL_SEED={SEED} KILL_ROUNDS={ROUNDS}")
    rounds = ROUNDS if how is signal.SIGKILL else 3
    warcs = console.folder / "archives" / "sample" / "warc"
    with serving({}) as site:
        book, spec = _Book(site), _spec(console, site)
        for snapshot in (1, 2):
            book.asked.clear()
            whole, ended = set[str](), 0
            while len(_snapshots(console)) < snapshot:
                with console.started("archive", spec) as process:
                    if ended < rounds:
                        book.end(process, chance.randint(1, 2 * PAGES // rounds), how)
                    process.wait(120)
                whole |= _whole_pairs(warcs)
                ended += process.returncode != 0
                assert process.returncode in (0, -how, 130), (console.folder / "console.log").read_text()
            repeated = sum(book.asked.values()) - PAGES
            print(f"snapshot {snapshot}: ended {ended} times, {repeated} of {PAGES} pages asked for again")
            assert ended >= rounds // 2
            assert set(book.asked) == book.pages
            assert repeated <= ended * AGAIN
            assert max(book.asked.values()) <= 1 + ended
            records = judge_warcs(warcs)
            assert whole <= {record.id for record in records}, "a record that was whole is gone"
            urls = Counter(url for url in captured_urls(records) if url in book.pages)
            assert urls == dict.fromkeys(book.pages, snapshot), "each page has one record a snapshot"
            assert Counter(url for url in _view(console) if url in book.pages) == dict.fromkeys(book.pages, 1)
        assert {record.type for record in records} == {"warcinfo", "response", "request", "revisit"}
    assert not [path for path in (console.folder / "archives").rglob("*") if path.name.startswith(".tmp-")]


def test_a_run_killed_at_its_first_request_begins_again(console: Console) -> None:
    """Killed before anything was answered: the next run is complete, and nothing of the first is in its way."""
    with serving({}) as site:
        book, spec = _Book(site), _spec(console, site)
        with console.started("archive", spec) as process:

            def robots(_: Asked) -> Reply:
                process.kill()
                process.wait()
                return Reply(b"", 404)

            site.answers["/robots.txt"] = robots
            assert process.wait(60) == -signal.SIGKILL
        del site.answers["/robots.txt"]
        console.succeed("archive", spec)
        assert book.asked == dict.fromkeys(book.pages, 1)
    judge_warcs(console.folder / "archives" / "sample" / "warc")
    assert len(_snapshots(console)) == 1


@pytest.mark.parametrize("sign", ["snapshots/.tmp-*", "snapshots/*.cdxj.gz", "snapshots/*.json", "good"])
def test_a_run_killed_while_its_snapshot_is_written_is_finished_by_the_next(
    console: Console, sign: str
) -> None:
    """Killed when the capture index, the record or `good` appears: what is there is whole, and no page is asked for again."""
    folder = console.folder / "archives" / "sample"
    with serving({}) as site:
        book, spec = _Book(site), _spec(console, site)
        with console.started("archive", spec) as process:
            wait_until(lambda: process.poll() is not None or any(folder.glob(sign)), process, what=sign)
            process.kill()
            process.wait()
        written = _snapshots(console)
        assert book.asked == dict.fromkeys(book.pages, 1)
        book.asked.clear()
        console.succeed("archive", spec)
        assert _snapshots(console)[: len(written)] == written
        assert book.asked == (dict.fromkeys(book.pages, 1) if written else {}), (
            "a finished run is asked for anew"
        )
        assert Counter(url for url in _view(console) if url in book.pages) == dict.fromkeys(book.pages, 1)
    judge_warcs(folder / "warc")


def test_a_refresh_killed_again_and_again_asks_for_what_was_due_when_it_began(console: Console) -> None:
    """What a sitemap calls changed, and the few that it is checked by; pages that were not due stay so, and stay."""
    chance = random.Random(SEED)
    with serving({}) as site:
        book, spec = _Book(site), _spec(console, site)
        spec.write_text(json.dumps({**json.loads(spec.read_text()), "every": "1s"}))
        entries = (
            f"<url><loc>{site.url(f'/docs/{number}')}</loc><lastmod>{2001 if number % 2 else 2100}-01-01</lastmod></url>"
            for number in range(PAGES)
        )
        put(site, "docs/sitemap.xml", f"<urlset>{''.join(entries)}</urlset>")
        console.succeed("archive", spec)
        before = Counter(_view(console))
        book.asked.clear()
        site.forget()
        ended = 0
        while len(_snapshots(console)) < 2:  # at first it may not be due
            with console.started("refresh", spec) as process:
                if ended < ROUNDS:
                    book.end(process, chance.randint(1, PAGES // ROUNDS))
                process.wait(120)
            ended += process.returncode != 0
            assert process.returncode in (0, -signal.SIGKILL), (console.folder / "console.log").read_text()
        # The stylesheet came last: it is due unless the second run began within the same second.
        not_asked = {*book.pages, site.url("/docs/s.css")} - set(map(site.url, site.targets()))
    called_changed = {site.url(f"/docs/{number}") for number in range(0, PAGES, 2)}
    assert ended >= ROUNDS // 2
    assert book.asked.keys() > called_changed
    assert len(book.asked.keys() - called_changed) == 3
    assert sum(book.asked.values()) - len(book.asked) <= ended * AGAIN
    assert Counter(_view(console)) == before
    record = console.folder / "archives" / "sample" / "snapshots" / f"{_snapshots(console)[1]}.json"
    (result,) = json.loads(record.read_text())["sites"]
    assert (result["carried"], result["not_due"]) == (0, len(not_asked))
