"""What of an HTML page is markup, and which of its tags would not do what they did where the page is served now.

Bytes are looked at, nothing is parsed and put together again. All of it takes time linear in the page's length,
whatever the page. Source: WHATWG HTML, sections 13.2.5 (tokenization), 4.2.4 (link), 4.2.5 (meta) and 4.12.1 (script).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from html import unescape
from typing import Callable, Iterator, Sequence

Edit = tuple[int, int, bytes]
"""From where to where to replace, and by what."""

_TAG = re.compile(rb"</?[A-Za-z]")
_ODD = re.compile(rb"<[!?/]")  # doctypes, processing instructions and the like; they end at the first ">"
_TAG_MARK = re.compile(rb"[\"'>]")
_RAW_TEXT = re.compile(rb"<(script|style)\b", re.IGNORECASE)

# link, meta and script in any case. Searched by sets of letters: ignoring case takes several times as long.
_TAMED = re.compile(rb"<(?:[lmsLMS][ieIEcC][ntrNTR][kaiKAI](?:[pP][tT])?)[\s/][^<>]{0,8000}")
# No two repetitions that may take the same bytes stand side by side: a tag of spaces would take seconds.
_INTEGRITY = re.compile(rb"\sintegrity\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+)", re.IGNORECASE)
_CONNECTING = re.compile(
    rb"\s(?=rel\s*=\s*(?:[\"'][^\"'>]*|[^\s\"'>]*)\b(?:preconnect|dns-prefetch|prerender)\b)", re.IGNORECASE
)
_POLICY = re.compile(
    rb"\shttp-equiv\s*=\s*(?:[\"']\s*)?(?=content-security-policy|x-dns-prefetch-control)", re.IGNORECASE
)
_REFERRER = re.compile(rb"\sname\s*=\s*(?:[\"']\s*)?(?=referrer\b)", re.IGNORECASE)
_REFRESH = re.compile(rb"\shttp-equiv\s*=\s*(?:[\"']\s*)?(?=refresh\b)", re.IGNORECASE)
_CONTENT = re.compile(rb"\scontent\s*=\s*(?:\"([^\"]*)|'([^']*)|([^\s\"'>][^\s>]*))", re.IGNORECASE)
_SPECULATION = re.compile(rb"\stype\s*=\s*(?:[\"']\s*)?(?=speculationrules\b)", re.IGNORECASE)
_INTEGRITY_MEMBER = re.compile(rb"\"(?=integrity\"\s{0,20}:)")
_SET_ASIDE = b"x-archived-"

_SPACES = " \t\n\f\r"
_NAMED = re.compile(r"url[ \t\n\f\r]*=", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]{2}")  # browsers take a backslash for a slash
_REMOVED = str.maketrans("", "", "\t\n\r")  # from URLs, by browsers (WHATWG URL, section 4.4)


def outside_text(data: bytes, places: Sequence[int]) -> list[bool]:
    """Say of each place, in ascending order, whether it is inside of a tag, script, style or comment.

    Most stand in a tag, which a look back tells; the page is only cut into tokens if one does not.
    """
    in_tags = list(_stand_in_tags(data, places))
    if all(in_tags):
        return in_tags
    starts: list[int] = []
    stops: list[int] = []
    for start, stop in _markup(data):
        starts.append(start)
        stops.append(stop)
    found = []
    for place in places:
        at = bisect_right(starts, place) - 1
        found.append(at >= 0 and place < stops[at])
    return found


def tamed(data: bytes, is_archived: Callable[[bytes], bool]) -> Iterator[Edit]:
    """Yield the edits that keep a page's tags from what they must not do, or no longer can.

    - ``integrity`` goes: what it is of may be mapped, and the server checks what it sends itself;
    - connections made in advance go nowhere where there is no network;
    - policies in ``meta`` tags speak of the live origins, and one may let addresses of this server out as referrers;
    - a refresh, or rules for fetching in advance, lead out of the archive without a reader's doing.

    Args:
        data: the page.
        is_archived: says of an absolute or protocol-relative URL whether it is of an archived origin.
    """
    seen = 0
    for opening in _TAMED.finditer(data):
        start, tag = opening.start(), opening[0]
        if start < seen:
            continue  # in an import map
        folded = tag.lower()
        if folded.startswith(b"<m"):
            yield from _tamed_meta(tag, folded, start, is_archived)
            continue
        if b"integrity" in folded:
            for match in _INTEGRITY.finditer(tag):
                yield start + match.start(), start + match.end(), b""
        if folded.startswith(b"<l"):
            if b"pre" in folded:  # as in all that is looked for
                yield from _set_aside(_CONNECTING, tag, start)
            continue
        if b"speculationrules" in folded:
            yield from _set_aside(_SPECULATION, tag, start)
        if b"type" in folded and b"importmap" in folded:
            seen = _end_of_raw_text(data, b"script", opening.end())
            for match in _INTEGRITY_MEMBER.finditer(data, opening.end(), seen):
                yield match.end(), match.end(), _SET_ASIDE


def refresh_target(value: str) -> str:
    """Return what a refresh leads to, empty where that is the page itself.

    Cut by hand: an expression for it would go back over every run of spaces, for minutes where there are many.

    Args:
        value: of the header ``Refresh``, or of ``content`` in the ``meta`` tag that stands for it.

    Source: WHATWG HTML, section 4.2.5.3, "shared declarative refresh steps".
    """
    text = value.lstrip(_SPACES).lstrip("0123456789.").lstrip(_SPACES)
    text = (text[1:] if text.startswith((";", ",")) else text).lstrip(_SPACES)
    named = _NAMED.match(text)
    text = text[named.end() :].lstrip(_SPACES) if named else text
    if text.startswith(("'", '"')):
        text = text[1:].partition(text[0])[0]
    return text.strip(_SPACES)


def stays(target: str, is_archived: Callable[[bytes], bool]) -> bool:
    """Say whether a URL leads to the page's own origin or to another one that is archived.

    Args:
        target: the URL, in a header or, character references undone, in a page.
        is_archived: says of an absolute or protocol-relative URL whether it is of an archived origin.
    """
    target = target.strip().translate(_REMOVED)
    return not _ABSOLUTE.match(target) or is_archived(target.encode("latin-1", "replace"))


def apply(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return data with edits made, which come in ascending order; of overlapping ones the first counts."""
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


