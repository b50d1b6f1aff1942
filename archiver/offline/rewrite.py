"""Mapping absolute URLs of archived origins to where they are served, in bodies of text.

Works on bytes, so that a page's charset does not matter as long as it contains ASCII; one that does not is decoded
and encoded again. Relative URLs need nothing: every origin keeps an origin of its own. Text that people read is
left as it was: in HTML only tags, scripts and styles are touched, and in those only what is followed.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Mapping

from archiver.core.capture import HTML_TYPES
from archiver.core.charset import declared_codec
from archiver.offline.hypertext import Edit, apply, outside_text, tamed
from archiver.offline.references import Mention, is_followed, mentions

if TYPE_CHECKING:
    from archiver.core.urlkey import Origin

HTML = "html"
SCRIPT = "script"
CODE = "code"
XML = "xml"
LIMIT = 32 << 20  # bytes; longer bodies are sent as they are: no page of text is that long

_MARKUP_TYPES = HTML_TYPES | {"image/svg+xml"}
_CODE_TYPES = frozenset({"text/css", "application/json", "text/json", "application/x-json", "importmap+json"})
_XML_TYPES = frozenset({"application/xml", "text/xml", "text/xsl"})
_SCRIPT_TYPE = re.compile(r"\A(?:text|application)/(?:x-)?(?:java|ecma|j|live)script(?:1\.[0-5])?\Z")
# What servers say that know nothing of a file: then its name tells more.
_UNTOLD_TYPES = frozenset({"", "text/plain", "application/octet-stream", "binary/octet-stream"})
_BY_ENDING = {
    "js": SCRIPT,
    "mjs": SCRIPT,
    "cjs": SCRIPT,
    "css": CODE,
    "json": CODE,
    "map": CODE,
    "webmanifest": CODE,
}
_DEFAULT_PORT = {b"http": 80, b"https": 443}

_WITHOUT_ASCII = ("utf-16-le", "utf-16-be", "iso2022_jp")
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A digest as the value of an integrity attribute that a script sets. Source: W3C Subresource Integrity.
_DIGEST = re.compile(
    rb"sha(?:256-[A-Za-z0-9+/]{43}=|384-[A-Za-z0-9+/]{64}|512-[A-Za-z0-9+/]{86}==)(?=[\"'`])"
)


def kind_of(media_type: str, url: str = "") -> str:
    """Return how a body is mapped: HTML, SCRIPT, CODE (styles and data), XML, or empty where it is not.

    Args:
        media_type: lowercase, without parameters; empty where the server told none.
        url: tells by its path's ending what a body is whose media type says nothing.
    """
    if media_type in _MARKUP_TYPES:
        return HTML
    if _SCRIPT_TYPE.match(media_type):
        return SCRIPT
    if media_type in _CODE_TYPES or media_type.endswith("+json"):
        return CODE
    if media_type in _XML_TYPES or media_type.endswith("+xml"):
        return XML
    if media_type in _UNTOLD_TYPES:
        name = url.partition("?")[0].rpartition("/")[2]
        ending = name.rpartition(".")[2].lower() if "." in name else ""
        return _BY_ENDING.get(ending, HTML if not media_type and ending in ("", "html", "htm") else "")
    return ""


class Rewriter:
    """Maps URLs for the pages of one origin, as one reader sees the addresses.

    Args:
        targets: base URL, without a final slash, of every archived origin.
        scheme: that of the page's own origin; what protocol-relative URLs mean.
    """

    def __init__(self, targets: Mapping[Origin, str], scheme: str) -> None:
        self._schemes = (b"https", b"http") if scheme == "https" else (b"http", b"https")
        self._targets: dict[tuple[bytes, bytes, int], bytes] = {}
        for origin, base in targets.items():
            host = f"[{origin.host}]" if ":" in origin.host else origin.host
            self._targets[(origin.scheme.encode(), host.encode(), origin.port)] = base.encode()
        self._hosts = frozenset(host for _, host, _ in self._targets)

    def rewrite(self, data: bytes, kind: str, content_type: str = "") -> bytes:
        """Return a body with its absolute URLs mapped: the very same object where there was nothing to do.

        Args:
            data: the body, content coding undone.
            kind: what ``kind_of`` said of it, not empty.
            content_type: the header's value, which may name a charset.
        """
        codec = _odd_codec(data, content_type)
        if not codec:
            return apply(data, self._edits(data, kind))
        try:
            text = data.decode(codec, _errors(codec)).encode("utf-8", "surrogatepass")
            mapped = apply(text, self._edits(text, kind))
            return (
                data
                if mapped is text
                else mapped.decode("utf-8", "surrogatepass").encode(codec, _errors(codec))
            )
        except UnicodeError:  # not in the charset that it says: what browsers make of it is theirs
            return data

    def header(self, value: str) -> str:
        """Return a header's value with its absolute URLs mapped."""
        data = value.encode("latin-1", "replace")
        return apply(data, self._edits(data, CODE)).decode("latin-1")

    def knows(self, url: bytes) -> bool:
        """Say whether an absolute or protocol-relative URL is of an archived origin."""
        found = mentions(url, self._hosts, markup=True)
        return bool(found) and found[0].start == 0 and self._target(found[0]) is not None

    def _edits(self, data: bytes, kind: str) -> list[Edit]:
        edits: list[Edit] = []
        for mention in mentions(data, self._hosts, markup=kind in (HTML, XML)):
            base = self._target(mention)
            if base is not None and is_followed(data, mention, shown_between_tags=kind != XML):
                edits.append((mention.start, mention.stop, _written(base, mention)))
        if kind == HTML and edits:
            inside = outside_text(data, [start for start, _, _ in edits])
            edits = [edit for edit, is_markup in zip(edits, inside) if is_markup]
        if kind == HTML:
            others = list(tamed(data, self.knows))
            return sorted(edits + others) if others else edits
        if kind == SCRIPT and b"sha" in data:
            return sorted(edits + _without_digests(data))
        return edits

    def _target(self, mention: Mention) -> bytes | None:
        for scheme in (mention.scheme,) if mention.scheme else self._schemes:
            base = self._targets.get((scheme, mention.host, mention.port or _DEFAULT_PORT[scheme]))
            if base is not None:
                return base
        return None


def _written(base: bytes, mention: Mention) -> bytes:
    """Return a base URL in the way in which the URL was written that it stands for."""
    scheme, _, rest = base.partition(b"://")
    if mention.slashes != b"//":
        rest = rest.replace(b"/", mention.slashes[: len(mention.slashes) // 2])
    return (scheme + mention.colon if mention.scheme else b"") + mention.slashes + rest


def _without_digests(data: bytes) -> list[Edit]:
    """Return the edits that empty a script's string literals that are digests: no integrity is then checked."""
    return [
        (match.start(), match.end(), b"")
        for match in _DIGEST.finditer(data)
        if data[match.start() - 1 : match.start()] == data[match.end() : match.end() + 1]
        and data[match.start() - 2 : match.start() - 1] != b"\\"
    ]


def _odd_codec(data: bytes, content_type: str) -> str:
    """Return the codec of a document in a charset in which ASCII is not written as ASCII; empty for others."""
    if b"\0" not in data and b"\x1b" not in data and data[:2] not in _MARKS:
        return ""  # none of their signs
    codec = declared_codec(data, content_type)
    return codec if codec in _WITHOUT_ASCII else ""


def _errors(codec: str) -> str:
    return "surrogatepass" if codec.startswith("utf-16") else "strict"
