from __future__ import annotations

import pytest

from archiver.collect.preflight import advice, check_environment, check_list_lines, checked_spec
from archiver.core.errors import SpecError
from servers.certificates import make_certificates

GOOD = """\
project: demo
docs:
  - seeds: [http://a/docs/]
    scope:
      include: [/more/, "http://b/x"]
      exclude: [old/]
images:
  lists: [list.txt]
files:
  - url: http://a/f.tgz
  - url: http://a/g.tgz
"""


def check(tmp_path, text, images="redis:7\n"):
    """Check a spec with an image list beside it; return (line, message) of each problem."""
    (tmp_path / "list.txt").write_text(images)
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    try:
        checked_spec(path)
    except SpecError as error:
        problems = (error, *error.more)
        assert all(problem.hint for problem in problems)
        return [(problem.place.rpartition("/")[2], problem.message) for problem in problems]
    return []


def test_a_good_spec_passes(tmp_path):
    """Relative prefixes, other hosts and lists beside the spec are fine."""
    assert check(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("http://a/docs/", "'http://exa mple.invalid/'", "spec.yaml:3", "can be fetched"),
        ('"http://b/x"', '"mailto:x@y"', "spec.yaml:5", "matches no web URL"),
        ("old/", "'ftp://x/'", "spec.yaml:6", "matches no web URL"),
        ("http://a/f.tgz", "http://a/dir/", "spec.yaml:10", "path"),
        ("http://a/f.tgz", "http://a/%2e%2e/x", "spec.yaml:10", "path"),
        ("http://a/g.tgz", "http://a/f.tgz", "spec.yaml:11", "already"),
    ],
)
def test_what_would_fail_later_fails_now(tmp_path, old, new, place, words):
    """URLs that no collector could use are told with their line before any network is used."""
    assert old in GOOD
    ((where, message),) = check(tmp_path, GOOD.replace(old, new, 1))
    assert where == place
    assert words in message


def test_the_lines_of_lists_are_checked_apart(tmp_path):
    """A bad line of an image list has the list's own file and line; the spec is fit to be archived all the same."""
    assert check(tmp_path, GOOD, "redis:7\nNot/Good\nfine:1\na b\n") == []
    loaded = checked_spec(tmp_path / "spec.yaml")
    with pytest.raises(SpecError) as caught:
        check_list_lines(loaded)
    problems = (caught.value, *caught.value.more)
    assert [problem.place for problem in problems] == [f"{tmp_path}/list.txt:2", f"{tmp_path}/list.txt:4"]
    (tmp_path / "list.txt").write_text("fine:1\n")
    check_list_lines(loaded)


@pytest.mark.parametrize(
    ("key", "rule", "words"),
    [
        ("tags", "'re:['", "not a regular expression"),
        ("tags", "'>=a'", "not a version range"),
        ("exclude", "[v1, 'a/b*']", "a glob that no tag can match"),
        ("exclude", "'a:b'", "cannot be a tag"),
    ],
)
def test_a_rule_for_tags_must_be_one(tmp_path, key, rule, words):
    """Expressions, ranges, globs and names that mean nothing are told with their line."""
    entry = f"  repositories:\n    - repository: redis\n      latest: 1\n      {key}: {rule}\n"
    ((where, message),) = check(tmp_path, GOOD.replace("files:", f"{entry}files:"))
    assert where == "spec.yaml:12"
    assert words in message


def test_several_entries_may_read_one_index(tmp_path):
    """The same page is read for other links; the same file twice is a mistake."""
    entry = "  - index: http://a/dir/\n    include: ['*.{}']\n"
    assert check(tmp_path, GOOD + entry.format("tgz") + entry.format("zip")) == []


REGISTRIES = """\
project: demo
contact: me@example.org
images:
  refs: [redis]
registries:
  harbor.example.org:
    tls:
      ca: ca.pem
      cert: own.pem
      key: own.key
    auth:
      username: ${HARBOR_USER}
      password: ${HARBOR_PASSWORD}
"""


def environment_problems(tmp_path, text, environment):
    """Return (line, message) of what check_environment tells of a spec."""
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    try:
        check_environment(checked_spec(path), environment)
    except SpecError as error:
        problems = (error, *error.more)
        assert all(problem.hint for problem in problems)
        return [(int(problem.place.rpartition(":")[2]), problem.message) for problem in problems]
    return []


