"""``archiver archive --locked``: the images and files of an earlier snapshot again, by their digests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from servers.registry import Registry, Reply
from servers.registry import serving as registry_serving
from servers.site import Site, put, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry that answers what a test tells it to."""
    with registry_serving() as served:
        yield served


@pytest.fixture
def site() -> Iterator[Site]:
    """A server of downloads."""
    with serving({}) as served:
        yield served


def _spec(console: Console, registry: Registry, site: Site | None = None, *more: str) -> Path:
    spec: dict[str, Any] = {
        "project": "sample",
        "images": {"refs": [f"{registry.host}/{name}" for name in ("app:1", *more)]},
    }
    if site is not None:
        spec["files"] = [{"url": f"{site.origin}/tool.bin"}]
    return console.write("sample.yaml", json.dumps(spec))


def _records(console: Console) -> list[Path]:
    return sorted((console.folder / "archives/sample/snapshots").glob("*Z.json"))


def _digests(record: Path) -> dict[str, str]:
    document = json.loads(record.read_text())
    return {image["reference"]: image["digest"] for image in document["images"]}


def test_what_moved_on_upstream_is_reproduced_as_it_was(
    console: Console, registry: Registry, site: Site
) -> None:
    """A tag that moved and a file that was replaced: by the lock the old ones, without it the new ones."""
    old = registry.image("app:1", b"old")
    put(site, "tool.bin", "the old tool")
    spec = _spec(console, registry, site)
    console.succeed("archive", spec)
    new = registry.image("app:1", b"new")
    put(site, "tool.bin", "the new tool")
    moved = console.succeed("archive", spec, "--quiet")
    assert "2 changed under the same name" in moved.out
    assert f"{registry.host}/app:1 was {old.digest}, is {new.digest}" in moved.out
    first, second = _records(console)
    assert (_digests(first), _digests(second)) == (
        {f"{registry.host}/app:1": old.digest},
        {f"{registry.host}/app:1": new.digest},
    )
    console.succeed("archive", spec, "--lock", first)
    third = json.loads(_records(console)[-1].read_text())
    before = json.loads(first.read_text())
    assert [each["digest"] for each in third["images"]] == [old.digest]
    assert [each["digest"] for each in third["files"]] == [each["digest"] for each in before["files"]]
    assert third["locked"] == before["id"]


def test_a_lock_is_reproduced_in_another_archive(console: Console, registry: Registry) -> None:
    """The record alone is enough: what it names is asked for by digest."""
    old = registry.image("app:1", b"old")
    spec = _spec(console, registry)
    console.succeed("archive", spec)
    registry.image("app:1", b"new")
    (lock,) = _records(console)
    console.succeed("archive", spec, "--lock", lock, "--archives", console.folder / "other")
    (made,) = (console.folder / "other/sample/snapshots").glob("*Z.json")
    assert _digests(made) == {f"{registry.host}/app:1": old.digest}


def test_locked_takes_the_last_good_snapshot_and_asks_nothing_of_what_is_here(
    console: Console, registry: Registry
) -> None:
    """With everything in the archive, the registry is not asked at all, whatever its tags mean by now."""
    old = registry.image("app:1", b"old")
    spec = _spec(console, registry)
    console.succeed("archive", spec)
    registry.image("app:1", b"new")
    registry.forget()
    console.succeed("archive", spec, "--locked")
    assert registry.lines() == []
    assert list(_digests(_records(console)[-1]).values()) == [old.digest]


def test_signatures_are_reproduced_with_their_image(console: Console, registry: Registry) -> None:
    """They are in the lock, and are said to be about their image in the new record as in the old."""
    made = registry.image("app:1", b"signed")
    registry.image(f"app:sha256-{made.digest.partition(':')[2]}.sig", b"signature", platform="")
    spec = _spec(console, registry)
    console.succeed("archive", spec)
    (lock,) = _records(console)
    console.succeed("archive", spec, "--lock", lock, "--archives", console.folder / "other")
    (other,) = (console.folder / "other/sample/snapshots").glob("*Z.json")

    def facts(record: Path) -> set[tuple[str, str, str]]:
        images = json.loads(record.read_text())["images"]
        return {(each["reference"], each["digest"], each["refers_to"]) for each in images}

    assert facts(other) == facts(lock)
    assert {each[2] for each in facts(lock)} == {"", made.digest}


