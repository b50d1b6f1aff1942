"""``load --into docker|podman|containerd``: images go from a bundle into real runtimes, through a pipe, or not at all."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.console import Console
from servers.containerd import Containerd, empty_containerd
from servers.content import packed as layer
from servers.dockerd import Docker, empty_docker
from servers.everykind import DOCKER, DOCKER_LIST, PLATFORMS, SHARED, EveryKind, every_kind
from servers.mirroring import Project
from servers.podman import Podman, empty_podman
from servers.processes import need, wait_until
from servers.registry import serving

if TYPE_CHECKING:
    from pathlib import Path

# Debian's client first: it belongs to the daemon that is tested with.
PATH = f"/usr/bin:{os.environ['PATH']}"


@dataclass(frozen=True)
class Packed:
    """Images of every kind; ``bundle`` has them all, ``easy`` what docker 20.10 can unpack, ``arm`` one platform."""

    pushed: EveryKind
    bundle: Path
    easy: Path
    arm: Path

    @property
    def runnable(self) -> list[str]:
        """The references in ``easy``."""
        return [reference for reference in self.pushed.roots if "zstd" not in reference]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """Images of every kind, archived from two registries, and bundled."""
    console = Console(tmp_path_factory.mktemp("packed"))
    with serving() as first, serving() as second:
        pushed = every_kind(first, second)
        everything = {"refs": pushed.references, "platforms": list(PLATFORMS)}
        Project(console).archive(images=everything)
        easy = [reference for reference in pushed.references if "zstd" not in reference]
        Project(console, "easy").archive(images={**everything, "refs": easy})
    folder = console.folder
    console.succeed("bundle", "sample", "-o", folder / "all.tar")
    console.succeed("bundle", "easy", "-o", folder / "easy.tar")
    console.succeed("bundle", "easy", "-o", folder / "arm.tar", "--platform", "linux/arm64")
    return Packed(pushed, folder / "all.tar", folder / "easy.tar", folder / "arm.tar")


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


def _reader(folder: Path, runtime: Docker | Containerd | Podman | None = None) -> Console:
    """The program, with an environment that leads to a runtime."""
    return Console(folder, **{"PATH": PATH, **(runtime.environment if runtime else {})})


def _zipapp(
    bundle: Path, folder: Path, runtime: Docker | Containerd | Podman, python: str = "python3"
) -> Console:
    """The program that is in the bundle, by a Python without packages."""
    with tarfile.open(bundle) as tar:
        tar.extract("archiver.pyz", folder, filter="data")
    program = (shutil.which(python) or python, "-I", str(folder / "archiver.pyz"))
    return Console(folder, program, **{"PATH": PATH, **runtime.environment})


def _damaged(bundle: Path, digest: str, folder: Path) -> Path:
    """Return a copy of a bundle in which a byte of a blob is another."""
    with tarfile.open(bundle) as tar:
        member = tar.extractfile("bundle.json")
        assert member is not None
        blobs = {blob["digest"]: blob for blob in json.load(member)["blobs"]}
    copy = folder / "damaged.tar"
    data = bytearray(bundle.read_bytes())
    data[blobs[digest]["offset"] + blobs[digest]["size"] // 2] ^= 1
    copy.write_bytes(data)
    return copy


# ---- what comes of it


def test_docker_has_every_image_afterwards(packed: Packed, docker: Docker, tmp_path: Path) -> None:
    """Into docker go all images with the IDs that were pushed; what it cannot take is said; the list is what is there."""
    outcome = _reader(tmp_path, docker).succeed("load", packed.easy, "--into", "docker", "--json")
    pushed = packed.pushed
    identities = {reference: pushed.identity(reference) for reference in packed.runnable}
    assert {image["reference"]: image["identity"] for image in outcome.json["images"]} == identities
    assert docker.images() == {
        identity if "@" in reference else reference: identity for reference, identity in identities.items()
    }
    assert "3 of 12 are charts, signatures or other artifacts" in outcome.err


def test_podman_has_every_image_afterwards(packed: Packed, podman: Podman, tmp_path: Path) -> None:
    """Into podman go all images, those packed with zstd too, with the IDs that were pushed."""
    outcome = _reader(tmp_path, podman).succeed("load", packed.bundle, "--into", "podman", "--json")
    pushed = packed.pushed
    assert {image["reference"]: image["identity"] for image in outcome.json["images"]} == {
        reference: pushed.identity(reference) for reference in pushed.roots
    }
    for reference in pushed.tagged:
        podman.run("image", "exists", reference)


def test_containerd_has_every_image_afterwards(
    packed: Packed, containerd: Containerd, tmp_path: Path
) -> None:
    """Into containerd go all images under their full names with the digests that were pushed, ready to run."""
    outcome = _reader(tmp_path, containerd).succeed("load", packed.bundle, "--into", "containerd", "--json")
    digests = {reference: root.digest for reference, root in packed.pushed.roots.items()}
    assert {image["reference"]: image["identity"] for image in outcome.json["images"]} == digests
    assert containerd.images() == digests
    assert containerd.unpacked() == set(digests)


def test_containerd_takes_platforms_of_other_machines(
    packed: Packed, containerd: Containerd, tmp_path: Path
) -> None:
    """A bundle of another platform goes in too: ctr is told which platform of an index there is."""
    _reader(tmp_path, containerd).succeed("load", packed.arm, "--into", "containerd", "--namespace", "k8s.io")
    reference = packed.pushed.named("index")
    assert containerd.images()[reference] == packed.pushed.roots[reference].digest


def test_containerd_takes_dockers_image_of_another_machine(
    console: Console, containerd: Containerd, tmp_path: Path
) -> None:
    """Where ctr by hand ends with an error behind all images, at the entry that stands there for skopeo, load does not."""
    with serving() as registry:
        for architecture in ("amd64", "arm64"):
            name = f"team/tool:1-{architecture}"
            registry.image(name, SHARED, layer(name), platform=f"linux/{architecture}", **DOCKER)
        names = {f"{registry.host}/team/tool:1-{architecture}" for architecture in ("amd64", "arm64")}
        Project(console).archive(images={"refs": sorted(names), "platforms": list(PLATFORMS)})
    bundle = tmp_path / "tools.tar"
    console.succeed("bundle", "sample", "-o", bundle)
    with tarfile.open(bundle) as tar:
        tar.extract("images/images.tar", tmp_path, filter="data")
    assert containerd.load(tmp_path / "images/images.tar").returncode != 0
    assert names <= set(containerd.images())
    containerd.empty()
    _reader(tmp_path, containerd).succeed("load", bundle, "--into", "containerd")
    assert set(containerd.images()) == names
    assert containerd.unpacked() == names


def test_only_what_is_named_is_loaded(packed: Packed, docker: Docker, tmp_path: Path) -> None:
    """With --image nothing but that is sent, and the rest of the bundle does not matter: neither zstd nor artifacts."""
    wanted = [packed.pushed.named("schema2"), packed.pushed.named("list")]
    options = [option for reference in wanted for option in ("--image", reference)]
    outcome = _reader(tmp_path, docker).succeed("load", packed.bundle, "--into", "docker", *options)
    assert sorted(docker.images()) == sorted(wanted)
    for reference in wanted:
        assert f"{reference} linux/amd64 {packed.pushed.identity(reference)}" in outcome.out
    assert "2 images in docker" in outcome.out


@pytest.mark.parametrize("python", ["pypy3", "python3"])
def test_the_program_in_the_bundle_loads_it(
    packed: Packed, docker: Docker, tmp_path: Path, python: str
) -> None:
    """archiver.pyz does it with nothing installed, on Python 3.9 too."""
    need(python)
    reference = packed.pushed.named("single")
    reader = _zipapp(packed.bundle, tmp_path, docker, python)
    reader.succeed("load", packed.bundle, "--into", "docker", "--image", reference)
    assert docker.images() == {reference: packed.pushed.identity(reference)}


def test_volumes_are_loaded_in_place(console: Console, docker: Docker, tmp_path: Path) -> None:
    """A bundle in volumes is loaded without being joined, named by all of its volumes and their list."""
    with serving() as registry:
        image = registry.image("team/large:1", layer(random.Random(1).randbytes(1 << 20).hex()))
        Project(console).archive(images={"refs": [f"{registry.host}/team/large:1"]})
    console.succeed("bundle", "sample", "-o", "large.tar", "--volume-size", "1MiB")
    volumes = sorted(tmp_path.glob("large.tar.*"))
    assert [volume.name for volume in volumes[:2]] == ["large.tar.001", "large.tar.002"]
    _reader(tmp_path, docker).succeed("load", *volumes, "--into", "docker")
    assert list(docker.images().values()) == [image.config]


def test_nothing_is_copied_on_the_way(packed: Packed, docker: Docker, tmp_path: Path) -> None:
    """The program itself writes no file: where nothing can be written it loads all the same."""
    folder = tmp_path / "temporary"
    folder.mkdir(mode=0o500)
    reader = _reader(tmp_path, docker)
    reader.environment["TMPDIR"] = str(folder)
    before = set(tmp_path.iterdir())
    reader.succeed("load", packed.easy, "--into", "docker", "--image", packed.pushed.named("single"))
    assert set(tmp_path.iterdir()) == before
    assert not list(folder.iterdir())


# ---- what is refused


@pytest.mark.parametrize("runtime", ["docker", "podman", "containerd"])
def test_a_damaged_blob_is_never_loaded(
    packed: Packed, request: pytest.FixtureRequest, tmp_path: Path, runtime: str
) -> None:
    """Where a blob is not what its digest says the runtime is stopped before it has all: it has no image then, exit 5."""
    daemon = request.getfixturevalue(runtime)
    last = max(packed.pushed.identity(reference) for reference in packed.runnable)
    damaged = _damaged(packed.easy, last, tmp_path)
    outcome = _reader(tmp_path, daemon).run("load", damaged, "--into", runtime)
    assert outcome.code == 5, outcome.said
    assert last in outcome.err
    assert "Traceback" not in outcome.err
    if isinstance(daemon, Podman):
        assert not daemon.run("images", "--all", "--quiet").split()
    else:
        assert not daemon.images()


def test_layers_that_docker_cannot_unpack_are_refused_beforehand(
    packed: Packed, docker: Docker, tmp_path: Path
) -> None:
    """Docker before 23 would fail in the middle: it is told by name, with what to do, and nothing is sent."""
    outcome = _reader(tmp_path, docker).run("load", packed.bundle, "--into", "docker")
    assert outcome.code == 2
    assert f"cannot unpack layers packed with zstd: {packed.pushed.named('zstd')}" in outcome.err
    assert "docker 23" in outcome.err
    assert not docker.images()


@pytest.mark.parametrize("runtime", ["docker", "containerd"])
def test_a_daemon_that_does_not_run_is_told(packed: Packed, tmp_path: Path, runtime: str) -> None:
    """Without the daemon the answer is what the runtime's own command says, and a hint; exit 2."""
    reader = _reader(tmp_path)
    reader.environment.update(
        DOCKER_HOST=f"unix://{tmp_path}/none", CONTAINERD_ADDRESS=str(tmp_path / "none"), TIMEOUT="1"
    )
    outcome = reader.run("load", packed.easy, "--into", runtime)
    assert outcome.code == 2
    assert "none" in outcome.err
    assert "is its daemon running" in outcome.err


