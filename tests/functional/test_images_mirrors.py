"""Mirrors and fallbacks of registries: what is asked where, what is believed, and what survives a dead registry."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from servers.front import Change, Front, broken, corrupted, fronting, status, with_body
from servers.mirroring import Project
from servers.processes import free_port
from servers.real import docker_registry

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console
    from servers.real import Registry


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The registry that images are named by."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        registry.image("team/app:1", b"the app", b"its second layer")
        registry.image("team/new:1", b"not in the copy")
        registry.image("team/moved:1", b"what the tag means now")
        yield registry


@pytest.fixture(scope="module")
def through(upstream: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A pull-through mirror of it, as Docker Hub's mirrors are."""
    with docker_registry(tmp_path_factory.mktemp("through"), mirror_of=upstream.host) as registry:
        yield registry


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A copy below another path, in which one tag is old, and where some images are that the registry has lost."""
    with docker_registry(tmp_path_factory.mktemp("copy")) as registry:
        for repository in ("team", "backup/team"):
            registry.image(f"{repository}/app:1", b"the app", b"its second layer")
            registry.image(f"{repository}/moved:1", b"what the tag meant before")
            registry.image(f"{repository}/lost:1", b"lost by the registry")
        yield registry


@pytest.fixture(scope="module")
def fronts(upstream: Registry, through: Registry, copy: Registry) -> Iterator[dict[str, Front]]:
    """Fronts before the three."""
    with fronting(upstream) as one, fronting(through) as two, fronting(copy) as three:
        yield {"upstream": one, "through": two, "copy": three}


@pytest.fixture
def at(fronts: dict[str, Front]) -> Iterator[dict[str, Front]]:
    """The fronts as they are at first."""
    for front in fronts.values():
        front.behave()
        front.forget()
    yield fronts
    for front in fronts.values():
        front.behave()


@pytest.fixture
def project(hasty: Console) -> Project:
    """A project with an archive of its own."""
    return Project(hasty)


def _mirrored(host: str, *mirrors: str, fallbacks: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {host: {"mirrors": list(mirrors), "fallbacks": list(fallbacks), **more}}


def _blobs(front: Front) -> list[str]:
    return front.lines("GET */blobs/*")


def test_content_comes_from_the_mirror(project: Project, at: dict[str, Front]) -> None:
    """The registry says what a tag means, by HEAD alone; manifests and blobs come from the mirror."""
    name = f"{at['upstream'].host}/team/app:1"
    project.archive(images={"refs": [name]}, registries=_mirrored(at["upstream"].host, at["through"].host))
    assert at["upstream"].lines("HEAD */manifests/1")
    assert not at["upstream"].lines("GET */blobs/*")
    assert not at["upstream"].lines("GET */manifests/sha256:*")
    assert len(_blobs(at["through"])) == 3
    assert project.images()[name]["registry"] == at["upstream"].host


def test_a_dead_registry_is_survived_by_its_mirror(project: Project, at: dict[str, Front]) -> None:
    """Where the registry does not answer at all, the mirror says what a tag means, and the record says that it did."""
    dead = f"127.0.0.1:{free_port()}"
    names = [f"{dead}/team/app:1", f"{dead}/team/lost:1"]
    project.archive(images={"refs": names}, registries=_mirrored(dead, at["copy"].host))
    assert {name: image["registry"] for name, image in project.images().items()} == dict.fromkeys(
        names, at["copy"].host
    )
    project.judge()


@pytest.mark.parametrize("which", ["mirrors", "fallbacks"])
def test_a_dead_mirror_is_survived(project: Project, at: dict[str, Front], which: str) -> None:
    """A mirror that is dead costs nothing but a note: the next place has the content."""
    dead, host = f"127.0.0.1:{free_port()}", at["upstream"].host
    registries = _mirrored(host, dead, at["through"].host) if which == "mirrors" else _mirrored(host, dead)
    name = f"{host}/team/app:1"
    project.archive(images={"refs": [name]}, registries=registries)
    assert list(project.images()) == [name]
    assert bool(_blobs(at["through"])) == (which == "mirrors")
    assert bool(_blobs(at["upstream"])) != (which == "mirrors")


def test_wrong_bytes_of_a_mirror_are_refused(project: Project, at: dict[str, Front]) -> None:
    """A mirror that sends other bytes than it is asked for is not believed: the registry's are taken."""
    at["through"].alter("GET */blobs/*", corrupted)
    at["through"].alter("GET */manifests/sha256*", corrupted)
    name = f"{at['upstream'].host}/team/app:1"
    project.archive(images={"refs": [name]}, registries=_mirrored(at["upstream"].host, at["through"].host))
    assert list(project.images()) == [name]
    assert _blobs(at["upstream"])
    project.judge()


