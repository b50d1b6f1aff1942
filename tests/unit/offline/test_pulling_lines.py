"""What people are told to type, and to set up, to pull images: the text. What clients make of it: test_pull_clusters."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import tomllib

from archiver.core.digest import Digest
from archiver.offline.holdings import Image
from archiver.offline.pulling import (
    Pullable,
    authority_commands,
    image_commands,
    original_commands,
    rename_commands,
    settings,
    source_registries,
)

PIN = Digest.of(b"pinned")


def image(reference: str, *platforms: str) -> Image:
    """Return an image; without platforms it is an artifact, such as a chart."""
    return Image("p", reference, PIN, "application/x", 1, platforms)


REDIS = image("docker.io/library/redis:7", "linux/amd64", "linux/arm64")
TOOL = image("registry.example.org:5000/team/tool:1", "linux/amd64")
MODULE = image("quay.io/modules/app:1")
CHART = replace(
    image("quay.io/charts/app:1.2.0_rc.1"), artifact_type="application/vnd.cncf.helm.config.v1+json"
)
PLAIN = Pullable.at("http://archive.example:8080")
SECURE = Pullable.at("https://archive.example:8443", own_authority=True)


def typed(reference: Image, registry: Pullable) -> dict[str, str]:
    """Return the lines by their tools."""
    return {command.tool: command.text for command in image_commands(reference, registry)}


def files(registry: Pullable, *images: Image) -> dict[str, str]:
    """Return the files by their paths."""
    return {setting.path: setting.text for setting in settings(source_registries(images), registry)}


def test_each_client_has_its_line() -> None:
    """All pull by one name; those that insist on TLS are told not to where there is none."""
    name = "archive.example:8080/docker.io/library/redis:7"
    assert typed(REDIS, PLAIN) == {
        "docker": f"docker pull {name}",
        "podman": f"podman pull --tls-verify=false {name}",
        "ctr": f"ctr --namespace k8s.io images pull --plain-http {name}",
        "nerdctl": f"nerdctl --namespace k8s.io --insecure-registry pull {name}",
        "kubernetes": f"image: {name}",
        "skopeo": f"skopeo copy --all --src-tls-verify=false docker://{name} dir:DESTINATION",
    }


def test_with_tls_nothing_is_insecure() -> None:
    """No line lets a client go without checking; those that look for no authority by themselves are told where to."""
    lines = typed(REDIS, SECURE)
    assert not [line for line in lines.values() if "insecure" in line or "false" in line or "plain" in line]
    assert "--hosts-dir /etc/containerd/certs.d " in lines["ctr"]
    assert "--ca-file ca.crt " in typed(MODULE, SECURE)["oras"]
    trusted = Pullable.at("https://archive.example")
    assert typed(REDIS, trusted)["ctr"].endswith(" pull archive.example/docker.io/library/redis:7")


def test_an_artifact_is_for_other_clients() -> None:
    """It cannot be pulled by Docker, nor be run; a chart is for Helm, which wants the version and not the tag."""
    assert typed(MODULE, PLAIN)["oras"] == "oras pull --plain-http archive.example:8080/quay.io/modules/app:1"
    assert set(typed(MODULE, PLAIN)) == {"oras", "skopeo"}
    chart = "oci://archive.example:8080/quay.io/charts/app --version 1.2.0+rc.1"
    assert typed(CHART, PLAIN)["helm"] == f"helm pull --plain-http {chart}"
    assert set(typed(CHART, PLAIN)) == {"helm", "skopeo"}
    assert "oras" in typed(replace(CHART, reference=f"quay.io/charts/app@{PIN}"), PLAIN)
    assert rename_commands(CHART, PLAIN) == ()


def test_an_image_gets_its_original_name_back() -> None:
    """By a tag; one that is asked for by its digest has none to get."""
    lines = [command.text for command in rename_commands(REDIS, PLAIN)]
    assert lines[0] == "docker tag archive.example:8080/docker.io/library/redis:7 docker.io/library/redis:7"
    assert rename_commands(image(f"quay.io/a/b@{PIN}", "linux/amd64"), PLAIN) == ()


def test_docker_has_original_names_for_docker_hub_alone() -> None:
    """It has mirrors for no other registry, so no line promises that."""
    assert "docker" in {command.tool for command in original_commands(REDIS)}
    assert "docker" not in {command.tool for command in original_commands(TOOL)}
    pinned = original_commands(image(f"docker.io/library/redis:7@{PIN}", "linux/amd64"))
    assert pinned[0].text == f"docker pull docker.io/library/redis@{PIN}"


@pytest.mark.parametrize(
    ("address", "netloc"),
    [
        ("http://archive", "archive:80"),
        ("https://archive", "archive:443"),
        ("http://localhost", "localhost"),
        ("http://archive.example", "archive.example"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_a_host_is_written_so_that_clients_take_it_for_one(address: str, netloc: str) -> None:
    """``archive/docker.io/redis`` would be a repository of Docker Hub's; with a port it is not."""
    assert Pullable.at(address).netloc == netloc


