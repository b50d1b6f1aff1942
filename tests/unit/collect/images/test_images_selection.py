"""Which images a spec asks for: single references, tags of repositories, lists."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, cast

import pytest

from archiver.collect.client import Client
from archiver.collect.images.repository import TagList
from archiver.collect.images.selection import (
    LIST,
    TAGS,
    Mention,
    Selection,
    Unexpanded,
    selected,
    selected_offline,
)
from archiver.collect.retry import Brake, Patience, Retrier
from archiver.core.errors import HostUnreachable, ManifestUnknown, RegistryError, Stopped
from archiver.core.progress import NullProgress
from archiver.core.snapshot import ImageResult
from archiver.spec.images import ImageSet
from servers.site import Reply, serving

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.images.registries import Registries
    from archiver.core.reference import Reference

HASTY = Patience(attempts=2, first_wait=0.0, connect=5, read=5)
APP = "quay.io/a/app"
LISTED = """\
quay.io/a/first:1
##kube-images
redis:7   # a comment
redis:7

##  other images
bad image
docker.io/library/redis:7
"""


@dataclass
class Known:
    """Registries of which only the tags are known, by repository; one may be an error instead. ``location`` tells them."""

    tags: dict[str, Iterable[str] | Exception] = field(default_factory=dict)
    location: str = "quay.io"
    stop: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        brake = Brake(self.stop)
        self.client = Client("archiver/test", HASTY, brake)
        self.retrier = Retrier(HASTY, brake, NullProgress())

    def repository(self, reference: Reference) -> KnownRepository:
        """Return a reference's repository."""
        return KnownRepository(self, reference.name)


@dataclass
class KnownRepository:
    """A repository of which only the tags are known."""

    registries: Known
    name: str

    def tags(self) -> TagList:
        """Return them, or raise what stands for them."""
        self.registries.asked.append(self.name)
        found = self.registries.tags[self.name]
        if isinstance(found, Exception):
            raise found
        return TagList(tuple(found), self.registries.location)


def select(
    folder: Path, known: Known | None = None, archived: Iterable[str | ImageResult] = (), **keys: object
) -> Selection:
    """Select what an image set with these keys asks for, where ``archived`` are the references of earlier images."""
    images = ImageSet.model_validate(keys, strict=False)
    previous = [each if isinstance(each, ImageResult) else image(each) for each in archived]
    return selected(images, folder, cast("Registries", known or Known()), previous)


def image(reference: str, **facts: str) -> ImageResult:
    """Return an earlier result."""
    return ImageResult(reference, f"sha256:{'0' * 64}", "", 0, (), (), "", "", **facts)  # type: ignore[arg-type]


def names(references: Iterable[Reference]) -> list[str]:
    """Return references as text."""
    return [str(each) for each in references]


def told(selection: Selection) -> list[tuple[str, str, str]]:
    """Return of failures the subject, code and referrer."""
    assert all(failure.source == "images" for failure in selection.failures)
    return [(failure.subject, failure.code, failure.referrer) for failure in selection.failures]


def test_references_come_once_and_in_order(tmp_path: Path) -> None:
    """Single references first, then the repositories' tags, then the lists'; each where it was asked for first."""
    (tmp_path / "list.txt").write_text(LISTED.replace("bad image", APP + ":v1"), "utf-8")
    known = Known({APP: ["v1", "v2", "x"]})
    chosen = select(
        tmp_path,
        known,
        refs=["busybox", f"{APP}:v1"],
        repositories=[{"repository": APP, "tags": "v*"}],
        lists=["list.txt"],
    )
    assert names(chosen.references) == [
        "docker.io/library/busybox:latest",
        f"{APP}:v1",
        f"{APP}:v2",
        "quay.io/a/first:1",
        "docker.io/library/redis:7",
    ]
    assert list(chosen.mentions.values()) == [
        *[Mention()] * 3,
        Mention("list.txt", "", f"{tmp_path}/list.txt:1"),
        Mention("list.txt", "kube-images", f"{tmp_path}/list.txt:3"),
    ]
    assert (chosen.failures, chosen.complete, chosen.gone, chosen.kept) == ((), True, (), ())


def test_a_malformed_line_is_a_failure(tmp_path: Path) -> None:
    """It has its file and line, and the other lines count; it may have asked for anything."""
    (tmp_path / "list.txt").write_text(LISTED, "utf-8")
    chosen = select(tmp_path, lists=["list.txt"])
    assert names(chosen.references) == ["quay.io/a/first:1", "docker.io/library/redis:7"]
    assert told(chosen) == [("bad image", "reference.invalid", f"{tmp_path}/list.txt:7")]
    assert not chosen.complete


