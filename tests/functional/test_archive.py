"""``archiver archive SPEC...``: what it leaves on disk, what it says, and the exit code for each way to fail."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import signal
import threading
import zipfile
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.store.locks import locked
from servers.halting import halting
from servers.processes import free_port, wait_until
from servers.real import docker_registry, tiny_layout
from servers.registry import Asked, Reply
from servers.registry import serving as registry_serving
from servers.site import Reply as Answered
from servers.site import Site, put, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.console import Console, Outcome
    from servers.real import Registry

INDEX = """<!doctype html><title>Start</title><link rel=stylesheet href=style.css>
<h1>Start</h1><p>Words of the start page.</p><a href=second.html>second</a> <img src=dot.svg>"""


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of two pages, a style sheet and an image, without a broken link."""
    with serving({}) as served:
        put(served, "index.html", INDEX)
        put(served, "second.html", "<!doctype html><title>Second</title><a href=index.html>back</a>")
        put(served, "style.css", "h1 { color: navy }")
        put(served, "dot.svg", '<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>')
        yield served


def _spec(console: Console, **keys: Any) -> Path:
    return console.write("sample.yaml", json.dumps({"project": "sample", **keys}))


def _docs(*seeds: str, name: str = "docs", **keys: Any) -> dict[str, Any]:
    return {"name": name, "seeds": list(seeds), **keys}


def _record(console: Console, project: str = "sample") -> Any:
    """Return the newest snapshot record."""
    newest = max((console.folder / "archives" / project / "snapshots").glob("*Z.json"))
    return json.loads(newest.read_text("utf-8"))


def _blames(outcome: Outcome, subject: str) -> bool:
    return any(subject in failure["subject"] for failure in outcome.json["failures"])


def test_a_site_is_archived_completely(console: Console, site: Site) -> None:
    """Two pages and what they need: exit code 0, a summary for people, a record, and `good`."""
    outcome = console.succeed("archive", _spec(console, docs=[_docs(f"{site.origin}/index.html")]))
    assert "sample" in outcome.out
    record = _record(console)
    assert record["failures"] == []
    assert (record["sites"][0]["pages"], record["sites"][0]["requisites"]) == (2, 2)
    assert (console.folder / "archives" / "sample" / "good").read_text().strip() == record["id"]
    assert "/second.html" in site.targets()


def test_pages_are_counted_as_lists_of_them_have_them(console: Console, site: Site) -> None:
    """A redirect, a text file and a page under a second URL are captured, and are no more pages: everywhere alike."""
    put(
        site, "index.html", f"{INDEX}<a href=moved>moved</a> <a href=./>again</a> <a href=notes.txt>notes</a>"
    )
    put(site, "notes.txt", "plain text")
    site.answers |= {
        "/": site.answers["/index.html"],
        "/moved": Answered(status=302, headers=(("Location", "/second.html"),)),
    }
    outcome = console.succeed("archive", _spec(console, docs=[_docs(f"{site.origin}/index.html")]), "--json")
    record, report = _record(console), json.loads((console.folder / outcome.json["report"]).read_bytes())
    said = [outcome.json["pages"], *(each["pages"] for each in (*record["sites"], *report["sites"]))]
    assert (said, record["captures"], report["sites"][0]["redirects"]) == ([2, 2, 2], 7, 1)
    bundle = console.folder / "sample.tar"
    console.succeed("bundle", "sample", "-o", bundle)
    console.succeed("extract", bundle, console.folder / "out")
    with zipfile.ZipFile(console.folder / "out" / "docs" / "docs.wacz") as packed:
        assert len(packed.read("pages/pages.jsonl").splitlines()) == 1 + 2


def test_progress_is_plain_lines_without_a_terminal(console: Console, site: Site) -> None:
    """Where output is no terminal there are no control characters, and --json leaves standard output to JSON."""
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html")])
    outcome = console.succeed("archive", spec)
    assert "\r" not in outcome.said
    assert "\x1b" not in outcome.said
    summary = console.succeed("archive", spec, "--json").json
    assert {
        "project", "snapshot", "complete", "verdict", "pages", "requisites", "captures", "bytes", "images",
        "files", "failures", "broken_links", "seconds",
    } <= set(summary)  # fmt: skip


