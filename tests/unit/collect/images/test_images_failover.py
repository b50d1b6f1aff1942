"""Who is asked next, and who is waited for."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.collect.retry import Patience
from archiver.core.errors import HostUnreachable, ManifestUnknown, RateLimited, ServerBusy
from archiver.spec.registries import RegistrySettings
from servers.asking import CONTENT, Opened, blob, read, repository
from servers.processes import free_port
from servers.registry import Asked, Registry, Reply, serving

if TYPE_CHECKING:
    from archiver.collect.images.registries import Registries

BUSY = Reply(status=503)
LIMITED = Reply(status=429, headers={"Retry-After": "30"})
SHORTLY = Reply(status=429, headers={"Retry-After": "0"})
DROPPED = Reply(CONTENT, cut=0)


class Waits(list[float]):
    """What would have been waited for, in seconds; nobody does."""


@pytest.fixture
def servers() -> Iterator[list[Registry]]:
    """Three empty registries: the one that references name, and two others."""
    with ExitStack() as held:
        yield [held.enter_context(serving()) for _ in range(3)]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens registries."""
    with ExitStack() as held:
        yield Opened(held)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Keeps every wait from taking its time."""
    waits = Waits()
    monkeypatch.setattr("archiver.collect.retry.Brake.wait", lambda _, seconds: waits.append(seconds))
    return waits


def mirrored(
    opened: Opened, own: str, *mirrors: Registry, fallbacks: tuple[Registry, ...] = ()
) -> Registries:
    """Open a registry with mirrors and fallbacks, in no hurry."""
    settings = RegistrySettings(
        mirrors=tuple(each.host for each in mirrors), fallbacks=tuple(each.host for each in fallbacks)
    )
    return opened({own: settings}, Patience(connect=5, read=5))


def asked(server: Registry) -> int:
    """Return how many requests came."""
    return len(server.asked)


@pytest.mark.parametrize("trouble", [BUSY, LIMITED, DROPPED])
def test_nobody_waits_for_a_mirror_in_trouble(
    servers: list[Registry], opened: Opened, waits: Waits, trouble: Reply
) -> None:
    """One request, and the registry gives it; the mirror is asked no more for some minutes."""
    own, mirror, _ = servers
    wanted = blob(own, mirror)
    mirror.answers[f"/v2/app/blobs/{wanted.digest}"] = trouble
    registries = mirrored(opened, own.host, mirror)
    for _ in range(3):
        assert read(repository(registries, own.host), wanted) == (0, CONTENT)
    assert (asked(own), asked(mirror), waits) == (3, 1, [])


@pytest.mark.parametrize("trouble", [BUSY, LIMITED])
def test_a_mirror_in_trouble_holds_up_no_search_for_signatures(
    servers: list[Registry], opened: Opened, waits: Waits, trouble: Reply
) -> None:
    """The registry has said that there is none; the mirror is asked in passing, and once."""
    own, mirror, _ = servers
    for number in range(3):
        mirror.answers[f"/v2/app/manifests/sha256-{number}.sig"] = trouble
    repo = repository(mirrored(opened, own.host, mirror), own.host)
    for number in range(3):
        assert repo.find(f"sha256-{number}.sig") is None
    assert (asked(own), asked(mirror), waits) == (3, 1, [])


def test_a_registry_in_trouble_is_waited_for_where_it_alone_can_tell(
    servers: list[Registry], opened: Opened, waits: Waits
) -> None:
    """What a tag means: a mirror's word would come at once, and may be an old one."""
    own, mirror, _ = servers
    new, _ = own.image("app:1", b"new"), mirror.image("app:1", b"old")
    target = "HEAD /v2/app/manifests/1"
    own.answers[target] = [BUSY, SHORTLY, own.reply_to(Asked("HEAD", "/v2/app/manifests/1", {}))]
    resolved = repository(mirrored(opened, own.host, mirror), own.host).resolve("1")
    assert resolved.descriptor is not None
    assert str(resolved.descriptor.digest) == new.digest
    assert asked(mirror) == 0
    assert waits[:1] == [1]


def test_a_mirror_tells_tags_while_the_registry_gives_no_answer(
    servers: list[Registry], opened: Opened, waits: Waits
) -> None:
    """After all attempts; and a mirror is waited for, too, where it is the only one that may know."""
    mirror = servers[0]
    made = mirror.image("app:1", b"x")
    truth = mirror.reply_to(Asked("HEAD", "/v2/app/manifests/1", {}))
    mirror.answers["HEAD /v2/app/manifests/1"] = [BUSY, BUSY, truth]
    dead = f"127.0.0.1:{free_port()}"
    resolved = repository(mirrored(opened, dead, mirror), dead).resolve("1")
    assert resolved.descriptor is not None
    assert (str(resolved.descriptor.digest), resolved.location) == (made.digest, mirror.host)


