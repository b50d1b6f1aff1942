from __future__ import annotations

import pytest
from werkzeug.test import create_environ

from archiver.core.urlkey import Origin
from archiver.offline.addresses import AddressBook, make_labels, mounted_url
from archiver.offline.wsgi import Caller, Host, Reply, Request, read_request

A, B, C = (
    Origin.of(url)
    for url in ("https://a.example.org", "http://b.example.org:8000", "https://cdn.example.net")
)
PORTS = AddressBook(8080, {A: 8081, B: 8082}, {A: "a-example-org", B: "b-example-org-8000"}, frozenset({C}))
DOMAIN = AddressBook(8080, {}, PORTS.labels, frozenset({C}), "docs.corp")


def _caller(host: str, port: int = 8080, **more: str) -> Caller:
    parsed = Host.parse(host)
    assert parsed is not None
    return Caller(parsed, port=port, **more)  # type: ignore[arg-type]


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
        (PORTS, "a.example.org.", 8080, A),
        (DOMAIN, "docs.corp:8080", 8080, None),
        (DOMAIN, "docs.corp.", 8080, None),
        (DOMAIN, "b-example-org-8000.docs.corp", 8080, B),
        (DOMAIN, "a-example-org.localhost:8080", 8080, A),
        (DOMAIN, "nothing-archived.docs.corp", 8080, None),
        (DOMAIN, "10.0.0.7:8080", 8080, None),
    ],
)
def test_requests_are_routed_by_port_or_host(
    book: AddressBook, host: str, port: int, expected: Origin | None
) -> None:
    """A port of its own takes any Host; the main port looks for a label or an original name."""
    assert book.route(_caller(host, port)) == expected


@pytest.mark.parametrize(
    ("book", "host", "port", "main", "of_a"),
    [
        (PORTS, "127.0.0.1:8080", 8080, "http://127.0.0.1:8080", "http://127.0.0.1:8081"),
        (PORTS, "10.0.0.7:8082", 8082, "http://10.0.0.7:8080", "http://10.0.0.7:8081"),
        (PORTS, "[::1]:8080", 8080, "http://[::1]:8080", "http://[::1]:8081"),
        (PORTS, "[2001:DB8:0::7]:8081", 8081, "http://[2001:db8::7]:8080", "http://[2001:db8::7]:8081"),
        (PORTS, "localhost:8080", 8080, "http://localhost:8080", "http://localhost:8081"),
        (
            PORTS,
            "a-example-org.localhost:8080",
            8080,
            "http://localhost:8080",
            "http://a-example-org.localhost:8080",
        ),
        (DOMAIN, "docs.corp", 8080, "http://docs.corp", "http://a-example-org.docs.corp"),
        (DOMAIN, "docs.corp:80", 8080, "http://docs.corp", "http://a-example-org.docs.corp"),
        (
            DOMAIN,
            "b-example-org-8000.docs.corp:9",
            8080,
            "http://docs.corp:9",
            "http://a-example-org.docs.corp:9",
        ),
        (
            DOMAIN,
            "a-example-org.localhost:8080",
            8080,
            "http://localhost:8080",
            "http://a-example-org.localhost:8080",
        ),
        (
            DOMAIN,
            "10.0.0.7:8080",
            8080,
            "http://10.0.0.7:8080",
            "http://a-example-org.docs.corp:8080",
        ),
    ],
)
def test_addresses_are_given_in_the_readers_terms(
    book: AddressBook, host: str, port: int, main: str, of_a: str
) -> None:
    """Whatever name the reader called, the answer's links use it."""
    view = book.view(_caller(host, port))
    assert (view.main, view.bases[A]) == (main, of_a)


def test_a_forwarded_main_port_leads_back_to_itself() -> None:
    """Where a tunnel or container shows the main port as another one, the landing page's own links go there."""
    assert PORTS.view(_caller("laptop:9000")).main == "http://laptop:9000"