@pytest.mark.parametrize("runtime", ["docker", "podman", "containerd"])
def test_a_missing_command_is_told(packed: Packed, tmp_path: Path, runtime: str) -> None:
    """Where the runtime's command is not installed that is what is said; exit 2."""
    reader = _reader(tmp_path)
    reader.environment["PATH"] = str(tmp_path)
    outcome = reader.run("load", packed.easy, "--into", runtime)
    assert outcome.code == 2
    assert "there is no such command on this machine" in outcome.err


def test_what_the_runtime_says_when_it_refuses_is_told(packed: Packed, tmp_path: Path) -> None:
    """A runtime that fails in the middle ends the load with its own words; exit 3."""
    program = tmp_path / "docker"
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = version ]; then echo 27.0.1 linux/amd64; exit; fi\n'
        "head -c 1000 >/dev/null; echo 'no space left on device' >&2; exit 1\n"
    )
    program.chmod(0o755)
    reader = _reader(tmp_path)
    reader.environment["PATH"] = f"{tmp_path}:{PATH}"
    outcome = reader.run("load", packed.bundle, "--into", "docker")
    assert outcome.code == 3
    assert "ended with exit code 1: no space left on device" in outcome.err


def test_an_interrupted_load_stops_the_runtime(packed: Packed, tmp_path: Path) -> None:
    """Ctrl-C ends the runtime's command before its input ends; exit 130."""
    program, seen = tmp_path / "docker", tmp_path / "seen"
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = version ]; then echo 27.0.1 linux/amd64; exit; fi\n'
        f"head -c 512 >/dev/null; echo $$ >{seen}.new; mv {seen}.new {seen}; trap '' INT TERM; exec tail -f /dev/null\n"
    )
    program.chmod(0o755)
    reader = _reader(tmp_path)
    reader.environment["PATH"] = f"{tmp_path}:{PATH}"
    with reader.started("load", packed.easy, "--into", "docker") as process:
        wait_until(seen.exists, process, what="the runtime's command has begun to read")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    child = int(seen.read_text())
    assert subprocess.run(["/bin/kill", "-0", str(child)], capture_output=True, check=False).returncode != 0


