"""What upstream has no longer, one by one: bundles and what is served from them say so, page by page."""

from __future__ import annotations

import json
import tarfile
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from servers.history import History
from servers.registry import serving as registry_serving
from servers.site import Reply, put, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console, Served


def _docs_of(bundle: Path) -> Any:
    with tarfile.open(bundle) as tar:
        member = tar.extractfile("bundle.json")
        assert member is not None
        return json.load(member)


def _assert_told(served: Served, url: str, day: str) -> None:
    """Assert that a page, what looks it up, and the landing page say since when it is gone."""
    address = json.loads(served.get(f"/-/lookup.json?url={url}"))
    assert address["gone"][:10] == day
    with urllib.request.urlopen(address["address"], timeout=30) as page:
        assert page.headers["X-Archive-Gone"].endswith(" GMT")
        assert b"words to keep" in page.read()
    landing = served.get("/").decode()
    assert "1 gone upstream" in landing
    assert f"gone upstream since {day}" in landing


def test_a_copy_of_which_a_source_was_refused_is_not_called_complete(console: Console) -> None:
    """Nothing needs to have failed: pages that lost their text were all answered. Other copies are complete."""
    history = History(console.folder / "archives")
    history.days(2)
    with console.serving("archives") as served:
        assert b">complete<" in served.get("/")
    history.refuse()
    with console.serving("archives") as served:
        landing = served.get("/")
        assert b"1 source kept as before" in landing
        assert b">complete<" not in landing
    assert "docs is DEGRADED, what is packed is as of 20260102T120000Z: most pages lost" in (
        console.succeed("bundle", "sample").out
    )


@pytest.mark.parametrize("bundled", [True, False], ids=["bundle", "archive"])
def test_what_vanished_one_by_one_is_told_to_readers(console: Console, *, bundled: bool) -> None:
    """A page and an image that went are there as they last were, and readers learn since when they are gone."""
    with serving({}) as site, registry_serving() as registry:
        pages = [f"page{number}.html" for number in range(8)]
        put(site, "docs/", "<title>Start</title>" + "".join(f"<a href={name}>x</a>" for name in pages))
        for name in pages:
            put(site, f"docs/{name}", f"<title>{name}</title><main><p>words to keep, of {name}</p></main>")
        for number in range(5):
            registry.image(f"team/app:{number}", b"layer")
        refs = [f"{registry.host}/team/app:{number}" for number in range(5)]
        spec = console.write(
            "sample.yaml",
            json.dumps(
                {"project": "sample", "docs": [{"seeds": [site.url("/docs/")]}], "images": {"refs": refs}}
            ),
        )
        console.succeed("archive", spec)
        del site.answers["/docs/page3.html"]
        registry.untag("team/app:3")
        assert console.run("archive", spec).code == 3
        url = site.url("/docs/page3.html")
        kept = site.url("/docs/page4.html")
    bundle = console.folder / "sample.tar"
    console.succeed("bundle", "sample", "-o", bundle)
    console.succeed("verify", bundle)
    contents = _docs_of(bundle)
    assert [site["gone"] for site in contents["docs"]] == [1]
    gone = [image["reference"] for image in contents["images"] if image["gone"]]
    assert gone == [refs[3]]
    day = next(image["gone"] for image in contents["images"] if image["gone"])[:10]
    with console.serving(bundle if bundled else "archives") as served:
        _assert_told(served, url, day)
        assert "gone" not in json.loads(served.get(f"/-/lookup.json?url={kept}"))


@pytest.mark.parametrize(
    ("status", "codes", "gone"), [(451, [3, 0, 0], 1), (410, [3, 0, 0], 1), (403, [3, 3, 3], 0)]
)
def test_a_page_that_upstream_withholds_for_good_is_a_failure_once(
    console: Console, status: int, codes: list[int], gone: int
) -> None:
    """451 says that it is not given to anybody: gone, with its last good capture kept. 403 may pass, and fails each time."""
    with serving({}) as site:
        pages = [f"page{number}.html" for number in range(8)]
        put(site, "docs/", "<title>Start</title>" + "".join(f"<a href={name}>x</a>" for name in pages))
        for name in pages:
            put(site, f"docs/{name}", f"<title>{name}</title><main><p>words to keep, of {name}</p></main>")
        spec = console.write(
            "sample.yaml", json.dumps({"project": "sample", "docs": [{"seeds": [site.url("/docs/")]}]})
        )
        console.succeed("archive", spec)
        site.answers["/docs/page3.html"] = Reply(b"not for you", status)
        assert [console.run("archive", spec).code for _ in codes] == codes
        newest = console.run("archive", spec, "--json").json
        assert newest["verdict"] == "healthy"
        site.answers["/docs/page3.html"] = Reply(b"<title>page3.html</title><main><p>back</p></main>")
        assert console.run("archive", spec).code == 0
    records = sorted((console.folder / "archives/sample/snapshots").glob("*Z.json"))
    counts = [json.loads(record.read_text())["sites"][0]["gone"] for record in records]
    assert counts == [0, *([gone] * 4), 0]
