"""Which images a spec asks for: tags by pattern and version, platforms, digests, lists; against Debian's registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from servers.console import Console
from servers.front import Front, fronting, with_headers
from servers.mirroring import Project
from servers.real import docker_registry, skopeo
from servers.site import put
from servers.site import serving as site_serving

if TYPE_CHECKING:
    from servers.real import Registry

TAGS = ("3.1", "latest", "nightly", "v1.10.0", "v1.9.0", "v2.0.0", "v2.1.0", "v2.1.0-rc.1", "v3.0.0")


# Each case has a repository of its own, and all are archived in one run.
CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "exact": ({"tags": "v2.0.0"}, {"v2.0.0"}),
    "star": ({"tags": "v1.*"}, {"v1.9.0", "v1.10.0"}),
    "mark": ({"tags": "v?.0.0"}, {"v2.0.0", "v3.0.0"}),
    "class": ({"tags": "v[23].[01].0"}, {"v2.0.0", "v2.1.0", "v3.0.0"}),
    "regex": ({"tags": r"re:^v2\.1\."}, {"v2.1.0", "v2.1.0-rc.1"}),
    "range": ({"tags": ">=1.10 <3"}, {"v1.10.0", "v2.0.0", "v2.1.0"}),
    "several": ({"tags": ["latest", "v1.9.*", ">=3"]}, {"latest", "v1.9.0", "v3.0.0", "3.1"}),
    "exclude": ({"tags": "v2.*", "exclude": ["*-rc*"]}, {"v2.0.0", "v2.1.0"}),
    "newest": ({"latest": 2}, {"3.1", "v3.0.0"}),
    "newest-of": ({"tags": "v1.*", "latest": 1}, {"v1.10.0"}),
    "newest-but": ({"tags": "v*", "exclude": "v3.*", "latest": 1}, {"v2.1.0"}),
}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with the same tags in a repository for each case, and an image for three platforms."""
    with docker_registry(tmp_path_factory.mktemp("upstream")) as registry:
        for tag in TAGS:
            registry.image(f"all/tags:{tag}", tag.encode())
        for case in CASES:
            registry.copy("all/tags", f"cases/{case}")
        parts = [
            (registry.image("team/multi", name.encode(), platform=name), name)
            for name in ("linux/amd64", "linux/arm64", "linux/arm/v7")
        ]
        registry.index("team/multi:1", *parts)
        for name in ("one", "two", "three", "four"):
            registry.image(f"listed/{name}:1", name.encode())
        yield registry


@pytest.fixture(scope="module")
def front(upstream: Registry) -> Iterator[Front]:
    """A front that lists tags three at a time."""
    with fronting(upstream) as running:
        running.page = 3
        yield running


@pytest.fixture
def project(console: Console, front: Front) -> Iterator[Project]:
    """A project with an archive of its own; the front does no harm once its test is over."""
    front.forget()
    yield Project(console)
    front.behave()


