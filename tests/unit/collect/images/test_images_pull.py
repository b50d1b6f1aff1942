"""Pulling against a registry that does what it should, and against one that does not."""

from __future__ import annotations

import json
import random
import re
import threading
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.collect.images.image import ImagePull
from archiver.collect.images.repository import Repository
from archiver.collect.retry import Patience
from archiver.core.digest import Digest
from archiver.core.errors import StorageFull
from archiver.core.progress import NullProgress
from archiver.core.reference import Reference
from archiver.spec.registries import RegistrySettings
from archiver.store.images import ImageLayout
from servers.content import OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Made
from servers.halting import halting
from servers.pulling import ABSENT, AMD64, ARM64, HASTY, codes, here, named, pull, pull_all
from servers.registry import Registry, Reply, serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a docker configuration that knows nothing."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


@pytest.fixture
def registry() -> Iterator[Registry]:
    """An empty registry."""
    with serving() as running:
        yield running


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    """An empty layout."""
    return ImageLayout(tmp_path / "images")


# ---- what is asked for arrives


def test_an_image_arrives_whole_and_is_named(layout: ImageLayout, registry: Registry) -> None:
    """Config, layers and manifest are stored as they are, and the tag points to the manifest."""
    made = registry.image("app:1", b"base", b"top")
    outcome = pull(layout, registry, "app:1")
    assert outcome.failures == ()
    assert here(layout) == {made.digest, made.config, *made.layers}
    assert named(layout) == {f"{registry.host}/app:1": made.digest}
    for digest in here(layout):
        assert layout.blobs.read(Digest.parse(digest), 1 << 20) == registry.content(digest)


def test_the_result_says_what_was_kept(layout: ImageLayout, registry: Registry) -> None:
    """Reference, digest, platform, and the size of all that is kept; the outcome counts bytes and blobs."""
    made = registry.image("app:1", b"base", b"top")
    outcome = pull(layout, registry, "app:1")
    result = outcome.images[0]
    total = sum(len(registry.content(digest)) for digest in here(layout))
    assert (result.reference, result.digest, result.media_type) == (
        f"{registry.host}/app:1",
        made.digest,
        OCI_MANIFEST,
    )
    assert (result.platforms, result.manifests) == (("linux/amd64",), (made.digest,))
    assert (result.size, result.registry, result.carried) == (total, registry.host, False)
    assert (outcome.bytes, outcome.blobs_fetched) == (total, 3)


def test_only_the_wanted_platforms_of_an_index_are_fetched(layout: ImageLayout, registry: Registry) -> None:
    """The index keeps its digest; foreign platforms and attestations are left where they are."""
    arm, amd, power, proof = (
        registry.image(f"app:{name}", name.encode(), platform=f"linux/{name}")
        for name in ("arm64", "amd64", "ppc64le", "unknown")
    )
    index = registry.index(
        "app:1",
        (arm, "linux/arm64"),
        (power, "linux/ppc64le"),
        (amd, "linux/amd64"),
        (proof, "unknown/unknown"),
    )
    outcome = pull(layout, registry, "app:1", platforms=(AMD64, ARM64))
    assert outcome.failures == ()
    assert outcome.images[0].digest == index.digest
    assert outcome.images[0].platforms == ("linux/amd64", "linux/arm64")
    assert outcome.images[0].manifests == (amd.digest, arm.digest)
    expected = {index.digest}.union(*({made.digest, made.config, *made.layers} for made in (amd, arm)))
    assert here(layout) == expected
    assert outcome.images[0].size == sum(len(registry.content(digest)) for digest in expected)


def test_a_platform_that_is_missing_does_not_cost_the_others(layout: ImageLayout, registry: Registry) -> None:
    """The platform there is, is kept; the other is a failure that names it."""
    amd = registry.image("app:amd", b"x")
    registry.index("app:1", (amd, "linux/amd64"))
    outcome = pull(layout, registry, "app:1", platforms=(AMD64, ARM64))
    assert outcome.images[0].platforms == ("linux/amd64",)
    assert codes(outcome) == ["registry.platform"]
    assert "linux/arm64" in outcome.failures[0].message


def test_an_index_without_any_wanted_platform_is_a_failure(layout: ImageLayout, registry: Registry) -> None:
    """Nothing is named and nothing but a failure is returned."""
    registry.index("app:1", (registry.image("app:arm", b"x", platform="linux/arm64"), "linux/arm64"))
    outcome = pull(layout, registry, "app:1")
    assert (outcome.images, codes(outcome), named(layout)) == ((), ["registry.platform"], {})


