"""TLS with registries of one's own: authorities, client certificates, no verification, proxies."""

from __future__ import annotations

import ssl
import subprocess
from contextlib import ExitStack
from typing import Iterator

import pytest

from archiver.core.errors import CertificateRefused, FetchError, HostUnreachable, SpecError, TlsMissing
from archiver.spec.registries import RegistrySettings, Tls
from servers.asking import CONTENT, Opened, blob, read, repository
from servers.certificates import Certificates, make_certificates, make_client
from servers.proxy import proxying
from servers.registry import Registry, Reply, serving

NAME = "registry.test"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, a server's certificate and a client's."""
    made = make_certificates(tmp_path_factory.mktemp("tls"), NAME)
    make_client(made)
    return made


@pytest.fixture
def server(certificates: Certificates) -> Iterator[Registry]:
    """A registry that speaks TLS."""
    with serving(certificates.context) as registry:
        registry.image("app:1", b"x")
        yield registry


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens registries."""
    with ExitStack() as held:
        yield Opened(held)


def settings(registry: Registry, **tls: object) -> dict[str, RegistrySettings]:
    """Return settings of one registry."""
    return {registry.host: RegistrySettings(tls=Tls.model_validate(tls))}


def port(registry: Registry) -> int:
    """Return where a registry is."""
    return int(registry.host.rpartition(":")[2])


def test_an_authority_of_one_s_own_is_trusted(
    certificates: Certificates, server: Registry, opened: Opened
) -> None:
    """The path is relative to the spec's folder; a loopback registry with a ``tls`` entry is spoken to by TLS."""
    folder = certificates.authority.parent
    registries = opened(settings(server, ca="authority.pem"), folder=folder)
    assert repository(registries, server.host).resolve("1").location == server.host


def test_an_unknown_authority_is_told_with_what_to_do(server: Registry, opened: Opened) -> None:
    """It is not tried again: certificates do not change by asking."""
    with pytest.raises(CertificateRefused) as caught:
        repository(opened(settings(server)), server.host).resolve("1")
    assert "not trusted" in caught.value.message
    assert f"name that in the spec: registries, {server.host}, tls, ca" in caught.value.message
    assert server.asked == []


