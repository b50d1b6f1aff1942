from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import CertificateUnusable
from archiver.offline.tls.identity import GivenIdentity
from servers.certificates import Certificates, make_certificates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and a server's certificate."""
    return make_certificates(tmp_path_factory.mktemp("tls"))


def test_certificate_and_key_may_be_one_file(certificates: Certificates, tmp_path: Path) -> None:
    """As many authorities deliver them."""
    both = tmp_path / "both.pem"
    both.write_bytes(certificates.certificate.read_bytes() + certificates.key.read_bytes())
    assert GivenIdentity(both, both).context("127.0.0.1").get_ca_certs() == []


def test_a_key_of_another_certificate_is_refused(certificates: Certificates) -> None:
    """The message names the key."""
    with pytest.raises(CertificateUnusable, match="not the key of") as caught:
        GivenIdentity(certificates.certificate, certificates.authority.with_suffix(".key"))
    assert caught.value.place == str(certificates.authority.with_suffix(".key"))


def test_a_key_with_a_passphrase_is_refused(certificates: Certificates, tmp_path: Path) -> None:
    """A server has nobody to ask, and must not wait at a terminal for an answer."""
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", certificates.key, "-aes256", "-passout", "pass:secret", "-out", locked],
        check=True,
        capture_output=True,
    )
    with pytest.raises(CertificateUnusable, match="passphrase") as caught:
        GivenIdentity(certificates.certificate, locked)
    assert "openssl pkey" in str(caught.value.hint)


@pytest.mark.parametrize("content", [b"", b"no PEM\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(
    certificates: Certificates, tmp_path: Path, content: bytes
) -> None:
    """Whatever the file has in it."""
    wrong = tmp_path / "wrong.pem"
    wrong.write_bytes(content)
    with pytest.raises(CertificateUnusable):
        GivenIdentity(wrong, certificates.key)


def test_a_missing_file_is_named(certificates: Certificates, tmp_path: Path) -> None:
    """Certificate and key are told apart."""
    with pytest.raises(CertificateUnusable) as caught:
        GivenIdentity(certificates.certificate, tmp_path / "absent.key")
    assert caught.value.place == str(tmp_path / "absent.key")
