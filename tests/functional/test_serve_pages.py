"""The server's own pages in Chromium: by keyboard, without scripts, in the dark, on a phone, and for screen readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Iterator
from urllib.parse import urlsplit

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.progress import NullProgress
from archiver.core.snapshot import Failure
from servers.browser import Tab, browser
from servers.console import Console, Served
from servers.processes import need
from servers.small_archive import SITE, ArchiveBuilder, html

if TYPE_CHECKING:
    from servers.browser import Browser

MISSING = "/install/nothing-of-the-sort.html"
PAGES = ("/", "/-/search?q=install", "/-/search", "/-/search?q=nothingofthesort", "/-/report", MISSING)
_PATIENCE = 60  # keys pressed until something is not to be reached
# Every piece of text that is shown, with the ratio of its contrast (WCAG 2.2, section 1.4.3 and "relative luminance").
_CONTRASTS = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility() || element.closest(".hidden, .skip, script")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
    found.push([(Math.max(a, b) + .05) / (Math.min(a, b) + .05), walk.currentNode.data.trim().slice(0, 40)]);
  }
  return JSON.stringify(found);
})()"""
_COMMANDS = """[...document.querySelectorAll('.cmd code')].filter(each => each.checkVisibility())
  .map(each => each.innerText)"""
_FOCUSED = "(document.activeElement.textContent || document.activeElement.name || '').trim()"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A bundle with something of everything, long lists among it, served to one who has a browser."""
    need("chromium")
    folder = tmp_path_factory.mktemp("pages")
    made = ArchiveBuilder(folder / "archives", title="容器平台 <Docs>")
    for number in range(30):
        text = "How to install the cluster, step by step. " * 9
        made.page(f"{SITE}/part/{number}.html", html(f"Install part {number}", text))
        made.image(
            f"docker.io/{'calico' if number % 3 else 'library'}/image{number}:1",
            ("linux/amd64",),
            salt=str(number),
        )
        made.file(
            f"https://dl.example.org/{'a-very-long-folder-name/' * (number % 4)}tool-{number}.tgz", b"x"
        )
    made.artifact("ghcr.io/example/charts/chart:1.2.3", b"chart")
    made.failures.append(Failure("docs", f"{SITE}/{'long' * 60}", "fetch.status", "503 Service Unavailable"))
    made.verdicts["docs"] = "degraded"
    made.finish()
    bundle = build_bundle(
        made.archive, "small", snapshot=None, output=folder, platforms=[], progress=NullProgress()
    ).path
    with Console(folder).serving(bundle) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Tab]:
    """A tab of it."""
    with chromium.tab() as opened:
        yield opened


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out(served: Served, tab: Tab, path: str, scheme: str) -> None:
    """By light and in the dark the contrast is 4.5 to 1 at least (WCAG 2.2, level AA), with everything unfolded."""
    tab.prefer(scheme)
    tab.go(_address(served, path))
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    contrasts = json.loads(tab.evaluate(_CONTRASTS))
    assert len(contrasts) > 3
    assert not [(ratio, text) for ratio, text in contrasts if ratio < 4.5]
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] < 60")
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [390, 320])
def test_phones_scroll_one_way(served: Served, tab: Tab, path: str, width: int) -> None:
    """At the widths of phones nothing stands out at the side, with everything unfolded and long names."""
    tab.resize(width, 800)
    tab.go(_address(served, path))
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", PAGES)
def test_pages_ask_for_nothing_but_their_own(served: Served, tab: Tab, path: str) -> None:
    """Style, script and icon of this server; nothing fails and the browser complains of nothing."""
    tab.go(_address(served, path))
    address = _address(served, path)
    # That is what these two pages are about.
    assert tab.visit.failed == ([f"404 {address}"] if path in ("/-/report", MISSING) else [])
    assert not [each for each in tab.visit.complaints if "404" not in each]
    assert {url.rpartition("/")[0] for url in tab.visit.requested if "/-/assets/" in url}
    own = address.removesuffix(path)
    assert all(url.startswith((own, "data:")) for url in tab.visit.requested), tab.visit.requested


@pytest.mark.parametrize("path", PAGES)
def test_screen_readers_are_told_what_everything_is(served: Served, tab: Tab, path: str) -> None:
    """Each control and landmark has a name of its own kind; there is one main heading, and none is skipped over."""
    tab.go(_address(served, path))
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    told = tab.accessible()
    controls = {"link", "button", "searchbox", "textbox", "combobox", "radio", "DisclosureTriangle", "search",
                "navigation", "region"}  # fmt: skip
    assert not [role for role, name in told if role in controls and not name.strip()]
    assert [role for role, _ in told].count("main") == 1
    assert tab.evaluate("document.documentElement.lang") == "en"
    levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(each => +each.tagName[1])")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), levels
    regions = [name for role, name in told if role in ("region", "navigation", "search")]
    assert len(regions) == len(set(regions))


def test_everything_is_reached_by_keyboard(served: Served, tab: Tab) -> None:
    """The first key leads past the head of the page; others to search, to documents, to the choice of a client."""
    tab.go(f"{served.url}/")
    assert _pressed(tab, "Tab") == "Skip to content"
    assert "3px" in tab.evaluate("getComputedStyle(document.activeElement).outline"), (
        "it is seen where one is"
    )
    reached = [_pressed(tab, "Tab") for _ in range(_PATIENCE)]
    for name in ("q", "Search", "tool", "images"):
        assert name in reached, reached
    assert any(each.startswith("docs") for each in reached), "the site"
    tab.evaluate("document.querySelector('[data-tool=docker]').focus()")
    tab.press("ArrowRight", code=39)
    assert tab.evaluate("document.querySelector('[data-tool=podman]').checked")
    tab.evaluate("document.querySelector('#images-list summary').focus()")
    tab.press("Enter", text="\r", code=13)
    assert tab.evaluate("document.querySelector('#images-list details').open")
    commands = tab.evaluate(_COMMANDS)
    assert any(each.startswith("podman pull") for each in commands)
    assert not any(each.startswith("docker pull") for each in commands)


def test_a_search_by_keyboard(served: Served, tab: Tab) -> None:
    """A slash leads to the box, words are found while they are typed, arrows go through what is found, Enter opens it."""
    tab.go(f"{served.url}/")
    tab.press("/", text="/", code=191)
    assert tab.evaluate("document.activeElement.id") == "q"
    for letter in "inst":
        tab.press(letter, text=letter)
    tab.press("Enter", text="\r", code=13)
    tab.wait("location.pathname === '/-/search'")
    assert "Install part" in tab.evaluate("document.body.innerText"), "half a word was enough"
    tab.press("/", text="/", code=191)
    tab.enter("#q", "install")
    tab.wait("location.search.includes('q=install') && document.querySelectorAll('#hits > li').length > 3")
    assert "install" in tab.evaluate("document.querySelector('#hits mark').textContent").lower()
    tab.press("ArrowDown", code=40)
    tab.press("ArrowDown", code=40)
    second = tab.evaluate("[...document.querySelectorAll('a.hit')].indexOf(document.activeElement)")
    assert second == 1
    tab.press("ArrowUp", code=38)
    tab.press("ArrowUp", code=38)
    assert tab.evaluate("document.activeElement.id") == "q"
    tab.press("ArrowDown", code=40)
    tab.press("Enter", text="\r", code=13)
    tab.wait("document.querySelector('main p').textContent.includes('step by step')")
    assert tab.evaluate("location.port") != str(served.port)


def test_commands_are_copied(served: Served, tab: Tab) -> None:
    """A button says what it copies, copies it, and says that it did: over plain HTTP on a LAN as well."""
    tab.go(f"{served.url}/?images=image7:")
    tab.evaluate("""navigator.clipboard.writeText = () => Promise.reject(new Error('no secure context'));
      document.execCommand = (what) => { window.copied = document.activeElement.value; return what === 'copy'; }""")
    tab.click("label[for=tool-docker]")  # what is chosen is remembered from page to page
    tab.evaluate("document.querySelector('.cmd button').focus()")
    tab.wait("document.activeElement.hasAttribute('aria-label')")
    assert (
        tab.evaluate("document.activeElement.getAttribute('aria-label')")
        == f"Copy docker pull 127.0.0.1:{served.port}/docker.io/calico/image7:1"
    )
    tab.click(".cmd button")
    assert tab.evaluate("copied") == f"docker pull 127.0.0.1:{served.port}/docker.io/calico/image7:1"
    assert "Copied: docker pull" in tab.evaluate(
        "[...document.querySelectorAll('[role=status]')].pop().textContent"
    )


def test_long_lists_are_narrowed_while_one_types(served: Served, tab: Tab) -> None:
    """What does not match is gone, what does is unfolded; emptied, all is as before."""
    tab.go(f"{served.url}/")
    tab.enter("#images-find", "image2")
    shown = "[...document.querySelectorAll('#images-list .rows > li')].filter(each => each.checkVisibility()).length"
    assert tab.evaluate(shown) == 11
    tab.enter("#images-find", "zzz")
    assert tab.evaluate(shown) == 0
    tab.evaluate(
        "{ const find = document.getElementById('images-find'); find.value = ''; find.dispatchEvent(new Event('input')); }"
    )
    assert tab.evaluate("document.querySelectorAll('#images-list details:not([hidden])').length") == 3
    assert tab.evaluate(shown) == 0


def test_without_scripts_nothing_is_missing(served: Served, tab: Tab) -> None:
    """Clients are chosen, lists narrowed, searches made: by plain HTML."""
    tab.block("*/script.js")
    tab.go(f"{served.url}/?images=image7:")
    assert not tab.evaluate("document.querySelector('.cmd button')"), "no button that does nothing"
    assert "1 of 31 images" in tab.evaluate("document.querySelector('#images .head').textContent")
    tab.evaluate("document.querySelector('label[for=tool-podman]').click()")
    commands = tab.evaluate(_COMMANDS)
    assert any(each.startswith("podman pull") for each in commands)
    assert not any(each.startswith("docker pull") for each in commands)
    tab.go(f"{served.url}/-/search?q=install")
    assert tab.evaluate("document.querySelectorAll('#hits > li').length") > 3


def _address(served: Served, path: str) -> str:
    """Return where a page is: on the main port, or where the site is if it is one that the site has not."""
    if path != MISSING:
        return served.url + path
    site = urlsplit(served.docs("docs"))
    return f"{site.scheme}://{site.netloc}{path}"


def _pressed(tab: Tab, key: str) -> str:
    """Press a key and return what has the focus then."""
    tab.press(key, code=9)
    return str(tab.evaluate(_FOCUSED))
