"""Sources that die between two runs: the last good copy is kept, and the exit code says so."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from servers import registry as registries
from servers.content import packed
from servers.real import docker_registry, tiny_layout
from servers.site import put, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console


def _captures(console: Console) -> int:
    newest = max((console.folder / "archives" / "sample" / "snapshots").glob("*Z.json"))
    return int(json.loads(newest.read_text("utf-8"))["captures"])


def test_a_site_that_died_keeps_its_last_good_copy(hasty: Console) -> None:
    """With no seed answering, every page stays in the view, exit 4, and bundle and serve use it."""
    with serving({}) as site:
        put(site, "index.html", "<title>Start</title><a href=two.html>two</a><p>words to find")
        put(site, "two.html", "<title>Two</title>")
        spec = hasty.write(
            "sample.yaml",
            json.dumps({"project": "sample", "docs": [{"seeds": [f"{site.origin}/index.html"]}]}),
        )
        assert hasty.run("archive", spec).code == 0
        before = _captures(hasty)
    gone = hasty.run("archive", spec, "--json")
    assert gone.code == 4
    assert gone.json["verdict"] == "gone"
    assert gone.json["carried"]["captures"] == before == _captures(hasty)
    assert gone.json["failures"]
    bundle = hasty.succeed("bundle", "sample", "--json").json["path"]
    assert hasty.run("verify", bundle).code == 0
    assert "Start" in hasty.succeed("search", bundle, "words").out


def test_a_registry_that_died_keeps_its_images(hasty: Console, tmp_path: Path) -> None:
    """With every image of the set carried, exit 4; with only some, exit 3."""
    (tmp_path / "registry").mkdir()
    with docker_registry(tmp_path / "registry") as registry:
        tiny_layout(tmp_path / "layout", "app", "an image's text")
        registry.push(tmp_path / "layout", "app", "team/app:1")
        names = [f"{registry.host}/team/app:1"]
        spec = hasty.write("sample.yaml", json.dumps({"project": "sample", "images": {"refs": names}}))
        assert hasty.run("archive", spec).code == 0
        more = {"project": "sample", "images": {"refs": [*names, f"{registry.host}/team/app:none"]}}
        assert hasty.run("archive", hasty.write("sample.yaml", json.dumps(more))).code == 3
    spec = hasty.write("sample.yaml", json.dumps({"project": "sample", "images": {"refs": names}}))
    gone = hasty.run("archive", spec)
    assert gone.code == 4
    assert "1 image (1 kept from before)" in gone.out
    assert hasty.run("bundle", "sample").code == 0


def test_a_registry_that_only_fails_for_now_is_degraded(hasty: Console) -> None:
    """503 for the only image says nothing of whether it was withdrawn: exit 4, and healthy as soon as it answers."""
    with registries.serving() as registry:
        registry.image("app:1", packed("an image's text"))
        asked = {"project": "sample", "images": {"refs": [f"{registry.host}/app:1"]}}
        spec = hasty.write("sample.yaml", json.dumps(asked))
        assert hasty.run("archive", spec).code == 0
        registry.answers["/v2/app/manifests/1"] = registries.Reply(b"", 503)
        failing = hasty.run("archive", spec, "--json")
        assert (failing.code, failing.json["verdict"]) == (4, "degraded")
        (judgement,) = failing.json["judgements"]
        assert judgement["reason"].startswith("the only image asked for fails with an error of the server")
        del registry.answers["/v2/app/manifests/1"]
        assert hasty.run("archive", spec, "--json").json["verdict"] == "healthy"


def test_a_lost_search_index_is_made_again_when_it_is_needed(console: Console) -> None:
    """The index is a cache: searching or serving an archive folder without it builds it."""
    with serving({}) as site:
        put(site, "index.html", "<title>Start</title><p>words to find")
        spec = console.write(
            "sample.yaml",
            json.dumps({"project": "sample", "docs": [{"seeds": [f"{site.origin}/index.html"]}]}),
        )
        assert console.run("archive", spec).code == 0
    indexes = console.folder / "archives" / "sample" / "search"
    shutil.rmtree(indexes)
    assert "Start" in console.succeed("search", "archives", "words").out
    shutil.rmtree(indexes)
    with console.serving("archives") as served:
        assert json.loads(served.get("/-/search.json?q=words"))["hits"]
