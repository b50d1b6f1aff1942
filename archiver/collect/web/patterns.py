"""The rules that people write to select URLs: prefixes, globs and regular expressions.

- A rule that begins with ``re:`` is a Python regular expression, searched for anywhere in the whole URL.
- A rule with a ``*`` is a glob. ``*`` stands for anything within one path segment, ``**`` for any number of
  whole segments, none included. A glob matches a page and, as in a .gitignore, everything below it. The
  query does not count, unless the glob has a ``?``, which is what it is in a URL: the query's beginning.
  Then path and query are matched to their ends, and ``*`` in the query stands for anything.
- Every other rule is a prefix.

Prefixes and globs may be relative; http and https are one to them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable

from archiver.collect.web.urls import is_web, resolve
from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin

_REGEX = "re:"


@dataclass(frozen=True)
class Patterns:
    """A list of rules, ready to be asked. No rule matches nothing.

    Attributes:
        prefixes: of URLs without their scheme.
        glob: all globs in one expression, for URLs without their scheme; None where there is none.
        expressions: regular expressions for whole URLs.
        hosts: the hosts, without ports, that prefixes and globs name.
    """

    prefixes: tuple[str, ...] = ()
    glob: re.Pattern[str] | None = None
    expressions: tuple[re.Pattern[str], ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rules: Iterable[str], bases: Iterable[str]) -> Patterns:
        """Read rules; a relative one is read relative to each base.

        Args:
            rules: as in a spec, whose model has checked the regular expressions.
            bases: absolute URLs.

        Raises:
            InvalidURL: a prefix or glob is not of http(s) URLs.
        """
        rules = tuple(rules)
        plain = [rule for rule in rules if not rule.startswith(_REGEX)]
        keys = dict.fromkeys(schemeless(absolute(base, rule)) for base in bases for rule in plain)
        globs = "|".join(_glob(key) for key in keys if "*" in key)
        return cls(
            tuple(key for key in keys if "*" not in key),
            re.compile(globs) if globs else None,
            tuple(re.compile(rule[len(_REGEX) :]) for rule in rules if rule.startswith(_REGEX)),
            frozenset(Origin.of(f"http://{key}").host for key in keys if "*" not in key.partition("/")[0]),
        )

    def match(self, url: str, key: str) -> bool:
        """Say whether any rule matches.

        Args:
            url: in canonical spelling.
            key: the same without its scheme.
        """
        if key.startswith(self.prefixes) or (self.glob is not None and self.glob.match(key)):
            return True
        return any(expression.search(url) for expression in self.expressions) if self.expressions else False


def is_rule(base: str, rule: str) -> bool:
    """Say whether a rule can match any URL, as far as its scheme and host tell."""
    if rule.startswith(_REGEX):
        return True
    url = resolve(base, rule)
    return url is not None and is_web(url)


def is_relative(rule: str) -> bool:
    """Say whether a rule is relative to the folder of a seed, and not only to its host."""
    return not rule.startswith((_REGEX, "/")) and "://" not in rule.partition("?")[0]


def absolute(base: str, text: str) -> str:
    """Return the http(s) URL that a seed, prefix or glob means. Raises InvalidURL where there is none."""
    url = resolve(base, text)
    if url is None or not is_web(url):
        raise InvalidURL("not an http or https URL", place=f"{text:.200}")
    return url


def schemeless(url: str) -> str:
    """Make http and https one; the scheme's default port is gone already."""
    return url.partition("://")[2]


def _glob(key: str) -> str:
    """Return a glob as a regular expression that is matched from the beginning.

    URLs are not trusted, so matching is kept from backtracking: after each star the first place where the
    text behind it fits is as good as any other, and is never given up again (hence the atomic groups).
    Only the last piece has to fit at an end, and tries more than one place.
    """
    path, query_follows, query = key.partition("?")
    runs: list[list[str]] = [[]]
    for segment in path.split("/"):
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append(segment)
    last = runs[-1]
    pieces = [f"(?>{_run(run)}/)" for run in runs[:1] if len(runs) > 1 and run]
    pieces += [f"(?>{_ANY_SEGMENTS}{_run(run)}/)" for run in runs[1:-1] if run]
    if len(runs) > 1 and last:
        pieces.append(_ANY_SEGMENTS)
    pieces.append(_run(last) if last else "[^?]*+")
    if query_follows:
        return "".join(pieces) + rf"\?{_starred(query, '.')}\Z"
    below = not last or last[-1] == ""  # it ends with a slash: whatever follows is below it
    return "".join(pieces) + ("" if below else r"(?=[/?]|\Z)")


_ANY_SEGMENTS = "(?:[^/?]*+/)*?"


def _run(segments: list[str]) -> str:
    return "/".join(_starred(segment, "[^/?]") for segment in segments)


def _starred(text: str, character: str) -> str:
    """Return a pattern for text in which each run of ``*`` stands for any number of a character."""
    first, *others = re.split(r"\*+", text)
    pieces = [re.escape(first)]
    pieces += [f"(?>{character}*?{re.escape(literal)})" for literal in others[:-1]]
    if others:
        pieces.append(f"{character}*{re.escape(others[-1])}")
    return "".join(pieces)
