from __future__ import annotations

import pytest
from werkzeug.test import create_environ

from archiver.core.urlkey import Origin
from archiver.offline.addresses import AddressBook, make_labels, mounted_url
from archiver.offline.wsgi import Host, Reply, Request, read_request

A, B, C = (
    Origin.of(url)
    for url in ("https://a.example.org", "http://b.example.org:8000", "https://cdn.example.net")
)
PORTS = AddressBook(8080, {A: 8081, B: 8082}, {A: "a-example-org", B: "b-example-org-8000"}, frozenset({C}))
DOMAIN = AddressBook(8080, {}, PORTS.labels, frozenset({C}), "docs.corp")


def _request(host: str, port: int) -> Request:
    environ = create_environ(headers={"Host": host})
    environ["SERVER_PORT"] = str(port)
    request = read_request(environ)
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("book", "host", "port", "expected"),
    [
        (PORTS, "127.0.0.1:8080", 8080, None),
        (PORTS, "127.0.0.1:8081", 8081, A),
        (PORTS, "anything.example:1", 8082, B),
        (PORTS, "a-example-org.localhost:8080", 8080, A),
        (PORTS, "localhost:8080", 8080, None),
        (PORTS, "a.example.org", 8080, A),
        (PORTS, "A.EXAMPLE.ORG:8080", 8080, A),
        (DOMAIN, "docs.corp:8080", 8080, None),
        (DOMAIN, "b-example-org-8000.docs.corp", 8080, B),
        (DOMAIN, "10.0.0.7:8080", 8080, None),
    ],
)
def test_requests_are_routed_by_port_or_host(
    book: AddressBook, host: str, port: int, expected: Origin | None
) -> None:
    """A port of its own takes any Host; the main port looks for a label or an original name."""
    assert book.route(_request(host, port)) == expected


@pytest.mark.parametrize(
    ("book", "host", "main", "of_a"),
    [
        (PORTS, "127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8081"),
        (PORTS, "10.0.0.7:8082", "http://10.0.0.7:8080", "http://10.0.0.7:8081"),
        (PORTS, "[::1]:8080", "http://[::1]:8080", "http://[::1]:8081"),
        (PORTS, "localhost:8080", "http://localhost:8080", "http://localhost:8081"),
        (
            PORTS,
            "a-example-org.localhost:8080",
            "http://localhost:8080",
            "http://a-example-org.localhost:8080",
        ),
        (DOMAIN, "docs.corp", "http://docs.corp", "http://a-example-org.docs.corp"),
        (DOMAIN, "b-example-org-8000.docs.corp:9", "http://docs.corp:9", "http://a-example-org.docs.corp:9"),
    ],
)
def test_addresses_are_given_in_the_readers_terms(book: AddressBook, host: str, main: str, of_a: str) -> None:
    """Whatever name the reader called, the answer's links use it."""
    parsed = Host.parse(host)
    assert parsed is not None
    view = book.view(parsed)
    assert (view.main, view.bases[A]) == (main, of_a)


def test_targets_include_twins_and_mounted_hosts() -> None:
    """The other scheme leads to the same place; a host without an address is below the page's own."""
    view = PORTS.view(Host("h", 8080))
    targets = view.targets(A)
    assert targets[Origin.of("http://a.example.org")] == "http://h:8081"
    assert targets[C] == "http://h:8081/-/o/https/cdn.example.net"
    assert Origin.of("https://b.example.org:8000") not in targets


def test_an_archived_url_is_located_with_its_fragment() -> None:
    """Path, query and fragment are kept; what has no address has none."""
    view = PORTS.view(Host("h", 8080))
    assert view.locate("https://a.example.org/x?y#z") == "http://h:8081/x?y#z"
    assert view.locate("https://other.example.org/") is None
    assert view.locate("mailto:me") is None


def test_labels_are_distinct_and_short() -> None:
    """Origins that would give the same label are numbered; long names are cut."""
    origins = [
        Origin.of(url) for url in ("https://a.b", "http://a-b", "https://a.b:8443", f"https://{'x' * 60}.org")
    ]
    labels = list(make_labels(origins).values())
    assert labels[:3] == ["a-b", "a-b-2", "a-b-8443"]
    assert all(len(label) <= 63 for label in labels)


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/-/o/https/cdn.example.net/a/b.css", "https://cdn.example.net/a/b.css"),
        ("/-/o/http/h:81/", "http://h:81/"),
        ("/-/o/https/cdn.example.net", "https://cdn.example.net/"),
        ("/-/o/ftp/h/x", None),
        ("/-/o/https//x", None),
        ("/-/o/https/a b/x", None),
        ("/-/o/https/a@b/x", None),
    ],
)
def test_mounted_paths_stand_for_urls(path: str, url: str | None) -> None:
    """Scheme and host are read from the path, or it is nobody's."""
    assert mounted_url(path, "") == url


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a/b",
        "a,b",
        "a\\b",
        "<script>",
        "a:99999",
        "a:b",
        "[::1",
        "-a",
        "a" * 300,
        "user@host",
        "é",
    ],
)
def test_malformed_hosts_are_refused(host: str) -> None:
    """No such thing gets into an address of a page."""
    assert Host.parse(host) is None


@pytest.mark.parametrize(
    "target", ["*", "http:///x", "ftp://h/x", "http://[x/", "/a b", "/\x00", "/" + "a" * 20000]
)
def test_malformed_targets_are_refused(target: str) -> None:
    """A request target is a path or an absolute http URL."""
    environ = create_environ(headers={"Host": "h"})
    environ["REQUEST_URI"] = target
    reply = read_request(environ)
    assert isinstance(reply, Reply)
    assert reply.status == 400


def test_an_absolute_target_names_the_host() -> None:
    """As RFC 9112 has it, the Host header does not count then."""
    environ = create_environ(headers={"Host": "ignored"})
    environ["REQUEST_URI"] = "http://a.example.org:81/x?y"
    request = read_request(environ)
    assert isinstance(request, Request)
    assert (request.host, request.path, request.query) == (Host("a.example.org", 81), "/x", "y")
