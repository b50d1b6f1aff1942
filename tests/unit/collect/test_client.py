"""HTTP for registries and downloads."""

from __future__ import annotations

import gzip
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.collect.client import Client
from archiver.collect.retry import Brake, Patience
from archiver.core.errors import (
    CertificateRefused,
    FetchError,
    FetchTimeout,
    HostUnreachable,
    ResponseBroken,
    ServerBusy,
    StatusRefused,
    Stopped,
)
from servers import misbehaving, rawsite
from servers.certificates import make_certificates
from servers.halting import halting
from servers.processes import free_port
from servers.site import Asked, Reply, serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def client() -> Iterator[Client]:
    """A client without patience."""
    patience = Patience(connect=5, read=0.5)
    with Client("archiver/test", patience, Brake(threading.Event())) as made:
        yield made


def test_requests_say_who_asks_and_want_plain_bytes(client: Client) -> None:
    """The User-Agent given, and no content coding: what is hashed is what the server holds."""
    with serving({"/": b"x"}) as site:
        assert client.body(client.open(site.url("/")), 10) == b"x"
        assert site.asked[0].headers["user-agent"] == "archiver/test"
        assert site.asked[0].headers["accept-encoding"] == "identity"


def test_netrc_is_not_read(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that are meant for other programs are not sent, here nor after a redirect."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login keeper password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving({"/": Reply(status=302, headers=(("Location", "/to"),)), "/to": b"x"}) as site:
        client.open(site.url("/")).close()
        assert not any("authorization" in asked.headers for asked in site.asked)


def test_this_machine_is_not_asked_through_a_proxy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docker does, whatever http_proxy says."""
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with serving({"/": b"x"}) as site:
        assert client.open(site.url("/")).status_code == 200


def test_authorization_stays_with_its_origin(client: Client) -> None:
    """A redirect within the origin keeps the header, one to another port loses it."""
    with serving({"/there": b"x"}) as other:
        away = Reply(status=307, headers=(("Location", other.url("/there")),))
        with serving({"/": Reply(status=307, headers=(("Location", "/next"),)), "/next": away}) as site:
            client.exchange("GET", site.url("/"), authorization="Bearer t").close()
            assert [asked.headers.get("authorization") for asked in site.asked] == ["Bearer t", "Bearer t"]
            assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize("location", ["/", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://[/"])
def test_redirects_that_lead_nowhere_are_errors(client: Client, location: str) -> None:
    """Loops, other schemes and things that are no address."""
    with (
        serving({"/": Reply(status=302, headers=(("Location", location),))}) as site,
        pytest.raises(FetchError),
    ):
        client.exchange("GET", site.url("/"))


def test_an_answer_that_breaks_off_is_an_error(client: Client) -> None:
    """A body shorter than its Content-Length never looks like a whole one."""
    with serving({"/": Reply(b"x" * 100, cut=10)}) as site, pytest.raises(ResponseBroken):
        client.body(client.open(site.url("/")), 1000)


def test_what_is_packed_tight_is_unpacked_piece_by_piece(client: Client) -> None:
    """Some kilobytes that stand for megabytes never are in memory as a whole."""
    packed = gzip.compress(bytes(32 << 20))
    coded = Reply(packed, headers=(("Content-Encoding", "gzip"),))
    with serving({"/": coded}) as site:
        pieces = [len(chunk) for chunk in client.chunks(client.open(site.url("/")), decode=True)]
    assert (sum(pieces), max(pieces) <= 256 << 10) == (32 << 20, True)


def test_a_silent_server_is_a_timeout(client: Client) -> None:
    """A server that takes the request and says nothing is given up after the time allowed."""
    release = threading.Event()

    def silent(_: Asked) -> Reply:
        release.wait(30)
        return Reply()

    with serving({"/": silent}) as site:
        with pytest.raises(FetchTimeout):
            client.open(site.url("/"))
        release.set()


def test_a_body_comes_as_it_arrives(client: Client) -> None:
    """A single byte is handed on though more was announced, so that a dripping server never hides a stopped run."""
    with halting(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx") as server:
        chunks = client.chunks(client.open(f"http://{server.host}/"))
        assert next(chunks) == b"x"
        with pytest.raises(FetchTimeout):
            next(chunks)


def test_a_server_that_drips_is_a_timeout() -> None:
    """A body that comes slower on average than is put up with is given up."""
    patience = Patience(connect=5, read=5, warm_up=0.0, slowest=1e12)
    with (
        Client("archiver/test", patience, Brake(threading.Event())) as client,
        serving({"/": b"x" * 9}) as site,
        pytest.raises(FetchTimeout, match="too slowly"),
    ):
        client.body(client.open(site.url("/")), 100)


@pytest.mark.parametrize("what", ["slow-headers", "endless-interim-answers"])
def test_headers_that_do_not_end_are_a_timeout(what: str) -> None:
    """However often something comes; the client goes on working for the same thread, and for others."""
    patience = Patience(connect=0.2, read=0.3)
    answers = {"/": misbehaving.MISBEHAVIOURS[what], "/good": rawsite.reply(b"x")}
    with (
        rawsite.raw_serving(answers) as site,
        Client("archiver/test", patience, Brake(threading.Event())) as client,
    ):
        for _ in range(2):
            with pytest.raises(FetchTimeout):
                client.open(site.url("/"))
            assert client.body(client.open(site.url("/good")), 10) == b"x"


@pytest.mark.parametrize(
    ("scheme", "said"),
    [
        ("http", b""),
        ("http", b"HTTP/1.1 200 OK\r\n"),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
        ("http", b"HTTP/1.0 200 OK\r\n\r\nx"),
        ("https", b""),
    ],
    ids=["nothing", "half a header", "half a body", "a body without end", "no TLS"],
)
def test_a_client_can_be_aborted_from_another_thread(scheme: str, said: bytes) -> None:
    """Who waits for a silent server is let go at once, without what came looking whole; so is who begins later."""
    ends: list[str] = []

    def fetch() -> None:
        try:
            client.body(client.open(f"{scheme}://{server.host}/"), 100)
        except (FetchError, Stopped):
            ends.append("told")

    patience = Patience(connect=600, read=600)
    with Client("archiver/test", patience, Brake(threading.Event())) as client, halting(said) as server:
        waiting = threading.Thread(target=fetch)
        waiting.start()
        assert server.silent.wait(60)
        client.abort()
        waiting.join(60)
        fetch()
    assert ends == ["told", "told"]


def test_what_a_server_says_is_shown_without_control_characters(client: Client) -> None:
    """A reason phrase that would move a terminal's cursor is escaped."""
    with (
        halting(b"HTTP/1.1 404 \x1b[2J gone\r\nContent-Length: 0\r\n\r\n") as server,
        pytest.raises(StatusRefused) as caught,
    ):
        client.open(f"http://{server.host}/")
    assert caught.value.message == r"HTTP 404 \x1b[2J gone"


def test_nobody_listening_is_unreachable(client: Client) -> None:
    """A refused connection, and the address is in the message's place."""
    url = f"http://127.0.0.1:{free_port()}/x"
    with pytest.raises(HostUnreachable) as caught:
        client.open(url)
    assert caught.value.place == url


def test_a_host_that_takes_no_connection_is_unreachable(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that refuses: there is nobody to be waited for, and another place may be asked."""

    def late(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", late)
    with pytest.raises(HostUnreachable, match="no answer within the time allowed"):
        client.open("http://127.0.0.1:9/")


def test_the_environment_may_name_authorities(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of the system's, as for most programs in Python; a file that is not there is an error."""
    certificates = make_certificates(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent.pem"))
    with rawsite.raw_serving({"/": rawsite.reply(b"x")}, certificates.context) as site:
        with pytest.raises(FetchError, match="cannot be read"):
            client.open(site.url("/"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
        assert client.body(client.open(site.url("/")), 10) == b"x"
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        other = Client("archiver/test", Patience(connect=5, read=5), Brake(threading.Event()))
        with other, pytest.raises(CertificateRefused):
            other.open(site.url("/"))


def test_statuses_become_errors(client: Client) -> None:
    """404 is a refusal; 503 is busy and carries what the server asked to wait."""
    busy = Reply(status=503, headers=(("Retry-After", "7"),))
    with serving({"/busy": busy}) as site:
        with pytest.raises(StatusRefused, match="404"):
            client.open(site.url("/absent"))
        with pytest.raises(ServerBusy) as caught:
            client.open(site.url("/busy"))
    assert caught.value.wait == 7


def test_small_bodies_are_bounded(client: Client) -> None:
    """No more than one byte over the limit is returned, however much there is."""
    with serving({"/": b"x" * 1_000_000}) as site:
        assert len(client.body(client.open(site.url("/")), 10)) == 11


def test_chunks_give_the_whole_body(client: Client) -> None:
    """Also a chunked one; the bytes are those that were sent."""
    body = bytes(range(256)) * 4096
    with (
        serving({"/": Reply(body, chunked=True)}) as site,
        closing(client.chunks(client.open(site.url("/")))) as chunks,
    ):
        assert b"".join(chunks) == body
