"""The form of SHA256SUMS.sig, with signatures by the real ssh-keygen."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from archiver.offline.verify import verify_bundle
from servers.handmade_bundle import Bundle

if TYPE_CHECKING:
    from pathlib import Path

needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)


def signed(tmp_path: Path, namespace: str) -> tuple[bytes, bytes]:
    """Return a bundle signed with a fresh Ed25519 key, and the signature."""
    key, sums = tmp_path / "key", tmp_path / "SHA256SUMS"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signatures = []

    def sign(members: list[tuple[str, bytes]]) -> None:
        sums.write_bytes(members[-1][1])
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(sums)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        signatures.append(sums.with_suffix(".sig").read_bytes())
        members.append(("SHA256SUMS.sig", signatures[0]))

    return Bundle().pack(last=sign), signatures[0]


@needs_ssh_keygen
def test_signature_is_recognised_and_not_checked(tmp_path: Path) -> None:
    """A signed bundle verifies, and the report says that nobody looked at who signed."""
    path = tmp_path / "bundle.tar"
    path.write_bytes(signed(tmp_path, "archiver-bundle")[0])
    report = verify_bundle(path)
    assert report.problems == ()
    assert report.signature == "signature not checked"


@needs_ssh_keygen
def test_signature_for_something_else_is_found(tmp_path: Path) -> None:
    """A signature made for files of another kind does not count."""
    path = tmp_path / "bundle.tar"
    path.write_bytes(signed(tmp_path, "git")[0])
    assert [problem.code for problem in verify_bundle(path).problems] == ["signature.form"]


@needs_ssh_keygen
def test_damaged_armour_is_found(tmp_path: Path) -> None:
    """Any other armour than the one that the content gives is found: wrapping, ends, padding, fields."""
    data, signature = signed(tmp_path, "archiver-bundle")
    path = tmp_path / "bundle.tar"
    start = data.rindex(signature)
    ends = (0, 5, 28, 29, 30, 40, len(signature) - 1, len(signature) - 20, signature.index(b"\n", 40))
    for place in ends:
        damaged = bytearray(data)
        damaged[start + place] ^= 4
        path.write_bytes(damaged)
        assert [problem.code for problem in verify_bundle(path).problems] == ["signature.form"], place
