from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from archiver.bundle.build import Bundled, build_bundle
from archiver.core.descriptor import Platform
from archiver.core.digest import Digest
from archiver.core.errors import BundleError, BundleIncomplete, NotArchived, StorageFull, UsageError
from archiver.core.progress import NullProgress, Task
from archiver.offline.verify import verify_bundle
from servers.processes import need
from servers.small_archive import FILE_URL, IMAGE, SINGLE, SITE, SNAPSHOT, ArchiveBuilder, html, small_archive

NAME = f"small-{SNAPSHOT}.tar"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ArchiveBuilder, Bundled]:
    """The small archive and its bundle; tests leave both as they are."""
    builder = small_archive(tmp_path_factory.mktemp("made") / "archives")
    return builder, build_bundle(builder.archive, "small", output=builder.archive.root.parent)


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """A small archive to damage."""
    return small_archive(tmp_path / "archives")


@pytest.fixture
def unpacked(made: tuple[ArchiveBuilder, Bundled], tmp_path: Path) -> Path:
    """The bundle as tar unpacks it."""
    subprocess.run(["tar", "xf", made[1].path, "-C", tmp_path], check=True)
    return tmp_path


def _member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        member = tar.extractfile(name)
        assert member is not None
        return member.read()


def _manifest(path: Path) -> Any:
    return json.loads(_member(path, "bundle.json"))


def test_the_report_says_what_was_made(made: tuple[ArchiveBuilder, Bundled]) -> None:
    """Path, size, counts and the digest of SHA256SUMS are those of the file."""
    bundled = made[1]
    data = bundled.path.read_bytes()
    assert bundled.path.name == NAME
    assert bundled.size == len(data)
    assert bundled.sums == Digest.of(_member(bundled.path, "SHA256SUMS"))
    assert (bundled.images, bundled.captures, bundled.files, bundled.failures) == (3, 7, 1, 0)


def test_members_stand_in_the_order_of_the_format(made: tuple[ArchiveBuilder, Bundled]) -> None:
    """Readme first, checksums last; bundle.json has each member's offset, size, digest and role."""
    with tarfile.open(made[1].path) as tar:
        entries = tar.getmembers()
    assert [entry.name for entry in entries] == [
        "README.html",
        "README.txt",
        "archiver.pyz",
        "docs/docs.wacz",
        "docs/search.sqlite",
        "images/images.tar",
        "files/dl.example.org/releases/tool-1.0.tar.gz",
        "record/snapshot.json",
        "record/captures.cdxj.gz",
        "record/files.jsonl",
        "bundle.json",
        "SHA256SUMS",
    ]
    assert made[1].members == len(entries)
    listed = _manifest(made[1].path)["members"]
    assert [(m["path"], m["offset"], m["size"]) for m in listed] == [
        (entry.name, entry.offset_data, entry.size) for entry in entries[:-2]
    ]
    data = made[1].path.read_bytes()
    for member in listed:
        content = data[member["offset"] : member["offset"] + member["size"]]
        assert member["digest"] == str(Digest.of(content))
    assert [member["role"] for member in listed] == [
        *("readme", "readme", "program", "docs", "search", "images", "file", "record", "record", "record"),
    ]


def test_bundle_json_says_what_is_here(made: tuple[ArchiveBuilder, Bundled]) -> None:
    """Sites, images, files, and every blob at the place where its bytes are in the bundle's own tar."""
    manifest = _manifest(made[1].path)
    assert (manifest["format"], manifest["project"], manifest["snapshot"]) == (
        "archiver-bundle/1",
        "small",
        SNAPSHOT,
    )
    assert manifest["options"] == {"platforms": None}
    assert [(doc["name"], doc["captures"], doc["pages"]) for doc in manifest["docs"]] == [
        ("docs", 7, 3)
    ]  # one is an error page
    assert (manifest["docs"][0]["oldest"], manifest["docs"][0]["newest"]) == (
        "20260301120001",
        "20260301120009",
    )
    assert [(image["reference"], image["default_platform"]) for image in manifest["images"]] == [
        (IMAGE, "linux/amd64"),
        (SINGLE, "linux/amd64"),
        ("ghcr.io/example/charts/chart:1.2.3", ""),
    ]
    assert [file["url"] for file in manifest["files"]] == [FILE_URL]
    data = made[1].path.read_bytes()
    assert manifest["blobs"]
    for blob in manifest["blobs"]:
        assert str(Digest.of(data[blob["offset"] : blob["offset"] + blob["size"]])) == blob["digest"]


