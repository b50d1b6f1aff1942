from __future__ import annotations

import pytest

from archiver.collect.preflight import checked_spec
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
        ('"http://b/x"', '"mailto:x@y"', "spec.yaml:5", "not a prefix"),
        ("old/", "'ftp://x/'", "spec.yaml:6", "not a prefix"),
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
