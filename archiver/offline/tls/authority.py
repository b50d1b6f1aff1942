"""The server's own certificate authority: made once, kept, and trusted by its clients from then on."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Sequence

from archiver.core.errors import CertificateUnusable
from archiver.offline.tls.openssl import Signer, is_valid_for, make_certificate, make_key
from archiver.offline.wsgi import Host
from archiver.store.atomic import storage_errors, sync_folder, temporary_folder

if TYPE_CHECKING:
    from pathlib import Path

_KEY, _CERTIFICATE = "authority.key", "authority.crt"
_YEARS = 10
_LEAST_LEFT = 30 * 86400  # seconds that a kept authority has to be valid for
_LARGEST = 64 << 10  # bytes of a certificate


@dataclass(frozen=True)
class Authority:
    """An authority, kept in a folder that only its owner reads.

    Attributes:
        folder: holds ``authority.key`` and ``authority.crt``.
        certificate: what clients have to trust, as PEM.
    """

    folder: Path
    certificate: bytes

    @property
    def path(self) -> Path:
        """The certificate's file."""
        return self.folder / _CERTIFICATE

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers and openssl show it: pairs of digits with colons."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate.decode("ascii"))
        digest = hashlib.sha256(der).hexdigest().upper()
        return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))

    def issue(
        self, folder: Path, *, days: int, names: Sequence[str], addresses: Sequence[str]
    ) -> tuple[Path, Path]:
        """Make a key and a server's certificate in an empty folder; return the files of both.

        Arguments and errors are those of ``make_certificate``.
        """
        key = make_key(folder, "key")
        signer = Signer(self.path, self.folder / _KEY)
        certificate = make_certificate(
            folder, key, name="archiver", days=days, signer=signer, names=names, addresses=addresses
        )
        return key, certificate


def open_authority(folder: Path) -> Authority:
    """Open the authority that is kept in a folder; where there is none yet, make it.

    Raises:
        CertificateUnusable: it is damaged, expires, or others can read its key; or it cannot be made here.
        StoreError: the folder cannot be read or written.
    """
    folder = folder.resolve()
    if not folder.exists():
        _make(folder)
    key, certificate = folder / _KEY, folder / _CERTIFICATE
    with storage_errors(folder):
        if os.name != "nt" and key.stat().st_mode & 0o077:
            raise _replaceable("others can read the key of this server's authority", folder)
        with certificate.open("rb") as stream:
            pem = stream.read(_LARGEST)
    found = Authority(folder, pem)
    try:
        _ = found.fingerprint
    except ValueError as error:
        raise _replaceable("the certificate of this server's authority is damaged", folder) from error
    if not is_valid_for(certificate, _LEAST_LEFT):
        raise _replaceable("the certificate of this server's authority expires", folder)
    return found


def _make(folder: Path) -> None:
    """Make an authority; where two servers do at once, the first one's stays."""
    host = Host.parse(socket.gethostname())
    where = f" on {host.name}" if host and len(host.name) <= 30 else ""
    name = f"Offline archive{where} {datetime.now(timezone.utc):%Y-%m-%d}"
    with temporary_folder(folder) as work, storage_errors(folder):
        made = work / "made"
        made.mkdir(mode=0o700)
        key = make_key(made, _KEY)
        certificate = make_certificate(work, key, name=name, days=366 * _YEARS)
        certificate.rename(made / _CERTIFICATE)
        for path in (key, made / _CERTIFICATE):
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
        sync_folder(made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.exists():
                raise
        sync_folder(folder.parent)


def _replaceable(message: str, folder: Path) -> CertificateUnusable:
    return CertificateUnusable(
        message,
        place=str(folder),
        hint="remove the folder: a new authority is made then, which all clients have to trust anew",
    )
