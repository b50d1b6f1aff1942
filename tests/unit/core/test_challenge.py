"""Reading WWW-Authenticate headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.core.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ('BASIC Realm = "a \\"b\\", c"', [Challenge("basic", {"realm": 'a "b", c'})]),
        ("Negotiate, Basic realm=x", [Challenge("negotiate"), Challenge("basic", {"realm": "x"})]),
        ("NTLM TlRMTVNTUAAC==, Basic", [Challenge("ntlm"), Challenge("basic")]),
        ("Bearer realm=https://a.example/t?x=1,service=s", [
            Challenge("bearer", {"realm": "https://a.example/t?x=1", "service": "s"})
        ]),
        ('Bearer realm="a",,  Basic realm="b"', [Challenge("bearer", {"realm": "a"}), Challenge("basic", {"realm": "b"})]),
        ('Bearer realm="first", realm="second"', [Challenge("bearer", {"realm": "first"})]),
        ('Bearer realm="open', [Challenge("bearer")]),
        ("", []),
        ('="x"', []),
    ],
)  # fmt: skip
def test_challenges_are_read_as_the_grammar_says(header: str, expected: list[Challenge]) -> None:
    """Schemes, quoted and bare values, several challenges in a header, and nothing beyond what can be read."""
    assert list(parse_challenges(header)) == expected


@given(st.text(alphabet='Bearlm ="\\,;\t/', max_size=200))
def test_no_header_breaks_the_parser(header: str) -> None:
    """Whatever a server sends, reading ends and gives challenges."""
    assert all(challenge.scheme for challenge in parse_challenges(header))