def test_a_page_behind_a_path_of_a_proxy_has_it_in_the_main_address_only() -> None:
    """Sites keep their root; what names the origin, such as a policy, gets no path."""
    view = DOMAIN.view(_caller("docs.corp", scheme="https", prefix="/archive"))
    assert (view.main, view.main_origin, view.prefix) == (
        "https://docs.corp/archive",
        "https://docs.corp",
        "/archive",
    )
    assert view.bases[A] == "https://a-example-org.docs.corp"
    from_a_site = DOMAIN.view(_caller("a-example-org.docs.corp", scheme="https", prefix="/archive"))
    assert from_a_site.main == "https://docs.corp/archive"


@pytest.mark.parametrize(
    ("host", "main", "sites"),
    [
        ("10.0.0.7:8080", "http://10.0.0.7:8080", ("http://10.0.0.7:8081", "http://10.0.0.7:8082")),
        ("[2001:db8::7]:8080", "http://*:8080", ("http://*:8081", "http://*:8082")),
        ("[2001:db8::7]", "", ("http://*:8081", "http://*:8082")),
    ],
)
def test_policies_name_ports_where_they_cannot_name_addresses(
    host: str, main: str, sites: tuple[str, ...]
) -> None:
    """The grammar of policies has no IPv6 addresses; a port that the live internet uses stands for nobody."""
    view = PORTS.view(_caller(host))
    assert (view.main_source, view.sources) == (main, sites)


class TestOriginalNames:
    """DNS leads the names that the sites had to this server."""

    def test_sites_are_at_their_names_and_the_main_site_at_the_servers_address(self) -> None:
        """No name of the server itself is known then, but the address that the reader got through to is."""
        view = PORTS.view(_caller("a.example.org:8080", address="10.0.0.7"))
        assert view.bases == {A: "http://a.example.org:8080", B: "http://b.example.org:8080"}
        assert view.main == "http://10.0.0.7:8080"

    @pytest.mark.parametrize(
        ("address", "main"),
        [
            ("::ffff:10.0.0.7", "http://10.0.0.7:8080"),
            ("fe80::1%eth0", "http://[fe80::1]:8080"),
            ("", "http://localhost:8080"),
        ],
    )
    def test_the_servers_address_is_written_as_in_urls(self, address: str, main: str) -> None:
        """As sockets tell it, it is not always."""
        assert PORTS.view(_caller("a.example.org", address=address)).main == main

    def test_the_main_site_is_at_the_domain_where_there_is_one(self) -> None:
        """The operator has told it then."""
        view = DOMAIN.view(_caller("a.example.org", scheme="https", address="10.0.0.7"))
        assert view.main == "https://docs.corp"
        assert view.bases == {A: "https://a.example.org", B: "https://b.example.org"}

    def test_origins_that_share_a_name_keep_addresses_of_their_own(self) -> None:
        """A name leads to one of them: the one with the port that was asked for, else that with the usual one."""
        other = Origin.of("http://a.example.org:8000")
        labels = {other: "a-example-org-8000", A: "a-example-org"}
        by_ports = AddressBook(8080, {other: 8081, A: 8082}, labels)
        assert by_ports.view(_caller("a.example.org")).bases == {
            A: "http://a.example.org",
            other: "http://a.example.org:8081",
        }
        by_domain = AddressBook(8080, {}, labels, domain="docs.corp")
        assert by_domain.view(_caller("a.example.org:8000")).bases == {
            other: "http://a.example.org:8000",
            A: "http://a-example-org.docs.corp:8000",
        }

    @pytest.mark.parametrize("origin", ["http://10.0.0.7", "http://localhost:4000", "https://docs.corp"])
    def test_what_no_dns_leads_here_shadows_nothing(self, origin: str) -> None:
        """An origin at an address, or at the domain that serves, was archived: the landing page stays."""
        archived = Origin.of(origin)
        book = AddressBook(8080, {}, {archived: "archived"}, domain="docs.corp")
        host = archived.host
        assert book.route(_caller(host)) is None
        assert book.view(_caller(host)).bases[archived] == (
            "http://archived.localhost" if host == "localhost" else "http://archived.docs.corp"
        )

    def test_a_name_below_the_domain_that_no_site_has_is_astray(self) -> None:
        """Its landing page is at the domain; where every site has a port, any name is the server's own."""
        for host in ("nosuch.docs.corp", "a.b.docs.corp:8080", "nosuch.localhost:8080"):
            assert DOMAIN.is_astray(_caller(host))
            assert DOMAIN.view(_caller(host)).main.partition(":8080")[0] in (
                "http://docs.corp",
                "http://localhost",
            )
            assert not PORTS.is_astray(_caller(host))
            assert PORTS.view(_caller(host)).main == f"http://{host}"
        for host in ("docs.corp", "localhost", "pc", "10.0.0.7", "a.example.org", "a-example-org.docs.corp"):
            assert not DOMAIN.is_astray(_caller(host))

    def test_every_link_of_every_view_leads_to_its_origin(self) -> None:
        """Whichever way a reader came: what a view names is routed to what it stands for."""
        origins = [
            Origin.of(url)
            for url in (
                "https://a.org",
                "http://a.org",
                "https://a.org:8443",
                "http://b.org:81",
                "http://127.0.0.1:9000",
                "http://[::1]:9000",
                "http://localhost:9000",
                "https://docs.corp",
                "https://c.docs.corp",
            )
        ]
        labels = make_labels(origins)
        ports = {origin: 8081 + at for at, origin in enumerate(origins)}
        hosts = ("127.0.0.1:8080", "[::1]:8080", "localhost:8080", "a.org", "a.org:8443", "b.org:8080",
                 "docs.corp:8080", "a-org.docs.corp", "a-org.localhost:8080", "c.docs.corp", "pc:8080")  # fmt: skip
        for book in (AddressBook(8080, ports, labels), AddressBook(8080, {}, labels, domain="docs.corp")):
            for host in hosts:
                view = book.view(_caller(host))
                assert len(set(view.bases.values()) | {view.main}) == len(origins) + 1, (host, view)
                for origin, base in view.bases.items():
                    netloc = base.partition("//")[2]
                    named = Host.parse(netloc)
                    assert named is not None
                    port = named.port if named.port in ports.values() else 8080
                    assert book.route(_caller(netloc, port)) == origin, (host, base)


