from __future__ import annotations

import time

import pytest

from archiver.collect.web.robots import PARSED, UNREACHABLE, RobotsPolicy

AGENT = "archiver/0.1.0 (+https://example.org/googlebot)"


def _policy(text: str | bytes) -> RobotsPolicy:
    return RobotsPolicy.of(200, text.encode() if isinstance(text, str) else text, AGENT)


def _allows(rules: str, target: str) -> bool:
    return _policy(f"User-agent: *\n{rules}\n").allows(f"http://x.org{target}")


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
    assert policy.forbids("http://x.org/a") == policy.refusal


@pytest.mark.parametrize(
    ("written", "delay"),
    [("86400", 30), ("1e999", 30), ("nan", 0), ("-1", 0), ("x", 0), ("0.5", 0.5), ("", 0)],
)
def test_a_crawl_delay_is_bounded(written: str, delay: float) -> None:
    """A Crawl-delay of a day must not stop the crawl, and one that is no number is none."""
    assert _policy(f"User-agent: *\nCrawl-delay: {written}\n").delay == delay


def test_bytes_that_are_no_text_are_read_as_far_as_they_go() -> None:
    """Broken UTF-8 and a byte order mark do not hide the rules."""
    policy = RobotsPolicy.of(200, b"\xef\xbb\xbfUser-agent: *\n\xff\xfe\nDisallow: /a\n", AGENT)
    assert not policy.allows("http://x.org/a/b")


def test_ignoring_robots_allows_everything() -> None:
    """The policy for `robots: ignore` has neither rules nor delay."""
    assert RobotsPolicy.ignored().allows("http://x.org/a")


GROUPS = [
    ("User-agent: *\nDisallow: /\nUser-agent: ARCHIVER\nDisallow:\n", True),
    ("User-agent: archiver\nDisallow:\nUser-agent: *\nDisallow: /\n", True),
    (
        "User-agent: archiver\nAllow: /b\nUser-agent: x\nDisallow: /\nUser-agent: archiver\nDisallow: /a\n",
        False,
    ),
    ("User-agent: x\nUser-agent: archiver\nUser-agent: y\nDisallow: /a\n", False),
    ("User-agent: x\n\n\nUser-agent: archiver\n\n\nDisallow: /a\n", False),
    ("User-agent: archiver\nSitemap: http://x.org/s.xml\nUser-agent: y\nDisallow: /a\n", False),
    ("User-agent: archiver\nNonsense: 1\nUser-agent: y\nDisallow: /a\n", False),
    ("User-agent: *\nCrawl-delay: 1\nUser-agent: y\nDisallow: /\n", True),
    ("User-agent: arch\nDisallow: /\n", True),
    ("User-agent: archiver-images\nDisallow: /\n", True),
    ("User-agent: archiver/1.0\nDisallow: /\n", False),
    ("User-agent: archiver # that is us\nDisallow: / # everything\n", False),
    ("Disallow: /\n", True),
    ("Disallow: /\nUser-agent: *\nAllow: /\n", True),
    ("User-agent:\nDisallow: /\n", True),
    ("User-agent: *bot\nDisallow: /\n", True),
    ("", True),
    ("<!doctype html><title>Disallow: /</title>\nUser-agent and Disallow: / explained\n", True),
]


@pytest.mark.parametrize(("text", "allowed"), GROUPS)
def test_groups_are_found_and_merged(text: str, *, allowed: bool) -> None:
    """RFC 9309, 2.2.1: all groups of the product token, case ignored, as one; else those of `*`; else none."""
    assert _policy(text).allows("http://x.org/a") is allowed


MATCHES = [
    ("/", "/", True),
    ("/fish", "/fish", True),
    ("/fish", "/fish.html", True),
    ("/fish", "/fishheads/yummy.html?id=1", True),
    ("/fish", "/Fish.asp", False),
    ("/fish", "/catfish", False),
    ("/fish*", "/fish.html", True),
    ("/fish/", "/fish", False),
    ("/fish/", "/fish/?id=anything", True),
    ("/*.php", "/folder/any.php.file.html", True),
    ("/*.php", "/", False),
    ("/*.php", "/windows.PHP", False),
    ("/*.php$", "/folder/filename.php", True),
    ("/*.php$", "/filename.php?parameters", False),
    ("/*.php$", "/filename.php/", False),
    ("/*.php$", "/filename.php5", False),
    ("/fish*.php", "/fishheads/catfish.php?parameters", True),
    ("/fish*.php", "/Fish.PHP", False),
    ("*.pdf", "/a/b.pdf", True),
    ("/a$", "/a", True),
    ("/a$", "/ab", False),
    ("/$", "/", True),
    ("/$", "/a", False),
    ("/a**b", "/a-b", True),
    ("/a*a", "/a", False),
    ("/ab*ba$", "/aba", False),
    ("/*?*sort=", "/list?page=1&sort=up", True),
    ("/list?", "/list", False),
    ("fish", "/fish", False),
    ("/foo/bar?baz=quz", "/foo/bar?baz=quz", True),
    ("/foo/bar?baz=http://foo.bar", "/foo/bar?baz=http://foo.bar", True),
    ("/foo/bar/ツ", "/foo/bar/%E3%83%84", True),
    ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", True),
    ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84", True),
    ("/foo/bar/%62%61%7A", "/foo/bar/baz", True),
    ("/foo/bar/baz", "/foo/bar/%62%61%7A", True),
    ("/a%2Fb", "/a/b", False),
    ("/a%3Cd", "/a%3cd", True),
    ("/a<d", "/a%3Cd", True),
    ("/a b", "/a%20b", True),
    ("/a%2A", "/a*b", True),
    ("/a%2A", "/ab", False),
    ("/a%24", "/a$", True),
    ("/a$b", "/a$b", True),
    ("/a%zz", "/a%zz", True),
]


