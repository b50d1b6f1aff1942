"""Blobs on their way into the store: resumed, repeated, from one place after another, and each once."""

from __future__ import annotations

import hashlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.collect.images.blobs import BlobFetcher
from archiver.collect.images.external import external_sources
from archiver.collect.meter import Meter
from archiver.core.descriptor import Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import DigestMismatch, FetchError, LayerForeign, SizeMismatch, Stopped
from archiver.core.progress import NullProgress
from archiver.core.reference import Reference
from archiver.spec.registries import RegistrySettings
from archiver.store.blobs import BlobStore
from archiver.store.images import ImageLayout
from archiver.store.partials import partial_blob_path
from servers.halting import halting
from servers.processes import free_port
from servers.pulling import HASTY, codes, named, pull, pull_all, registries
from servers.registry import Asked, Registry, Reply, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.images.registries import Registries

CONTENT = random.Random(7).randbytes(300_000)
PATIENT = replace(HASTY, progress=50_000)


class Shown(NullProgress):
    """Adds up what a task of bytes was told."""

    def __init__(self) -> None:
        self.came = self.expected = 0

    def task(self, label: str, unit: str, total: int | None = None) -> Any:
        """Return a task that adds up."""
        return self

    def advance(self, count: int = 1) -> None:
        """Count."""
        self.came += count

    def expect(self, total: int) -> None:
        """Remember the total."""
        self.expected = total

    def close(self) -> None:
        """End."""


class Fetching:
    """A store, and what fetches into it from some registries."""

    def __init__(self, folder: Path, running: Registries) -> None:
        self.folder, self.shown = folder, Shown()
        self.store = BlobStore(folder)
        self.meter = Meter(self.shown)
        self.running = running
        self.fetcher = BlobFetcher(self.store, running, self.meter)

    def get(self, registry: Registry, *descriptors: Descriptor) -> None:
        """Fetch blobs of the registry's ``app`` and wait for them."""
        repository = self.running.repository(Reference.parse(f"{registry.host}/app:1"))
        self.fetcher.wait(repository, self.fetcher.begin(repository, descriptors))

    def leave(self, digest: Digest, data: bytes) -> None:
        """Leave what a killed run would have left of a blob."""
        path = self.folder / partial_blob_path(digest)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def registry() -> Iterator[Registry]:
    """An empty registry."""
    with serving() as running:
        yield running


@pytest.fixture
def mirror() -> Iterator[Registry]:
    """Another one."""
    with serving() as running:
        yield running


@pytest.fixture
def fetching(tmp_path: Path) -> Iterator[Fetching]:
    """A store that fetches from registries without mirrors."""
    with registries(patience=PATIENT) as running:
        made = Fetching(tmp_path, running)
        yield made
        made.fetcher.close()


def put(registry: Registry, data: bytes = CONTENT) -> Descriptor:
    """Put a blob into a registry."""
    made = registry.blob("app", data)
    return Descriptor(made.media_type, Digest.parse(made.digest), made.size)


def target(descriptor: Descriptor) -> str:
    """What a blob is asked for by."""
    return f"/v2/app/blobs/{descriptor.digest}"


def ranges(registry: Registry) -> list[str]:
    """The parts that blobs were asked for, in order; empty for the whole."""
    return [asked.headers.get("range", "") for asked in registry.asked if "/blobs/" in asked.target]


def breaking(data: bytes, *ends: int) -> Any:
    """Answer requests for a part, breaking off at these bytes of the whole, one after the other."""
    left = list(ends)

    def answer(asked: Asked) -> Reply:
        start = int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        end = left.pop(0) if left else len(data)
        cut = end - start if end < len(data) else None
        if not start:
            return Reply(data, cut=cut)
        told = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        return Reply(data[start:], 206, told, cut=cut)

    return answer


# ---- going on


def test_a_broken_transfer_goes_on_where_it_stopped(registry: Registry, fetching: Fetching) -> None:
    """The second request asks for the rest alone, and the meter ends where it said that it would."""
    blob = put(registry)
    registry.answers[target(blob)] = breaking(CONTENT, 100_000)
    fetching.get(registry, blob)
    assert ranges(registry) == ["", "bytes=100000-"]
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT
    assert (fetching.shown.came, fetching.shown.expected) == (len(CONTENT), len(CONTENT))
    assert (fetching.meter.bytes, fetching.fetcher.fetched) == (len(CONTENT), 1)


