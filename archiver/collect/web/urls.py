"""URLs as browsers read them, in the one spelling that is requested, recorded and compared.

Parsing and joining follow the WHATWG URL standard (https://url.spec.whatwg.org/). On top of that the
path and query are made valid by RFC 3986, section 2, because HTTP clients and WARC readers expect that:
what WHATWG leaves bare (``|``, ``[``, a stray ``%``) is percent-encoded, and escapes are in capitals.
Escapes are never undone, so two URLs that a server may tell apart stay apart.
"""

from __future__ import annotations

import re

import ada_url

LONGEST = 8 << 10
"""URLs longer than this many characters are not followed."""

_AUTHORITY = re.compile(r"\A(https?://)(?:[^/?#]*@)?([^/?#]+)")
_CLEAN = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/?]*\Z")
_PLAIN = re.compile(r"((?:\.\./)*+)((?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*+/?+)++)")
_UNCLEAN = re.compile(r"%([0-9A-Fa-f]{2})|([^A-Za-z0-9\-._~!$&'()*+,;=:@/?])")


def resolve(base: str, raw: str) -> str | None:
    """Return the absolute URL that a reference means, without its fragment.

    Args:
        base: an absolute URL.
        raw: the reference as the document has it, relative or absolute.

    Returns:
        A URL in the canonical spelling, with any user name and password removed; a URL of another
        scheme as WHATWG serialises it; None where the reference is not a URL at all.
    """
    try:
        joined = ada_url.join_url(base, raw)
    except ValueError:
        return None
    return canonical(joined) if is_web(joined) else joined


class Resolver:
    """Resolves many references of one document: as ``resolve`` does, and the plain ones without parsing them.

    Args:
        base: an absolute URL; in canonical spelling where it is http(s).
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._folders: list[str] = []  # the document's folder, and those above it
        if is_web(base):
            origin, path = origin_of(base), target_of(base).partition("?")[0]
            while path:
                path = path[: path.rindex("/")]
                self._folders.append(f"{origin}{path}/")

    def resolve(self, raw: str) -> str | None:
        """Return the absolute URL that a reference means, as ``resolve`` does."""
        plain = _PLAIN.fullmatch(raw)
        if plain is None or not self._folders:
            return resolve(self._base, raw)
        up = len(plain[1]) // len("../")
        return self._folders[min(up, len(self._folders) - 1)] + plain[2]


def canonical(url: str) -> str:
    """Return the canonical spelling of an http(s) URL that WHATWG serialised."""
    url = url.partition("#")[0]
    authority = _AUTHORITY.match(url)
    if authority is None:
        return url
    target = url[authority.end() :] or "/"
    if _CLEAN.match(target) is None:
        target = _UNCLEAN.sub(_escaped, target)
    return authority[1] + authority[2] + target


def is_web(url: str) -> bool:
    """Say whether an absolute URL is http or https."""
    return url.startswith(("http://", "https://"))


def origin_of(url: str) -> str:
    """Return ``scheme://host[:port]`` of a canonical http(s) URL."""
    return url[: url.index("/", 8)]


def target_of(url: str) -> str:
    """Return the path and query of a canonical http(s) URL: what stands in the request line."""
    return url[url.index("/", 8) :]


def _escaped(match: re.Match[str]) -> str:
    if match[1]:
        return f"%{match[1].upper()}"
    return "".join(f"%{byte:02X}" for byte in match[2].encode("utf-8", "replace"))
