"""Logging in: Basic and Bearer against Debian's registry, with credentials from all the places that people keep them."""

from __future__ import annotations

import base64
import json
import threading
import time
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.front import Front, fronting
from servers.mirroring import Project
from servers.real import docker_registry
from servers.tokenserver import TokenServer, giving_tokens, good_until

if TYPE_CHECKING:
    from servers.console import Console
    from servers.real import Registry
    from servers.registry import Asked

SECRET = base64.b64encode(b"keeper:secret").decode()
WRONG = base64.b64encode(b"keeper:hunter2").decode()
LAYERS = 3


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with images, which the others share the storage of."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        for name in ("team/one", "team/two", "other/one"):
            registry.image(f"{name}:1", *(f"{name} {number}".encode() for number in range(LAYERS)))
        yield registry


@pytest.fixture(scope="module")
def private(upstream: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants keeper's password (htpasswd)."""
    with docker_registry(tmp_path_factory.mktemp("private"), private=True, open_to=upstream) as registry:
        yield registry


@pytest.fixture(scope="module")
def token_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    """A token server."""
    with giving_tokens(tmp_path_factory.mktemp("tokens")) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(
    upstream: Registry, token_server: TokenServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """A registry that wants tokens, behind a front."""
    folder = tmp_path_factory.mktemp("guarded")
    with (
        docker_registry(folder, tokens=token_server, open_to=upstream) as registry,
        fronting(registry) as front,
    ):
        yield front


@pytest.fixture
def tokens(token_server: TokenServer, guarded: Front) -> Iterator[TokenServer]:
    """The token server as it is at first."""
    token_server.anonymous, token_server.lifetime = True, 300.0
    token_server.wanted.clear()
    guarded.forget()
    yield token_server
    guarded.behave()


@pytest.fixture
def project(console: Console) -> Project:
    """A project with an archive of its own."""
    return Project(console)


def _auths(*places: str) -> str:
    return json.dumps({"auths": {place: {"auth": SECRET} for place in places}})


def _helper(console: Console, name: str, answer: str) -> None:
    """Put a credential helper on the PATH."""
    path = console.write(f"bin/docker-credential-{name}", f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    path.chmod(0o755)
    console.environment["PATH"] = f"{path.parent}:{console.environment['PATH']}"


@pytest.mark.parametrize(
    "kept",
    [
        "docker",
        "docker-config",
        "podman",
        "podman-runtime",
        "podman-file",
        "variable",
        "helper",
        "store",
        "path",
        "spec",
    ],
)
def test_credentials_are_found(project: Project, private: Registry, kept: str) -> None:
    """Each place that docker, podman and the spec know for credentials opens the registry.

    The password is in nothing that is said or written.
    """
    console, host = project.console, private.host
    keys = {}
    if kept == "docker":
        console.write(".docker/config.json", _auths(host))
    elif kept == "docker-config":
        console.write("elsewhere/config.json", _auths(f"https://{host}/v2/"))
        console.environment["DOCKER_CONFIG"] = str(console.folder / "elsewhere")
    elif kept == "podman":
        console.write(".config/containers/auth.json", _auths(host))
    elif kept == "podman-runtime":
        console.write("run/containers/auth.json", _auths(host))
        console.environment["XDG_RUNTIME_DIR"] = str(console.folder / "run")
    elif kept == "podman-file":
        console.environment["REGISTRY_AUTH_FILE"] = str(console.write("my-auth.json", _auths(host)))
    elif kept == "variable":
        console.environment["DOCKER_AUTH_CONFIG"] = _auths(host)
    elif kept == "helper":
        _helper(console, "tests", json.dumps({"ServerURL": host, "Username": "keeper", "Secret": "secret"}))
        console.write(".docker/config.json", json.dumps({"credHelpers": {host: "tests"}}))
    elif kept == "store":
        _helper(console, "tests", json.dumps({"ServerURL": host, "Username": "keeper", "Secret": "secret"}))
        console.write(".docker/config.json", json.dumps({"credsStore": "tests"}))
    elif kept == "path":
        console.write(".config/containers/auth.json", _auths(f"{host}/team/one"))
    else:
        console.environment.update(WHO="keeper", WORD="secret")
        keys["registries"] = {host: {"auth": {"username": "${WHO}", "password": "${WORD}"}}}
    name = f"{host}/team/one:1"
    outcome = project.archive(images={"refs": [name]}, **keys)
    assert list(project.images()) == [name]
    for written in (
        outcome.said,
        *(path.read_text("utf-8") for path in project.folder.glob("snapshots/*.json")),
    ):
        assert '"secret' not in written
        assert SECRET not in written


def test_the_spec_goes_before_the_files(project: Project, private: Registry) -> None:
    """What the spec says is taken and not what docker's file says, which is wrong here."""
    project.console.write(".docker/config.json", json.dumps({"auths": {private.host: {"auth": WRONG}}}))
    project.console.environment.update(WHO="keeper", WORD="secret")
    auth = {"username": "${WHO}", "password": "${WORD}"}
    project.archive(
        images={"refs": [f"{private.host}/team/one:1"]}, registries={private.host: {"auth": auth}}
    )


def test_a_variable_that_is_not_set_is_an_error_of_the_spec(project: Project, private: Registry) -> None:
    """A spec that speaks of a variable that is not there ends the run before anything is asked: exit code 2 with its name."""
    project.console.environment["WHO"] = "keeper"
    auth = {"username": "${WHO}", "password": "${NOT_SET_ANYWHERE}"}
    outcome = project.archive(
        code=2, images={"refs": [f"{private.host}/team/one:1"]}, registries={private.host: {"auth": auth}}
    )
    assert "NOT_SET_ANYWHERE" in outcome.said


@pytest.mark.parametrize("given", ["nothing", "wrong"])
def test_a_closed_registry_is_a_failure(
    project: Project, private: Registry, upstream: Registry, given: str
) -> None:
    """Without credentials, or with wrong ones, an image is a failure that says how to log in; the others are there."""
    if given == "wrong":
        project.console.write(".docker/config.json", json.dumps({"auths": {private.host: {"auth": WRONG}}}))
    names = [f"{private.host}/team/one:1", f"{upstream.host}/team/two:1"]
    outcome = project.archive(code=3, images={"refs": names})
    assert project.failures() == {names[0]: "registry.auth"}
    assert list(project.images()) == names[1:]
    assert "hunter2" not in outcome.said


def test_tokens_are_asked_for_once_a_repository(
    project: Project, guarded: Front, tokens: TokenServer
) -> None:
    """A Bearer challenge is answered for just the repository and for pulling, once for all of its requests."""
    names = [f"{guarded.host}/{name}:1" for name in ("team/one", "team/two", "other/one")]
    project.archive(images={"refs": names})
    assert set(project.images()) == set(names)
    assert sorted(tokens.scopes()) == [
        f"repository:{name}:pull" for name in ("other/one", "team/one", "team/two")
    ]


@pytest.mark.parametrize("kept", ["password", "identity token"])
def test_tokens_are_asked_for_as_the_keeper(
    project: Project, guarded: Front, tokens: TokenServer, kept: str
) -> None:
    """Where anonymous clients get none, the token server is given the password, or the identity token that it gave before."""
    tokens.anonymous = False
    name = f"{guarded.host}/team/one:1"
    project.archive(code=3, images={"refs": [name]})
    assert project.failures() == {name: "registry.auth"}
    entry = {"auth": SECRET} if kept == "password" else {"identitytoken": "long-lived"}
    project.console.write(".docker/config.json", json.dumps({"auths": {guarded.host: entry}}))
    project.archive(images={"refs": [name]})
    assert {wanted.method for wanted in tokens.wanted if wanted.user} == {
        "GET" if kept == "password" else "POST"
    }


def test_a_token_that_ends_in_mid_pull_is_renewed(
    project: Project, upstream: Registry, guarded: Front, tokens: TokenServer
) -> None:
    """When the registry refuses a token whose time is over, another one is asked for, and the pull goes on."""
    tokens.lifetime = 2.0
    layers = upstream.image("team/long:1", *(f"layer {number}".encode() for number in range(LAYERS))).layers

    def until_refused(asked: Asked) -> None:
        over = good_until(asked.headers["authorization"].partition(" ")[2])
        while (left := over - time.time()) >= 0:  # the registry's own clock decides
            threading.Event().wait(left + 0.01)

    for layer in layers:
        guarded.hold(f"GET */blobs/{layer}", until_refused, times=1)
    name = f"{guarded.host}/team/long:1"
    project.archive(images={"refs": [name]})
    assert list(project.images()) == [name]
    assert len(tokens.wanted) >= 2
    refused = [passed for passed in guarded.passed if "/blobs/" in passed.line and passed.status == 401]
    assert refused
