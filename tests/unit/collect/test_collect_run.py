"""One run after another for one project: what a run that fails must not lose."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.collect.run import archive_project
from archiver.core.errors import InvalidDocument, RecordCorrupt
from archiver.core.progress import NullProgress
from archiver.spec.load import load_spec
from archiver.store.images import read_index
from archiver.store.paths import create_archive
from archiver.store.snapshots import good_snapshot, list_snapshots
from servers.pulling import ABSENT
from servers.registry import Registry
from servers.registry import Reply as RegistryReply
from servers.registry import serving as registry_serving
from servers.site import Reply, Site, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.snapshot import Snapshot

FILE = "application/octet-stream"


class Notes(NullProgress):
    """Remembers what is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        """Keep it."""
        self.notes.append(message)


class Keeper:
    """Somebody who archives one project again and again, from a site and a registry on loopback."""

    def __init__(self, folder: Path, site: Site, registry: Registry) -> None:
        self.folder, self.site, self.registry = folder, site, registry
        self.archive = create_archive(folder / "archives")
        self.project = self.archive.project("p")
        self.progress = Notes()

    def run(self, **spec: Any) -> Snapshot:
        """Archive what the keys of a spec say."""
        path = self.folder / "p.yaml"
        path.write_text(json.dumps({"project": "p", **spec}))
        result = archive_project(
            load_spec(path), self.archive, stop=threading.Event(), progress=self.progress
        )
        assert good_snapshot(self.project) == result.snapshot.id
        return result.snapshot


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    """A keeper with an empty site, an empty registry and no passwords."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with ExitStack() as held:
        yield Keeper(tmp_path, held.enter_context(serving({})), held.enter_context(registry_serving()))


def images(snapshot: Snapshot) -> list[tuple[str, bool]]:
    """Return repository and tag of the images, and whether they are carried."""
    return [(image.reference.rpartition("/")[2], image.carried) for image in snapshot.images]


def codes(snapshot: Snapshot) -> list[str]:
    """Return the failures' codes."""
    return [failure.code for failure in snapshot.failures]


@pytest.mark.parametrize(
    ("later", "code"),
    [
        (Reply(b"gone", 404), "fetch.status"),
        (Reply(b"<!doctype html>\n<p>This domain is for sale.</p>"), "spec.invalid"),
        (Reply(b""), "fetch.content"),
        (Reply(b"##others\n{host}/three:1\n"), "spec.invalid"),
    ],
    ids=["gone", "a page in its place", "emptied", "the section is gone"],
)
def test_a_list_that_is_no_more_loses_no_image(keeper: Keeper, later: Reply, code: str) -> None:
    """Where nobody can say what is wanted any more, every image that was there stays, marked as carried."""
    for name in ("one:1", "two:1"):
        keeper.registry.image(name, name.encode())
    host = keeper.registry.host
    keeper.site.answers["/list.txt"] = Reply(f"##images\n{host}/one:1\n{host}/two:1\n".encode())
    spec = {"lists": [keeper.site.url("/list.txt")], "sections": ["images"]}
    assert images(keeper.run(images=spec)) == [("one:1", False), ("two:1", False)]
    keeper.site.answers["/list.txt"] = Reply(later.body.replace(b"{host}", host.encode()), later.status)
    snapshot = keeper.run(images={**spec, "refs": [f"{host}/one:1"]})
    assert images(snapshot) == [("one:1", False), ("two:1", True)]
    assert code in codes(snapshot)


def test_an_image_that_a_list_no_longer_names_is_not_carried(keeper: Keeper) -> None:
    """A list that can be had says what is wanted; so what it dropped leaves the view."""
    for name in ("one:1", "two:1"):
        keeper.registry.image(name, name.encode())
    host = keeper.registry.host
    keeper.site.answers["/list.txt"] = Reply(f"{host}/one:1\n{host}/two:1\n".encode())
    spec = {"lists": [keeper.site.url("/list.txt")]}
    keeper.run(images=spec)
    keeper.site.answers["/list.txt"] = Reply(f"{host}/two:1\n".encode())
    assert images(keeper.run(images=spec)) == [("two:1", False)]


def test_a_platform_that_fails_keeps_the_earlier_image(keeper: Keeper) -> None:
    """The complete copy stays in the view, marked, and the failure is listed."""

    def push(version: bytes) -> str:
        made = {
            name: keeper.registry.image(f"app:{name}", version + name.encode(), platform=f"linux/{name}")
            for name in ("amd64", "arm64")
        }
        keeper.registry.index("app:1", *((each, f"linux/{name}") for name, each in made.items()))
        return made["arm64"].layers[0]

    push(b"1")
    spec = {"platforms": ["linux/amd64", "linux/arm64"], "refs": [f"{keeper.registry.host}/app:1"]}
    first = keeper.run(images=spec)
    keeper.registry.answers[f"/v2/app/blobs/{push(b'2')}"] = ABSENT
    second = keeper.run(images=spec)
    assert images(second) == [("app:1", True)]
    assert second.images[0].platforms == ("linux/amd64", "linux/arm64")
    assert second.images[0].digest == first.images[0].digest
    assert codes(second) == ["registry.unknown"]


