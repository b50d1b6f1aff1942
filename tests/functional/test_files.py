"""Downloads by the program as people run it: indexes, checksums, servers that misbehave, runs that are killed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Iterator

import pytest

from archiver.core.digest import Digest
from archiver.store.images import read_index
from archiver.store.partials import partial_download_path
from servers.processes import need, wait_until
from servers.real import nginx
from servers.resumable import Resumable
from servers.site import Asked, Reply, Site, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console, Outcome
    from servers.real import Site as NginxSite

SEED = int(os.environ.get("KILL_SEED", "20261123"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "9"))
PIECE = 64 << 10


def content(name: str, size: int) -> bytes:
    """Return what a test's file of a name has in it: no text, so that it may be called an archive."""
    return b"\x1f\x8b\x08\x00" + random.Random(name).randbytes(size)


def spec_of(console: Console, *files: dict[str, Any], project: str = "sample") -> Path:
    """Write a spec of files."""
    return console.write(f"{project}.yaml", json.dumps({"project": project, "files": list(files)}))


def record(console: Console, project: str = "sample") -> Any:
    """Return the newest snapshot's record."""
    folder = console.folder / "archives" / project / "snapshots"
    newest = max(path for path in folder.glob("2*Z.json"))
    return json.loads(newest.read_text("utf-8"))


def by_name(console: Console) -> dict[str, Any]:
    """Return the newest snapshot's files by name."""
    return {file["name"]: file for file in record(console)["files"]}


def blob(console: Console, digest: str) -> bytes:
    """Return a blob's content."""
    algorithm, value = digest.split(":")
    return (console.folder / "archives" / "images" / "blobs" / algorithm / value).read_bytes()


def failures(outcome: Outcome) -> dict[str, str]:
    """Return the codes of what failed, by the last part of the subject."""
    return {failure["subject"].rpartition("/")[2]: failure["code"] for failure in outcome.json["failures"]}


def make_list(folder: Path, *names: str) -> None:
    """Write SHA256SUMS with sha256sum."""
    need("sha256sum")
    listed = subprocess.run(["sha256sum", *names], cwd=folder, capture_output=True, check=True).stdout
    (folder / "SHA256SUMS").write_bytes(listed)


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[NginxSite]:
    """A download site: a folder that nginx lists, and a list of checksums by sha256sum."""
    root = tmp_path / "root" / "releases"
    root.mkdir(parents=True)
    for name in ("kk-v1.tar.gz", "kk-v2.tar.gz", "kk-v2-rc1.tar.gz", "tool with blank.tgz"):
        (root / name).write_bytes(content(name, 300_000))
    (root / "notes.txt").write_text("what is new\n")
    make_list(root, *sorted(path.name for path in root.iterdir()))
    with nginx(root.parent, tmp_path, listing=True) as site:
        yield site


def index_of(releases: NginxSite, **more: Any) -> dict[str, Any]:
    """Return the entry of a spec for the releases."""
    return {
        "index": f"{releases.url}/releases/",
        "include": ["*.tar.gz", "*.tgz"],
        "exclude": ["*-rc*"],
        **more,
    }


def test_files_are_chosen_from_an_index_and_checked(console: Console, releases: NginxSite) -> None:
    """What the globs match, by the names that people see, checked by the list; and a bundle of it is whole."""
    spec = spec_of(console, index_of(releases, checksums="SHA256SUMS"))
    console.succeed("archive", spec)
    files = by_name(console)
    assert set(files) == {"kk-v1.tar.gz", "kk-v2.tar.gz", "tool with blank.tgz"}
    for name, file in files.items():
        assert blob(console, file["digest"]) == content(name, 300_000)
        assert file["index"] == f"{releases.url}/releases/"
        assert not file["carried"]
    asked = releases.requests()
    assert asked.count("GET 200 /releases/SHA256SUMS") == 1
    assert not [line for line in asked if "rc1" in line or "notes" in line]
    bundle = console.succeed("bundle", "sample", "--json").json["path"]
    console.succeed("verify", bundle)


def test_what_is_known_and_here_is_not_asked_for(console: Console, releases: NginxSite) -> None:
    """A second run asks for the index and, conditionally, for the list of checksums; and it writes nothing."""
    spec = spec_of(console, index_of(releases, checksums="SHA256SUMS"))
    console.succeed("archive", spec)
    first, asked = record(console), len(releases.requests())
    images = console.folder / "archives" / "images"
    before = sorted(images.rglob("*"))
    console.succeed("archive", spec)
    assert releases.requests()[asked:] == ["GET 200 /releases/", "GET 304 /releases/SHA256SUMS"]
    assert record(console)["files"] == first["files"]
    assert sorted(images.rglob("*")) == before