@pytest.mark.parametrize(
    ("line", "message"),
    [("BAD/Ref", "is not an image reference (repository names are lowercase)"), ("host:99999/a", "has a malformed registry host")],
)  # fmt: skip
def test_the_failure_of_a_line_says_once_what_to_write(tmp_path: Path, line: str, message: str) -> None:
    """The hint that checking gives is there; the line itself is the failure's subject and is not said again."""
    (tmp_path / "list.txt").write_text(f"{line}\n")
    (failure,) = select(tmp_path, lists=["list.txt"]).failures
    assert (failure.subject, failure.message) == (line, message)


def test_the_failure_of_a_section_names_those_that_there_are(tmp_path: Path) -> None:
    """As checking does: a list that was changed since can have renamed it."""
    (tmp_path / "list.txt").write_text("##core\nredis\n")
    (failure,) = select(tmp_path, lists=["list.txt"], sections=["cores"]).failures
    assert failure.message == "no list has the section 'cores' (sections there are: core)"


def test_only_the_sections_asked_for_are_taken(tmp_path: Path) -> None:
    """Neither references nor bad lines of other sections count."""
    (tmp_path / "list.txt").write_text(LISTED, "utf-8")
    chosen = select(tmp_path, lists=["list.txt"], sections=["kube-images"])
    assert names(chosen.references) == ["docker.io/library/redis:7"]
    assert chosen.complete


def test_a_section_that_no_list_has_is_a_failure(tmp_path: Path) -> None:
    """A misspelt section must not silently archive nothing."""
    (tmp_path / "list.txt").write_text(LISTED, "utf-8")
    chosen = select(tmp_path, lists=["list.txt"], sections=["kube"])
    assert (chosen.references, told(chosen)) == ((), [("kube", "spec.invalid", "")])
    assert not chosen.complete


def test_a_list_from_a_url_is_fetched(tmp_path: Path) -> None:
    """Over HTTP, redirects followed; what cannot be had is a failure and the other list counts."""
    answers = {
        "/list.txt": Reply(b"redis:7\n", type="text/plain"),
        "/moved.txt": Reply(status=302, headers=(("Location", "/list.txt"),)),
        "/binary.txt": Reply(b"\xff\xfe"),
    }
    with serving(answers) as site:
        lists = [site.url(target) for target in ("/gone.txt", "/moved.txt", "/binary.txt")]
        chosen = select(tmp_path, lists=lists)
        assert names(chosen.references) == ["docker.io/library/redis:7"]
        assert told(chosen) == [(lists[0], "fetch.status", ""), (lists[2], "fetch.failed", "")]
        assert not chosen.complete


def test_an_emptied_list_is_a_failure(tmp_path: Path) -> None:
    """An answer of nothing, or of comments only, does not mean that no image is wanted any more."""
    with serving({"/empty.txt": Reply(b""), "/comments.txt": Reply(b"# moved\n##images\n")}) as site:
        lists = [site.url(target) for target in ("/empty.txt", "/comments.txt")]
        chosen = select(tmp_path, lists=lists)
        assert (chosen.references, told(chosen)) == ((), [(url, "fetch.content", "") for url in lists])


def test_what_is_no_list_is_one_failure(tmp_path: Path) -> None:
    """A web page, and text without end of which every line would be a failure, or an image, are told once."""
    answers = {
        "/login.txt": Reply(b"<!DOCTYPE html><title>Log in</title>", type="text/plain"),
        "/novel.txt": Reply(b"It was a dark night.\n" * 501),
        "/many.txt": Reply(b"".join(b"x%d\n" % number for number in range(20_001))),
    }
    with serving(answers) as site:
        lists = [site.url(target) for target in answers]
        chosen = select(tmp_path, lists=lists)
        codes = ("fetch.content", "fetch.failed", "fetch.failed")
        assert (chosen.references, told(chosen)) == (
            (),
            [(url, code, "") for url, code in zip(lists, codes, strict=True)],
        )


def test_stopping_ends_the_wait(tmp_path: Path) -> None:
    """A stopped run is no failure of a list, nor of a repository."""
    known = Known({APP: Stopped("enough")})
    with pytest.raises(Stopped):
        select(tmp_path, known, repositories=[{"repository": APP, "latest": 1}])
    known.stop.set()
    with pytest.raises(Stopped):
        select(tmp_path, known, lists=["http://127.0.0.1:1/never-asked.txt"])


