"""``archiver plan SPEC...``: what archiving would fetch, told truly and without fetching it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import pty
import random
import signal
import subprocess
import sys
import termios
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.store.images import ImageLayout
from archiver.store.paths import create_archive
from servers.console import Console
from servers.front import fronting, with_headers
from servers.processes import end, free_port
from servers.real import nginx

if TYPE_CHECKING:
    from servers.console import Outcome
    from servers.front import Front
    from servers.real import Registry

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "specs" / "lists" / "kubesphere-images-list-v3.1.0.txt"
# Ends the program the moment it looks a name up, connects or sends. (urllib3 binds a socket to find out about IPv6.)
_WITHOUT_NETWORK = """
import os, sys
def watch(event, args):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.bind"):
        os.write(2, f"used the network: {event} {args}".encode())
        os._exit(99)
sys.addaudithook(watch)
from archiver.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def cut_off(tmp_path: Path) -> Console:
    """The program on a machine without any network."""
    return Console(tmp_path, (sys.executable, "-c", _WITHOUT_NETWORK))


def _spec(console: Console, **keys: Any) -> Path:
    return console.write("sample.yaml", json.dumps({"project": "sample", **keys}))


def _lines(outcome: Outcome) -> list[str]:
    return [line.strip() for line in outcome.out.splitlines()]


def test_offline_lists_every_image_of_the_real_list(cut_off: Console) -> None:
    """KubeSphere's spec, planned without a network: each image of its list, by section, and no word of a failure."""
    outcome = cut_off.succeed("plan", "--offline", ROOT / "specs" / "kubesphere.yaml")
    lines = _lines(outcome)
    names = [line for line in LIST.read_text().splitlines() if not line.startswith("##")]
    sections = [line.lstrip("#") for line in LIST.read_text().splitlines() if line.startswith("##")]
    assert len(names) == 95
    for name in names:
        host = "docker.io/" if "/" in name else "docker.io/library/"
        assert lines.count(host + name) == 1, name
    assert [line for line in lines if ", section " in line] == [
        line for section in sections for line in lines if f", section {section}:" in line
    ]
    assert len(sections) == sum(", section " in line for line in lines)
    assert "sizes unknown" in lines[-1]


def test_offline_tells_what_only_the_network_can(cut_off: Console) -> None:
    """Tags to be chosen, lists that are URLs and indexes are named as such; exact tags are images; all of it exit 0."""
    images = {
        "platforms": "all",
        "refs": ["redis:7"],
        "repositories": [
            {"repository": "quay.io/team/tool", "tags": ["v3.*"], "latest": 2},
            {"repository": "quay.io/team/fixed", "tags": ["1.0", "1.1"]},
        ],
        "lists": ["https://example.org/list.txt"],
    }
    files = [
        {"url": "https://example.org/tool.tgz"},
        {"index": "https://example.org/releases/", "include": ["*.tar.gz"]},
    ]
    spec = _spec(cut_off, images=images, files=files)
    lines = _lines(cut_off.succeed("plan", "--offline", spec))
    assert "3 images for all platforms" in lines
    for name in ("docker.io/library/redis:7", "quay.io/team/fixed:1.0", "quay.io/team/fixed:1.1"):
        assert name in lines
    start = lines.index("only the network can tell")
    assert lines[start + 1].startswith("tags of quay.io/team/tool (v3.*")
    assert lines[start + 2] == "the image list https://example.org/list.txt"
    assert lines[start + 3] == "files that https://example.org/releases/ lists (*.tar.gz)"
    document = cut_off.succeed("plan", "--offline", "--json", spec).json
    assert [each["kind"] for each in document["unexpanded"]] == ["tags", "list", "index"]
    assert document["offline"] is True
    assert {image["state"] for image in document["images"]} == {"unknown"}


def test_a_terminal_without_the_letters_gets_question_marks(console: Console) -> None:
    """A title in a script that the terminal's encoding lacks keeps nobody from reading the rest."""
    console.environment["PYTHONIOENCODING"] = "ascii"
    spec = console.write("zh.yaml", 'project: zh\ntitle: "多云管理"\nimages: {refs: ["redis:7"]}\n')
    out = console.succeed("plan", "--offline", spec).out
    assert out.startswith("zh: ????\n")
    assert "docker.io/library/redis:7" in out
    assert console.succeed("plan", "--offline", "--json", spec).json["title"] == "多云管理"