def test_containerd_has_one_file_for_all_registries() -> None:
    """It names the server, and the authority beside it where the server has its own; no certificate goes unchecked."""
    path = "/etc/containerd/certs.d/_default/hosts.toml"
    assert tomllib.loads(files(PLAIN, REDIS, TOOL)[path]) == {
        "host": {"http://archive.example:8080": {"capabilities": ["pull", "resolve"]}}
    }
    assert tomllib.loads(files(SECURE, REDIS)[path]) == {
        "host": {"https://archive.example:8443": {"capabilities": ["pull", "resolve"], "ca": "ca.crt"}}
    }


def test_podman_has_a_mirror_for_each_registry() -> None:
    """The host of the registry is in the path, its port after an underscore."""
    path = "/etc/containers/registries.conf.d/50-archive.conf"
    plain = tomllib.loads(files(PLAIN, TOOL, REDIS, CHART)[path])["registry"]
    assert {entry["prefix"]: entry["mirror"] for entry in plain} == {
        "docker.io": [{"location": "archive.example:8080/docker.io", "insecure": True}],
        "quay.io": [{"location": "archive.example:8080/quay.io", "insecure": True}],
        "registry.example.org:5000": [
            {"location": "archive.example:8080/registry.example.org_5000", "insecure": True}
        ],
    }
    assert "insecure" not in files(SECURE, REDIS)[path]


@pytest.mark.parametrize(
    ("registry", "reference", "said"),
    [
        (PLAIN, TOOL, {"insecure-registries": ["archive.example:8080"]}),
        (SECURE, REDIS, {"registry-mirrors": ["https://archive.example:8443"]}),
        (Pullable.at("http://127.0.0.1:80"), REDIS, {"registry-mirrors": ["http://127.0.0.1:80"]}),
        (SECURE, TOOL, None),
        (Pullable.at("http://localhost:80"), TOOL, None),
    ],
)
def test_docker_is_told_what_it_does_not_know(
    registry: Pullable, reference: Image, said: dict[str, list[str]] | None
) -> None:
    """Plain HTTP on another machine, and a mirror of Docker Hub; no file where there is nothing to say."""
    text = files(registry, reference).get("/etc/docker/daemon.json")
    assert (json.loads(text) if text else None) == said


def test_what_a_setting_is_for_is_said() -> None:
    """Docker on another machine pulls nothing at all without TLS until it is told to."""
    titles = [setting.title for setting in settings(source_registries([REDIS, TOOL]), PLAIN)]
    assert (
        titles[-1] == "Docker: so that it pulls without TLS, and Docker Hub's images by their original names"
    )


def test_each_client_has_a_place_for_the_authority() -> None:
    """The certificate is fetched, its fingerprint shown, and put where each client looks; else there is nothing to do."""
    lines = {command.tool: command.text for command in authority_commands(SECURE)}
    assert lines["fetch"].splitlines()[0].endswith("--output ca.crt https://archive.example:8443/-/ca.crt")
    assert lines["docker"].endswith(" ca.crt /etc/docker/certs.d/archive.example:8443/ca.crt")
    assert authority_commands(PLAIN) == ()
    assert authority_commands(Pullable.at("https://archive.example")) == ()
