from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import pytest

from archiver.collect.watchdog import Watchdog
from archiver.collect.web.addresses import AddressPolicy
from archiver.collect.web.fetch import Fetcher, FetchSettings
from archiver.core.errors import FetchTimeout
from servers.dripping import dripping
from servers.site import Answer, Reply, html, serving

ONCE = FetchSettings(tries=1, connect_timeout=5, read_timeout=5)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
LONG = OK + b"Content-Length: 1000000\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n100000\r\n"


def _fetcher(settings: FetchSettings = ONCE, stop: threading.Event | None = None) -> Fetcher:
    return Fetcher(
        "a/0", settings, stop or threading.Event(), AddressPolicy(["127.0.0.1"]), Watchdog(settings.longest)
    )


@pytest.mark.parametrize("said", [LONG, CHUNKED, OK + b"\r\n"])
def test_a_server_that_drips_is_given_up(said: bytes) -> None:
    """A body that comes a byte at a time is found too slow long before a buffer is full of it."""
    settings = replace(ONCE, warm_up=0.05, slowest=1e6)
    with (
        dripping(said) as origin,
        closing(_fetcher(settings)) as fetcher,
        pytest.raises(FetchTimeout, match="slowly"),
    ):
        fetcher.fetch(f"{origin}/")


@pytest.mark.parametrize(
    ("said", "drop"),
    [
        (OK, b"X: y\r\n"),
        (OK + b"X: ", b"y"),
        (OK + b"\r\n", b"x" * 100),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    ],
    ids=["headers", "one header", "a body without length", "a chunk's size"],
)
def test_no_response_takes_longer_than_allowed(said: bytes, drop: bytes) -> None:
    """Whatever part of it goes on for ever, a response has an end, and what came so far is not taken for whole."""
    with (
        dripping(said, drop) as origin,
        closing(_fetcher(replace(ONCE, longest=0.2))) as fetcher,
        pytest.raises(FetchTimeout, match="longer"),
    ):
        fetcher.fetch(f"{origin}/")


def test_after_a_response_without_end_the_next_is_fetched() -> None:
    """The connection that was shut is replaced by another."""
    with (
        serving({"/": html()}) as site,
        dripping(OK, b"X: y\r\n") as origin,
        closing(_fetcher(replace(ONCE, longest=0.5))) as fetcher,
    ):
        with pytest.raises(FetchTimeout):
            fetcher.fetch(f"{origin}/")
        exchange = fetcher.fetch(site.url("/"))
        assert exchange is not None
        with closing(exchange.body):
            assert exchange.body.read() == html()


def test_stopping_does_not_wait_for_a_server_that_drips() -> None:
    """The stop is noticed at the next bytes, however few."""
    stop = threading.Event()
    stop.set()
    with dripping(LONG) as origin, closing(_fetcher(stop=stop)) as fetcher:
        assert fetcher.fetch(f"{origin}/") is None


def test_one_connection_serves_all_kinds_of_responses() -> None:
    """Bodies are read to their end, so that the connection is kept, with and without a length."""
    answers: dict[str, Answer] = {
        "/": html(),
        "/chunked": Reply(bytes(300_000), chunked=True),
        "/unchanged": Reply(status=304),
        "/moved": Reply(b"x", 302, headers=(("Location", "/"),)),
        "/empty": b"",
    }
    from_where: list[object] = []
    with serving(answers) as site, closing(_fetcher()) as fetcher:
        accept = site._server.process_request
        site._server.process_request = lambda request, address: (  # type: ignore[method-assign]  # stands in for the real one
            from_where.append(address),
            accept(request, address),
        )[1]
        for target in (*answers, *answers):
            exchange = fetcher.fetch(site.url(target))
            assert exchange is not None
            exchange.body.close()
    assert len(from_where) == 1
