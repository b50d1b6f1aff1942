"""The images of a spec: platforms, references, repositories, lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archiver.spec.images import TagSelection
from archiver.spec.model import Spec

if TYPE_CHECKING:
    from conftest import Load, Mistakes

GOOD = """\
project: demo
images:
  platforms: [linux/amd64, linux/arm/v7]
  refs: [redis]
  repositories:
    - repository: quay.io/a/app
      tags: 'v3.*'
      exclude: ['*-rc*', re:x]
      latest: 3
    - repository: redis
      latest: 1
    - repository: nginx
      tags: [stable, '>=1.25 <2']
  lists: [lists/x.txt, "https://example.org/list.txt"]
  sections: [core]
  referrers: false
"""


def test_all_keys_are_read(load: Load) -> None:
    """A rule may stand alone or in a list; what is left out has the documented defaults."""
    images = load(GOOD).spec.images
    assert images is not None
    assert images.platforms == ("linux/amd64", "linux/arm/v7")
    assert images.repositories == (
        TagSelection(repository="quay.io/a/app", tags=("v3.*",), exclude=("*-rc*", "re:x"), latest=3),
        TagSelection(repository="redis", latest=1),
        TagSelection(repository="nginx", tags=("stable", ">=1.25 <2")),
    )
    assert images.repositories[1].tags == images.repositories[1].exclude == ()
    assert images.repositories[2].latest is None
    assert images.referrers is False
    default = load("project: a\nimages: {refs: [redis]}\n").spec.images
    assert default is not None
    assert (default.platforms, default.referrers, default.repositories) == (("linux/amd64",), True, ())


@pytest.mark.parametrize("written", ["all", "[all]"])
def test_all_platforms_are_a_word(load: Load, written: str) -> None:
    """The word means every platform, in a list or not; a snapshot's record says it as a word."""
    loaded = load(GOOD.replace("[linux/amd64, linux/arm/v7]", written))
    assert loaded.spec.images is not None
    assert loaded.spec.images.platforms == ()
    assert loaded.record["images"]["platforms"] == "all"


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("[linux/amd64, linux/arm/v7]", "all")])
def test_the_record_is_the_spec(load: Load, text: str) -> None:
    """What a snapshot keeps of the spec is a spec, and the same one."""
    loaded = load(text)
    assert Spec.model_validate(loaded.record, strict=False) == loaded.spec


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("[linux/amd64, linux/arm/v7]", "[]", 3, "an empty list"),
        ("[linux/amd64, linux/arm/v7]", "linux/amd64", 3, "neither a list nor the word 'all'"),
        ("[linux/amd64, linux/arm/v7]", "[all, linux/amd64]", 3, "beside other platforms"),
        ("[linux/amd64, linux/arm/v7]", "[linux]", 3, "not a platform"),
        ("quay.io/a/app", "quay.io/a/app:v3", 6, "says which image"),
        ("quay.io/a/app", "quay.io/a/app@sha256:" + "0" * 64, 6, "says which image"),
        ("quay.io/a/app", "quay.io/A/app", 6, "not an image reference"),
        ("repository: quay.io/a/app", "repo: quay.io/a/app", 6, "repository is missing"),
        ("repository: quay.io/a/app", "repo: quay.io/a/app", 6, "unknown key 'repo'"),
        ("'v3.*'", "3.4", 7, "not a string"),
        ("'v3.*'", "", 7, "tags is empty"),
        ("'v3.*'", "['']", 7, "empty"),
        ("[stable, '>=1.25 <2']", "[]", 12, "nothing says which tags to take"),
        ("latest: 1\n", "exclude: x\n", 10, "nothing says which tags to take"),
        ("latest: 3", "latest: 0", 9, "greater than or equal to 1"),
        ("latest: 3", "latest: all", 9, "latest"),
        ("latest: 3", "newest: 3", 9, "unknown key 'newest'"),
        ("lists/x.txt", "ftp://example.org/x.txt", 14, "neither a file nor an http(s) URL"),
        ("https://example.org", "https://me:secret@example.org", 14, "password"),
        ("referrers: false", "referrers: 0", 16, "referrers"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(
    mistakes: Mistakes, old: str, new: str, line: int, words: str
) -> None:
    """What makes no sense names the line it is in, and says what to write."""
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert any(at == line and words in message for at, message in found), found


def test_an_image_set_asks_for_something(mistakes: Mistakes) -> None:
    """Platforms alone are no images."""
    ((line, message),) = mistakes("project: a\nimages:\n  platforms: all\n")
    assert (line, "no image is asked for" in message) == (3, True)