def test_content_is_asked_for_in_rounds(servers: list[Registry], opened: Opened, waits: Waits) -> None:
    """All places are in trouble: a pause, longer each time, and all are asked again that may be well."""
    own, mirror, fallback = servers
    wanted = blob(own)
    target = f"/v2/app/blobs/{wanted.digest}"
    own.answers[target] = [BUSY, BUSY, Reply(CONTENT)]
    mirror.answers[target] = BUSY
    registries = mirrored(opened, own.host, mirror, fallbacks=(fallback,))
    assert read(repository(registries, own.host), wanted) == (0, CONTENT)
    assert [asked(server) for server in servers] == [3, 3, 1]
    assert waits == [1, 2]


def test_rounds_come_to_an_end(servers: list[Registry], opened: Opened, waits: Waits) -> None:
    """With the registry's own error, after as many as a single place gets attempts."""
    own, mirror, _ = servers
    wanted = blob(own, mirror)
    for server in (own, mirror):
        server.answers[f"/v2/app/blobs/{wanted.digest}"] = BUSY
    with pytest.raises(ServerBusy) as caught:
        read(repository(mirrored(opened, own.host, mirror), own.host), wanted)
    assert own.host in str(caught.value)
    assert [asked(own), asked(mirror)] == [5, 5]
    assert waits == [1, 2, 4, 8]


def test_who_wants_a_rest_is_waited_for_last(servers: list[Registry], opened: Opened) -> None:
    """When nobody else has it."""
    own, mirror, _ = servers
    wanted = blob(mirror)
    mirror.answers[f"/v2/app/blobs/{wanted.digest}"] = SHORTLY
    patience = Patience(first_wait=0.01, first_pause=0.01, paused=0.02, connect=5, read=5)
    repo = repository(opened({own.host: RegistrySettings(mirrors=(mirror.host,))}, patience), own.host)
    with pytest.raises(ManifestUnknown):
        read(repo, wanted)
    assert asked(own) == 1
    assert asked(mirror) >= 2
    own.answers[f"/v2/app/blobs/{wanted.digest}"] = SHORTLY
    with pytest.raises(RateLimited):
        read(repository(opened(patience=patience), own.host), wanted)


def test_a_place_from_which_something_comes_is_kept_to(
    servers: list[Registry], opened: Opened, waits: Waits
) -> None:
    """A big blob that breaks off and goes on is not looked for elsewhere each time."""
    own, mirror, _ = servers
    patience, received = Patience(), [0]
    registries = mirrored(opened, own.host, mirror)
    places: list[str] = []

    def attempt(source: object) -> str:
        places.append(source.location)  # type: ignore[attr-defined]
        received[0] += patience.progress
        if len(places) < 10:
            raise ServerBusy("broke off")
        return "done"

    assert repository(registries, own.host).fetch(attempt, lambda: received[0]) == "done"
    assert places == [mirror.host] * 10


def test_a_dead_registry_is_tried_again_where_everybody_is_dead(opened: Opened, waits: Waits) -> None:
    """That it was left alone is no reason to ask nobody."""
    own, mirror = (f"127.0.0.1:{free_port()}" for _ in range(2))
    registries = opened({own: RegistrySettings(mirrors=(mirror,))}, Patience(connect=5, read=5))
    repo = repository(registries, own)
    for _ in range(2):
        with pytest.raises(HostUnreachable) as caught:
            repo.resolve("1")
        assert "/v2/app/manifests/1" in str(caught.value)


def test_a_dead_registry_says_which_mirror_does_not_have_it(
    servers: list[Registry], opened: Opened, waits: Waits
) -> None:
    """The failure is the registry's; but that the mirror was asked, and answered, is what its keeper wants to know."""
    dead, mirror = f"127.0.0.1:{free_port()}", servers[1]
    mirror.image("app:2", b"another")
    repo = repository(mirrored(opened, dead, mirror), dead)
    for tag in ("1", "3"):
        with pytest.raises(HostUnreachable) as caught:
            repo.resolve(tag)
        assert caught.value.message.endswith(f"; and it is not at {mirror.host}")
        assert caught.value.message.count(mirror.host) == 1
