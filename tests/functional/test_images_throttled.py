"""Registries that ask for patience, and blobs that come from elsewhere: what is waited for, and what nobody else is shown."""

from __future__ import annotations

import base64
import json
import random
import time
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.front import Front, broken, fronting, redirected, status, with_headers
from servers.mirroring import Project
from servers.real import docker_registry

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console
    from servers.real import Registry

SECRET = base64.b64encode(b"keeper:secret").decode()


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with a few images."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        for number in range(3):
            registry.image(f"team/app{number}:1", f"the app {number}".encode())
        yield registry


@pytest.fixture
def front(upstream: Registry) -> Iterator[Front]:
    """A front."""
    with fronting(upstream) as running:
        yield running


@pytest.fixture
def project(console: Console) -> Project:
    """A project with an archive of its own."""
    return Project(console)


def _names(front: Front) -> list[str]:
    return [f"{front.host}/team/app{number}:1" for number in range(3)]


@pytest.mark.parametrize("what", ["HEAD */manifests/*", "GET */manifests/*", "GET */blobs/*"])
def test_too_many_requests_are_waited_for(project: Project, front: Front, what: str) -> None:
    """A 429 makes the run pause for as long as it says, and go on; nothing is missing."""
    front.alter(what, status(429, Retry_After="1"), times=1)
    began = time.monotonic()
    project.archive(images={"refs": _names(front)})
    assert time.monotonic() - began >= 1
    assert set(project.images()) == set(_names(front))


def test_what_is_left_is_told(project: Project, front: Front) -> None:
    """A registry's `ratelimit-remaining` is read: `plan` sets it beside what it would ask for, `archive` tells it."""
    front.alter(
        "* */manifests/*", with_headers(RateLimit_Limit="100;w=21600", RateLimit_Remaining="76;w=21600")
    )
    spec = project.spec(images={"refs": _names(front)})
    assert "76" in project.console.succeed("plan", spec).out
    (registry,) = project.console.succeed("plan", spec, "--json").json["registries"]
    assert registry["registry"] == front.host
    assert registry["limit"] == {"limit": 100, "remaining": 76, "window": 21600}
    assert "100 allowed in 6 h, 76 left" in project.console.succeed("archive", spec).err


def test_counted_requests_are_spared(project: Project, front: Front) -> None:
    """Docker Hub counts GETs of manifests: one an image the first time, after its HEAD, and none when nothing changed."""
    project.archive(images={"refs": _names(front)})
    assert len(front.lines("GET */manifests/*")) == len(_names(front))
    for number in range(3):
        asked = front.lines(f"* /v2/team/app{number}/manifests/*")
        assert asked[0] == f"HEAD /v2/team/app{number}/manifests/1"
    front.forget()
    project.archive(images={"refs": _names(front)})
    assert front.lines("GET */manifests/*") == []


def test_where_blobs_are_redirected_to_sees_no_credentials(
    project: Project, upstream: Registry, tmp_path: Path
) -> None:
    """A registry that sends its clients to a CDN for blobs: the CDN is not shown the Authorization header."""
    folder = tmp_path / "private"
    folder.mkdir()
    with (
        docker_registry(folder, private=True, open_to=upstream) as private,
        fronting(private) as front,
        fronting(upstream) as cdn,
    ):
        front.alter("GET */blobs/*", redirected(f"http://{cdn.host}"))
        project.console.write(".docker/config.json", json.dumps({"auths": {front.host: {"auth": SECRET}}}))
        project.archive(images={"refs": _names(front)})
        assert set(project.images()) == set(_names(front))
    assert f"Basic {SECRET}" in front.headers("GET */blobs/*", "Authorization")
    blobs = cdn.lines("GET */blobs/*")
    assert len(blobs) == 6
    assert all(line.endswith("?signature=of-the-cdn") for line in blobs)
    assert {*cdn.headers("*", "Authorization"), *cdn.headers("*", "Cookie")} == {""}


def test_a_redirected_blob_is_resumed_at_the_registry(project: Project, upstream: Registry) -> None:
    """A blob that broke off at the CDN goes on from where it was, by way of the registry, whose link may be new."""
    with fronting(upstream) as front, fronting(upstream) as cdn:
        front.alter("GET */blobs/*", redirected(f"http://{cdn.host}"))
        layer = upstream.image("team/big:1", random.Random(7).randbytes(1 << 20)).layers[0]
        cdn.alter(f"GET */blobs/{layer}*", broken(700_000), times=1)
        project.archive(images={"refs": [f"{front.host}/team/big:1"]})
    assert cdn.headers(f"GET */blobs/{layer}*", "Range") == ["", "bytes=700000-"]
    assert len(front.lines(f"GET */blobs/{layer}")) == 2