def test_what_is_not_known_is_asked_for_conditionally(console: Console, releases: NginxSite) -> None:
    """Without checksums a second run gets one 304 a file."""
    spec = spec_of(console, index_of(releases), {"url": f"{releases.url}/releases/notes.txt"})
    console.succeed("archive", spec)
    first, asked = record(console), len(releases.requests())
    console.succeed("archive", spec)
    assert Counter(line.split()[1] for line in releases.requests()[asked:]) == {"200": 1, "304": 4}
    assert record(console)["files"] == first["files"]


def test_what_an_index_lists_no_longer_is_gone_and_stays(console: Console, releases: NginxSite) -> None:
    """It is a failure once, then known by its date, and bundled as before; when it is back, that is over."""
    spec = spec_of(console, index_of(releases))
    console.succeed("archive", spec)
    path = releases.root / "releases" / "kk-v1.tar.gz"
    data = path.read_bytes()
    path.unlink()
    outcome = console.run("archive", spec, "--json")
    assert outcome.code == 3
    assert failures(outcome) == {"kk-v1.tar.gz": "files.gone"}
    gone = by_name(console)["kk-v1.tar.gz"]
    assert gone["carried"]
    assert gone["gone"] > gone["fetched"][:10]
    console.succeed("archive", spec)
    assert by_name(console)["kk-v1.tar.gz"] == gone
    bundle = console.succeed("bundle", "sample", "--json").json["path"]
    console.succeed("verify", bundle)
    path.write_bytes(data)
    console.succeed("archive", spec)
    back = by_name(console)["kk-v1.tar.gz"]
    assert (back["gone"], back["carried"], back["digest"]) == ("", False, gone["digest"])


def test_a_file_that_its_server_has_no_longer_is_gone(console: Console, releases: NginxSite) -> None:
    """404 for what an earlier run got is told from 404 for what never was; the copy stays."""
    spec = spec_of(console, {"url": f"{releases.url}/releases/kk-v1.tar.gz"})
    console.succeed("archive", spec)
    (releases.root / "releases" / "kk-v1.tar.gz").unlink()
    spec = spec_of(
        console,
        *(
            {"url": f"{releases.url}/releases/{name}"}
            for name in ("kk-v1.tar.gz", "kk-v2.tar.gz", "kk-v9.tar.gz")
        ),
    )
    outcome = console.run("archive", spec, "--json")
    assert outcome.code == 3
    assert failures(outcome) == {"kk-v1.tar.gz": "files.gone", "kk-v9.tar.gz": "fetch.status"}
    assert by_name(console)["kk-v1.tar.gz"]["gone"]


def test_an_index_that_lists_nothing_is_a_failure(console: Console, releases: NginxSite) -> None:
    """An emptied folder is not one from which nothing is wanted: what was there is kept, and so if the index is dead."""
    spec = spec_of(console, index_of(releases))
    console.succeed("archive", spec)
    for path in (releases.root / "releases").glob("*.t*gz"):
        path.unlink()
    outcome = console.run("archive", spec, "--json")
    assert outcome.code == 4
    assert [failure["code"] for failure in outcome.json["failures"]] == ["files.index"]
    assert len(by_name(console)) == 3
    (releases.root / "releases" / "SHA256SUMS").unlink()
    (releases.root / "releases" / "notes.txt").unlink()
    (releases.root / "releases").rmdir()
    outcome = console.run("archive", spec, "--json")
    assert outcome.code == 4
    assert [failure["code"] for failure in outcome.json["failures"]] == ["fetch.status"]
    assert all(file["carried"] and not file["gone"] for file in by_name(console).values())
    console.succeed("bundle", "sample")


def test_what_contradicts_its_checksum_is_refused(console: Console, releases: NginxSite) -> None:
    """A changed file under the same name: the old copy stays, and the new one counts once the list says so."""
    spec = spec_of(console, index_of(releases, checksums="SHA256SUMS"))
    console.succeed("archive", spec)
    old = by_name(console)["kk-v1.tar.gz"]
    root = releases.root / "releases"
    (root / "kk-v1.tar.gz").write_bytes(content("changed", 1000))
    (root / "kk-v3.tar.gz").write_bytes(content("kk-v3", 1000))
    outcome = console.run("archive", spec, "--json")
    assert failures(outcome) == {"kk-v3.tar.gz": "files.checksum"}, "what is known and here is not asked for"
    make_list(root, *sorted(path.name for path in root.iterdir() if path.name != "SHA256SUMS"))
    (root / "kk-v1.tar.gz").write_bytes(content("changed again", 1000))
    outcome = console.run("archive", spec, "--json")
    assert failures(outcome) == {"kk-v1.tar.gz": "content.digest"}
    kept = by_name(console)["kk-v1.tar.gz"]
    assert (kept["digest"], kept["carried"]) == (old["digest"], True)
    (root / "kk-v1.tar.gz").write_bytes(content("changed", 1000))
    outcome = console.succeed("archive", spec)
    assert "has changed under the same name" in outcome.said
    assert by_name(console)["kk-v1.tar.gz"]["digest"] == str(Digest.of(content("changed", 1000)))


