"""What registries say of their limits."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from archiver.collect.images.ratelimit import RateLimit, RateLimits, rate_limit


@pytest.mark.parametrize(
    ("limit", "remaining", "expected"),
    [
        ("100;w=21600", "76;w=21600", RateLimit(100, 76, 21600)),
        (" 200 ; w=21600", "0;w=21600", RateLimit(200, 0, 21600)),
        ("100, 100;w=60", "", RateLimit(100, None, 60)),
        ("100;w=999999999", "", RateLimit(100, None, 24 * 3600)),  # nobody is to wait for 31 years
        ("", "7", RateLimit(None, 7, None)),
        ("", "", None),
        ("many;w=60", "-1", None),
        ("1" * 40, "²", None),
    ],
)
def test_limits_are_read(limit: str, remaining: str, expected: RateLimit | None) -> None:
    """How many, how many of them are left, and in what time; nonsense says nothing."""
    headers = CaseInsensitiveDict({"ratelimit-limit": limit, "ratelimit-remaining": remaining})
    assert rate_limit(headers) == expected


def test_what_is_known_is_what_was_said_last() -> None:
    """An answer that says nothing leaves it; registries are apart."""
    limits = RateLimits()
    limits.learn("a", {"RateLimit-Remaining": "2;w=60"})
    limits.learn("a", {"RateLimit-Remaining": "1;w=60"})
    limits.learn("a", {})
    limits.learn("b", {})
    assert dict(limits.known) == {"a": RateLimit(None, 1, 60)}


def test_manifests_are_counted_by_registry() -> None:
    """Each one that was got."""
    limits = RateLimits()
    for registry in ("a", "b", "a"):
        limits.count(registry)
    assert dict(limits.counted) == {"a": 2, "b": 1}