def _tamed_meta(
    tag: bytes, folded: bytes, start: int, is_archived: Callable[[bytes], bool]
) -> Iterator[Edit]:
    if b"referrer" in folded:
        yield from _set_aside(_REFERRER, tag, start)
    if b"http-equiv" in folded:
        yield from _set_aside(_POLICY, tag, start)
        content = _CONTENT.search(tag) if b"refresh" in folded else None
        if content is not None:
            value = unescape((content[1] or content[2] or content[3] or b"").decode("latin-1"))
            if not stays(refresh_target(value), is_archived):
                yield from _set_aside(_REFRESH, tag, start)


def _set_aside(pattern: re.Pattern[bytes], tag: bytes, start: int) -> Iterator[Edit]:
    """Yield the edit that puts a prefix where a pattern's match ends, which makes the name there one of nothing."""
    match = pattern.search(tag)
    if match is not None:
        yield start + match.end(), start + match.end(), _SET_ASIDE


def _stand_in_tags(data: bytes, places: Sequence[int]) -> Iterator[bool]:
    """Say of each place whether the nearest angle bracket before it is an opening one. Linear in time."""
    opened = closed = -1
    position = 0
    for place in places:
        opened = max(opened, data.rfind(b"<", position, place))
        closed = max(closed, data.rfind(b">", position, place))
        position = max(position, place)
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