def test_what_a_registry_needs_must_be_there(tmp_path):
    """Variables that are not set, and files for TLS that are not there, have the line that asks for them."""
    path = tmp_path / "own.key"
    path.write_text("")
    found = environment_problems(tmp_path, REGISTRIES, {"HARBOR_USER": "a:b"})
    assert [line for line, _ in found] == [12, 13, 8, 9]
    assert [words in message for (_, message), words in zip(found, ("colon", "HARBOR_PASSWORD", "ca.pem", "own.pem"), strict=True)] == [True] * 4  # fmt: skip


def test_files_for_tls_must_be_what_they_stand_for(tmp_path):
    """A certificate that is none is told before any request; with real ones nothing is."""
    values = {"HARBOR_USER": "me", "HARBOR_PASSWORD": "secret"}
    for name in ("ca.pem", "own.pem", "own.key"):
        (tmp_path / name).write_text("nothing\n")
    ((line, message),) = environment_problems(tmp_path, REGISTRIES, values)
    assert (line, "ca.pem" in message) == (8, True)
    (tmp_path / "made").mkdir()
    made = make_certificates(tmp_path / "made")
    for name, real in (("ca.pem", made.authority), ("own.pem", made.certificate), ("own.key", made.key)):
        (tmp_path / name).write_bytes(real.read_bytes())
    assert environment_problems(tmp_path, REGISTRIES, values) == []


@pytest.mark.parametrize(
    ("host", "open_"), [("harbor.example.org", True), ("10.1.2.3:5000", True), ("127.0.0.1:5000", False)]
)
def test_credentials_for_a_registry_should_be_encrypted(tmp_path, host, open_):
    """A name and password for a registry without TLS are warned of, unless it is on this machine."""
    path = tmp_path / "spec.yaml"
    tls = "    tls:\n      ca: ca.pem\n      cert: own.pem\n      key: own.key\n"
    path.write_text(
        REGISTRIES.replace(tls, "    plain_http: true\n").replace("harbor.example.org", f'"{host}"')
    )
    told = list(advice(checked_spec(path), {"HARBOR_USER": "me", "HARBOR_PASSWORD": "secret"}))
    told = [warning for warning in told if "credentials" in warning.message]
    assert [(warning.place.rpartition(":")[2], host in warning.message) for warning in told] == (
        [("7", True)] if open_ else []
    )


def test_a_list_or_section_that_is_not_there_has_the_specs_line(tmp_path):
    """What no list can tell is told at the line of the spec that asks for it."""
    ((where, message),) = check(tmp_path, GOOD.replace("list.txt", "none.txt"))
    assert where == "spec.yaml:8"
    assert "none.txt: the image list cannot be read" in message
    text = GOOD.replace("lists: [list.txt]", "lists: [list.txt]\n  sections: [nowhere]")
    ((where, message),) = check(tmp_path, text)
    assert where == "spec.yaml:9"
    assert "nowhere" in message


@pytest.mark.parametrize("contact", ["维护者", '"a\\nX-Evil: 1"', "x" * 201])
def test_a_contact_must_fit_a_header(tmp_path, contact):
    """What cannot stand in the User-Agent is refused, before a request is made with it."""
    ((where, message),) = check(tmp_path, f"{GOOD}contact: {contact}\n")
    assert where == "spec.yaml:12"
    assert "User-Agent" in message


LOCKED = """\
project: demo
contact: keeper@example.org
docs:
  - seeds: [https://a/docs/]
    headers:
      Accept-Language: en
      X-Api-Key: ${KEY}
    cookies: {session: "${COOKIE}"}
    auth:
      username: ${WHO}
      password: ${PASSWORD}
    proxy: ${PROXY}
"""
SET = {"KEY": "k", "COOKIE": "c", "WHO": "w", "PASSWORD": "p", "PROXY": "http://proxy:3128"}


def loaded(tmp_path, text):
    """Load a good spec."""
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    return checked_spec(path)


def test_an_environment_with_all_that_a_spec_needs_passes(tmp_path):
    """Set variables are no problem, and a spec with a contact needs no advice."""
    spec = loaded(tmp_path, LOCKED)
    check_environment(spec, SET)
    assert list(advice(spec, SET)) == []


def test_every_variable_that_is_missing_is_told_with_its_line(tmp_path):
    """All at once, by name, and at the line of the spec that refers to it."""
    with pytest.raises(SpecError) as caught:
        check_environment(loaded(tmp_path, LOCKED), {"KEY": "k"})
    problems = (caught.value, *caught.value.more)
    assert [(problem.place.rpartition(":")[2], problem.message) for problem in problems] == [
        (line, f"the environment variable {name} is not set")
        for line, name in (("8", "COOKIE"), ("10", "WHO"), ("11", "PASSWORD"), ("12", "PROXY"))
    ]
    assert all(problem.hint for problem in problems)


