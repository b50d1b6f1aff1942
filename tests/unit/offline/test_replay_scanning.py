"""The quick ways through a page find what the plain ones do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Iterator

from hypothesis import given
from hypothesis import strategies as st

from archiver.core.urlkey import Origin
from archiver.offline import hypertext, references
from archiver.offline.rewrite import Rewriter

if TYPE_CHECKING:
    from archiver.offline.hypertext import Edit

_REWRITER = Rewriter({Origin.of("https://a.example.org"): "http://127.0.0.1:8081"}, "https")
_URLS = (
    "https://a.example.org",
    r"https:\/\/a.example.org",
    r"\u002F\u002fa.example.org",
    "&#47;&#x2f;",
    "&sol;",
)
_TAGS = (
    "<link ", "<LiNk rel=preconnect ", "<link rel='dns-prefetch' ", "<meta ", "<META name=referrer ",
    "<meta http-equiv=refresh content='0;url=//live.example' ", "<script ", "<Script integrity=sha256-x ",
    "<script type=speculationrules>", "<script type=importmap>", "<script type='importmap' integrity>",
    ' "integrity": {} ', "</script>", "<li>", "<", ">", " ", "'", '"', "type", "pre", "integrity='",
)  # fmt: skip
_ODD = ("\\", "\\\\", "\\/", "\\/\\/", "\\u002f\\u002f", "\\x2f\\x2fa.example.org", "&", "&#", "//", ":", "x")
PAGES = st.lists(st.sampled_from((*_URLS, *_TAGS, *_ODD)), max_size=60).map(
    lambda parts: "".join(parts).encode()
)


def _tamed_step_by_step(data: bytes) -> Iterator[Edit]:
    """Look for one tag after the other, and in each for whatever there may be."""
    at = 0
    while opening := hypertext._TAMED.search(data, at):
        (start, at), tag = opening.span(), opening[0]
        name = tag[:2].lower()
        if name == b"<m":
            yield from hypertext._tamed_meta(tag, tag.lower(), start, _REWRITER.knows)
            continue
        for match in hypertext._INTEGRITY.finditer(tag):
            yield start + match.start(), start + match.end(), b""
        if name == b"<l":
            yield from hypertext._set_aside(hypertext._CONNECTING, tag, start)
            continue
        yield from hypertext._set_aside(hypertext._SPECULATION, tag, start)
        if b"type" in tag.lower() and b"importmap" in tag.lower():
            end = re.compile(rb"</script|\Z", re.IGNORECASE).search(data, at)
            assert end is not None
            for match in hypertext._INTEGRITY_MEMBER.finditer(data, at, end.start()):
                yield match.end(), match.end(), b"x-archived-"
            at = end.start()


@given(PAGES)
def test_tags_are_tamed_as_one_by_one(page: bytes) -> None:
    """Words that are looked for first, to save a search, never keep an edit from being made."""
    assert list(hypertext.tamed(page, _REWRITER.knows)) == list(_tamed_step_by_step(page))


@given(PAGES, st.integers(0, 300), st.sampled_from([b"\\n", b"&amp;", b"&", b"\\"]))
def test_escaped_slashes_are_found_however_many_escapes_there_are(
    page: bytes, more: int, piece: bytes
) -> None:
    """Leaping finds what a search does, before it gives way to one and after."""
    text = page + piece * more + page
    for pattern, first, second in (
        (references._BACKSLASHED, b"\\", references._AFTER_BACKSLASH),
        (references._ENTITIES, b"&", references._AFTER_AMPERSAND),
    ):
        found = [match.span() for match in references._leaping(pattern, first, second, text)]
        assert found == [match.span() for match in pattern.finditer(text)]


@given(
    PAGES, st.sets(st.sampled_from([b"a.example.org", b"live.example", b"x", b"[::1]", b"-x", b"127.0.0.1"]))
)
def test_hosts_are_found_whatever_the_others_are(page: bytes, hosts: set[bytes]) -> None:
    """Passing over what begins otherwise than the hosts that are looked for never passes over one of them."""
    text = page + b"//X //[::1]:8 ///127.0.0.1////-x//A.example.ORG" + page
    every = re.compile(rb"//" + references._HOST)
    slow = [match.start() for match in every.finditer(text) if match[1].lower() in hosts]
    quick = [
        match.start() for match in references._plain(frozenset(hosts) or frozenset((b"?",))).finditer(text)
    ]
    assert set(slow) <= set(quick)
    assert bool(hosts) or not references.mentions(text, hosts, markup=True)
