from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from archiver.core.errors import CertificateUnusable
from archiver.offline.tls import openssl
from archiver.offline.tls.authority import open_authority
from archiver.offline.tls.selfmade import SelfMadeIdentity
from servers.processes import need

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> SelfMadeIdentity:
    """An identity with an authority of its own, for some names."""
    need("openssl")
    made = SelfMadeIdentity(tmp_path_factory.mktemp("cache") / "tls", ["192.0.2.99", "gateway.example"])
    made.serve(["docs.corp", "*.docs.corp", "a-example-org.localhost", "bad name", "10.0.0.1"])
    return made


def _shown(identity: SelfMadeIdentity, address: str, name: str) -> str:
    """Shake hands as a client that trusts the authority alone and asks for a name; return the certificate's text."""
    trust = ssl.create_default_context(cadata=identity.authority.decode())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        context = identity.context(address)
        server = threading.Thread(
            target=lambda: context.wrap_socket(theirs, server_side=True).close(), daemon=True
        )
        server.start()
        with trust.wrap_socket(ours, server_hostname=name) as connection:
            der = connection.getpeercert(binary_form=True)
        server.join(10)
    assert der is not None
    done = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-text"], input=der, capture_output=True, check=True
    )
    return done.stdout.decode()


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "::1",
        "docs.corp",
        "anything.docs.corp",
        "a-example-org.localhost",
        "192.0.2.99",
        "gateway.example",
        socket.gethostname(),
    ],
)
def test_clients_that_trust_the_authority_trust_every_name(identity: SelfMadeIdentity, name: str) -> None:
    """Names, labels, what the operator adds, and this machine's own, checked as clients do."""
    assert _shown(identity, "127.0.0.1", name)


@pytest.mark.parametrize(
    ("address", "name"),
    [("10.9.8.7", "10.9.8.7"), ("::ffff:10.9.8.6", "10.9.8.6"), ("2001:db8::7", "2001:db8::7")],
)
def test_an_address_that_connections_come_in_by_is_in_their_certificate(
    identity: SelfMadeIdentity, address: str, name: str
) -> None:
    """Nobody has to tell the addresses of a machine, nor those that it gets later."""
    assert _shown(identity, address, name)


def test_a_certificate_is_made_once_for_each_address(identity: SelfMadeIdentity) -> None:
    """A handshake costs no run of openssl."""
    assert identity.context("10.9.8.7") is identity.context("10.9.8.7")
    assert identity.context("10.9.8.7") is not identity.context("127.0.0.1")


def test_the_certificate_is_one_that_clients_take(identity: SelfMadeIdentity) -> None:
    """For servers only, no authority, valid since a week, for no longer than browsers allow."""
    text = _shown(identity, "127.0.0.1", "localhost")
    assert "TLS Web Server Authentication" in text
    assert "CA:FALSE" in text
    began, ends = (
        datetime.strptime(found, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)
        for found in re.findall(r"Not (?:Before|After ?)\s*: (.*)", text)
    )
    now = datetime.now(timezone.utc)
    assert began < now - timedelta(days=6)
    assert timedelta(days=390) < ends - now < timedelta(days=398)
    assert ends - began < timedelta(days=825)


def test_more_names_than_a_certificate_holds_are_shared_out(tmp_path: Path) -> None:
    """An archive of many sites: each name is in the certificate that is shown to those who ask for it."""
    need("openssl")
    made = SelfMadeIdentity(tmp_path / "tls")
    made.serve([f"site-{number}.example.org" for number in range(700)])
    for name in ("site-0.example.org", "site-450.example.org", "site-699.example.org", "localhost"):
        text = _shown(made, "127.0.0.1", name)
        assert text.count("DNS:") <= 300


def test_the_authority_is_kept(tmp_path: Path) -> None:
    """Clients trust it once: the next start finds the one of the first, and its key is nobody else's to read."""
    need("openssl")
    first = open_authority(tmp_path / "cache" / "tls")
    assert open_authority(tmp_path / "cache" / "tls") == first
    assert (first.folder / "authority.key").stat().st_mode & 0o777 == 0o600
    assert first.folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in first.folder.iterdir()) == ["authority.crt", "authority.key"]
    assert [path.name for path in first.folder.parent.iterdir()] == ["tls"]


def test_the_fingerprint_is_what_openssl_shows(tmp_path: Path) -> None:
    """People compare it with what their tools say."""
    need("openssl")
    authority = open_authority(tmp_path / "tls")
    done = subprocess.run(
        ["openssl", "x509", "-in", authority.path, "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().lower() == f"sha256 fingerprint={authority.fingerprint}".lower()


def test_servers_that_start_together_share_an_authority(tmp_path: Path) -> None:
    """The first one that is whole stays, and the others take it."""
    need("openssl")
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(open_authority(tmp_path / "tls").fingerprint))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tls"]


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """Somebody may have it: the hint says how to begin anew."""
    need("openssl")
    folder = open_authority(tmp_path / "tls").folder
    (folder / "authority.key").chmod(0o644)
    with pytest.raises(CertificateUnusable, match="others can read") as caught:
        open_authority(folder)
    assert "remove the folder" in str(caught.value.hint)


@pytest.mark.parametrize(
    "damage", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff"]
)
def test_a_damaged_authority_is_told(tmp_path: Path, damage: bytes) -> None:
    """It is not replaced silently: clients trust the one that was there."""
    need("openssl")
    folder = open_authority(tmp_path / "tls").folder
    (folder / "authority.crt").write_bytes(damage)
    with pytest.raises(CertificateUnusable, match="authority"):
        open_authority(folder)


def test_an_authority_that_expires_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients have to trust the next one, so a person decides when."""
    need("openssl")
    monkeypatch.setattr("archiver.offline.tls.authority._LEAST_LEFT", 30 * 366 * 86400)
    with pytest.raises(CertificateUnusable, match="expires"):
        open_authority(tmp_path / "tls")


def test_without_openssl_the_other_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left behind then."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateUnusable, match="no openssl") as caught:
        open_authority(tmp_path / "cache" / "tls")
    assert "--tls-cert" in str(caught.value.hint)
    assert list((tmp_path / "cache").iterdir()) == []


def test_names_that_are_none_never_reach_openssl(identity: SelfMadeIdentity) -> None:
    """Host names come from bundles; what is no name could say something else in a configuration."""
    text = _shown(identity, "127.0.0.1", "localhost")
    assert "bad name" not in text
    assert "DNS:10.0.0.1" not in text


def test_what_openssl_says_is_passed_on(tmp_path: Path) -> None:
    """One line of it, in the message."""
    need("openssl")
    with pytest.raises(CertificateUnusable, match="openssl req failed"):
        openssl.make_certificate(tmp_path, tmp_path / "absent.key", name="x", days=1)
