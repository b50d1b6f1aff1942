"""Release files as projects publish them, from nginx: checked, resumed, listed by a page, and never replaced by worse."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import signal
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from servers.front import Front, fronting, with_body, with_headers
from servers.mirroring import Project
from servers.processes import wait_until
from servers.real import nginx

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console
    from servers.real import Site

MEGABYTE = 1 << 20
BIG = 4 * MEGABYTE
OVERLAP = 16
OTHER = gzip.compress(b"something else", mtime=0)
NAMES = (
    "tool-1.0-linux-amd64.tar.gz",
    "tool-1.0-linux-arm64.tar.gz",
    "tool-1.1-rc1-linux-amd64.tar.gz",
    "tool-1.0.sbom.gz",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A folder of releases, listed by nginx, with a list of checksums and an offline package."""
    root = tmp_path_factory.mktemp("releases")
    root.chmod(0o755)
    folder = root / "v1"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(gzip.compress(f"the content of {name}".encode(), mtime=0))
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in NAMES]
    (folder / "SHA256SUMS").write_text("".join(lines))
    (root / "offline.iso").write_bytes(random.Random(7).randbytes(BIG))
    with nginx(root, tmp_path_factory.mktemp("nginx"), listing=True) as running:
        yield running


@pytest.fixture
def front(site: Site) -> Iterator[Front]:
    """A front before it."""
    with fronting(site) as running:
        yield running
        running.behave()


@pytest.fixture
def project(console: Console) -> Project:
    """A project with an archive of its own."""
    return Project(console)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(project: Project) -> dict[str, Any]:
    return {file["url"]: file for file in project.record["files"]}


def _starts(front: Front, target: str) -> list[int]:
    """Where the ranges begin that were asked for, in order; a few bytes that are here may be asked for to compare them."""
    found = []
    for value in front.headers(f"GET {target}", "Range"):
        start = int(value.removeprefix("bytes=").rstrip("-") or 0)
        found.append(-(-start // OVERLAP) * OVERLAP)
    return found


def _partials(project: Project) -> int:
    """How many bytes of downloads are here that are not whole yet."""
    folder = project.layout / ".partial"
    return max((path.stat().st_size for path in folder.iterdir()), default=0) if folder.is_dir() else 0


def test_a_file_is_kept_with_all_that_is_known_of_it(project: Project, front: Front, site: Site) -> None:
    """Its content is a blob of the image layout, which keeps its name, URL, validators, media type and time."""
    url = f"http://{front.host}/v1/{NAMES[0]}"
    project.archive(files=[{"url": url}])
    file = _files(project)[url]
    source = site.root / "v1" / NAMES[0]
    assert file["digest"] == f"sha256:{_sha256(source)}"
    assert project.blob(file["digest"]).read_bytes() == source.read_bytes()
    assert (file["name"], file["size"]) == (NAMES[0], source.stat().st_size)
    assert file["fetched"].startswith("20")
    manifest = json.loads(project.blob(file["manifest"]).read_text())
    (layer,) = manifest["layers"]
    notes = layer["annotations"]
    assert notes["org.opencontainers.image.title"] == NAMES[0]
    assert notes["org.opencontainers.image.source"] == url
    assert notes["io.archiver.http.etag"]
    assert notes["io.archiver.http.last-modified"]
    assert file["manifest"] in project.digests()


def test_a_json_document_lists_what_to_take(project: Project, front: Front) -> None:
    """URLs in a JSON document, as the APIs of forges give them, are candidates as well."""
    base = f"http://{front.host}"
    assets = [{"name": name, "browser_download_url": f"{base}/v1/{name}"} for name in NAMES]
    front.alter("GET /api", with_body(json.dumps({"assets": assets}).encode(), "application/json"))
    project.archive(files=[{"index": f"{base}/api", "include": ["*arm64.tar.gz", "*.sbom.gz"]}])
    assert set(_files(project)) == {f"{base}/v1/{NAMES[1]}", f"{base}/v1/{NAMES[3]}"}


def test_a_page_in_place_of_an_archive_is_a_failure(project: Project, front: Front, site: Site) -> None:
    """HTML where an archive was expected is refused, whatever status it has, and what an earlier run had stays."""
    url = f"http://{front.host}/v1/{NAMES[0]}"
    project.archive(files=[{"url": url}])
    front.alter("* /v1/*", with_body(b"<!doctype html><title>This project has moved</title>", "text/html"))
    project.archive(code=4, files=[{"url": url}])
    assert project.failures() == {url: "fetch.content"}
    file = _files(project)[url]
    assert (file["carried"], file["digest"]) == (True, f"sha256:{_sha256(site.root / 'v1' / NAMES[0])}")


@pytest.mark.parametrize("changed", [False, True])
def test_a_killed_download_goes_on(project: Project, front: Front, site: Site, changed: bool) -> None:
    """After kill -9 the next run asks for the rest alone; where the file has changed since, it gets the new one whole."""
    name = f"kill-{changed}.iso"
    target = site.root / name
    target.write_bytes(random.Random(8).randbytes(BIG))
    url = f"http://{front.host}/{name}"
    front.pause(f"GET /{name}", MEGABYTE)
    spec = project.spec(files=[{"url": url}])
    with project.console.started("archive", spec) as process:
        wait_until(lambda: _partials(project) >= MEGABYTE, process, what="a part of the file")
        process.send_signal(signal.SIGKILL)
        process.wait()
    front.go_on()
    if changed:
        target.write_bytes(random.Random(9).randbytes(BIG + 1))
    front.forget()
    project.console.succeed("archive", spec)
    assert _files(project)[url]["digest"] == f"sha256:{_sha256(target)}"
    assert _starts(front, f"/{name}") == [MEGABYTE]
    sent = sum(passed.sent for passed in front.passed)
    assert sent == BIG + 1 if changed else BIG - MEGABYTE <= sent <= BIG - MEGABYTE + OVERLAP


def test_a_file_that_upstream_replaced_keeps_its_old_content(project: Project, site: Site) -> None:
    """A file that changed under its URL is fetched; the older snapshot's content stays in the archive."""
    path = site.root / "replaced.gz"
    path.write_bytes(gzip.compress(b"before", mtime=0))
    url = f"{site.url}/replaced.gz"
    project.archive(files=[{"url": url}])
    old = _files(project)[url]["digest"]
    path.write_bytes(gzip.compress(b"after that", mtime=0))
    project.archive(files=[{"url": url}])
    assert _files(project)[url]["digest"] == f"sha256:{_sha256(path)}"
    assert project.has(old)
    assert old in {layer["digest"] for digest in project.digests() for layer in _layers(project, digest)}


def _layers(project: Project, digest: str) -> list[dict[str, Any]]:
    return list(json.loads(project.blob(digest).read_text()).get("layers", []))


def test_a_name_that_climbs_out_stays_inside(project: Project, front: Front) -> None:
    """A name that the server gives by Content-Disposition is a name and no path, whatever it says."""
    url = f"http://{front.host}/v1/{NAMES[3]}"
    front.alter(
        f"GET /v1/{NAMES[3]}", with_headers(Content_Disposition='attachment; filename="../../../.profile"')
    )
    project.archive(files=[{"url": url}])
    file = _files(project)[url]
    assert "/" not in file["name"]
    assert ".." not in file["path"].split("/")
    assert {path.name for path in project.console.folder.iterdir()} == {"archives", "sample.yaml"}