def test_several_specs_are_archived_one_after_the_other(console: Console, site: Site) -> None:
    """Two specs in one command make two projects in one archive, and --json gives a list of two."""
    one = console.write(
        "one.yaml", json.dumps({"project": "one", "docs": [_docs(f"{site.origin}/index.html")]})
    )
    two = console.write(
        "two.yaml", json.dumps({"project": "two", "docs": [_docs(f"{site.origin}/second.html")]})
    )
    outcome = console.succeed("archive", one, two, "--json")
    assert [summary["project"] for summary in outcome.json] == ["one", "two"]


def test_the_archive_folder_can_be_chosen(console: Console, site: Site, tmp_path: Path) -> None:
    """--archives DIR goes before ARCHIVER_ARCHIVES, which goes before archives/."""
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html")])
    console.environment["ARCHIVER_ARCHIVES"] = str(tmp_path / "by-environment")
    console.succeed("archive", spec)
    console.succeed("archive", spec, "--archives", tmp_path / "by-option")
    assert (tmp_path / "by-environment" / "sample" / "good").is_file()
    assert (tmp_path / "by-option" / "sample" / "good").is_file()
    assert not (tmp_path / "archives").exists()


def test_a_broken_link_is_reported_and_no_failure(console: Console, site: Site) -> None:
    """A 404 on a discovered link is the site's own fault: reported with its referrer, exit code 0."""
    put(site, "second.html", "<a href=gone.html>gone</a>")
    outcome = console.succeed("archive", _spec(console, docs=[_docs(f"{site.origin}/index.html")]), "--json")
    (broken,) = outcome.json["broken_links"]
    assert broken["url"] == f"{site.origin}/gone.html"
    assert broken["status"] == "404"
    assert broken["referrer"] == f"{site.origin}/second.html"
    assert outcome.json["failures"] == []


def test_a_missing_seed_is_a_failure(console: Console, site: Site) -> None:
    """A 404 on one of two seeds ends with exit code 3; the other seed's pages are archived."""
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html", f"{site.origin}/nowhere.html")])
    outcome = console.run("archive", spec, "--json")
    assert outcome.code == 3
    assert _blames(outcome, "/nowhere.html")
    assert outcome.json["complete"] is False
    assert outcome.json["pages"] >= 2
    assert [failure["subject"] for failure in _record(console)["failures"]] == [f"{site.origin}/nowhere.html"]


def test_a_dead_host_does_not_stop_the_rest(hasty: Console, site: Site) -> None:
    """A site whose host is dead is a failure, listed on screen and in the record; the other site is archived."""
    dead = f"http://127.0.0.1:{free_port()}/"
    spec = _spec(hasty, docs=[_docs(dead, name="dead"), _docs(f"{site.origin}/index.html", name="alive")])
    outcome = hasty.run("archive", spec)
    assert outcome.code == 3, outcome.said
    assert dead in outcome.said
    record = _record(hasty)
    assert any(failure["subject"].startswith(dead) for failure in record["failures"])
    assert {entry["name"]: entry["pages"] for entry in record["sites"]}["alive"] == 2


def test_a_dead_registry_does_not_stop_the_rest(hasty: Console, site: Site) -> None:
    """An image whose registry is dead is a failure; the docs are archived."""
    reference = f"127.0.0.1:{free_port()}/some/app:1"
    spec = _spec(hasty, docs=[_docs(f"{site.origin}/index.html")], images={"refs": [reference]})
    outcome = hasty.run("archive", spec, "--json")
    assert outcome.code == 3
    assert _blames(outcome, reference)
    assert outcome.json["pages"] == 2


def test_files_are_downloaded_and_checked(console: Console, site: Site) -> None:
    """A file with the digest that the spec names is kept; one with another digest is a failure with exit code 3."""
    put(site, "release.txt", "the release\n")
    digest = hashlib.sha256(b"the release\n").hexdigest()
    good = {"url": f"{site.origin}/release.txt", "sha256": digest}
    bad = {"url": f"{site.origin}/release.txt?again", "sha256": "0" * 64}
    console.succeed("archive", _spec(console, files=[good]))
    outcome = console.run("archive", _spec(console, files=[good, bad]), "--json")
    assert outcome.code == 3
    assert _blames(outcome, "release.txt?again")
    assert outcome.json["files"] == 1


