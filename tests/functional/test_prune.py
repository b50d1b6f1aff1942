"""``archiver prune`` on archives of real registries: what goes, what stays, and skopeo's word that it is whole."""

from __future__ import annotations

import json
import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from archiver.core.descriptor import DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST
from archiver.store.images import ImageLayout
from servers.front import fronting
from servers.processes import need, wait_until
from servers.real import skopeo

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console
    from servers.real import Registry

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
BASE = b"a layer that images share " * 4000


@pytest.fixture(autouse=True)
def judge() -> None:
    """Every test here has skopeo's judgement."""
    need("skopeo")


def archive(console: Console, project: str, *references: str) -> None:
    """Archive images as a project."""
    lines = "".join(f"    - {reference}\n" for reference in references)
    spec = f"project: {project}\nimages:\n  platforms: [linux/amd64, linux/arm64]\n  refs:\n{lines}"
    console.succeed("archive", "-q", console.write(f"{project}.yaml", spec))


def resolved(layout: Path) -> dict[str, str]:
    """Let skopeo copy every name of the layout with all that is here of it; return the digests."""
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    (layout.parent / "copies").mkdir(exist_ok=True)
    found = {}
    for entry in entries:
        name = entry.get("annotations", {}).get("org.opencontainers.image.ref.name")
        if name and name not in found:  # the first entry of a name is upstream's
            assert json.loads(skopeo("inspect", f"oci:{layout}:{name}"))["Architecture"] == "amd64"
            target = layout.parent / "copies" / entry["digest"][-12:]
            skopeo("copy", "--all", f"oci:{layout}:{name}", f"dir:{target}")
            found[name] = entry["digest"]
    return found


def blobs(layout: Path) -> set[str]:
    """Return the digests of all blobs."""
    return {f"sha256:{path.name}" for path in (layout / "blobs/sha256").iterdir()}


def test_a_project_s_own_goes_and_what_it_shared_stays(
    console: Console, registry: Registry, tmp_path: Path
) -> None:
    """A project's folder is removed by hand: its blobs and names go; shared layers and every other tag stay."""
    kept = registry.image("prune/kept:1", BASE, b"kept")
    arm = registry.image("prune/kept:arm", BASE, b"arm", platform="linux/arm64")
    both = registry.index("prune/kept:both", (kept, "linux/amd64"), (arm, "linux/arm64"))
    gone = registry.image("prune/gone:1", BASE, b"gone")
    archive(console, "first", f"{registry.host}/prune/kept:1", f"{registry.host}/prune/kept:both")
    archive(console, "second", f"{registry.host}/prune/gone:1", f"{registry.host}/prune/kept:1")
    layout = tmp_path / "archives/images"
    before = blobs(layout)
    assert console.succeed("prune", "--apply").out.startswith("freed 0 bytes\n")
    assert blobs(layout) == before

    shutil.rmtree(tmp_path / "archives/second")
    told = console.succeed("prune")
    assert "would free" in told.out
    assert f"{registry.host}/prune/gone:1" in told.out
    assert blobs(layout) == before, "without --apply nothing goes"

    done = console.succeed("prune", "--apply", "--json").json
    assert done["applied"] is True
    assert done["names"] == {"lost": [f"{registry.host}/prune/gone:1"], "restored": []}
    assert before - blobs(layout) == {gone.digest, gone.config, gone.layers[1]}
    assert done["blobs"]["count"] == 3
    assert resolved(layout) == {
        f"{registry.host}/prune/kept:1": kept.digest,
        f"{registry.host}/prune/kept:both": both.digest,
    }
    assert console.succeed("prune", "--json").json["bytes"] == 0


def test_a_moved_tag_s_earlier_image_stays(console: Console, registry: Registry, tmp_path: Path) -> None:
    """Upstream moves a tag: the earlier image stays under its digest with the snapshot that had it, and goes with it."""
    reference = f"{registry.host}/prune/moving:1"
    old = registry.image("prune/moving:1", BASE, b"old")
    archive(console, "moving", reference)
    new = registry.image("prune/moving:1", BASE, b"new")
    archive(console, "moving", reference)
    layout = tmp_path / "archives/images"
    assert console.succeed("prune", "--apply", "--json").json["bytes"] == 0
    assert {old.digest, new.digest} <= blobs(layout)
    assert resolved(layout) == {reference: new.digest}

    *_, second = sorted((tmp_path / "archives/moving/snapshots").glob("*Z.json"))
    second.unlink()  # then the newest snapshot that is left says what the tag means
    assert console.succeed("prune", "--apply", "--json").json["names"] == {
        "lost": [],
        "restored": [reference],
    }
    assert new.digest not in blobs(layout)
    assert resolved(layout) == {reference: old.digest}


