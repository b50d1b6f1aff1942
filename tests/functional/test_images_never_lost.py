"""What upstream moves or deletes stays in the archive, and is told apart; `--locked` gives a snapshot's images again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

import pytest

from servers.front import Front, fronting
from servers.mirroring import Project
from servers.real import docker_registry, skopeo

if TYPE_CHECKING:
    from servers.console import Console
    from servers.real import Registry


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry in which things may be deleted."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        yield registry


@pytest.fixture
def front(upstream: Registry) -> Iterator[Front]:
    """A front with the referrers API."""
    with fronting(upstream) as running:
        running.referrers = True
        yield running


@pytest.fixture
def project(hasty: Console) -> Project:
    """A project with an archive of its own."""
    return Project(hasty)


def test_a_moved_tag_keeps_what_it_meant(project: Project, upstream: Registry) -> None:
    """The old digest is in the older snapshot and in the layout, whole; the tag names the new one in the newer one."""
    name = f"{upstream.host}/moving/app:1"
    old = upstream.image("moving/app:1", b"the old one")
    project.archive(images={"refs": [name]})
    new = upstream.image("moving/app:1", b"the new one")
    project.archive(images={"refs": [name]})
    assert [record["images"][0]["digest"] for record in project.records()] == [old.digest, new.digest]
    assert project.tags() == {name: new.digest}
    assert {old.digest, new.digest} <= project.digests()
    assert all(project.has(digest) for made in (old, new) for digest in (made.config, *made.layers))
    project.judge()
    bundle = project.console.folder / "old.tar"
    first = project.records()[0]["id"]
    project.console.succeed("bundle", "sample", "-o", bundle, "--snapshot", first)
    with project.console.serving(bundle) as served:
        raw = skopeo(
            "inspect", "--raw", "--tls-verify=false", f"docker://127.0.0.1:{served.port}/moving/app:1"
        )
    assert raw.encode() == project.blob(old.digest).read_bytes()


@pytest.mark.parametrize("how", ["tag", "manifest"])
def test_a_deleted_tag_is_gone_and_stays(project: Project, upstream: Registry, how: str) -> None:
    """A tag that upstream deleted is told as gone; its image, signature included, stays as it was.

    That is a failure once, exit code 3: from then on it is known, and a run that finds it so again is complete.
    """
    repository = f"deleted/{how}"
    names = [f"{upstream.host}/{repository}:{tag}" for tag in ("1", "2")]
    lost = upstream.image(f"{repository}:1", b"to be deleted")
    upstream.image(f"{repository}:2", b"to stay")
    signature = upstream.artifact(
        f"{repository}:{lost.digest.replace(':', '-')}.sig", b"signature", "application/x-signature"
    )
    project.archive(images={"refs": names})
    if how == "tag":
        upstream.untag(f"{repository}:1")
    else:
        upstream.delete(f"{repository}:1", lost)
    outcome = project.archive(code=3, images={"refs": names})
    assert project.failures() == {names[0]: "registry.gone"}
    image = project.images()[names[0]]
    assert (image["digest"], image["carried"]) == (lost.digest, True)
    assert image["gone"]
    assert project.images()[names[1]]["gone"] == ""
    assert [extra["digest"] for extra in project.extras()] == [signature.digest]
    assert project.tags()[names[0]] == lost.digest
    project.judge()
    since = image["gone"]
    known = project.archive(images={"refs": names})
    assert project.failures() == {}
    assert project.images()[names[0]]["gone"] == since
    assert known.json["gone"]["images"] == 1
    plan = project.console.succeed("plan", project.spec(images={"refs": names}), "--json").json
    assert [image["state"] for image in plan["images"]] == ["gone", "unchanged"]
    assert "gone" in outcome.json["failures"][0]["code"]


def test_a_deleted_tag_of_a_pattern_is_gone_and_stays(project: Project, upstream: Registry) -> None:
    """A tag that a pattern chose before and that upstream lists no longer is told as gone, and stays."""
    images = {"repositories": [{"repository": f"{upstream.host}/chosen/app", "tags": "v*"}]}
    lost = upstream.image("chosen/app:v1", b"to be deleted")
    upstream.image("chosen/app:v2", b"to stay")
    project.archive(images=images)
    upstream.untag("chosen/app:v1")
    project.archive(code=3, images=images)
    name = f"{upstream.host}/chosen/app:v1"
    assert project.failures() == {name: "registry.gone"}
    assert project.images()[name]["digest"] == lost.digest
    assert project.images()[name]["gone"]


def test_a_repository_without_any_tag_left_is_gone_and_stays(project: Project, upstream: Registry) -> None:
    """When the last of what a spec asks for is deleted, all of it stays, told as gone: exit code 4."""
    images = {"repositories": [{"repository": f"{upstream.host}/last/app", "tags": "v*"}]}
    upstream.image("last/app:v1", b"the only one")
    project.archive(images=images)
    upstream.untag("last/app:v1")
    project.archive(code=4, images=images)
    assert project.failures() == {f"{upstream.host}/last/app:v1": "registry.gone"}
    assert project.images()[f"{upstream.host}/last/app:v1"]["carried"] is True


def test_a_tag_that_comes_back_is_gone_no_more(project: Project, upstream: Registry) -> None:
    """Where upstream has a deleted tag again, it is archived as any other."""
    name = f"{upstream.host}/back/app:1"
    upstream.image("back/app:1", b"now you see it")
    project.archive(images={"refs": [name]})
    upstream.untag("back/app:1")
    project.archive(code=4, images={"refs": [name]})
    assert project.images()[name]["gone"]
    upstream.image("back/app:1", b"now you see it again")
    project.archive(images={"refs": [name]})
    assert (project.images()[name]["gone"], project.images()[name]["carried"]) == ("", False)


def test_a_registry_that_is_down_is_not_gone(hasty: Console, upstream: Registry) -> None:
    """A registry that cannot be reached says nothing about its tags: they are carried, and not told as gone."""
    project = Project(hasty)
    upstream.image("down/app:1", b"to stay")
    with fronting(upstream) as front:
        name = f"{front.host}/down/app:1"
        project.archive(images={"refs": [name]})
    project.archive(code=4, images={"refs": [name]})
    assert project.failures() == {name: "fetch.unreachable"}
    assert (project.images()[name]["gone"], project.images()[name]["carried"]) == ("", True)


def test_a_signature_that_upstream_withdrew_stays(project: Project, upstream: Registry) -> None:
    """A signature that is there no longer stays with the image that it is about; the image is none the worse for it."""
    made = upstream.image("unsigned/app:1", b"signed once")
    tag = f"unsigned/app:{made.digest.replace(':', '-')}.sig"
    signature = upstream.artifact(tag, b"its signature", "application/x-signature")
    images = {"refs": [f"{upstream.host}/unsigned/app:1"]}
    project.archive(images=images)
    upstream.untag(tag)
    project.archive(images=images)
    assert [extra["digest"] for extra in project.extras()] == [signature.digest]
    assert project.tags()[f"{upstream.host}/{tag}"] == signature.digest


def test_what_was_never_there_is_not_gone(project: Project, upstream: Registry) -> None:
    """A tag that was never archived is unknown, not gone: most likely it is a slip of the pen."""
    upstream.image("known/app:1", b"known")
    names = [f"{upstream.host}/known/app:{tag}" for tag in ("1", "01")]
    project.archive(code=3, images={"refs": names})
    assert project.failures() == {names[1]: "registry.unknown"}


def _resolved(project: Project, number: int) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    images = project.records()[number]["images"]
    return {
        image["reference"]: (image["digest"], image["refers_to"], tuple(image["manifests"]))
        for image in images
    }


def test_a_snapshot_is_a_lock(project: Project, upstream: Registry, front: Front) -> None:
    """Each snapshot says tag, digest, when and from where; `--locked` gives the same again, whatever tags mean by now.

    Into an empty archive they come from upstream by digest, as long as it has them.
    """
    image = upstream.image("locked/app:1", b"as it was")
    signature = upstream.artifact(
        "locked/app", b"its signature", "application/x-signature", subject=image.descriptor
    )
    upstream.image("locked/other:v1", b"another")
    images = {
        "refs": [f"{front.host}/locked/app:1"],
        "repositories": [{"repository": f"{front.host}/locked/other", "tags": "v*"}],
    }
    project.archive(images=images)
    locked = _resolved(project, 0)
    assert set(locked) == {
        f"{front.host}/locked/app:1",
        f"{front.host}/locked/app@{signature.digest}",
        f"{front.host}/locked/other:v1",
    }
    for entry in project.record["images"]:
        assert entry["resolved"].startswith("20")
        assert entry["registry"] == front.host
    upstream.image("locked/app:1", b"moved on")
    upstream.image("locked/other:v2", b"newer")
    project.archive("--locked", images=images)
    assert _resolved(project, 1) == locked
    assert project.record["locked"] == project.records()[0]["id"]
    project.archive(images=images)
    assert _resolved(project, 2).keys() - locked.keys() == {f"{front.host}/locked/other:v2"}
    assert _resolved(project, 2)[f"{front.host}/locked/app:1"][0] != image.digest


def test_without_a_snapshot_nothing_is_locked(project: Project, upstream: Registry) -> None:
    """`--locked` in an archive that has no snapshot of the project is an error that says so: exit code 2."""
    upstream.image("unlocked/app:1", b"never archived")
    outcome = project.archive("--locked", code=2, images={"refs": [f"{upstream.host}/unlocked/app:1"]})
    assert "snapshot" in outcome.said
