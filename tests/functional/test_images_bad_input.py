"""Registries that send what no client should take: each a typed failure of its image, and the other images are there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterator

import pytest

from servers.console import Console
from servers.content import OCI_INDEX, OCI_MANIFEST, Made
from servers.front import Front, endless, fronting, with_body, with_headers
from servers.mirroring import Project
from servers.real import Registry, docker_registry

if TYPE_CHECKING:
    from servers.console import Outcome

NESTED = 12
ZEROS = "0" * 64


@dataclass(frozen=True)
class Bad:
    """A repository in which something is wrong, and the codes that say so well."""

    make: Callable[[Registry, Front, str], None]
    codes: frozenset[str]


CASES: dict[str, Bad] = {}


def _bad(*codes: str) -> Callable[[Callable[[Registry, Front, str], None]], None]:
    def note(make: Callable[[Registry, Front, str], None]) -> None:
        CASES[make.__name__.strip("_").replace("_", "-")] = Bad(make, frozenset(codes))

    return note


def _said(front: Front, repository: str, document: Any, media_type: str = OCI_MANIFEST) -> None:
    """Let every manifest of a repository be this document."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    front.alter(f"* /v2/{repository}/manifests/*", with_body(body, media_type))


def _parts(registry: Registry, repository: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Push a config and a layer; return their descriptors."""
    made = registry.image(f"{repository}:parts", repository.encode())
    document = next(document for it, document in registry.manifests(repository) if it.digest == made.digest)
    return document["config"], document["layers"][0]


def _manifest(config: Any, *layers: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": list(layers)}


@_bad("registry.manifest", "document.invalid")
def _manifest_over_4_mib(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    _said(front, repository, {**_manifest(config, layer), "annotations": {"x": "y" * (4 << 20)}})


@_bad("registry.manifest", "document.invalid")
def _manifest_that_is_no_json(registry: Registry, front: Front, repository: str) -> None:
    _said(front, repository, b"<html>Not found, but 200</html>")


@_bad("registry.manifest", "document.invalid")
def _manifest_nested_too_deep(registry: Registry, front: Front, repository: str) -> None:
    _said(front, repository, b"[" * 100_000 + b"]" * 100_000)


@_bad("registry.manifest")
def _manifest_of_schema_1(registry: Registry, front: Front, repository: str) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    _said(front, repository, {"schemaVersion": 1, "name": repository, "tag": "bad", "fsLayers": []}, kind)


@_bad("registry.manifest", "document.invalid")
def _manifest_and_index_in_one(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    entry = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{ZEROS}", "size": 2}
    _said(front, repository, {**_manifest(config, layer), "manifests": [entry]})


@_bad("registry.manifest")
def _index_of_indexes_without_end(registry: Registry, front: Front, repository: str) -> None:
    made = registry.image(repository, b"at the bottom")
    for _ in range(NESTED):
        made = registry.index(repository, (made, "linux/amd64"))
    registry.put_manifest(f"{repository}:bad", _bytes(registry, repository, made), OCI_INDEX)


@_bad("registry.manifest", "content.digest", "content.size")
def _index_that_names_itself(registry: Registry, front: Front, repository: str) -> None:
    entry = {"mediaType": OCI_INDEX, "digest": f"sha256:{ZEROS}", "size": 300}
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    _said(front, repository, document, OCI_INDEX)


@_bad("content.size", "content.digest")
def _manifest_whose_size_lies_in_its_index(registry: Registry, front: Front, repository: str) -> None:
    made = registry.image(repository, b"sound")
    entry = {**made.descriptor, "size": made.size + 1, "platform": {"os": "linux", "architecture": "amd64"}}
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}
    registry.manifest(f"{repository}:bad", document)


@_bad("content.size")
def _layer_shorter_than_told(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    registry.manifest(f"{repository}:bad", _manifest(config, {**layer, "size": layer["size"] + 1}))


@_bad("content.size")
def _layer_longer_than_told(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    registry.manifest(f"{repository}:bad", _manifest(config, {**layer, "size": layer["size"] - 1}))


@_bad("registry.manifest", "document.invalid")
def _layer_of_negative_size(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    _said(front, repository, _manifest(config, {**layer, "size": -1}))


@_bad("content.digest")
def _layer_of_other_bytes(registry: Registry, front: Front, repository: str) -> None:
    made = registry.image(f"{repository}:bad", b"to be damaged")
    registry.damage(made.layers[0])


@_bad("content.size")
def _layer_that_never_ends(registry: Registry, front: Front, repository: str) -> None:
    made = registry.image(f"{repository}:bad", b"it goes on and on")
    front.alter(f"GET /v2/{repository}/blobs/{made.layers[0]}", endless)


@_bad("registry.manifest", "content.size")
def _config_of_a_terabyte(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    registry.manifest(f"{repository}:bad", _manifest({**config, "size": 1 << 40}, layer))


@_bad("digest.invalid")
def _layer_of_unknown_algorithm(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    _said(front, repository, _manifest(config, {**layer, "digest": "md5:d41d8cd98f00b204e9800998ecf8427e"}))


@_bad("digest.invalid")
def _layer_of_malformed_digest(registry: Registry, front: Front, repository: str) -> None:
    config, layer = _parts(registry, repository)
    _said(front, repository, _manifest(config, {**layer, "digest": "sha256:../../../../etc/passwd"}))


@_bad("registry.unknown", "content.digest")
def _head_that_lies(registry: Registry, front: Front, repository: str) -> None:
    registry.image(f"{repository}:bad", b"announced under another digest")
    front.alter(f"HEAD /v2/{repository}/manifests/*", with_headers(Docker_Content_Digest=f"sha256:{ZEROS}"))


@_bad("registry.title")
def _title_that_climbs_out(registry: Registry, front: Front, repository: str) -> None:
    registry.artifact(f"{repository}:bad", b"#!/bin/sh", "text/plain", title="../../../.profile")


@_bad("registry.title")
def _title_from_the_root(registry: Registry, front: Front, repository: str) -> None:
    registry.artifact(f"{repository}:bad", b"keeper::0:0:::", "text/plain", title="/etc/passwd")


def _bytes(registry: Registry, repository: str, made: Made) -> bytes:
    return json.dumps(
        next(doc for it, doc in registry.manifests(repository) if it.digest == made.digest)
    ).encode()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A registry with a sound image, and a repository for each case, behind a front that tells the lies."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry, fronting(registry) as running:
        registry.image("sound/app:1", b"a sound image")
        for case, bad in CASES.items():
            bad.make(registry, running, f"bad/{case}")
        yield running


@pytest.fixture(scope="module")
def project(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that asks for all of it."""
    return Project(Console(tmp_path_factory.mktemp("bad")))


@pytest.fixture(scope="module")
def outcome(front: Front, project: Project) -> Outcome:
    """The one run over all cases and the sound image."""
    refs = [f"{front.host}/bad/{case}:bad" for case in CASES] + [f"{front.host}/sound/app:1"]
    return project.archive(code=3, images={"refs": refs})


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_a_typed_failure(front: Front, project: Project, outcome: Outcome, case: str) -> None:
    """Whatever a registry sends for an image, the run tells it by a code of its own, in the snapshot and in JSON, in one line."""
    name = f"{front.host}/bad/{case}:bad"
    told = [failure for failure in outcome.json["failures"] if failure["subject"] == name]
    assert len(told) == 1
    assert told[0]["code"] in CASES[case].codes, told[0]
    assert project.failures()[name] == told[0]["code"]
    assert 0 < len(told[0]["message"]) < 1000
    assert told[0]["message"].isprintable()


def test_the_rest_goes_on(front: Front, project: Project, outcome: Outcome) -> None:
    """The sound image is there, and the layout is valid; nothing of the bad ones has a name, or is outside of the archive."""
    assert list(project.images()) == [f"{front.host}/sound/app:1"]
    assert set(project.tags()) == {f"{front.host}/sound/app:1"}
    project.judge()
    assert {path.name for path in project.console.folder.iterdir()} == {"archives", "sample.yaml"}
    assert outcome.json["complete"] is False


def test_bad_signatures_leave_the_image(console: Console, front: Front) -> None:
    """A signature whose content is damaged is a failure of its own; the image that it is about is there."""
    registry = front.registry
    assert isinstance(registry, Registry)
    made = registry.image("signed/badly:1", b"the image")
    tag = f"{made.digest.replace(':', '-')}.sig"
    signature = registry.artifact(f"signed/badly:{tag}", b"to be damaged, too", "application/x-signature")
    registry.damage(signature.layers[0])
    project, name = Project(console), f"{front.host}/signed/badly:1"
    project.archive(code=3, images={"refs": [name]})
    assert list(project.images()) == [name]
    assert set(project.failures().values()) == {"content.digest"}
    project.judge()


def test_referrers_in_circles_end(console: Console, front: Front) -> None:
    """A registry that says of each manifest, and of each referrer, that the same signature refers to it is asked no further."""
    registry = front.registry
    assert isinstance(registry, Registry)
    made = registry.image("signed/round:1", b"the image")
    signature = registry.artifact(
        "signed/round", b"the signature", "application/x-signature", subject=made.descriptor
    )
    listed = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [signature.descriptor]}
    front.alter("* /v2/signed/round/referrers/*", with_body(json.dumps(listed).encode(), OCI_INDEX))
    project = Project(console)
    project.archive(images={"refs": [f"{front.host}/signed/round:1"]})
    assert [extra["digest"] for extra in project.extras()] == [signature.digest]


def test_a_digest_of_an_unknown_kind_is_not_taken_for_a_tag(console: Console, front: Front) -> None:
    """A registry that names what a tag means by an algorithm that nobody knows is told, and not believed."""
    front.alter("* /v2/sound/app/manifests/*", with_headers(Docker_Content_Digest="blake9:00"), times=1)
    project = Project(console)
    project.archive(code=3, images={"refs": [f"{front.host}/sound/app:1"]})
    assert list(project.failures().values()) == ["registry.failed"]


def test_malformed_references_in_a_list_are_failures(console: Console, front: Front) -> None:
    """Lines of a list that are no references are each a failure with the line's place; the others are pulled."""
    project = Project(console)
    bad = ["UPPER/Case:1", "a//b:1", "host:99999/x:1", f"x@sha256:{ZEROS[1:]}", "x@md5:00", "name:tag:tag"]
    console.write("list.txt", "\n".join([*bad, f"{front.host}/sound/app:1", "-", ""]))
    project.archive(code=3, images={"lists": ["list.txt"]})
    assert list(project.images()) == [f"{front.host}/sound/app:1"]
    failures = project.record["failures"]
    assert len(failures) == len(bad) + 1
    assert {failure["code"] for failure in failures} == {"reference.invalid"}
    for number, failure in zip((1, 2, 3, 4, 5, 6, 8), failures):
        assert f"list.txt:{number}" in json.dumps(failure)


def test_a_malformed_reference_in_the_spec_ends_the_run(console: Console) -> None:
    """The spec's own references are checked before anything is asked: exit code 2 with file and line."""
    outcome = Project(console).archive(code=2, images={"refs": ["docker.io/UPPER:1"]})
    assert outcome.json["error"]["code"] == "spec.invalid"
