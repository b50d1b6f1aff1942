"""Sort keys for URLs (SURT), as CDXJ indexes use them, and the parts of a URL that lookups need.

The canonical form is the one that the Internet Archive's tools settled on and that pywb and
wabac look up by: scheme, ``www.``, default port, fragment and a trailing slash dropped, case
folded, query arguments sorted. Several URLs may share one key; an index entry's own ``url``
tells them apart.

Sources: http://crawler.archive.org/articles/user_manual/glossary.html#surt and the CDXJ section
of the WACZ 1.1.1 specification.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from archiver.core.errors import InvalidURL

_DEFAULT_PORT = {"http": 80, "https": 443}
_WWW = re.compile(r"\Awww\d*\.")
_SAFE = "!$&'()*+,-./:;<=>?@[\\]^_`{|}~\""  # what stays unescaped in a key, beside letters and digits
_AS_IT_IS = re.compile(f"[A-Za-z0-9{re.escape(_SAFE)}]*")
_USUAL = re.compile(r"(https?)://([A-Za-z0-9.:-]+)(/[!-\"$->@-~]*)?(?:\?([!-\"$-~]*))?(?:#[!-~]*)?\Z")
_LONGEST_KNOWN = 300  # characters of host and port; none that exist are longer
_SESSION_ID = re.compile(
    r"(?:\A|(?<=[;&?]))(?:jsessionid|phpsessid|sid|aspsessionid[a-z]{8}|cfid|cftoken)=[0-9a-z-]{8,}(?:&|\Z)"
)


@dataclass(frozen=True, order=True)
class Origin:
    """Scheme, host and port of a site, as browsers compare them."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of an absolute http(s) URL. Raises InvalidURL for anything else."""
        try:
            scheme, netloc, _, _ = _split(url)
            read = _known_origin if len(netloc) <= _LONGEST_KNOWN else _read_origin
            found = read(scheme, netloc)
        except ValueError as error:
            raise InvalidURL("not a URL", place=f"{url:.200}") from error
        if found is None:
            raise InvalidURL("not an absolute http or https URL", place=f"{url:.200}")
        return found

    @cached_property
    def netloc(self) -> str:
        """``host`` or ``host:port``, the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine, by name or by address."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return f".{self.host}".removesuffix(".").endswith(".localhost")

    @cached_property
    def surt(self) -> str:
        """What the sort keys of its URLs begin with: ``org,example:8080)``."""
        host = _WWW.sub("", self.host) or self.host
        labels = ",".join(reversed(host.split("."))) if ":" not in host else host
        port = "" if self.port == _DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{labels}{port})"

    @cached_property
    def _text(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    def __str__(self) -> str:
        return self._text

    def __hash__(self) -> int:
        return hash(self._text)  # of a string it is made once


def _split(url: str) -> tuple[str, str, str, str]:
    """Return a URL's scheme, host with port, path and query as ``urlsplit`` does. Raises ValueError."""
    usual = _USUAL.match(url)
    if usual is not None:
        scheme, netloc, path, query = usual.groups("")
        return scheme, netloc, path, query
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path, parts.query


def _read_origin(scheme: str, netloc: str) -> Origin | None:
    """Return the origin that the beginning of a URL names; None where it is none of the web's. Raises ValueError."""
    parts = SplitResult(scheme, netloc, "", "", "")
    port = parts.port
    if scheme not in _DEFAULT_PORT or not parts.hostname:
        return None
    return Origin(scheme, parts.hostname.lower(), port or _DEFAULT_PORT[scheme])


_known_origin = lru_cache(maxsize=1024)(_read_origin)  # what is asked for comes from few


def surt_key(url: str) -> str:
    """Return the sort key of an absolute http(s) URL: ``org,example)/path?a=1&b=2``.

    Raises:
        InvalidURL: the URL has no http(s) scheme or no host.
    """
    origin = Origin.of(url)
    _, _, path, query = _split(url)
    path = _canonical_escapes(path).lower()
    if "//" in path:
        path = re.sub(r"/{2,}", "/", path)
    if len(path) > 1:
        path = path.rstrip("/")
    if query:
        query = _SESSION_ID.sub("", _canonical_escapes(query).lower()).rstrip("&")
        query = query and "?" + "&".join(sorted(query.split("&")))
    return f"{origin.surt}{path or '/'}{query}"


def _canonical_escapes(text: str) -> str:
    """Undo needless percent-escapes, then escape what a space-separated ASCII index cannot hold."""
    if _AS_IT_IS.fullmatch(text):  # most are, and that is told quickly
        return text
    raw = unquote_to_bytes(text.encode("utf-8", "surrogatepass"))
    return quote(raw, safe=_SAFE)
