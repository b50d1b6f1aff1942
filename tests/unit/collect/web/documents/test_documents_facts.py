"""What pages say of themselves: texts, fingerprints and signs."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Mapping

import pytest

from archiver.collect.web.documents.facts import (
    ASKS_FOR_SCRIPT,
    BARE,
    EMPTY_ROOT,
    ERROR_HEADING,
    ERROR_TITLE,
    FOR_SALE,
    LOGIN_FORM,
    LOGIN_TITLE,
    MOST_TEXT,
    NOINDEX,
    PARKING_HOST,
    PLACEHOLDER,
    REDIRECTS,
    SCRIPTS,
    likeness,
    page_facts,
)
from archiver.collect.web.documents.phrases import is_error_title, is_login_title, offers_domain
from archiver.collect.web.documents.read import read_document

if TYPE_CHECKING:
    from archiver.collect.web.documents.document import Facts

URL = "https://docs.example.org/guide/install.html"
PYTHON_DOCS = Path("/usr/share/doc/python3.11/html")


@dataclass(frozen=True)
class _Tag:
    name: str
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    text: str = ""


def _facts(html: str, *tags: _Tag, url: str = URL) -> Facts:
    return page_facts(html, url, tags)


def test_text_is_what_a_reader_sees_of_the_main_part() -> None:
    """Scripts, styles, comments and, where there is no main element, navigation are no text."""
    seen = "<p>one <b>two</b> &amp; three</p><script>var x</script><style>p{}</style><!-- no --><svg><text>n</text></svg>"
    around = "<header>Top</header><nav><a href=x>Menu</a></nav>"
    bare = _facts(f"<html><body>{around}{seen}<footer>Foot</footer></body></html>")
    assert bare.text == len("one two & three")
    within = _facts(f"<html><body><div>Menu of all pages</div><main>{seen}</main><p>behind</p></body></html>")
    assert within.text == bare.text
    assert within.fingerprint == bare.fingerprint
    for begin, end in (("<article class=main>", "</article>"), ('<div class="a" role="main">', "")):
        other = _facts(f"<body><h1>The main thing</h1><div>Menu of all pages</div>{begin}{seen}{end}")
        assert (other.text, other.fingerprint) == (bare.text, bare.fingerprint)


@pytest.mark.parametrize(
    "page",
    [
        "<body>" + "word " * 5000,
        "<body><main>" + "<i></i>" * 3000 + "word " * 5000 + "</main><div>" + "around " * 9000,
        "<body><main>" + "<i title=one>word word</i> " * 2500 + "</main>",
        "<body><article>" + "<p>" + "word " * 50 + "<img src=a.png>" * 100 + "word " * 4950,
        "<body>" + "<p>one</p>" * 300 + "word " * 4820 + "<script>" + "var a = 1;" * 9000 + "</script>",
        "<body><p>" + "word " * 5000 + "</p><nav>" + "<a href=x>menu</a>" * 3000 + "</nav>",
    ],
)
def test_the_length_of_long_text_is_estimated(page: str) -> None:
    """Of a long text, wherever in the markup it stands, the length is told within a fifth or so."""
    assert _facts(page).text == pytest.approx(25_000, rel=0.25)


def test_a_page_that_is_not_seen_to_its_end_is_not_short() -> None:
    """A page with more markup than is looked at counts as one with much text, though none was found."""
    assert _facts("<body><p>" + "<i></i>" * 30000 + "</p>").text == MOST_TEXT


@pytest.mark.skipif(not PYTHON_DOCS.exists(), reason="the python3-doc package is not installed")
def test_lengths_of_real_pages_are_told_well_enough() -> None:
    """Of Python's manual hardly a page is taken for half of its length, or for twice: a third of it would be a collapse."""
    wrong, checked = [], 0
    for path in sorted(PYTHON_DOCS.glob("*/*.html")):
        html = path.read_text("utf-8")
        main = re.sub(
            r"<(script|style|title)\b.*?</\1>", "", html[html.index('role="main"') :], flags=re.DOTALL
        )
        length = len(" ".join(re.sub(r"<[^>]*>", "", "<" + main).split()))
        if length > 2 * MOST_TEXT:
            checked += 1
            if not length / 2 < page_facts(html, URL, ()).text < 2 * length:
                wrong.append(path.name)
    assert checked > 400
    assert len(wrong) < checked / 50, wrong


