"""What robots.txt allows. No I/O here: the crawl fetches the file like any other.

Read by our own few lines and not by a library: the file is hostile until shown otherwise, the keeper is to
be told which line forbids a URL, and a file of 200 KiB must not be able to take minutes and gigabytes.
Everything here takes time proportional to the file, and to rules times length of URL.

Source: RFC 9309, sections 2.2.1 (groups), 2.2.2 and 2.2.3 (rules and their special characters), 2.3.1 (what a
status means) and 2.5 (how much to parse). Crawl-delay and Sitemap are no part of it, but common.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from archiver.collect.web.urls import target_of
from archiver.core.printable import printable

PARSED = 512 << 10
"""Bytes of a robots.txt that are read; RFC 9309 asks for at least 500 KiB."""
MOST_REDIRECTS = 5
UNREACHABLE = 0
_LONGEST_DELAY = 30.0
_MOST_SITEMAPS = 1000
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n?|\n")
_DIRECTIVE = re.compile(rb"[ \t]*+([A-Za-z-]++)[ \t]*+(?::|(?<=[ \t]))(.*)", re.DOTALL)
_PRODUCT = re.compile(rb"[A-Za-z_-]++")
_AGENT, _ALLOW, _DISALLOW, _DELAY, _SITEMAP = "user-agent", "allow", "disallow", "crawl-delay", "sitemap"
_DIRECTIVES = {
    b"user-agent": _AGENT,
    b"useragent": _AGENT,
    b"allow": _ALLOW,
    b"disallow": _DISALLOW,
    b"dissallow": _DISALLOW,  # misspellings that other crawlers understand, and sites therefore rely on
    b"dissalow": _DISALLOW,
    b"disalow": _DISALLOW,
    b"diasllow": _DISALLOW,
    b"disallaw": _DISALLOW,
    b"crawl-delay": _DELAY,
    b"sitemap": _SITEMAP,
    b"site-map": _SITEMAP,
}
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|[^A-Za-z0-9._~:/?#\[\]@!&'()+,;=-]", re.DOTALL)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True)
class RobotsPolicy:
    """What one origin allows.

    Attributes:
        delay: seconds between requests that it asks for, at most 30.
        refusal: why nothing may be fetched, where the file could not be had; else empty.
        sitemaps: the addresses behind ``Sitemap:``, as they stand there, in order.
    """

    delay: float = 0.0
    refusal: str = ""
    sitemaps: tuple[str, ...] = ()
    _rules: _Rules | None = None

    @classmethod
    def of(cls, status: int, body: bytes, user_agent: str) -> RobotsPolicy:
        """Read an answer to the request for robots.txt.

        Args:
            status: the HTTP status, or UNREACHABLE where no answer came.
            body: the file, content coding removed.
            user_agent: the User-Agent that the crawl sends; its first product token is looked up.
        """
        if status == UNREACHABLE:
            return cls(refusal="robots.txt could not be fetched, which forbids everything")
        if status >= 500 or status == 429:
            return cls(refusal=f"robots.txt answered {status}, which forbids everything")
        if status >= 300:  # "unavailable", and redirects beyond those that must be followed
            return cls()
        parsed = _parsed(body, user_agent)
        group = parsed.group
        return cls(min(group.delay, _LONGEST_DELAY), "", tuple(parsed.sitemaps), _Rules.of(group))

    @classmethod
    def ignored(cls) -> RobotsPolicy:
        """Return the policy for a spec that says ``robots: ignore``."""
        return cls()

    def allows(self, url: str) -> bool:
        """Say whether a URL of the origin may be fetched."""
        return not self.forbids(url)

    def forbids(self, url: str) -> str:
        """Return what forbids a URL of the origin, for people; empty where it may be fetched."""
        if self.refusal or self._rules is None:
            return self.refusal
        return self._rules.forbids(url)


@dataclass(frozen=True)
class _Rule:
    """An Allow or Disallow line with a value.

    Attributes:
        parts: the pattern, normalized, cut at its wildcards.
        ends: whether the pattern must match to the URL's end (``$``).
        length: of the pattern in octets; the longest that matches decides.
    """

    allows: bool
    parts: tuple[bytes, ...]
    ends: bool
    length: int
    line: int
    text: bytes

    @classmethod
    def of(cls, allows: bool, value: bytes, line: int) -> _Rule:
        pattern, ends = (value[:-1], True) if value.endswith(b"$") else (value, False)
        parts = tuple(map(_normalized, re.split(rb"\*+", pattern)))
        length = sum(map(len, parts)) + len(parts) - 1 + ends
        return cls(allows, parts, ends, length, line, value)

    @property
    def is_prefix(self) -> bool:
        return len(self.parts) == 1 and not self.ends

    def matches(self, target: bytes) -> bool:
        """Say whether the pattern matches: each part at the first place behind the one before it."""
        first, *others = self.parts
        if not target.startswith(first):
            return False
        if not others:
            return not self.ends or len(target) == len(first)
        *middle, last = others
        position = len(first)
        for part in middle:
            found = target.find(part, position)
            if found < 0:
                return False
            position = found + len(part)
        if self.ends:
            return len(target) - len(last) >= position and target.endswith(last)
        return target.find(last, position) >= 0


@dataclass(frozen=True)
class _Rules:
    """The rules of one group, arranged for asking: plain prefixes by their bytes, patterns longest first."""

    agent: str
    prefixes: dict[bytes, _Rule]
    lengths: tuple[int, ...]
    patterns: tuple[_Rule, ...]

    @classmethod
    def of(cls, group: _Group) -> _Rules | None:
        if not group.rules:
            return None
        prefixes: dict[bytes, _Rule] = {}
        for rule in group.rules:
            if rule.is_prefix:
                known = prefixes.get(rule.parts[0])
                prefixes[rule.parts[0]] = rule if known is None or rule.allows else known
        patterns = sorted(
            (r for r in group.rules if not r.is_prefix), key=lambda r: (-r.length, not r.allows)
        )
        lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)
        return cls(group.agent, prefixes, tuple(lengths), tuple(patterns))

    def forbids(self, url: str) -> str:
        target = _target(url)
        if target == b"/robots.txt":
            return ""
        rule = self._deciding(target)
        if rule is None or rule.allows:
            return ""
        text = printable(rule.text.decode("utf-8", "replace"), 100)
        return f"robots.txt forbids it: line {rule.line}, `Disallow: {text}` for `User-agent: {self.agent}`"

    def _deciding(self, target: bytes) -> _Rule | None:
        """Return the longest rule that matches; of two as long as each other the one that allows."""
        best: _Rule | None = None
        for length in self.lengths:
            if length <= len(target) and (best := self.prefixes.get(target[:length])) is not None:
                break
        for rule in self.patterns:
            if best is not None and (rule.length, rule.allows) <= (best.length, best.allows):
                break
            if rule.matches(target):
                return rule
        return best


@dataclass
class _Group:
    """The rules of all groups for one agent, merged."""

    agent: str
    named: bool = False
    delay: float = 0.0
    rules: list[_Rule] = field(default_factory=list)


@dataclass
class _Parsed:
    """A robots.txt, as far as it concerns one crawler."""

    group: _Group
    sitemaps: list[str] = field(default_factory=list)


def _parsed(body: bytes, user_agent: str) -> _Parsed:
    """Read a robots.txt for a crawler: its own groups where there is one, else those for all."""
    product = _PRODUCT.match(user_agent.encode())
    name = product[0].lower() if product else b""
    own, common = _Group(name.decode()), _Group("*")
    sitemaps: list[str] = []
    current: list[_Group] = []
    naming = False  # whether the line before, of those that form groups, named an agent
    lines = _LINE_END.split(body[:PARSED].removeprefix(_BOM))
    if len(body) >= PARSED:
        lines.pop()  # it may have been cut
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.match(line.partition(b"#")[0])
        directive = _DIRECTIVES.get(match[1].lower()) if match else None
        if match is None or directive is None:
            continue
        value = match[2].strip()
        if directive == _SITEMAP:
            if value and len(sitemaps) < _MOST_SITEMAPS:
                sitemaps.append(value.decode("utf-8", "replace"))
            continue
        if directive == _AGENT:
            current = current if naming else []
            group = _group_of(value, own, name, common)
            if group is not None and group not in current:
                group.named = True
                current.append(group)
        elif directive == _DELAY:
            for group in current:
                group.delay = max(group.delay, _delay(value))
        elif value:
            for group in current:
                group.rules.append(_Rule.of(directive == _ALLOW, value, number))
        naming = directive == _AGENT
    return _Parsed(own if own.named else common, sitemaps)


def _group_of(value: bytes, own: _Group, name: bytes, common: _Group) -> _Group | None:
    if value[:1] == b"*" and not value[1:2].strip():
        return common
    product = _PRODUCT.match(value)
    return own if product and product[0].lower() == name else None


def _delay(value: bytes) -> float:
    try:
        delay = float(value)
    except ValueError:
        return 0.0
    return max(0.0, min(delay, _LONGEST_DELAY))  # NaN compares false: 0.0


def _target(url: str) -> bytes:
    """Return a URL's path and query, normalized for comparison with patterns."""
    return _normalized(target_of(url).encode("utf-8", "surrogatepass"))


def _normalized(text: bytes) -> bytes:
    """Return octets in the one spelling in which RFC 9309 (2.2.2) compares them.

    Escaped are those that a URI does not have as they are, and ``*`` and ``$``, which mean themselves here;
    unreserved ones are not escaped.
    """
    return _ESCAPE.sub(_respelled, text)


def _respelled(match: re.Match[bytes]) -> bytes:
    octet = int(match[1], 16) if match[1] else match[0][0]
    return bytes((octet,)) if octet in _UNRESERVED else b"%%%02X" % octet