def test_an_altered_blob_is_never_kept(
    console: Console, site: Site, registry: Registry, tmp_path: Path
) -> None:
    """A registry that sends other bytes than it promises is a failure, exit code 3, and no such blob is kept."""
    layer = tiny_layout(tmp_path / "bad", "bad", "to be altered behind the registry's back")
    tiny_layout(tmp_path / "good", "good", "as it should be")
    registry.push(tmp_path / "bad", "bad", "altered/app:1")
    registry.push(tmp_path / "good", "good", "sound/app:1")
    registry.damage(layer)
    bad, good = f"{registry.host}/altered/app:1", f"{registry.host}/sound/app:1"
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html")], images={"refs": [bad, good]})
    outcome = console.run("archive", spec, "--json")
    assert outcome.code == 3
    assert _blames(outcome, bad)
    assert (outcome.json["images"], outcome.json["pages"]) == (1, 2)
    assert [image["reference"] for image in _record(console)["images"]] == [good]
    assert not (
        console.folder / "archives" / "images" / "blobs" / "sha256" / layer.partition(":")[2]
    ).exists()


def test_an_unknown_tag_is_a_failure(console: Console, registry: Registry, tmp_path: Path) -> None:
    """A tag that the registry does not have is a failure with exit code 3."""
    tiny_layout(tmp_path / "layout", "one", "an image")
    registry.push(tmp_path / "layout", "one", "known/app:1")
    refs = [f"{registry.host}/known/app:{tag}" for tag in ("1", "2")]
    outcome = console.run("archive", _spec(console, images={"refs": refs}), "--json")
    assert outcome.code == 3
    assert _blames(outcome, refs[1])
    assert outcome.json["images"] == 1


def test_an_image_list_beside_the_spec_is_read(console: Console, registry: Registry, tmp_path: Path) -> None:
    """References come from a list next to the spec: its chosen section only, repeated entries once."""
    for tag in ("one", "two", "three"):
        tiny_layout(tmp_path / "layout", tag, f"image {tag}")
        registry.push(tmp_path / "layout", tag, f"listed/{tag}:1")
    host = registry.host
    console.write("list.txt", f"##core\n{host}/listed/one:1\n# a comment\n{host}/listed/two:1\n{host}/listed/one:1\n"
                              f"##extra\n{host}/listed/three:1\n")  # fmt: skip
    spec = _spec(console, images={"lists": ["list.txt"], "sections": ["core"]})
    console.succeed("archive", spec)
    names = {image["reference"] for image in _record(console)["images"]}
    assert names == {f"{host}/listed/one:1", f"{host}/listed/two:1"}


def test_a_private_registry_is_asked_with_the_users_credentials(console: Console, tmp_path: Path) -> None:
    """Basic credentials come from ~/.docker/config.json; without them the image is a failure."""
    (tmp_path / "registry").mkdir()
    with docker_registry(tmp_path / "registry", private=True) as private:
        tiny_layout(tmp_path / "layout", "one", "a private image")
        private.push(tmp_path / "layout", "one", "private/app:1")
        spec = _spec(console, images={"refs": [f"{private.host}/private/app:1"]})
        assert console.run("archive", spec).code == 3
        secret = base64.b64encode(b"keeper:secret").decode()
        console.write(".docker/config.json", json.dumps({"auths": {private.host: {"auth": secret}}}))
        outcome = console.succeed("archive", spec)
    assert len(_record(console)["images"]) == 1
    assert "secret" not in outcome.said


def test_a_registry_with_tokens_is_asked_for_one(console: Console) -> None:
    """A Bearer challenge is answered anonymously, and with the user's credentials where those are wanted."""
    with registry_serving() as tokens:
        tokens.image("some/app:1", b"the only layer")
        tokens.login = "bearer"
        spec = _spec(console, images={"refs": [f"{tokens.host}/some/app:1"]})
        console.succeed("archive", spec)
        tokens.anonymous = False
        assert console.run("archive", spec, "--archives", console.folder / "refused").code == 3
        secret = base64.b64encode(b"keeper:secret").decode()
        console.write(".docker/config.json", json.dumps({"auths": {tokens.host: {"auth": secret}}}))
        console.succeed("archive", spec, "--archives", console.folder / "allowed")


def test_json_tells_of_errors_too(console: Console, site: Site) -> None:
    """Standard output has a document however a run ends: an error in a summary's place, with code, place and hint."""
    put(site, "index.html", INDEX)
    bad = console.write("bad.yaml", "project: bad\nimages: {refs: ['Not An Image']}\n")
    outcome = console.run("archive", bad, "--json")
    assert outcome.code == 2
    assert outcome.json["spec"] == str(bad)
    assert outcome.json["error"]["code"] == "spec.invalid"
    assert outcome.json["error"]["place"].startswith(f"{bad}:2")
    assert {"message", "hint"} <= set(outcome.json["error"])
    good = _spec(console, docs=[_docs(f"{site.origin}/index.html")])
    other = console.write("other.yaml", json.dumps({"project": "other", "docs": [_docs(f"{site.origin}/")]}))
    held = console.folder / "archives" / "other" / ".lock"
    held.parent.mkdir(parents=True)
    with locked(held, "other"):
        alone = console.run("archive", other, "--json")
        both = console.run("archive", other, good, "--json")
    assert (alone.code, both.code) == (6, 6)
    assert alone.json == both.json[0]
    assert alone.json["error"]["code"] == "store.locked"
    assert (alone.json["project"], both.json[1]["project"]) == ("other", "sample")


