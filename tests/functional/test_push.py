"""Pushing to Debian's registry: what arrives, what is sent and what is not, logins, faults, and going on."""

from __future__ import annotations

import json
import signal
import threading
from base64 import b64encode
from typing import TYPE_CHECKING, Callable, Iterator

import pytest

from servers.certificates import make_certificates
from servers.console import Console
from servers.front import broken, fronting, status
from servers.processes import end, end_stopped
from servers.proxy import proxying
from servers.pushing import (
    AMD64,
    ARM64,
    PRIVATE,
    REDIS,
    TOOL,
    ImageArchive,
    digest_of,
    layers_of,
    writes,
)
from servers.real import docker_registry, skopeo
from servers.registry import Reply
from servers.tokenserver import giving_tokens

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from servers.front import Front
    from servers.real import Registry

MIB = 1 << 20


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with docker_registry(folder) as registry:
        yield registry


@pytest.fixture
def front(target: Registry) -> Iterator[Front]:
    """A front before it."""
    with fronting(target) as running:
        yield running


@pytest.fixture
def archive(console: Console) -> ImageArchive:
    """A multi-platform image and two single ones of three registries."""
    return ImageArchive(console).usual()


def test_all_images_arrive_with_their_digests(
    console: Console, archive: ImageArchive, target: Registry
) -> None:
    """Indexes, manifests and layers are the same bytes there: skopeo sees the digests of the archive."""
    outcome = console.succeed("push", archive.bundle(), f"{target.host}/mirror")
    assert "3 images in" in outcome.out
    for reference, name in (
        (REDIS, "library/redis:7"),
        (TOOL, "team/tool:1.0"),
        (PRIVATE, "team/app:2"),
    ):
        assert digest_of(target, f"mirror/{name}") == archive.images[reference].digest
    copy = console.folder / "copy"
    skopeo(
        "copy",
        "--all",
        "--src-tls-verify=false",
        f"docker://{target.host}/mirror/library/redis:7",
        f"oci:{copy}:x",
    )


def test_a_second_push_only_looks(console: Console, archive: ImageArchive, target: Registry) -> None:
    """Nothing but HEAD requests is sent for what is there."""
    bundle = archive.bundle()
    console.succeed("push", bundle, target.host)
    before = len(writes(target))
    outcome = console.succeed("push", bundle, target.host)
    assert writes(target)[before:] == []
    assert "0 blobs sent" in outcome.out


def test_a_shared_layer_is_sent_once_and_mounted(
    console: Console, archive: ImageArchive, target: Registry
) -> None:
    """Other repositories get a blob by a mount from the first one, in the registry itself."""
    console.succeed("push", archive.root, target.host)
    shared = layers_of(archive.blob(archive.images[TOOL].digest))[0]
    sent = [line for line in writes(target) if line.startswith("PUT") and shared in line]
    mounts = [line for line in writes(target) if "mount=" in line and shared.partition(":")[2] in line]
    assert (len(sent), len(mounts)) == (1, 2)


def test_an_archive_folder_is_pushed_like_a_bundle(
    console: Console, archive: ImageArchive, target: Registry
) -> None:
    """Whoever has the archive needs no bundle."""
    console.succeed("push", archive.root, f"{target.host}/a/b")
    assert digest_of(target, "a/b/library/redis:7") == archive.images[REDIS].digest


def test_names_keep_the_host_or_follow_rules(
    console: Console, archive: ImageArchive, target: Registry
) -> None:
    """--keep-host and --rename say where images go; the longest rule counts."""
    console.succeed(
        "push",
        archive.root,
        f"{target.host}/m",
        "--keep-host",
        "--rename",
        "quay.io=q",
        "--rename",
        "quay.io/team=t",
    )
    assert digest_of(target, "m/docker.io/library/redis:7") == archive.images[REDIS].digest
    assert digest_of(target, "m/registry.example.org_5000/team/app:2") == archive.images[PRIVATE].digest
    assert digest_of(target, "m/t/tool:1.0") == archive.images[TOOL].digest