def test_an_image_for_another_platform_is_a_failure(layout: ImageLayout, registry: Registry) -> None:
    """A single manifest's platform is read from its config; its layers are not fetched in vain."""
    made = registry.image("app:1", b"x", platform="linux/arm64/v8")
    outcome = pull(layout, registry, "app:1")
    assert (outcome.images, codes(outcome), named(layout)) == ((), ["registry.platform"], {})
    assert registry.fetched() == [made.config]


def test_an_index_entry_without_platform_is_told_by_its_config(
    layout: ImageLayout, registry: Registry
) -> None:
    """The specification makes ``platform`` optional: the config decides."""
    amd, arm = (registry.image(f"app:{a}", a.encode(), platform=f"linux/{a}") for a in ("amd64", "arm64"))
    registry.index("app:1", (arm, ""), (amd, ""))
    outcome = pull(layout, registry, "app:1")
    assert (outcome.images[0].manifests, outcome.images[0].platforms) == ((amd.digest,), ("linux/amd64",))
    assert outcome.failures == ()
    assert not here(layout) & {arm.digest, *arm.layers}


def test_an_artifact_is_taken_whatever_the_platform(layout: ImageLayout, registry: Registry) -> None:
    """A Helm chart has no platform and is kept as it is."""
    made = registry.image(
        "chart:1", b"chart", platform="", config_type="application/vnd.cncf.helm.config.v1+json"
    )
    outcome = pull(layout, registry, "chart:1")
    assert outcome.failures == ()
    assert (outcome.images[0].platforms, outcome.images[0].manifests) == (("",), (made.digest,))


def test_an_index_in_an_index_is_followed(layout: ImageLayout, registry: Registry) -> None:
    """What lies one index deeper is found, and both indexes are kept."""
    made = registry.image("app:amd", b"x")
    inner = registry.index("app:inner", (made, "linux/amd64"))
    outer = registry.index("app:1", (inner, ""))
    outcome = pull(layout, registry, "app:1")
    assert outcome.failures == ()
    assert outcome.images[0].manifests == (made.digest,)
    assert {inner.digest, outer.digest} <= here(layout)


def test_deeper_nesting_is_refused(layout: ImageLayout, registry: Registry) -> None:
    """An index in an index in an index is not followed."""
    index = registry.index("app:a", (registry.image("app:amd", b"x"), "linux/amd64"))
    for name in ("b", "c"):
        index = registry.index(f"app:{name}", (index, ""))
    outcome = pull(layout, registry, "app:c")
    assert outcome.images == ()
    assert codes(outcome)[0] == "registry.manifest"


def test_references_are_answered_in_order_and_once(layout: ImageLayout, registry: Registry) -> None:
    """Results stand in the order asked, whatever the order of arrival; a repetition is ignored."""
    for name in "cab":
        registry.image(f"{name}:1", name.encode())
    outcome = pull(layout, registry, "c:1", "a:1", "c:1", "b:1")
    assert [result.reference.rpartition("/")[2] for result in outcome.images] == ["c:1", "a:1", "b:1"]


def test_a_digest_reference_names_nothing(layout: ImageLayout, registry: Registry) -> None:
    """A digest says nothing about a tag, so the entry in the index has no name; a second pull asks nothing."""
    made = registry.image("app:1", b"x")
    name = f"app@{made.digest}"
    assert pull(layout, registry, name).images[0].digest == made.digest
    assert [(str(entry.digest), dict(entry.annotations)) for entry in layout.entries()] == [(made.digest, {})]
    registry.forget()
    assert pull(layout, registry, name).failures == ()
    assert registry.lines() == []


# ---- nothing is fetched twice


def test_shared_layers_are_fetched_once(layout: ImageLayout, registry: Registry) -> None:
    """Two images share a base: each blob is asked for once, by the registry's own log."""
    one = registry.image("one:1", b"base" * 100_000, b"one")
    two = registry.image("two:1", b"base" * 100_000, b"two")
    outcome = pull(layout, registry, "one:1", "two:1")
    assert len(outcome.images) == 2
    assert sorted(registry.fetched()) == sorted({one.config, two.config, *one.layers, *two.layers})
    assert outcome.blobs_fetched == 5


def test_an_unchanged_image_costs_one_head_request(layout: ImageLayout, registry: Registry) -> None:
    """The second run asks what the tag is, and nothing else; the index stays byte for byte."""
    registry.index("app:1", (registry.image("app:amd", b"x"), "linux/amd64"))
    first = pull(layout, registry, "app:1")
    before = (layout.root / "index.json").read_bytes()
    registry.forget()
    second = pull(layout, registry, "app:1")
    assert registry.lines() == ["HEAD /v2/app/manifests/1"]
    assert second.images[0].manifests == first.images[0].manifests
    assert (second.bytes, second.blobs_fetched) == (0, 0)
    assert (layout.root / "index.json").read_bytes() == before