def test_what_is_carried_is_named_again_where_the_index_was_lost(keeper: Keeper) -> None:
    """The registry is gone, and so is the layout's index: the copy is reached by its name again."""
    keeper.registry.image("app:1", b"one")
    spec = {"refs": [f"{keeper.registry.host}/app:1"]}
    first = keeper.run(images=spec)
    (keeper.archive.images / "index.json").unlink()
    keeper.registry.answers["HEAD /v2/app/manifests/1"] = RegistryReply(b"", 403)
    second = keeper.run(images=spec)
    assert images(second) == [("app:1", True)]
    (entry,) = read_index(keeper.archive.images)
    assert str(entry.digest) == first.images[0].digest
    assert entry.annotations["org.opencontainers.image.ref.name"] == first.images[0].reference


def test_a_carried_file_gives_way_to_a_new_one_s_path(keeper: Keeper) -> None:
    """Two files never get the same path, though one is of an earlier run."""
    old, new = keeper.site.url("/get?f=1"), keeper.site.url("/get?f=0")
    keeper.site.answers["/get?f=1"] = Reply(b"one", type=FILE)
    first = keeper.run(files=[{"url": old}])
    keeper.site.answers.update({"/get?f=1": Reply(b"", 404), "/get?f=0": Reply(b"zero", type=FILE)})
    second = keeper.run(files=[{"url": new}, {"url": old}])
    assert [(file.url, file.carried) for file in second.files] == [(new, False), (old, True)]
    assert second.files[0].path == first.files[0].path
    assert second.files[1].path != second.files[0].path


def test_a_file_of_another_digest_is_not_carried(keeper: Keeper) -> None:
    """Where the spec has named a digest since, a copy with another one is no stand-in; one with it is."""
    url = keeper.site.url("/f.bin")
    keeper.site.answers["/f.bin"] = Reply(b"old", type=FILE)
    keeper.run(files=[{"url": url}])
    keeper.site.answers["/f.bin"] = Reply(b"", 404)
    right = keeper.run(files=[{"url": url, "sha256": hashlib.sha256(b"old").hexdigest()}])
    assert [file.url for file in right.files] == [url]
    path = keeper.folder / "p.yaml"
    path.write_text(json.dumps({"project": "p", "files": [{"url": url, "sha256": "ab" * 32}]}))
    wrong = archive_project(load_spec(path), keeper.archive, stop=threading.Event()).snapshot
    assert (wrong.files, codes(wrong)) == ((), ["fetch.status"])


def test_a_file_s_time_is_that_of_its_download(keeper: Keeper) -> None:
    """Copying an archive changes times on disk; when a file was fetched stays what the first snapshot said."""
    url = keeper.site.url("/f.bin")
    keeper.site.answers["/f.bin"] = Reply(b"content", type=FILE, etag='"1"')
    first = keeper.run(files=[{"url": url}])
    for path in (keeper.archive.images / "blobs" / "sha256").iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert keeper.run(files=[{"url": url}]).files == first.files


def damage(keeper: Keeper, snapshot: str, what: str) -> None:
    """Spoil a snapshot's record or its capture index, or take one away."""
    path = keeper.project.record(snapshot) if "record" in what else keeper.project.captures(snapshot)
    if "missing" in what:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("what", ["record", "missing record", "index", "missing index"])
def test_a_damaged_snapshot_is_passed_over(keeper: Keeper, what: str) -> None:
    """The newest older snapshot that can be read is what is carried over from, with a warning where one is damaged."""
    keeper.registry.image("app:1", b"x")
    url = keeper.site.url("/f.bin")
    keeper.site.answers["/f.bin"] = Reply(b"content", type=FILE)
    spec = {"images": {"refs": [f"{keeper.registry.host}/app:1"]}, "files": [{"url": url}]}
    keeper.run(**spec)
    damaged = keeper.run(**spec).id
    damage(keeper, damaged, what)
    keeper.site.answers.clear()
    keeper.registry.answers["/v2/app/manifests/1"] = RegistryReply(b"", 404)
    snapshot = keeper.run(**spec)
    assert images(snapshot) == [("app:1", True)]
    assert [file.url for file in snapshot.files] == [url]
    warned = [note for note in keeper.progress.notes if damaged in note and "damaged" in note]
    assert len(warned) == (what != "missing record")


@pytest.mark.parametrize("what", ["record", "index"])
def test_nothing_is_archived_where_no_snapshot_can_be_read(keeper: Keeper, what: str) -> None:
    """A new snapshot would silently lose what the damaged ones had: the run is refused, with a way out."""
    keeper.site.answers["/f.bin"] = Reply(b"content", type=FILE)
    spec = {"files": [{"url": keeper.site.url("/f.bin")}]}
    first = keeper.run(**spec).id
    damage(keeper, first, what)
    with pytest.raises((InvalidDocument, RecordCorrupt)) as caught:
        keeper.run(**spec)
    assert "backup" in (caught.value.hint or "")
    assert list_snapshots(keeper.project) == (first,)
