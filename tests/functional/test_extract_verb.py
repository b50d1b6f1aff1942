"""``archiver extract``: a real bundle unpacked by the program inside of it, whole, from volumes, and signed."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from servers.console import Console
from servers.processes import need
from servers.small_archive import small_archive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``signed.tar`` and its volumes, the list of signers, and ``archiver.pyz``."""
    need("ssh-keygen")
    folder = tmp_path_factory.mktemp("made")
    small_archive(folder / "archives")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    public = (folder / "key.pub").read_text().split()
    (folder / "signers").write_text(f"keeper@example.org {public[0]} {public[1]}\n")
    console = Console(folder)
    console.succeed("bundle", "small", "-o", folder / "signed.tar", "--sign", folder / "key")
    (folder / "volumes").mkdir()
    split = ("split", "-b", "400000", "-a", "3", "--numeric-suffixes=1", folder / "signed.tar", "signed.tar.")
    subprocess.run(split, cwd=folder / "volumes", check=True)
    subprocess.run(
        "sha256sum signed.tar.* > list && mv list signed.tar.sha256",
        shell=True,
        cwd=folder / "volumes",
        check=True,
    )
    subprocess.run(["tar", "xf", folder / "signed.tar", "-C", folder, "archiver.pyz"], check=True)
    return folder


@pytest.fixture(params=["python3", "pypy3"])
def reader(request: pytest.FixtureRequest, made: Path) -> Console:
    """The program from the bundle, in a Python that has nothing installed; pypy3 is a 3.9."""
    need(request.param)
    return Console(made, (request.param, "-I", "-S", str(made / "archiver.pyz")))


@pytest.mark.parametrize("name", ["signed.tar", "volumes/signed.tar", "volumes/signed.tar.002"])
def test_the_standard_check_passes_afterwards(reader: Console, made: Path, tmp_path: Path, name: str) -> None:
    """One file or volumes, by whatever name: the same files, which sha256sum finds in order, and who signed is told."""
    outcome = reader.succeed("extract", made / name, tmp_path / "out", "--signers", made / "signers")
    assert "keeper@example.org" in outcome.said
    subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=True)
    listed = subprocess.run(
        ["tar", "tf", made / "signed.tar"], capture_output=True, text=True, check=True
    ).stdout
    there = {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert there == set(listed.splitlines())


def test_strangers_signatures_extract_nothing(reader: Console, made: Path, tmp_path: Path) -> None:
    """Where signers are named, a bundle that none of them signed is not written anywhere."""
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text().split()
    (tmp_path / "signers").write_text(f"somebody {public[0]} {public[1]}\n")
    outcome = reader.run("extract", made / "signed.tar", tmp_path / "out", "--signers", tmp_path / "signers")
    assert outcome.code == 5
    assert not (tmp_path / "out").exists()


def test_a_part_is_had_from_a_damaged_bundle(reader: Console, made: Path, tmp_path: Path) -> None:
    """A damaged image is told and left out; docs and files are still to be had, and the next run with a good copy adds it."""
    data = bytearray((made / "signed.tar").read_bytes())
    place = data.index(b"blobs/sha256/") + 600
    data[place] ^= 1
    (tmp_path / "damaged.tar").write_bytes(data)
    outcome = reader.run("extract", tmp_path / "damaged.tar", tmp_path / "out", "--json")
    assert outcome.code == 5
    assert [failure["where"] for failure in outcome.json["failed"]] == ["images/images.tar"]
    assert not (tmp_path / "out" / "images" / "images.tar").exists()
    again = reader.succeed("extract", made / "signed.tar", tmp_path / "out", "--json").json
    assert again["written"] == ["images/images.tar"]
    name = "docs/docs.wacz"
    inside = subprocess.run(["tar", "xOf", made / "signed.tar", name], capture_output=True, check=True).stdout
    assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).digest() == hashlib.sha256(inside).digest()