def test_targets_include_twins_and_mounted_hosts() -> None:
    """The other scheme leads to the same place; a host without an address is below the page's own."""
    view = PORTS.view(Caller(Host("h", 8080), port=8080))
    targets = view.targets(A)
    assert targets[Origin.of("http://a.example.org")] == "http://h:8081"
    assert targets[C] == "http://h:8081/-/o/https/cdn.example.net"
    assert Origin.of("https://b.example.org:8000") not in targets


def test_an_archived_url_is_located_with_its_fragment() -> None:
    """Path, query and fragment are kept; what has no address has none."""
    view = PORTS.view(Caller(Host("h", 8080), port=8080))
    assert view.locate("https://a.example.org/x?y#z") == "http://h:8081/x?y#z"
    assert view.locate("https://other.example.org/") is None
    assert view.locate("mailto:me") is None


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://a.example.org/x#z", "http://h:8081/x#z"),
        ("https://other.example.org/", "https://other.example.org/"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
    ],
)
def test_only_what_browsers_get_by_http_is_linked(url: str, linked: str) -> None:
    """A hostile index may name any URL; a script is none that our pages, or programs that read our JSON, lead to."""
    assert PORTS.view(Caller(Host("h", 8080), port=8080)).address(url) == linked


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
        "a..b",
        ".a",
        "a" * 64,
        "a.org:",
        "a.org, b.org",
        "[::1]:",
        "[1.2.3.4]",
        "[::::]",
        "[fe80::1%25eth0]",
    ],
)
def test_malformed_hosts_are_refused(host: str) -> None:
    """No such thing gets into an address of a page."""
    assert Host.parse(host) is None


@pytest.mark.parametrize(
    ("text", "name"), [("A.Org", "a.org"), ("a.org.", "a.org"), ("a_b", "a_b"), ("[::0001]", "[::1]")]
)
def test_hosts_have_one_form(text: str, name: str) -> None:
    """However a client writes a name: without the dot at its end, in lowercase, short."""
    assert Host.parse(f"{text}:80") == Host(name, 80)


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
    assert (request.caller.host, request.path, request.query) == (Host("a.example.org", 81), "/x", "y")
