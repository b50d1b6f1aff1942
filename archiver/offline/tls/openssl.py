"""Keys and certificates, made by the ``openssl`` command: Python itself can use them, but not make them.

``openssl ca`` is the one of its commands that lets a certificate begin in the past, in every release there is and
in LibreSSL: readers' clocks may be behind.

Source: the manuals openssl-ca(1), openssl-req(1) and x509v3_config(5); RFC 5280 section 4.1.2.5 for the times.
"""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Sequence

from archiver.core.errors import CertificateUnusable
from archiver.core.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 60  # seconds; each command takes some hundredths of one
_CLOCKS_DIFFER = timedelta(days=7)
_CONFIG = """\
[req]
prompt = no
utf8 = yes
distinguished_name = name
[name]
CN = {common_name}
[ca]
default_ca = own
[own]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = @names
[names]
{names}
"""


@dataclass(frozen=True)
class Signer:
    """What signs: an authority's certificate and key."""

    certificate: Path
    key: Path


def make_key(folder: Path, name: str) -> Path:
    """Make a private key for the curve P-256, readable to nobody else, in a folder. Raises CertificateUnusable."""
    key = folder / name
    key.touch(mode=0o600)
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name)
    key.chmod(0o600)
    return key


def make_certificate(
    folder: Path,
    key: Path,
    *,
    name: str,
    days: int,
    signer: Signer | None = None,
    names: Sequence[str] = (),
    addresses: Sequence[str] = (),
) -> Path:
    """Make a certificate: of an authority that signs itself, or of a server by an authority.

    Args:
        folder: an empty place for files on the way, and for the certificate.
        key: the certificate's private key.
        name: its common name: letters, digits, spaces, dots and hyphens, at most 64 characters.
        days: how long it is valid from now; it is valid for a week before now, too.
        signer: the authority; None for one that signs itself.
        names: the server's host names, which may begin with ``*.``.
        addresses: the server's IP addresses.

    Returns:
        The certificate's file, PEM.

    Raises:
        CertificateUnusable: there is no openssl command, or it fails.
    """
    alternatives = [
        *(f"DNS.{number} = {one}" for number, one in enumerate(names, 1)),
        *(f"IP.{number} = {one}" for number, one in enumerate(addresses, 1)),
    ]
    (folder / "config").write_text(
        _CONFIG.format(common_name=name, names="\n".join(alternatives)), encoding="ascii"
    )
    (folder / "index").write_bytes(b"")
    (folder / "serial").write_text(f"{secrets.randbits(126) | 1 << 126:032X}\n", encoding="ascii")
    _openssl(folder, "req", "-new", "-config", "config", "-key", str(key), "-out", "request")
    now = datetime.now(timezone.utc)
    own = ("-selfsign", "-keyfile", str(key), "-extensions", "authority")
    by = signer and ("-cert", str(signer.certificate), "-keyfile", str(signer.key), "-extensions", "server")
    _openssl(
        folder, "ca", "-batch", "-notext", "-config", "config", *(by or own), "-in", "request", "-out", "certificate",
        "-startdate", _time(now - _CLOCKS_DIFFER), "-enddate", _time(now + timedelta(days=days)),
    )  # fmt: skip
    return folder / "certificate"


def is_valid_for(certificate: Path, seconds: int) -> bool:
    """Say whether a certificate is one, and does not expire within a time. Raises CertificateUnusable."""
    arguments = ("x509", "-in", certificate.name, "-noout", "-checkend", str(seconds))
    return _run(certificate.parent, *arguments).returncode == 0


def _openssl(folder: Path, *arguments: str) -> None:
    done = _run(folder, *arguments)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CertificateUnusable(
            f"openssl {arguments[0]} failed: {printable(said[-1][:300]) if said else done.returncode}"
        )


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - the program of that name is the one that the user has
            ["openssl", *arguments],  # noqa: S607 - see above
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError as error:
        raise CertificateUnusable(
            "there is no openssl command on this machine to make a certificate with",
            hint="install OpenSSL, or bring a certificate with --tls-cert and --tls-key",
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateUnusable(f"openssl cannot be run: {error}") from error


def _time(moment: datetime) -> str:
    """Return a time as certificates have it: two digits of the year up to 2049."""
    return moment.strftime("%y%m%d%H%M%SZ" if moment.year < 2050 else "%Y%m%d%H%M%SZ")