def test_a_bad_spec_is_refused(console: Console) -> None:
    """A spec that is not valid ends a plan with exit code 2 and its line, before anybody is asked."""
    spec = console.write("bad.yaml", "project: sample\nimages:\n  refs: ['Not A Reference']\n")
    for options in ([], ["--offline"]):
        outcome = console.run("plan", *options, spec)
        assert outcome.code == 2
        assert "bad.yaml:3" in outcome.err
    assert sorted(path.name for path in console.folder.iterdir()) == ["bad.yaml"]


def test_json_tells_what_ended_a_plan(console: Console) -> None:
    """Whoever reads JSON gets a document also where there is no plan; of several specs, a list."""
    spec = console.write("bad.yaml", "project: sample\nimages:\n  refs: ['Not A Reference']\n")
    outcome = console.run("plan", "--json", spec)
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "spec.invalid"
    assert outcome.json["error"]["place"].endswith("bad.yaml:3")
    good = _spec(console, images={"refs": ["redis:7"]})
    outcome = console.succeed("plan", "--offline", "--json", good, good)
    assert [plan["project"] for plan in outcome.json] == ["sample", "sample"]


# ---- with registries


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    """Debian's registry, with what was asked of it counted."""
    with fronting(registry) as running:
        yield running


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A repository's name that no other test uses."""
    return "plan/" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]


def _planned(console: Console, spec: Path, *options: str, code: int = 0) -> Any:
    outcome = console.run("plan", "--json", *options, spec)
    assert outcome.code == code, outcome.said
    return outcome.json


def _noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def _fetched(front: Front) -> tuple[int, int]:
    """Return how many manifests were got so far, and how many bytes of manifests and blobs were sent."""
    got = [passed for passed in front.passed if passed.line.startswith("GET ") and passed.status == 200]
    return sum("/manifests/" in passed.line for passed in got), sum(passed.sent for passed in got)


def test_a_plan_is_what_archiving_then_fetches(console: Console, front: Front, repository: str) -> None:
    """Bytes and counted requests as planned are those that the registry then sees; shared layers count once."""
    shared, registry = _noise(300_000, 1), front.registry
    one = registry.image(f"{repository}:one", shared, _noise(100_000, 2))
    arm = registry.image(f"{repository}:arm", _noise(50_000, 3), platform="linux/arm64")
    registry.image(f"{repository}:two", shared, _noise(20_000, 4))
    registry.index(f"{repository}:both", (one, "linux/amd64"), (arm, "linux/arm64"))
    names = [f"{front.host}/{repository}:{tag}" for tag in ("one", "two", "both")]
    spec = _spec(console, images={"platforms": "all", "refs": names})
    plan = _planned(console, spec)
    assert [image["reference"] for image in plan["images"]] == names
    assert {image["state"] for image in plan["images"]} == {"new"}
    first, second, both = (image["amount"] for image in plan["images"])
    assert first["size"] == first["fetch"] > 400_000
    assert second["size"] > 300_000 > second["fetch"] > 20_000
    assert both["size"] > 450_000 > both["fetch"] > 50_000
    assert [image["platforms"] for image in plan["images"]] == [
        ["linux/amd64"],
        ["linux/amd64"],
        ["linux/amd64", "linux/arm64"],
    ]
    total = plan["total"]
    assert total["fetch"] == total["size"] == sum(image["amount"]["fetch"] for image in plan["images"])
    (load,) = plan["registries"]
    assert (load["registry"], load["images"], load["fetch"]) == (front.host, 3, total["fetch"])
    manifests, _ = _fetched(front)
    assert load["used"] == load["counted"] == manifests == 4
    assert not (console.folder / "archives").exists()
    front.forget()
    console.succeed("archive", spec)
    assert _fetched(front) == (load["counted"], total["fetch"])


