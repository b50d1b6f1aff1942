"""Serving by TLS: with the operator's certificate or one of the server's own authority, to real clients."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import re
import socket
import ssl
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.progress import NullProgress
from archiver.offline.exitcodes import STORAGE
from servers.browser import browser
from servers.certificates import Certificates, make_certificates, trust_in_browser
from servers.console import Console
from servers.linked_archive import API, DOCS, FETCHED, linked_archive
from servers.processes import PATIENCE, free_port, need, running, wait_until
from servers.serving import Running, serving

if TYPE_CHECKING:
    from servers.small_archive import ArchiveBuilder

REPOSITORY = Path(__file__).parents[2]
LARGE = 24 << 20  # bytes: more than what the system holds for one connection


@dataclass(frozen=True)
class Made:
    """An archive with a large file in it, and a certificate for loopback and a domain."""

    archive: Path
    certificates: Certificates
    builder: ArchiveBuilder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Sites that link to each other, an image and files."""
    folder = tmp_path_factory.mktemp("tls")
    builder = linked_archive(folder / "archives")
    content = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(LARGE // 32))
    builder.file("https://dl.example.org/large.bin", content)
    builder.finish()
    return Made(folder / "archives", make_certificates(folder, "docs.corp", "*.docs.corp"), builder)


@pytest.fixture(scope="module")
def server(made: Made) -> Iterator[Running]:
    """The archive served with the operator's certificate."""
    with serving(made.archive, tls=made.certificates) as started:
        yield started


def _curl(authority: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    need("curl")
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--cacert", str(authority)]
    return subprocess.run([*command, *arguments], capture_output=True, check=False, timeout=PATIENCE)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_reads_every_port(made: Made, server: Running, version: str) -> None:
    """The main port and those of sites, by both versions that are spoken, two requests on a connection."""
    for port in (server.port, server.port_of(DOCS)):
        url = f"https://127.0.0.1:{port}/"
        done = _curl(
            made.certificates.authority, f"--tlsv{version}", "--tls-max", version, "-w", "%{num_connects} ", url, url
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(b"</html>") == 2
        assert re.search(rb">\s*0 \Z", done.stdout), "the second request had a connection of its own"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_not_spoken(server: Running) -> None:
    """TLS 1.1 and before are broken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        pytest.raises(OSError, match=r"(?i)protocol|alert|unsupported"),
    ):
        context.wrap_socket(plain)


def test_addresses_are_https(server: Running) -> None:
    """On pages, in lists, in what is printed."""
    assert server.served.url.startswith("https://")
    listed = server.get("/-/bundle.json").text
    assert "http://127" not in listed
    assert f"https://127.0.0.1:{server.port_of(DOCS)}" in listed


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000,
        b"\x00\x01\x02",
        b"\r\n",
        b"SSH-2.0-client\r\n",
    ],
)
def test_plain_http_is_told_what_to_do(server: Running, request_bytes: bytes) -> None:
    """A plain 400 that says how addresses begin, on every port."""
    for port in (server.port, server.port_of(DOCS)):
        answer = server.raw(request_bytes, port=port)
        assert answer.startswith(b"HTTP/1."), answer
        assert b" 400 " in answer.splitlines()[0]
        assert b"https://" in answer


def test_what_only_begins_like_tls_is_hung_up_on(server: Running) -> None:
    """Nothing is logged, and nobody is troubled."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(b"\x16\x03\x01" + bytes(600))
        with contextlib.suppress(ConnectionResetError):
            assert not connection.recv(65536).startswith(b"HTTP")
    assert server.get("/").status == 200
    assert server.log == []


def test_handshakes_that_stop_halfway_hold_up_nobody(server: Running) -> None:
    """A hundred clients that begin to shake hands and leave it at that, while others read."""
    with contextlib.ExitStack() as stack:
        for number in range(100):
            stalled = stack.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
            )
            stalled.sendall(b"\x16\x03\x01\x02\x00\x01\x00"[: number % 8])
        with ThreadPoolExecutor(8) as readers:
            answers = list(readers.map(lambda _: server.get("/").status, range(40)))
    assert answers == [200] * 40


def test_large_content_comes_whole(made: Made, server: Running) -> None:
    """To a client that does not take it for a while, and then in small pieces; others read meanwhile."""
    file = next(one for one in made.builder.files if one.url.endswith("large.bin"))
    trust = ssl.create_default_context(cafile=made.certificates.authority)
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE, context=trust)
    with contextlib.closing(connection):
        connection.request("GET", "/files/dl.example.org/large.bin")
        response = connection.getresponse()
        assert [server.get("/").status for _ in range(50)] == [200] * 50
        digest, size = hashlib.sha256(), 0
        while piece := response.read(1000 if size < 1_000_000 else 1 << 20):
            digest.update(piece)
            size += len(piece)
    assert (size, f"sha256:{digest.hexdigest()}") == (LARGE, file.digest)


def test_many_read_large_content_at_once(made: Made, server: Running) -> None:
    """Connections are written to by several threads, and read from by another; each record stays whole."""
    file = next(one for one in made.builder.files if one.url.endswith("large.bin"))

    def read(number: int) -> str:
        start = number * 1_000_000
        answer = server.get("/files/dl.example.org/large.bin", Range=f"bytes={start}-{start + 4_000_000}")
        assert answer.status == 206
        return hashlib.sha256(answer.body).hexdigest()

    whole = server.get("/files/dl.example.org/large.bin").body
    assert f"sha256:{hashlib.sha256(whole).hexdigest()}" == file.digest
    with ThreadPoolExecutor(12) as readers:
        found = list(readers.map(read, range(12)))
    assert found == [
        hashlib.sha256(whole[at * 1_000_000 : at * 1_000_000 + 4_000_001]).hexdigest() for at in range(12)
    ]


def test_requests_in_one_record_are_all_answered(made: Made, server: Running) -> None:
    """What was decrypted with the first request is not waited for."""
    trust = ssl.create_default_context(cafile=made.certificates.authority)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        one = b"GET /-/bundle.json HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.sendall(one * 5 + one.replace(b"Host", b"Connection: close\r\nHost"))
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 6


def test_an_answer_ends_with_a_farewell(made: Made, server: Running) -> None:
    """So that a client knows that nobody cut it off (RFC 8446 section 6.1)."""
    trust = ssl.create_default_context(cafile=made.certificates.authority)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while connection.recv(65536):  # an end without it would raise
            pass


def test_a_refusal_reaches_who_is_still_sending(made: Made, server: Running) -> None:
    """A reset would lose it, so the server reads on for a while after it has said why."""
    trust = ssl.create_default_context(cafile=made.certificates.authority)
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.match(rb"HTTP/1\.[01] 431 ", answer), answer[:200]


def test_a_browser_reads_by_tls(made: Made, tmp_path: Path) -> None:
    """Chromium that trusts the authority: pages, what they fetch from other sites, and search."""
    need("chromium")
    trust_in_browser(tmp_path, made.certificates.authority)
    with (
        serving(made.archive, tls=made.certificates) as server,
        browser(tmp_path) as opened,
        opened.tab() as tab,
    ):
        tab.go(f"https://127.0.0.1:{server.port_of(DOCS)}/")
        tab.wait(f"document.title === {FETCHED[DOCS]!r}")
        tab.click("#link0")
        tab.wait(f"document.title === {FETCHED[API]!r}")
        assert tab.evaluate("location.href") == f"https://127.0.0.1:{server.port_of(API)}/"
        assert tab.evaluate("isSecureContext") is True


@dataclass(frozen=True)
class Told:
    """A server with an authority of its own, and what it printed."""

    port: int
    said: str
    cache: Path

    @property
    def authority(self) -> Path:
        """The certificate's file that it names."""
        found = re.search(r"^ +(\S+authority\.crt)", self.said, re.MULTILINE)
        assert found, self.said
        return Path(found[1])


@contextlib.contextmanager
def _self_signed(
    served: Path, folder: Path, *options: str, program: tuple[str, ...] = (sys.executable, "-m", "archiver")
) -> Iterator[Told]:
    port = free_port()
    log = folder / "serve.log"
    environment = {**Console(folder).environment, "PYTHONPATH": str(REPOSITORY)}
    command = [*program, "serve", str(served), "--port", str(port), "--tls", "self-signed",
               "--cache-dir", str(folder / "cache"), *options]  # fmt: skip
    with running(command, log=log, env=environment) as process:
        wait_until(lambda: "Ctrl-C" in log.read_text(), process, what="archiver serve")
        yield Told(port, log.read_text(), folder / "cache")


def test_the_program_in_the_bundle_serves_by_tls(made: Made, tmp_path: Path) -> None:
    """With the oldest Python that a reader may have, and nothing installed but openssl."""
    need("pypy3", "openssl")
    bundle = tmp_path / "linked.tar"
    build_bundle(
        made.builder.archive, "linked", snapshot=None, output=bundle, platforms=[], progress=NullProgress()
    )
    with tarfile.open(bundle) as tar:
        (tmp_path / "archiver.pyz").write_bytes(tar.extractfile("archiver.pyz").read())  # type: ignore[union-attr]
    program = ("pypy3", "-I", str(tmp_path / "archiver.pyz"))
    file = next(one for one in made.builder.files if one.url.endswith("large.bin"))
    with _self_signed(bundle, tmp_path, program=program) as told:
        done = _curl(told.authority, f"https://127.0.0.1:{told.port}/files/dl.example.org/large.bin")
        assert f"sha256:{hashlib.sha256(done.stdout).hexdigest()}" == file.digest, done.stderr
        plain = subprocess.run(
            ["curl", "-s", f"http://127.0.0.1:{told.port}/"], capture_output=True, check=False
        )
        assert b"https://" in plain.stdout


def test_clients_fetch_the_authority_and_compare(made: Made, tmp_path: Path) -> None:
    """What /-/ca.crt gives has the fingerprint that is printed, and makes every name and address trusted."""
    with _self_signed(made.archive, tmp_path, "--host", "0.0.0.0", "--domain", "docs.corp") as told:
        fetched = tmp_path / "fetched.crt"
        blindly = _curl(
            told.authority, "--insecure", "-o", str(fetched), f"https://127.0.0.1:{told.port}/-/ca.crt"
        )
        assert blindly.returncode == 0, blindly.stderr
        shown = subprocess.run(
            ["openssl", "x509", "-in", fetched, "-noout", "-fingerprint", "-sha256"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert shown.partition("=")[2].strip() in told.said
        for name in (
            "127.0.0.1",
            "127.0.0.3",
            "localhost",
            "docs.corp",
            "docs-example-org.docs.corp",
            "docs.example.org",
        ):
            resolve = f"{name}:{told.port}:127.0.0.1" if name[0].isalpha() else "-:1:127.0.0.1"
            done = _curl(fetched, "--resolve", resolve, f"https://{name}:{told.port}/")
            assert done.returncode == 0, (name, done.stderr)
        refused = _curl(made.certificates.authority, f"https://127.0.0.1:{told.port}/")
        assert refused.returncode == 60  # not trusted


def test_the_authority_outlasts_the_server(made: Made, tmp_path: Path) -> None:
    """Clients trust it once."""
    with _self_signed(made.archive, tmp_path) as first:
        authority = first.authority.read_bytes()
    with _self_signed(made.archive, tmp_path, "--tls-name", "gateway.example") as second:
        assert second.authority.read_bytes() == authority
        url = f"https://gateway.example:{second.port}/"
        assert (
            _curl(second.authority, "--resolve", f"gateway.example:{second.port}:127.0.0.1", url).returncode
            == 0
        )


def test_others_are_told_an_address_that_is_trusted(made: Made, tmp_path: Path) -> None:
    """Where other machines can connect, it prints what they most likely have to open."""
    with _self_signed(made.archive, tmp_path, "--host", "0.0.0.0") as told:
        found = re.search(r"^  others +(https://\S+)$", told.said, re.MULTILINE)
        if found is None:
            pytest.skip("this machine has no address but loopback")
        assert _curl(told.authority, found[1]).returncode == 0


@pytest.mark.parametrize("by_name", [False, True])
def test_skopeo_trusts_the_authority(made: Made, tmp_path: Path, by_name: bool) -> None:
    """With the certificate where container tools look for it; podman and docker look in the same way."""
    need("skopeo")
    trusted = tmp_path / "certs"
    trusted.mkdir()
    with _self_signed(made.archive, tmp_path) as told:
        (trusted / "ca.crt").write_bytes(told.authority.read_bytes())
        registry = f"{'localhost' if by_name else '127.0.0.1'}:{told.port}"
        name = f"docker://{registry}/docker.io/library/linked:1.0"
        done = subprocess.run(
            ["skopeo", "copy", "--src-cert-dir", trusted, "--override-arch", "amd64", name, f"dir:{tmp_path / 'image'}"],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        untrusted = subprocess.run(
            ["skopeo", "inspect", "--raw", name], capture_output=True, text=True, check=False
        )
        assert "x509" in untrusted.stderr


def test_an_authority_that_cannot_be_kept_says_where_else(made: Made, tmp_path: Path) -> None:
    """No home, or one that cannot be written to: the option that names another folder is told."""
    outcome = Console(tmp_path).run(
        "serve", str(made.archive), "--tls", "self-signed", "--cache-dir", __file__
    )
    assert outcome.code == STORAGE
    assert "name another folder with --cache-dir" in outcome.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tls-key", "x"], "--tls-cert"),
        (["--tls", "self-signed", "--tls-cert", "x"], "choose"),
        (["--tls-name", "x"], "--tls self-signed"),
        (["--tls", "letsencrypt"], "invalid choice"),
        (["--tls", "self-signed", "--tls-name", "docs corp"], "neither a host name nor an address"),
        (["--tls-cert", __file__], "--tls-key names the file of the key"),
        (["--domain", "127.0.0.1"], "is not a domain"),
        (["--domain", "[::1]"], "is not a domain"),
        (["--domain", "docs.corp:8080"], "is not a domain"),
        (["--tls-cert", "absent.pem"], "absent.pem: cannot be read"),
        (["--trust-proxy", "localhost"], "no address of a proxy"),
    ],
)
def test_wrong_usage_is_2_and_says_why(made: Made, tmp_path: Path, options: list[str], said: str) -> None:
    """Before anything is opened or listened at."""
    outcome = Console(tmp_path).run("serve", str(made.archive), *options)
    assert outcome.code == 2
    assert said in outcome.err