def test_a_platform_wanted_later_is_added(layout: ImageLayout, registry: Registry) -> None:
    """Where the index is here already, only what is missing below it is fetched."""
    amd, arm = (registry.image(f"app:{a}", a.encode(), platform=f"linux/{a}") for a in ("amd64", "arm64"))
    registry.index("app:1", (amd, "linux/amd64"), (arm, "linux/arm64"))
    pull(layout, registry, "app:1")
    registry.forget()
    outcome = pull(layout, registry, "app:1", platforms=(AMD64, ARM64))
    assert outcome.images[0].manifests == (amd.digest, arm.digest)
    assert sorted(registry.fetched()) == sorted({arm.config, *arm.layers})


@pytest.mark.parametrize("answer", [ABSENT, Reply(status=405)])
def test_a_mirror_does_not_hide_that_a_tag_is_gone(
    layout: ImageLayout, registry: Registry, answer: Reply
) -> None:
    """Nor bring back what the tag meant before: what the registry itself told, its 404 ends, by HEAD or by GET."""
    registry.image("app:1", b"new")
    with serving() as mirror:
        mirror.image("app:1", b"old")
        settings = {registry.host: RegistrySettings(mirrors=(mirror.host,))}
        before = pull(layout, registry, "app:1", settings=settings).images
        registry.answers["HEAD /v2/app/manifests/1"] = answer
        registry.answers["GET /v2/app/manifests/1"] = ABSENT
        outcome = pull(layout, registry, "app:1", settings=settings, previous=before)
    assert (outcome.images, codes(outcome)) == ((), ["registry.gone"])


@pytest.mark.parametrize(
    ("content", "expected"), [(b"same", []), (b"other", ["registry.mirror"])], ids=["same", "other"]
)
def test_a_mirror_does_not_overrule_what_a_dead_registry_told(
    layout: ImageLayout, registry: Registry, content: bytes, expected: list[str]
) -> None:
    """It may be behind: its other digest is a failure, and the copy stays; the same digest is as good as the registry's."""
    registry.image("app:1", b"same")
    with serving() as mirror:
        mirror.image("app:1", content)
        settings = {registry.host: RegistrySettings(fallbacks=(mirror.host,))}
        before = pull(layout, registry, "app:1", settings=settings).images
        registry.answers["HEAD /v2/app/manifests/1"] = Reply(b"", 503)
        outcome = pull(layout, registry, "app:1", settings=settings, previous=before)
    assert codes(outcome) == expected
    assert [image.digest for image in outcome.images] == [image.digest for image in before if not expected]


def test_a_new_tag_is_taken_from_the_mirror_of_a_dead_registry(
    layout: ImageLayout, registry: Registry
) -> None:
    """Nothing that the archive has is at stake."""
    with serving() as mirror:
        made = mirror.image("app:1", b"new")
        settings = {registry.host: RegistrySettings(fallbacks=(mirror.host,))}
        registry.answers["HEAD /v2/app/manifests/1"] = Reply(b"", 503)
        outcome = pull(layout, registry, "app:1", settings=settings)
    assert [(image.digest, image.registry) for image in outcome.images] == [(made.digest, mirror.host)]


@pytest.mark.parametrize(("status", "code"), [(451, "registry.gone"), (403, "registry.auth")])
def test_what_a_registry_withholds_by_law_is_gone(
    layout: ImageLayout, registry: Registry, status: int, code: str
) -> None:
    """451 says that nobody is given the image, without more ado; 403 says that we are not, today."""
    registry.image("app:1", b"x")
    before = pull(layout, registry, "app:1").images
    registry.answers["/v2/app/manifests/1"] = Reply(b"not for you", status)
    assert codes(pull(layout, registry, "app:1", previous=before)) == [code]


def test_what_a_mirror_alone_has_is_had_from_there_again(layout: ImageLayout, registry: Registry) -> None:
    """Where the registry had lost the tag before it was archived, its 404 is no news."""
    registry.answers["/v2/app/manifests/1"] = ABSENT
    with serving() as mirror:
        settings = {registry.host: RegistrySettings(fallbacks=(mirror.host,))}
        mirror.image("app:1", b"old")
        before = pull(layout, registry, "app:1", settings=settings).images
        newer = mirror.image("app:1", b"new")
        outcome = pull(layout, registry, "app:1", settings=settings, previous=before)
    assert ([image.digest for image in outcome.images], outcome.failures) == ([newer.digest], ())
    assert [image.registry for image in (*before, *outcome.images)] == [mirror.host] * 2


