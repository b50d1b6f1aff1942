from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import SpecError
from archiver.spec.load import load_spec

if TYPE_CHECKING:
    from pathlib import Path

_SPEC = """\
project: p
docs:
  - seeds: [https://x.org/docs/]
    scope:
      include:
        - {rule}
"""


def _problem(tmp_path: Path, text: str) -> SpecError:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as raised:
        load_spec(path)
    return raised.value


@pytest.mark.parametrize(
    ("rule", "message", "hint"),
    [
        ("'re:a('", "is not a regular expression", "single quotes"),
        ("/docs/**.pdf", "** beside other characters", "**/*.pdf"),
        ("'*://x.org/docs/'", "* for the scheme", "https://"),
    ],
)
def test_a_broken_rule_is_told_with_its_line(tmp_path: Path, rule: str, message: str, hint: str) -> None:
    """A rule that cannot be meant is an error at its own line, with what to write instead."""
    error = _problem(tmp_path, _SPEC.format(rule=rule))
    assert error.place == f"{tmp_path / 'spec.yaml'}:6"
    assert message in error.message
    assert hint in str(error.hint)


@pytest.mark.parametrize("rule", ["/docs/v1", "/**/*.pdf", "'re:(?i)a+'", "'**?*'", "'/a?x=**y'"])
def test_rules_of_all_kinds_are_taken(tmp_path: Path, rule: str) -> None:
    """Prefixes, globs and regular expressions pass."""
    path = tmp_path / "spec.yaml"
    path.write_text(_SPEC.format(rule=rule))
    assert load_spec(path).spec.docs[0].scope.include == (rule.strip("'"),)


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("versions: [3.10]", "not a string", "quotes"),
        ("versions: [a/b]", "is not a version", "v3.4"),
        ("locales: [english]", "is not the code of a language", "pt-BR"),
    ],
)
def test_versions_and_locales_are_checked(tmp_path: Path, line: str, message: str, hint: str) -> None:
    """A number that YAML would shorten, and what no URL can show, is told at its line."""
    error = _problem(tmp_path, _SPEC.format(rule="/a").replace("include:\n        - /a", line))
    assert error.place == f"{tmp_path / 'spec.yaml'}:5"
    assert message in error.message
    assert hint in str(error.hint)


def test_norwegian_is_a_language(tmp_path: Path) -> None:
    """``no`` is a locale here, as everywhere in a spec."""
    path = tmp_path / "spec.yaml"
    path.write_text(
        _SPEC.format(rule="/a").replace("include:\n        - /a", "locales: [no, zh-Hans, pt_BR]")
    )
    assert load_spec(path).spec.docs[0].scope.locales == ("no", "zh-Hans", "pt_BR")


def test_what_is_crawled_depends_on_selectors_and_traps(tmp_path: Path) -> None:
    """Changing versions, locales or bounds begins an interrupted crawl anew; changing the speed does not."""
    digests = []
    for line in (
        "delay: 1",
        "delay: 2",
        "scope: {versions: [v1]}",
        "scope: {locales: [en]}",
        "traps: {depth: 9}",
    ):
        path = tmp_path / "spec.yaml"
        path.write_text(f"project: p\ndocs:\n  - seeds: [https://x.org/docs/]\n    {line}\n")
        digests.append(str(load_spec(path).digest))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4