def test_attempts_are_counted_anew_whenever_bytes_came(registry: Registry, fetching: Fetching) -> None:
    """A line that breaks every 60,000 bytes brings the whole all the same, in more attempts than are put up with."""
    blob = put(registry)
    registry.answers[target(blob)] = breaking(CONTENT, 60_000, 120_000, 180_000, 240_000)
    fetching.get(registry, blob)
    assert len(ranges(registry)) == 5 > PATIENT.attempts
    assert fetching.store.size(blob.digest) == len(CONTENT)


def test_a_trickle_is_no_progress(registry: Registry, fetching: Fetching) -> None:
    """A server that breaks off after ten bytes each time is given up; what came is kept for the next run."""
    blob = put(registry)
    registry.answers[target(blob)] = breaking(CONTENT, *range(10, 1000, 10))
    with pytest.raises(FetchError):
        fetching.get(registry, blob)
    assert len(ranges(registry)) == PATIENT.attempts
    assert (fetching.folder / partial_blob_path(blob.digest)).stat().st_size == 10 * PATIENT.attempts
    assert fetching.store.size(blob.digest) is None


def test_the_next_run_goes_on_where_a_killed_one_stopped(registry: Registry, fetching: Fetching) -> None:
    """What was on the disk is neither asked for again nor expected by the meter."""
    blob = put(registry)
    fetching.leave(blob.digest, CONTENT[:123_456])
    fetching.get(registry, blob)
    assert ranges(registry) == ["bytes=123456-"]
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT
    assert fetching.shown.came == fetching.shown.expected == len(CONTENT) - 123_456


def test_what_is_whole_already_is_only_checked(registry: Registry, fetching: Fetching) -> None:
    """Killed between the last byte and the rename: nothing is asked for."""
    blob = put(registry)
    fetching.leave(blob.digest, CONTENT)
    fetching.get(registry, blob)
    assert registry.asked == []
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT
    assert fetching.shown.expected == 0


def test_an_empty_blob_is_not_asked_for(registry: Registry, fetching: Fetching) -> None:
    """There is only one content of no bytes."""
    blob = put(registry, b"")
    fetching.get(registry, blob)
    assert registry.asked == []
    assert fetching.store.size(blob.digest) == 0


def test_a_sha512_is_as_good(registry: Registry, fetching: Fetching) -> None:
    """The other algorithm that the specification knows: resumed, checked and stored under its own name."""
    digest = Digest("sha512", hashlib.sha512(CONTENT).hexdigest())
    blob = Descriptor("application/octet-stream", digest, len(CONTENT))
    registry.answers[target(blob)] = breaking(CONTENT, 100_000)
    fetching.get(registry, blob)
    assert fetching.store.read(digest, 1 << 20) == CONTENT
    assert ranges(registry) == ["", "bytes=100000-"]


def test_wrong_bytes_of_an_earlier_run_cost_one_more_request(registry: Registry, fetching: Fetching) -> None:
    """The rest does not fit what is here: all is got anew from the same place, and nothing wrong has a name."""
    blob = put(registry)
    fetching.leave(blob.digest, b"x" * 100_000)
    fetching.get(registry, blob)
    assert ranges(registry) == ["bytes=100000-", ""]
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT
    assert fetching.shown.came == fetching.shown.expected == 2 * len(CONTENT) - 100_000


def test_a_whole_of_wrong_bytes_is_got_anew(registry: Registry, fetching: Fetching) -> None:
    """As many bytes as there should be, but others: they are dropped before anything is asked."""
    blob = put(registry)
    fetching.leave(blob.digest, b"x" * len(CONTENT))
    fetching.get(registry, blob)
    assert ranges(registry) == [""]
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT


def test_a_server_without_ranges_begins_anew(registry: Registry, fetching: Fetching) -> None:
    """200 in answer to a request for the rest: what is here is dropped, and the meter expects it once more."""
    blob = put(registry)
    registry.answers[target(blob)] = [Reply(CONTENT, cut=100_000), Reply(CONTENT)]
    fetching.get(registry, blob)
    assert ranges(registry) == ["", "bytes=100000-"]
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT
    assert fetching.shown.came == fetching.shown.expected == len(CONTENT) + 100_000