def test_after_archiving_there_is_nothing_to_fetch(console: Console, front: Front, repository: str) -> None:
    """A second plan says that all is here and unchanged, and itself gets nothing."""
    front.registry.image(f"{repository}:one", _noise(1000, 1))
    spec = _spec(console, images={"refs": [f"{front.host}/{repository}:one"]})
    console.succeed("archive", spec)
    front.forget()
    before = _tree(console.folder)
    plan = _planned(console, spec)
    (image,) = plan["images"]
    assert image["state"] == "unchanged"
    assert plan["total"] == {"size": image["amount"]["size"], "here": image["amount"]["size"], "fetch": 0}
    assert _fetched(front) == (0, 0)
    assert sum(load["counted"] for load in plan["registries"]) == 0
    text = console.succeed("plan", spec).out
    assert "unchanged" in text
    assert text.rstrip().endswith("0 bytes to fetch")
    assert _tree(console.folder) == before


def test_a_moved_tag_is_told(console: Console, registry: Registry, repository: str) -> None:
    """A tag that means another digest than in the last good snapshot has moved; what is shared is here."""
    shared = _noise(200_000, 1)
    old = registry.image(f"{repository}:one", shared, _noise(1000, 2))
    spec = _spec(console, images={"refs": [f"{registry.host}/{repository}:one"]})
    console.succeed("archive", spec)
    new = registry.image(f"{repository}:one", shared, _noise(2000, 3))
    (image,) = _planned(console, spec)["images"]
    assert (image["state"], image["before"], image["digest"]) == ("moved", old.digest, new.digest)
    assert image["amount"]["here"] > 200_000
    assert 10_000 > image["amount"]["fetch"] > 2000


def test_what_is_gone_and_what_never_was(console: Console, registry: Registry, repository: str) -> None:
    """A tag that upstream deleted is gone, one that it never had has failed; the rest is planned; exit 3."""
    registry.image(f"{repository}:stays", _noise(1000, 1))
    gone = registry.image(f"{repository}:goes", _noise(1000, 2))
    names = [f"{registry.host}/{repository}:{tag}" for tag in ("stays", "goes")]
    console.succeed("archive", _spec(console, images={"refs": names}))
    registry.delete(f"{repository}:goes", gone)
    spec = _spec(console, images={"refs": [*names, f"{registry.host}/{repository}:never"]})
    outcome = console.run("plan", spec)
    assert outcome.code == 3
    plan = _planned(console, spec, code=3)
    assert [image["state"] for image in plan["images"]] == ["unchanged", "gone", "failed"]
    assert {failure["subject"]: failure["code"] for failure in plan["failures"]} == {
        names[1]: "registry.gone",
        f"{registry.host}/{repository}:never": "registry.unknown",
    }
    assert "2 FAILED:" in outcome.out


def test_chosen_tags_are_expanded(console: Console, registry: Registry, repository: str) -> None:
    """Tags that a spec chooses are images of the plan; one that was archived and is there no longer is gone."""
    for tag in ("v1.0", "v1.1", "v2.0"):
        registry.image(f"{repository}:{tag}", _noise(1000, 1), tag.encode())
    name = f"{registry.host}/{repository}"
    console.write("list.txt", f"## more\n{name}:v2.0\nnot a reference\n")
    images = {"repositories": [{"repository": name, "tags": ["v1.*"]}]}
    console.succeed("archive", _spec(console, images=images))
    registry.untag(f"{repository}:v1.0")
    plan = _planned(console, _spec(console, images={**images, "lists": ["list.txt"]}), code=3)
    assert {image["reference"]: image["state"] for image in plan["images"]} == {
        f"{name}:v1.1": "unchanged",
        f"{name}:v1.0": "gone",
        f"{name}:v2.0": "new",
    }
    asked = plan["images"][2]["asked"]
    assert (asked["list"], asked["section"]) == ("list.txt", "more")
    assert asked["place"].endswith("list.txt:2")
    assert [failure["code"] for failure in plan["failures"]] == ["reference.invalid", "registry.gone"]


