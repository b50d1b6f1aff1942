"""TLS with an authority of one's own, client certificates, and proxies, against Debian's registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.certificates import Certificates, make_certificates, make_client
from servers.mirroring import Project
from servers.proxy import proxying
from servers.real import docker_registry

if TYPE_CHECKING:
    from servers.console import Console
    from servers.real import Registry

NAME = "team/one:1"
HUB = "registry-1.docker.io"
LIST = Path(__file__).parents[2] / "specs" / "lists" / "kubesphere-images-list-v3.1.0.txt"
SECTIONS = ("csi-images", "istio-images")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with an image, which the others share the storage of."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        registry.image(NAME, b"an image")
        yield registry


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and a certificate for this machine and for names that a proxy leads here."""
    return make_certificates(tmp_path_factory.mktemp("certificates"), HUB, "registry.example")


@pytest.fixture(scope="module")
def secure(
    upstream: Registry, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry that speaks TLS."""
    folder = tmp_path_factory.mktemp("secure")
    with docker_registry(folder, tls=certificates, open_to=upstream) as registry:
        yield registry


@pytest.fixture(scope="module")
def choosy(
    upstream: Registry, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry that speaks TLS with clients that it knows only."""
    folder = tmp_path_factory.mktemp("choosy")
    with docker_registry(folder, tls=certificates, known_clients=True, open_to=upstream) as registry:
        yield registry


@pytest.fixture
def project(console: Console) -> Project:
    """A project with an archive of its own."""
    return Project(console)


def _port(registry: Registry) -> int:
    return int(registry.host.rpartition(":")[2])


def test_an_authority_of_ones_own_is_trusted_where_the_spec_says_so(
    project: Project, secure: Registry, certificates: Certificates
) -> None:
    """With `tls.ca`, a path relative to the spec, a registry with a private certificate is pulled from."""
    project.console.write("certs/ca.pem", certificates.authority.read_text())
    name = f"{secure.host}/{NAME}"
    project.archive(images={"refs": [name]}, registries={secure.host: {"tls": {"ca": "certs/ca.pem"}}})
    assert list(project.images()) == [name]


def test_an_unknown_authority_is_a_clear_failure(
    project: Project, secure: Registry, upstream: Registry
) -> None:
    """Without `tls.ca` the image is a failure that speaks of the certificate and of the key; the others are there."""
    names = [f"{secure.host}/{NAME}", f"{upstream.host}/{NAME}"]
    outcome = project.archive(
        code=3, images={"refs": names}, registries={secure.host: {"tls": {"verify": True}}}
    )
    assert list(project.images()) == names[1:]
    (failure,) = outcome.json["failures"]
    assert failure["subject"] == names[0]
    assert "certificate" in failure["message"]


def test_checking_is_left_out_only_where_the_spec_says_so(project: Project, secure: Registry) -> None:
    """`tls.verify: false` takes any certificate, for that registry."""
    name = f"{secure.host}/{NAME}"
    project.archive(images={"refs": [name]}, registries={secure.host: {"tls": {"verify": False}}})
    assert list(project.images()) == [name]


def test_checking_stays_on_for_the_others(project: Project, secure: Registry, choosy: Registry) -> None:
    """One registry's `verify: false` is none of another's."""
    names = [f"{secure.host}/{NAME}", f"{choosy.host}/{NAME}"]
    project.archive(
        code=3,
        images={"refs": names},
        registries={secure.host: {"tls": {"verify": False}}, choosy.host: {"tls": {}}},
    )
    assert list(project.images()) == names[:1]


def test_a_client_certificate_is_shown(
    project: Project, choosy: Registry, certificates: Certificates
) -> None:
    """A registry that wants to know its clients is given `tls.cert`; without it, that is a failure."""
    certificate, key = make_client(certificates)
    name = f"{choosy.host}/{NAME}"
    tls = {"ca": str(certificates.authority)}
    project.archive(code=3, images={"refs": [name]}, registries={choosy.host: {"tls": tls}})
    assert list(project.failures()) == [name]
    tls |= {"cert": str(certificate), "key": str(key)}
    project.archive(images={"refs": [name]}, registries={choosy.host: {"tls": tls}})
    assert list(project.images()) == [name]


def test_a_certificate_file_that_is_not_there_is_an_error_of_the_spec(
    project: Project, secure: Registry
) -> None:
    """A spec that names files which do not exist is told so before anything is asked: exit code 2."""
    outcome = project.archive(
        code=2,
        images={"refs": [f"{secure.host}/{NAME}"]},
        registries={secure.host: {"tls": {"ca": "nowhere/ca.pem"}}},
    )
    assert "nowhere/ca.pem" in outcome.said


def test_a_proxy_of_the_environment_is_used(
    project: Project, secure: Registry, certificates: Certificates
) -> None:
    """A registry elsewhere is reached through `https_proxy`, with the proxy's password, checked end to end."""
    name = f"registry.example/{NAME}"
    with proxying(_port(secure), "me:hunter2") as proxy:
        project.console.environment["https_proxy"] = proxy.origin.replace("//", "//me:hunter2@")
        registries = {"registry.example": {"tls": {"ca": str(certificates.authority)}}}
        outcome = project.archive(images={"refs": [name]}, registries=registries)
    assert {(asked.method, asked.target) for asked in proxy.asked} == {("CONNECT", "registry.example:443")}
    assert list(project.images()) == [name]
    assert "hunter2" not in outcome.said
    assert "hunter2" not in str(project.record)


def test_no_proxy_is_for_those_that_it_names(
    project: Project, secure: Registry, certificates: Certificates
) -> None:
    """Hosts in `no_proxy`, and this machine, are spoken to directly."""
    with proxying(_port(secure)) as proxy:
        project.console.environment.update(
            https_proxy=proxy.origin, http_proxy=proxy.origin, no_proxy="elsewhere.example"
        )
        registries = {secure.host: {"tls": {"ca": str(certificates.authority)}}}
        project.archive(images={"refs": [f"{secure.host}/{NAME}"]}, registries=registries)
        assert proxy.asked == []


def test_docker_hub_is_asked_at_its_own_api(
    project: Project, secure: Registry, upstream: Registry, certificates: Certificates
) -> None:
    """Short names mean Docker Hub, whose API has a host of its own; names without a slash are below library/."""
    upstream.image("library/app:1", b"an official image")
    with proxying(_port(secure)) as proxy:
        project.console.environment["https_proxy"] = proxy.origin
        registries = {"docker.io": {"tls": {"ca": str(certificates.authority)}}}
        project.archive(images={"refs": ["app:1", NAME]}, registries=registries)
    assert {asked.target for asked in proxy.asked} == {f"{HUB}:443"}
    assert set(project.images()) == {"docker.io/library/app:1", f"docker.io/{NAME}"}


def test_plain_http_is_for_registries_that_the_spec_says_it_of(project: Project, upstream: Registry) -> None:
    """A registry elsewhere is spoken to by plain HTTP with `plain_http: true`, and never without."""
    name = f"registry.example/{NAME}"
    with proxying(_port(upstream)) as proxy:
        project.console.environment.update(http_proxy=proxy.origin, https_proxy=proxy.origin)
        project.archive(code=3, images={"refs": [name]})
        assert {asked.method for asked in proxy.asked} == {"CONNECT"}
        project.archive(images={"refs": [name]}, registries={"registry.example": {"plain_http": True}})
    assert list(project.images()) == [name]


def test_a_real_list_is_archived_by_its_sections(
    project: Project, secure: Registry, upstream: Registry, certificates: Certificates
) -> None:
    """Of a list that a project published, with short names and repeats, two sections: each of their images, once, is Docker Hub's."""
    text = LIST.read_text("utf-8")
    wanted = {
        line
        for section in re.split(r"^##", text, flags=re.MULTILINE)
        for line in section.splitlines()[1:]
        if section.splitlines()[0].strip() in SECTIONS and line.strip()
    }
    for name in wanted:
        upstream.image(name if "/" in name else f"library/{name}", name.encode())
    with proxying(_port(secure)) as proxy:
        project.console.environment["https_proxy"] = proxy.origin
        project.archive(
            images={"lists": [str(LIST)], "sections": list(SECTIONS)},
            registries={"docker.io": {"tls": {"ca": str(certificates.authority)}}},
        )
    expected = {f"docker.io/{name if '/' in name else f'library/{name}'}" for name in wanted}
    assert set(project.images()) == expected
    assert set(project.tags()) == expected