def test_images_of_docker_s_kind_resolve_before_and_after(
    console: Console, registry: Registry, tmp_path: Path
) -> None:
    """Tags of Docker's media types resolve in OCI readers; what stands for them there goes and stays with them."""
    docker = {"config_type": DOCKER_CONFIG, "layer_type": DOCKER_LAYER, "mediaType": DOCKER_MANIFEST}
    single = registry.image("prune/docker:1", BASE, b"single", **docker)
    arm = registry.image("prune/docker:arm", BASE, b"arm", platform="linux/arm64", **docker)
    children = [
        {**made.descriptor, "platform": {"os": "linux", "architecture": architecture}}
        for made, architecture in ((single, "amd64"), (arm, "arm64"))
    ]
    both = registry.manifest(
        "prune/docker:both", {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": children}
    )
    archive(console, "first", f"{registry.host}/prune/docker:1")
    archive(console, "second", f"{registry.host}/prune/docker:both")
    layout = tmp_path / "archives/images"
    assert console.succeed("prune", "--apply", "--json").json["bytes"] == 0
    assert resolved(layout) == {
        f"{registry.host}/prune/docker:1": single.digest,
        f"{registry.host}/prune/docker:both": both.digest,
    }
    shutil.rmtree(tmp_path / "archives/second")
    before = blobs(layout)
    assert console.succeed("prune", "--apply", "--json").json["blobs"]["count"] == 5
    stand_in = before - blobs(layout) - {both.digest, arm.digest, arm.config, arm.layers[1]}
    assert len(stand_in) == 1
    assert resolved(layout) == {f"{registry.host}/prune/docker:1": single.digest}


def test_not_beside_a_run(console: Console, registry: Registry, tmp_path: Path) -> None:
    """While a run may write, --apply ends with exit code 6, and the dry run still tells."""
    registry.image("prune/busy:1", BASE)
    archive(console, "busy", f"{registry.host}/prune/busy:1")
    with ImageLayout(tmp_path / "archives/images").writing():
        assert console.run("prune", "--apply").code == 6
        console.succeed("prune")
    console.succeed("prune", "--apply")


def test_what_an_interrupted_run_has_got_stays(console: Console, registry: Registry, tmp_path: Path) -> None:
    """A run is killed amid a layer; pruning leaves what it has got, and the next run asks for the rest of the layer."""
    large = random.Random(1).randbytes(6 << 20)
    with fronting(registry) as front:
        made = registry.image("prune/interrupted:1", BASE, large)
        spec = f"project: interrupted\nimages:\n  platforms: [linux/amd64]\n  refs: [{front.host}/prune/interrupted:1]\n"
        path = console.write("interrupted.yaml", spec)
        front.pause(f"GET */blobs/{made.layers[1]}", 4 << 20)
        layout = tmp_path / "archives/images"
        partial = layout / ".partial" / made.layers[1].replace(":", "-")
        with console.started("archive", "-q", path) as process:
            wait_until(
                lambda: (
                    partial.exists() and partial.stat().st_size >= 3 << 20 and made.layers[0] in blobs(layout)
                ),
                process,
                what="the first half of a layer",
            )
            process.kill()
            process.wait()
        loose = ImageLayout(layout).blobs.put(b"of a run before")
        os.utime(ImageLayout(layout).blobs.path(loose), (1_700_000_000, 1_700_000_000))
        done = console.succeed("prune", "--apply", "--json").json
        assert done["kept"]["unfinished"] == ["interrupted"]
        assert (done["blobs"]["count"], done["partials"]["count"]) == (1, 0)
        size = partial.stat().st_size
        front.behave()
        front.forget()
        console.succeed("archive", "-q", path)
        assert front.headers(f"GET */blobs/{made.layers[1]}", "range") == [f"bytes={size}-"]
        assert front.lines(f"GET */blobs/{made.layers[0]}") == []
        assert console.succeed("prune", "--apply", "--json").json["bytes"] == 0
        assert resolved(layout) == {f"{front.host}/prune/interrupted:1": made.digest}


def test_damage_stops_it(console: Console, registry: Registry, tmp_path: Path) -> None:
    """A damaged snapshot record is named, the exit code is 5, and nothing is removed."""
    registry.image("prune/damaged:1", BASE)
    archive(console, "damaged", f"{registry.host}/prune/damaged:1")
    loose = ImageLayout(tmp_path / "archives/images").blobs.put(b"reached by nothing")
    (record,) = (tmp_path / "archives/damaged/snapshots").glob("*Z.json")
    record.write_bytes(b"{}")
    for arguments in (("prune",), ("prune", "--apply")):
        outcome = console.run(*arguments)
        assert outcome.code == 5
        assert record.name in outcome.err
        assert "hint: nothing is removed" in outcome.err
    assert str(loose) in blobs(tmp_path / "archives/images")


def test_where_there_is_no_archive(console: Console) -> None:
    """A folder that is no archive is a usage error."""
    assert console.run("prune").code == 2