def test_failures_do_not_keep_the_rest_from_being_planned(
    hasty: Console, registry: Registry, repository: str
) -> None:
    """A dead registry, a platform that is not there and a bad line of a list are told; what works is planned; exit 3."""
    registry.image(f"{repository}:one", _noise(1000, 1))
    dead = f"127.0.0.1:{free_port()}/team/tool:1.0"
    good = f"{registry.host}/{repository}:one"
    images = {"platforms": ["linux/amd64", "linux/s390x"], "refs": [dead, good], "referrers": False}
    plan = _planned(hasty, _spec(hasty, images=images), code=3)
    assert [image["state"] for image in plan["images"]] == ["failed", "new"]
    assert {failure["subject"]: failure["code"] for failure in plan["failures"]}[dead] == "fetch.unreachable"


def test_artifacts_come_along(console: Console, registry: Registry, repository: str) -> None:
    """A signature at cosign's tag is planned below its image, and archived with it; without referrers it is not."""
    image = registry.image(f"{repository}:one", _noise(1000, 1))
    tag = image.digest.replace(":", "-") + ".sig"
    registry.artifact(f"{repository}:{tag}", b"signed", "application/vnd.dev.cosign.simplesigning.v1+json")
    images = {"refs": [f"{registry.host}/{repository}:one"]}
    plan = _planned(console, _spec(console, images=images))
    assert [each["refers_to"] for each in plan["images"]] == ["", image.digest]
    assert "1 artifact along with them" in console.succeed("plan", _spec(console, images=images)).out
    without = _planned(console, _spec(console, images={**images, "referrers": False}))
    assert len(without["images"]) == 1


def test_what_comes_along_is_counted_as_it_is_fetched(
    console: Console, front: Front, repository: str
) -> None:
    """An SBOM found by the referrers API and its signature: bytes and counted requests are what archiving then takes."""
    registry, front.referrers = front.registry, True
    image = registry.image(f"{repository}:one", _noise(1000, 1))
    sbom = registry.artifact(
        repository,
        b"{}" * 5000,
        "application/spdx+json",
        subject=image.descriptor,
        artifactType="application/spdx+json",
    )
    tag = sbom.digest.replace(":", "-") + ".sig"
    registry.artifact(f"{repository}:{tag}", b"signed", "application/vnd.dev.cosign.simplesigning.v1+json")
    spec = _spec(console, images={"refs": [f"{front.host}/{repository}:one"]})
    plan = _planned(console, spec)
    assert [each["refers_to"] for each in plan["images"]] == ["", image.digest, sbom.digest]
    assert plan["images"][1]["artifact_type"] == "application/spdx+json"
    (load,) = plan["registries"]
    front.forget()
    console.succeed("archive", spec)
    got = [passed for passed in front.passed if passed.line.startswith("GET ") and passed.status == 200]
    content = [passed for passed in got if "/referrers/" not in passed.line]
    assert sum("/manifests/" in passed.line for passed in content) == load["counted"] == 3
    assert sum(passed.sent for passed in content) == plan["total"]["fetch"]
    assert {image["state"] for image in _planned(console, spec)["images"]} == {"unchanged"}


def test_a_mirror_that_would_answer_is_named(
    console: Console, front: Front, registry: Registry, repository: str
) -> None:
    """Content comes from the mirror that is asked first, and the plan says so."""
    registry.image(f"{repository}:one", _noise(1000, 1))
    spec = _spec(
        console,
        images={"refs": [f"{registry.host}/{repository}:one"]},
        registries={registry.host: {"mirrors": [front.host]}},
    )
    plan = _planned(console, spec)
    assert plan["images"][0]["location"] == front.host
    assert [load["registry"] for load in plan["registries"] if load["images"]] == [front.host]
    assert f"\n  {front.host}: 1 image," in console.succeed("plan", spec).out


