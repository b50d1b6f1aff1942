"""``reader_image``: an image with Python that comes along, and lets a reader who has none read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Iterator, cast
from urllib.parse import urljoin

import pytest

from servers.console import Console, fetch
from servers.podman import Podman, empty_podman
from servers.processes import end, free_ports, need, running, wait_until
from servers.real import debian_root, docker_registry, umoci
from servers.registry import Registry
from servers.registry import serving as registry_serving
from servers.site import html, put, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.thorough


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
    console.succeed("bundle", "sample", "-o", "sample.tar")
    with tarfile.open(console.folder / "sample.tar") as tar:
        contents = json.load(cast("IO[bytes]", tar.extractfile("bundle.json")))
    assert contents["reader_image"] == ""
    assert "/bundle/archiver.pyz" not in _readme(console.folder / "sample.tar")
    console.succeed("verify", "sample.tar")


@dataclass(frozen=True)
class Handed:
    """A bundle of a doc site and an image with Debian's Python, an update of it, and the README.txt of each."""

    path: Path
    readme: str
    update: Path
    update_readme: str


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Handed:
    """What a keeper hands over who has thought of readers without Python."""
    need("umoci", "mmdebstrap", "docker-registry")
    folder = tmp_path_factory.mktemp("keeper")
    layout = folder / "layout"
    umoci("init", "--layout", str(layout))
    umoci("new", "--image", f"{layout}:3")
    root = debian_root(folder, "base-files", "python3")
    umoci("raw", "add-layer", "--image", f"{layout}:3", str(root))
    umoci("config", "--image", f"{layout}:3", "--architecture", "amd64", "--os", "linux")
    console = Console(folder)
    pages = {"/docs/": html("more.html", text="Welcome, reader"), "/docs/more.html": html(text="More")}
    with docker_registry(tmp_path_factory.mktemp("registry")) as registry, serving(pages) as site:
        registry.push(layout, "3", "debian/python:3")
        docs = [{"seeds": [f"{site.origin}/docs/"]}]
        spec = _spec(console, docs=docs, reader_image=f"{registry.host}/debian/python:3")
        console.succeed("archive", spec)
        console.succeed("bundle", "sample")
        (path,) = folder.glob("sample-*.tar")
        site.answers["/docs/"] = html("more.html", text="Welcome back, reader")
        console.succeed("archive", spec)
        console.succeed("bundle", "sample", "--since", path)
    (update,) = folder.glob("sample-*-since-*.tar")
    return Handed(path, _readme(path), update, _readme(update))


def _readme(bundle: Path) -> str:
    with tarfile.open(bundle) as tar:
        return cast("IO[bytes]", tar.extractfile("README.txt")).read().decode()


@pytest.mark.parametrize("volumes", [False, True])
def test_a_reader_with_podman_alone_reads_by_the_readme_s_lines(
    handed: Handed, tmp_path: Path, volumes: bool
) -> None:
    """Copied into a shell they load the image and serve, also from volumes: landing page and docs answer, from the container."""
    script = _script(handed.readme)
    if volumes:
        script = _for_volumes(handed, script, tmp_path)
    else:
        os.link(handed.path, tmp_path / handed.path.name)
    with empty_podman() as podman, _typed(script, podman, tmp_path) as docs:
        assert b"Welcome, reader" in fetch(docs)
        assert b"More" in fetch(urljoin(docs, "more.html"))


def test_an_update_is_read_by_its_readme_s_lines_with_the_image_that_came_earlier(
    handed: Handed, tmp_path: Path
) -> None:
    """In a container both bundles are put together, and in another one the result is served."""
    for bundle in (handed.path, handed.update):
        os.link(bundle, tmp_path / bundle.name)
    with empty_podman() as podman:
        subprocess.run(["tar", "xf", handed.path.name, "images/images.tar"], cwd=tmp_path, check=True)
        podman.run("load", "--input", str(tmp_path / "images/images.tar"))
        with _typed(_script(handed.update_readme), podman, tmp_path) as docs:
            assert b"Welcome back, reader" in fetch(docs)
            assert b"More" in fetch(urljoin(docs, "more.html"))


def _script(readme: str) -> str:
    """Return what a README says to type for podman."""
    lines = re.findall(r"^  Podman:\n\n((?:    .*\n)+)", readme, re.MULTILINE)
    (script,) = [each for each in lines if "podman run" in each]
    return script


@contextmanager
def _typed(script: str, podman: Podman, folder: Path) -> Iterator[str]:
    """Type a script while the block lasts, with free ports in place of its own; give the address of the docs."""
    first = free_ports(2)
    assert ":8080-8081:8080-8081 " in script
    *others, last = script.strip().splitlines()
    for said, instead in (
        ("8080-8081:8080-8081", f"{first}-{first + 1}:{first}-{first + 1}"),
        (" --host 0.0.0.0", f" --host 0.0.0.0 --port {first}"),
        ("    podman run", "exec podman run"),  # so that what ends the shell ends the container
    ):
        last = last.replace(said, instead)
    script = "\n".join((*others, last))
    environment = {"HOME": str(folder), **podman.installed(folder / "bin")}
    log = folder / "podman.log"
    with running(["bash", "-ec", script], log=log, env=environment, cwd=folder) as process:
        url = f"http://127.0.0.1:{first}"
        wait_until(lambda: _answers(url), process, what=f"the reader in a container ({log})")
        docs = json.loads(fetch(f"{url}/-/bundle.json"))["docs"][0]["url"]
        assert docs.startswith(f"http://127.0.0.1:{first + 1}/")
        yield docs
        assert end(process) == 0
    assert "Traceback" not in log.read_text()


def _for_volumes(handed: Handed, script: str, folder: Path) -> str:
    """Make volumes in a folder, and return the script that takes out of them what it needs as the README says."""
    snapshot = handed.path.stem.partition("-")[2]
    Console(handed.path.parent).succeed(
        "bundle", "sample", "--snapshot", snapshot, "-o", folder, "--volume-size", "20MB"
    )
    assert not (folder / handed.path.name).exists()
    (taking,) = re.findall(r"^    cat .* \| tar xf - .*\n", handed.readme, re.MULTILINE)
    first, *others = script.splitlines(keepends=True)
    assert first.split()[3:] == taking.split()[6:] == ["archiver.pyz", "images/images.tar"]
    return "".join((taking, *others))


def _answers(url: str) -> bool:
    """Say whether something answers; the port alone is open before the container has begun."""
    try:
        fetch(url)
    except OSError:
        return False
    return True
