"""Pulling from an archive that goes on: several snapshots and projects, new ones, and pruned ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from archiver.core.digest import Digest
from archiver.offline.opening import open_holdings
from servers.podman import empty_podman
from servers.processes import wait_until
from servers.pushing import AMD64, REDIS, ImageArchive
from servers.real import skopeo
from servers.serving import serving
from servers.small_archive import EARLIER, SNAPSHOT, ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.snapshot import ImageResult
    from servers.console import Console

REFERENCE = "quay.io/team/app:1"
NAME = "quay.io/team/app"


def moved(root: Path) -> tuple[ImageResult, ImageResult]:
    """Make an archive in which a tag moved between two snapshots; return what it points to before and after."""
    before = ArchiveBuilder(root)
    older = before.image(REFERENCE, (AMD64,), salt="older")
    before.finish(EARLIER)
    after = ArchiveBuilder(root)
    newer = after.image(REFERENCE, (AMD64,), salt="newer")
    after.finish(SNAPSHOT)
    return older, newer


def test_a_digest_that_clusters_pinned_outlives_its_tag(tmp_path: Path) -> None:
    """A tag is what the newest snapshot says; what it was before is pulled whole by its digest."""
    older, newer = moved(tmp_path / "archives")
    with serving(tmp_path / "archives") as running:
        assert running.get(f"/v2/{NAME}/manifests/1").headers["docker-content-digest"] == newer.digest
        assert json.loads(running.get(f"/v2/{NAME}/tags/list").body)["tags"] == ["1"]
        source = f"docker://127.0.0.1:{running.port}/{NAME}@{older.digest}"
        skopeo("copy", "--quiet", "--src-tls-verify=false", source, f"dir:{tmp_path / 'copied'}")
        assert str(Digest.of((tmp_path / "copied/manifest.json").read_bytes())) == older.digest
        assert running.log == []


def test_what_prune_took_is_unknown(tmp_path: Path, console: Console) -> None:
    """An earlier image whose snapshot is given up while it is served is a 404 then; the newest one is untouched."""
    older, newer = moved(tmp_path / "archives")
    path = f"/v2/{NAME}/manifests/"
    with serving(tmp_path / "archives") as running:
        assert running.get(path + older.digest).status == 200
        for file in (tmp_path / "archives/small/snapshots").glob(f"{EARLIER}.*"):
            file.unlink()
        console.succeed("prune", "--archives", tmp_path / "archives", "--apply")
        gone = running.get(path + older.digest)
        assert (gone.status, json.loads(gone.body)["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
        assert running.get(path + newer.digest).status == 200
        assert running.log == []


def test_a_bundle_for_one_platform_is_pulled_from(tmp_path: Path, console: Console) -> None:
    """The index is upstream's and lists more than is here: clients of that platform need no more than there is."""
    archive = ImageArchive(console).usual()
    index = archive.images[REDIS].digest
    with serving(archive.bundle("one.tar", "--platform", AMD64)) as running, empty_podman() as podman:
        host = f"127.0.0.1:{running.port}"
        podman.run("pull", "--quiet", "--tls-verify=false", "--platform", AMD64, f"{host}/{REDIS}")
        name = f"{host}/{REDIS}"
        assert index in podman.run("image", "inspect", "--format", "{{.RepoDigests}} {{.Digest}}", name)
        listed = json.loads(running.get(f"/v2/{REDIS.replace(':', '/manifests/')}").body)["manifests"]
        found = {
            entry["platform"]["architecture"]: running.get(
                f"/v2/{REDIS.partition(':')[0]}/manifests/{entry['digest']}", method="HEAD"
            ).status
            for entry in listed
        }
        assert found == {"amd64": 200, "arm64": 404}


def test_a_bundle_says_of_images_what_its_archive_does(tmp_path: Path, console: Console) -> None:
    """Digests, platforms, and what kind of artifact it is, by which readers are given commands."""
    builder = ArchiveBuilder(console.folder / "archives")
    builder.image(REFERENCE, (AMD64,))
    chart = replace(builder.artifact("quay.io/charts/app:1", b"chart"), artifact_type="application/x.chart")
    builder.images[-1] = chart
    builder.finish()
    console.succeed("bundle", "small", "-o", "small.tar")
    opened = [open_holdings(path)[0] for path in (builder.archive.root, console.folder / "small.tar")]
    archived, bundled = (
        [replace(image, resolved="", size=0) for image in holding.images.images] for holding in opened
    )
    assert archived == bundled
    assert {image.artifact_type for image in bundled} == {"", "application/x.chart"}
    for holding in opened:
        holding.close()


def test_the_first_line_is_one_that_works(tmp_path: Path, console: Console) -> None:
    """What is printed to pull by is for an image that runs, where there is one; no Docker is told to pull a chart."""
    builder = ArchiveBuilder(console.folder / "archives")
    builder.artifact("ghcr.io/modules/app:1", b"module")
    builder.finish(EARLIER)
    log = console.folder / "console.log"
    for expected in ("oras pull --plain-http 127.0.0.1:", "docker pull 127.0.0.1:"):
        with console.serving(builder.archive.root) as server:
            wait_until(lambda: "Ctrl-C" in log.read_text(), server.process, what="what serve prints")
            assert f"images   {expected}" in log.read_text()
        builder.image(REFERENCE, (AMD64,))
        builder.finish(SNAPSHOT)
