"""``reader_image``: an image with Python that comes along, and lets a reader who has none read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from servers.registry import Registry
from servers.registry import serving as registry_serving
from servers.site import put, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry with an image for two platforms, and one to read with."""
    with registry_serving() as served:
        made = [(served.image(f"reader:{name}", name.encode(), platform=f"linux/{name}"), f"linux/{name}")
                for name in ("amd64", "arm64")]  # fmt: skip
        served.index("reader:3", *made)
        served.image("app:1", b"app")
        yield served


def _spec(console: Console, **keys: Any) -> Path:
    return console.write("sample.yaml", json.dumps({"project": "sample", **keys}))


def _snapshot(console: Console) -> dict[str, Any]:
    newest = max((console.folder / "archives/sample/snapshots").glob("*Z.json"))
    return dict(json.loads(newest.read_text()))


def test_it_is_planned_checked_and_archived_beside_the_images(console: Console, registry: Registry) -> None:
    """Check counts it, plan lists it, archive pulls it for the platforms of the images and notes which one it is."""
    reader, app = f"{registry.host}/reader:3", f"{registry.host}/app:1"
    images = {"refs": [app], "platforms": ["linux/arm64", "linux/amd64"]}
    spec = _spec(console, images=images, reader_image=reader)
    assert "2 image references" in console.succeed("check", spec).out
    assert reader in console.succeed("plan", spec, "--offline").out
    assert reader in console.succeed("plan", spec).out
    console.succeed("archive", spec)
    snapshot = _snapshot(console)
    assert snapshot["reader_image"] == reader
    assert {each["reference"]: each["platforms"] for each in snapshot["images"]} == {
        app: ["linux/amd64"],
        reader: ["linux/arm64", "linux/amd64"],
    }


def test_it_may_be_the_only_image(console: Console, registry: Registry) -> None:
    """Where a spec has no images, it comes for linux/amd64; what reproduces the snapshot takes no more than that."""
    with serving({}) as site:
        put(site, "tool.bin", "a tool")
        files = [{"url": f"{site.origin}/tool.bin"}]
        spec = _spec(console, files=files, reader_image=f"{registry.host}/reader:3")
        console.succeed("archive", spec)
        first = _snapshot(console)
        assert [each["platforms"] for each in first["images"]] == [["linux/amd64"]]
        console.succeed("archive", spec, "--locked")
    second = _snapshot(console)
    assert second["locked"] == first["id"]
    assert second["reader_image"] == first["reader_image"]
    assert [each["manifests"] for each in second["images"]] == [each["manifests"] for each in first["images"]]


def test_one_that_cannot_be_had_is_a_failure_like_any(console: Console, registry: Registry) -> None:
    """Exit code 3, and a bundle that does not promise what it does not hold."""
    spec = _spec(console, images={"refs": [f"{registry.host}/app:1"]}, reader_image=f"{registry.host}/none:3")
    outcome = console.run("archive", spec)
    assert outcome.code == 3, outcome.said
    assert f"{registry.host}/none:3" in outcome.out
