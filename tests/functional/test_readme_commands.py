"""Every command of a bundle's README.txt, run as it stands there: by bash, with the tools that it names.

What it says for Windows cannot be run here; its form is checked.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Callable, Iterator, cast

import pytest

from servers.console import Console, fetch
from servers.processes import accepts, end, free_port, need, running, wait_until
from servers.small_archive import SNAPSHOT, small_archive

if TYPE_CHECKING:
    from pathlib import Path

NAME = f"small-{SNAPSHOT}.tar"
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
    """The folder with the bundle, whole and in volumes."""
    console = Console(tmp_path_factory.mktemp("keeper"))
    archive = small_archive(console.folder / "archives")
    archive.file("https://dl.example.org/large.bin", random.Random(1).randbytes(2_500_000))
    archive.finish()
    console.succeed("bundle", "small")
    console.succeed("bundle", "small", "-o", _new(console.folder / "volumes"), "--volume-size", "1MiB")
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
    environment = {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8"}
    return Reader(folder, readme, environment)


@pytest.fixture
def reader(made: Path, tmp_path: Path, interpreter: str) -> Reader:
    """A reader with the whole bundle."""
    os.link(made / NAME, tmp_path / NAME)
    return _reader(made / NAME, tmp_path, interpreter)


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
    for caption, host in (("Start reading", "127.0.0.1"), ("Serve your network", "0.0.0.0"),
                          ("On the machine that has it", "0.0.0.0")):  # fmt: skip
        with _serving(reader, caption) as (url, said):
            assert b"Small Project" in fetch(url)
        assert f"{host} can connect" in said() or host == "127.0.0.1"
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


@contextmanager
def _serving(reader: Reader, caption: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Run a command that serves, on a free port, while the block lasts; give its address and what it has said."""
    port, log = free_port(), reader.folder / "serve.log"
    line = re.sub(r" --port [0-9]+", "", reader.lines(caption).strip())
    command = ["bash", "-ec", f"exec {line} --port {port}"]
    with running(command, log=log, env=reader.environment, cwd=reader.folder) as process:
        wait_until(lambda: accepts(port), process, what=f"{line} ({log})")
        yield f"http://127.0.0.1:{port}/", lambda: log.read_text("utf-8")
        assert end(process) == 0