def test_ctrl_c_ends_a_silent_pull(console: Console) -> None:
    """A registry that took a request and never answers does not keep a run from ending; JSON tells of the stop."""
    with halting() as registry:
        spec = _spec(console, images={"refs": [f"{registry.host}/silent/app:1"]})
        with console.started("archive", spec, "--json") as process:
            wait_until(registry.silent.is_set, process, what="the request")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130  # far below the minute for which a server may be silent
        log = (console.folder / "console.log").read_text()
        assert '"code": "stopped"' in log
        assert "Traceback" not in log


def test_a_second_run_at_the_same_time_is_refused(console: Console, site: Site) -> None:
    """While a run works on a project another one ends at once with exit code 6, and harms nothing."""
    for number in range(200):
        put(site, f"page{number}.html", f"<title>{number}</title><a href=page{number + 1}.html>next</a>")
    spec = _spec(console, docs=[_docs(f"{site.origin}/page0.html", delay=1)])
    with console.started("archive", spec) as process:
        wait_until(lambda: "/page0.html" in site.targets(), process, what="the first run's first request")
        outcome = console.run("archive", spec)
        assert outcome.code == 6, outcome.said
        assert "another run" in outcome.err
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_ctrl_c_ends_soon_and_says_so(console: Console, site: Site) -> None:
    """Ctrl-C ends a run with exit code 130 without a traceback, and SIGTERM does the same."""
    put(site, "index.html", "".join(f"<a href=p{number}.html>x</a>" for number in range(500)))
    for number in range(500):
        put(site, f"p{number}.html", f"<title>{number}</title>")
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html", delay=1)])
    for ending in (signal.SIGINT, signal.SIGTERM):
        seen = len(site.targets())
        with console.started("archive", spec) as process:
            wait_until(lambda seen=seen: len(site.targets()) > seen + 1, process, what="requests")
            process.send_signal(ending)
            assert process.wait(30) == 130
        log = (console.folder / "console.log").read_text()
        assert "interrupted" in log
        assert "run the same command again" in log
        assert "Traceback" not in log


def test_ctrl_c_during_a_pull_leaves_nothing_unverified(console: Console) -> None:
    """Ctrl-C while a blob streams ends with 130 and only whole blobs under their names; the next run gets it."""
    going_on = threading.Event()
    with registry_serving() as registry:
        layer = registry.image("slow/app:1", b"the only layer").layers[0]

        def slow(_: Asked) -> Reply:
            going_on.wait(60)
            return Reply(registry.content(layer))

        registry.answers[f"GET /v2/slow/app/blobs/{layer}"] = slow
        spec = _spec(console, images={"refs": [f"{registry.host}/slow/app:1"]})
        with console.started("archive", spec) as process:
            wait_until(lambda: layer in registry.fetched(), process, what="the layer's download")
            process.send_signal(signal.SIGINT)
            going_on.set()
            assert process.wait(60) == 130
        blobs = console.folder / "archives" / "images" / "blobs" / "sha256"
        for blob in blobs.glob("*"):
            assert blob.name.startswith(".tmp-") or hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
        console.succeed("archive", spec)
        assert (blobs / layer.partition(":")[2]).exists()


def test_progress_is_drawn_on_a_terminal(console: Console, site: Site) -> None:
    """On a terminal the pages are counted in place."""
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html")])
    code, shown = console.on_terminal("archive", spec)
    assert code == 0
    assert "pages" in shown
    assert re.search(r"\r[^\n]", shown), "nothing is drawn over"


@pytest.mark.parametrize("place", ["archives", "archives/deeper"])
def test_a_folder_that_cannot_be_written_is_a_storage_error(console: Console, site: Site, place: str) -> None:
    """Where a file is in the archive folder's place the exit code is 7, with the path and without a request."""
    console.write("archives", "a file, not a folder")
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html")])
    outcome = console.run("archive", spec, "--archives", console.folder / place)
    assert outcome.code == 7, outcome.said
    assert str(console.folder / "archives") in outcome.err
    assert site.targets() == []


