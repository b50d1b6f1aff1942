"""Big blobs over connections that break, and runs that are killed: what came is kept, and hardly a byte comes twice."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.front import Front, broken, corrupted, fronting, status
from servers.mirroring import Project
from servers.processes import wait_until
from servers.real import docker_registry

if TYPE_CHECKING:
    from servers.console import Console
    from servers.content import Made
    from servers.real import Registry
    from servers.registry import Asked, Reply

MEGABYTE = 1 << 20
BIG = 6 * MEGABYTE
NAME = "team/big:1"
SEED = int(os.environ.get("KILL_SEED", "20261123"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
# What is sent and not yet in a file when a process dies, a connection: what the system and the program buffer.
IN_FLIGHT = MEGABYTE // 2


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An empty registry."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        yield registry


@pytest.fixture(scope="module")
def big(upstream: Registry) -> Made:
    """An image with a big layer that does not compress."""
    return upstream.image(NAME, random.Random(SEED).randbytes(BIG))


@pytest.fixture(scope="module")
def several(upstream: Registry) -> list[Made]:
    """Images with a big layer each."""
    rng = random.Random(SEED + 1)
    return [upstream.image(f"team/several:{number}", rng.randbytes(BIG // 2)) for number in range(4)]


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


@pytest.fixture
def project(hasty: Console) -> Project:
    """A project with an archive of its own."""
    return Project(hasty)


def _layer(made: Made) -> str:
    return made.layers[0]


def _ranges(front: Front, digest: str) -> list[str]:
    return front.headers(f"GET */blobs/{digest}", "Range")


def _partials(project: Project) -> int:
    """How many bytes of blobs are here that are not whole yet."""
    folder = project.layout / ".partial"
    return sum(path.stat().st_size for path in folder.glob("sha256-*")) if folder.is_dir() else 0


def test_a_broken_connection_costs_no_byte(project: Project, front: Front, big: Made) -> None:
    """A blob whose connection breaks, twice, goes on by Range where it stopped, and is whole."""
    line = f"GET */blobs/{_layer(big)}"
    front.alter(line, broken(1 * MEGABYTE), times=1)
    front.alter(line, broken(2 * MEGABYTE), times=1)
    project.archive(images={"refs": [f"{front.host}/{NAME}"]})
    size = project.blob(_layer(big)).stat().st_size
    assert front.sent()[_layer(big)] == size
    assert _ranges(front, _layer(big)) == ["", f"bytes={2 * MEGABYTE}-", f"bytes={3 * MEGABYTE}-"]
    project.judge()


def _without_range(_asked: Asked, reply: Reply) -> Reply:
    headers = {name: value for name, value in reply.headers.items() if name != "Content-Range"}
    return replace(reply, headers=headers)


def _another_range(_asked: Asked, reply: Reply) -> Reply:
    total = int(reply.headers["Content-Range"].rpartition("/")[2])
    return replace(reply, headers={**reply.headers, "Content-Range": f"bytes 17-{total - 1}/{total}"})


@pytest.mark.parametrize(
    "answer", ["ignored", "another range", "no range told", "beyond the end", "other bytes"]
)
def test_a_server_that_cannot_resume_is_survived(
    project: Project, front: Front, big: Made, answer: str
) -> None:
    """Range ignored, answered by another range, by none, by 416 or by other bytes: the blob is begun anew, and is right."""
    line = f"GET */blobs/{_layer(big)}"
    if answer == "ignored":
        front.alter(line, front.ignoring_range)
    elif answer == "another range":
        front.alter(line, _another_range, times=1)
    elif answer == "no range told":
        front.alter(line, _without_range, times=1)
    elif answer == "beyond the end":
        front.alter(line, status(416, Content_Range=f"bytes */{MEGABYTE}"), times=1)
    else:
        front.alter(line, corrupted, times=1)
    front.alter(line, broken(MEGABYTE), times=1)
    project.archive(images={"refs": [f"{front.host}/{NAME}"]})
    assert _ranges(front, _layer(big))[1] == f"bytes={MEGABYTE}-"
    assert project.has(_layer(big))
    project.judge()


def test_a_killed_run_is_gone_on_with(project: Project, front: Front, big: Made) -> None:
    """After kill -9 in the middle of a blob, the next run asks for the rest of it alone, and there is no trace of the first."""
    half = 3 * MEGABYTE
    front.pause(f"GET */blobs/{_layer(big)}", half)
    spec = project.spec(images={"refs": [f"{front.host}/{NAME}"]})
    with project.console.started("archive", spec) as process:
        wait_until(lambda: _partials(project) >= half, process, what="half of the blob")
        process.send_signal(signal.SIGKILL)
        process.wait()
    front.go_on()
    assert not project.has(_layer(big))
    front.forget()
    project.console.succeed("archive", spec)
    size = project.blob(_layer(big)).stat().st_size
    assert _ranges(front, _layer(big)) == [f"bytes={half}-"]
    assert front.sent()[_layer(big)] == size - half
    assert _partials(project) == 0
    project.judge()


def test_damage_to_what_a_killed_run_left_is_noticed(project: Project, front: Front, big: Made) -> None:
    """Bytes of an unfinished blob that changed on disk never get its name: the blob is fetched again."""
    half = 3 * MEGABYTE
    front.pause(f"GET */blobs/{_layer(big)}", half)
    spec = project.spec(images={"refs": [f"{front.host}/{NAME}"]})
    with project.console.started("archive", spec) as process:
        wait_until(lambda: _partials(project) >= half, process, what="half of the blob")
        process.send_signal(signal.SIGKILL)
        process.wait()
    front.go_on()
    (partial,) = (
        path for path in (project.layout / ".partial").glob("sha256-*") if path.stat().st_size >= half
    )
    with partial.open("r+b") as file:
        file.write(b"something else")
    project.console.succeed("archive", spec)
    project.judge()


@pytest.mark.thorough
def test_a_run_killed_again_and_again_gets_hardly_a_byte_twice(
    project: Project, front: Front, several: list[Made]
) -> None:
    """Killed at random moments of a pull of several images, runs go on where they were: all is there, sent about once."""
    rng = random.Random(SEED)
    refs = [f"{front.host}/team/several:{number}" for number in range(len(several))]
    spec = project.spec(images={"refs": refs})
    total = len(several) * (BIG // 2)
    for _ in range(ROUNDS):
        with project.console.started("archive", spec) as process:
            front.after(
                rng.randrange(total // (ROUNDS + 1)), lambda it=process: it.send_signal(signal.SIGKILL)
            )
            process.wait()
        front.after(1 << 40, lambda: None)
        project.check_layout()
    project.console.succeed("archive", spec)
    assert set(project.images()) == set(refs)
    layers = [_layer(made) for made in several]
    sent = sum(front.sent()[layer] for layer in layers)
    size = sum(project.blob(layer).stat().st_size for layer in layers)
    assert size <= sent <= size + ROUNDS * len(several) * IN_FLIGHT
    assert _partials(project) == 0
    project.judge()