def test_a_server_that_sends_parts_of_parts_is_asked_for_the_rest(
    registry: Registry, fetching: Fetching
) -> None:
    """It may send less than it was asked for (RFC 9110, section 15.3.7): that ends no blob."""
    blob = put(registry)

    def sparing(asked: Asked) -> Reply:
        start = int(asked.headers.get("range", "bytes=0-")[len("bytes=") : -1])
        end = min(start + 100_000, len(CONTENT))
        told = {"Content-Range": f"bytes {start}-{end - 1}/{len(CONTENT)}"}
        return Reply(CONTENT[start:end], 206, told) if start else Reply(CONTENT, cut=100_000)

    registry.answers[target(blob)] = sparing
    fetching.get(registry, blob)
    assert ranges(registry) == ["", *(f"bytes={at}-" for at in range(100_000, len(CONTENT), 100_000))]
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT


def test_beginning_anew_again_and_again_is_no_progress(registry: Registry, fetching: Fetching) -> None:
    """A server without ranges that always breaks off at the same place is given up."""
    blob = put(registry)
    registry.answers[target(blob)] = Reply(CONTENT, cut=200_000)
    with pytest.raises(FetchError):
        fetching.get(registry, blob)
    assert ranges(registry) == ["", *["bytes=200000-"] * (PATIENT.attempts - 1)]


def test_more_than_was_asked_for_is_wrong(registry: Registry, fetching: Fetching) -> None:
    """A rest that is longer than what is missing is no content of this blob."""
    blob = put(registry)
    fetching.leave(blob.digest, CONTENT[:100])
    told = {"Content-Range": f"bytes 100-{len(CONTENT) - 1}/{len(CONTENT)}"}
    registry.answers[target(blob)] = Reply(CONTENT[100:] + b"more", 206, told)
    with pytest.raises(SizeMismatch):
        fetching.get(registry, blob)
    assert fetching.store.size(blob.digest) is None


# ---- one place after another


def settings_of(*mirrors: Registry, fallbacks: tuple[Registry, ...] = ()) -> RegistrySettings:
    """A registry's settings with mirrors and fallbacks."""
    return RegistrySettings(
        mirrors=tuple(each.host for each in mirrors), fallbacks=tuple(each.host for each in fallbacks)
    )


def image_in(*places: Registry) -> Any:
    """Put the same image into several registries."""
    made = [each.image("app:1", CONTENT) for each in places]
    return made[0]


def test_the_registry_goes_on_where_its_mirror_stopped(
    registry: Registry, mirror: Registry, tmp_path: Path
) -> None:
    """Half of a layer came from the mirror before it died; only the other half is asked for elsewhere."""
    made = image_in(registry, mirror)
    layer = made.layers[0]
    data = registry.content(layer)
    mirror.answers[f"GET /v2/app/blobs/{layer}"] = [Reply(data, cut=200_000), Reply(status=404)]
    outcome = pull(
        ImageLayout(tmp_path),
        registry,
        "app:1",
        settings={registry.host: settings_of(mirror)},
        patience=PATIENT,
    )
    assert outcome.failures == ()
    assert [asked.headers.get("range") for asked in registry.asked if layer in asked.target] == [
        "bytes=200000-"
    ]


@pytest.mark.parametrize("start", [0, 150_000])
def test_a_mirror_s_wrong_bytes_are_made_good_by_the_registry(
    registry: Registry, mirror: Registry, tmp_path: Path, start: int
) -> None:
    """Wrong from the beginning, or wrong in the half that came before it broke off: the image is right."""
    made = image_in(registry, mirror)
    layer = made.layers[0]
    data = registry.content(layer)
    wrong = data[:start] + b"!" * (len(data) - start)
    mirror.answers[f"/v2/app/blobs/{layer}"] = (
        [Reply(wrong, cut=200_000), Reply(status=404)] if start else Reply(wrong)
    )
    layout = ImageLayout(tmp_path)
    outcome = pull(layout, registry, "app:1", settings={registry.host: settings_of(mirror)}, patience=PATIENT)
    assert outcome.failures == ()
    assert layout.blobs.read(Digest.parse(layer), 1 << 20) == data


def test_content_comes_from_the_mirror_and_the_meaning_from_the_registry(
    registry: Registry, mirror: Registry, tmp_path: Path
) -> None:
    """The registry is asked what the tag means, and nothing else; the record names it."""
    image_in(registry, mirror)
    outcome = pull(ImageLayout(tmp_path), registry, "app:1", settings={registry.host: settings_of(mirror)})
    assert registry.lines() == ["HEAD /v2/app/manifests/1"]
    assert len(mirror.fetched()) == 2
    assert outcome.images[0].registry == registry.host