def test_tags_are_chosen_newest_first(tmp_path: Path) -> None:
    """Of what the registry lists, by the rules of each entry; entries of one repository add up."""
    known = Known({APP: ["v1.9", "v1.10", "v2.0", "v2.1", "latest"], "docker.io/library/redis": ["7", "8"]})
    entries = [
        {"repository": APP, "latest": 2},
        {"repository": APP, "tags": "1.x", "latest": 1},
        {"repository": "redis", "tags": "*"},
    ]
    chosen = select(tmp_path, known, repositories=entries)
    assert names(chosen.references) == [
        *(f"{APP}:{tag}" for tag in ("v2.1", "v2.0", "v1.10")),
        *(f"docker.io/library/redis:{tag}" for tag in ("8", "7")),
    ]
    assert chosen.failures == ()
    assert known.asked == [APP, "docker.io/library/redis"]


def test_tags_that_are_named_need_no_list(tmp_path: Path) -> None:
    """Where all are named, the registry is not asked which ones it has: pulling will tell."""
    known = Known()
    entry = {"repository": APP, "tags": ["v1", "latest"], "exclude": "v*"}
    chosen = select(tmp_path, known, [f"{APP}:v9"], repositories=[entry])
    assert names(chosen.references) == [f"{APP}:latest"]
    assert (known.asked, chosen.gone) == ([], ())


@pytest.mark.parametrize(
    ("keys", "chosen", "words"),
    [
        ({"tags": "w*"}, [], "none of its 3 tags matches 'w*'"),
        ({"tags": ["v*", ">=7"]}, ["v2", "v1"], "none of its 3 tags matches '>=7'"),
        ({"tags": ["v1", "v7", "v2*"]}, ["v2", "v1"], "none of its 3 tags matches 'v7'"),
        ({"tags": "v*", "exclude": ["v*"]}, [], "none of its 3 tags is left by 'v*, without v*'"),
        ({"tags": "main*", "latest": 2}, [], "none of its 3 tags is left by 'main*, newest 2'"),
    ],
)  # fmt: skip
def test_rules_in_vain_are_failures(
    tmp_path: Path, keys: dict[str, object], chosen: list[str], words: str
) -> None:
    """A rule that matches nothing, and a selection that leaves nothing, are told; what others match is taken."""
    found = select(tmp_path, Known({APP: ["v1", "v2", "main"]}), repositories=[{"repository": APP, **keys}])
    assert names(found.references) == [f"{APP}:{tag}" for tag in chosen]
    assert [(each.subject, each.code, each.message) for each in found.failures] == [
        (APP, "registry.tags", words)
    ]
    assert found.complete


def test_a_repository_without_releases_is_a_failure(tmp_path: Path) -> None:
    """Where only the newest are asked for, and no tag is a release in full, the failure says what to do."""
    found = select(
        tmp_path, Known({APP: ["v1-k3s1", "main"]}), repositories=[{"repository": APP, "latest": 1}]
    )
    assert told(found) == [(APP, "registry.tags", "")]
    assert "say with tags:" in found.failures[0].message


def test_a_tag_that_upstream_deleted_is_gone(tmp_path: Path) -> None:
    """An archived tag that is asked for, and not in the list any more, is told; others, and other repositories', are not."""
    archived = [f"{APP}:{tag}" for tag in ("v1", "v2", "v3", "main")] + ["quay.io/a/other:v1"]
    found = select(tmp_path, Known({APP: ["v2"]}), archived, repositories=[{"repository": APP, "tags": "v*"}])
    assert names(found.references) == [f"{APP}:v2"]
    assert names(found.gone) == [f"{APP}:v3", f"{APP}:v1"]
    assert told(found) == [(f"{APP}:v3", "registry.gone", ""), (f"{APP}:v1", "registry.gone", "")]
    assert found.complete


def test_what_newer_ones_pushed_out_is_not_gone(tmp_path: Path) -> None:
    """With `latest`, an archived tag that newer ones replaced is not asked for, whether upstream has it or not."""
    archived = [f"{APP}:v1", f"{APP}:v2"]
    entry = {"repository": APP, "latest": 2}
    for listed in (["v1", "v2", "v3", "v4"], ["v3", "v4"]):
        found = select(tmp_path, Known({APP: listed}), archived, repositories=[entry])
        assert names(found.references) == [f"{APP}:v4", f"{APP}:v3"]
        assert (found.gone, found.failures) == ((), ())


