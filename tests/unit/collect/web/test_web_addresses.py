from __future__ import annotations

import threading
from contextlib import closing

import pytest

from archiver.collect.watchdog import Watchdog
from archiver.collect.web.addresses import AddressPolicy, addresses_of, is_local_name, is_private
from archiver.collect.web.fetch import Fetcher, FetchSettings
from archiver.collect.web.urls import resolve
from archiver.core.errors import PrivateAddress
from archiver.core.urlkey import Origin
from servers.site import html, serving

PUBLIC = "93.184.216.34"
ONCE = FetchSettings(tries=1, connect_timeout=5, read_timeout=5)


def _fetcher() -> Fetcher:
    """Make a fetcher for a site on the internet."""
    return Fetcher("a/0", ONCE, threading.Event(), AddressPolicy([PUBLIC]), Watchdog(ONCE.longest))


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("0.0.0.0", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("192.168.1.1", True),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("224.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("ff02::1", True),
        ("::", True),
        ("0.1.2.3", True),
        ("192.0.0.192", True),
        ("255.255.255.255", True),
        ("64:ff9b::7f00:1", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("64:ff9b:1::1", True),
        ("2002:7f00:1::1", True),
        ("2002:c0a8:101::", True),
        ("::127.0.0.1", True),
        ("::ffff:0:127.0.0.1", True),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", True),
        ("fec0::1", True),
        ("4000::1", True),
        ("64:ff9b::5db8:d822", False),
        ("2002:5db8:d822::1", False),
        (PUBLIC, False),
        ("::ffff:93.184.216.34", False),
        ("2606:2800:220:1:248:1893:25c8:1946", False),
        ("example.org", False),
    ],
)
def test_private_addresses_are_known(address: str, private: bool) -> None:
    """Loopback, link-local, private, shared, unspecified and multicast addresses are told from public ones.

    An IPv6 address that stands for an IPv4 one (IPv4-mapped, NAT64, 6to4) counts as that.
    """
    assert is_private(address) is private


@pytest.mark.parametrize(
    "written",
    [
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "\N{FULLWIDTH DIGIT ONE}27.0.0.1",
        "[::ffff:7f00:1]",
        "0",
    ],
)
def test_addresses_in_odd_spellings_are_seen_through(written: str) -> None:
    """Decimal, hexadecimal, octal, short and full-width IPv4 addresses are read as browsers read them."""
    url = resolve("http://docs.example/", f"http://{written}/x")
    assert url is not None
    assert is_private(Origin.of(url).host)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("a.localhost", True),
        ("metadata.google.internal", True),
        ("printer.local.", True),
        ("router.home.arpa", True),
        ("git.CORP", True),
        ("intranet", True),
        ("docs.example", False),
        ("local.example.org", False),
        ("example.org.", False),
        ("10.0.0.1", False),
        ("::1", False),
    ],
)
def test_names_of_private_networks_are_known(host: str, local: bool) -> None:
    """Names that each network's resolver answers by itself are told from those of the public DNS."""
    assert is_local_name(host) is local


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "\udc80", ""])
def test_what_is_no_host_has_no_address(host: str) -> None:
    """Names that cannot exist resolve to nothing; they raise nothing."""
    assert not [address for address in addresses_of(host) if not is_private(address)]


def test_a_public_site_leads_to_no_private_address() -> None:
    """What is not named by the spec is refused where any of its addresses is private."""
    policy = AddressPolicy([PUBLIC])
    policy.check("other.example", ["93.184.216.35"])
    policy.check(PUBLIC, ["10.0.0.1"])  # the spec asks for this very host, whatever its name means today
    with pytest.raises(PrivateAddress):
        policy.check("other.example", ["93.184.216.35", "10.0.0.1"])


def test_a_private_site_leads_to_no_other_private_address() -> None:
    """A site in the keeper's own network, into which many may write, does not open the rest of it."""
    for named, host, address in (
        ("192.168.0.1", "other.example", "10.0.0.1"),
        ("10.0.0.1", "metadata.example", "169.254.169.254"),
        ("localhost", "other.example", "127.0.0.2"),
    ):
        with pytest.raises(PrivateAddress):
            AddressPolicy([PUBLIC, named]).check(host, [address])
    with pytest.raises(PrivateAddress):
        AddressPolicy(["wiki.corp"]).check_name("static.corp")
    AddressPolicy(["wiki.corp", "static.corp"]).check_name("static.corp")


def test_other_names_for_what_the_spec_names_are_allowed() -> None:
    """An address is named by each host that is there."""
    AddressPolicy(["localhost"]).check("other.example", ["127.0.0.1"])
    AddressPolicy(["127.0.0.1"]).check("localhost", ["127.0.0.1"])


def test_addresses_that_stand_for_any_host_are_allowed_where_the_site_has_one_too() -> None:
    """A transparent proxy that answers for every name with its own addresses does not end the crawl."""
    AddressPolicy(["198.18.0.7"]).check("other.example", ["198.19.255.1"])
    for named, address in ((PUBLIC, "198.18.0.8"), ("198.18.0.7", "10.0.0.1")):
        with pytest.raises(PrivateAddress):
            AddressPolicy([named]).check("other.example", [address])


def test_a_proxy_is_not_asked_for_local_names() -> None:
    """Where a proxy looks names up, those of its own network are refused, but for the spec's own."""
    policy = AddressPolicy([PUBLIC])
    policy.check_name("other.example")
    policy.check_name(PUBLIC)
    for host in ("localhost.", "intranet", "metadata.google.internal", "10.0.0.1"):
        with pytest.raises(PrivateAddress):
            policy.check_name(host)


def test_a_private_address_is_not_even_connected_to() -> None:
    """Where the name says it all, nobody is asked."""
    with serving({"/": html()}) as site:
        with closing(_fetcher()) as fetcher, pytest.raises(PrivateAddress):
            fetcher.fetch(site.url("/"))
        assert site.targets() == []


def test_a_name_that_changes_its_address_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that a connection has really led to counts, and nothing is sent there."""
    monkeypatch.setattr("archiver.collect.web.fetch.addresses_of", lambda _: (PUBLIC,))
    with serving({"/": html()}) as site:
        with closing(_fetcher()) as fetcher, pytest.raises(PrivateAddress):
            fetcher.fetch(site.url("/"))
        assert site.targets() == []


def test_behind_a_proxy_only_the_url_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy resolves names, and may itself be at a private address; private literals are refused all the same."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delattr("archiver.collect.web.fetch.addresses_of")
    with serving({"http://docs.example/": html()}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.origin)
        with closing(_fetcher()) as fetcher:
            exchange = fetcher.fetch("http://docs.example/")
            assert exchange is not None
            with closing(exchange.body):
                assert exchange.body.read() == html()
            with pytest.raises(PrivateAddress):
                fetcher.fetch("http://10.0.0.1/")
        assert proxy.targets() == ["http://docs.example/"]
