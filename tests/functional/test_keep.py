"""A spec's ``keep`` from the crawl to prune: what is told, what goes, and that whoever reads meanwhile does not notice."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

from archiver.offline.verifyarchive import verify_archive
from archiver.store.paths import open_archive
from archiver.store.snapshots import list_snapshots
from judges.warcs import fastwarc_findings, judge_warcs, warcio_findings
from servers.console import Console
from servers.history import History
from servers.processes import wait_until
from servers.site import Reply, html, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.site import Site

PAGES = 12


class _Changing:
    """A site of pages of which a few have changed with each edition; unchanged ones are answered with 304."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.publish(1)

    def publish(self, edition: int) -> None:
        """Have every page whose number the edition is a multiple of be another one."""
        links = [f"{number}.html" for number in range(PAGES)]
        self.site.answers["/docs/"] = Reply(html(*links, text="start"), etag='"start"')
        for number in range(PAGES):
            as_of = edition - edition % (number + 1)
            text = f"<p>Page {number} as of {as_of}. " + " ".join(
                f"{as_of * 31 + word:x}" for word in range(300)
            )
            self.site.answers[f"/docs/{number}.html"] = Reply(html(text=text), etag=f'"{number}-{as_of}"')


def spec(console: Console, site: Site, keep: str = "{last: 2}") -> Path:
    """Write the spec of a project that keeps some of its snapshots."""
    text = f"project: sample\nkeep: {keep}\ndocs:\n  - seeds: ['{site.url('/docs/')}']\n"
    return console.write("sample.yaml", text)


def archived(console: Console, changing: _Changing, editions: range, keep: str = "{last: 2}") -> list[str]:
    """Archive one edition after the other; return the ids of the snapshots."""
    path = spec(console, changing.site, keep)
    for edition in editions:
        changing.publish(edition)
        console.succeed("archive", "-q", path)
    return list(list_snapshots(open_archive(console.folder / "archives").project("sample")))


def test_what_a_spec_keeps_stays_and_the_rest_is_given_back(console: Console, tmp_path: Path) -> None:
    """The dry run says which snapshots would go and why each stays; --apply does it, and three judges find the WARCs sound."""
    with serving({}) as site:
        changing = _Changing(site)
        ids = archived(console, changing, range(1, 7))
        warcs = tmp_path / "archives/sample/warc"
        size = sum(path.stat().st_size for path in warcs.iterdir())
        console.succeed("bundle", "sample", "-o", tmp_path / "before.tar")
        told = console.succeed("prune").out
        assert "sample, keep: {last: 2}" in told
        assert "4 snapshots would go:" in told
        assert f"{ids[-1]}  newest, good, last" in told
        assert "nothing is changed yet" in told
        assert list(list_snapshots(open_archive(tmp_path / "archives").project("sample"))) == ids
        done = console.succeed("prune", "--apply", "--json").json
        assert done["projects"]["sample"]["dropped"] == ids[:4]
        assert done["projects"]["sample"]["kept"] == {ids[4]: ["last"], ids[5]: ["newest", "good", "last"]}
        assert done["projects"]["sample"]["policy"]["last"] == 2
        assert sum(path.stat().st_size for path in warcs.iterdir()) < size * 0.8
        judge_warcs(warcs)
        assert verify_archive(tmp_path / "archives").ok
        console.succeed("bundle", "sample", "-o", tmp_path / "after.tar")
        assert (tmp_path / "before.tar").read_bytes() == (tmp_path / "after.tar").read_bytes()
        more = archived(console, changing, range(7, 8))
        assert more == [*ids[4:], more[-1]]
        judge_warcs(warcs)
        assert verify_archive(tmp_path / "archives").ok


