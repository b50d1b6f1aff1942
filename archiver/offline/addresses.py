"""Where each archived origin is served, as the reader of one request sees it.

Three ways to tell origins apart exist side by side: a port each; a label below ``.localhost`` or below a
domain of the operator's; and the original host names, where DNS points them here. An address is always
built from the Host that the request came with, so that a reader on another machine can follow it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Callable, Iterable, Mapping
from urllib.parse import urlsplit

from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin
from archiver.offline.ip import parse_ip
from archiver.offline.wsgi import Host

if TYPE_CHECKING:
    from archiver.offline.wsgi import Caller

MOUNT = "/-/o/"  # requisite-only origins live below it, on every docs origin
AUTHORITY = "/-/ca.crt"  # on the main site: the certificate that clients have to trust
LOCAL_SUFFIX = "localhost"  # browsers resolve *.localhost to this machine (RFC 6761)
_STANDARD_PORTS = {"http": 80, "https": 443}
_VIEWS = 256  # readers, by what they call the server, whose addresses are kept ready
_MOST_LABEL = 50  # of the 63 that DNS allows; leaves room for a number


@dataclass(frozen=True, eq=False)  # told apart by identity: what is made for a view is kept by it
class View:
    """All addresses as one reader sees them.

    Attributes:
        main: base URL of the landing page, search and files, without a final slash; behind a reverse proxy it may
            have a path.
        bases: base URL of every origin that has an address of its own.
        mounted: origins that live below ``/-/o/`` of whichever docs origin refers to them.
        has_authority: whether clients have to trust a certificate of this server's own, at ``/-/ca.crt``.
    """

    main: str
    bases: Mapping[Origin, str]
    mounted: frozenset[Origin] = field(default_factory=frozenset)
    has_authority: bool = False

    @property
    def main_origin(self) -> str:
        """Scheme, host and port of the main site: where the registry is, and what policies name."""
        parts = urlsplit(self.main)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def prefix(self) -> str:
        """The path that the main site's own pages are below, without a final slash; mostly empty."""
        return urlsplit(self.main).path

    @property
    def sources(self) -> tuple[str, ...]:
        """What policies call the addresses of archived origins (CSP level 3, section 2.3.1).

        They cannot name an IPv6 address: its port stands for it then, of any host, unless it is one that others have.
        """
        return tuple(sorted(filter(None, map(_source, self.bases.values()))))

    @property
    def main_source(self) -> str:
        """What policies call the main site, or nothing where they cannot."""
        return _source(self.main_origin)

    def targets(self, here: Origin) -> dict[Origin, str]:
        """Return the base URL of every archived origin, as a page of the origin ``here`` must name it.

        The other scheme of an archived host leads to the same place, unless it was archived too.
        """
        found = dict(self.bases)
        for origin in self.mounted:
            found[origin] = f"{self.bases.get(here, '')}{mount_path(origin)}"
        for origin, base in list(found.items()):
            twin = scheme_twin(origin)
            if twin is not None:
                found.setdefault(twin, base)
        return found

    def address(self, url: str) -> str:
        """Return what to link an archived URL to: where it is served, else itself; nothing where no browser gets it by HTTP."""
        return self.locate(url) or (url if url.startswith(("http://", "https://")) else "")

    def locate(self, url: str) -> str | None:
        """Return the address of an archived URL, below the first address for a mounted origin; None for others."""
        try:
            origin = Origin.of(url)
        except InvalidURL:
            return None
        twin = scheme_twin(origin)
        for one in (origin, twin) if twin else (origin,):
            if one in self.bases:
                return f"{self.bases[one]}{path_and_query(url, fragment=True)}"
            if one in self.mounted and self.bases:
                below = f"{next(iter(self.bases.values()))}{mount_path(one)}"
                return f"{below}{path_and_query(url, fragment=True)}"
        return None

    def with_mounted(self, origins: Iterable[Origin]) -> View:
        """Return the addresses with further origins mounted."""
        return replace(self, mounted=self.mounted.union(origins))


