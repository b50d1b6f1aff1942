"""What registries say went wrong."""

from __future__ import annotations

import json

import pytest

from archiver.core.complaint import Complaint, read_complaint


def test_the_first_error_is_told() -> None:
    """Its code by itself, and code and message as words."""
    body = json.dumps({"errors": [{"code": "DENIED", "message": "not you"}, {"code": "OTHER"}]}).encode()
    assert read_complaint(body, "application/json") == Complaint("DENIED", "DENIED not you")


def test_plain_words_are_told_by_their_first_line() -> None:
    """Proxies in front of registries answer in words."""
    assert read_complaint(b"too large\nsorry", "text/plain; charset=utf-8") == Complaint("", "too large")


def test_words_of_no_type_are_words() -> None:
    """What Go's servers say where TLS is expected has no media type; documents without one are no words."""
    assert read_complaint(b"Client sent an HTTP request to an HTTPS server.\n", "").words.endswith(
        "HTTPS server."
    )
    assert read_complaint(b"<html>", "") == Complaint()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": "x"}', b'{"errors": ["x"]}'])
def test_anything_else_says_nothing(body: bytes) -> None:
    """What is no error document is no reason to fail once more."""
    assert read_complaint(body, "application/json") == Complaint()


def test_what_controls_a_terminal_is_escaped() -> None:
    """A registry's words are a stranger's."""
    assert "\x1b" not in read_complaint(b"\x1b[2J", "text/plain").words


def test_an_answer_that_repeats_the_login_is_not_told() -> None:
    """A secret that was sent along gets into no message."""
    assert read_complaint(b"your token is c2VjcmV0", "text/plain", "c2VjcmV0") == Complaint()
