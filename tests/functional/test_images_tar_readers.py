"""images.tar as others read it: docker load, podman load, ctr image import, skopeo's oci-archive: and docker-archive:.

What each of them has afterwards is compared with what was pushed to the registries: image IDs are digests of configs.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.console import Console
from servers.containerd import Containerd, empty_containerd
from servers.dockerd import Docker, empty_docker
from servers.everykind import PLATFORMS, EveryKind, every_kind
from servers.mirroring import Project
from servers.podman import Podman, empty_podman
from servers.real import skopeo
from servers.registry import serving

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Packed:
    """What was pushed, and the archive of it; ``tars`` has images.tar by the platform that was packed, and of all."""

    pushed: EveryKind
    console: Console
    tars: dict[str, Path]

    @property
    def tar(self) -> Path:
        """The images.tar of all platforms."""
        return self.tars[""]

    def without_zstd(self) -> Path:
        """The images.tar of a bundle that docker 20.10 can load."""
        return self.tars["docker"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """Images of every kind, archived from two registries, and bundled."""
    console = Console(tmp_path_factory.mktemp("packed"))
    with serving() as first, serving() as second:
        pushed = every_kind(first, second)
        project = Project(console)
        project.archive(images={"refs": pushed.references, "platforms": list(PLATFORMS)})
        easy = [reference for reference in pushed.references if "zstd" not in reference]
        docker = Project(console, "docker")
        docker.archive(images={"refs": easy, "platforms": list(PLATFORMS)})
    tars = {
        platform: _images_tar(console, "sample", *(["--platform", platform] if platform else []))
        for platform in ("", *PLATFORMS)
    }
    tars["docker"] = _images_tar(console, "docker")
    return Packed(pushed, console, tars)


def _images_tar(console: Console, project: str, *options: str) -> Path:
    """Bundle a project, verify the bundle, and unpack its images.tar."""
    folder = console.folder / f"bundle-{project}{''.join(options).replace('/', '-')}"
    folder.mkdir()
    console.succeed("bundle", project, "-o", folder / "bundle.tar", *options)
    console.succeed("verify", folder / "bundle.tar")
    with tarfile.open(folder / "bundle.tar") as bundle:
        bundle.extract("images/images.tar", folder, filter="data")
    return folder / "images" / "images.tar"


@pytest.fixture(scope="module")
def running_docker() -> Iterator[Docker]:
    """One daemon for the tests of this module."""
    with empty_docker() as daemon:
        yield daemon


@pytest.fixture
def docker(running_docker: Docker) -> Docker:
    """Docker without images."""
    running_docker.empty()
    return running_docker


@pytest.fixture(scope="module")
def running_containerd() -> Iterator[Containerd]:
    """One daemon for the tests of this module."""
    with empty_containerd() as daemon:
        yield daemon


@pytest.fixture
def containerd(running_containerd: Containerd) -> Containerd:
    """An empty containerd, without images."""
    running_containerd.empty()
    return running_containerd


@pytest.fixture
def podman() -> Iterator[Podman]:
    """Podman with an empty storage."""
    with empty_podman() as running:
        yield running


def _easy(pushed: EveryKind) -> list[str]:
    return [reference for reference in pushed.roots if "zstd" not in reference]


def test_docker_loads_every_image(packed: Packed, docker: Docker) -> None:
    """By docker load, all images come under their full names, and pinned ones by ID: no tag stands for another image."""
    docker.run("load", "--input", str(packed.without_zstd()))
    pushed = packed.pushed
    names = {
        reference if "@" not in reference else pushed.identity(reference): pushed.identity(reference)
        for reference in _easy(pushed)
    }
    assert docker.images() == names


def test_bundle_tells_of_layers_packed_with_zstd(packed: Packed) -> None:
    """Whoever makes the bundle is told who will refuse some of its images, and nothing where nobody will."""
    again = packed.console.folder / "again.tar"
    said = packed.console.succeed("bundle", "sample", "-o", again).err
    assert "1 image has layers" in said
    assert "zstd: Docker before version 23" in said
    assert "zstd" not in packed.console.succeed("bundle", "docker", "-o", again).said


def test_docker_20_refuses_layers_packed_with_zstd(packed: Packed, docker: Docker) -> None:
    """Docker 20.10 stops at the image that it cannot unpack, which is why this has to be said beforehand."""
    done = docker.tried("load", "--input", str(packed.tar))
    assert done.returncode != 0
    assert packed.pushed.named("zstd") not in docker.images()


def test_podman_loads_every_image(packed: Packed, podman: Podman) -> None:
    """By podman load, all images come with their IDs, those with layers packed by zstd too."""
    podman.run("load", "--quiet", "--input", str(packed.tar))
    pushed = packed.pushed
    rows = podman.run("images", "--all", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")
    found = {tuple(row.split()) for row in rows.splitlines()}
    assert found == {
        ("<none>:<none>" if "@" in reference else reference, pushed.identity(reference))
        for reference in pushed.roots
    }


def test_containerd_imports_every_image(packed: Packed, containerd: Containerd) -> None:
    """By ctr images import, all come with the digests that were pushed, and are unpacked; artifacts do not disturb it."""
    done = containerd.load(packed.tar)
    assert done.returncode == 0, done.stderr
    pushed, found = packed.pushed, containerd.images()
    assert {name: found[name] for name in pushed.roots} == {
        name: root.digest for name, root in pushed.roots.items()
    }
    assert set(pushed.roots) <= containerd.unpacked()
    # Docker's types have a second entry, for skopeo: it is there at its own digest and takes nobody's name.
    others = set(found) - set(pushed.roots)
    assert others == {f"{name.rpartition(':')[0]}@{found[other]}" for name in pushed.roots
                      if name.endswith(("schema2:1", "list:1"))
                      for other in others if other.startswith(name.rpartition(":")[0])}  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
def test_skopeo_copies_every_image_from_the_layout(packed: Packed, platform: str, tmp_path: Path) -> None:
    """oci-archive: finds every image by its full name, Docker's types too, and gives each platform's manifest unchanged."""
    architecture = platform.partition("/")[2]
    for number, (reference, root) in enumerate(packed.pushed.roots.items()):
        target = tmp_path / str(number)
        skopeo(
            "--override-arch",
            architecture,
            "copy",
            "--quiet",
            f"oci-archive:{packed.tar}:{reference}",
            f"dir:{target}",
        )
        data = (target / "manifest.json").read_bytes()
        assert json.loads(data)["config"]["digest"] == packed.pushed.identity(reference, platform)
        if len(packed.pushed.configs[reference]) == 1:
            assert "sha256:" + hashlib.sha256(data).hexdigest() == root.digest


def test_skopeo_copies_whole_indexes_from_the_layout(packed: Packed, tmp_path: Path) -> None:
    """With --all an OCI index comes out with the digest that was pushed."""
    reference = packed.pushed.named("index")
    skopeo("copy", "--quiet", "--all", f"oci-archive:{packed.tar}:{reference}", f"dir:{tmp_path / 'copied'}")
    data = (tmp_path / "copied" / "manifest.json").read_bytes()
    assert "sha256:" + hashlib.sha256(data).hexdigest() == packed.pushed.roots[reference].digest


def test_skopeo_reads_every_tag_as_docker_archive(packed: Packed) -> None:
    """docker-archive: finds every tag, of either registry, with the config that was pushed."""
    for reference in packed.pushed.tagged:
        raw = skopeo("inspect", "--raw", f"docker-archive:{packed.tar}:{reference}")
        assert json.loads(raw)["config"]["digest"] == packed.pushed.identity(reference)


def test_artifacts_are_in_the_layout_by_digest(packed: Packed) -> None:
    """Signature, SBOM and chart come along whole, under an annotation that no runtime takes for an image's name."""
    with tarfile.open(packed.tar) as tar:
        member = tar.extractfile("index.json")
        assert member is not None
        entries = {entry["digest"]: entry["annotations"] for entry in json.load(member)["manifests"]}
        names = set(tar.getnames())
    for artifact in packed.pushed.artifacts.values():
        assert list(entries[artifact.digest]) == ["io.archiver.artifact.name"]
        assert {
            f"blobs/{digest.replace(':', '/')}" for digest in (artifact.digest, *artifact.layers)
        } <= names