def test_an_image_that_is_not_there_is_told(packed: Packed, docker: Docker, tmp_path: Path) -> None:
    """A name that no image has is wrong usage, with the names that there are; a chart is nothing to load."""
    reader = _reader(tmp_path, docker)
    outcome = reader.run("load", packed.easy, "--into", "docker", "--image", "docker.io/library/redis:7")
    assert outcome.code == 2
    assert "there is no such image" in outcome.err
    assert packed.pushed.named("single") in outcome.err
    chart = next(reference for reference in packed.pushed.references if "chart" in reference)
    outcome = reader.run("load", packed.easy, "--into", "docker", "--image", chart)
    assert outcome.code == 2
    assert "there is no image to load" in outcome.err


# ---- deltas, signatures and folders


@dataclass(frozen=True)
class Delta:
    """A bundle, and a delta that builds on it; an index of which one image is new, and a manifest list that is not.

    ``identities`` are the images' IDs for this machine.
    """

    base: Path
    delta: Path
    image: str
    identities: dict[str, str]


@pytest.fixture(scope="module")
def delta(tmp_path_factory: pytest.TempPathFactory) -> Delta:
    """An image of two platforms, of which that for other machines is another one the next day, and one that stays."""
    console = Console(tmp_path_factory.mktemp("delta"))
    with serving() as registry:
        project = Project(console)
        here = registry.image("team/app", SHARED, layer("for this machine"))
        stays = registry.image("team/list", SHARED, layer("stays"), **DOCKER)
        other = registry.image("team/list", SHARED, layer("too"), platform=PLATFORMS[1], **DOCKER)
        index = registry.index("team/list:0", (stays, PLATFORMS[0]), (other, PLATFORMS[1]))
        registry.manifest(
            "team/list:1", json.loads(registry.content(index.digest)) | {"mediaType": DOCKER_LIST}
        )
        identities = {
            f"{registry.host}/team/app:1": here.config,
            f"{registry.host}/team/list:1": stays.config,
        }
        for day in ("first", "second"):
            there = registry.image("team/app", SHARED, layer(f"{day} for others"), platform=PLATFORMS[1])
            registry.index("team/app:1", (here, PLATFORMS[0]), (there, PLATFORMS[1]))
            project.archive(images={"refs": list(identities), "platforms": list(PLATFORMS)})
            since = ["--since", console.folder / "first.tar"] if day == "second" else []
            console.succeed("bundle", "sample", "-o", console.folder / f"{day}.tar", *since)
    return Delta(
        console.folder / "first.tar", console.folder / "second.tar", next(iter(identities)), identities
    )


