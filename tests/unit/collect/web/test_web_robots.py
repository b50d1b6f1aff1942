from __future__ import annotations

import pytest

from archiver.collect.web.robots import UNREACHABLE, RobotsPolicy

AGENT = "archiver/0.1.0 (+https://example.org/googlebot)"


def test_rules_of_the_own_group_are_obeyed() -> None:
    """The group of the program's product token counts, the more specific rule winning."""
    body = b"User-agent: *\nDisallow: /\n\nUser-agent: Archiver\nDisallow: /private\nAllow: /private/ok\nCrawl-delay: 2\n"
    policy = RobotsPolicy.of(200, body, AGENT)
    assert policy.allows("http://x.org/docs")
    assert not policy.allows("http://x.org/private/a")
    assert policy.allows("http://x.org/private/ok")
    assert policy.delay == 2


def test_the_rest_of_the_user_agent_matches_no_group() -> None:
    """A robot's name in the contact address does not make its rules ours."""
    policy = RobotsPolicy.of(200, b"User-agent: googlebot\nDisallow: /\n", AGENT)
    assert policy.allows("http://x.org/docs")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 301])
def test_a_missing_file_allows_everything(status: int) -> None:
    """RFC 9309: "unavailable" (4xx), and redirects that lead nowhere, mean no rules."""
    assert RobotsPolicy.of(status, b"User-agent: *\nDisallow: /", AGENT).allows("http://x.org/a")


@pytest.mark.parametrize("status", [500, 503, 429, UNREACHABLE])
def test_an_unreachable_file_forbids_everything_and_says_so(status: int) -> None:
    """RFC 9309: "unreachable" (5xx or no answer) means complete disallow."""
    policy = RobotsPolicy.of(status, b"", AGENT)
    assert not policy.allows("http://x.org/a")
    assert "robots.txt" in policy.refusal


def test_an_absurd_crawl_delay_is_bounded() -> None:
    """A Crawl-delay of a day must not stop the crawl."""
    assert RobotsPolicy.of(200, b"User-agent: *\nCrawl-delay: 86400\n", AGENT).delay == 30


def test_bytes_that_are_no_text_are_read_as_far_as_they_go() -> None:
    """Broken UTF-8 and a byte order mark do not hide the rules."""
    policy = RobotsPolicy.of(200, b"\xef\xbb\xbfUser-agent: *\n\xff\xfe\nDisallow: /a\n", AGENT)
    assert not policy.allows("http://x.org/a/b")


def test_ignoring_robots_allows_everything() -> None:
    """The policy for `robots: ignore` has neither rules nor delay."""
    assert RobotsPolicy.ignored().allows("http://x.org/a")
