"""Verdicts on answers: what is refused, and above all what is not."""

# ruff: noqa: RUF001 - Chinese text has its own punctuation

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.collect.web.documents.read import read_document
from archiver.collect.web.probe import ProbeAnswer
from archiver.collect.web.verdicts import (
    Answer,
    asks_to_log_in,
    is_catch_all,
    judge,
    judge_redirect,
)
from archiver.core.capture import PAGE, REQUISITE
from archiver.core.digest import Digest
from archiver.core.reasons import LOGIN, NOT_THE_FILE, PARKED, SCRIPT_ONLY, SOFT_404, TAKEN_DOWN

if TYPE_CHECKING:
    from archiver.collect.web.documents.document import Facts

ORIGIN = "https://docs.example.org"
PROBE = f"{ORIGIN}/docs/archiver-no-such-page-0123abcd"
HONEST = ProbeAnswer(PROBE, 404, "", "sha256:404", 9)
MUTE = ProbeAnswer(PROBE, 403)
SHELL = '<title>App</title><noscript>Please enable JavaScript</noscript><div id="root"></div><script src=x></script>'
LOGIN_PAGE = (
    '<title>Sign in \u00b7 Portal</title><h1>Sign in</h1><form action="/session"><input type=password></form>'
)
PARKED_PAGE = '<title>docs.example.org</title><script src="https://www.google.com/adsense/domains/caf.js"></script><p>Related'


def _facts(html: str, url: str) -> Facts:
    return read_document(html.encode(), url, "text/html; charset=utf-8").facts


def _answer(html: str, path: str = "/docs/a.html", *, kind: str = PAGE, seed: bool = False) -> Answer:
    url, body = ORIGIN + path, html.encode()
    return Answer(url, kind, seed, True, str(Digest.of(body)), len(body), _facts(html, url))


def _pretends(html: str) -> ProbeAnswer:
    body = html.encode()
    return ProbeAnswer(PROBE, 200, "", str(Digest.of(body)), len(body), _facts(html, PROBE))


def _mark(answer: Answer, *probes: ProbeAnswer) -> str:
    verdict = judge(answer, probes)
    assert verdict is None or verdict.reason
    return verdict.mark if verdict else ""


ERROR = "<title>Page not found | Docs</title><h1>Page not found</h1><p>There is no {} here. Try our {}.</p>"


@pytest.mark.parametrize("status", [200, 404])
def test_pages_like_the_one_for_impossible_urls_are_soft_404s(status: int) -> None:
    """With other URLs and texts in them, whether the site says 404 to impossible URLs or not."""
    probe = replace(_pretends(ERROR.format(PROBE, "blog, where Ann writes of boats")), status=status)
    answer = _answer(ERROR.format("/docs/a.html", "shop, where Bob sells oars"))
    assert _mark(answer, probe) == SOFT_404
    assert _mark(_answer("<title>Page not found | Docs</title><h1>Boats</h1><p>Of boats"), probe) == ""


def test_pages_that_are_no_error_pages_must_be_nearly_the_same() -> None:
    """On a site with one title for everything, two stubs in the same frame are two pages."""
    frame = (
        "<title>Acme</title><p>Home Products Documentation Support About Contact Careers Imprint</p><p>{}</p>"
    )
    probe = _pretends(frame.format("Nichts da. Bitte die Suche benutzen."))
    assert (
        _mark(_answer(frame.format("Nichts da. Bitte die Suche benutzen.") + "<!-- 1 -->"), probe) == SOFT_404
    )
    assert _mark(_answer(frame.format("Turn the red switch to the left.")), probe) == ""


def test_the_same_bytes_for_every_url_are_soft_404s() -> None:
    """A site that sends its front page, or a script's shell, for every URL: all but the seeds are soft 404s."""
    probe = _pretends(SHELL)
    assert _mark(_answer(SHELL), probe) == SOFT_404
    assert _mark(_answer(SHELL, "/docs/", seed=True), probe) == SCRIPT_ONLY
    assert _mark(_answer(SHELL, "/docs/x.css", kind=REQUISITE), probe) == NOT_THE_FILE
    assert is_catch_all(_answer(SHELL, "/docs/", seed=True), [probe])
    assert not is_catch_all(_answer(SHELL, "/docs/", seed=True), [HONEST])
    plain = Answer(f"{ORIGIN}/docs/a.txt", REQUISITE, False, False, probe.digest, probe.size, probe.facts)
    assert _mark(plain, probe) == SOFT_404