def test_a_project_folder_that_cannot_be_written_is_a_storage_error(console: Console, site: Site) -> None:
    """Where only the project's own folder is blocked, the exit code is 7 as well."""
    console.write("archives/archive.json", '{"format": "archiver-archive/1"}')
    console.write("archives/sample", "a file, not a folder")
    outcome = console.run("archive", _spec(console, docs=[_docs(f"{site.origin}/index.html")]))
    assert outcome.code == 7, outcome.said


def test_an_archive_of_another_format_is_refused(console: Console, site: Site) -> None:
    """An archive folder that a newer program wrote is left alone, with a clear line."""
    console.write("archives/archive.json", '{"format": "archiver-archive/999"}')
    outcome = console.run("archive", _spec(console, docs=[_docs(f"{site.origin}/index.html")]))
    assert outcome.code not in (0, 1), outcome.said
    assert "archiver-archive/999" in outcome.err
    assert site.targets() == []


def test_the_scope_of_a_site_is_its_seeds_folder(console: Console, site: Site) -> None:
    """Pages above the seed's folder are left out, the requisites of a page are taken from anywhere."""
    put(
        site,
        "docs/index.html",
        "<link rel=stylesheet href=/style.css><a href=/second.html>up</a><a href=in.html>in</a>",
    )
    put(site, "docs/in.html", "<title>in</title>")
    console.succeed("archive", _spec(console, docs=[_docs(f"{site.origin}/docs/index.html")]))
    assert {"/docs/index.html", "/docs/in.html", "/style.css"} <= set(site.targets())
    assert "/second.html" not in site.targets()


def test_robots_are_obeyed_unless_told_otherwise(console: Console, site: Site) -> None:
    """What robots.txt forbids is not asked for, unless the spec says to ignore it."""
    put(site, "robots.txt", "User-agent: *\nDisallow: /second.html\n")
    console.succeed("archive", _spec(console, docs=[_docs(f"{site.origin}/index.html")]))
    assert "/robots.txt" in site.targets()
    assert "/second.html" not in site.targets()
    console.succeed("archive", _spec(console, docs=[_docs(f"{site.origin}/index.html", robots="ignore")]))
    assert "/second.html" in site.targets()


def test_a_second_run_asks_conditionally(console: Console, site: Site) -> None:
    """After a finished run the next one makes a new snapshot out of 304 answers."""
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html")])
    first = console.succeed("archive", spec, "--json").json
    second = console.succeed("archive", spec, "--json").json
    assert second["snapshot"] > first["snapshot"]
    assert second["captures"] == first["captures"]
    assert second["bytes"] < first["bytes"]
    assert len(list((console.folder / "archives" / "sample" / "snapshots").glob("*Z.json"))) == 2


def test_what_a_crash_left_is_swept_up(console: Console, site: Site) -> None:
    """What crashed writers left is gone after the next finished run, and ids are UTC seconds."""
    for place in ("sample/search/.tmp-1", "images/blobs/sha256/.tmp-2", "sample/snapshots/.tmp-3/below"):
        path = console.folder / "archives" / place
        path.parent.mkdir(parents=True)
        path.write_text("half of something")
    summary = console.succeed(
        "archive", _spec(console, docs=[_docs(f"{site.origin}/index.html")]), "--json"
    ).json
    assert re.fullmatch(r"\d{8}T\d{6}Z", summary["snapshot"])
    assert not [path for path in (console.folder / "archives").rglob("*") if path.name.startswith(".tmp-")]


def test_a_full_disk_is_a_storage_error(console: Console, site: Site) -> None:
    """No space left while pages are written ends with exit 7 and a clear line; with space again it goes on."""
    put(site, "large.html", "<title>Large</title>" + random.Random(1).randbytes(600_000).hex())
    put(site, "index.html", f"{INDEX} <a href=large.html>large</a>")
    spec = _spec(console, docs=[_docs(f"{site.origin}/index.html")])
    limited = (
        "sh",
        "-c",
        'ulimit -f 400; exec "$@"',
        "sh",
        *console.program,
    )  # of 512 bytes: EFBIG stands in for ENOSPC
    full = type(console)(console.folder, limited).run("archive", spec)
    assert full.code == 7
    assert "Traceback" not in full.err
    assert "hint" in full.err
    assert console.run("archive", spec).code == 0