def test_a_delta_builds_on_a_bundle_whose_snapshot_is_gone(console: Console, tmp_path: Path) -> None:
    """The bundle is what a delta builds on, not the archive's snapshot; and what is loaded from both can be pruned, too."""
    with serving({}) as site:
        changing = _Changing(site)
        archived(console, changing, range(1, 3), "{last: 1}")
        console.succeed("bundle", "sample", "-o", "base.tar")
        archived(console, changing, range(3, 5), "{last: 1}")
        console.succeed("prune", "--apply")
        console.succeed("bundle", "sample", "--since", "base.tar", "-o", "delta.tar")
        console.succeed("verify", "base.tar", "delta.tar")
        console.succeed("load", "base.tar", "delta.tar", "--into", "other")
        console.succeed("prune", "--apply", "--archives", "other")
        assert verify_archive(tmp_path / "other").ok
        for path in (
            tmp_path / "other/sample/warc"
        ).iterdir():  # the warcinfo records that these name are in the first archive
            assert not [*warcio_findings(path), *fastwarc_findings(path)]
        for archives in ("archives", "other"):
            console.succeed("bundle", "sample", "--archives", archives, "-o", f"{archives}.tar")
        assert (tmp_path / "archives.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def test_a_run_that_was_killed_goes_on_after_prune(console: Console, tmp_path: Path) -> None:
    """What an unfinished run has fetched is not asked for again after prune dropped older snapshots."""
    with serving({}) as site:
        changing = _Changing(site)
        ids = archived(console, changing, range(1, 4), "{last: 1}")
        changing.publish(4)
        with console.started("archive", "-q", spec(console, site, "{last: 1}")) as process:
            page = site.answers["/docs/9.html"]

            def kill(_: object) -> Reply:
                process.kill()
                process.wait()
                assert isinstance(page, Reply)
                return page

            site.answers["/docs/9.html"] = kill
            process.wait(60)
        site.answers["/docs/9.html"] = page
        told = console.succeed("prune", "--apply").out
        assert "sample has an unfinished run" in told
        console.succeed("archive", "-q", spec(console, site, "{last: 1}"))
        assert list_snapshots(open_archive(tmp_path / "archives").project("sample"))[0] == ids[-1]
        judge_warcs(tmp_path / "archives/sample/warc")
        assert verify_archive(tmp_path / "archives").ok


def test_a_full_disk_ends_it_in_order(console: Console, tmp_path: Path) -> None:
    """No file may grow beyond 64 KiB: exit code 7 says so, all that snapshots need is whole, and the next time all is done."""
    made = History(tmp_path / "archives", keep={"last": 1}, size=200_000)
    made.days(7)
    full = Console(tmp_path, ("sh", "-c", 'ulimit -f 128; exec "$@"', "sh", *console.program))
    told = full.run("prune", "--apply")
    assert told.code == 7, told.said
    assert "free some space" in told.err
    assert verify_archive(tmp_path / "archives").ok
    console.succeed("prune", "--apply")
    assert verify_archive(tmp_path / "archives").ok
    assert console.succeed("prune", "--json").json["bytes"] == 0


class _Readers:
    """Readers that ask for pages over and over, and note every answer that is not the page."""

    def __init__(self, urls: dict[str, bytes], cookies: list[str]) -> None:
        self.wrong: list[str] = []
        self.answers = 0
        self._urls, self._over = urls, threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(cookie,)) for cookie in cookies]

    def __enter__(self) -> _Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _read(self, cookie: str) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self._over.is_set():
            for url, expected in self._urls.items():
                request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
                try:
                    with closing(opener.open(request, timeout=60)) as response:
                        if expected not in response.read():
                            self.wrong.append(f"{url}: another page")
                except (OSError, urllib.error.HTTPError) as error:
                    self.wrong.append(f"{url} {cookie}: {error}")
                self.answers += 1


def test_readers_do_not_notice(console: Console, tmp_path: Path) -> None:
    """Day by day there is a new snapshot and prune drops others, while readers read the newest and earlier ones: no request fails."""
    made = History(tmp_path / "archives", keep={"last": 2}, pages=8)
    made.days(6)
    with console.serving(tmp_path / "archives") as served:
        base = served.docs("docs").rpartition("/")[0]
        urls = {f"{base}/{number}.html": f"sample {number}".encode() for number in range(8)}
        urls |= {f"{base}/once.html": b"sample once", f"{served.url}/": b"Sample"}
        cookies = [
            "",
            "",
            *(f"archiver-snapshot-sample={name}" for name in (made.ids[0], made.ids[3], made.ids[5])),
        ]
        with _Readers(urls, cookies) as readers:
            for _ in range(8):
                seen = readers.answers
                made.day()
                console.succeed("prune", "--apply")
                wait_until(
                    lambda enough=seen + 50: readers.answers >= enough or bool(readers.wrong),
                    served.process,
                    what="fifty answers",
                )
        assert readers.wrong == []
    assert len(list_snapshots(made.paths)) == 2
    assert verify_archive(tmp_path / "archives").ok
