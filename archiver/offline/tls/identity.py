"""What the server shows to those who connect by TLS; here, a certificate of the operator's."""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Sequence

from archiver.core.errors import CertificateUnusable

if TYPE_CHECKING:
    from pathlib import Path


_LOOK_AGAIN = 60  # seconds; certificates are renewed while servers run


class Identity(Protocol):
    """What the server shows to those who connect by TLS."""

    @property
    def authority(self) -> bytes:
        """The certificate, as PEM, that a client has to trust; empty where that is not the server's to say."""

    def serve(self, names: Sequence[str]) -> None:
        """Get ready for connections, and for the names that readers may call.

        Args:
            names: host names, which may begin with ``*.``.

        Raises:
            CertificateUnusable: there is nothing to show.
        """

    def context(self, address: str) -> ssl.SSLContext:
        """Return what to speak TLS with on a connection to a local address, an IP as text."""


class GivenIdentity:
    """A certificate that the operator brought.

    Args:
        certificate: PEM file: the server's certificate, then those between it and its authority.
        key: PEM file with its private key; may be the same file.

    Raises:
        CertificateUnusable: they cannot be read, do not fit together, or the key has a passphrase.
    """

    authority = b""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._stamp = self._stamps()
        self._context = server_context(certificate, key)
        self._looked = time.monotonic()

    def serve(self, names: Sequence[str]) -> None:
        """Do nothing: which names the certificate has is the operator's business."""

    def context(self, address: str) -> ssl.SSLContext:  # noqa: ARG002 - it is the same certificate on all
        """Return what to speak TLS with; where the files were renewed, with the new ones."""
        now = time.monotonic()
        if now - self._looked > _LOOK_AGAIN:
            self._looked = now
            stamp = self._stamps()
            if stamp != self._stamp:
                with suppress(CertificateUnusable):  # half written: look again
                    self._context = server_context(*self._files)
                    self._stamp = stamp
        return self._context

    def _stamps(self) -> tuple[float, ...]:
        try:
            return tuple(path.stat().st_mtime for path in self._files)
        except OSError:
            return ()


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context that shows a certificate and speaks TLS 1.2 or later, for HTTP/1.1.

    Raises:
        CertificateUnusable: the files cannot be read, do not fit together, or the key has a passphrase.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | getattr(ssl, "OP_NO_RENEGOTIATION", 0)  # PyPy has it not
    context.set_alpn_protocols(["http/1.1"])
    for path in (certificate, key):
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise CertificateUnusable(
                f"cannot be read: {error.strerror or error}", place=str(path)
            ) from error
    try:
        context.load_cert_chain(str(certificate), str(key), password=_no_passphrase)
    except _PassphraseAsked as error:
        raise CertificateUnusable(
            "the key has a passphrase, and nobody is there to type it", place=str(key),
            hint=f"write it without one: openssl pkey -in {key} -out plain.key",
        ) from error  # fmt: skip
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        if reason == "KEY_VALUES_MISMATCH":
            raise CertificateUnusable("is not the key of the certificate", place=str(key)) from error
        alone = certificate == key
        raise CertificateUnusable(
            f"no certificate with its key, in PEM ({reason})",
            place=str(certificate) if alone else f"{certificate}, {key}",
            hint="--tls-key names the file of the key, where it is another one" if alone else None,
        ) from error
    return context


class _PassphraseAsked(Exception):
    pass


def _no_passphrase() -> str:
    raise _PassphraseAsked