def test_a_dead_registry_is_survived_by_its_mirror(mirror: Registry, tmp_path: Path) -> None:
    """Nobody listens at the registry: the mirror says what the tag means, and that nothing refers to it; it is named."""
    image_in(mirror)
    with serving() as dead:
        host = dead.host
    outcome = pull_all(
        ImageLayout(tmp_path),
        [Reference.parse(f"{host}/app:1")],
        settings={host: settings_of(mirror)},
        referrers=True,
    )
    assert outcome.failures == ()
    assert (outcome.images[0].reference, outcome.images[0].registry) == (f"{host}/app:1", mirror.host)


def test_where_all_places_fail_nothing_is_named(registry: Registry, mirror: Registry, tmp_path: Path) -> None:
    """Wrong bytes everywhere: a failure by digest, no image, no blob."""
    made = image_in(registry, mirror)
    layer = made.layers[0]
    for place in (registry, mirror):
        place.answers[f"/v2/app/blobs/{layer}"] = Reply(b"!" * len(registry.content(layer)))
    layout = ImageLayout(tmp_path)
    outcome = pull(layout, registry, "app:1", settings={registry.host: settings_of(mirror)})
    assert (codes(outcome), named(layout)) == (["content.digest"], {})
    assert layout.blobs.size(Digest.parse(layer)) is None


# ---- each digest once


def test_another_run_s_blob_is_waited_for(registry: Registry, tmp_path: Path) -> None:
    """Two runs on one archive want the same blob: one fetches it, and the other one finds it."""
    blob = put(registry)
    asked, answer = threading.Event(), threading.Event()

    def slow(_: Asked) -> Reply:
        asked.set()
        answer.wait(60)
        return Reply(CONTENT)

    registry.answers[target(blob)] = slow
    with registries() as one, registries() as two, ThreadPoolExecutor(2) as pool:
        first, second = Fetching(tmp_path, one), Fetching(tmp_path, two)
        getting = pool.submit(first.get, registry, blob)
        asked.wait(60)
        waiting = pool.submit(second.get, registry, blob)
        answer.set()
        getting.result(60)
        waiting.result(60)
    assert ranges(registry) == [""]
    assert (first.fetcher.fetched, second.fetcher.fetched) == (1, 0)
    assert (second.shown.came, second.shown.expected) == (0, 0)


def test_what_another_run_gave_up_is_gone_on_with(registry: Registry, tmp_path: Path) -> None:
    """The first one stops in the middle; the second one, which waited for it, asks for the rest."""
    blob = put(registry)
    held, brake = threading.Event(), threading.Event()
    store = BlobStore(tmp_path)

    def hold() -> None:
        with store.resumable(blob.digest, blob.size) as partial:
            partial.write(CONTENT[:100_000])
            held.set()
            brake.wait(60)

    with registries() as running, ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold)
        held.wait(60)
        second = Fetching(tmp_path, running)
        waiting = pool.submit(second.get, registry, blob)
        brake.set()
        holding.result(60)
        waiting.result(60)
    assert ranges(registry) == ["bytes=100000-"]
    assert store.read(blob.digest, 1 << 20) == CONTENT


def test_waiting_for_another_run_ends_with_the_run(registry: Registry, tmp_path: Path) -> None:
    """Somebody else holds the blob for ever: stopping does not wait for that."""
    blob, stop = put(registry), threading.Event()
    with registries(stop=stop) as running, BlobStore(tmp_path).resumable(blob.digest, blob.size):
        fetching = Fetching(tmp_path, running)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(fetching.get, registry, blob)
            stop.set()
            with pytest.raises(Stopped):
                waiting.result(60)
    assert registry.asked == []


def test_a_lying_size_does_not_spoil_the_true_one(registry: Registry, fetching: Fetching) -> None:
    """Two manifests give one digest different sizes: the right one is got, the other one fails."""
    blob = put(registry)
    liar = replace(blob, size=blob.size + 1)
    repository = fetching.running.repository(Reference.parse(f"{registry.host}/app:1"))
    lying, true = fetching.fetcher.begin(repository, [liar, blob])
    fetching.fetcher.wait(repository, [true])
    with pytest.raises(SizeMismatch, match="announces"):
        fetching.fetcher.wait(repository, [lying])
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT


def test_renewing_replaces_what_is_damaged(registry: Registry, fetching: Fetching) -> None:
    """Though a file of the right name and size is there."""
    blob = put(registry)
    fetching.get(registry, blob)
    fetching.store.path(blob.digest).write_bytes(b"x" * len(CONTENT))
    fetching.fetcher.renew(fetching.running.repository(Reference.parse(f"{registry.host}/app:1")), blob)
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT


def test_renewing_takes_what_another_run_has_just_finished(registry: Registry, fetching: Fetching) -> None:
    """Missing when it was looked for, and here when the lock is free: it is looked into, and not fetched again."""
    blob = put(registry)
    fetching.store.put(CONTENT)
    fetching.fetcher.renew(fetching.running.repository(Reference.parse(f"{registry.host}/app:1")), blob)
    assert (registry.asked, fetching.fetcher.fetched, fetching.shown.expected) == ([], 0, 0)


# ---- lanes


def test_a_silent_registry_does_not_hold_up_another(registry: Registry, tmp_path: Path) -> None:
    """Twenty images of a registry that says nothing, and one of another, last: that one is done meanwhile."""
    made, stop = registry.image("app:1", CONTENT), threading.Event()

    class StopWhenDone(NullProgress):
        def task(self, label: str, unit: str, total: int | None = None) -> Any:
            task = super().task(label, unit, total)
            task.describe = lambda _text: stop.set()  # type: ignore[method-assign]  # an image is done
            return task

    with halting() as silent:
        references = [Reference.parse(f"{silent.host}/app:{number}") for number in range(20)]
        outcome = pull_all(
            ImageLayout(tmp_path),
            [*references, Reference.parse(f"{registry.host}/app:1")],
            progress=StopWhenDone(),
            stop=stop,
            patience=replace(HASTY, read=600),
        )
    assert [image.digest for image in outcome.images] == [made.digest]


def test_a_registry_gets_as_many_transfers_as_its_settings_say(registry: Registry, tmp_path: Path) -> None:
    """With two connections, two blobs come at a time, neither more nor fewer."""
    together, lock = threading.Barrier(2, timeout=60), threading.Lock()
    now, most = 0, 0

    def counted(data: bytes) -> Any:
        def answer(_: Asked) -> Reply:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            together.wait()
            with lock:
                now -= 1
            return Reply(data)

        return answer

    blobs = [put(registry, bytes([number]) * 1000) for number in range(6)]
    for number, blob in enumerate(blobs):
        registry.answers[target(blob)] = counted(bytes([number]) * 1000)
    with registries({registry.host: RegistrySettings(connections=2)}) as running:
        fetching = Fetching(tmp_path, running)
        fetching.get(registry, *blobs)
        fetching.fetcher.close()
    assert most == 2


# ---- layers that a registry does not distribute


def foreign(registry: Registry, *urls: str) -> Descriptor:
    """A layer with addresses of its publisher's."""
    blob = Descriptor(
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest.of(CONTENT), len(CONTENT)
    )
    return replace(blob, urls=urls)


def test_a_foreign_layer_is_taken_from_the_registry_where_it_is(
    registry: Registry, mirror: Registry, fetching: Fetching
) -> None:
    """Most registries have such layers by now: the publisher is not asked then."""
    put(registry)
    fetching.get(registry, foreign(registry, f"http://{mirror.host}/layer"))
    assert mirror.asked == []
    assert fetching.store.size(Digest.of(CONTENT)) == len(CONTENT)


def test_a_foreign_layer_comes_from_its_publisher(
    registry: Registry, mirror: Registry, fetching: Fetching
) -> None:
    """Where the registry does not have it, its addresses are asked in order, without credentials, by Range too."""
    layer = foreign(registry, f"http://{mirror.host}/lost", f"http://{mirror.host}/layer")
    mirror.answers["/lost"] = Reply(status=404)
    mirror.answers["/layer"] = breaking(CONTENT, 100_000)
    fetching.get(registry, layer)
    assert mirror.lines() == ["GET /lost", "GET /layer", "GET /layer"]
    assert mirror.asked[-1].headers["range"] == "bytes=100000-"
    assert not any("authorization" in asked.headers for asked in mirror.asked)
    assert fetching.store.read(layer.digest, 1 << 20) == CONTENT