@pytest.mark.parametrize("answer", ["page", "error", "short", "unauthorized"])
def test_a_mirror_that_answers_nonsense_is_passed_over(
    project: Project, at: dict[str, Front], answer: str
) -> None:
    """A mirror's web page, errors, cut bodies or wish for a login let the registry be asked; nothing is missing."""
    changes = {
        "page": with_body(b"<html>Welcome to the Wi-Fi</html>", "text/html"),
        "error": status(404),
        "short": lambda _asked, reply: replace(reply, body=reply.body[:5]),
        "unauthorized": status(401, WWW_Authenticate='Basic realm="mirror"'),
    }
    at["through"].alter("* /v2/*", changes[answer])
    name = f"{at['upstream'].host}/team/app:1"
    project.archive(images={"refs": [name]}, registries=_mirrored(at["upstream"].host, at["through"].host))
    assert list(project.images()) == [name]
    project.judge()


def test_the_registry_says_what_a_tag_means(project: Project, at: dict[str, Front]) -> None:
    """A mirror that is behind does not change what a tag means: the registry's digest is archived."""
    name = f"{at['upstream'].host}/team/moved:1"
    project.archive(images={"refs": [name]}, registries=_mirrored(at["upstream"].host, at["copy"].host))
    image = project.images()[name]
    assert image["registry"] == at["upstream"].host
    assert project.blob(image["digest"]).read_bytes() in [
        json.dumps(document).encode() for _, document in at["upstream"].registry.manifests("team/moved")
    ]


def test_what_the_registry_lost_is_found_at_a_mirror(project: Project, at: dict[str, Front]) -> None:
    """A tag that the registry says it does not have is asked of its mirrors, and then of its fallbacks."""
    host = at["upstream"].host
    project.archive(
        images={"refs": [f"{host}/team/lost:1"]},
        registries=_mirrored(host, at["through"].host, fallbacks=(at["copy"].host,)),
    )
    assert project.images()[f"{host}/team/lost:1"]["registry"] == at["copy"].host


def test_what_nobody_has_is_told_as_the_registry_tells_it(project: Project, at: dict[str, Front]) -> None:
    """Where no place has an image, the failure is the registry's own and names it."""
    host = at["upstream"].host
    name = f"{host}/team/none:1"
    project.archive(
        code=3,
        images={"refs": [name]},
        registries=_mirrored(host, at["through"].host, fallbacks=(at["copy"].host,)),
    )
    assert project.failures() == {name: "registry.unknown"}
    (failure,) = project.record["failures"]
    assert at["copy"].host not in failure["message"]


def test_fallbacks_are_asked_last(project: Project, at: dict[str, Front]) -> None:
    """A fallback is asked for nothing while the registry has it."""
    host = at["upstream"].host
    project.archive(
        images={"refs": [f"{host}/team/app:1", f"{host}/team/new:1"]},
        registries=_mirrored(host, fallbacks=(at["copy"].host,)),
    )
    assert at["copy"].lines() == []


