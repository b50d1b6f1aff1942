"""Every command of a bundle's README.txt, run as it stands there: by bash, with the tools that it names.

What it says for Windows cannot be run here; its form is checked.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Iterator, cast
from urllib.parse import urlsplit

import pytest

from servers.console import Console, fetch
from servers.containerd import Containerd, empty_containerd
from servers.dockerd import Docker, empty_docker
from servers.podman import Podman, empty_podman
from servers.processes import end, free_port, need, running, wait_until
from servers.real import docker_registry, skopeo
from servers.small_archive import IMAGE, SNAPSHOT, html, small_archive

NAME = f"small-{SNAPSHOT}.tar"
LATER = "20260401T120000Z"
UPDATE = f"small-{LATER}-since-{SNAPSHOT}.tar"
SIGNER = "keeper@example.org"
PROGRAM = "Take out the reading program"
_BLOCK = re.compile(r"^  (\S.*?)(?: \(([^()]*)\))?:\n\n((?:    .*\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Reader:
    """Someone with a bundle, a shell and a Python.

    Attributes:
        folder: where the bundle is.
        readme: its README.txt.
        environment: the shell's variables.
    """

    folder: Path
    readme: str
    environment: dict[str, str]

    def lines(self, caption: str, system: str = "Linux") -> str:
        """Return what the README says to type below a caption."""
        found = [
            lines
            for name, systems, lines in _BLOCK.findall(self.readme)
            if name == caption and (not systems or system in systems)
        ]
        assert found, f"nothing is captioned {caption!r} for {system}"
        return "".join(line[4:] for line in found[0].splitlines(keepends=True))

    def type(self, *captions: str, **instead: str) -> str:
        """Type what stands below captions into one shell, with some words replaced by others; return its output."""
        script = "".join(map(self.lines, captions))
        for said, meant in instead.items():
            assert said in script
            script = script.replace(said, meant)
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=[sys.executable, "pypy3"])
def interpreter(request: pytest.FixtureRequest) -> str:
    """The Python that the reader has."""
    need(request.param)
    return str(shutil.which(request.param))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the bundle, whole, in volumes and signed, an update of it, and the line for allowed signers."""
    console = Console(tmp_path_factory.mktemp("keeper"))
    archive = small_archive(console.folder / "archives")
    archive.file("https://dl.example.org/large.bin", random.Random(1).randbytes(2_500_000))
    archive.finish()
    console.succeed("bundle", "small")
    console.succeed("bundle", "small", "-o", _new(console.folder / "volumes"), "--volume-size", "1MiB")
    key = console.folder / "key"
    need("ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    console.write("allowed_signers", f"{SIGNER} {key.with_suffix('.pub').read_text()}")
    console.succeed("bundle", "small", "-o", _new(console.folder / "signed"), "--sign", key)
    archive.page("https://docs.example.org/new.html", html("New", "A new page"), timestamp="20260401120001")
    archive.image("docker.io/library/small:2.0", ("linux/amd64", "linux/arm64"), salt="2", shared=b"base")
    archive.file("https://dl.example.org/releases/tool-2.0.tar.gz", b"tool" * 6000)
    archive.finish(LATER)
    console.succeed("bundle", "small", "--since", NAME)
    return console.folder


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _reader(bundle: Path, folder: Path, interpreter: str) -> Reader:
    with tarfile.open(bundle) as tar:
        readme = cast("IO[bytes]", tar.extractfile("README.txt")).read().decode()
    programs = _new(folder / "programs")
    python = programs / "python3"
    python.write_text(f'#!/bin/sh\nexec {interpreter} -I "$@"\n')
    python.chmod(0o755)
    home = _new(folder / "home")
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
    }
    return Reader(folder, readme, environment)


@pytest.fixture
def reader(made: Path, tmp_path: Path, interpreter: str) -> Reader:
    """A reader with the whole bundle."""
    os.link(made / NAME, tmp_path / NAME)
    return _reader(made / NAME, tmp_path, interpreter)


@pytest.fixture
def reader_of_update(made: Path, tmp_path: Path, interpreter: str) -> Reader:
    """A reader who has had the bundle, and gets an update."""
    for name in (NAME, UPDATE):
        os.link(made / name, tmp_path / name)
    return _reader(made / UPDATE, tmp_path, interpreter)


@pytest.fixture
def reader_of_volumes(made: Path, tmp_path: Path, interpreter: str) -> Reader:
    """A reader with nothing but volumes."""
    shutil.copytree(made / "volumes", tmp_path, dirs_exist_ok=True)
    return _reader(made / NAME, tmp_path, interpreter)


