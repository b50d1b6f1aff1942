from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.core.errors import InvalidReference
from archiver.core.reference import Reference

PIN = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("redis:5.0.5-alpine", "docker.io/library/redis:5.0.5-alpine"),
        ("kubesphere/ks-console:v3.1.0", "docker.io/kubesphere/ks-console:v3.1.0"),
        ("docker.io/redis:7", "docker.io/library/redis:7"),
        ("index.docker.io/library/redis:7", "docker.io/library/redis:7"),
        ("localhost/a:1", "localhost/a:1"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"),
        ("[::1]:5000/a:1", "[::1]:5000/a:1"),
        ("gcr.io/x/y", "gcr.io/x/y:latest"),
        (f"redis@{PIN}", f"docker.io/library/redis@{PIN}"),
        (f"redis:7@{PIN}", f"docker.io/library/redis:7@{PIN}"),
        ("minio/minio:RELEASE.2019-08-07T01-59-21Z", "docker.io/minio/minio:RELEASE.2019-08-07T01-59-21Z"),
    ],
)
def test_references_read_as_docker_reads_them(text, full):
    """Short names mean Docker Hub, `library/` and `latest` are implied, hosts are told from folders."""
    assert str(Reference.parse(text)) == full


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:", "a:b:c/d:", "Redis", "a//b", "/a", "a/", "a..b/c", "-a", "a:tag!", "a:" + "t" * 129, "a@sha256:12",
     "a@", "http://a/b", "a b", "a\n", "../a", "x/../y", "a/" + "b" * 256, "host:99999999/a"],
)  # fmt: skip
def test_malformed_references_are_errors(text):
    """What docker would refuse is refused, and nothing that could climb out of a folder gets through."""
    with pytest.raises(InvalidReference):
        Reference.parse(text)


def test_capitals_are_explained():
    """The commonest mistake gets a hint."""
    with pytest.raises(InvalidReference) as caught:
        Reference.parse("docker.io/Foo/bar")
    assert "lowercase" in caught.value.hint


@pytest.mark.parametrize(
    ("digest", "fault"),
    [("md5:" + "0" * 32, "has a digest of an unknown algorithm, 'md5'"), ("sha256:12", "has a malformed digest"),
     ("sha512:" + "a" * 64, "has a malformed digest"), ("12", "has a malformed digest"), (":12", "has a malformed digest"),
     ("SHA256:" + "a" * 64, "has a digest of an unknown algorithm, 'SHA256'")],
)  # fmt: skip
def test_a_digest_is_said_to_be_wrong_or_of_an_unknown_algorithm(digest, fault):
    """Whoever has a digest that cannot be checked is told so, and which ones can be."""
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(f"redis@{digest}")
    assert caught.value.fault == fault
    assert caught.value.message == f"'redis@{digest}' {fault}"
    assert "sha256: and 64 hex digits, or sha512:" in caught.value.hint


def test_selector_prefers_the_digest():
    """A pinned reference is asked for by digest, whatever its tag."""
    assert Reference.parse(f"a/b:1@{PIN}").selector == PIN
    assert Reference.parse("a/b:1").selector == "1"


@pytest.mark.parametrize(
    ("text", "loopback"),
    [("localhost/a", True), ("127.0.0.1:1/a", True), ("127.9.9.9/a", True), ("[::1]:80/a", True), ("[::1]/a", True),
     ("127.example.org/a", False), ("redis", False), ("10.0.0.1/a", False), ("localhost.example.org/a", False)],
)  # fmt: skip
def test_loopback_is_this_machine_only(text, loopback):
    """Plain HTTP is for this machine; a host that merely begins alike gets TLS."""
    assert Reference.parse(text).is_loopback is loopback


@given(st.text(max_size=60))
def test_parsing_never_fails_otherwise_and_is_stable(text):
    """Any text is a reference or a typed error, and what a reference prints reads back as itself."""
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "tag"), [("redis", "latest"), ("a.io/b:1", "1"), (f"a.io/b@sha256:{'1' * 64}", ""),
                      (f"a.io/b:1@sha256:{'1' * 64}", "")],
)  # fmt: skip
def test_a_reference_with_a_digest_names_no_tag(text, tag):
    """The digest says what is meant; what the tag beside it points to may be something else by now."""
    assert Reference.parse(text).named_tag == tag
