"""Where repositories are asked for."""

from __future__ import annotations

from typing import Mapping

import pytest

from archiver.collect.images.endpoints import Endpoint, api_host, endpoints_of
from archiver.core.reference import Reference
from archiver.spec.registries import RegistrySettings, Tls


def places(reference: str, **settings: Mapping[str, object]) -> list[str]:
    """Return the addresses of a reference's repository: its own, then mirrors, then fallbacks."""
    entries = {name: RegistrySettings.model_validate(entry) for name, entry in settings.items()}
    found = endpoints_of(Reference.parse(reference), entries)
    return [each.url("x") for each in (found.own, *found.mirrors, *found.fallbacks)]


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("redis", "https://registry-1.docker.io/v2/library/redis/x"),
        ("quay.io/a/b", "https://quay.io/v2/a/b/x"),
        ("registry.example:5000/a", "https://registry.example:5000/v2/a/x"),
        ("localhost:5000/a", "http://localhost:5000/v2/a/x"),
        ("127.0.0.1:5000/a", "http://127.0.0.1:5000/v2/a/x"),
    ],
)
def test_a_registry_is_asked_at_its_own_address(reference: str, address: str) -> None:
    """Docker Hub's API has another name than Docker Hub; this machine is spoken to in the clear."""
    assert places(reference) == [address]


def test_mirrors_stand_for_a_registry_or_for_a_part_of_it() -> None:
    """What is behind the part stays; the longest part that fits counts, and only whole names do."""
    settings = {
        "docker.io": {"mirrors": ("mirror.example", "harbor.example/hub"), "fallbacks": ("last.example",)},
        "docker.io/kubesphere": {"mirrors": ("cn.example/kubesphereio",)},
    }
    assert places("kubesphere/x:1", **settings)[1:] == ["https://cn.example/v2/kubesphereio/x/x"]
    assert places("kubespherex/x", **settings)[1:] == [
        "https://mirror.example/v2/kubespherex/x/x",
        "https://harbor.example/v2/hub/kubespherex/x/x",
        "https://last.example/v2/kubespherex/x/x",
    ]
    assert places("quay.io/kubesphere/x", **settings) == ["https://quay.io/v2/kubesphere/x/x"]


def test_an_entry_without_mirrors_leaves_those_of_what_is_above_it() -> None:
    """It may be there for a certificate alone."""
    settings = {"quay.io": {"mirrors": ("a.example",), "connections": 2}, "quay.io/x": {}}
    assert places("quay.io/x/y", **settings)[1:] == ["https://a.example/v2/x/y/x"]


def test_a_whole_repository_can_be_mirrored_under_another_name() -> None:
    """A bare host has no name for it, and is left out."""
    settings = {"docker.io/library/redis": {"mirrors": ("quay.io/me/cache", "bare.example")}}
    assert places("redis", **settings)[1:] == ["https://quay.io/v2/me/cache/x"]


def test_each_place_is_asked_once() -> None:
    """A mirror that is the registry itself, or that a fallback repeats, is none."""
    settings = {
        "docker.io/library": {"mirrors": ("a.example/l", "docker.io/library"), "fallbacks": ("a.example/l",)}
    }
    assert len(places("redis", **settings)) == 2


def test_docker_hub_can_be_a_mirror() -> None:
    """By its API's address."""
    settings = {"quay.io": {"mirrors": ("docker.io/me",)}}
    assert places("quay.io/x", **settings)[1:] == ["https://registry-1.docker.io/v2/me/x/x"]


def test_how_a_place_is_spoken_to_its_own_entry_says() -> None:
    """``plain_http`` and ``tls`` of a mirror are in the entry of its host."""
    settings = {
        "docker.io": {"mirrors": ("mirror.lan:5000", "127.0.0.1:5000/hub", "127.0.0.1:6000")},
        "mirror.lan:5000": {"plain_http": True},
        "127.0.0.1:5000": {"tls": Tls()},
    }
    assert places("redis", **settings)[1:] == [
        "http://mirror.lan:5000/v2/library/redis/x",
        "https://127.0.0.1:5000/v2/hub/library/redis/x",
        "http://127.0.0.1:6000/v2/library/redis/x",
    ]


def test_a_location_is_what_people_wrote() -> None:
    """With a mirror's path, and without the repository's."""
    entries = {"docker.io": RegistrySettings(mirrors=("harbor.example/hub",))}
    found = endpoints_of(Reference.parse("redis"), entries)
    assert [each.location for each in (found.own, *found.mirrors)] == ["docker.io", "harbor.example/hub"]


def test_the_host_that_speaks_for_a_registry_has_no_port() -> None:
    """It is what certificates are for."""
    assert [api_host(name) for name in ("docker.io", "r.example:5000")] == [
        "registry-1.docker.io",
        "r.example",
    ]
    assert Endpoint("r.example:5000", "a", "r.example:5000").root == "https://r.example:5000"