def test_the_platforms_are_those_of_the_lock(console: Console, registry: Registry) -> None:
    """A spec that has narrowed them since does not narrow what is reproduced."""
    both = {
        name: registry.image(f"app:{name}", name.encode(), platform=f"linux/{name}")
        for name in ("amd64", "arm64")
    }
    registry.index("app:1", *((made, f"linux/{name}") for name, made in both.items()))
    images = {"refs": [f"{registry.host}/app:1"], "platforms": ["linux/amd64", "linux/arm64"]}
    console.succeed(
        "archive", console.write("sample.yaml", json.dumps({"project": "sample", "images": images}))
    )
    (lock,) = _records(console)
    console.succeed(
        "archive", _spec(console, registry), "--lock", lock, "--archives", console.folder / "other"
    )
    (other,) = (console.folder / "other/sample/snapshots").glob("*Z.json")
    made = [json.loads(record.read_text())["images"][0]["manifests"] for record in (lock, other)]
    assert made[0] == made[1]
    assert len(made[0]) == 2


def test_what_the_lock_lacks_is_a_failure(console: Console, registry: Registry) -> None:
    """A reference that was added to the spec since is told, and the rest is reproduced."""
    registry.image("app:1", b"one")
    registry.image("added:1", b"two")
    console.succeed("archive", _spec(console, registry))
    outcome = console.run("archive", _spec(console, registry, None, "added:1"), "--locked", "--json")
    assert outcome.code == 3
    assert [(each["code"], each["subject"]) for each in outcome.json["failures"]] == [
        ("lock.absent", f"{registry.host}/added:1")
    ]
    assert list(_digests(_records(console)[-1])) == [f"{registry.host}/app:1"]


def test_a_digest_that_is_gone_everywhere_is_not_replaced_by_a_newer_one(
    console: Console, registry: Registry
) -> None:
    """What the lock names cannot be had: a failure, and what the tag means now does not stand in for it."""
    old = registry.image("app:1", b"old")
    spec = _spec(console, registry)
    console.succeed("archive", spec)
    (lock,) = _records(console)
    registry.image("app:1", b"new")
    registry.answers[f"GET /v2/app/manifests/{old.digest}"] = Reply(b"{}", 404)
    outcome = console.run("archive", spec, "--lock", lock, "--archives", console.folder / "other", "--json")
    assert outcome.code == 3
    assert outcome.json["images"] == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"format": "archiver-snapshot/1"}', None])
def test_what_is_no_record_is_a_usage_error(
    console: Console, registry: Registry, content: bytes | None
) -> None:
    """A file that is missing, damaged or of another kind: exit 2, with its name, and nothing is made."""
    lock = console.folder / "lock.json"
    if content is not None:
        lock.write_bytes(content)
    outcome = console.run("archive", _spec(console, registry), "--lock", lock)
    assert outcome.code == 2
    assert "lock.json" in outcome.err


def test_another_projects_record_is_a_usage_error(console: Console, registry: Registry) -> None:
    """It says whose it is."""
    registry.image("app:1", b"one")
    console.succeed("archive", _spec(console, registry))
    (lock,) = _records(console)
    lock.write_text(lock.read_text().replace('"project": "sample"', '"project": "other"'))
    outcome = console.run("archive", _spec(console, registry), "--lock", lock)
    assert (outcome.code, "of other" in outcome.err) == (2, True)


def test_locked_without_a_snapshot_is_a_usage_error(console: Console, registry: Registry) -> None:
    """There is nothing to reproduce yet."""
    outcome = console.run("archive", _spec(console, registry), "--locked")
    assert (outcome.code, "no good snapshot" in outcome.err) == (2, True)