def test_a_large_file_takes_little_memory(console: Console, tmp_path: Path) -> None:
    """A disk image of 400 MB goes through a bounded buffer."""
    root = tmp_path / "root"
    root.mkdir()
    with (root / "disk.iso").open("wb") as stream:
        stream.truncate(400 << 20)
    with nginx(root, tmp_path) as site:
        outcome, peak = console.measured("archive", spec_of(console, {"url": f"{site.url}/disk.iso"}))
    assert outcome.code == 0, outcome.said
    assert peak < 100


def _ranged(told: str) -> Callable[[Asked, Reply], Reply]:
    def bend(_: Asked, reply: Reply) -> Reply:
        headers = tuple(pair for pair in reply.headers if pair[0] != "Content-Range")
        return replace(reply, headers=(*headers, ("Content-Range", told))) if reply.status == 206 else reply

    return bend


def test_servers_that_misbehave(hasty: Console) -> None:
    """Connections that break, lying ranges, pages and errors in place of files: each file by itself, the rest goes on."""
    data = {name: content(name, 500_000) for name in ("broken", "lying", "ignoring", "changing", "dated")}
    old = "Mon, 23 Nov 2026 08:00:00 GMT"
    broken = Resumable(data["broken"], cuts=[100_000, 100_000, 100_000])
    changing = Resumable(content("before", 500_000), cuts=[100_000])

    def changed(asked: Asked, reply: Reply) -> Reply:
        changing.content, changing.etag, changing.bend = data["changing"], '"v2"', lambda _, later: later
        return reply

    changing.bend = changed
    files: dict[str, Any] = {
        "broken.tgz": broken,
        "lying.tgz": Resumable(data["lying"], cuts=[100_000], bend=_ranged("bytes 5-9/10")),
        "ignoring.tgz": [Reply(data["ignoring"], cut=100_000), Reply(data["ignoring"])],
        "changing.tgz": changing,
        "dated.tgz": Resumable(
            data["dated"], etag="", modified=old, date="Mon, 23 Nov 2026 09:00:00 GMT", cuts=[100_000]
        ),
        "page.tgz": Reply(b"<!DOCTYPE html><title>Not here", type="application/gzip"),
        "error.tgz": Reply(
            b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", type="application/xml"
        ),
        "tiny.tgz": Reply(b"Not Found", type="text/plain"),
        "page.html": Reply(b"<!DOCTYPE html><title>A page"),
        "mistyped.tgz": Reply(content("mistyped", 100), type="text/html"),
        "forbidden.tgz": Reply(b"no", 403),
        "moved.tgz": Reply(status=302, headers=(("Location", "/storage/moved"),)),
    }
    with serving({f"/{name}": answer for name, answer in files.items()}) as site:
        site.answers["/storage/moved"] = content("moved", 100)
        outcome = hasty.run(
            "archive", spec_of(hasty, *({"url": site.url(f"/{name}")} for name in files)), "--json"
        )
    assert outcome.code == 3
    assert failures(outcome) == {
        "page.tgz": "fetch.content",
        "error.tgz": "fetch.content",
        "tiny.tgz": "fetch.content",
        "forbidden.tgz": "fetch.status",
    }
    got = by_name(hasty)
    for name, expected in data.items():
        assert blob(hasty, got[f"{name}.tgz"]["digest"]) == expected
    assert broken.sent == len(data["broken"]) + 3
    assert {"page.html", "mistyped.tgz", "moved.tgz"} < set(got)
    manifest = json.loads(blob(hasty, got["moved.tgz"]["manifest"]))
    provenance = json.loads(blob(hasty, manifest["config"]["digest"]))
    assert provenance["location"] == site.url("/storage/moved")