def test_sha256sum_finds_every_file_whole(unpacked: Path) -> None:
    """The standard command checks all that tar unpacked but SHA256SUMS itself."""
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"],
        cwd=unpacked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": OK") == 11


def test_our_own_verify_finds_nothing(made: tuple[ArchiveBuilder, Bundled]) -> None:
    """What the packer writes the verifier accepts, to the last byte."""
    assert verify_bundle(made[1].path).problems == ()


def test_same_snapshot_same_bytes(
    made: tuple[ArchiveBuilder, Bundled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder, under another name, from an archive elsewhere, years later, in another time zone: equal."""
    other = small_archive(tmp_path / "elsewhere" / "archives")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    again = build_bundle(other.archive, "small", output=Path("renamed.tar"))
    assert again.path.read_bytes() == made[1].path.read_bytes()
    monkeypatch.delenv("TZ")
    time.tzset()


def test_skopeo_reads_every_image_by_name(unpacked: Path) -> None:
    """oci-archive: by full reference with the digest that was pinned, docker-archive: by tag.

    The chart is in the layout by its digest, without a name that containerd would take for an image to unpack.
    """
    need("skopeo")
    tar = unpacked / "images/images.tar"
    *images, chart = _json(unpacked / "bundle.json")["images"]
    with tarfile.open(tar) as layout:
        assert f"blobs/{chart['digest'].replace(':', '/')}" in layout.getnames()
    for image in images:
        raw = _run("skopeo", "inspect", "--raw", f"oci-archive:{tar}:{image['reference']}")
        assert str(Digest.of(raw)) == image["digest"]
    for reference in (IMAGE, SINGLE):
        inspected = json.loads(_run("skopeo", "inspect", f"docker-archive:{tar}:{reference}"))
        assert inspected["Architecture"] == "amd64"


def test_podman_loads_every_image(unpacked: Path) -> None:
    """Podman load takes the tar as it is and names the images as their registries did."""
    need("podman")
    with tempfile.TemporaryDirectory() as folder:  # podman wants a short path
        store = ["--root", f"{folder}/store", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]
        _run("podman", *store, "load", "-i", str(unpacked / "images/images.tar"))
        names = _run("podman", *store, "images", "--format", "{{.Repository}}:{{.Tag}}").decode().split()
    assert sorted(names) == [IMAGE, SINGLE]


def test_a_platform_narrows_the_images(made: tuple[ArchiveBuilder, Bundled], tmp_path: Path) -> None:
    """--platform leaves out other platforms' layers, and names the images that have nothing for it."""
    bundled = build_bundle(made[0].archive, "small", output=tmp_path, platforms=[Platform("linux", "arm64")])
    manifest = _manifest(bundled.path)
    assert manifest["options"] == {"platforms": ["linux/arm64"]}
    assert [image["platforms"] for image in manifest["images"]] == [["linux/arm64"], [""]]
    assert [failure["subject"] for failure in manifest["failures"]] == [SINGLE]
    assert (bundled.failures, bundled.left_out) == (0, 1)  # archiving has not failed
    assert verify_bundle(bundled.path).problems == ()


def test_an_older_snapshot_can_be_packed(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """--snapshot takes another than the good one, with its own captures."""
    builder.page(f"{SITE}/new.html", html("New", "page"), timestamp="20260302000000")
    builder.finish("20260302T000000Z")
    older = build_bundle(builder.archive, "small", snapshot=SNAPSHOT, output=tmp_path)
    newer = build_bundle(builder.archive, "small", output=tmp_path)
    assert (older.path.name, older.captures) == (NAME, 7)
    assert (newer.path.name, newer.captures) == ("small-20260302T000000Z.tar", 8)


def test_a_page_of_two_urls_is_packed_under_both_and_listed_once(tmp_path: Path) -> None:
    """Its twin is a revisit of the same run: verify agrees with the page list, and both URLs are in the index."""
    made = ArchiveBuilder(tmp_path / "archives")
    folder = made.page(f"{SITE}/guide/", html("Guide", "text"))
    made.revisit(f"{SITE}/guide/index.html", folder)
    made.page(f"{SITE}/guide", html("Another", "text"))
    made.finish()
    bundled = build_bundle(made.archive, "small", output=tmp_path / "small.tar")
    assert verify_bundle(bundled.path).problems == ()
    with tarfile.open(bundled.path) as tar:
        wacz = tar.extractfile("docs/docs.wacz")
        assert wacz is not None
        with zipfile.ZipFile(io.BytesIO(wacz.read())) as read:
            pages = read.read("pages/pages.jsonl").decode().splitlines()[1:]
            index = gzip.decompress(read.read("indexes/index.cdx.gz")).decode()
    assert sorted(json.loads(page)["url"] for page in pages) == [f"{SITE}/guide", f"{SITE}/guide/"]
    assert f'"{SITE}/guide/index.html"' in index


def test_an_archive_on_read_only_media_can_be_packed(
    made: tuple[ArchiveBuilder, Bundled],
    builder: ArchiveBuilder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the search index cannot be kept in the archive it is built beside the bundle, and gone afterwards."""
    real = tempfile.mkdtemp

    def denied(suffix: str | None = None, prefix: str | None = None, dir: Path | None = None) -> str:  # noqa: A002 - mkdtemp's
        if dir is not None and builder.archive.root in dir.parents:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(suffix, prefix, dir)

    monkeypatch.setattr(tempfile, "mkdtemp", denied)  # root, as tests in a container may be, writes anywhere
    bundled = build_bundle(builder.archive, "small", output=tmp_path / "out" / "bundle.tar")
    assert bundled.path.read_bytes() == made[1].path.read_bytes()
    assert list((tmp_path / "out").iterdir()) == [bundled.path]
    assert not builder.paths.search(SNAPSHOT).exists()


def test_without_an_output_the_file_is_made_here(
    builder: ArchiveBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default is PROJECT-SNAPSHOT.tar in the current folder."""
    monkeypatch.chdir(tmp_path)
    assert build_bundle(builder.archive, "small").path == Path(NAME)
    assert (tmp_path / NAME).is_file()


@pytest.mark.parametrize("kind", ["pages", "images", "files"])
def test_parts_of_a_project_make_a_bundle(tmp_path: Path, kind: str) -> None:
    """Pages, images or files alone: what is not there has no member, and the bundle verifies."""
    builder = ArchiveBuilder(tmp_path / "archives")
    if kind == "pages":
        builder.page(f"{SITE}/", html("Start", "text"))
    elif kind == "images":
        builder.image(IMAGE, ("linux/amd64",))
    else:
        builder.file(FILE_URL, b"")
    builder.finish()
    bundled = build_bundle(builder.archive, "small", output=tmp_path)
    members = {member["path"].split("/")[0] for member in _manifest(bundled.path)["members"]}
    expected = {"pages": "docs", "images": "images", "files": "files"}[kind]
    assert members == {"README.html", "README.txt", "archiver.pyz", "record", expected}
    assert verify_bundle(bundled.path).problems == ()


def test_a_site_without_a_page_and_a_site_without_anything(tmp_path: Path) -> None:
    """A site of style sheets only has an empty search index; a site with no capture is told of, not packed."""
    builder = ArchiveBuilder(tmp_path / "archives")
    builder.page(f"{SITE}/a.css", b"body {}", mime="text/css")
    builder.verdicts["dead"] = "gone"
    assert [site.name for site in builder.finish().sites] == ["docs", "dead"]
    bundled = build_bundle(builder.archive, "small", output=tmp_path)
    paths = [member["path"] for member in _manifest(bundled.path)["members"]]
    assert paths[3:5] == ["docs/docs.wacz", "docs/search.sqlite"]
    assert {path.split("/")[0] for path in paths[5:]} == {"record"}
    with tarfile.open(bundled.path) as tar:
        readme = tar.extractfile("README.txt")
        assert readme is not None
        assert b"Nothing could be archived of the doc site dead." in readme.read()
    assert verify_bundle(bundled.path).problems == ()


def test_a_corrupt_blob_leaves_no_bundle(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """A flipped byte in the archive's copy ends the packing; no file is left, an older one is kept."""
    target = tmp_path / "out" / "bundle.tar"
    target.parent.mkdir()
    target.write_bytes(b"README.html\0an earlier bundle")
    blob = builder.layout.blobs.path(Digest.parse(builder.files[0].digest))
    blob.write_bytes(b"X" + blob.read_bytes()[1:])
    with pytest.raises(BundleIncomplete) as raised:
        build_bundle(builder.archive, "small", output=target)
    assert raised.value.place == builder.files[0].digest
    assert target.read_bytes() == b"README.html\0an earlier bundle"
    assert list(target.parent.iterdir()) == [target]


def test_a_missing_file_is_named_before_anything_is_written(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """A downloaded file that the archive has lost is an error with its URL and digest."""
    builder.layout.blobs.path(Digest.parse(builder.files[0].digest)).unlink()
    with pytest.raises(BundleIncomplete, match=r"tool-1\.0") as raised:
        build_bundle(builder.archive, "small", output=tmp_path / "out.tar")
    assert raised.value.place == builder.files[0].digest


def test_files_whose_names_collide_are_refused(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """Two files that one folder could not hold on every system are named; nothing is written."""
    builder.file("https://dl.example.org/releases/TOOL-1.0.tar.gz", b"other")
    builder.finish()
    with pytest.raises(BundleError, match="collides"):
        build_bundle(builder.archive, "small", output=tmp_path / "out.tar")
    assert not (tmp_path / "out.tar").exists()


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_too_little_space_is_said_first(
    builder: ArchiveBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a byte is written, the error says how much is needed and how much is free."""
    whole = build_bundle(builder.archive, "small", output=tmp_path / "whole.tar").size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**9, 10**9 - whole + 1, whole - 1))
    with pytest.raises(StorageFull, match=f"needs {whole} bytes, {whole - 1} are free"):
        build_bundle(builder.archive, "small", output=tmp_path / "out" / "bundle.tar")
    assert list((tmp_path / "out").iterdir()) == []


class _Full(NullProgress):
    """Lets the disk be full once some bytes are written."""

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        return _FullTask() if unit == "B" else super().task(label, unit, total)


class _FullTask:
    written = 0

    def advance(self, count: int = 1) -> None:
        self.written += count
        if self.written > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def expect(self, total: int) -> None: ...

    def describe(self, text: str) -> None: ...

    def close(self) -> None: ...


def test_a_disk_that_fills_up_leaves_no_file(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """Out of space in the middle: StorageFull says how much is needed, and nothing is left behind."""
    target = tmp_path / "out" / "bundle.tar"
    with pytest.raises(StorageFull, match=r"the bundle needs \d+ bytes"):
        build_bundle(builder.archive, "small", output=target, progress=_Full())
    assert list(target.parent.iterdir()) == []


class _Counting(NullProgress):
    """Adds up what is reported."""

    def __init__(self) -> None:
        self.totals: dict[str, tuple[int | None, int]] = {}

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        progress = self

        class _Task(_FullTask):
            def advance(self, count: int = 1) -> None:
                announced, done = progress.totals.get(unit, (total, 0))
                progress.totals[unit] = (announced, done + count)

        return _Task()


def test_progress_ends_where_it_was_announced(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """The exact size is known at the beginning; pages and bytes are counted to the end."""
    progress = _Counting()
    bundled = build_bundle(builder.archive, "small", output=tmp_path, progress=progress)
    assert progress.totals == {"pages": (3, 3), "B": (bundled.size, bundled.size)}


@pytest.mark.parametrize(
    ("project", "snapshot", "error"),
    [("nothing", None, NotArchived), ("small", "20200101T000000Z", NotArchived), ("../x", None, UsageError)],
)
def test_what_is_not_archived_cannot_be_packed(
    builder: ArchiveBuilder, project: str, snapshot: str | None, error: type[Exception]
) -> None:
    """Unknown projects and snapshots, and impossible names, are errors of their own."""
    with pytest.raises(error):
        build_bundle(builder.archive, project, snapshot=snapshot)


def test_packing_needs_little_memory(builder: ArchiveBuilder, tmp_path: Path) -> None:
    """A file of 64 MiB streams through: what Python holds at the same time stays below 20 MiB."""
    import tracemalloc  # noqa: PLC0415 - only here

    builder.file("https://dl.example.org/large", bytes(64 << 20))
    builder.finish()
    tracemalloc.start()
    build_bundle(builder.archive, "small", output=tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _run(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize(
    "place", ["spec.yaml", "archives/demo/good", "archives/images/index.json", "archives/demo/new.tar"]
)
def test_a_bundle_replaces_nothing_but_a_bundle(tmp_path: Path, place: str) -> None:
    """A slip in `--output` destroys neither a file of the user's nor the archive itself."""
    builder = small_archive(tmp_path / "archives")
    (tmp_path / "spec.yaml").write_text("project: demo")
    target = tmp_path / place.replace("demo", builder.paths.name)
    before = target.read_bytes() if target.exists() else None
    with pytest.raises(UsageError):
        build_bundle(builder.archive, builder.paths.name, output=target)
    assert (target.read_bytes() if target.exists() else None) == before
    made = build_bundle(builder.archive, builder.paths.name, output=tmp_path / "a.tar")
    assert build_bundle(builder.archive, builder.paths.name, output=made.path).sums == made.sums