@pytest.fixture(scope="module")
def chosen(front: Front, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The tags archived of each case's repository."""
    project = Project(Console(tmp_path_factory.mktemp("chosen")))
    entries = [{"repository": f"{front.host}/cases/{case}", **asked} for case, (asked, _) in CASES.items()]
    project.archive(images={"repositories": entries})
    found: dict[str, set[str]] = {case: set() for case in CASES}
    for reference in project.images():
        name, _, tag = reference.rpartition(":")
        found[name.rpartition("/")[2]].add(tag)
    return found


@pytest.mark.parametrize("case", CASES)
def test_tags_are_chosen(chosen: dict[str, set[str]], case: str) -> None:
    """Names, globs, regular expressions and version ranges choose tags, over all pages of a repository's list.

    `exclude` takes some away; `latest` keeps the newest by version, where 1.10 is newer than 1.9 and a candidate none.
    """
    assert chosen[case] == CASES[case][1]


def test_a_choice_that_finds_nothing_is_a_failure(project: Project, front: Front) -> None:
    """A pattern that no tag matches is told, and the other images are there: exit code 3."""
    entry = {"repository": f"{front.host}/cases/star", "tags": "v9.*"}
    project.archive(code=3, images={"refs": [f"{front.host}/listed/one:1"], "repositories": [entry]})
    assert list(project.images()) == [f"{front.host}/listed/one:1"]
    (subject,) = project.failures()
    assert f"{front.host}/cases/star" in subject


def test_an_unknown_repository_is_a_failure(project: Project, front: Front) -> None:
    """A repository that the registry does not have is a failure of its own kind, and the rest goes on."""
    entries = [
        {"repository": f"{front.host}/no/such", "tags": "v*"},
        {"repository": f"{front.host}/cases/exact", "tags": "latest"},
    ]
    project.archive(code=3, images={"repositories": entries})
    assert list(project.images()) == [f"{front.host}/cases/exact:latest"]
    assert list(project.failures().values()) == ["registry.unknown"]


@pytest.mark.parametrize("link", ["itself", "elsewhere"])
def test_a_list_of_tags_that_leads_astray_ends(project: Project, front: Front, link: str) -> None:
    """A page of tags that names itself as the next, or another host, is a failure, asked for once; the rest goes on."""
    path = "/v2/cases/mark/tags/list"
    with site_serving({}) as other:
        where = path if link == "itself" else f"{other.origin}{path}"
        front.alter(f"GET {path}*", with_headers(Link=f'<{where}>; rel="next"'))
        entry = {"repository": f"{front.host}/cases/mark", "tags": "v*"}
        images = {"refs": [f"{front.host}/listed/one:1"], "repositories": [entry]}
        project.archive(code=3, images=images)
        assert not other.targets()
    assert f"{front.host}/listed/one:1" in project.images()
    assert len(front.lines(f"GET {path}*")) <= 2
    assert list(project.failures().values()) == ["registry.failed"]


@pytest.mark.parametrize(
    ("platforms", "kept"),
    [
        (["linux/amd64"], ["linux/amd64"]),
        (["linux/arm64", "linux/arm/v7"], ["linux/arm64", "linux/arm/v7"]),
        ("all", ["linux/amd64", "linux/arm/v7", "linux/arm64"]),
    ],
)
def test_platforms_are_chosen(
    project: Project, front: Front, upstream: Registry, platforms: Any, kept: list[str]
) -> None:
    """One platform, several, or all: each chosen manifest is there whole, the others are not, and the index keeps its digest."""
    name = f"{front.host}/team/multi:1"
    project.archive(images={"platforms": platforms, "refs": [name]})
    image = project.images()[name]
    assert sorted(image["platforms"]) == sorted(kept)
    made = {
        "/".join(filter(None, (entry["platform"]["os"], entry["platform"]["architecture"], entry["platform"].get("variant")))): entry["digest"]
        for _, document in upstream.manifests("team/multi")
        for entry in document.get("manifests", [])
    }  # fmt: skip
    assert {platform: project.has(digest) for platform, digest in made.items()} == {
        platform: platform in kept for platform in made
    }
    for platform in kept:
        override = [
            f"--override-{kind}={value}"
            for kind, value in zip(("os", "arch", "variant"), platform.split("/"))
        ]
        shown = json.loads(skopeo(*override, "inspect", f"oci:{project.layout}:{name}"))
        assert shown["Architecture"] == platform.split("/")[1]


def test_a_platform_that_an_image_lacks_is_a_failure(project: Project, front: Front) -> None:
    """An image without one of the platforms asked for is kept for the others, and the lack is told."""
    name = f"{front.host}/team/multi:1"
    project.archive(code=3, images={"platforms": ["linux/amd64", "linux/s390x"], "refs": [name]})
    assert project.images()[name]["platforms"] == ["linux/amd64"]
    assert project.failures() == {name: "registry.platform"}


def test_an_image_is_chosen_by_digest(project: Project, front: Front, upstream: Registry) -> None:
    """A reference with a digest, with or without a tag beside it, means that digest whatever a tag points to."""
    old = upstream.image("team/moving:1", b"before")
    upstream.image("team/moving:1", b"after")
    names = [f"{front.host}/team/moving@{old.digest}", f"{front.host}/team/moving:1@{old.digest}"]
    project.archive(images={"refs": names})
    assert {image["digest"] for image in project.images().values()} == {old.digest}
    assert set(project.images()) == set(names)
    assert not front.lines("* */manifests/1")


def test_lists_come_from_files_and_urls(project: Project, front: Front) -> None:
    """Lists beside the spec and behind a URL, of which the named sections count; what is named twice is pulled once."""
    with site_serving({}) as site:
        put(
            site,
            "images.txt",
            f"##core\n{front.host}/listed/two:1\n{front.host}/listed/one:1\n##other\n{front.host}/listed/four:1\n",
        )
        project.console.write(
            "lists/own.txt",
            f"# comment\n##core\r\n{front.host}/listed/one:1\r\n\r\n##extra\n{front.host}/listed/three:1\n##no\n{front.host}/listed/four:1\n",
        )
        lists = ["lists/own.txt", f"{site.origin}/images.txt"]
        project.archive(images={"lists": lists, "sections": ["core", "extra"]})
    assert set(project.images()) == {f"{front.host}/listed/{name}:1" for name in ("one", "two", "three")}
    assert len(front.lines("GET /v2/listed/one/manifests/*")) == 1


def test_a_list_that_is_gone_is_a_failure(project: Project, front: Front) -> None:
    """A list whose server has it no longer is a failure; what an earlier run had of it is kept."""
    name = f"{front.host}/listed/one:1"
    with site_serving({}) as site:
        put(site, "images.txt", f"{name}\n")
        images = {"lists": [f"{site.origin}/images.txt"]}
        project.archive(images=images)
        site.answers.clear()
        outcome = project.console.run("archive", project.spec(images=images), "--json")
    assert outcome.code in (3, 4)
    assert project.images()[name]["carried"] is True
