"""Which tags of a repository are chosen, and in what order, on lists of tags as projects publish them."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.collect.images.tags import chosen_tags, exact_tags, parse_rule, unmet_rules
from archiver.core.errors import SpecError
from archiver.spec.images import TagSelection

# What docker-library/official-images, kubernetes/k8s.io and the projects' registries have, shortened.
NGINX = """
1.21.1 mainline 1 1.21 latest 1.21.1-perl mainline-perl 1-perl 1.21-perl perl 1.21.1-alpine mainline-alpine 1-alpine
1.21-alpine alpine 1.21.1-alpine-perl mainline-alpine-perl 1-alpine-perl 1.21-alpine-perl alpine-perl 1.21.0
1.21.0-perl 1.21.0-alpine 1.21.0-alpine-perl 1.20.1 stable 1.20 1.20.1-perl stable-perl 1.20-perl 1.20.1-alpine
stable-alpine 1.20-alpine 1.20.1-alpine-perl 1.20.0 1.20.0-alpine 1.9.15 1.9 1.9.9 1.9.9-alpine 1.10-alpine 1.10 1.10.3
"""
REDIS = """
7.2-rc3 7.2-rc 7.2-rc3-bookworm 7.2-rc-bookworm 7.2-rc3-alpine 7.2-rc-alpine 7.2-rc3-alpine3.18 7.2-rc-alpine3.18
7.2-rc1 7.0.12 7.0 7 latest 7.0.12-bookworm 7.0-bookworm 7-bookworm bookworm 7.0.12-alpine 7.0-alpine 7-alpine alpine
7.0.12-alpine3.18 7.0-alpine3.18 7-alpine3.18 alpine3.18 6.2.13 6.2 6 6.2.13-alpine 6.2-alpine 6-alpine 6.0.20 6.0
6.0.20-alpine 6.0-alpine 7.0.11 7.0.9 7.0-rc 7.0-rc3 32bit 3.0.504 3.0.504-nanoserver 3.0.504-windowsservercore-ltsc2016
"""
POSTGRES = """
12-beta3 12 12-beta3-alpine 12-alpine 11.5 11 latest 11.5-alpine 11-alpine alpine 10.10 10 10.10-alpine 10-alpine
9.6.15 9.6 9 9.6.15-alpine 9.6-alpine 9-alpine 9.5.19 9.5 9.4.24 9.4 11.4 10.9 16beta2 16rc1
"""
ALPINE = "20220715 edge 3.16.2 3.16 3 latest 3.15.6 3.15 3.14.8 3.14 3.13.12 3.13 20210804 2.6 2.7 2"
INSTALLER = """
v3.4.1-patch.0 v3.4.1 v3.4.0 v3.4.0-rc.1 v3.3.2 v3.3.1 v3.3.0 v3.2.1 v3.2.0 v3.2.0-alpha.1 v3.1.1 v3.1.0 v3.0.0 v2.1.1
v2.1.0 latest master nightly-20231024 nightly-20231025 v3.4.1-amd64 v3.4.1-arm64
"""
CALICO = """
v3.26.1 v3.26.1-amd64 v3.26.1-arm64 v3.26.0 v3.26.0-amd64 v3.25.2 v3.25.1 v3.24.6 v3.9.6 master release-v3.26
release-v3.27 release-v3.26-amd64 v3.27.0-0.dev-300-g3ba1b6b5 v3.27.0-0.dev-33-g1ba1b6b5 latest latest-ppc64le v2.6.12
"""
APISERVER = """
v1.26.0-rc.0 v1.26.0-rc.1 v1.26.0 v1.26.1 v1.26.1-rc.0 v1.26.2 v1.26.2-rc.0 v1.26.3-rc.0 v1.27.0-alpha.0 v1.27.0-alpha.3
v1.9.11 v1.16.14 v1.20.15 v1.20.15-rc.0 v1.20.16-rc.0 v1.20.2 sha256-{0} sha256-{0}.sig sha256-{0}.att
""".format("3e" * 32)
PROMETHEUS = "latest main v2.45.0 v2.45.0-rc.0 v2.45.0-rc.1 v2.44.0 v2.43.1 v2.43.0 v2.9.2 v2.10.0 v1.8.2 0.15.1 v0.20.0"
MINIO = """
RELEASE.2019-08-07T01-59-21Z RELEASE.2019-08-07T23-14-43Z RELEASE.2023-09-23T03-47-50Z RELEASE.2023-09-23T03-47-50Z.fips
RELEASE.2023-09-20T22-49-55Z.hotfix.4ae2bd2e8 RELEASE.2023-09-20T22-49-55Z latest edge fips
"""
BASE = """
v20200625-g1813d1c56 v20210926-g5662db450 v20220318-controller-v1.1.2-21-ge51c15160 18ee046b432502aedfed9321f0a9b50bfc009a67
5402d35663917ccbbf77ff48a22b8c6f77097f48 66a760794f91809bcd897cbdb45435653d73fd92
"""
HOME = "2023.10.1 2023.10.0 2023.10.0b4 2023.9.3 2023.10 stable dev beta 2023.12.0.dev20231115"
BOTH = "1.2.3 v1.2.3 1.2.2 v1.2.2 1.2.1"
BUILDS = "101 99 100 latest 98"


def choose(names: str, **keys: object) -> str:
    """Return what is chosen of tags that are separated by spaces; likewise, in order."""
    selection = TagSelection.model_validate({"repository": "r", **keys}, strict=False)
    return " ".join(chosen_tags(names.split(), selection))


@pytest.mark.parametrize(
    ("names", "latest", "expected"),
    [
        (NGINX, 3, "1.21.1 1.21.0 1.20.1"),
        (NGINX, 9, "1.21.1 1.21.0 1.20.1 1.20.0 1.10.3 1.9.15 1.9.9"),
        (REDIS, 3, "7.0.12 7.0.11 7.0.9"),
        (POSTGRES, 4, "11.5 11.4 10.10 10.9"),
        (ALPINE, 5, "3.16.2 3.15.6 3.14.8 3.13.12 2.7"),
        (INSTALLER, 3, "v3.4.1 v3.4.0 v3.3.2"),
        (CALICO, 4, "v3.26.1 v3.26.0 v3.25.2 v3.25.1"),
        (APISERVER, 4, "v1.26.2 v1.26.1 v1.26.0 v1.20.15"),
        (PROMETHEUS, 3, "v2.45.0 v2.44.0 v2.43.1"),
        (MINIO, 2, "RELEASE.2023-09-23T03-47-50Z RELEASE.2023-09-20T22-49-55Z"),
        (BASE, 3, ""),
        (HOME, 3, "2023.10.1 2023.10.0 2023.9.3"),
        (BOTH, 2, "1.2.3 v1.2.3 1.2.2 v1.2.2"),
        (BUILDS, 2, "101 100"),
        ("", 1, ""),
    ],
)  # fmt: skip
def test_the_newest_releases_are_chosen(names: str, latest: int, expected: str) -> None:
    """Without rules only versions in full count: no pre-release, no variant, no name that moves; names of one share a place."""
    assert choose(names, latest=latest) == expected


@pytest.mark.parametrize(
    ("names", "keys", "expected"),
    [
        (NGINX, {"tags": "*-alpine", "latest": 2}, "1.21.1-alpine 1.21.0-alpine"),
        (NGINX, {"tags": "re:^[0-9.]+(-alpine)?$", "latest": 2}, "1.21.1 1.21.1-alpine 1.21.0 1.21.0-alpine"),
        (NGINX, {"tags": "1.x", "latest": 2}, "1.21.1 1.21.0"),
        (NGINX, {"tags": "1.2?", "latest": 2}, "1.21 1.20"),
        (NGINX, {"tags": ["stable*", "1.2?"], "latest": 5}, "1.21 1.20"),
        (REDIS, {"tags": "7.*", "latest": 2}, "7.2-rc3 7.2-rc3-bookworm 7.2-rc3-alpine3.18 7.2-rc3-alpine 7.2-rc1"),
        (REDIS, {"tags": "7.*", "exclude": ["*-rc*", "*-*"], "latest": 2}, "7.0.12 7.0.11"),
        (REDIS, {"tags": ">=6.2 <7.1", "latest": 1}, "7.0.12"),
        (POSTGRES, {"tags": "*", "exclude": "*-*", "latest": 3}, "16rc1 16beta2 11.5"),
        (ALPINE, {"tags": "20*", "latest": 1}, "20220715"),
        (ALPINE, {"tags": "3.1[56].*", "exclude": "3.16.2", "latest": 3}, "3.15.6"),
        (ALPINE, {"tags": "3.16*", "exclude": "3.16.2", "latest": 1}, ""),
        (INSTALLER, {"tags": "v3.*", "latest": 2}, "v3.4.1 v3.4.1-patch.0 v3.4.1-arm64 v3.4.1-amd64 v3.4.0"),
        (INSTALLER, {"tags": "3.x", "latest": 2}, "v3.4.1 v3.4.0"),
        (INSTALLER, {"tags": ["v3.*", "re:^v2\\.1\\."], "exclude": ["*-*"], "latest": 1}, "v3.4.1"),
        (INSTALLER, {"tags": "nightly-*", "latest": 1}, "nightly-20231025"),
        (CALICO, {"tags": "release-*", "exclude": "*-amd64", "latest": 1}, "release-v3.27"),
        (CALICO, {"tags": "*dev*", "latest": 1}, "v3.27.0-0.dev-300-g3ba1b6b5"),
        (APISERVER, {"tags": "v1.2?.*", "latest": 2}, "v1.27.0-alpha.3 v1.27.0-alpha.0"),
        (APISERVER, {"tags": "^1.20", "latest": 2}, "v1.26.2 v1.26.1"),
        (MINIO, {"tags": "RELEASE.*", "latest": 1}, "RELEASE.2023-09-23T03-47-50Z RELEASE.2023-09-23T03-47-50Z.fips"),
        (BASE, {"tags": "v2*", "latest": 1}, "v20220318-controller-v1.1.2-21-ge51c15160"),
        (BOTH, {"tags": "v*", "latest": 1}, "v1.2.3"),
    ],
)  # fmt: skip
def test_the_newest_of_what_matches_are_chosen(names: str, keys: dict[str, object], expected: str) -> None:
    """With rules everything that they match counts, by version; what moves does not, among the names that match."""
    assert choose(names, **keys) == expected


@pytest.mark.parametrize(
    ("names", "keys", "expected"),
    [
        (INSTALLER, {"tags": "v3.0.0"}, "v3.0.0"),
        (INSTALLER, {"tags": "3.0.0"}, ""),
        (INSTALLER, {"tags": ["latest", "v3.4.?", "v2.1.1"]}, "v3.4.1 v3.4.0 v2.1.1 latest"),
        (INSTALLER, {"tags": ">=3.3 <4"}, "v3.4.1 v3.4.0 v3.3.2 v3.3.1 v3.3.0"),
        (INSTALLER, {"tags": ">=3.4.0-rc.0 <3.4.1"}, "v3.4.0 v3.4.0-rc.1"),
        (INSTALLER, {"tags": "re:2\\.0"}, "v3.2.0 v3.2.0-alpha.1"),
        (INSTALLER, {"tags": "*", "exclude": ["*-*", ">=2", "re:^ma"]}, "latest"),
        (NGINX, {"tags": "<1.10"}, "1.9.15 1.9.9"),
        (NGINX, {"tags": "~1.20 || 1.21.1"}, "1.21.1 1.20.1 1.20.0"),
        (ALPINE, {"tags": "<=3.13"}, "3.13.12 2.7 2.6"),
        (ALPINE, {"tags": "[23e]*", "exclude": ["3.*", "20*"]}, "3 2.7 2.6 2 edge"),
        (APISERVER, {"tags": "*", "exclude": "v*"}, ""),
        (APISERVER, {"tags": "re:sha256"}, ""),
        (APISERVER, {"tags": "sha256-" + "3e" * 32 + ".sig"}, "sha256-" + "3e" * 32 + ".sig"),
        ("1.2.x 1.2.3 1.3.0", {"tags": "1.2.x"}, "1.2.3 1.2.x"),
        ("1.2.4-r10 1.2.4-r9 1.2.4 1.2.4-rc1 x10 x9", {"tags": "*"}, "1.2.4 1.2.4-r10 1.2.4-r9 1.2.4-rc1 x10 x9"),
    ],
)  # fmt: skip
def test_what_matches_is_chosen(names: str, keys: dict[str, object], expected: str) -> None:
    """Names, globs, expressions and ranges choose; `exclude` takes away; signatures are never taken for images."""
    assert choose(names, **keys) == expected


def test_a_range_takes_no_name_that_moves() -> None:
    """3.4 is whatever 3.4.x is newest, so it says nothing of being below 3.4.1; alone it is the version 3.4.0."""
    assert choose("v3.4 v3.4.0 v3.4.1 v3.4.2", tags="<3.4.1") == "v3.4.0"
    assert choose("v3.4 v3.5", tags="<3.4.1") == "v3.4"


@settings(deadline=None)
@given(
    st.permutations((NGINX + REDIS + INSTALLER).split()),
    st.sampled_from([{"tags": "*"}, {"latest": 3}, {"tags": ">=3", "latest": 2}]),
)
def test_the_order_of_the_list_makes_no_difference(names: list[str], keys: dict[str, object]) -> None:
    """A registry may list its tags in any order, and twice."""
    assert choose(" ".join(names), **keys) == choose((NGINX + REDIS + INSTALLER) * 2, **keys)


@given(
    st.lists(st.from_regex(r"v?[0-3]\.[0-3]\.[0-9]{1,2}(-(rc|r)[0-2])?", fullmatch=True)), st.integers(1, 5)
)
def test_the_newest_are_what_counting_them_says(names: list[str], latest: int) -> None:
    """Of full versions exactly the highest are chosen, under each of their names, whatever else is there."""
    full = {
        name: tuple(map(int, name.lstrip("v").split("."))) for name in names if re.fullmatch("[v0-9.]+", name)
    }
    newest = sorted(set(full.values()), reverse=True)[:latest]
    chosen = choose(" ".join(names), latest=latest).split()
    assert sorted(chosen) == sorted(name for name, version in full.items() if version in newest)
    assert [full[name] for name in chosen] == sorted((full[name] for name in chosen), reverse=True)


def test_what_names_its_tags_needs_no_list() -> None:
    """Where all rules are names, the tags are known without asking; a pattern or `latest` needs the list."""

    def exact(**keys: object) -> tuple[str, ...] | None:
        return exact_tags(TagSelection.model_validate({"repository": "r", **keys}, strict=False))

    assert exact(tags=["v1", "latest"]) == ("v1", "latest")
    assert exact(tags=["v1", "latest"], exclude="v*") == ("latest",)
    assert exact(tags=["v1", "v2*"]) is None
    assert exact(tags=["v1"], latest=1) is None
    assert exact(latest=1) is None


def test_rules_that_match_nothing_are_known() -> None:
    """Each rule that no tag matches is told as it is written."""
    rules = ("v3.*", "v9.*", ">=9", "re:^w", "v3.0.0", "v9")
    assert unmet_rules(INSTALLER.split(), TagSelection(repository="r", tags=rules)) == (
        "v9.*",
        ">=9",
        "re:^w",
        "v9",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("re:[", "not a regular expression"),
        ("re:(?P<a>x)(?P<a>y)", "not a regular expression"),
        (">=a", "not a version range"),
        ("", "cannot be a tag"),
        ("a:b", "cannot be a tag"),
        ("-x", "cannot be a tag"),
        ("ä", "cannot be a tag"),
        ("x" * 129, "cannot be a tag"),
        ("redis:7*", "a glob that no tag can match"),
        ("v[12", "a glob that no tag can match"),
        ("*/x", "a glob that no tag can match"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_an_error_with_a_hint(text: str, words: str) -> None:
    """What cannot be read, and what no tag could ever match, is told before any network is used."""
    with pytest.raises(SpecError, match=words) as caught:
        parse_rule(text)
    assert caught.value.hint


def test_a_hundred_thousand_tags_are_no_burden() -> None:
    """Lists as large as registries have them, and numbers as large as a tag can hold, are chosen from in seconds."""
    dice = random.Random(7)
    names = [
        f"v{dice.randrange(99)}.{dice.randrange(999)}.{n}{dice.choice(['', '-rc1', '-alpine'])}"
        for n in range(99_000)
    ]
    names += ["9" * 128, "1." + "9" * 120, ".".join(["1"] * 60), *(f"{n}" * 40 for n in range(1000))]
    began = time.process_time()
    chosen = choose(" ".join(names), tags=["v9*", ">=90 <99"], exclude="*-rc*", latest=20).split()
    assert len(chosen) == 20
    assert time.process_time() - began < 20