def test_a_value_that_cannot_be_sent_is_told_and_not_shown(tmp_path):
    """Whoever set it knows it; a log must not."""
    with pytest.raises(SpecError) as caught:
        check_environment(loaded(tmp_path, LOCKED), {**SET, "KEY": "hunter2\n"})
    assert caught.value.place.endswith(":7")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_credentials_in_the_open_are_advised_against(tmp_path):
    """Over plain http everybody on the way can read them; on this machine nobody is on the way."""
    spec = loaded(tmp_path, LOCKED.replace("https://a/docs/", "https://a/, http://b/, http://localhost:1/"))
    (given,) = advice(spec, SET)
    assert given.place.endswith(":4")
    assert "http://b" in given.message
    harmless = 'project: demo\ncontact: k@example.org\ndocs: [{seeds: ["http://b/"], headers: {A: b}}]\n'
    assert list(advice(loaded(tmp_path, harmless), {})) == []


def test_advice_is_about_what_a_valid_spec_lacks(tmp_path):
    """A missing contact and missing variables are reasons to warn; the spec is valid all the same."""
    spec = loaded(tmp_path, LOCKED.replace("contact: keeper@example.org\n", ""))
    given = list(advice(spec, {**SET, "PROXY": ""}))
    assert [(each.place.rpartition(":")[2], each.message) for each in given] == [
        ("1", "no contact is given, so that no site's owner can reach you"),
        ("11", "the environment variable PROXY is empty"),
    ]
    assert list(advice(loaded(tmp_path, "project: demo\nimages: {refs: [redis]}\n"), {})) == []


def test_what_nobody_checks_is_told(tmp_path):
    """A registry that anybody may answer for, and a file over plain http with nothing to compare it with."""
    spec = """\
project: demo
images: {refs: [h.example.org/x:1, safe.example.org/x:1]}
registries:
  h.example.org: {tls: {verify: false}}
  safe.example.org: {tls: {verify: true}}
files:
  - url: http://example.org/open.tgz
  - {url: http://example.org/digest.tgz, sha256: %s}
  - {url: http://example.org/list.tgz, checksums: SHA256SUMS}
  - url: http://127.0.0.1:1/here.tgz
  - url: https://example.org/secure.tgz
""" % ("a" * 64)
    registry, file = advice(loaded(tmp_path, spec), {})
    assert "nobody checks who answers as h.example.org" in registry.message
    assert registry.place.endswith(":4")
    assert "http://example.org/open.tgz may be changed" in file.message
    assert file.place.endswith(":7")


def test_a_name_that_is_never_among_the_newest_is_told(tmp_path):
    """``latest`` counts versions: a tag named beside it that has none is asked for in vain, without a word at each run."""
    spec = """\
project: demo
images:
  repositories:
    - repository: quay.io/x/y
      tags: ['>=1.0', edge, '*-alpine', v1.2]
      latest: 3
    - {repository: quay.io/x/y, tags: edge}
"""
    (given,) = advice(loaded(tmp_path, spec), {})
    assert "'edge' names no version, so it is never among the newest 3" in given.message
    assert given.place.endswith(":5")


def test_what_has_no_effect_is_told(tmp_path):
    """References and sections given twice, and registries that no image comes from, nor any stand-in for them."""
    (tmp_path / "list.txt").write_text("## a\nghcr.io/a/b:1\n## b\nquay.io/a/b:1\n")
    spec = """project: demo
images:
  refs: [redis, "docker.io/library/redis:latest", registry.example.org/kept/x:1]
  lists: [list.txt]
  sections: [a, a]
registries:
  ghcr.io: {mirrors: ["cache.example.org/ghcr"]}
  cache.example.org: {connections: 2}
  registry.example.org/kept: {mirrors: [cache.example.org]}
  registry.example.org/kep: {mirrors: [cache.example.org]}
  quay.io: {connections: 2}
  hub.docker.com: {connections: 2}
"""
    told = list(advice(loaded(tmp_path, spec), {}))
    assert [(each.place.rpartition(":")[2], each.message) for each in told] == [
        ("3", "'docker.io/library/redis:latest' is here twice"),
        ("5", "'a' is here twice"),
        ("10", "nothing that the spec asks for comes from registry.example.org/kep"),
        ("11", "nothing that the spec asks for comes from quay.io"),
        ("12", "nothing that the spec asks for comes from hub.docker.com"),
    ]
    by_url = spec.replace("[list.txt]", '["https://x.example.org/list"]').replace("  sections: [a, a]\n", "")
    assert not [each for each in advice(loaded(tmp_path, by_url), {}) if "comes from" in each.message]
