from __future__ import annotations

import pytest

from archiver.collect.preflight import advice, check_environment, checked_spec
from archiver.core.errors import SpecError

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


def test_lists_beside_the_spec_are_checked_too(tmp_path):
    """A bad line of an image list has the list's own file and line."""
    assert [place for place, _ in check(tmp_path, GOOD, "redis:7\nNot/Good\n")] == ["list.txt:2"]


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
