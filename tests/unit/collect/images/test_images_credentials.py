"""Where credentials come from."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from archiver.collect.images.credentials import Credential, CredentialStore, docker_config
from archiver.core.errors import AuthenticationFailed

if TYPE_CHECKING:
    from pathlib import Path

AUTH = "a2VlcGVyOnNlOmNyZXQ="  # keeper:se:cret
KEEPER = Credential("keeper", "se:cret")


def store(folder: Path, document: object) -> CredentialStore:
    """Write a configuration and open it."""
    path = folder / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return CredentialStore(path)


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put ``docker-credential-test`` into the PATH."""
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_docker_s_own_folder_is_read(tmp_path: Path) -> None:
    """DOCKER_CONFIG names the folder; without a file there are no credentials."""
    path = docker_config({"DOCKER_CONFIG": str(tmp_path)})
    assert CredentialStore(path).find("quay.io") is None
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"quay.io": {"auth": AUTH}}}))
    assert CredentialStore(path).find("quay.io") == KEEPER


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("quay.io", "quay.io"),
        ("https://quay.io/v2/", "quay.io"),
        ("localhost:5000", "localhost:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
    ],
)
def test_entries_are_found_however_they_are_written(tmp_path: Path, key: str, registry: str) -> None:
    """A bare host, a URL, and Docker Hub under any of its names; never another host's entry."""
    credentials = store(tmp_path, {"auths": {key: {"auth": AUTH}}})
    assert credentials.find(registry) == KEEPER
    assert credentials.find("other.example") is None


def test_an_empty_entry_is_no_credential(tmp_path: Path) -> None:
    """Docker leaves ``{}`` behind where a credential store has the password."""
    assert store(tmp_path, {"auths": {"quay.io": {}}}).find("quay.io") is None


@pytest.mark.parametrize("document", ["{", "[]", {"auths": {"quay.io": {"auth": "*"}}}])
def test_a_broken_configuration_is_told_with_its_place(tmp_path: Path, document: object) -> None:
    """Not JSON, not an object, not base64: the error names the file."""
    with pytest.raises(AuthenticationFailed) as caught:
        store(tmp_path, document).find("quay.io")
    assert caught.value.place == str(tmp_path / "config.json")


def test_a_helper_is_asked_by_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host goes to standard input; name and secret come as JSON; another host's helper is not asked."""
    helper(
        tmp_path, monkeypatch, 'read host; echo "{\\"Username\\":\\"$1@$host\\",\\"Secret\\":\\"se:cret\\"}"'
    )
    credentials = store(tmp_path, {"credHelpers": {"quay.io": "test"}})
    assert credentials.find("quay.io") == Credential("get@quay.io", "se:cret")
    assert credentials.find("other.example") is None


def test_a_store_is_asked_for_docker_hub_by_its_old_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker Hub's key is a URL, and ``<token>`` as a name means an identity token."""
    helper(
        tmp_path,
        monkeypatch,
        'read host; test "$host" = https://index.docker.io/v1/ && echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"t\\"}"',
    )
    assert store(tmp_path, {"credsStore": "test"}).find("docker.io") == Credential(identity_token="t")


def test_a_helper_without_an_answer_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that the helper does not have are looked for in the configuration itself."""
    helper(tmp_path, monkeypatch, 'echo "credentials not found in native keychain"; exit 1')
    document = {"credsStore": "test", "auths": {"quay.io": {"auth": AUTH}}}
    assert store(tmp_path, document).find("quay.io") == KEEPER


@pytest.mark.parametrize("script", ["echo broken >&2; exit 2", "echo not json"])
def test_a_helper_that_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """A failing helper is not the same as no credentials."""
    helper(tmp_path, monkeypatch, script)
    with pytest.raises(AuthenticationFailed, match="docker-credential-test"):
        store(tmp_path, {"credsStore": "test"}).find("quay.io")


@pytest.mark.parametrize("name", ["absent-everywhere", "../../bin/sh"])
def test_a_helper_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    """Also a name that tries to leave the PATH."""
    with pytest.raises(AuthenticationFailed, match="not installed"):
        store(tmp_path, {"credsStore": name}).find("quay.io")


def test_secrets_are_not_shown() -> None:
    """What is printed of a credential has no password in it."""
    assert "secret" not in repr(Credential("keeper", "secret", "secret", "secret"))
