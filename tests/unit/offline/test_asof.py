"""Choosing a snapshot: where a reader is led on to."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from archiver.core.urlkey import Origin
from archiver.offline.addresses import AddressBook
from archiver.offline.asof import choose
from archiver.offline.wsgi import Caller, Host, Request

PROJECT, SNAPSHOT = "linked", "20260301T120000Z"
SECURE, PLAIN = Origin.of("https://docs.example.org/"), Origin.of("http://old.example.org/")
LABELS = {SECURE: "docs-example-org", PLAIN: "old-example-org"}


def led_to(book: AddressBook, caller: Caller, to: str, **more: str) -> str:
    """Return where choosing a snapshot leads whoever reaches the server so."""
    query = urlencode({"project": PROJECT, "snapshot": SNAPSHOT, "to": to, **more})
    request = Request("GET", "/-/as-of", query, caller, {})
    reply = choose(request, book.view(caller), {PROJECT: (SNAPSHOT,)}, book.names)
    assert reply.status == 303
    return dict(reply.headers)["Location"]


@pytest.mark.parametrize(
    ("port", "scheme", "url", "label"),
    [
        (443, "https", "https://docs.example.org/a", "docs-example-org"),
        (80, "http", "http://old.example.org/b?c", "old-example-org"),
    ],
)
def test_standard_ports_lead_nobody_to_the_live_site(port: int, scheme: str, url: str, label: str) -> None:
    """Below a domain, at the port that the site itself had, the page of the miss leads on within the archive."""
    book = AddressBook(port, {}, LABELS, domain="docs.example.internal")
    caller = Caller(Host(f"{label}.docs.example.internal"), scheme, port)
    path = url.partition(".org")[2]
    assert led_to(book, caller, url) == f"{scheme}://{label}.docs.example.internal{path}"
    main = Caller(Host("docs.example.internal"), scheme, port)
    assert led_to(book, main, url) == f"{scheme}://{label}.docs.example.internal{path}"


def test_a_port_for_each_site_leads_to_the_sites_port() -> None:
    """With ports, too, an original URL is a page of the archive, whatever port the server has."""
    book = AddressBook(80, {SECURE: 8081, PLAIN: 8082}, LABELS)
    caller = Caller(Host("library.example.internal"), "http", 80)
    assert led_to(book, caller, "http://old.example.org/b") == "http://library.example.internal:8082/b"


def test_where_dns_leads_here_readers_keep_the_original_names() -> None:
    """Whoever came by an original name goes back to it, through the server's other names."""
    book = AddressBook(443, {}, LABELS, domain="docs.example.internal")
    caller = Caller(Host("docs.example.org"), "https", 443)
    url = "https://docs.example.org/a"
    assert parse_qs(urlsplit(led_to(book, caller, url)).query)["to"] == [url]
    domain = Caller(Host("docs.example.internal"), "https", 443)
    assert led_to(book, domain, url, visited="3") == url