def test_a_front_page_for_every_url_is_recognised_with_a_token_in_it() -> None:
    """Pages longer than what is looked at must also be of the same size and heading."""
    page = "<title>Acme</title><h1>Acme docs</h1><meta name=csrf content={}>" + "words of all kinds " * 200
    probe = _pretends(page.format("aaaa"))
    assert _mark(_answer(page.format("bbbb")), probe) == SOFT_404
    assert _mark(_answer(page.format("bbbb") + "and much more " * 200), probe) == ""
    assert is_catch_all(_answer(page.format("cccc"), "/docs/", seed=True), [probe])


def test_empty_answers_are_alike_to_nothing() -> None:
    """A 404 without a body says nothing about pages without one."""
    empty = ProbeAnswer(PROBE, 404, "", str(Digest.of(b"")), 0)
    assert _mark(Answer(f"{ORIGIN}/x", PAGE, False, True, empty.digest, 0, empty.facts), empty) == ""


BARE_ERROR = "<title>404 Not Found</title><h1>Page not found</h1><p>Sorry."


def test_words_alone_count_more_the_less_a_site_is_honest() -> None:
    """An unlike error page is told by title and heading, unless the site says 404 where there is nothing."""
    answer = _answer(BARE_ERROR)
    assert _mark(answer, _pretends("<title>Welcome</title><p>Our shop")) == SOFT_404
    assert _mark(answer, MUTE) == _mark(answer) == SOFT_404
    assert _mark(answer, HONEST) == ""
    assert _mark(_answer("<meta name=robots content=noindex>" + BARE_ERROR), HONEST) == SOFT_404