class _Shelf:
    """Files on a site, sent slowly; ends a process when so many pieces were sent."""

    def __init__(self, site: Site, sizes: dict[str, int]) -> None:
        self.site = site
        self.files = {name: Resumable(content(name, size), bend=self._slowly) for name, size in sizes.items()}
        for name, file in self.files.items():
            site.answers[f"/{name}"] = file
        self._lock, self._rest = threading.Lock(), threading.Event()
        self._left, self._how = 0, signal.SIGKILL
        self._process: subprocess.Popen[bytes] | None = None

    def end(self, process: subprocess.Popen[bytes], after: int, how: signal.Signals) -> None:
        """End a process after so many further pieces."""
        with self._lock:
            self._process, self._left, self._how = process, after, how

    def url(self, name: str) -> str:
        """Return a file's URL."""
        return self.site.url(f"/{name}")

    def forget(self) -> None:
        """Forget the requests so far."""
        for file in self.files.values():
            file.asked.clear()

    def _slowly(self, _: Asked, reply: Reply) -> Reply:
        return replace(reply, piece=PIECE, between=self._between)

    def _between(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0 and self._process is not None:
                self._process.send_signal(self._how)
        self._rest.wait(0.001)  # so that a piece is about all that is under way at any moment


def _finished(console: Console) -> set[str]:
    """Return the URLs of the files that the layout's index has."""
    images = console.folder / "archives" / "images"
    if not (images / "index.json").is_file():
        return set()
    manifests = (json.loads(blob(console, str(entry.digest))) for entry in read_index(images))
    return {each["layers"][0]["annotations"]["org.opencontainers.image.source"] for each in manifests}


@pytest.mark.thorough
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_ended_again_and_again_repeats_nothing(console: Console, how: signal.Signals) -> None:
    """At random moments: what is whole is not asked for again in this run, the rest from the byte where it broke off."""
    chance = random.Random(f"{SEED}-{how}")
    print(f"KILL_SEED={SEED} KILL_ROUNDS={ROUNDS}")
    rounds = ROUNDS if how is signal.SIGKILL else 3
    sizes = {f"file-{number}.tgz": chance.randint(1, 60) * PIECE for number in range(8)}
    pieces = sum(sizes.values()) // PIECE
    with serving({}) as site:
        shelf = _Shelf(site, sizes)
        spec = spec_of(console, *({"url": shelf.url(name)} for name in sizes))
        images, ended, resumed = console.folder / "archives" / "images", 0, 0
        code = -1
        while code != 0:
            finished = _finished(console)
            under_way = {name: images / partial_download_path(shelf.url(name)) for name in sizes}
            left = {name: path.stat().st_size if path.is_file() else 0 for name, path in under_way.items()}
            shelf.forget()
            with console.started("archive", spec) as process:
                if ended < rounds:
                    shelf.end(process, chance.randint(1, 2 * pieces // rounds), how)
                code = process.wait(120)
            assert code in (0, -how, 130), (console.folder / "console.log").read_text()
            ended += code != 0
            for name, file in shelf.files.items():
                if shelf.url(name) in finished:
                    assert file.ranges == []
                elif file.asked:
                    expected = f"bytes={left[name] - 1}-" if left[name] >= 512 else ""
                    assert file.ranges == [expected]
                    resumed += expected != ""
        assert ended >= rounds // 2
        assert resumed
        print(f"ended {ended} times, {resumed} downloads gone on with")
    got = by_name(console)
    assert {name: file["digest"] for name, file in got.items()} == {
        name: str(Digest.of(file.content)) for name, file in shelf.files.items()
    }
    for file in got.values():
        assert "sha256:" + hashlib.sha256(blob(console, file["digest"])).hexdigest() == file["digest"]
    assert not [path for path in (images / ".partial").glob("url-*") if not path.suffix]
    assert len(read_index(images)) == len(sizes)


def test_two_projects_share_a_download(console: Console) -> None:
    """Of two runs at the same time one gets the file, and the other waits for it and asks for no more than a change."""
    waiting, log = threading.Event(), console.folder / "console.log"

    def hold() -> None:
        waiting.wait(60)

    with serving({}) as site:
        file = Resumable(content("big", 100 * PIECE))
        file.bend = lambda _, reply: replace(reply, piece=PIECE, between=hold)
        site.answers["/big.tgz"] = file
        specs = [spec_of(console, {"url": site.url("/big.tgz")}, project=name) for name in ("one", "two")]
        with subprocess.Popen(
            [*console.program, "archive", str(specs[0])], cwd=console.folder, env=console.environment
        ) as first:
            wait_until(lambda: file.asked != [], first, what="the download")
            with console.started("archive", specs[1]) as second:
                wait_until(lambda: "waiting for it" in log.read_text(), second, what="the second run")
                waiting.set()
                assert second.wait(60) == 0
            assert first.wait(60) == 0
    assert file.sent == len(file.content)
    digests = {record(console, name)["files"][0]["digest"] for name in ("one", "two")}
    assert digests == {str(Digest.of(file.content))}