def test_a_moved_tag_keeps_the_old_image(layout: ImageLayout, registry: Registry) -> None:
    """The name goes to the new digest; the old one stays as an entry without a name."""
    old = registry.image("app:1", b"old")
    pull(layout, registry, "app:1")
    new = registry.image("app:1", b"new")
    pull(layout, registry, "app:1")
    assert named(layout) == {f"{registry.host}/app:1": new.digest}
    assert {str(entry.digest) for entry in layout.entries()} == {old.digest, new.digest}


def test_damage_in_the_store_is_repaired(layout: ImageLayout, registry: Registry) -> None:
    """A manifest or config on disk is not believed because of its name: it is fetched anew, and whole again."""
    made = registry.image("app:1", b"x")
    pull(layout, registry, "app:1")
    for digest in (made.digest, made.config):
        path = layout.blobs.path(Digest.parse(digest))
        path.write_bytes(path.read_bytes()[:-2] + b" }")
    assert pull(layout, registry, "app:1").failures == ()
    for digest in (made.digest, made.config):
        assert layout.blobs.read(Digest.parse(digest), 1 << 20) == registry.content(digest)


# ---- logging in


def test_a_bearer_token_is_fetched_once_for_a_repository(layout: ImageLayout, registry: Registry) -> None:
    """The 401 names token server, service and scope; the token serves all further requests."""
    registry.login = "bearer"
    registry.image("team/app:1", b"a", b"b", b"c")
    assert pull(layout, registry, "team/app:1").failures == ()
    tokens = [line for line in registry.lines() if "/token" in line]
    assert tokens == ["GET /token?service=tests&scope=repository%3Ateam%2Fapp%3Apull"]


