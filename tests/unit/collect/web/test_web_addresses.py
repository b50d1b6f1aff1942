from __future__ import annotations

import threading
from contextlib import closing

import pytest

from archiver.collect.web.addresses import AddressPolicy, addresses_of, is_private
from archiver.collect.web.fetch import Fetcher, FetchSettings
from archiver.core.errors import PrivateAddress
from servers.site import html, serving

PUBLIC = "93.184.216.34"
ONCE = FetchSettings(tries=1, connect_timeout=5, read_timeout=5)


def _fetcher() -> Fetcher:
    """Make a fetcher for a site on the internet."""
    return Fetcher("a/0", ONCE, threading.Event(), AddressPolicy([PUBLIC]))


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
        (PUBLIC, False),
        ("::ffff:93.184.216.34", False),
        ("2606:2800:220:1:248:1893:25c8:1946", False),
        ("example.org", False),
    ],
)
def test_private_addresses_are_known(address: str, private: bool) -> None:
    """Loopback, link-local, private, shared, unspecified and multicast addresses are told from public ones."""
    assert is_private(address) is private


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


def test_a_private_site_may_lead_to_private_addresses() -> None:
    """A site in the keeper's own network refers to its like."""
    AddressPolicy([PUBLIC, "192.168.0.1"]).check("other.example", ["10.0.0.1"])
    AddressPolicy(["localhost"]).check("other.example", ["127.0.0.2"])


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