def test_a_certificate_for_another_name_is_refused(
    certificates: Certificates, server: Registry, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by a trusted authority."""
    with proxying(port(server)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        entry = {"other.test": RegistrySettings(tls=Tls(ca=str(certificates.authority)))}
        with pytest.raises(CertificateRefused, match=r"other\.test"):
            repository(opened(entry), "other.test").resolve("1")
        assert len(proxy.asked) == 1


def test_any_certificate_is_taken_where_the_spec_says_so(
    certificates: Certificates, server: Registry, opened: Opened
) -> None:
    """From that registry's host, its token server there included; not from where it redirects to."""
    wanted = blob(server)
    server.answers["GET /token?service=tests&scope=repository%3Aapp%3Apull"] = Reply(b'{"token": "token-0"}')
    challenge = f'Bearer realm="https://{server.host}/token",service="tests",scope="repository:app:pull"'
    server.login = "bearer"
    server.answers["HEAD /v2/app/manifests/1"] = [
        Reply(status=401, headers={"WWW-Authenticate": challenge}),
        Reply(b"{}"),
    ]
    repo = repository(opened(settings(server, verify=False)), server.host)
    repo.resolve("1")
    assert read(repo, wanted) == (0, CONTENT)
    with serving(certificates.context) as elsewhere:
        blob(elsewhere)
        target = f"/v2/app/blobs/{wanted.digest}"
        moved = Reply(status=307, headers={"Location": f"https://localhost:{port(elsewhere)}{target}"})
        server.answers[target] = moved
        with pytest.raises(CertificateRefused):
            read(repo, wanted)
        assert elsewhere.asked == []


def test_the_authority_counts_for_redirects_too(
    certificates: Certificates, server: Registry, opened: Opened
) -> None:
    """Where blobs are sent from is mostly of the same house."""
    wanted = blob(server)
    with serving(certificates.context) as elsewhere:
        blob(elsewhere)
        target = f"/v2/app/blobs/{wanted.digest}"
        moved = Reply(status=307, headers={"Location": f"https://localhost:{port(elsewhere)}{target}"})
        server.answers[target] = moved
        repo = repository(opened(settings(server, ca=str(certificates.authority))), server.host)
        assert read(repo, wanted) == (0, CONTENT)
        assert len(elsewhere.asked) == 1


def _wanting_clients(certificates: Certificates) -> ssl.SSLContext:
    context = certificates.context
    context.load_verify_locations(certificates.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_client_certificate_is_shown_to_the_registry_alone(
    certificates: Certificates, opened: Opened
) -> None:
    """Without it there is an error that says so; where it redirects to does not see it."""
    ca = str(certificates.authority)
    with (
        serving(_wanting_clients(certificates)) as server,
        serving(_wanting_clients(certificates)) as elsewhere,
    ):
        wanted = blob(server)
        with pytest.raises(
            HostUnreachable, match="client's certificate"
        ):  # told, or broken off: both are seen
            read(repository(opened(settings(server, ca=ca)), server.host), wanted)
        folder = certificates.authority.parent
        known = opened(settings(server, ca=ca, cert="keeper.pem", key="keeper.key"), folder=folder)
        repo = repository(known, server.host)
        assert read(repo, wanted) == (0, CONTENT)
        target = f"/v2/app/blobs/{wanted.digest}"
        moved = Reply(status=307, headers={"Location": f"https://localhost:{port(elsewhere)}{target}"})
        server.answers[target] = moved
        with pytest.raises(HostUnreachable, match="client's certificate"):
            read(repo, wanted)


def test_what_speaks_no_tls_is_told(opened: Opened) -> None:
    """A plain server where TLS was expected; with the key that would allow it."""
    with serving() as plain, pytest.raises(TlsMissing) as caught:
        repository(opened(settings(plain)), plain.host).resolve("1")
    assert "speaks no TLS" in caught.value.message
    assert f"registries, {plain.host}, plain_http: true" in caught.value.message


def test_what_speaks_tls_only_is_told(opened: Opened) -> None:
    """A registry of this machine that is spoken to in the clear: Go's answer to that, and the key that helps."""
    said = Reply(b"Client sent an HTTP request to an HTTPS server.\n", 400, {"Content-Type": "text/plain"})
    with serving() as server:
        server.answers["/v2/app/manifests/1"] = said
        with pytest.raises(FetchError) as caught:
            repository(opened(), server.host).get_manifest("1")
        assert "Client sent an HTTP request to an HTTPS server. (if it is" in caught.value.message
        assert f"registries, {server.host}, tls: {{}}" in caught.value.message


def test_one_registry_s_settings_are_not_another_s(
    certificates: Certificates, server: Registry, opened: Opened
) -> None:
    """Neither the authority nor that any certificate will do."""
    ca = str(certificates.authority)
    with serving(certificates.context) as other:
        other.image("app:1", b"x")
        both = {**settings(server, ca=ca), **settings(other)}
        registries = opened(both)
        repository(registries, server.host).resolve("1")
        with pytest.raises(CertificateRefused):
            repository(registries, other.host).resolve("1")


@pytest.mark.parametrize(
    "tls",
    [
        {"ca": "absent.pem"},
        {"ca": "junk"},
        {"cert": "junk", "key": "junk"},
        {"cert": "keeper.pem", "key": "locked"},
    ],
)
def test_files_that_cannot_be_used_are_errors_of_the_spec(
    certificates: Certificates, opened: Opened, tls: dict[str, str]
) -> None:
    """Before anything is asked; a key with a password is one, and nobody is asked for it."""
    folder = certificates.authority.parent
    (folder / "junk").write_text("junk")
    (folder / "locked").write_bytes(
        subprocess.run(
            ["openssl", "pkey", "-in", folder / "keeper.key", "-aes256", "-passout", "pass:secret"],
            capture_output=True,
            check=True,
        ).stdout
    )
    entry = {"r.example": RegistrySettings(tls=Tls.model_validate(tls))}
    with pytest.raises(SpecError, match="cannot be read") as caught:
        opened(entry, folder=folder)
    assert str(folder) in str(caught.value.place)


# ---- proxies


def test_proxies_come_from_the_environment(
    certificates: Certificates, server: Registry, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS goes through a tunnel, plain HTTP by whole addresses; NO_PROXY keeps hosts out."""
    with serving() as plain, proxying(port(server)) as secure, proxying(port(plain)) as clear:
        plain.image("app:1", b"x")
        monkeypatch.setenv("https_proxy", secure.origin)
        monkeypatch.setenv("http_proxy", clear.origin)
        entries = {
            NAME: RegistrySettings(tls=Tls(ca=str(certificates.authority))),
            "plain.test": RegistrySettings(plain_http=True),
        }
        registries = opened(entries)
        assert repository(registries, NAME).resolve("1").location == NAME
        assert repository(registries, "plain.test").resolve("1").location == "plain.test"
        assert [asked.target for asked in secure.asked] == [f"{NAME}:443"]
        assert [asked.target for asked in clear.asked] == ["http://plain.test/v2/app/manifests/1"]
        monkeypatch.setenv("no_proxy", "plain.test")
        with pytest.raises(HostUnreachable):
            repository(registries, "plain.test").resolve("1")
        assert len(clear.asked) == 1


def test_this_machine_s_registries_are_asked_directly(
    certificates: Certificates, server: Registry, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever proxies there are."""
    with proxying(port(server)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        entry = settings(server, ca=str(certificates.authority))
        assert repository(opened(entry), server.host).resolve("1").location == server.host
        assert proxy.asked == []