def test_the_reading_program_checks_the_bundle(reader: Reader) -> None:
    """Taken out, it reads every byte and says that all is as it was made."""
    assert "whole" in reader.type(PROGRAM, "Check every byte")


def test_every_system_s_own_tools_check_the_files(reader: Reader) -> None:
    """Unpacked, sha256sum finds each file right, and none is left unchecked; shasum's line does the same."""
    told = reader.type("Unpack it", "Check the files").splitlines()
    unpacked = reader.folder / NAME.removesuffix(".tar")
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert set(told) == {f"{name}: OK" for name in there - {"SHA256SUMS"}}
    need("shasum")
    (line,) = reader.lines("Check the files", "macOS").splitlines()
    done = subprocess.run(
        ["bash", "-ec", line],
        cwd=unpacked,
        capture_output=True,
        text=True,
        check=False,
        env=reader.environment,
    )
    assert done.stdout.splitlines() == told


def test_reading_and_searching(reader: Reader) -> None:
    """It serves to this machine, or to the network; it searches in the terminal."""
    reader.type(PROGRAM)
    for caption, told in (("Start reading", "Only this machine"), ("Serve your network", "Every machine"),
                          ("On the machine that has it", "Every machine")):  # fmt: skip
        with _serving(reader, caption) as (url, said):
            assert b"Small Project" in fetch(url)
        assert told in said
    assert "https://docs.example.org/" in reader.type("Search", **{"some words": "fox"})


def test_taking_out_downloads(reader: Reader) -> None:
    """With tar, or checked by the program, which finds that all is there already."""
    reader.type("With tar")
    path = reader.folder / "files/dl.example.org/releases/tool-1.0.tar.gz"
    assert path.read_bytes() == b"tool" * 5000
    reader.type(PROGRAM, "Checked on the way")
    path.unlink()
    reader.type("Checked on the way")
    assert path.read_bytes() == b"tool" * 5000


def test_volumes_are_opened_in_place_checked_and_joined(made: Path, reader_of_volumes: Reader) -> None:
    """The program comes out of the first one; each is checked by its sum; joined they are the very bundle."""
    reader = reader_of_volumes
    assert not (reader.folder / NAME).exists()
    assert (reader.folder / f"{NAME}.003").exists()
    reader.type("Take the reading program out of the first part")
    assert "whole" in reader.type("Check every byte", **{NAME: f"{NAME}.001"})
    assert "FAILED" not in reader.type("Check the parts")
    reader.type("Take files out of the parts")
    assert (reader.folder / "images/images.tar").is_file()
    reader.type("Join the parts")
    assert (reader.folder / NAME).read_bytes() == (made / NAME).read_bytes()


def test_what_macos_and_windows_are_told_of_volumes(reader_of_volumes: Reader) -> None:
    """Their tar, which is libarchive's, takes the program out of the first part and stops."""
    need("bsdtar")
    line = reader_of_volumes.lines("Take the reading program out of the first part", "macOS")
    assert line == reader_of_volumes.lines("Take the reading program out of the first part", "Windows")
    subprocess.run(["bash", "-ec", f"bsd{line}"], cwd=reader_of_volumes.folder, check=True)
    assert (reader_of_volumes.folder / "archiver.pyz").is_file()


def test_a_signature_is_checked_with_and_without_the_program(
    made: Path, tmp_path: Path, interpreter: str
) -> None:
    """The program names the signer; so does ssh-keygen, in the folder where all was unpacked."""
    os.link(made / "signed" / NAME, tmp_path / NAME)
    reader = _reader(tmp_path / NAME, tmp_path, interpreter)
    shutil.copy(made / "allowed_signers", tmp_path)
    assert SIGNER in reader.type(PROGRAM, "Check every byte and who signed")
    told = reader.type("Unpack it", "Check the files", "Check the signature", **{"you@example.org": SIGNER})
    assert told.splitlines()[-2] == SIGNER
    assert told.splitlines()[-1].startswith(f'Good "archiver-bundle" signature for {SIGNER} ')


def test_it_is_taken_into_an_archive(reader: Reader) -> None:
    """What comes of it is an archive folder that the program searches."""
    reader.type(PROGRAM, "Take it in")
    assert (reader.folder / "archives/small/good").is_file()


def test_an_update_is_put_together_with_what_it_builds_on(reader_of_update: Reader) -> None:
    """Both are checked together; loaded into one folder they are read there, the new page and the old ones."""
    reader = reader_of_update
    assert reader.type(PROGRAM, "Check every byte").count("whole") == 2
    reader.type("Put both together")
    with _serving(reader, "Start reading") as (url, _):
        assert b"Small Project" in fetch(url)
    for word in ("fox", "new"):
        assert "https://docs.example.org/" in reader.type("Search", **{"some words": word})
    reader.type("With tar")
    there = {path.name for path in (reader.folder / "files").rglob("*") if path.is_file()}
    assert there == {"tool-2.0.tar.gz"}


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    """An empty docker."""
    with empty_docker() as running:
        yield running


