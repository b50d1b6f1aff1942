"""A certificate authority of a test's own, and a certificate of it for loopback and further names."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servers.processes import need

if TYPE_CHECKING:
    from pathlib import Path

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650")


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority's certificate, and the server's with its key."""

    authority: Path
    certificate: Path
    key: Path

    @property
    def context(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificates(folder: Path, *names: str) -> Certificates:
    """Make an authority, whose key stays in the folder, and a server's certificate signed by it.

    Args:
        folder: where to put the files.
        names: host names that the certificate is for, beside 127.0.0.1 and localhost.
    """
    need("openssl")
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    authority_key = made.authority.with_suffix(".key")
    _openssl(
        "req", "-x509", *_CURVE, "-subj", "/CN=An authority for tests", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign", "-keyout", authority_key, "-out", made.authority,
    )  # fmt: skip
    alternatives = ",".join(("IP:127.0.0.1", "DNS:localhost", *(f"DNS:{name}" for name in names)))
    _openssl(
        "req", "-x509", *_CURVE, "-subj", "/CN=127.0.0.1", "-addext", f"subjectAltName={alternatives}",
        "-addext", "basicConstraints=critical,CA:FALSE", "-CA", made.authority, "-CAkey", authority_key,
        "-keyout", made.key, "-out", made.certificate,
    )  # fmt: skip
    return made


def trust_in_browser(home: Path, authority: Path) -> None:
    """Have the Chromium whose home a folder is trust an authority, as its settings page does."""
    need("certutil")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for options in (
        ["-N", "--empty-password"],
        ["-A", "-n", "an authority", "-t", "C,,", "-i", str(authority)],
    ):
        subprocess.run(["certutil", "-d", f"sql:{database}", *options], check=True, capture_output=True)


def make_client(certificates: Certificates, name: str = "keeper") -> tuple[Path, Path]:
    """Make a client's certificate, signed by the same authority; return it and its key."""
    folder = certificates.authority.parent
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    _openssl(
        "req", "-x509", *_CURVE, "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:FALSE",
        "-addext", "extendedKeyUsage=clientAuth", "-CA", certificates.authority,
        "-CAkey", certificates.authority.with_suffix(".key"), "-keyout", key, "-out", certificate,
    )  # fmt: skip
    return certificate, key


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