@dataclass(frozen=True)
class AddressBook:
    """The ports and labels that were given out when the server started.

    Attributes:
        main_port: the port of the landing page.
        ports: a port for each origin that has an address; empty where one port serves all.
        labels: a DNS label for each of the same origins.
        mounted: the origins that have no address of their own.
        domain: where one port serves all, the domain below which the labels stand; else empty.
        has_authority: as in ``View``.
    """

    main_port: int
    ports: Mapping[Origin, int]
    labels: Mapping[Origin, str]
    mounted: frozenset[Origin] = field(default_factory=frozenset)
    domain: str = ""
    has_authority: bool = False

    @property
    def origins(self) -> frozenset[Origin]:
        """All origins that an address was given out for."""
        return self.mounted.union(self.labels)

    def route(self, caller: Caller) -> Origin | None:
        """Return the origin that a request is for, or None where it is for the main site."""
        if caller.port != self.main_port:
            return self._by_port.get(caller.port)
        label, _, suffix = caller.host.name.partition(".")
        labelled = self._by_label.get(label) if suffix in self._suffixes else None
        return labelled or self._by_name(caller.host.name, caller.host.port)

    def is_astray(self, caller: Caller) -> bool:
        """Say whether a request came to a name below the operator's domain that no archived site has."""
        below = any(caller.host.name.endswith(f".{suffix}") for suffix in self._suffixes)
        return bool(self.domain) and below and self.route(caller) is None

    def view(self, caller: Caller) -> View:
        """Return the addresses for a reader who reaches this server so."""
        return self._views(caller)

    @property
    def names(self) -> tuple[str, ...]:
        """All host names that this server answers to, beside those that its machine has; for all below, ``*.``."""
        below = (f"{label}.{suffix}" for suffix in self._suffixes for label in self._by_label)
        wild = (f"*.{self.domain}",) if self.domain else ()
        return tuple(dict.fromkeys((*self._suffixes, *wild, *below, *self._by_host)))

    @cached_property
    def _views(self) -> Callable[[Caller], View]:
        return lru_cache(maxsize=_VIEWS)(self._make_view)

    def _make_view(self, caller: Caller) -> View:
        bases = {origin: self._base(origin, caller) for origin in self.labels}
        return View(self._main(caller), bases, self.mounted, self.has_authority)

    def _base(self, origin: Origin, caller: Caller) -> str:
        host = caller.host
        named = self._by_name(host.name, host.port) is not None
        if named and self._by_name(_bracketed(origin.host), host.port) == origin:
            return _url(caller.scheme, _bracketed(origin.host), host.port)
        suffix = self._suffix_of(host.name) or (self.domain if not self.ports else "")
        if suffix:
            return _url(caller.scheme, f"{self.labels[origin]}.{suffix}", host.port)
        return _url(caller.scheme, host.name, self.ports.get(origin, 0))

    def _main(self, caller: Caller) -> str:
        host, scheme = caller.host, caller.scheme
        if self.route(caller) is None and not self.is_astray(caller):
            return _url(scheme, host.name, host.port) + caller.prefix  # where they are
        if caller.port != self.main_port:
            return _url(scheme, host.name, self.main_port) + caller.prefix
        suffix = self._suffix_of(host.name) or self.domain
        if suffix:
            return _url(scheme, suffix, host.port) + caller.prefix
        # DNS leads the original names here, and tells no name of the server itself
        address = parse_ip(caller.address)
        return _url(scheme, _bracketed(str(address or LOCAL_SUFFIX)), self.main_port) + caller.prefix

    @cached_property
    def _suffixes(self) -> tuple[str, ...]:
        return (self.domain, LOCAL_SUFFIX) if self.domain else (LOCAL_SUFFIX,)

    @cached_property
    def _by_port(self) -> Mapping[int, Origin]:
        return {port: origin for origin, port in self.ports.items()}

    @cached_property
    def _by_label(self) -> Mapping[str, Origin]:
        return {label: origin for origin, label in self.labels.items()}

    @cached_property
    def _by_host(self) -> Mapping[str, tuple[Origin, ...]]:
        """The origins of each host name that DNS can lead here: addresses and this machine's own names it cannot."""
        found: dict[str, tuple[Origin, ...]] = {}
        for origin in self.labels:
            if parse_ip(origin.host) is None and origin.host not in self._suffixes:
                found[origin.host] = (*found.get(origin.host, ()), origin)
        return found

    def _suffix_of(self, name: str) -> str:
        """Return what the labels of a reader stand below, or nothing where they are told ports."""
        for suffix in self._suffixes:
            if name.endswith(f".{suffix}"):
                return suffix
        # plain "localhost" in port mode keeps to ports: not every program resolves *.localhost
        return name if name in self._suffixes and not self.ports else ""

    def _by_name(self, name: str, port: int) -> Origin | None:
        """Return the origin that a host name stands for; of several, the one with that port, or the usual one."""

        def fitness(one: Origin) -> tuple[bool, bool, bool]:
            return one.port == port, one.port in _STANDARD_PORTS.values(), one.scheme == "https"

        return max(self._by_host.get(name, ()), key=fitness, default=None)


def make_labels(origins: Iterable[Origin]) -> dict[Origin, str]:
    """Give each origin a distinct DNS label: ``https://docs.example.org:8443`` is ``docs-example-org-8443``."""
    labels: dict[Origin, str] = {}
    taken: set[str] = set()
    for origin in origins:
        stem = re.sub(r"[^a-z0-9]+", "-", origin.netloc.lower()).strip("-")[:_MOST_LABEL].strip("-") or "site"
        label, number = stem, 2
        while label in taken:
            label, number = f"{stem}-{number}", number + 1
        taken.add(label)
        labels[origin] = label
    return labels


def scheme_twin(origin: Origin) -> Origin | None:
    """Return the same host by the other scheme, where both use their own port."""
    if (origin.scheme, origin.port) == ("http", 80):
        return Origin("https", origin.host, 443)
    if (origin.scheme, origin.port) == ("https", 443):
        return Origin("http", origin.host, 80)
    return None


def mount_path(origin: Origin) -> str:
    """Return where a requisite-only origin is mounted, without a final slash."""
    return f"{MOUNT}{origin.scheme}/{origin.netloc}"


def mounted_url(path: str, query: str) -> str | None:
    """Return the original URL that a path below ``/-/o/`` stands for, or None where it stands for none."""
    scheme, _, rest = path[len(MOUNT) :].partition("/")
    netloc, _, tail = rest.partition("/")
    if scheme not in ("http", "https") or Host.parse(netloc) is None:
        return None
    return f"{scheme}://{netloc}/{tail}" + (f"?{query}" if query else "")


def path_and_query(url: str, *, fragment: bool = False) -> str:
    """Return what follows the origin in a URL, beginning with a slash."""
    parts = urlsplit(url)
    tail = (f"?{parts.query}" if parts.query else "") + (
        f"#{parts.fragment}" if fragment and parts.fragment else ""
    )
    return (parts.path or "/") + tail


def _url(scheme: str, name: str, port: int) -> str:
    return f"{scheme}://{name}" + (f":{port}" if port not in (0, _STANDARD_PORTS.get(scheme)) else "")


def _source(base: str) -> str:
    parts = urlsplit(base)
    if not parts.netloc.startswith("["):
        return base
    return f"{parts.scheme}://*:{parts.port}" if parts.port else ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