def test_one_name_for_two_images_is_refused_before_anything_is_sent(
    console: Console, target: Registry
) -> None:
    """Both are named, and what helps."""
    archive = ImageArchive(console)
    archive.image("quay.io/team/tool:1")
    archive.image("ghcr.io/team/tool:1")
    archive.finish()
    outcome = console.run("push", archive.root, target.host)
    assert outcome.code == 2
    assert "quay.io/team/tool:1 and ghcr.io/team/tool:1" in outcome.err
    assert "--keep-host" in outcome.err
    assert target.requests() == []


def test_a_bundle_in_place_of_the_registry_is_told(console: Console, archive: ImageArchive) -> None:
    """Its name could be a host's."""
    bundle = archive.bundle()
    outcome = console.run("push", bundle, bundle.name)
    assert outcome.code == 2
    assert "the registry comes last" in outcome.err


def test_one_image_alone_can_be_pushed(console: Console, archive: ImageArchive, target: Registry) -> None:
    """By its name as people write it; a name that is not there is an error that lists others."""
    console.succeed("push", archive.root, target.host, "--image", "redis:7")
    assert {line.split("/manifests/")[0] for line in target.requests() if "/manifests/" in line} == {
        "HEAD /v2/library/redis",
        "PUT /v2/library/redis",
    }
    outcome = console.run("push", archive.root, target.host, "--image", "redis:8")
    assert outcome.code == 2
    assert REDIS in outcome.err


# ---- what a bundle has only in part


def test_a_sparse_index_fails_clearly_and_alone(
    console: Console, archive: ImageArchive, target: Registry
) -> None:
    """Debian's registry refuses an index without all of its platforms; the other images arrive, exit 3."""
    bundle = archive.bundle("narrow.tar", "--platform", AMD64)
    outcome = console.run("push", bundle, target.host)
    assert outcome.code == 3
    assert "push.sparse" in outcome.err
    assert ARM64 in outcome.err
    assert f"--flatten {AMD64}" in outcome.err
    assert digest_of(target, "team/tool:1.0") == archive.images[TOOL].digest


def test_flattening_puts_one_platform_under_the_tag(
    console: Console, archive: ImageArchive, target: Registry
) -> None:
    """And says that the digest is another; what is whole stays as it is."""
    bundle = archive.bundle("narrow.tar", "--platform", AMD64)
    outcome = console.succeed("push", bundle, target.host, "--flatten", AMD64)
    manifest = archive.images[REDIS].manifests[0]
    assert "WARNING" in outcome.err
    assert manifest in outcome.err
    assert archive.images[REDIS].digest in outcome.err
    assert digest_of(target, "library/redis:7") == manifest
    assert digest_of(target, "team/tool:1.0") == archive.images[TOOL].digest


# ---- damage


def test_a_damaged_blob_is_never_committed(console: Console, target: Registry) -> None:
    """Of a bundle that rotted its images fail, with exit 5; the other images arrive; no other bytes get in under the name."""
    archive = ImageArchive(console)
    archive.image(REDIS, size=3 * MIB)
    archive.image(TOOL, salt="other")
    archive.finish()
    bundle = archive.bundle()
    layer = layers_of(archive.blob(archive.images[REDIS].digest))[0]
    data = bundle.read_bytes()
    at = data.index(archive.blob(layer).read_bytes()[-2000:])
    with bundle.open("r+b") as file:
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))
    outcome = console.run("push", bundle, target.host)
    assert outcome.code == 5
    assert layer in outcome.err
    assert "content.digest" in outcome.err
    assert not (target.storage / "docker/registry/v2/blobs/sha256" / layer[7:9] / layer[7:]).exists()
    assert digest_of(target, "team/tool:1.0") == archive.images[TOOL].digest


# ---- broken connections, throttling, going on