def test_seeds_are_soft_404s_by_their_words_only() -> None:
    """A seed that is an error page is one; a seed that everything is like is the site."""
    assert _mark(_answer(BARE_ERROR, "/docs/", seed=True), _pretends(BARE_ERROR)) == SOFT_404
    front = "<title>Acme</title><h1>Acme</h1>"
    assert _mark(_answer(front, "/docs/", seed=True), _pretends(front)) == ""


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/status/404", "<title>404 Not Found \u2014 HTTP status codes reference</title><h1>404 Not Found</h1><p>Short."),
        ("/http/404-not-found", "<title>404 Not Found - HTTP | MDN</title><h1>404 Not Found</h1>" + "words " * 400),
        ("/codes/client", "<title>404 Not Found \u2014 HTTP</title><h1>Client statuses</h1><p>Short."),
        ("/docs/errors/", "<title>Not found | Errors</title><h1>Not found</h1><p>Raised when there is none."),
        ("/docs/stub", "<title>Stub</title><h1>Stub</h1>"),
        ("/docs/empty", ""),
        ("/docs/moved", "<title>Redirecting</title><meta http-equiv=refresh content='0; url=/docs/'>"),
        ("/docs/login", "<title>Logging in</title><h1>Logging in</h1><form><input type=password></form><pre>x</pre>"),
        ("/docs/login", "<title>How to log in</title><h1>How to log in</h1><form><input type=password></form>"),
        ("/docs/parking", "<title>Parked domains</title><p>A domain that is for sale is called parked."),
        ("/docs/nginx", "<title>Welcome to nginx!</title><h1>Welcome to nginx!</h1><p>What this page means."),
        ("/docs/search", "<title>Search</title><h1>Search</h1><noscript>Activate JavaScript.</noscript><script></script>"),
        ("/docs/old", "<title>x</title><div id=root></div><script>location.replace('/docs/new')</script>"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("probe", [HONEST, MUTE])
def test_pages_about_such_pages_are_pages(path: str, page: str, probe: ProbeAnswer) -> None:
    """References of status codes, stubs, redirects, tutorials and the like carry no mark."""
    assert _mark(_answer(page, path), probe) == ""


def test_login_pages_are_told_by_title_and_form() -> None:
    """Either alone is not enough. Seeds are told as well."""
    assert _mark(_answer(LOGIN_PAGE), HONEST) == LOGIN
    assert _mark(_answer(LOGIN_PAGE, "/docs/", seed=True), _pretends(LOGIN_PAGE)) == LOGIN
    assert _mark(_answer("<title>Sign in</title><p>The button is at the top.")) == ""


@pytest.mark.parametrize(
    "page",
    [
        PARKED_PAGE,
        "<title>docs.example.org is for sale</title><p>Make an offer",
        "<title>x</title><h1>您访问的域名 docs.example.org 正在出售</h1>",
        '<meta http-equiv=refresh content="0;url=https://www.hugedomains.com/x"><title>x</title>',
    ],
)
def test_parked_domains_are_recognised(page: str) -> None:
    """By who serves them, or by what they say of their own domain; for seeds and others."""
    assert _mark(_answer(page), _pretends(page)) == PARKED
    assert _mark(_answer(page, "/docs/", seed=True), HONEST) == PARKED


def test_placeholders_are_recognised_where_they_are_the_site() -> None:
    """What a server shows by itself, or a hoster: at a seed, or at every URL."""
    page = "<title>Account Suspended</title><h1>This account has been suspended</h1>"
    assert _mark(_answer(page, "/docs/", seed=True), HONEST) == PARKED
    assert _mark(_answer(page), _pretends(page)) == PARKED
    assert _mark(_answer(page), HONEST) == ""


def test_pages_in_place_of_files_are_refused() -> None:
    """HTML under the name of an archive or image; for requisites also of a script or style sheet."""
    page = "<title>Downloads</title>" + "words " * 400
    assert _mark(_answer(page, "/files/x.tgz"), HONEST) == NOT_THE_FILE
    assert _mark(_answer(page, "/files/x.tgz", seed=True), HONEST) == NOT_THE_FILE
    assert _mark(_answer(page, "/app.js", kind=REQUISITE), HONEST) == NOT_THE_FILE
    assert _mark(_answer(page, "/guides/node.js"), HONEST) == ""
    real = replace(_answer(page, "/files/x.tgz"), html=False)
    assert _mark(real, HONEST) == ""


@pytest.mark.parametrize(
    "page",
    [
        SHELL,
        '<title>Docs</title><div id="app">Loading...</div><script type=module src=/a.js></script>',
        '<title>API</title><redoc spec-url="/openapi.json"></redoc><script src=redoc.js></script>',
        "<title>App</title><noscript>You need to enable JavaScript to run this app.</noscript><script src=x></script>",
    ],
)
def test_shells_are_recognised_and_kept(page: str) -> None:
    """Pages without text but with scripts that bring it are in the view, and reported."""
    verdict = judge(_answer(page), [HONEST])
    assert verdict is not None
    assert verdict.mark == SCRIPT_ONLY
    assert not verdict.refuses


def test_rendered_applications_are_pages() -> None:
    """Where the server sends the text, the element and the scripts do not matter."""
    page = (
        '<title>Docs</title><div id="__next"><main><h1>A</h1>'
        + "word " * 60
        + "</main></div><script src=x></script>"
    )
    assert _mark(_answer(page), HONEST) == ""


def test_frames_are_not_asked_what_they_are() -> None:
    """What a page embeds may be a form or be filled by script: that is no page of the site."""
    for page in (SHELL, LOGIN_PAGE, BARE_ERROR):
        assert _mark(_answer(page, kind=REQUISITE), MUTE) == ""


HOME = ProbeAnswer(PROBE, 200, f"{ORIGIN}/docs/", "sha256:home", 900)


def test_redirects_to_where_impossible_urls_lead_are_soft_404s() -> None:
    """Other targets, other spellings of the target and its own folders are redirects as they should be."""

    def mark(path: str, target: str, probe: ProbeAnswer = HOME) -> str:
        verdict = judge_redirect(ORIGIN + path, ORIGIN + target, [probe])
        return verdict.mark if verdict else ""

    assert mark("/docs/old.html", "/docs/") == SOFT_404
    assert mark("/docs/old.html", "/docs/index.html?from=old") == SOFT_404
    assert mark("/docs/old.html", "/docs/new.html") == ""
    assert mark("/docs", "/docs/") == mark("/docs/index.html", "/docs/") == mark("/", "/docs/") == ""
    assert mark("/docs/old.html", "/docs/", HONEST) == ""
    facts = _facts(LOGIN_PAGE, f"{ORIGIN}/portal")
    assert mark("/docs/a.html", "/portal", replace(HOME, target=f"{ORIGIN}/portal", facts=facts)) == LOGIN
    facts = _facts(PARKED_PAGE, f"{ORIGIN}/lander")
    assert mark("/docs/a.html", "/lander", replace(HOME, target=f"{ORIGIN}/lander", facts=facts)) == PARKED


def test_redirects_to_a_login_that_leads_back_are_recognised() -> None:
    """By the name of the place and the URL in its query, escaped or not; one of them alone is a redirect."""
    url = f"{ORIGIN}/docs/secret"
    assert asks_to_log_in(url, f"{ORIGIN}/login?next=/docs/secret")
    assert asks_to_log_in(url, "https://sso.example.org/oauth2/authorize?redirect_uri=https%3A%2F%2Fdocs.example.org%2Fdocs%2Fsecret")  # fmt: skip
    assert not asks_to_log_in(url, f"{ORIGIN}/docs/login")
    assert not asks_to_log_in(url, f"{ORIGIN}/new?from=/docs/secret")
    verdict = judge_redirect(url, f"{ORIGIN}/users/sign_in?back=/docs/secret", [HONEST])
    assert verdict is not None
    assert verdict.mark == LOGIN


NOTICE_PAGE = (
    "<title>Example</title><main><h1>Announcement on our open source edition</h1><p>Dear users: after seven years we have "
    "decided to concentrate on our commercial products. From today on the documentation and the download links of the open "
    "source edition are no longer available. Thank you for your trust.</main>"
)


@pytest.mark.parametrize("probe", [HONEST, MUTE])
def test_a_notice_in_place_of_what_there_was_is_marked_and_kept(probe: ProbeAnswer) -> None:
    """It is a page, so it is captured; that most of the text went, or that a seed leads nowhere any more, makes it a notice."""
    answer = _answer(NOTICE_PAGE)
    for notice in (
        replace(answer, replaces=True, had=2000),
        replace(answer, replaces=True, seed=True, estranged=True),
    ):
        verdict = judge(notice, [probe])
        assert verdict is not None
        assert (verdict.mark, verdict.refuses) == (TAKEN_DOWN, False)
        assert "Example" in verdict.reason


def test_a_notice_that_was_always_there_is_none() -> None:
    """A page that is new, that had not much more text before, or of which that is not known, may say what it wants."""
    answer = _answer(NOTICE_PAGE)
    assert _mark(answer, HONEST) == ""
    assert _mark(replace(answer, had=2000), HONEST) == "", "as it was"
    assert _mark(replace(answer, replaces=True, had=answer.facts.text + 50), HONEST) == ""
    assert _mark(replace(answer, replaces=True), HONEST) == ""


def test_a_long_page_with_a_notice_at_its_top_is_a_page() -> None:
    """A manual that tells at its top that it is no longer maintained is there all the same."""
    manual = NOTICE_PAGE.replace(
        "</main>", "<p>How to install it: " + "run the installer. " * 500 + "</main>"
    )
    assert _mark(replace(_answer(manual), replaces=True, had=100_000), HONEST) == ""


def test_a_longer_notice_is_found_at_the_beginning_of_the_text() -> None:
    """An announcement of some paragraphs, longer than error pages are, says what it is about in the first of them."""
    letter = NOTICE_PAGE.replace("</main>", "<p>" + "We thank all who took part in it. " * 50 + "</main>")
    assert _mark(replace(_answer(letter), replaces=True, had=10_000), HONEST) == TAKEN_DOWN


def test_an_announcement_in_chinese_is_recognised() -> None:
    """A company that ends its open source edition tells so where the documentation and the downloads were."""
    page = (
        "<title>某平台</title><h1>关于开源项目调整的公告</h1><p>尊敬的各位用户：感谢大家多年来的支持。经慎重研究，公司决定作出如下调整："
        "自本公告发布之日起，暂停开源版产品的下载链接，文档同时下线，并停止提供免费的技术支持。如有需要，请联系商业版客户经理。</p>"
    )
    assert _mark(replace(_answer(page), replaces=True, had=5000), HONEST) == TAKEN_DOWN


SALE_PAGE = (
    "<title>Available</title><h1>Great names</h1><p>This premium domain is for sale. Make an offer today."
)


@pytest.mark.parametrize(
    ("page", "mark"),
    [(NOTICE_PAGE, TAKEN_DOWN), (SALE_PAGE, PARKED), (LOGIN_PAGE, LOGIN), (BARE_ERROR, SOFT_404)],
)
def test_one_page_for_every_url_is_called_what_it_says_that_it_is(page: str, mark: str) -> None:
    """A notice, an offer or a login that also stands at URLs that cannot exist is more than an error page, and refused as one."""
    answer = replace(_answer(page), replaces=True, had=2000)
    for each in (answer, replace(answer, seed=True, estranged=True)):
        verdict = judge(each, [_pretends(page)])
        assert verdict is not None
        assert (verdict.mark, verdict.refuses) == (mark, True)


def test_an_offer_alone_is_a_page_of_its_own() -> None:
    """What sells domains is refused only where it stands at URLs that cannot exist, too: a manual may be about that."""
    assert _mark(_answer(SALE_PAGE), HONEST) == ""
    front = replace(_answer(SALE_PAGE, "/docs/", seed=True), replaces=True, had=2000)
    assert _mark(front, _pretends(SALE_PAGE)) == "", "a seed that leads on is the site"
    words = SALE_PAGE.replace("domain", "boat")
    assert _mark(replace(_answer(words), replaces=True, had=2000), _pretends(words)) == SOFT_404