def test_a_token_that_expires_is_renewed(layout: ImageLayout, registry: Registry) -> None:
    """A 401 in mid-pull leads to a new token, not to a failure."""
    registry.login = "bearer"
    made = registry.image("app:1", b"x")

    def late(_: Any) -> Reply:
        registry.answers.clear()
        registry.expire()
        return Reply(b"{}", 401, {"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'})

    registry.answers[f"/v2/app/blobs/{made.layers[0]}"] = late
    assert pull(layout, registry, "app:1").failures == ()
    assert len([line for line in registry.lines() if "/token" in line]) == 2


def test_the_token_server_is_asked_with_the_stored_password(
    layout: ImageLayout, registry: Registry, no_login: Path
) -> None:
    """Credentials of docker's configuration go to the token server, and not to the registry."""
    registry.login, registry.anonymous = "bearer", False
    registry.image("app:1", b"x")
    assert codes(pull(layout, registry, "app:1")) == ["registry.auth"]
    registry.forget()
    config = {"auths": {registry.host: {"auth": "a2VlcGVyOnNlY3JldA=="}}}
    (no_login / "config.json").write_text(json.dumps(config))
    assert pull(layout, registry, "app:1").failures == ()
    for asked in registry.asked:
        basic = asked.headers.get("authorization", "").startswith("Basic")
        assert basic == asked.target.startswith("/token")


def test_an_identity_token_is_exchanged(layout: ImageLayout, registry: Registry, no_login: Path) -> None:
    """A refresh token is posted to the token server, as its OAuth 2.0 form wants it."""
    registry.login, registry.anonymous = "bearer", False
    registry.image("app:1", b"x")
    (no_login / "config.json").write_text(
        json.dumps({"auths": {registry.host: {"identitytoken": "long-lived"}}})
    )
    assert pull(layout, registry, "app:1").failures == ()
    assert "POST /token" in registry.lines()


def test_basic_credentials_are_used_where_asked_for(
    layout: ImageLayout, registry: Registry, no_login: Path
) -> None:
    """Without a password it is a failure with the right code; with it the pull works."""
    registry.login = "basic"
    registry.image("app:1", b"x")
    assert codes(pull(layout, registry, "app:1")) == ["registry.auth"]
    config = {"auths": {f"http://{registry.host}/v2/": {"username": "keeper", "password": "secret"}}}
    (no_login / "config.json").write_text(json.dumps(config))
    assert pull(layout, registry, "app:1").failures == ()


def test_wrong_credentials_are_not_tried_for_ever(
    layout: ImageLayout, registry: Registry, no_login: Path
) -> None:
    """A refused password is a failure after a request or two."""
    registry.login = "basic"
    registry.image("app:1", b"x")
    (no_login / "config.json").write_text(
        json.dumps({"auths": {registry.host: {"auth": "a2VlcGVyOndyb25n"}}})
    )
    assert codes(pull(layout, registry, "app:1")) == ["registry.auth"]
    assert len(registry.lines()) == 2


def test_a_redirect_to_another_host_gets_no_credentials(
    layout: ImageLayout, registry: Registry, no_login: Path
) -> None:
    """Blobs may come from a storage host; the Authorization header stays behind."""
    registry.login = "basic"
    made = registry.image("app:1", b"x")
    (no_login / "config.json").write_text(
        json.dumps({"auths": {registry.host: {"auth": "a2VlcGVyOnNlY3JldA=="}}})
    )
    with serving() as storage:
        for digest in (made.config, *made.layers):
            storage.put(registry.content(digest))
            target = f"http://{storage.host}/v2/app/blobs/{digest}"
            registry.answers[f"/v2/app/blobs/{digest}"] = Reply(status=307, headers={"Location": target})
        assert pull(layout, registry, "app:1").failures == ()
        assert len(storage.asked) == 2
        assert not any("authorization" in asked.headers for asked in storage.asked)
    assert all("authorization" in asked.headers for asked in registry.asked if "/blobs/" in asked.target)


def test_a_token_server_in_the_clear_is_not_asked(layout: ImageLayout, registry: Registry) -> None:
    """A realm that is neither https nor this machine is refused before anything is sent there."""
    registry.image("app:1", b"x")
    challenge = {"WWW-Authenticate": 'Bearer realm="http://token.example.org/"'}
    registry.answers["/v2/app/manifests/1"] = Reply(b"", 401, challenge)
    outcome = pull(layout, registry, "app:1")
    assert codes(outcome) == ["registry.auth"]
    assert "token.example.org" in outcome.failures[0].message


# ---- what registries do wrong


def test_a_blob_of_the_wrong_digest_is_not_kept(layout: ImageLayout, registry: Registry) -> None:
    """Its image fails by name of the digest; the other image is whole, and no wrong byte has a final name."""
    bad, good = registry.image("bad:1", b"bad"), registry.image("good:1", b"good")
    wrong = registry.content(bad.layers[0])[:-1] + b"!"
    registry.answers[f"/v2/bad/blobs/{bad.layers[0]}"] = Reply(wrong)
    outcome = pull(layout, registry, "bad:1", "good:1")
    assert [result.digest for result in outcome.images] == [good.digest]
    assert codes(outcome) == ["content.digest"]
    assert bad.layers[0] in outcome.failures[0].message
    assert not here(layout) & {bad.layers[0], bad.digest}
    assert list(named(layout)) == [f"{registry.host}/good:1"]


def test_a_blob_of_the_wrong_size_is_not_kept(layout: ImageLayout, registry: Registry) -> None:
    """A size that is announced and is not the manifest's ends it before the first byte."""
    made = registry.image("app:1", b"x")
    registry.answers[f"/v2/app/blobs/{made.layers[0]}"] = Reply(registry.content(made.layers[0]) + b"more")
    outcome = pull(layout, registry, "app:1")
    assert (outcome.images, codes(outcome)) == ((), ["content.size"])
    assert made.layers[0] not in here(layout)


def test_a_blob_that_never_ends_is_cut_off(layout: ImageLayout, registry: Registry) -> None:
    """Without an announced size, reading stops where the manifest's size is passed."""
    made = registry.image("app:1", b"x")
    data = registry.content(made.layers[0]) + bytes(8 << 20)
    headers = {"Transfer-Encoding": "chunked"}
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
    registry.answers[f"/v2/app/blobs/{made.layers[0]}"] = Reply(chunked, headers=headers)
    outcome = pull(layout, registry, "app:1")
    assert (outcome.images, codes(outcome)) == ((), ["content.size"])
    assert outcome.bytes < 2 << 20


def test_a_broken_connection_is_tried_again(layout: ImageLayout, registry: Registry) -> None:
    """A blob that was cut short comes whole at the second attempt."""
    made = registry.image("app:1", b"x" * 1000)
    data = registry.content(made.layers[0])
    registry.answers[f"/v2/app/blobs/{made.layers[0]}"] = [Reply(data, cut=10), Reply(data)]
    assert pull(layout, registry, "app:1").failures == ()
    assert registry.fetched().count(made.layers[0]) == 2


def test_a_blob_that_is_always_cut_short_fails(layout: ImageLayout, registry: Registry) -> None:
    """The attempts end, the failure is listed, and nothing half is left behind, hidden or not."""
    made = registry.image("app:1", b"x" * 1000)
    registry.answers[f"/v2/app/blobs/{made.layers[0]}"] = Reply(registry.content(made.layers[0]), cut=10)
    outcome = pull(layout, registry, "app:1")
    assert codes(outcome) == ["fetch.broken"]
    assert registry.fetched().count(made.layers[0]) == HASTY.attempts
    assert here(layout) <= {made.config}


def test_one_broken_platform_leaves_the_other(layout: ImageLayout, registry: Registry) -> None:
    """Where a layer of one platform is gone, the platform that is whole is kept and named."""
    amd, arm = (registry.image(f"app:{a}", a.encode(), platform=f"linux/{a}") for a in ("amd64", "arm64"))
    registry.index("app:1", (amd, "linux/amd64"), (arm, "linux/arm64"))
    registry.answers[f"/v2/app/blobs/{arm.layers[0]}"] = ABSENT
    outcome = pull(layout, registry, "app:1", platforms=(AMD64, ARM64))
    assert outcome.images[0].manifests == (amd.digest,)
    assert codes(outcome) == ["registry.unknown"]
    assert outcome.failures[0].message.startswith("linux/arm64: ")


def test_a_blob_that_one_repository_lost_comes_from_another(layout: ImageLayout, registry: Registry) -> None:
    """A failure in the repository that was asked first does not spoil the image of the second."""
    made = registry.image("one:1", b"shared")
    registry.tag("two:1", made)
    for digest in (made.config, *made.layers):
        registry.answers[f"/v2/one/blobs/{digest}"] = ABSENT
    outcome = pull(layout, registry, "one:1", "two:1")
    assert [result.reference for result in outcome.images][-1] == f"{registry.host}/two:1"


def test_a_busy_registry_is_asked_again_when_it_says(layout: ImageLayout, registry: Registry) -> None:
    """429 with Retry-After is waited for, not reported."""
    registry.image("app:1", b"x")
    registry.answers["HEAD /v2/app/manifests/1"] = [
        Reply(status=429, headers={"Retry-After": "0"}),
        Reply(status=503),
        Reply(status=405),
    ]
    assert pull(layout, registry, "app:1").failures == ()
    assert registry.lines("HEAD") == ["HEAD /v2/app/manifests/1"] * 3


def test_a_registry_that_asks_for_too_much_patience_is_a_failure(
    layout: ImageLayout, registry: Registry
) -> None:
    """A wait of hours is not entered upon."""
    registry.image("app:1", b"x")
    registry.answers["/v2/app/manifests/1"] = Reply(status=429, headers={"Retry-After": "86400"})
    assert codes(pull(layout, registry, "app:1")) == ["fetch.limited"]
    assert len(registry.asked) == 1


def test_an_unknown_tag_is_a_failure_and_the_rest_goes_on(layout: ImageLayout, registry: Registry) -> None:
    """404 has a code of its own and costs one request."""
    registry.image("app:1", b"x")
    outcome = pull(layout, registry, "app:2", "app:1")
    assert codes(outcome) == ["registry.unknown"]
    assert outcome.failures[0].subject == f"{registry.host}/app:2"
    assert len(outcome.images) == 1


def test_a_dead_registry_is_a_failure(layout: ImageLayout, registry: Registry) -> None:
    """Nobody listens: an unreachable host, and the other registry's image is there."""
    registry.image("app:1", b"x")
    with serving() as dead:
        gone = dead.host
    references = [Reference.parse(f"{gone}/app:{n}") for n in (1, 2)] + [
        Reference.parse(f"{registry.host}/app:1")
    ]
    outcome = pull_all(layout, references)
    assert codes(outcome) == ["fetch.unreachable"] * 2
    assert len(outcome.images) == 1


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(b" " * ((4 << 20) + 1), headers={"Content-Type": OCI_MANIFEST}), "registry.manifest"),
        (Reply(b"{", headers={"Content-Type": OCI_MANIFEST}), "document.invalid"),
        (Reply(b"[]", headers={"Content-Type": OCI_INDEX}), "document.invalid"),
        (Reply(b"<html>", headers={"Content-Type": "text/html"}), "document.invalid"),
        (Reply(b"{}", headers={"Docker-Content-Digest": "sha256:" + "0" * 64}), "content.digest"),
        (Reply(b"{}", headers={"Docker-Content-Digest": "md5:1"}), "registry.failed"),
        (
            Reply(
                b"{}", headers={"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
            ),
            "registry.manifest",
        ),
    ],
)
def test_unusable_manifests_have_clear_codes(
    layout: ImageLayout, registry: Registry, reply: Reply, code: str
) -> None:
    """Too large, not JSON, of another kind, not what was announced: each is a typed failure."""
    registry.answers["HEAD /v2/app/manifests/1"] = Reply(status=405)
    registry.answers["GET /v2/app/manifests/1"] = reply
    outcome = pull(layout, registry, "app:1")
    assert (outcome.images, codes(outcome)) == ((), [code])
    assert here(layout) == set()