@pytest.mark.parametrize(("pattern", "target", "matches"), MATCHES)
def test_patterns_match_as_the_standard_says(pattern: str, target: str, *, matches: bool) -> None:
    """RFC 9309, 2.2.2 and 2.2.3: prefixes, `*`, `$`, and octets compared in one spelling."""
    assert _allows(f"Disallow: {pattern}", target) is not matches
    assert _allows(f"Disallow: /\nDisallow: *\nAllow: {pattern}", target) is matches


DECISIONS = [
    ("Allow: /p\nDisallow: /", "/page", True),
    ("Disallow: /folder\nAllow: /folder", "/folder/page", True),
    ("Allow: /folder\nDisallow: /folder", "/folder/page", True),
    ("Allow: /page\nDisallow: /*.htm", "/page.htm", False),
    ("Allow: /page\nDisallow: /*.ph", "/page.php5", True),
    ("Allow: /$\nDisallow: /", "/", True),
    ("Allow: /$\nDisallow: /", "/page.htm", False),
    ("Disallow: /x/page.html\nAllow: /x/", "/x/page.html", False),
    ("Allow: /x/page.html\nDisallow: /x/", "/x/page.html", True),
    ("Disallow: /a*\nAllow: /aa", "/aab", True),
    ("Disallow: /", "/robots.txt", True),
    ("Disallow: /", "/robots.txt?x", False),
    ("Disallow:", "/a", True),
    ("Allow:\nDisallow: /a", "/a", False),
    ("disAllow : /a", "/a", False),
    ("Disallow /a", "/a", False),
    ("  Disallow:/a", "/a", False),
    ("Dissallow: /a", "/a", False),
]


@pytest.mark.parametrize(("rules", "target", "allowed"), DECISIONS)
def test_the_longest_rule_decides_and_a_tie_allows(rules: str, target: str, *, allowed: bool) -> None:
    """RFC 9309, 2.2.2: the match with the most octets, Allow before Disallow; spelling slips are forgiven."""
    assert _allows(rules, target) is allowed


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_end_as_on_any_system(end: str, mark: bytes) -> None:
    """LF, CRLF and CR end a line, and a byte order mark does not belong to the first."""
    policy = _policy(mark + end.join(("User-agent: *", "Disallow: /a", "")).encode())
    assert not policy.allows("http://x.org/a")
    assert policy.allows("http://x.org/b")


def test_a_latin_1_pattern_matches_the_bytes_that_it_has() -> None:
    """A pattern that is no UTF-8 stands for its own bytes."""
    policy = _policy(b"User-agent: *\nDisallow: /caf\xe9\n")
    assert not policy.allows("http://x.org/caf%E9")
    assert policy.allows("http://x.org/caf%C3%A9")


def test_the_line_that_forbids_is_named() -> None:
    """People are told the line, its pattern and the group it is in, in printable characters."""
    text = "# for all\r\nUser-agent: *\r\nAllow: /\r\nDisallow: /docs\x1b[2J\r\n"
    assert _policy(text).forbids("http://x.org/a") == ""
    why = _policy(text).forbids("http://x.org/docs%1B[2J")
    assert "line 4" in why
    assert "`Disallow: /docs" in why
    assert "`User-agent: *`" in why
    assert why.isprintable()


def test_sitemaps_are_listed_whatever_group_they_stand_in() -> None:
    """`Sitemap:` belongs to no group; its addresses come in order, as they stand there."""
    text = "Sitemap: http://x.org/1.xml\nUser-agent: other\nDisallow: /\nsite-map:/2.xml\nSitemap:\n"
    assert _policy(text).sitemaps == ("http://x.org/1.xml", "/2.xml")


def test_what_is_beyond_the_limit_is_not_read() -> None:
    """Of more than 500 KiB the begin is read, up to the last line that is whole there."""
    head = b"User-agent: *\nDisallow: /before\n"
    padding = b"#" * (PARSED - len(head) - len(b"\nAllow: /be"))
    policy = _policy(head + padding + b"\nAllow: /before\nDisallow: /behind\n")
    assert policy.allows("http://x.org/behind")
    assert not policy.allows("http://x.org/before")


HOSTILE = {
    "wildcards": "User-agent: *\nDisallow: /" + "*a" * 10_000 + "*b\n",
    "wildcard rules": "User-agent: *\n" + "".join(f"Disallow: *a*b{n}\n" for n in range(25_000)),
    "agents and rules": "".join(f"User-agent: a{n}\n" for n in range(15_000))
    + "".join(f"Disallow: /x{n}\n" for n in range(15_000)),
    "groups": "".join(f"User-agent: *\nUser-agent: archiver\nDisallow: /{n}\n" for n in range(9_000)),
    "one line": "User-agent: *\nDisallow: " + " " * 400_000 + "x\n",
    "lengths": "User-agent: *\n" + "".join("Disallow: /" + "a" * n + "c\n" for n in range(1000)),
    "blanks": "Disallow\t \t" * 40_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_costs_little(case: str) -> None:
    """500 KiB made to be slow are read and asked ten times, about a URL of 8 KB, in a few seconds of processor time."""
    began = time.process_time()
    policy = _policy(HOSTILE[case][:PARSED])
    for number in range(10):
        policy.allows(f"http://x.org/{'a' * 8000}{number}")
    assert time.process_time() - began < 5
