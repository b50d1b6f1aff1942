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
from ipaddress import ip_address
from urllib.parse import quote, unquote_to_bytes, urlsplit

from archiver.core.errors import InvalidURL

_DEFAULT_PORT = {"http": 80, "https": 443}
_WWW = re.compile(r"\Awww\d*\.")
_SAFE = "!$&'()*+,-./:;<=>?@[\\]^_`{|}~\""  # what stays unescaped in a key, beside letters and digits
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
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidURL("not a URL", place=f"{url:.200}") from error
        if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
            raise InvalidURL("not an absolute http or https URL", place=f"{url:.200}")
        return cls(parts.scheme, parts.hostname.lower(), port or _DEFAULT_PORT[parts.scheme])

    @property
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

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def surt_key(url: str) -> str:
    """Return the sort key of an absolute http(s) URL: ``org,example)/path?a=1&b=2``.

    Raises:
        InvalidURL: the URL has no http(s) scheme or no host.
    """
    origin = Origin.of(url)
    parts = urlsplit(url)
    host = _WWW.sub("", origin.host) or origin.host
    labels = ",".join(reversed(host.split("."))) if ":" not in host else host
    port = "" if origin.port == _DEFAULT_PORT[origin.scheme] else f":{origin.port}"
    path = _canonical_escapes(parts.path).lower()
    path = re.sub(r"/{2,}", "/", path)
    if len(path) > 1:
        path = path.rstrip("/")
    query = _canonical_escapes(parts.query).lower()
    query = _SESSION_ID.sub("", query).rstrip("&")
    if query:
        query = "?" + "&".join(sorted(query.split("&")))
    return f"{labels}{port}){path or '/'}{query}"


def _canonical_escapes(text: str) -> str:
    """Undo needless percent-escapes, then escape what a space-separated ASCII index cannot hold."""
    raw = unquote_to_bytes(text.encode("utf-8", "surrogatepass"))
    return quote(raw, safe=_SAFE)
