"""How a spec says that registries are reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from archiver.spec.access import Auth
from archiver.spec.model import Spec
from archiver.spec.registries import RegistrySettings, Tls, location

if TYPE_CHECKING:
    from conftest import Load, Mistakes

GOOD = """\
project: demo
images: {refs: [redis]}
registries:
  index.docker.io:
    mirrors: [mirror.gcr.io, harbor.example.org:8443/dockerhub]
    fallbacks: ["localhost/hub"]
    connections: 4
    auth: {username: "${HUB_USER}", password: "${HUB_PASSWORD}"}
  docker.io/kubesphere:
    mirrors: [registry.example.cn/kubesphereio]
  harbor.example.org:8443:
    tls: {ca: certs/ca.pem, cert: own.pem, key: own.key}
  "[::1]:5000":
    tls:
      verify: false
  plain.example.org:
    plain_http: true
"""


def test_all_keys_are_read(load: Load) -> None:
    """Docker Hub has one name, whatever it is written as; what is left out has the documented defaults."""
    assert load(GOOD).spec.registries == {
        "docker.io": RegistrySettings(
            mirrors=("mirror.gcr.io", "harbor.example.org:8443/dockerhub"),
            fallbacks=("localhost/hub",),
            connections=4,
            auth=Auth(username="${HUB_USER}", password="${HUB_PASSWORD}"),
        ),
        "docker.io/kubesphere": RegistrySettings(mirrors=("registry.example.cn/kubesphereio",)),
        "harbor.example.org:8443": RegistrySettings(
            tls=Tls(ca="certs/ca.pem", cert="own.pem", key="own.key")
        ),
        "[::1]:5000": RegistrySettings(tls=Tls(verify=False)),
        "plain.example.org": RegistrySettings(plain_http=True),
    }
    default = RegistrySettings()
    assert (default.mirrors, default.fallbacks, default.connections) == ((), (), 6)
    assert (default.tls, default.plain_http, default.auth) == (None, False, None)
    assert load("project: a\nimages: {refs: [redis]}\n").spec.registries == {}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Registry-1.Docker.IO/team", "docker.io/team"),
        ("Harbor.Example.org:8443", "harbor.example.org:8443"),
        ("localhost/a/b", "localhost/a/b"),
        ("10.0.0.1:5000", "10.0.0.1:5000"),
    ],
)
def test_a_place_has_one_name(written: str, meant: str) -> None:
    """Case makes no difference in hosts, and Docker Hub's other names mean docker.io."""
    assert location(written) == location(meant) == meant


@given(st.one_of(st.text(max_size=30), st.from_regex(r"[a-zA-Z0-9.:@\[\]-]{1,12}(/[a-z0-9._-]{0,6}){0,3}")))
def test_any_text_is_a_place_or_a_mistake(text: str) -> None:
    """What can be read is in its final form; for all else there is an error."""
    try:
        found = location(text)
    except PydanticCustomError:
        return
    assert location(found) == found


def test_an_entry_has_its_line_under_either_name(load: Load) -> None:
    """What is wrong with an entry later on, such as a variable that is not set, has the line that it is written in."""
    loaded = load(GOOD)
    for name in ("index.docker.io", "docker.io"):
        assert loaded.place("registries", name, "auth", "password").endswith(":8")
    assert loaded.place("registries", "plain.example.org", "plain_http").endswith(":17")
    assert loaded.place("registries").endswith(":4")


def test_the_record_is_the_spec(load: Load) -> None:
    """What a snapshot keeps of the spec is a spec, and the same one; no secret is in it."""
    loaded = load(GOOD)
    assert Spec.model_validate(loaded.record, strict=False) == loaded.spec
    assert loaded.record["registries"]["docker.io"]["auth"]["password"] == "${HUB_PASSWORD}"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("  plain.example.org", "  docker.io", 16, "docker.io is here twice"),
        ("index.docker.io", "https://docker.io", 4, "has a scheme"),
        ("docker.io/kubesphere:", "kubesphere/x:", 9, "does not begin with a registry's host"),
        ("docker.io/kubesphere:", "docker.io/Kubesphere:", 9, "not a registry"),
        ("docker.io/kubesphere:", "docker.io/:", 9, "not a registry"),
        ("docker.io/kubesphere:", "docker.io/redis@x:", 9, "not a registry"),
        ("harbor.example.org:8443:", "harbor.example.org:84430:", 11, "not a registry"),
        ("mirror.gcr.io", "https://mirror.gcr.io", 5, "has a scheme"),
        ("mirror.gcr.io", "mirror", 5, "does not begin with a registry's host"),
        ("mirror.gcr.io", "mirror.gcr.io/", 5, "not a registry"),
        ("mirror.gcr.io", "mirror.gcr.io/a:1", 5, "not a registry"),
        ("mirror.gcr.io", "registry-1.docker.io", 5, "in place of itself"),
        ("mirror.gcr.io", "localhost/hub", 6, "is here twice"),
        ("[registry.example.cn/kubesphereio]", "registry.example.cn/x", 10, "not a list"),
        ("    mirrors: [registry.example.cn/kubesphereio]", "    connections: 3", 10, "'connections' cannot be said"),
        ("    mirrors: [registry.example.cn/kubesphereio]", "    plain_http: true", 10, "'plain_http' cannot be said"),
        ("    mirrors: [registry.example.cn/kubesphereio]", "    tls: {verify: false}", 10, "'tls' cannot be said"),
        ("connections: 4", "connections: 0", 7, "greater than or equal to 1"),
        ("connections: 4", "connections: 33", 7, "less than or equal to 32"),
        ("connections: 4", "conections: 4", 7, "unknown key 'conections'"),
        (", key: own.key", "", 12, "'cert' is given without 'key'"),
        (", cert: own.pem", "", 12, "'key' is given without 'cert'"),
        ("key: own.key", "key: own.key, verify: false", 12, "to trust anybody"),
        ("ca: certs/ca.pem", "ca: ''", 12, "empty"),
        ("plain_http: true", "plain_http: true\n    tls: {ca: x}", 17, "both given"),
        ("plain_http: true", "plain_http: yes", 17, "plain_http"),
        ('"${HUB_PASSWORD}"', "secret", 8, "must come from the environment"),
        ('password: "${HUB_PASSWORD}"', "", 8, "password is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(
    mistakes: Mistakes, old: str, new: str, line: int, words: str
) -> None:
    """What makes no sense names the line it is in, and says what to write."""
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert any(at == line and words in message for at, message in found), found
    assert not any("secret" in message for _, message in found)