def test_title_heading_and_language_are_told() -> None:
    """White space is folded, entities are read, and the link behind a heading is left out."""
    facts = _facts(
        '<HTML class=a lang="pt-BR"><head><title>\n A &lt;b&gt;\n C</title></head>'
        '<body><main><h1>The <code>x</code> <a href="#x">\u00b6</a></h1><p>text</main>'
    )
    assert (facts.title, facts.heading, facts.language) == ("A <b> C", "The x", "pt-BR")
    assert _facts("").title == _facts("<title>").title == ""


def test_pages_that_differ_by_the_url_or_the_time_are_alike() -> None:
    """Error pages that repeat what was asked for, or the time, have the same fingerprint."""
    text = "<body><h1>Nothing here</h1><p>There is no page {} on this server. It is 2026-11-23 {}.</p>"
    one = _facts(text.format("/guide/install.html", "10:03"))
    other = _facts(
        text.format("/guide/%E4%B8%AD.html", "22:59"), url="https://docs.example.org/guide/%E4%B8%AD.html"
    )
    decoded = _facts(
        text.format("/guide/\u4e2d.html", "22:59"), url="https://docs.example.org/guide/%E4%B8%AD.html"
    )
    assert one.fingerprint == other.fingerprint == decoded.fingerprint


def test_likeness_is_the_share_of_words_in_both() -> None:
    """0 for other words, 1 for the same, in between for some; two empty pages are alike."""
    words = [f"word{'abcdefghij'[i // 10]}{'abcdefghij'[i % 10]}" for i in range(100)]

    def page(chosen: list[str]) -> str:
        return _facts("<body>" + " ".join(chosen)).fingerprint

    assert likeness(page(words), page(words[::-1])) == 1
    assert likeness(page(words[:50]), page(words[50:])) == 0
    assert 0.2 < likeness(page(words[:75]), page(words[25:])) < 0.8
    assert likeness(page([]), page([])) == 1
    assert likeness(page([]), page(words)) == 0


@pytest.mark.parametrize(
    "title",
    ["404", "404 Not Found", "Error 404", "Page not found | Kubernetes", "Page Not Found \u00b7 GitHub Pages",
     "Sorry, this page could not be found.", "404: This page could not be found", "Oops! That page can\u2019t be found.",
     "404 - Seite nicht gefunden", "P\u00e1gina no encontrada - Blog", "Page introuvable", "Pagina non trovata",
     "页面不存在", "404 页面不存在", "找不到页面_百度", "找不到網頁", "ページが見つかりません | Docs", "お探しのページは見つかりませんでした。",
     "페이지를 찾을 수 없습니다", "Страница не найдена", "We couldn't find the page you're looking for"],
)  # fmt: skip
def test_titles_of_error_pages_are_recognised(title: str) -> None:
    """In the languages of doc sites, alone or beside the site's name."""
    assert is_error_title(title)


@pytest.mark.parametrize(
    "title",
    ["Install", "", "404 errors explained", "How to customise the 404 page", "Handling \u201cnot found\u201d in handlers",
     "Route 4040", "Error handling", "NotFound exception", "Why is my page not found by search engines?",
     "自定义404页面", "如何处理页面不存在的情况"],
)  # fmt: skip
def test_titles_that_speak_of_errors_are_none(title: str) -> None:
    """A title is one of an error page only where a whole part of it is."""
    assert not is_error_title(title)


def test_titles_of_logins_are_recognised() -> None:
    """Alone or beside the site's name, in several languages; not where a page is about logging in."""
    for title in (
        "Log in",
        "Sign in \u00b7 GitLab",
        "Login - Wiki",
        "登录",
        "Anmelden | Portal",
        "Sign in to Acme",
    ):
        assert is_login_title(title)
    for title in (
        "Login flows",
        "How to log in",
        "The login command",
        "Adding a sign-in page",
        "docker login",
    ):
        assert not is_login_title(title)


def test_a_domain_is_for_sale_only_where_it_names_itself() -> None:
    """A page about buying domains names others, or none."""
    host = "www.example.org"
    assert offers_domain("example.org is for sale!", host)
    assert offers_domain("The domain name Example.org may be for sale", host)
    assert offers_domain("您正在访问的域名 example.org 正在出售", host)
    assert not offers_domain("Buy this domain, then point it at the server", host)
    assert not offers_domain("example.org documents things that others have for lunch", host)


