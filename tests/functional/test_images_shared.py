"""Images and projects that share layers: each digest is fetched once for the archive, also by runs at the same time."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections import Counter
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.front import Front, fronting
from servers.mirroring import Project
from servers.processes import PATIENCE
from servers.real import docker_registry

if TYPE_CHECKING:
    from servers.console import Console
    from servers.real import Registry
    from servers.registry import Asked

BASE = b"the layer that all images share" * 2000
IMAGES = 6
SHARED = 2  # images that both projects ask for


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Images with a base layer in common, in repositories of their own; one of them is an index."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        for number in range(IMAGES):
            registry.image(f"shared/app{number}:1", BASE, f"the layer of image {number}".encode())
        parts = [
            (registry.image("shared/multi", BASE, name.encode(), platform=f"linux/{name}"), f"linux/{name}")
            for name in ("amd64", "arm64")
        ]
        registry.index("shared/multi:1", *parts)
        yield registry


@pytest.fixture(scope="module")
def running_front(upstream: Registry) -> Iterator[Front]:
    """A front."""
    with fronting(upstream) as front:
        yield front


@pytest.fixture
def front(running_front: Front) -> Iterator[Front]:
    """The front as it is at first."""
    running_front.forget()
    yield running_front
    running_front.behave()


def _names(front: Front, numbers: range) -> list[str]:
    return [f"{front.host}/shared/app{number}:1" for number in numbers] + [f"{front.host}/shared/multi:1"]


def _fetched(front: Front) -> Counter[str]:
    """How often each digest was asked for by GET, whether as a blob or as a manifest."""
    return Counter(line.rpartition("/")[2] for line in front.lines("GET *") if "sha256:" in line)


def test_each_digest_is_fetched_once_over_images_and_projects(console: Console, front: Front) -> None:
    """Two projects, one after the other, whose images share layers and whole images: no digest is asked for twice."""
    one, two = Project(console, "one"), Project(console, "two")
    one.archive(images={"platforms": ["linux/amd64"], "refs": _names(front, range(4))})
    two.archive(images={"platforms": ["linux/amd64", "linux/arm64"], "refs": _names(front, range(2, IMAGES))})
    counts = _fetched(front)
    assert max(counts.values()) == 1
    layers = {line.rpartition("/")[2] for line in front.lines("GET */blobs/*")}
    assert layers == set(counts) - {line.rpartition("/")[2] for line in front.lines("GET */manifests/*")}
    assert len(one.images()) == 5
    assert len(two.images()) == 5
    two.judge()


def test_several_tags_of_one_image_cost_one_get(console: Console, upstream: Registry, front: Front) -> None:
    """Tags that mean the same digest are told by HEAD; its manifest is fetched once, and each tag has its entry."""
    made = upstream.image("shared/tags:1", BASE)
    data = upstream.content(made.digest)
    for tag in ("1.0", "1.0.0", "latest"):
        upstream.put_manifest(f"shared/tags:{tag}", data, made.media_type)
    project = Project(console)
    project.archive(images={"repositories": [{"repository": f"{front.host}/shared/tags", "tags": "*"}]})
    assert len(front.lines("GET */manifests/*")) == 1
    names = {f"{front.host}/shared/tags:{tag}" for tag in ("1", "1.0", "1.0.0", "latest")}
    assert {name: image["digest"] for name, image in project.images().items()} == dict.fromkeys(
        names, made.digest
    )
    project.judge()


def test_another_platform_costs_only_what_is_new(console: Console, front: Front) -> None:
    """A spec that asks for a further platform fetches its manifest, its config and the layer that is its own."""
    project, name = Project(console), f"{front.host}/shared/multi:1"
    project.archive(images={"platforms": ["linux/amd64"], "refs": [name]})
    front.forget()
    project.archive(images={"platforms": "all", "refs": [name]})
    assert len(front.lines("GET *")) == len(front.lines("GET */manifests/*")) + 2 == 3
    front.forget()
    project.archive(images={"platforms": ["linux/amd64"], "refs": [name]})
    assert front.lines("GET *") == []
    assert project.images()[name]["platforms"] == ["linux/amd64"]


def test_nothing_changed_costs_only_heads(console: Console, front: Front) -> None:
    """A second run with nothing changed asks for what each tag means by HEAD, and for nothing else."""
    project = Project(console)
    images = {"platforms": ["linux/amd64", "linux/arm64"], "refs": _names(front, range(IMAGES))}
    project.archive(images=images)
    front.forget()
    project.archive(images=images)
    assert {line.partition(" ")[0] for line in front.lines()} == {"HEAD"}
    assert len(front.lines("HEAD */manifests/1")) == IMAGES + 1
    first, second = project.records()
    assert [(image["reference"], image["digest"]) for image in first["images"]] == [
        (image["reference"], image["digest"]) for image in second["images"]
    ]


def test_two_runs_at_once_share_what_comes(console: Console, front: Front) -> None:
    """Two processes that archive projects with common images at the same time ask for each blob once between them.

    The layout is valid all the while, and both snapshots are complete.
    """
    one, two = Project(console, "one"), Project(console, "two")
    specs = [
        one.spec(images={"refs": _names(front, range(IMAGES - SHARED))}),
        two.spec(images={"refs": _names(front, range(SHARED, IMAGES))}),
    ]
    # Neither goes on before the other has begun.
    both = threading.Barrier(2)
    for number in (0, IMAGES - 1):  # each is asked for by one of them only
        front.hold(f"HEAD */app{number}/manifests/1", lambda _asked: both.wait(PATIENCE), times=1)
    with (
        one.console.started("archive", specs[0]) as first,
        two.console.started("archive", specs[1]) as second,
    ):
        while None in (first.poll(), second.poll()):
            one.check_layout()
            with contextlib.suppress(subprocess.TimeoutExpired):
                first.wait(0.01)
        assert (first.wait(), second.wait()) == (0, 0)
    blobs = Counter(front.lines("GET */blobs/*"))
    assert max(blobs.values()) == 1
    for project in (one, two):
        assert len(project.images()) == IMAGES - SHARED + 1
        assert project.failures() == {}
    assert set(one.tags()) == set(_names(front, range(IMAGES)))
    one.judge()


def test_blobs_come_in_parallel_within_the_limit(console: Console, front: Front) -> None:
    """Blobs of several images come at the same time, and never more from one registry than the spec allows."""
    allowed = 3
    together, lock, most = threading.Barrier(allowed), threading.Lock(), [0, 0]

    def count(_asked: Asked) -> None:
        with lock:
            most[0] += 1
            most[1] = max(most)
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(PATIENCE if most[1] < allowed else 0.05)
        with lock:
            most[0] -= 1

    front.hold("GET */blobs/*", count)
    images = {"refs": _names(front, range(IMAGES))[:-1]}
    Project(console).archive(images=images, registries={front.host: {"connections": allowed}})
    assert most[1] == allowed
    assert len({line.split("/blobs/")[0] for line in front.lines("GET */blobs/*")}) > 1