def test_a_deleted_tag_among_the_newest_is_gone(tmp_path: Path) -> None:
    """With `latest`, what would be among the newest had upstream not deleted it stays; the next ones come beside it."""
    archived = [f"{APP}:v1", f"{APP}:v2", f"{APP}:v3"]
    found = select(
        tmp_path, Known({APP: ["v1", "v2"]}), archived, repositories=[{"repository": APP, "latest": 2}]
    )
    assert names(found.references) == [f"{APP}:v2", f"{APP}:v1"]
    assert names(found.gone) == [f"{APP}:v3"]


def test_only_what_a_repository_s_entry_asks_for_can_be_gone(tmp_path: Path) -> None:
    """Not what came along with an image, not a digest, and not what the spec names itself: pulling tells that."""
    digest = f"{APP}@sha256:{'1' * 64}"
    archived: list[str | ImageResult] = [
        digest,
        f"{APP}:v1",
        image(f"{APP}:v7", refers_to=f"sha256:{'2' * 64}"),
    ]
    found = select(
        tmp_path,
        Known({APP: ["v2"]}),
        archived,
        refs=[f"{APP}:v1"],
        repositories=[{"repository": APP, "tags": "*"}],
    )
    assert names(found.references) == [f"{APP}:v1", f"{APP}:v2"]
    assert (found.gone, found.failures) == ((), ())


def test_what_a_mirror_lacks_is_not_gone(tmp_path: Path) -> None:
    """While the registry cannot be asked its mirror's list counts, but a tag that is not in it may be there still."""
    known = Known({APP: ["v2"]}, location="mirror.example.org")
    found = select(tmp_path, known, [f"{APP}:v1"], repositories=[{"repository": APP, "tags": "v*"}])
    assert (names(found.references), names(found.kept)) == ([f"{APP}:v2"], [f"{APP}:v1"])
    assert (found.gone, found.failures) == ((), ())


def test_a_deleted_repository_is_gone_with_its_tags(tmp_path: Path) -> None:
    """Where the registry says that there is no such repository, that is told, and each archived tag is gone."""
    known = Known({APP: ManifestUnknown("no such repository")})
    found = select(tmp_path, known, [f"{APP}:v1"], repositories=[{"repository": APP, "tags": "v*"}])
    assert told(found) == [(APP, "registry.unknown", ""), (f"{APP}:v1", "registry.gone", "")]
    assert names(found.gone) == [f"{APP}:v1"]


@pytest.mark.parametrize("error", [HostUnreachable("down"), RegistryError("does not end")])
def test_tags_that_cannot_be_listed_are_one_failure(tmp_path: Path, error: Exception) -> None:
    """What is archived of the repository, and asked for as far as can be told, is kept; nothing else is put in doubt."""
    known = Known({APP: error, "quay.io/a/other": ["1.0"]})
    archived = [f"{APP}:v1", f"{APP}:v2", f"{APP}:main"]
    entries = [
        {"repository": APP, "tags": "v*"},
        {"repository": APP, "latest": 1},
        {"repository": "quay.io/a/other", "latest": 1},
    ]
    found = select(tmp_path, known, archived, repositories=entries)
    assert names(found.references) == ["quay.io/a/other:1.0"]
    assert names(found.kept) == [f"{APP}:v2", f"{APP}:v1"]
    assert [subject for subject, _, _ in told(found)] == [APP]
    assert (found.gone, found.complete) == ((), True)


def test_without_a_network_what_needs_one_is_named(tmp_path: Path) -> None:
    """References, named tags and local lists are known; patterns and lists that are URLs are what is not expanded."""
    (tmp_path / "list.txt").write_text(LISTED, "utf-8")
    url = "http://127.0.0.1:1/never-asked.txt"
    images = ImageSet.model_validate(
        {
            "refs": ["busybox"],
            "repositories": [
                {"repository": APP, "tags": ["v1", "v2"]},
                {"repository": "redis", "tags": ["7.*", "8.*"], "exclude": "*-rc*", "latest": 3},
                {"repository": "nginx", "latest": 1},
            ],
            "lists": ["list.txt", url, "absent.txt"],
            "sections": ["kube-images", "elsewhere"],
        },
        strict=False,
    )
    found = selected_offline(images, tmp_path)
    assert names(found.references) == [
        "docker.io/library/busybox:latest", f"{APP}:v2", f"{APP}:v1", "docker.io/library/redis:7",
    ]  # fmt: skip
    assert found.unexpanded == (
        Unexpanded(TAGS, "redis", "7.*, 8.*, without *-rc*, newest 3"),
        Unexpanded(TAGS, "nginx", "releases, newest 1"),
        Unexpanded(LIST, url),
    )
    assert told(found) == [(f"{tmp_path}/absent.txt", "spec.invalid", "")]