def test_a_publisher_s_host_that_is_dead_is_not_asked_again_and_again(
    registry: Registry, mirror: Registry, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest may name many addresses of hosts that are gone: a live one is asked first, and of dead ones just one."""
    dead, other = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    live = f"http://{mirror.host}"
    client, asked = fetching.running.client, list[str]()
    exchange = client.exchange

    def counted(method: str, url: str, **more: Any) -> Any:
        asked.append(url)
        return exchange(method, url, **more)

    monkeypatch.setattr(client, "exchange", counted)

    def get(data: bytes, *urls: str) -> list[str]:
        asked.clear()
        layer = replace(foreign(registry, *urls), digest=Digest.of(data), size=len(data))
        with suppress(LayerForeign):
            fetching.get(registry, layer)
        return [url for url in asked if "/v2/" not in url]

    for name in "12":
        mirror.answers[f"/{name}"] = Reply(name.encode())
    thrice = [f"{dead}/a"] * PATIENT.attempts_to_connect
    assert get(b"1", f"{dead}/a", f"{dead}/b", f"{live}/1") == [*thrice, f"{live}/1"]
    assert get(b"2", f"{dead}/a", f"{dead}/b", f"{live}/2") == [f"{live}/2"]
    assert get(b"3", f"{dead}/a", f"{dead}/b") == [f"{dead}/a"]
    get(b"4", f"{other}/a")
    assert get(b"5", f"{dead}/a", f"{other}/a", f"{dead}/b") == [f"{dead}/a"]


def test_a_foreign_layer_that_nobody_has_is_a_clear_failure(
    registry: Registry, mirror: Registry, fetching: Fetching
) -> None:
    """Both refusals are told; wrong bytes from the publisher are not taken."""
    layer = foreign(registry, f"http://{mirror.host}/layer")
    mirror.answers["/layer"] = Reply(b"!" * len(CONTENT))
    with pytest.raises(LayerForeign, match=r"BLOB_UNKNOWN.*hashes to"):
        fetching.get(registry, layer)
    assert fetching.store.size(layer.digest) is None


@pytest.mark.parametrize(
    "url",
    ["http://example.org/x", "http://127.0.0.1/x", "https://localhost/x", "ftp://example.org/x", "x", ""],
)
def test_some_addresses_are_not_asked(url: str) -> None:
    """Plain http, what is no web address, and from a registry elsewhere what is on this machine."""
    blob = Descriptor("application/octet-stream", Digest.of(b"x"), 1, urls=(url, "https://example.org/x"))
    with registries() as running:
        sources = list(external_sources(running.client, blob, on_this_machine=False))
    assert [source.registry for source in sources] == ["example.org"]


def test_a_windows_image_is_pulled_with_its_foreign_base(
    registry: Registry, mirror: Registry, tmp_path: Path
) -> None:
    """By its manifest's ``urls``, as Docker Hub's older Windows images have them."""
    base = foreign(registry, f"http://{mirror.host}/base")
    mirror.answers["/base"] = Reply(CONTENT)
    config = registry.blob(
        "win",
        b'{"os":"windows","architecture":"amd64"}',
        "application/vnd.docker.container.image.v1+json",
    )
    registry.manifest(
        "win:1",
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": config.descriptor,
            "layers": [base.to_json()],
        },
    )
    outcome = pull(ImageLayout(tmp_path), registry, "win:1", platforms=(Platform("windows", "amd64"),))
    assert outcome.failures == ()
    assert outcome.images[0].platforms == ("windows/amd64",)


def test_wrong_content_from_one_repository_does_not_spoil_another(
    registry: Registry, fetching: Fetching
) -> None:
    """The one that asked for it fails; who waits for it from elsewhere gets an attempt of its own."""
    blob = put(registry)
    registry.answers[target(blob)] = Reply(b"!" * len(CONTENT))
    one = fetching.running.repository(Reference.parse(f"{registry.host}/app:1"))
    two = fetching.running.repository(Reference.parse(f"{registry.host}/other:1"))
    fetches = fetching.fetcher.begin(one, [blob])
    again = fetching.fetcher.begin(two, [blob])
    with pytest.raises(DigestMismatch):
        fetching.fetcher.wait(one, fetches)
    fetching.fetcher.wait(two, again)
    assert fetching.store.read(blob.digest, 1 << 20) == CONTENT