@pytest.fixture(scope="module")
def containerd() -> Iterator[Containerd]:
    """An empty containerd."""
    with empty_containerd() as running:
        yield running


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """An empty podman."""
    with empty_podman() as running:
        yield running


def test_docker_gets_the_images(docker: Docker, reader: Reader) -> None:
    """By the program straight from the bundle, by hand from images.tar, or pulled from what the program serves."""
    reader.environment.update(docker.environment)
    reader.type(PROGRAM, "Docker")
    assert "small:1.0" in docker.images()
    docker.empty()
    reader.type("Take them out", "Docker, by its own command")
    assert "small:1.0" in docker.images()
    docker.empty()
    with _serving(reader, "On the machine that has it") as (url, _):
        reader.type("Pull with Docker", **{"localhost:5000": urlsplit(url).netloc})
    assert any("library/small" in name for name in docker.images())


def test_podman_gets_the_images(podman: Podman, reader: Reader) -> None:
    """Likewise."""
    reader.environment.update(podman.installed(reader.folder / "podman"))
    reader.environment["PATH"] = f"{reader.folder / 'programs'}:{reader.environment['PATH']}"
    reader.type(PROGRAM, "Podman")
    assert IMAGE in podman.run("images", "--format", "{{.Repository}}:{{.Tag}}")
    podman.run("rmi", "--all", "--force")
    reader.type("Take them out", "Podman, by its own command")
    assert IMAGE in podman.run("images", "--format", "{{.Repository}}:{{.Tag}}")
    with _serving(reader, "On the machine that has it") as (url, _):
        reader.type("Pull with Podman", **{"localhost:5000": urlsplit(url).netloc})


def test_containerd_gets_the_images(containerd: Containerd, reader: Reader) -> None:
    """By the program, and by hand."""
    reader.environment.update(containerd.environment)
    reader.type(PROGRAM, "Kubernetes nodes with containerd, as root")
    assert IMAGE in containerd.images()
    containerd.empty()
    reader.type("Take them out", "containerd, by its own command")
    assert IMAGE in containerd.images()


def test_a_registry_gets_the_images(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Pushed with their digests, and the folder for the nodes is there."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as registry:
        reader.type(
            PROGRAM, "Push to a registry", **{"registry.example.org/mirror": f"{registry.host}/mirror"}
        )
        raw = skopeo(
            "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/mirror/library/small:1.0"
        )
    assert f"sha256:{hashlib.sha256(raw.encode()).hexdigest()}" in reader.readme
    assert (reader.folder / "for-nodes/README.txt").is_file()


def test_an_update_s_images_come_with_those_that_it_builds_on(
    docker: Docker, reader_of_update: Reader
) -> None:
    """Given both bundles, the runtime has all images of the newer one."""
    reader = reader_of_update
    reader.environment.update(docker.environment)
    reader.type(PROGRAM, "Docker")
    assert {"small:1.0", "small:2.0"} <= set(docker.images())
    docker.empty()


def test_no_command_is_left_out(made: Path) -> None:
    """Every caption of the three READMEs is one that a test here types what stands below."""
    own = Path(__file__).read_text("utf-8")
    captions: set[str] = set()
    for bundle in (made / NAME, made / "signed" / NAME, made / UPDATE):
        with tarfile.open(bundle) as tar:
            readme = cast("IO[bytes]", tar.extractfile("README.txt")).read().decode()
        captions |= {caption for caption, _, _ in _BLOCK.findall(readme)}
    assert len(captions) > 20
    assert not {caption for caption in captions if f'"{caption}"' not in own}


@contextmanager
def _serving(reader: Reader, caption: str) -> Iterator[tuple[str, str]]:
    """Run a command that serves, on a free port, while the block lasts; give its address and what it has said."""
    port, log = free_port(), reader.folder / "serve.log"
    line = re.sub(r" --port [0-9]+", "", reader.lines(caption).strip())
    command = ["bash", "-ec", f"exec {line} --port {port}"]
    with running(command, log=log, env=reader.environment, cwd=reader.folder) as process:
        wait_until(lambda: b"Ctrl-C ends it." in log.read_bytes(), process, what=f"{line} ({log})")
        yield f"http://127.0.0.1:{port}/", log.read_text("utf-8")
        assert end(process) == 0
