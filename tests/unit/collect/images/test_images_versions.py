"""Which version a tag names."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.collect.images.versions import Version, tag_version
from archiver.core.reference import is_tag

TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
LIKELY = st.from_regex(r"(v|V|release-|RELEASE\.)?[0-9]{1,5}(\.[0-9]{1,5}){0,7}([-._]?(rc|a|b|dev|x)[.-]?[0-9]{0,3}){0,3}", fullmatch=True)  # fmt: skip

NAMES = [
    ("1.2.3", (1, 2, 3), "", ""),
    ("v1.2.3", (1, 2, 3), "", ""),
    ("V2.0", (2, 0), "", ""),
    ("3", (3,), "", ""),
    ("1.2.3.4", (1, 2, 3, 4), "", ""),
    ("2023.10.1", (2023, 10, 1), "", ""),
    ("2023.01.09", (2023, 1, 9), "", ""),
    ("20230901", (20230901,), "", ""),
    ("2023-10-01", (2023, 10, 1), "", ""),
    ("RELEASE.2019-08-07T01-59-21Z", (2019, 8, 7, 1, 59, 21), "", ""),
    ("RELEASE.2023-09-23T03-47-50Z.fips", (2023, 9, 23, 3, 47, 50), "", ".fips"),
    ("4.8.3.Final", (4, 8, 3), "", ""),
    ("v1.28.0-alpha.0", (1, 28, 0), "alpha 0", ""),
    ("v1.0.0-alpha.4.11_abcdef", (1, 0, 0), "alpha 4 11", "_abcdef"),
    ("v2.45.0-rc.0", (2, 45, 0), "rc 0", ""),
    ("7.2-rc3-alpine3.18", (7, 2), "rc 3", "-alpine3.18"),
    ("7.2-rc", (7, 2), "rc", ""),
    ("16beta2", (16,), "beta 2", ""),
    ("12-beta3-alpine", (12,), "beta 3", "-alpine"),
    ("1.22rc1-alpine3.18", (1, 22), "rc 1", "-alpine3.18"),
    ("3.13.0a2-slim", (3, 13, 0), "alpha 2", "-slim"),
    ("2023.10.0b4", (2023, 10, 0), "beta 4", ""),
    ("8.0-M01", (8, 0), "milestone 1", ""),
    ("1.0.0.CR2", (1, 0, 0), "rc 2", ""),
    ("8.11.0-SNAPSHOT", (8, 11, 0), "snapshot", ""),
    ("9.5.0-114123pre", (9, 5, 0), "preview", "-114123"),
    ("v3.27.0-0.dev-300-gabc12", (3, 27, 0), "dev 300", "-0-gabc12"),
    ("v1.28.3-rc1-k3s1", (1, 28, 3), "rc 1", "-k3s1"),
    ("1.25.3-alpine", (1, 25, 3), "", "-alpine"),
    ("1.25.3-debian-11-r12", (1, 25, 3), "", "-debian-11-r12"),
    ("v3.4.1-patch.0", (3, 4, 1), "", "-patch.0"),
    ("v3.26.1-arm64", (3, 26, 1), "", "-arm64"),
    ("1.2.3-1", (1, 2, 3), "", "-1"),
    ("1.2.3_build.5", (1, 2, 3), "", "_build.5"),
    ("v3.4.0-2.319.3-1", (3, 4, 0), "", "-2.319.3-1"),
    ("3.0.504-windowsservercore-ltsc2016", (3, 0, 504), "", "-windowsservercore-ltsc2016"),
    ("v20220318-controller-v1.1.2-21-ge51c15160", (20220318,), "", "-controller-v1.1.2-21-ge51c15160"),
    ("controller-v1.2.3", (1, 2, 3), "", "controller-"),
    ("release-v3.26", (3, 26), "", "release-"),
    ("jammy-20230624", (20230624,), "", "jammy-"),
    ("1.2.3.4.5.6.7", (1, 2, 3, 4, 5, 6), "", ".7"),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "parts", "candidate", "variant"), NAMES, ids=[name for name, *_ in NAMES])
def test_a_tag_is_taken_apart(tag: str, parts: tuple[int, ...], candidate: str, variant: str) -> None:
    """Numbers, what makes it a pre-release, and whatever else it says are told apart."""
    named = tag_version(tag)
    assert named is not None
    version = named.version
    assert (named.parts, " ".join(filter(None, [version.label, *map(str, version.step)])), named.variant) == (
        parts, candidate, variant,
    )  # fmt: skip
    assert version.is_release is not bool(candidate)
    assert named.is_release is not bool(candidate or variant)


@pytest.mark.parametrize(
    "tag",
    ["latest", "nightly", "alpine3.18", "32bit", "8u121-b13", "stable-alpine3.17-otel", "mainline", "migrator",
     "9960efe1e9a9c6e944967b52e1a8a7b7b659874d", "66a760794f91809bcd897cbdb45435653d73fd92", "3b123456",
     "sha256-" + "ab" * 32 + ".sig", "sha256-" + "12" * 32, "_", "v", "-"],
)  # fmt: skip
def test_a_tag_may_name_no_version(tag: str) -> None:
    """Words, commits, and numbers that are part of a word are no versions."""
    assert tag_version(tag) is None


@pytest.mark.parametrize(
    "ordered",
    [
        "0 0.0.1 0.9 0.10 1.0.0-alpha 1.0.0-alpha.1 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.0.1 1.0.1 1.2",
        "v1.9.9 v1.10.0-rc.1 v1.10.0 v1.10.1-rc.0 v1.10.1 v2",
        "3.13.0.dev5 3.13.0a1 3.13.0b1 3.13.0rc1 3.13 3.13.1",
        "2023.9.30 2023.10.0b4 2023.10.0 2023.10.1 2024.1",
        "RELEASE.2019-08-07T01-59-21Z RELEASE.2019-08-07T23-14-43Z RELEASE.2020-01-01T00-00-00Z",
    ],
)
def test_versions_have_an_order(ordered: str) -> None:
    """Numbers count as numbers, and a release is newer than its own pre-releases, the stages of which have an order."""
    versions = [version.version for tag in ordered.split() if (version := tag_version(tag))]
    assert len(versions) == len(ordered.split())
    assert all(older < newer for older, newer in itertools.pairwise(versions))


@pytest.mark.parametrize(
    "same",
    [
        "1.2.3 v1.2.3",
        "1.2 v1.2.0 1.2.0.0",
        "1.0.0-rc.1 v1.0-rc1 1.0.0.CR1",
        "1.0a1 1.0-alpha.1",
        "1.2-Final 1.2",
    ],
)
def test_one_version_has_several_names(same: str) -> None:
    """A leading v, zeros at the end and how a pre-release is written make no other version."""
    assert len({tag_version(tag).version for tag in same.split()}) == 1  # type: ignore[union-attr]


@given(st.one_of(TAGS, LIKELY))
def test_any_tag_can_be_read(tag: str) -> None:
    """No tag is an error, however large its numbers are; a v in front of numbers changes nothing."""
    named = tag_version(tag[:127])
    if named is not None and tag[0].isdigit():
        assert tag_version(f"v{tag[:127]}") == named
        assert named.version.numbers[-1:] != (0,)
    assert is_tag(tag)


@given(st.lists(st.one_of(TAGS, LIKELY), max_size=8))
def test_all_versions_can_be_compared(tags: list[str]) -> None:
    """Sorting tags by version, and the names of one version among themselves, never fails."""
    named = [version for tag in tags if (version := tag_version(tag))]
    assert len(sorted(named, key=lambda each: (each.version, each.order))) == len(named)


def test_a_version_is_made_of_numbers() -> None:
    """Zeros at the end say nothing."""
    assert Version.of((1, 0, 0)) == Version.of((1,)) < Version.of((1, 0, 1))