def test_a_manifest_other_than_the_one_announced_is_refused(layout: ImageLayout, registry: Registry) -> None:
    """HEAD names a digest; what then comes under it must hash to it."""
    made, other = registry.image("app:1", b"x"), registry.image("app:2", b"y")
    data = registry.content(other.digest)
    registry.answers[f"/v2/app/manifests/{made.digest}"] = Reply(data, headers={"Content-Type": OCI_MANIFEST})
    assert codes(pull(layout, registry, "app:1")) == ["content.digest"]


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "md5:0123", "sha256:" + "A" * 64])
def test_a_digest_that_is_none_is_refused(layout: ImageLayout, registry: Registry, digest: str) -> None:
    """A pointer that is no digest of a known algorithm never becomes a path or a request."""
    made = registry.image("app:0", b"x")
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": made.config, "size": 1}
    layer = {"mediaType": OCI_LAYER, "digest": digest, "size": 1}
    registry.manifest(
        "app:1", {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
    )
    assert codes(pull(layout, registry, "app:1")) == ["digest.invalid"]
    assert registry.fetched() == []


def test_a_platform_with_odd_characters_is_refused(layout: ImageLayout, registry: Registry) -> None:
    """What a registry calls a platform must be writable as os/architecture/variant."""
    made = registry.image("app:amd", b"x")
    platform = {"os": "linux", "architecture": "amd64", "variant": "v1/../\n"}
    entry = {**made.descriptor, "platform": platform}
    registry.manifest("app:1", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    outcome = pull(layout, registry, "app:1")
    assert outcome.images == ()
    assert codes(outcome)[0] == "document.invalid"


@pytest.mark.parametrize("body", [rb'{"mediaType": "x\ud800"}', rb'{"manifests": [{"digest": "\udfff"}]}'])
def test_half_a_surrogate_pair_costs_one_image(layout: ImageLayout, registry: Registry, body: bytes) -> None:
    """What is no text in a registry's answer is that image's failure; the rest is there."""
    registry.image("app:1", b"x")
    registry.answers["/v2/bad/manifests/1"] = Reply(body, headers={"Content-Type": OCI_MANIFEST})
    outcome = pull(layout, registry, "bad:1", "app:1")
    assert codes(outcome) == ["document.invalid"]
    assert len(outcome.images) == 1


def test_a_defect_of_our_own_costs_one_image(
    layout: ImageLayout, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody expected is the failure of the image that brought it out, with its place."""
    registry.image("good:1", b"x")
    registry.image("bad:1", b"y")
    real = Repository.resolve

    def resolve(self: Repository, tag: str, **more: Any) -> Any:
        if self.name.endswith("/bad"):
            raise KeyError("odd\x1b")
        return real(self, tag, **more)

    monkeypatch.setattr(Repository, "resolve", resolve)
    outcome = pull(layout, registry, "bad:1", "good:1")
    assert [image.reference for image in outcome.images] == [f"{registry.host}/good:1"]
    assert codes(outcome) == ["internal"]
    assert re.fullmatch(r"\w+\.py:\d+: KeyError: .*odd.*", outcome.failures[0].message)


# ---- what is here already, and better


def test_a_partial_image_does_not_take_a_complete_one_s_place(
    layout: ImageLayout, registry: Registry
) -> None:
    """Where a platform of a moved tag fails, the name stays with the earlier image; the next run mends it."""

    def push(content: bytes) -> Made:
        amd, arm = (
            registry.image(f"app:{a}", content + a.encode(), platform=f"linux/{a}")
            for a in ("amd64", "arm64")
        )
        registry.index("app:1", (amd, "linux/amd64"), (arm, "linux/arm64"))
        return arm

    both = (AMD64, ARM64)
    push(b"old")
    first = pull(layout, registry, "app:1", platforms=both)
    before = named(layout)
    arm = push(b"new")
    registry.answers[f"/v2/app/blobs/{arm.layers[0]}"] = ABSENT
    second = pull(layout, registry, "app:1", platforms=both, previous=first.images)
    assert (second.images, codes(second)) == ((), ["registry.unknown"])
    assert named(layout) == before
    assert pull(layout, registry, "app:1", previous=first.images).images[0].platforms == ("linux/amd64",)
    registry.answers.clear()
    third = pull(layout, registry, "app:1", platforms=both, previous=first.images)
    assert third.images[0].platforms == ("linux/amd64", "linux/arm64")
    assert named(layout) == {f"{registry.host}/app:1": third.images[0].digest}


def test_a_platform_that_upstream_drops_is_dropped(layout: ImageLayout, registry: Registry) -> None:
    """An index without it is no failure to get it: the new image counts, and the lack is told."""
    amd, arm = (registry.image(f"app:{a}", a.encode(), platform=f"linux/{a}") for a in ("amd64", "arm64"))
    registry.index("app:1", (amd, "linux/amd64"), (arm, "linux/arm64"))
    first = pull(layout, registry, "app:1", platforms=(AMD64, ARM64))
    index = registry.index("app:1", (amd, "linux/amd64"))
    second = pull(layout, registry, "app:1", platforms=(AMD64, ARM64), previous=first.images)
    assert second.images[0].digest == index.digest
    assert codes(second) == ["registry.platform"]
    assert named(layout) == {f"{registry.host}/app:1": index.digest}


# ---- ending early


class StopAtFirstBytes(NullProgress):
    """Sets the stop event when the first bytes of a blob arrive."""

    def __init__(self, stop: threading.Event, above: int) -> None:
        self.stop, self.above = stop, above

    def task(self, label: str, unit: str, total: int | None = None) -> Any:
        """Return a task that watches bytes."""
        task = super().task(label, unit, total)
        if unit == "B":
            task.advance = lambda count=1: self.stop.set() if count > self.above else None  # type: ignore[method-assign]  # stands in for the real one
        return task


def test_stopping_leaves_no_unverified_blob(layout: ImageLayout, registry: Registry) -> None:
    """Stopped in the middle of a layer: no part of it is left, nothing is named, nothing is a failure."""
    made = registry.image("app:1", random.Random(1).randbytes(4 << 20))  # incompressible
    stop = threading.Event()
    outcome = pull(layout, registry, "app:1", stop=stop, progress=StopAtFirstBytes(stop, 100_000))
    assert (outcome.images, outcome.failures) == ((), ())
    assert here(layout) <= {made.config}
    assert named(layout) == {}
    assert pull(layout, registry, "app:1").images[0].digest == made.digest


def test_a_silent_registry_does_not_hold_up_a_stop(layout: ImageLayout, registry: Registry) -> None:
    """Stopped while a registry says nothing: what was finished is named, and nobody waits for the rest."""
    registry.image("app:1", b"x")
    stop = threading.Event()
    patience = Patience(attempts=1, read=600)
    with halting() as silent:

        def stopping() -> None:
            silent.silent.wait(60)
            stop.set()

        stopper = threading.Thread(target=stopping)
        stopper.start()
        references = [Reference.parse(f"{host}/app:1") for host in (registry.host, silent.host)]
        outcome = pull_all(layout, references, stop=stop, patience=patience)
        stopper.join()
    assert outcome.failures == ()
    assert set(named(layout)) == {result.reference for result in outcome.images}


def test_an_error_that_ends_the_run_leaves_what_is_finished(
    layout: ImageLayout, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that is whole has its name though the disk was full for the next one; the index is written once."""
    made = registry.image("good:1", b"good")
    registry.image("bad:1", b"bad")
    done = threading.Event()
    real, point, writes = ImagePull.run, layout.point, []

    def run(self: ImagePull) -> Any:
        if self._reference.repository == "good":  # the test's way to tell the two apart
            pulled = real(self)
            done.set()
            return pulled
        done.wait(60)
        raise StorageFull("No space left on device")

    monkeypatch.setattr(ImagePull, "run", run)
    monkeypatch.setattr(layout, "point", lambda names: writes.append(point(names)))
    with pytest.raises(StorageFull):
        pull(layout, registry, "good:1", "bad:1")
    assert named(layout) == {f"{registry.host}/good:1": made.digest}
    assert len(writes) == 1


def test_a_full_disk_ends_the_run(
    layout: ImageLayout, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the archive's disk refuses is no failure of an image: it is raised."""

    def full(*_: Any) -> Any:
        raise StorageFull("No space left on device")

    registry.image("app:1", b"x")
    monkeypatch.setattr(layout.blobs, "resumable", full)
    with pytest.raises(StorageFull):
        pull(layout, registry, "app:1")