def test_big_blobs_go_in_chunks_and_go_on_after_a_break(
    console: Console, target: Registry, front: Front
) -> None:
    """What the registry has of an upload is not sent again: it is asked, and the rest follows."""
    archive = ImageArchive(console)
    archive.image(TOOL, size=100 * MIB)
    archive.finish()
    front.cut("PATCH *", 10 * MIB, times=2)
    console.succeed("push", archive.root, front.host)
    assert len(front.lines("GET */blobs/uploads/*")) == 2
    size = archive.blob(layers_of(archive.blob(archive.images[TOOL].digest))[0]).stat().st_size
    assert front.received("PATCH *") == size + 2 * 10 * MIB
    assert digest_of(target, "team/tool:1.0") == archive.images[TOOL].digest


def test_an_upload_that_the_registry_lost_begins_anew(
    console: Console, target: Registry, front: Front
) -> None:
    """Where it does not know the upload any more, the blob is sent from its beginning."""
    archive = ImageArchive(console)
    archive.image(TOOL, size=40 * MIB)
    archive.finish()
    front.cut("PATCH *", MIB, times=1)
    front.instead("GET */blobs/uploads/*", Reply(b"{}", 404), times=1)
    console.succeed("push", archive.root, front.host)
    assert digest_of(target, "team/tool:1.0") == archive.images[TOOL].digest


def test_a_registry_without_chunks_gets_blobs_whole(console: Console, target: Registry, front: Front) -> None:
    """Some take no PATCH: then one PUT has all of it."""
    archive = ImageArchive(console)
    archive.image(TOOL, size=40 * MIB)
    archive.finish()
    front.instead("PATCH *", Reply(b"", 405))
    console.succeed("push", archive.root, front.host)
    assert digest_of(target, "team/tool:1.0") == archive.images[TOOL].digest


def test_broken_uploads_and_lost_answers_are_tried_again(
    console: Console, archive: ImageArchive, target: Registry, front: Front
) -> None:
    """Requests that break, answers that are lost, errors that pass: all arrives all the same."""
    front.cut("PUT */blobs/*", 10, times=2)
    front.alter("PUT */manifests/*", broken(0), times=1)
    front.instead("HEAD */manifests/*", Reply(b"", 503), times=1)
    front.instead("POST *", Reply(b"", 429, {"Retry-After": "1"}), times=1)
    console.succeed("push", archive.root, front.host)
    assert digest_of(target, "library/redis:7") == archive.images[REDIS].digest


def test_one_image_that_is_refused_does_not_stop_the_others(
    console: Console, archive: ImageArchive, target: Registry, front: Front
) -> None:
    """The failures are listed with what the registry says, exit 3."""
    front.alter("PUT */team/tool/manifests/*", status(403))
    outcome = console.run("push", archive.root, front.host)
    assert outcome.code == 3
    assert f"{TOOL}: " in outcome.err
    assert "as the test wants it" in outcome.err
    assert digest_of(target, "library/redis:7") == archive.images[REDIS].digest


def test_scripts_get_json(console: Console, archive: ImageArchive, front: Front) -> None:
    """What arrived by which name, what failed by which code, and what it cost."""
    front.alter("PUT */team/tool/manifests/*", status(403))
    outcome = console.run("push", archive.root, f"{front.host}/m", "--json")
    assert outcome.code == 3
    assert {image["reference"]: image["name"] for image in outcome.json["images"]} == {
        REDIS: f"{front.host}/m/library/redis:7",
        PRIVATE: f"{front.host}/m/team/app:2",
    }
    assert [failure["code"] for failure in outcome.json["failures"]] == ["registry.auth"]
    assert outcome.json["blobs"]["mounted"] == 2


def test_a_registry_that_is_not_there_is_told_at_once(console: Console, archive: ImageArchive) -> None:
    """One error, not one an image."""
    outcome = console.run("push", archive.root, "127.0.0.1:1/x")
    assert outcome.code == 3
    assert outcome.err.count("cannot be reached") == 1