def test_what_a_registry_says_of_its_limit_is_told(console: Console, front: Front, repository: str) -> None:
    """A registry that counts as Docker Hub does: what is left after the plan, and that it will not do for archiving."""
    for tag in ("one", "two", "three"):
        front.registry.image(f"{repository}:{tag}", _noise(1000, len(tag)), tag.encode())
    front.alter(
        "* */manifests/*",
        with_headers(**{"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "2;w=21600"}),
    )
    names = [f"{front.host}/{repository}:{tag}" for tag in ("one", "two", "three")]
    spec = _spec(console, images={"refs": names})
    (load,) = _planned(console, spec)["registries"]
    assert (load["counted"], load["used"]) == (3, 3)
    assert load["limit"] == {"limit": 100, "remaining": 2, "window": 21600}
    told = console.succeed("plan", spec).out
    assert "100 allowed in 6 h, 2 left; archiving will have to wait for more" in told


def test_interrupting_leaves_nothing(console: Console, front: Front, repository: str) -> None:
    """Ctrl-C ends a plan at once with exit code 130, and there is no trace of it on the disk."""
    front.registry.image(f"{repository}:one", _noise(1000, 1))
    spec = _spec(console, images={"refs": [f"{front.host}/{repository}:one"]})
    asked = threading.Event()
    ended = threading.Event()
    front.hold("GET */manifests/*", lambda _: (asked.set(), ended.wait(60)))
    before = {*_tree(console.folder), console.folder / "console.log"}
    with console.started("plan", spec) as process:
        assert asked.wait(60)
        assert end(process, signal.SIGINT) == 130
    ended.set()
    assert set(_tree(console.folder)) == before


def test_a_terminal_gets_lines_that_fit(console: Console, registry: Registry, repository: str) -> None:
    """On a terminal of 80 columns no line is wider; elsewhere nothing of what is known is left out."""
    for tag in ("one", "two"):
        registry.image(f"{repository}:{tag}", _noise(1000, 1))
    spec = _spec(console, images={"refs": [f"{registry.host}/{repository}:{tag}" for tag in ("one", "two")]})
    plain = console.succeed("plan", spec).out
    assert "DIGEST" in plain
    control, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    environment = {key: value for key, value in console.environment.items() if key != "COLUMNS"}
    command = [*console.program, "plan", "--quiet", str(spec)]
    done = subprocess.run(command, cwd=console.folder, env=environment, stdout=terminal, check=True)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the other end of a terminal that is closed
        while piece := os.read(control, 1 << 16):
            shown += piece
    os.close(control)
    assert done.returncode == 0
    lines = shown.decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(repository in line for line in lines) == 2


def _tree(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


# ---- with files


def test_files_are_asked_about_and_not_fetched(console: Console, tmp_path: Path) -> None:
    """Size by HEAD, what an index lists, what is gone; after archiving they are here, and nothing was got before."""
    root = tmp_path / "www"
    (root / "releases").mkdir(parents=True)
    (root / "tool.bin").write_bytes(_noise(70_000, 1))
    for name in ("a-1.0.tar.gz", "b-1.0.tar.gz", "c-1.0.zip"):
        (root / "releases" / name).write_bytes(gzip.compress(_noise(5000, 2)))
    links = "".join(f'<a href="{name}">x</a>' for name in ("a-1.0.tar.gz", "b-1.0.tar.gz", "c-1.0.zip"))
    (root / "releases" / "index.html").write_text(f"<!doctype html><title>Releases</title>{links}")
    (tmp_path / "nginx").mkdir()
    with nginx(root, tmp_path / "nginx") as site:
        files = [
            {"url": f"{site.url}/tool.bin"},
            {"url": f"{site.url}/never.bin"},
            {"index": f"{site.url}/releases/", "include": ["*.tar.gz"]},
        ]
        spec = _spec(console, files=files)
        plan = _planned(console, spec, code=3)
        names = ["tool.bin", "never.bin", "a-1.0.tar.gz", "b-1.0.tar.gz"]
        assert [file["url"].rpartition("/")[2] for file in plan["files"]] == names
        assert [file["state"] for file in plan["files"]] == ["new", "failed", "new", "new"]
        assert plan["files"][0]["amount"] == {"size": 70_000, "here": 0, "fetch": 70_000}
        assert plan["files"][2]["index"] == f"{site.url}/releases/"
        assert [failure["code"] for failure in plan["failures"]] == ["fetch.status"]
        asked = site.requests()
        assert [line for line in asked if line.startswith("GET")] == ["GET 200 /releases/"]
        assert not (console.folder / "archives").exists()
        assert console.run("archive", spec).code == 3
        sent = sum((root / name).stat().st_size for name in ("tool.bin", "releases/a-1.0.tar.gz"))
        plan = _planned(console, spec, code=3)
        assert [file["state"] for file in plan["files"]] == ["unchanged", "failed", "unchanged", "unchanged"]
        assert plan["total"]["fetch"] == 0
        assert plan["total"]["here"] >= sent
        (root / "tool.bin").write_bytes(_noise(80_000, 3))
        (root / "releases" / "b-1.0.tar.gz").unlink()
        plan = _planned(console, spec, code=3)
        assert [file["state"] for file in plan["files"]] == ["moved", "failed", "unchanged", "gone"]
        assert plan["total"]["fetch"] == 80_000


def test_checksums_say_what_is_here(console: Console, tmp_path: Path) -> None:
    """Lists of checksums are read, and not kept: what has the digest is here, what is not listed has failed."""
    root = tmp_path / "www"
    root.mkdir()
    for name in ("a.tgz", "b.tgz"):
        (root / name).write_bytes(gzip.compress(_noise(5000, 1)))
    digest = hashlib.sha256((root / "a.tgz").read_bytes()).hexdigest()
    (root / "SHA256SUMS").write_text(f"{digest}  a.tgz\n")
    (tmp_path / "nginx").mkdir()
    with nginx(root, tmp_path / "nginx") as site:
        files = [{"url": f"{site.url}/{name}", "checksums": "SHA256SUMS"} for name in ("a.tgz", "b.tgz")]
        spec = _spec(console, files=files)
        for states in (["new", "failed"], ["unchanged", "failed"]):
            before = _tree(console.folder / "archives")
            plan = _planned(console, spec, code=3)
            assert [file["state"] for file in plan["files"]] == states
            assert [failure["code"] for failure in plan["failures"]] == ["files.checksum"]
            assert _tree(console.folder / "archives") == before
            assert console.run("archive", spec).code == 3
    assert [line for line in site.requests() if line.startswith("HEAD")] == ["HEAD 200 /a.tgz"]


def test_another_digest_in_the_list_is_a_file_that_changed(console: Console, tmp_path: Path) -> None:
    """Where the list of checksums names another digest than the archive has, it is certain that the file changed."""
    root = tmp_path / "www"
    root.mkdir()
    (tmp_path / "nginx").mkdir()
    with nginx(root, tmp_path / "nginx") as site:
        spec = _spec(console, files=[{"url": f"{site.url}/a.tgz", "checksums": "SHA256SUMS"}])
        for seed, state in ((1, "new"), (2, "moved")):
            content = gzip.compress(_noise(5000, seed))
            (root / "a.tgz").write_bytes(content)
            (root / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  a.tgz\n")
            for path in root.iterdir():  # nginx makes entity tags of size and second: both would be the same
                os.utime(path, (1_700_000_000 + seed, 1_700_000_000 + seed))
            (file,) = _planned(console, spec)["files"]
            assert (file["state"], file["amount"]["fetch"]) == (state, len(content))
            console.succeed("archive", spec)


def test_a_download_that_was_ended_is_partly_here(console: Console, tmp_path: Path) -> None:
    """What came of a file before its run was ended is here, if the server still has the file that it is of."""
    root = tmp_path / "www"
    root.mkdir()
    (root / "big.bin").write_bytes(_noise(100_000, 1))
    os.utime(root / "big.bin", (1_700_000_000, 1_700_000_000))
    (tmp_path / "nginx").mkdir()
    with nginx(root, tmp_path / "nginx") as site:
        url = f"{site.url}/big.bin"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
            etag = answer.headers["ETag"]
        layout = ImageLayout(create_archive(console.folder / "archives").images)
        with layout.blobs.resumable_download(url) as begun:
            begun.restart(etag=etag, modified="")
            begun.write(_noise(100_000, 1)[:40_000])
        spec = _spec(console, files=[{"url": url}])
        (file,) = _planned(console, spec)["files"]
        assert file["amount"] == {"size": 100_000, "here": 40_000, "fetch": 60_000}
        (root / "big.bin").write_bytes(_noise(90_000, 2))
        (file,) = _planned(console, spec)["files"]
        assert file["amount"] == {"size": 90_000, "here": 0, "fetch": 90_000}
