"""Where the keeper's credentials come from."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from archiver.collect.images.credentials import credentials_of
from archiver.core.errors import SpecError
from archiver.core.logins import Credential
from archiver.spec.access import Auth
from archiver.spec.registries import RegistrySettings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_spec_s_own_come_first(tmp_path: Path) -> None:
    """They are read from the environment, for that registry alone; a variable that is not set is an error."""
    known = b64encode(b"keeper:docker").decode()
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(
        json.dumps({"auths": {name: {"auth": known} for name in ("quay.io", "ghcr.io")}})
    )
    auth = Auth(username="${NAME}", password="${SECRET}")
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": "/nonexistent", "NAME": "me", "SECRET": "mine"}
    credentials = credentials_of({"quay.io": RegistrySettings(auth=auth)}, environment)
    assert credentials.find("quay.io", "x") == Credential("me", "mine")
    assert credentials.find("ghcr.io", "x") == Credential("keeper", "docker")
    del environment["SECRET"]
    with pytest.raises(SpecError, match="SECRET is not set"):
        credentials_of({"quay.io": RegistrySettings(auth=auth)}, environment)