def test_a_push_that_was_killed_goes_on(console: Console, target: Registry, front: Front) -> None:
    """After kill -9 the same command sends only what is missing."""
    archive = ImageArchive(console)
    for number in range(6):
        archive.image(f"quay.io/team/tool{number}:1", size=4 * MIB)
    archive.finish()
    reached = threading.Event()
    front.after(14 * MIB, reached.set)
    with console.started("push", archive.root, front.host) as process:
        assert reached.wait(60)
        end(process, signal.SIGKILL)
    there = {path.parent.name for path in (target.storage / "docker/registry/v2/blobs").glob("*/*/*/data")}
    front.forget()
    console.succeed("push", archive.root, front.host)
    again = [line for line in front.lines("PUT */blobs/*") if any(name in line for name in there)]
    assert there
    assert again == []
    for number in range(6):
        reference = f"quay.io/team/tool{number}:1"
        assert digest_of(target, f"team/tool{number}:1") == archive.images[reference].digest


@pytest.mark.parametrize("ended", [end, end_stopped])
def test_an_interrupted_push_ends_at_once(
    console: Console,
    archive: ImageArchive,
    front: Front,
    ended: Callable[[subprocess.Popen[bytes], int], int],
) -> None:
    """Ctrl-C does not wait for a registry that is silent, also where it comes while the program is paused; exit 130."""
    reached, going_on = threading.Event(), threading.Event()

    def silent(_: object) -> None:
        reached.set()
        going_on.wait(60)

    front.hold("PUT */blobs/*", silent)
    try:
        with console.started("push", archive.root, front.host) as process:
            assert reached.wait(60)
            assert ended(process, signal.SIGINT) == 130
            assert not going_on.is_set()
    finally:
        going_on.set()


def test_a_registry_that_wants_more_rest_than_there_is_patience_for_is_given_up(
    console: Console, archive: ImageArchive, front: Front
) -> None:
    """An hour is not waited for; that is said, exit 3."""
    front.instead("POST *", Reply(b"", 429, {"Retry-After": "3600"}))
    outcome = console.run("push", archive.root, front.host)
    assert outcome.code == 3
    assert "HTTP 429" in outcome.err


def test_all_volumes_are_one_bundle(console: Console, target: Registry) -> None:
    """All may be named, as a shell does for ``b.tar.*``; or one of them."""
    archive = ImageArchive(console)
    archive.image(REDIS, size=2 * MIB)
    bundle = archive.finish().bundle("b.tar", "--volume-size", "1MiB")
    parts = sorted(bundle.parent.glob("b.tar.*"))
    assert len(parts) > 3
    console.succeed("push", *parts, f"{target.host}/all")
    console.succeed("push", parts[0], f"{target.host}/one")
    for place in ("all", "one"):
        assert digest_of(target, f"{place}/library/redis:7") == archive.images[REDIS].digest


def test_only_what_was_signed_is_pushed(console: Console, archive: ImageArchive, target: Registry) -> None:
    """With --signers an unsigned bundle is refused before anything is sent, exit 5; an archive folder is no bundle."""
    signers = console.write("signers", "alice@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA\n")
    assert console.run("push", archive.bundle(), target.host, "--signers", signers).code == 5
    assert console.run("push", archive.root, target.host, "--signers", signers).code == 2
    assert target.requests() == []


def test_memory_does_not_grow_with_the_blobs(console: Console, target: Registry) -> None:
    """Four blobs of 40 MB on their way at once cost no more than a few pieces of each."""
    archive = ImageArchive(console)
    for number in range(4):
        archive.image(f"quay.io/team/tool{number}:1", size=40 * MIB)
    archive.finish()
    outcome, peak = console.measured("push", archive.root, target.host)
    assert outcome.code == 0
    assert peak < 100


# ---- logins


