"""What answers mean, and where they lead."""

from __future__ import annotations

from email.message import Message

import pytest

from archiver.core.errors import (
    AuthenticationFailed,
    FetchError,
    RateLimited,
    RegistryError,
    ServerBusy,
    StatusRefused,
    TlsMissing,
)
from archiver.offline.pushing.answer import Answer, joined

HOME = "https://registry.example.org/v2/a/blobs/uploads/"


def answer(status: int, body: bytes = b"", method: str = "PUT", url: str = HOME, **headers: str) -> Answer:
    """Return an answer."""
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Answer(method, url, status, "Reason", message, body)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/a/blobs/uploads/1?state=x", "https://registry.example.org/v2/a/blobs/uploads/1?state=x"),
        ("1?state=x", "https://registry.example.org/v2/a/blobs/uploads/1?state=x"),
        ("https://uploads.example.net/1", "https://uploads.example.net/1"),
        ("http://registry.example.org/v2/1", "https://registry.example.org/v2/1"),
        ("http://registry.example.org:80/v2/1", "https://registry.example.org/v2/1"),
    ],
)
def test_locations_are_relative_or_absolute_and_never_lose_tls(location: str, expected: str) -> None:
    """A registry that ends TLS elsewhere calls itself http; at its own host that means https."""
    assert joined(HOME, location) == expected


@pytest.mark.parametrize(
    "location",
    ["http://elsewhere.example.net/1", "ftp://x/1", "https://x:port/1", "https://x/a b", "https://x/\x1b"],
)
def test_locations_that_nothing_may_be_sent_to_are_refused(location: str) -> None:
    """From https to plain HTTP at another host, and what is no address."""
    with pytest.raises(RegistryError):
        joined(HOME, location)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationFailed),
        (403, AuthenticationFailed),
        (404, StatusRefused),
        (413, StatusRefused),
        (429, RateLimited),
        (500, ServerBusy),
        (503, ServerBusy),
    ],
)
def test_statuses_are_errors_of_the_tree(status: int, kind: type[FetchError]) -> None:
    """Those that may pass are told from those that stay."""
    assert type(answer(status).refusal()) is kind


def test_the_registry_s_words_and_its_wish_to_rest_are_told() -> None:
    """Its code and message, and Retry-After in seconds."""
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'
    error = answer(429, body, Content_Type="application/json", Retry_After="7").refusal()
    assert isinstance(error, RateLimited)
    assert "TOOMANYREQUESTS slow down" in str(error)
    assert error.wait == 7


def test_tls_in_place_of_plain_http_is_told() -> None:
    """Go's servers say so in words."""
    said = b"Client sent an HTTP request to an HTTPS server.\n"
    error = answer(400, said, url="http://127.0.0.1:5000/v2/").refusal()
    assert isinstance(error, TlsMissing)
    assert "--ca" in (error.hint or "")


def test_redirects_change_nothing_by_methods_that_do() -> None:
    """What writes follows only where the status says that the method stays."""
    there = "https://x.example/1"
    assert answer(302, Location=there).redirect == ""
    assert answer(307, Location=there).redirect == there
    assert answer(302, method="HEAD", Location=there).redirect == there
    assert answer(202, Location=there).redirect == ""


def test_messages_do_not_have_what_an_upload_is_signed_by() -> None:
    """Who has the query of such an address may upload as well: it stays out of errors, which end up in logs."""
    signed = "https://uploads.example.net/a/1?X-Signature=secret"
    for status in (401, 413, 429, 503):
        error = answer(status, url=signed).refusal()
        assert "https://uploads.example.net/a/1" in str(error)
        assert "secret" not in str(error)
    for location in ("http://elsewhere.example.net/1?X-Signature=secret", "ftp://x/1?X-Signature=secret"):
        with pytest.raises(RegistryError) as refused:
            joined(signed, location)
        assert "secret" not in str(refused.value)
