"""Pulling from Debian's docker-registry into the image layout, judged by skopeo and umoci."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.store.images import ImageLayout
from servers.processes import need
from servers.pulling import AMD64, ARM64, pull
from servers.real import Registry, add_index, docker_registry, skopeo, tiny_layout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file that credentials are looked up in; not there yet."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()
    return tmp_path / "docker" / "config.json"


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    """An empty layout."""
    return ImageLayout(tmp_path / "images")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with a single image, an index and a second tag, for everyone."""
    with docker_registry(tmp_path_factory.mktemp("plain")) as registry:
        fill(registry, tmp_path_factory.mktemp("layout"))
        yield registry


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The same behind a password (htpasswd)."""
    with docker_registry(tmp_path_factory.mktemp("private"), private=True) as registry:
        fill(registry, tmp_path_factory.mktemp("layout"))
        yield registry


def fill(registry: Registry, folder: Path) -> None:
    """Make two tiny images and an index of them, and push all."""
    tiny_layout(folder, "one", "The first image.\n")
    tiny_layout(folder, "two", "The second image.\n")
    add_index(folder, "both", {"amd64": "one", "arm64": "two"})
    registry.push(folder, "one", "team/one:1.0")
    registry.push(folder, "both", "team/both:latest")


def test_skopeo_reads_what_was_pulled(layout: ImageLayout, plain: Registry, tmp_path: Path) -> None:
    """Every tag resolves in the layout, and copying one out of it gives the same digest as the registry has."""
    outcome = pull(layout, plain, "team/one:1.0", "team/both")
    assert outcome.failures == ()
    for result in outcome.images:
        name = f"oci:{layout.root}:{result.reference}"
        assert json.loads(skopeo("inspect", name))["Architecture"] == "amd64"
    single = outcome.images[0]
    skopeo("copy", f"oci:{layout.root}:{single.reference}", f"dir:{tmp_path / 'copy'}")
    remote = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{plain.host}/team/one:1.0"))
    assert single.digest == remote["Digest"]


def test_an_index_keeps_the_registry_s_digest(layout: ImageLayout, plain: Registry) -> None:
    """Only one of two platforms is here, and the index is byte for byte the registry's."""
    result = pull(layout, plain, "team/both").images[0]
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{plain.host}/team/both:latest")
    assert skopeo("inspect", "--raw", f"oci:{layout.root}:{result.reference}") == raw
    assert len(json.loads(raw)["manifests"]) == 2
    assert result.platforms == ("linux/amd64",)


def test_all_platforms_can_be_copied_on(layout: ImageLayout, plain: Registry, tmp_path: Path) -> None:
    """With both platforms pulled, skopeo copies the whole index out of the layout."""
    result = pull(layout, plain, "team/both", platforms=(AMD64, ARM64)).images[0]
    assert result.platforms == ("linux/amd64", "linux/arm64")
    skopeo("copy", "--all", f"oci:{layout.root}:{result.reference}", f"oci:{tmp_path / 'copy'}:latest")
    entries = json.loads((tmp_path / "copy/index.json").read_text())["manifests"]
    assert entries[0]["digest"] == result.digest


def test_umoci_accepts_the_layout(layout: ImageLayout, plain: Registry) -> None:
    """Another reader of layouts lists the tags."""
    need("umoci")
    reference = pull(layout, plain, "team/one:1.0").images[0].reference
    listed = subprocess.run(
        ["umoci", "ls", "--layout", str(layout.root)], capture_output=True, text=True, check=True
    ).stdout
    assert listed.split() == [reference]


def test_a_password_is_needed_and_used(layout: ImageLayout, private: Registry, docker_config: Path) -> None:
    """Behind htpasswd: a failure that says so without it, the image with docker's stored login."""
    assert [f.code for f in pull(layout, private, "team/one:1.0").failures] == ["registry.auth"]
    packed = base64.b64encode(b"keeper:secret").decode()
    docker_config.write_text(json.dumps({"auths": {private.host: {"auth": packed}}}))
    assert pull(layout, private, "team/one:1.0").failures == ()


def test_a_second_pull_moves_nothing(layout: ImageLayout, plain: Registry) -> None:
    """Unchanged tags cost no bytes and leave the index as it was."""
    first = pull(layout, plain, "team/one:1.0", "team/both")
    before = (layout.root / "index.json").read_bytes()
    second = pull(layout, plain, "team/one:1.0", "team/both")
    assert (second.bytes, second.blobs_fetched) == (0, 0)
    assert [result.digest for result in second.images] == [result.digest for result in first.images]
    assert (layout.root / "index.json").read_bytes() == before


def test_an_unknown_repository_is_a_failure(layout: ImageLayout, plain: Registry) -> None:
    """The real registry's 404 is told from a refused login, and the other image is there."""
    outcome = pull(layout, plain, "team/absent:1", "team/one:1.0")
    assert [failure.code for failure in outcome.failures] == ["registry.unknown"]
    assert len(outcome.images) == 1


def test_bytes_damaged_in_the_registry_are_not_kept(layout: ImageLayout, tmp_path: Path) -> None:
    """A layer that rotted on the registry's disk is refused by its digest."""
    (tmp_path / "rotten").mkdir()
    (tmp_path / "source").mkdir()
    with docker_registry(tmp_path / "rotten") as registry:
        layer = tiny_layout(tmp_path / "source", "one", "About to rot.\n")
        registry.push(tmp_path / "source", "one", "team/one:1.0")
        registry.damage(layer)
        outcome = pull(layout, registry, "team/one:1.0")
    assert outcome.images == ()
    assert [failure.code for failure in outcome.failures] == ["content.digest"]
    assert not (layout.root / "blobs" / layer.replace(":", "/")).exists()