def test_a_mirror_can_be_a_folder_of_another_registry(project: Project, at: dict[str, Front]) -> None:
    """Names are looked up below a mirror's path; and the longest prefix of a name chooses its mirrors."""
    host = at["upstream"].host
    registries = {
        host: {"mirrors": [f"127.0.0.1:{free_port()}"]},
        f"{host}/team": {"mirrors": [f"{at['copy'].host}/backup/team"]},
    }
    project.archive(images={"refs": [f"{host}/team/app:1"]}, registries=registries)
    assert _blobs(at["copy"])
    assert all("/v2/backup/team/app/" in line for line in at["copy"].lines("* */app/*"))


def test_credentials_are_for_the_registry_that_they_are_of(project: Project, at: dict[str, Front]) -> None:
    """A mirror is not shown the registry's password, nor the registry the mirror's."""
    host, mirror = at["upstream"].host, at["through"].host
    secret = base64.b64encode(b"keeper:secret").decode()
    for front, name in ((at["upstream"], "upstream"), (at["through"], "mirror")):
        front.alter("* /v2/*", status(401, WWW_Authenticate=f'Basic realm="{name}"'), times=1)
    auths = {
        host: {"auth": secret},
        mirror: {"auth": base64.b64encode(b"other:word").decode()},
    }
    project.console.write(".docker/config.json", json.dumps({"auths": auths}))
    project.archive(images={"refs": [f"{host}/team/app:1"]}, registries=_mirrored(host, mirror))
    assert set(at["upstream"].headers("*", "Authorization")) <= {"", f"Basic {secret}"}
    assert set(at["through"].headers("*", "Authorization")) <= {"", f"Basic {auths[mirror]['auth']}"}
    assert f"Basic {auths[mirror]['auth']}" in at["through"].headers("*", "Authorization")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(status(503), id="errors"),
        pytest.param(broken(0), id="breaks"),
        pytest.param(status(429, Retry_After="600"), id="throttles"),
    ],
)
def test_a_sick_mirror_is_waited_for_by_nobody(
    project: Project, at: dict[str, Front], change: Change
) -> None:
    """A mirror that is busy, breaks off or throttles is asked once for each thing at most; the registry has it at once."""
    at["through"].alter("GET */blobs/*", change)
    name = f"{at['upstream'].host}/team/app:1"
    project.archive(images={"refs": [name]}, registries=_mirrored(at["upstream"].host, at["through"].host))
    assert len(_blobs(at["through"])) == len(set(_blobs(at["through"])))
    assert len(_blobs(at["upstream"])) == 3


@pytest.mark.parametrize("known", [True, False])
def test_a_mirror_has_settings_of_its_own(
    project: Project, at: dict[str, Front], copy: Registry, tmp_path: Path, known: bool
) -> None:
    """A mirror that wants a password is given the one of its own entry; without one it is passed over."""
    folder = tmp_path / "private"
    folder.mkdir()
    host = at["upstream"].host
    with docker_registry(folder, private=True, open_to=copy) as private, fronting(private) as front:
        registries = _mirrored(host, front.host)
        if known:
            project.console.environment.update(WHO="keeper", WORD="secret")
            registries[front.host] = {"auth": {"username": "${WHO}", "password": "${WORD}"}}
        project.archive(images={"refs": [f"{host}/team/app:1"]}, registries=registries)
    assert (200 in {passed.status for passed in front.passed}) == known
    assert bool(_blobs(at["upstream"])) != known


def test_docker_hub_is_survived_by_its_mirror(project: Project, at: dict[str, Front]) -> None:
    """With Docker Hub out of reach, short names come from the mirror that the spec names, as Docker Hub's."""
    project.console.environment["https_proxy"] = f"http://127.0.0.1:{free_port()}"
    project.archive(images={"refs": ["team/app:1"]}, registries=_mirrored("docker.io", at["through"].host))
    image = project.images()["docker.io/team/app:1"]
    assert image["registry"] == at["through"].host
    assert set(project.tags()) == {"docker.io/team/app:1"}
