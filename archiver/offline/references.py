"""Finding URLs of known hosts in bytes of text, and telling those that are followed from those that are read.

Scripts and data mix both: ``href:"https://…"`` leads somewhere, ``"curl https://… | sh"`` is to be read, and copied,
as it was written. What stands before a URL tells them apart: a quote, a bracket or an equals sign opens a
reference, a word and a space do not.

Sources: WHATWG URL (hosts), WHATWG HTML section 13.5 (character references), ECMA-262 section 12.9.4 (escapes in
strings), RFC 8259 section 7 (escapes in JSON).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Collection, Iterable, Iterator

_HOST = rb"([A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)*|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?"
# Two slashes, as they are written plainly, in JSON and scripts (which may hold JSON in turn), and in HTML. Each
# pattern begins with what it is searched by: with alternatives there, a search takes a hundred times as long.
_BACKSLASHED = re.compile(
    rb"\\(?:\\{0,6}/\\{1,7}/|\\{0,2}u002[fF]\\{1,3}u002[fF]|\\{0,2}x2[fF]\\{1,3}x2[fF])" + _HOST
)
_ENTITIES = re.compile(rb"&(?:#0{0,5}47;&#0{0,5}47|#[xX]0{0,5}2[fF];&#[xX]0{0,5}2[fF]|sol;&sol);" + _HOST)
_COLON = re.compile(
    rb"([Hh][Tt][Tt][Pp][Ss]?)(\\{1,3}u003[aA]|\\{1,3}x3[aA]|&#0{0,5}58;|&#[xX]0{0,5}3[aA];|&colon;)\Z"
)
_AFTER_BACKSLASH, _AFTER_AMPERSAND = frozenset(b"\\/ux"), frozenset(b"#s")
_MOST_LEAPS = 200  # each takes as long as a search through some hundred bytes
_LONGEST_COLON = 20  # bytes that _COLON looks back over

_NOT_AFTER = frozenset(
    b"@:%-_" + bytes(range(0x30, 0x3A)) + bytes(range(0x41, 0x5B)) + bytes(range(0x61, 0x7B))
)
_NAMESPACE = re.compile(
    rb"/(?:1999/xhtml|2000/svg|1998/Math/MathML|1999/xlink|XML/1998/namespace|2000/xmlns)\b"
)

_SPACE = frozenset(b" \t\r\n\f")
_TAG_END = ord(">")
_QUOTES = frozenset(b"\"'`")
_OPENING = (
    b"",
    b'"',
    b"'",
    b"`",
    b"(",
    b"=",
    b",",
    b";",
)  # what opens a reference even from beyond white space
_WORD = frozenset(b"+-._" + bytes(range(0x30, 0x3A)) + bytes(range(0x41, 0x5B)) + bytes(range(0x61, 0x7B)))
_WINDOW = 96  # bytes looked back over
_PROSE = frozenset(b"/?:<" + bytes(range(0x80, 0x100)))  # languages without spaces write on after a word
# In another URL's query; in brackets that are neither a style's url() nor a link of Markdown; as an escaped tag's end.
_READ = re.compile(rb"(?:[?&;][A-Za-z0-9_.\[\]%\-]{1,64}=|(?<![uU][rR][lL])(?<!\])\(|&[lg]t;)\Z")
_ESCAPED_QUOTE = re.compile(rb"\\(?:u002[27]|u0060|x2[27]|u003[dD]|u0028)\Z")
# Children of an element, as JSX and Vue's render functions are compiled: text that is shown.
_CHILD = re.compile(rb"(?:\bchildren\\{0,3}[\"']?\s{0,2}:\s{0,2}\[?|(\})\s{0,4},\s{0,4})\\{0,3}[\"'`]\Z")
_LAST_ARGUMENT = re.compile(
    rb"[^\"'`\s]{0,2000}[\"'`]\s{0,4}(?:,\s{0,4}-?[0-9]{1,4}\s{0,4}(?:/\*[A-Z_, ]{0,60}\*/)?)?\s{0,4}\)"
)


@dataclass(frozen=True)
class Mention:
    """A URL's beginning in a text: from its scheme, or its slashes, to the end of its host and port.

    Attributes:
        start, stop: where it stands.
        scheme: in lowercase; empty where the URL is relative to the page's scheme.
        colon: what is written between scheme and slashes.
        slashes: how the two slashes are written.
        host: in lowercase, an IPv6 address in brackets.
        port: as written; 0 where none is.
    """

    start: int
    stop: int
    scheme: bytes
    colon: bytes
    slashes: bytes
    host: bytes
    port: int


def mentions(data: bytes, hosts: Collection[bytes], *, markup: bool) -> list[Mention]:
    """Return the mentions of hosts in a text, in their order. Takes time linear in the text's length.

    Args:
        data: the text, in any encoding that contains ASCII.
        hosts: in lowercase.
        markup: whether character references may stand for slashes.
    """
    if not hosts:
        return []
    found = list(_known(_plain(frozenset(hosts)).finditer(data), data, hosts))
    found += _known(_leaping(_BACKSLASHED, b"\\", _AFTER_BACKSLASH, data), data, hosts)
    if markup:
        found += _known(_leaping(_ENTITIES, b"&", _AFTER_AMPERSAND, data), data, hosts)
    found.sort(key=lambda mention: mention.start)
    return found


def is_followed(data: bytes, mention: Mention, *, shown_between_tags: bool) -> bool:
    """Say whether something is to be fetched or gone to by a URL, rather than a reader to read it.

    Args:
        data: the text.
        mention: where in it the URL stands.
        shown_between_tags: whether what follows a tag is text; in feeds and sitemaps it is data.
    """
    if _NAMESPACE.match(data, mention.stop):
        return False  # the name of a vocabulary, which happens to look like an address
    at = mention.start
    if at == 0:
        return True
    before = data[at - 1]
    window = data[max(0, at - _WINDOW) : at]
    if before in _SPACE:
        opening = window.rstrip()[-1:]
        return opening in _OPENING or (opening == b">" and not shown_between_tags)
    if before in _QUOTES:
        return not _is_child(data, mention, window)
    if before in _WORD:
        return _ESCAPED_QUOTE.search(window) is not None
    read = before in _PROSE or _READ.search(window) or (before == _TAG_END and shown_between_tags)
    return not read


@lru_cache(maxsize=64)  # as many sets of hosts as there are choices of snapshots, mostly one
def _plain(hosts: frozenset[bytes]) -> re.Pattern[bytes]:
    """Return what finds the hosts after two plain slashes, and passes most others over by their first letter."""
    firsts = re.escape(b"".join({each for host in hosts for each in (host[:1], host[:1].upper())}))
    return re.compile(rb"//(?=[" + firsts + rb"])" + _HOST)


def _leaping(
    pattern: re.Pattern[bytes], first: bytes, second: Collection[int], data: bytes
) -> Iterator[re.Match[bytes]]:
    """Yield what a pattern's ``finditer`` does, leaping from one place where it may begin to the next while they are few.

    In pages they mostly are, and a search would look at every byte. Where they turn out to be many it is quicker, and has
    the rest.

    Args:
        pattern: what to find.
        first: the byte that it begins with.
        second: the bytes that may come then.
        data: the text.
    """
    at, last = data.find(first), len(data) - 1
    for _ in range(_MOST_LEAPS):
        if at < 0 or at == last:
            return
        match = pattern.match(data, at) if data[at + 1] in second else None
        if match is None:
            at = data.find(first, at + 1)
        else:
            yield match
            at = data.find(first, match.end())
    if at >= 0:
        yield from pattern.finditer(data, at)


def _known(matches: Iterable[re.Match[bytes]], data: bytes, hosts: Collection[bytes]) -> Iterator[Mention]:
    for match in matches:
        host = match[1].lower()
        if host not in hosts:
            continue
        start, stop = match.span()
        if data[stop : stop + 1] == b"." and data[stop + 1 : stop + 2] in (b"/", b":"):
            continue  # the name with its root, which nobody writes
        if stop < len(data) and data[stop] in _NOT_AFTER:
            continue
        scheme, colon = _scheme_before(data, start)
        if scheme or _may_begin(data, start):
            slashes = data[start : match.start(1)]
            start -= len(scheme) + len(colon)
            yield Mention(start, stop, scheme.lower(), colon, slashes, host, int(match[2] or 0))


def _may_begin(data: bytes, at: int) -> bool:
    """Say whether a protocol-relative URL may begin at a place: it may not in a path or behind another scheme."""
    if not at or (data[at - 1] not in _WORD and data[at - 1] not in b":/\\"):
        return True
    return _ESCAPED_QUOTE.search(data[max(0, at - _LONGEST_COLON) : at]) is not None


def _scheme_before(data: bytes, at: int) -> tuple[bytes, bytes]:
    """Return the scheme and the colon that end at a place, empty where there is none of HTTP's."""
    head = data[max(0, at - _LONGEST_COLON) : at]
    if head.endswith(b":"):
        for length in (5, 4):
            scheme = head[-1 - length : -1]
            if scheme.lower() in (b"https", b"http"):
                return scheme, b":"
        return b"", b""
    escaped = _COLON.search(head)
    return (escaped[1], escaped[2]) if escaped else (b"", b"")


def _is_child(data: bytes, mention: Mention, window: bytes) -> bool:
    child = _CHILD.search(window)
    if child is None:
        return False
    return child[1] is None or _LAST_ARGUMENT.match(data, mention.stop) is not None