# ---- one platform of several


def test_a_sparse_index_loads_where_its_platform_is_wanted(packed: Packed, containerd: Containerd) -> None:
    """Packed for one platform, an index keeps its digest, and ctr imports it on a machine of that platform."""
    done = containerd.load(packed.tars["linux/amd64"])
    assert done.returncode == 0, done.stderr
    reference = packed.pushed.named("index")
    assert containerd.images()[reference] == packed.pushed.roots[reference].digest
    assert reference in containerd.unpacked()


def test_a_sparse_index_of_another_platform_wants_that_said(packed: Packed, containerd: Containerd) -> None:
    """By default ctr looks for this machine's platform in an index, and has to be told the other one with --platform."""
    tar = packed.tars["linux/arm64"]
    assert containerd.load(tar).returncode != 0
    done = containerd.load(tar, "--platform", "linux/arm64")
    assert done.returncode == 0, done.stderr
    reference = packed.pushed.named("index")
    assert containerd.images()[reference] == packed.pushed.roots[reference].digest


def test_a_sparse_index_is_nothing_for_all_platforms(packed: Packed, tmp_path: Path) -> None:
    """What wants all platforms of an index fails at one that is not packed; skopeo by default takes one."""
    reference = packed.pushed.named("index")
    source = f"oci-archive:{packed.tars['linux/arm64']}:{reference}"
    command = ["skopeo", "copy", "--all", source, f"dir:{tmp_path / 'all'}"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    skopeo("--override-arch", "arm64", "copy", "--quiet", source, f"dir:{tmp_path / 'one'}")
    config = json.loads((tmp_path / "one" / "manifest.json").read_bytes())["config"]["digest"]
    assert config == packed.pushed.identity(reference, "linux/arm64")


def test_docker_and_podman_load_the_platform_that_is_packed(packed: Packed, podman: Podman) -> None:
    """Narrowed to another platform, the tar gives docker load and podman load that one under the image's name."""
    podman.run("load", "--quiet", "--input", str(packed.tars["linux/arm64"]))
    for kind in ("index", "list"):
        reference = packed.pushed.named(kind)
        identity = podman.run("image", "inspect", "--format", "{{.Id}}", reference).strip()
        assert f"sha256:{identity}" == packed.pushed.identity(reference, "linux/arm64")
