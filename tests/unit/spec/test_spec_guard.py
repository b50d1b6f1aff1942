"""The key ``guard``: how much of a source may be lost before what came is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archiver.collect.guard.thresholds import Thresholds, thresholds

if TYPE_CHECKING:
    from conftest import Load, Mistakes

SPEC = """\
project: sample
docs:
  - name: one
    seeds: [https://example.org/one/]
  - name: two
    seeds: [https://example.org/two/]
    guard: {lost: 40%, least: 10}
images:
  refs: [redis]
  guard: off
files: [{url: 'https://example.org/a'}]
"""


def test_nothing_said_means_the_usual_rules(load: Load) -> None:
    """The spec's defaults and those of the guard itself are the same, for every source."""
    loaded = load("project: sample\nfiles: [{url: 'https://example.org/a'}]\n")
    assert thresholds(loaded.spec)["files"] == Thresholds()


def test_a_source_overrides_what_it_names(load: Load) -> None:
    """A source's own keys count, the project's for the rest; files have the project's."""
    found = thresholds(load(SPEC + "guard: {lost: 12.5%, decayed: off}\n").spec)
    assert found == {
        "one": Thresholds(lost=0.125, decayed=None),
        "two": Thresholds(lost=0.4, decayed=None, least=10),
        "images": Thresholds(None, None, None, None, None),
        "files": Thresholds(lost=0.125, decayed=None),
    }


def test_the_record_of_a_spec_can_be_read_as_a_spec(load: Load) -> None:
    """What a snapshot keeps of the rules means the same when it is read again."""
    loaded = load(SPEC)
    again = type(loaded.spec).model_validate_json(loaded.spec.model_dump_json(exclude_unset=True))
    assert thresholds(again) == thresholds(loaded.spec)


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        ("{lost: 20}", "guard.lost: 20 is no share"),
        ("{lost: 0.2}", "guard.lost: 0.2 is no share"),
        ("{lost: 0%}", "guard.lost: '0%' is no share"),
        ("{lost: 101%}", "guard.lost: '101%' is no share"),
        ("{decayed: -5%}", "guard.decayed: '-5%' is no share"),
        ("{gone: false}", "guard.gone: false is no share"),
        ("{collapsed: [50%]}", "guard.collapsed: ['50%'] is no share"),
        ("{least: 0}", "guard.least: input should be greater than or equal to 1"),
        ("{least: 3%}", "guard.least: not a whole number"),
        ("{lots: 3%}", "unknown key 'lots'"),
        ("on", "guard: 'on' is no set of rules"),
        ("20%", "guard: '20%' is no set of rules"),
        ("[lost]", "guard: "),
    ],
)
def test_mistakes_are_told_with_their_line(mistakes: Mistakes, guard: str, message: str) -> None:
    """What is no percentage, no count or no rule is an error at its line, with a hint of what to write."""
    (line, told), *others = mistakes(
        f"project: sample\nfiles: [{{url: 'https://example.org/a'}}]\nguard: {guard}\n"
    )
    assert not others
    assert line == 3
    assert told.startswith(message)


def test_a_site_s_own_mistake_has_its_own_line(mistakes: Mistakes) -> None:
    """The rules of a doc site are checked like the project's."""
    assert mistakes(SPEC.replace("40%", "forty")) == [(7, "docs[1].guard.lost: 'forty' is no share")]
