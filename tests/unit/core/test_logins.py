"""Where credentials come from."""

from __future__ import annotations

import json
import stat
from base64 import b64encode
from typing import TYPE_CHECKING, Mapping

import pytest

from archiver.core.errors import AuthenticationFailed
from archiver.core.logins import Credential, Credentials, LoginFile, login_files

if TYPE_CHECKING:
    from pathlib import Path

AUTH = "a2VlcGVyOnNlOmNyZXQ="  # keeper:se:cret
KEEPER = Credential("keeper", "se:cret")


def store(folder: Path, document: object) -> LoginFile:
    """Write a configuration and open it."""
    path = folder / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return LoginFile(str(path), path.read_bytes, namespaced=False)


def kept(environment: Mapping[str, str]) -> Credentials:
    """Return what the logins of an environment give."""
    return Credentials({}, tuple(login_files(environment)))


def logins(path: Path, **passwords: str) -> None:
    """Write a file of logins: keeper's password by key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    auths = {
        key: {"auth": b64encode(f"keeper:{value}".encode()).decode()} for key, value in passwords.items()
    }
    path.write_text(json.dumps({"auths": auths}))


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put ``docker-credential-test`` into the PATH."""
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_logins_are_looked_for_in_order(tmp_path: Path) -> None:
    """The variable, the file that a variable names, podman's files, docker's file; the first that knows counts."""
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert kept(environment).find("quay.io", "x") is None
    found = []
    for path in (".docker/config.json", ".config/containers/auth.json", "run/containers/auth.json"):
        logins(tmp_path / path, **{"quay.io": path})
        found.append(kept(environment).find("quay.io", "x"))
    logins(tmp_path / "named.json", **{"quay.io": "named"})
    environment["REGISTRY_AUTH_FILE"] = str(tmp_path / "named.json")
    found.append(kept(environment).find("quay.io", "x"))
    environment["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {"quay.io": {"auth": AUTH}}})
    found.append(kept(environment).find("quay.io", "x"))
    assert [each.password for each in found if each is not None] == [
        ".docker/config.json",
        ".config/containers/auth.json",
        "run/containers/auth.json",
        "named",
        "se:cret",
    ]


def test_a_file_that_knows_nothing_leaves_the_next(tmp_path: Path) -> None:
    """Each registry is looked for by itself; and docker's folder may be elsewhere."""
    logins(tmp_path / ".config/containers/auth.json", **{"quay.io": "podman"})
    logins(tmp_path / "docker/config.json", **{"ghcr.io": "docker"})
    environment = {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": "/nonexistent",
        "DOCKER_CONFIG": str(tmp_path / "docker"),
    }
    assert kept(environment).find("ghcr.io", "x") == Credential("keeper", "docker")
    assert kept(environment).find("quay.io", "x") == Credential("keeper", "podman")


def test_podman_s_keys_may_go_on_with_a_path(tmp_path: Path) -> None:
    """The longest path that a repository is in counts; a path's login is not that of the host, nor of its neighbour."""
    path = tmp_path / "auth.json"
    logins(
        path,
        **{
            "quay.io/a/b": "deep",
            "quay.io/a": "shallow",
            "https://index.docker.io/v1/": "hub",
            "docker.io/x": "x",
        },
    )
    credentials = kept({"REGISTRY_AUTH_FILE": str(path), "HOME": str(tmp_path)})
    passwords = {
        (registry, name): found.password if (found := credentials.find(registry, name)) is not None else None
        for registry, name in (
            ("quay.io", "a/b"), ("quay.io", "a/b/c"), ("quay.io", "a/bc"), ("quay.io", "b"),
            ("docker.io", "library/redis"), ("docker.io", "x/y"),
        )
    }  # fmt: skip
    assert list(passwords.values()) == ["deep", "deep", "shallow", None, "hub", "x"]


def test_a_broken_variable_is_told_by_name_alone(tmp_path: Path) -> None:
    """Nothing of its content is in the error."""
    with pytest.raises(AuthenticationFailed) as caught:
        kept({"DOCKER_AUTH_CONFIG": "se:cret", "HOME": str(tmp_path)}).find("quay.io", "x")
    assert str(caught.value) == "DOCKER_AUTH_CONFIG: is not a file of logins in JSON"


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
    assert credentials.find(registry, "x") == KEEPER
    assert credentials.find("other.example", "x") is None


def test_an_empty_entry_is_no_credential(tmp_path: Path) -> None:
    """Docker leaves ``{}`` behind where a credential store has the password."""
    assert store(tmp_path, {"auths": {"quay.io": {}}}).find("quay.io", "x") is None


@pytest.mark.parametrize("document", ["{", "[]", {"auths": {"quay.io": {"auth": "*"}}}])
def test_a_broken_configuration_is_told_with_its_place(tmp_path: Path, document: object) -> None:
    """Not JSON, not an object, not base64: the error names the file."""
    with pytest.raises(AuthenticationFailed) as caught:
        store(tmp_path, document).find("quay.io", "x")
    assert caught.value.place == str(tmp_path / "config.json")


def test_a_helper_is_asked_by_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host goes to standard input; name and secret come as JSON; another host's helper is not asked."""
    helper(
        tmp_path, monkeypatch, 'read host; echo "{\\"Username\\":\\"$1@$host\\",\\"Secret\\":\\"se:cret\\"}"'
    )
    credentials = store(tmp_path, {"credHelpers": {"quay.io": "test"}})
    assert credentials.find("quay.io", "x") == Credential("get@quay.io", "se:cret")
    assert credentials.find("other.example", "x") is None


def test_a_store_is_asked_for_docker_hub_by_its_old_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker Hub's key is a URL, and ``<token>`` as a name means an identity token."""
    helper(
        tmp_path,
        monkeypatch,
        'read host; test "$host" = https://index.docker.io/v1/ && echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"t\\"}"',
    )
    assert store(tmp_path, {"credsStore": "test"}).find("docker.io", "x") == Credential(identity_token="t")


def test_a_helper_without_an_answer_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that the helper does not have are looked for in the configuration itself."""
    helper(tmp_path, monkeypatch, 'echo "credentials not found in native keychain"; exit 1')
    document = {"credsStore": "test", "auths": {"quay.io": {"auth": AUTH}}}
    assert store(tmp_path, document).find("quay.io", "x") == KEEPER


@pytest.mark.parametrize("script", ["echo broken >&2; exit 2", "echo not json"])
def test_a_helper_that_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """A failing helper is not the same as no credentials."""
    helper(tmp_path, monkeypatch, script)
    with pytest.raises(AuthenticationFailed, match="docker-credential-test"):
        store(tmp_path, {"credsStore": "test"}).find("quay.io", "x")


@pytest.mark.parametrize("name", ["absent-everywhere", "../../bin/sh"])
def test_a_helper_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    """Also a name that tries to leave the PATH."""
    with pytest.raises(AuthenticationFailed, match="not installed"):
        store(tmp_path, {"credsStore": name}).find("quay.io", "x")


def test_secrets_are_not_shown() -> None:
    """What is printed of a credential has no password in it."""
    assert "secret" not in repr(Credential("keeper", "secret", "secret", "secret"))
