"""Keys that bundles are signed with: what keeps one from signing."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from archiver.bundle.signing import signing_key
from archiver.core.errors import SigningFailed

if TYPE_CHECKING:
    from pathlib import Path


def test_an_agent_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's path has a hundred characters at most: no passphrase is asked for that nobody would keep."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", str(key)], check=True)
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(SigningFailed, match="ssh-agent") as refused, signing_key(key):
        pass
    assert "TMPDIR" in str(refused.value.hint)
    assert not list(folder.iterdir())
