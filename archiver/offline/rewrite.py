"""Mapping absolute URLs of archived origins to where they are served, in bodies of text.

Works on bytes, so that a page's charset does not matter as long as it contains ASCII. Relative URLs need
nothing: every origin keeps an origin of its own. Text that people read in HTML is left as it was; only
tags, scripts and styles are touched.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Iterator, Mapping

from archiver.core.capture import HTML_TYPES

if TYPE_CHECKING:
    from archiver.core.urlkey import Origin

HTML = "html"
CODE = "code"
LIMIT = 32 << 20  # bytes; longer bodies are sent as they are: no page of text is that long

_MARKUP_TYPES = HTML_TYPES | {"image/svg+xml"}
_CODE_TYPES = frozenset({"text/css", "application/json", "text/json", "application/x-json", "importmap+json"})
_SCRIPT_TYPE = re.compile(r"\A(?:text|application)/(?:x-)?(?:java|ecma)script\Z")
_DEFAULT_PORT = {b"http": 80, b"https": 443}

# What may stand before a host name for it to be the host of a URL: the scheme, and slashes as they are
# written in HTML, CSS and JavaScript, in JSON strings, and as HTML character references.
_BEFORE = re.compile(
    rb"(?:(?<![A-Za-z0-9+.\-])(https?)(:|\\u003[aA]|&#58;|&#x3[aA];))?"
    rb"(//|\\/\\/|\\u002[fF]\\u002[fF]|(?:&#47;){2}|(?:&#x2[fF];){2})\Z"
)
_AFTER = re.compile(rb"(?::([0-9]{1,5}))?(?![A-Za-z0-9_@:%\-]|\.[A-Za-z0-9])")
_REACH = 32  # bytes: the longest prefix that _BEFORE matches, and some
_NOT_BEFORE_SLASHES = re.compile(rb"[A-Za-z0-9:/_.\-]")

_TAG = re.compile(rb"</?[A-Za-z]")
_ODD = re.compile(rb"<[!?/]")  # doctypes, processing instructions and the like; they end at the first ">"
_TAG_MARK = re.compile(rb"[\"'>]")
_RAW_TEXT = re.compile(rb"<(script|style)\b", re.IGNORECASE)
_INTEGRITY = re.compile(rb"\sintegrity\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.IGNORECASE)
_SUBRESOURCE_TAG = re.compile(rb"<(?:script|link)\b[^<>]{0,4000}", re.IGNORECASE)
_META_POLICY = re.compile(
    rb"(<meta\b[^<>]{0,2000}?\bhttp-equiv\s*=\s*[\"']?)(?=content-security-policy)", re.IGNORECASE
)


def kind_of(media_type: str) -> str:
    """Return how bodies of a media type (lowercase, no parameters) are mapped: HTML, CODE, or empty."""
    if media_type in _MARKUP_TYPES:
        return HTML
    if media_type in _CODE_TYPES or media_type.endswith("+json") or _SCRIPT_TYPE.match(media_type):
        return CODE
    return ""


class Rewriter:
    """Maps URLs for the pages of one origin, as one reader sees the addresses.

    Args:
        targets: base URL, without a final slash, of every archived origin.
        scheme: that of the page's own origin; what protocol-relative URLs mean.
    """

    def __init__(self, targets: Mapping[Origin, str], scheme: str) -> None:
        self._scheme = scheme.encode()
        self._targets: dict[tuple[bytes, bytes, int], bytes] = {}
        for origin, base in targets.items():
            host = f"[{origin.host}]" if ":" in origin.host else origin.host
            self._targets[(origin.scheme.encode(), host.encode(), origin.port)] = base.encode()
        self._hosts = tuple(sorted({host for _, host, _ in self._targets}))

    def rewrite(self, data: bytes, kind: str) -> bytes:
        """Return a body with its absolute URLs mapped.

        In HTML, ``integrity`` is dropped from scripts and links, whose bytes may have been mapped
        too (the server checks them itself), and a policy in a ``meta`` tag is disarmed: it speaks of
        the live origins.
        """
        edits = list(self._edits(data))
        if kind == HTML:
            edits = _outside_text(data, edits)
        mapped = _apply(data, edits)
        return _disarm(mapped) if kind == HTML else mapped

    def header(self, value: str) -> str:
        """Return a header's value with its absolute URLs mapped."""
        return self.rewrite(value.encode("latin-1", "replace"), CODE).decode("latin-1")

    def _edits(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        found = [edit for host in self._hosts for edit in self._edits_for(data, host)]
        return iter(sorted(found))

    def _edits_for(self, data: bytes, host: bytes) -> Iterator[tuple[int, int, bytes]]:
        at = data.find(host)
        while at >= 0:
            before = _BEFORE.search(data, max(0, at - _REACH), at)
            after = _AFTER.match(data, at + len(host)) if before else None
            if before and after:
                new = self._replacement(data, before, host, after)
                if new is not None:
                    yield before.start(), after.end(), new
            at = data.find(host, at + len(host))

    def _replacement(
        self, data: bytes, before: re.Match[bytes], host: bytes, after: re.Match[bytes]
    ) -> bytes | None:
        scheme, colon, slashes = before.groups()
        if scheme is None:
            start = before.start()
            if start and _NOT_BEFORE_SLASHES.match(data, start - 1):
                return None  # another scheme's URL, or a path
            candidates = [self._scheme, b"http" if self._scheme == b"https" else b"https"]
        else:
            candidates = [scheme]
        for candidate in candidates:
            port = int(after[1]) if after[1] else _DEFAULT_PORT[candidate]
            base = self._targets.get((candidate, host, port))
            if base is not None:
                new_scheme, _, rest = base.partition(b"://")
                slash = slashes[: len(slashes) // 2]
                written = slashes + rest.replace(b"/", slash)
                return written if scheme is None else new_scheme + colon + written
        return None


def _apply(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    if not edits:
        return data
    pieces: list[bytes] = []
    end = 0
    for start, stop, new in edits:
        if start >= end:
            pieces += (data[end:start], new)
            end = stop
    pieces.append(data[end:])
    return b"".join(pieces)


def _outside_text(data: bytes, edits: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Keep the edits that are inside of tags, scripts, styles and comments.

    Most stand in a tag, which a look back tells; the page is only cut into tokens if one does not.
    """
    if all(_stand_in_tags(data, edits)):
        return edits
    starts: list[int] = []
    stops: list[int] = []
    for start, stop in _markup(data):
        starts.append(start)
        stops.append(stop)
    kept = []
    for edit in edits:
        at = bisect_right(starts, edit[0]) - 1
        if at >= 0 and edit[0] < stops[at]:
            kept.append(edit)
    return kept


def _stand_in_tags(data: bytes, edits: list[tuple[int, int, bytes]]) -> Iterator[bool]:
    """Say of each edit whether the nearest angle bracket before it is an opening one. Linear in time."""
    opened = closed = -1
    position = 0
    for start, _, _ in edits:
        opened = max(opened, data.rfind(b"<", position, start))
        closed = max(closed, data.rfind(b">", position, start))
        position = max(position, start)
        yield opened > closed


def _markup(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where markup begins and ends: tags, comments, whole scripts and styles. Linear in time.

    What is never closed takes the rest, as it does in browsers.
    """
    at = data.find(b"<")
    while at >= 0:
        end = _end_of_markup(data, at)
        if end > at:
            yield at, end
        at = data.find(b"<", max(end, at + 1))


def _end_of_markup(data: bytes, at: int) -> int:
    """Return where the markup ends that begins with a less-than sign; ``at`` where that is only a sign in text."""
    if data.startswith(b"<!--", at):
        return _after(data, b"-->", at + 4)
    if not _TAG.match(data, at):
        return _after(data, b">", at) if _ODD.match(data, at) else at
    end = _end_of_tag(data, at)
    raw = _RAW_TEXT.match(data, at)
    return _end_of_raw_text(data, raw[1].lower(), end) if raw else end


def _end_of_tag(data: bytes, at: int) -> int:
    """Return where a tag ends, quoted values respected.

    A loop, since a regular expression would remember every value for going back.
    """
    while mark := _TAG_MARK.search(data, at):
        if mark[0] == b">":
            return mark.end()
        at = _after(data, mark[0], mark.end())
    return len(data)


def _end_of_raw_text(data: bytes, name: bytes, start: int) -> int:
    closing = re.compile(rb"</" + name, re.IGNORECASE).search(data, start)
    return closing.start() if closing else len(data)


def _after(data: bytes, mark: bytes, start: int) -> int:
    at = data.find(mark, start)
    return at + len(mark) if at >= 0 else len(data)


def _disarm(page: bytes) -> bytes:
    folded = page.lower()
    if b"integrity" in folded:
        page = _SUBRESOURCE_TAG.sub(lambda tag: _INTEGRITY.sub(b"", tag[0]), page)
    if b"content-security-policy" in folded:
        page = _META_POLICY.sub(rb"\1x-archived-", page)
    return page