def test_short_pages_show_signs() -> None:
    """What a short page has in its title, heading, forms, scripts and metas is told."""
    page = (
        "<html><head><title>404 | Docs</title></head><body><h1>Page not found</h1>"
        '<form action=/x><input name=p type="password"></form><div class=a id="root"></div>'
        "<noscript>You need to enable JavaScript.</noscript></body></html>"
    )
    tags = (
        _Tag("meta", {"name": "Robots", "content": "NOINDEX, nofollow"}),
        _Tag("script", {"src": "//www.sedoparking.com/frmpark/x.js"}),
        _Tag("meta", {"http-equiv": "Refresh", "content": "5; url=/"}),
    )
    assert set(_facts(page, *tags).signs) == {
        BARE,
        *(
            ERROR_TITLE,
            ERROR_HEADING,
            LOGIN_FORM,
            EMPTY_ROOT,
            ASKS_FOR_SCRIPT,
            NOINDEX,
            SCRIPTS,
            PARKING_HOST,
        ),
        REDIRECTS,
    }
    assert (
        _facts(page.replace("Page not found</h1>", "Page not found</h1>" + "word " * 500), *tags).signs == ()
    )


@pytest.mark.parametrize(
    ("page", "tag", "sign"),
    [
        ("<title>Sign in</title>", None, LOGIN_TITLE),
        ('<form method=post action="/users/sign_in?x=1"><input name=user></form>', None, LOGIN_FORM),
        ("<title>docs.example.org is for sale</title>", None, FOR_SALE),
        ("<h1>Welcome to nginx!</h1>", None, PLACEHOLDER),
        ("<title>Account Suspended</title>", None, PLACEHOLDER),
        ("", _Tag("script", text='window.location.href = "/lander"'), REDIRECTS),
        ("", _Tag("script", {"src": "https://www.google.com/adsense/domains/caf.js"}), PARKING_HOST),
        ("", _Tag("iframe", {"src": "https://dan.com/buy-domain/x"}), PARKING_HOST),
        ("<redoc spec-url=x></redoc>", None, EMPTY_ROOT),
        ("<body id=app>", None, EMPTY_ROOT),
    ],
)
def test_each_sign_is_told(page: str, tag: _Tag | None, sign: str) -> None:
    """Each of the ways in which a page says what it is."""
    assert sign in _facts(page, *([tag] if tag else [])).signs


def test_an_element_for_scripts_that_has_text_is_not_empty() -> None:
    """Applications that the server renders keep the element; a short page in it is a page all the same."""
    menu = "<header>The handbook of all things: start, guide, reference, changes, search, about</header>"
    assert EMPTY_ROOT not in _facts(f'<div id="app">{menu}<main><h1>A</h1><p>Short.</main></div>').signs
    assert EMPTY_ROOT in _facts(f'{menu}<main><div id="app">\n</div></main><footer>{menu}</footer>').signs
    assert EMPTY_ROOT in _facts('<div id="app"><p class=spinner>Loading...</p></div>').signs


def test_forms_shown_as_code_are_no_login() -> None:
    """A tutorial that shows a login form, live or as code, has code beside it."""
    page = "<form><input type=password></form><pre>&lt;input type=password&gt;</pre>"
    assert LOGIN_FORM not in _facts(page).signs


@pytest.mark.parametrize(
    "piece", ["<h1>", "<title ", "<noscript>", "<script", "<nav>", "<input ", "<form ", "<!--", "<", '<div id="', "<svg>", "<div id=app>"]
)  # fmt: skip
def test_hostile_markup_takes_linear_time(piece: str) -> None:
    """Markup that never ends, over and over, is looked at once."""
    began = time.process_time()
    _facts(piece * (2_000_000 // len(piece)))
    assert time.process_time() - began < 1


def test_facts_come_with_the_document() -> None:
    """Reading a page tells its facts, whatever its charset."""
    page = '<title>页面不存在</title><meta name=robots content=noindex><script src="x.js"></script><h1>页面不存在</h1>'
    document = read_document(page.encode("gbk"), URL, "text/html; charset=gbk")
    assert document.facts.title == "页面不存在"
    assert {ERROR_TITLE, ERROR_HEADING, NOINDEX, SCRIPTS} <= set(document.facts.signs)


@pytest.mark.skipif(not PYTHON_DOCS.is_dir(), reason="needs the python3-doc package")
def test_pages_of_real_documentation_show_no_signs() -> None:
    """None of the pages of Python's documentation looks like an error page, a login or a parked domain."""
    shown = {
        (path.name, sign)
        for path in PYTHON_DOCS.rglob("*.html")
        for sign in page_facts(path.read_text("utf-8", "replace"), f"https://docs.python.org/{path.name}", ()).signs
    }  # fmt: skip
    assert shown <= {("search.html", ASKS_FOR_SCRIPT)}