@pytest.mark.parametrize("order", [1, -1])
def test_a_delta_is_loaded_with_its_base(delta: Delta, docker: Docker, tmp_path: Path, order: int) -> None:
    """The images of the newest bundle come together from the blobs of all, in whatever order they are named."""
    bundles = (delta.base, delta.delta)[::order]
    reader = _reader(tmp_path, docker)
    reader.succeed("verify", *bundles)
    reader.succeed("load", *bundles, "--into", "docker")
    assert docker.images() == delta.identities


@pytest.mark.parametrize("runtime", ["docker", "containerd"])
def test_a_delta_alone_loads_nothing(
    delta: Delta, request: pytest.FixtureRequest, tmp_path: Path, runtime: str
) -> None:
    """Without its base a delta's images are named as not whole, and no other platform's image takes their names; exit 5."""
    daemon = request.getfixturevalue(runtime)
    outcome = _reader(tmp_path, daemon).run("load", delta.delta, "--into", runtime)
    assert outcome.code == 5
    assert f"{delta.image}: the image is not whole in what was given" in outcome.err
    assert re.search(
        r"give the bundle that the delta builds on as well: sample-\d{8}T\d{6}Z\.tar", outcome.err
    )
    assert not daemon.images()


def test_only_what_the_right_people_signed_is_loaded(packed: Packed, docker: Docker, tmp_path: Path) -> None:
    """With --signers an unsigned bundle is refused before anything is sent; exit 5."""
    need("ssh-keygen")
    signers = tmp_path / "allowed_signers"
    signers.write_text("alice@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1\n")
    outcome = _reader(tmp_path, docker).run("load", packed.easy, "--into", "docker", "--signers", signers)
    assert outcome.code == 5
    assert "not signed" in outcome.err
    assert not docker.images()


def test_a_folder_may_have_the_name_of_a_runtime(packed: Packed, tmp_path: Path) -> None:
    """``./docker`` is a folder; it takes the whole bundle, and no choice of images."""
    reader = _reader(tmp_path)
    reader.succeed("load", packed.easy, "--into", "./docker")
    assert (tmp_path / "docker" / "archive.json").is_file()
    outcome = reader.run("load", packed.easy, "--into", "./docker", "--image", packed.pushed.named("single"))
    assert outcome.code == 2
    assert "an archive folder takes whole bundles" in outcome.err