def test_a_registry_that_wants_a_password_gets_it(
    console: Console, archive: ImageArchive, tmp_path: Path
) -> None:
    """From docker's configuration, the environment, or the command line; without one the error says how to log in."""
    with docker_registry(tmp_path, private=True) as registry:
        outcome = console.run("push", archive.root, registry.host)
        assert outcome.code == 3
        assert f"docker login {registry.host}" in outcome.err
        assert outcome.err.count("without a login") == 1
        auth = b64encode(b"keeper:secret").decode()
        console.write(".docker/config.json", json.dumps({"auths": {registry.host: {"auth": auth}}}))
        console.succeed("push", archive.root, registry.host)
        console.environment["REGISTRY_AUTH"] = "keeper:wrong"
        outcome = console.run("push", archive.root, f"{registry.host}/again")
        assert outcome.code == 3
        assert "wrong" not in outcome.said
        console.environment["REGISTRY_AUTH"] = "keeper:secret"
        console.succeed("push", archive.root, f"{registry.host}/again")


def test_a_password_comes_by_standard_input(console: Console, archive: ImageArchive, tmp_path: Path) -> None:
    """--username with --password-stdin, as docker login has them; one without the other is an error."""
    with docker_registry(tmp_path, private=True) as registry:
        password = console.write("password", "secret\n")
        shell = Console(console.folder, ("sh", "-c", f'exec "$0" "$@" < {password}', *console.program))
        shell.succeed("push", archive.root, registry.host, "--username", "keeper", "--password-stdin")
        assert shell.run("push", archive.root, registry.host, "--username", "keeper").code == 2


def test_tokens_are_asked_for_push_and_for_mounts(
    console: Console, archive: ImageArchive, tmp_path: Path
) -> None:
    """One token a repository, one more for each repository that a blob is mounted from."""
    with giving_tokens(tmp_path) as tokens, docker_registry(tmp_path, tokens=tokens) as registry:
        outcome = console.run("push", archive.root, registry.host)  # those without a login may only pull
        assert outcome.code == 3
        auth = b64encode(b"keeper:secret").decode()
        console.write(".docker/config.json", json.dumps({"auths": {registry.host: {"auth": auth}}}))
        tokens.wanted.clear()
        console.succeed("push", archive.root, registry.host)
        scopes = tokens.scopes()
        assert sorted(scopes) == sorted(set(scopes))
        assert "repository:library/redis:pull,push" in scopes
        assert any(scope.count("repository:") == 2 and scope.endswith(":pull") for scope in scopes)
        assert any("mount=" in line for line in registry.requests())


# ---- TLS and proxies


def test_tls_with_an_authority_of_its_own(console: Console, archive: ImageArchive, tmp_path: Path) -> None:
    """--ca or --skip-tls-verify make this machine's registry one that speaks TLS; by default it is plain HTTP, which is told."""
    certificates = make_certificates(tmp_path)
    with docker_registry(tmp_path, tls=certificates) as registry:
        outcome = console.run("push", archive.root, registry.host)
        assert outcome.code == 3
        assert "speaks TLS" in outcome.err
        console.succeed("push", archive.root, registry.host, "--ca", certificates.authority)
        console.succeed("push", archive.root, f"{registry.host}/b", "--skip-tls-verify")
        name = "b/library/redis:7"
        assert digest_of(registry, name) == archive.images[REDIS].digest


def test_a_certificate_that_nobody_vouches_for_is_refused_and_proxies_are_used(
    console: Console, archive: ImageArchive, tmp_path: Path
) -> None:
    """The environment's proxy leads to the registry, its password included; nothing is sent to whom is not trusted."""
    certificates = make_certificates(tmp_path, "registry.example")
    with docker_registry(tmp_path, tls=certificates) as registry:
        port = int(registry.host.rpartition(":")[2])
        with proxying(port, "me:proxied") as proxy:
            console.environment["HTTPS_PROXY"] = proxy.origin.replace("://", "://me:proxied@")
            outcome = console.run("push", archive.root, "registry.example/mirror")
            assert outcome.code == 3
            assert "not trusted" in outcome.err
            assert registry.requests() == []
            console.succeed("push", archive.root, "registry.example/mirror", "--ca", certificates.authority)
            assert {asked.method for asked in proxy.asked} == {"CONNECT"}
        assert digest_of(registry, "mirror/library/redis:7") == archive.images[REDIS].digest
