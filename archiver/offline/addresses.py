"""Where each archived origin is served, as the reader of one request sees it.

Three ways to tell origins apart exist side by side: a port each; a label below ``.localhost`` or below a
domain of the operator's; and the original host names, where DNS points them here. An address is always
built from the Host that the request came with, so that a reader on another machine can follow it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Mapping
from urllib.parse import urlsplit

from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin
from archiver.offline.wsgi import Host

if TYPE_CHECKING:
    from archiver.offline.wsgi import Request

MOUNT = "/-/o/"  # requisite-only origins live below it, on every docs origin
LOCAL_SUFFIX = "localhost"  # browsers resolve *.localhost to this machine (RFC 6761)
_MOST_LABEL = 50  # of the 63 that DNS allows; leaves room for a number


@dataclass(frozen=True)
class View:
    """All addresses as one reader sees them.

    Attributes:
        main: base URL of the landing page, search, registry and files, without a final slash.
        bases: base URL of every origin that has an address of its own.
        mounted: origins that live below ``/-/o/`` of whichever docs origin refers to them.
    """

    main: str
    bases: Mapping[Origin, str]
    mounted: frozenset[Origin] = field(default_factory=frozenset)

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

    def locate(self, url: str) -> str | None:
        """Return the address of an archived URL on an origin that has an address; else None."""
        try:
            origin = Origin.of(url)
        except InvalidURL:
            return None
        twin = scheme_twin(origin)
        base = self.bases.get(origin) or (self.bases.get(twin) if twin else None)
        return None if base is None else base + path_and_query(url, fragment=True)


@dataclass(frozen=True)
class AddressBook:
    """The ports and labels that were given out when the server started.

    Attributes:
        main_port: the port of the landing page.
        ports: a port for each origin that has an address; empty where one port serves all.
        labels: a DNS label for each of the same origins.
        mounted: the origins that have no address of their own.
        domain: where one port serves all, the domain below which the labels stand; else empty.
    """

    main_port: int
    ports: Mapping[Origin, int]
    labels: Mapping[Origin, str]
    mounted: frozenset[Origin] = field(default_factory=frozenset)
    domain: str = ""

    def route(self, request: Request) -> Origin | None:
        """Return the origin that a request is for, or None where it is for the landing site."""
        if request.local_port != self.main_port:
            return next((origin for origin, port in self.ports.items() if port == request.local_port), None)
        label, _, suffix = request.host.name.partition(".")
        if suffix and suffix in self._suffixes:
            return next((origin for origin, own in self.labels.items() if own == label), None)
        return self._by_name(request.host)

    def view(self, host: Host, scheme: str = "http") -> View:
        """Return the addresses for a reader who calls this server by ``host``."""
        if self._by_name(host) is not None:  # DNS points the original names here
            tail = f":{host.port}" if host.port else ""
            bases = {origin: f"{scheme}://{_bracketed(origin.host)}{tail}" for origin in self.labels}
            return View(f"{scheme}://{self.domain or LOCAL_SUFFIX}{tail}", bases, self.mounted)
        suffix = self._suffix_of(host)
        if suffix:
            tail = f":{host.port}" if host.port else ""
            bases = {origin: f"{scheme}://{label}.{suffix}{tail}" for origin, label in self.labels.items()}
            return View(f"{scheme}://{suffix}{tail}", bases, self.mounted)
        bases = {origin: f"{scheme}://{host.name}:{port}" for origin, port in self.ports.items()}
        return View(f"{scheme}://{host.name}:{self.main_port}", bases, self.mounted)

    @property
    def _suffixes(self) -> tuple[str, ...]:
        return (self.domain, LOCAL_SUFFIX) if self.domain else (LOCAL_SUFFIX,)

    def _suffix_of(self, host: Host) -> str:
        for suffix in self._suffixes:
            if host.name == suffix or host.name.endswith(f".{suffix}"):
                # plain "localhost" in port mode keeps to ports: not every program resolves *.localhost
                return suffix if host.name != LOCAL_SUFFIX or not self.ports else ""
        return self.domain if not self.ports else ""

    def _by_name(self, host: Host) -> Origin | None:
        matching = [origin for origin in self.labels if _bracketed(origin.host) == host.name]
        if not matching or host.name in ("127.0.0.1", "[::1]", LOCAL_SUFFIX):
            return None  # a demo's loopback origin must not shadow the landing page
        return max(matching, key=lambda origin: (origin.port == host.port, origin.scheme == "https"))


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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
