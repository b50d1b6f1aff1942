"""Certificates of the server's own authority, for every name and address that readers reach it by."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Mapping, Sequence

from archiver.core.errors import ArchiverError, UsageError
from archiver.offline.ip import parse_ip
from archiver.offline.tls.authority import Authority, open_authority
from archiver.offline.tls.identity import server_context
from archiver.offline.wsgi import Host
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    import ssl

_DAYS = 397  # the most that browsers take of any authority
_RENEWED = 180 * 86400  # seconds after which a running server makes another one
_LOOPBACK = ("127.0.0.1", "::1")
_TOGETHER = 300  # names in one certificate: with more, it would not fit into what some clients read of one
_MOST = 256  # certificates at a time; a machine has fewer addresses


class SelfMadeIdentity:
    """Shows certificates that it makes: at the start, and when a connection comes in by an address not seen before.

    Which addresses a machine has, and which ones are added to it later, only its connections tell.

    Args:
        folder: where the authority is kept.
        further: names and addresses by which readers reach the server and that it cannot know, such as those of a
            router that passes connections on.

    Raises:
        UsageError: a further name is none.
        CertificateUnusable: the authority cannot be made here, or the kept one not be used.
        StoreError: the folder cannot be read or written.
    """

    def __init__(self, folder: Path, further: Iterable[str] = ()) -> None:
        self._further = tuple(further)
        for name in self._further:
            if parse_ip(name) is None and not _is_name(name):
                raise UsageError(f"{name!r:.80} is neither a host name nor an address")
        self._authority = open_authority(folder)
        self._names: tuple[tuple[str, ...], ...] = ((),)
        self._group: Mapping[str, int] = {}
        self._made: dict[tuple[str, int], tuple[ssl.SSLContext, float]] = {}
        self._making = threading.Lock()

    @property
    def authority(self) -> bytes:
        """The certificate, as PEM, that clients have to trust."""
        return self._authority.certificate

    @property
    def kept(self) -> Authority:
        """The authority."""
        return self._authority

    def serve(self, names: Sequence[str]) -> None:
        """Make the certificates ready for the names that the server answers to. Raises CertificateUnusable."""
        own = ("localhost", *_machine_names(), *self._further)
        usable = [name for name in dict.fromkeys((*own, *names)) if _is_name(name)]
        groups = tuple(tuple(usable[at : at + _TOGETHER]) for at in range(0, len(usable), _TOGETHER))
        with self._making:
            self._names = groups
            self._group = {name: at for at, group in enumerate(groups) for name in group}
            self._made = {("", 0): self._make("", 0)}

    def context(self, address: str) -> ssl.SSLContext:
        """Return what to speak TLS with on a connection to a local address."""
        parsed = parse_ip(address)
        known = parsed is None or str(parsed) in (*_LOOPBACK, *self._further)
        return self._context("" if known else str(parsed), 0)

    def _context(self, address: str, group: int) -> ssl.SSLContext:
        with self._making:
            found, since = self._made.get((address, group), (None, 0.0))
            if found is None or time.time() - since > _RENEWED:
                if len(self._made) >= _MOST:
                    return self._made["", 0][0]
                try:
                    self._made[address, group] = self._make(address, group)
                except ArchiverError:  # as good as can be: names are in there, or it has not expired
                    return found or self._made["", 0][0]
            return self._made[address, group][0]

    def _make(self, address: str, group: int) -> tuple[ssl.SSLContext, float]:
        addresses = [*_LOOPBACK, *(one for one in self._further if parse_ip(one)), address]
        folder = self._authority.folder
        with storage_errors(folder), tempfile.TemporaryDirectory(dir=folder) as work:
            key, certificate = self._authority.issue(
                Path(work),
                days=_DAYS,
                names=self._names[group],
                addresses=list(dict.fromkeys(filter(None, addresses))),
            )
            context = server_context(certificate, key)
        if len(self._names) > 1 and group == 0:
            context.sni_callback = lambda connection, name, _: self._choose(connection, name, address)
        return context, time.time()

    def _choose(self, connection: ssl.SSLObject, name: str | None, address: str) -> None:
        """Go on with the certificate that has the name that the client asks for (SNI)."""
        group = self._group.get((name or "").lower(), 0)
        if group:
            connection.context = self._context(address, group)


def _machine_names() -> tuple[str, ...]:
    """Return what this machine is called, and by what it is found without DNS (RFC 6762)."""
    name = socket.gethostname().lower()
    return (name,) if "." in name else (name, f"{name}.local")


def _is_name(text: str) -> bool:
    host = Host.parse(text.removeprefix("*."))
    return host is not None and not host.port and parse_ip(host.name.strip("[]")) is None
