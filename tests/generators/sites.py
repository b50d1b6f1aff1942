"""The sites that the generators make, and what a reader does on each: that is what an archive must hold.

A page's own requests are not all: its scripts ask for more when the reader opens the search, types, changes
the theme or goes on by a link that a script handles. A site's ``use`` does all that in a tab and fails where
it does not work. Done on the live site, it tells what belongs in the archive; done on the replayed one,
whether it is there.
"""

from __future__ import annotations

import gzip
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterator
from urllib.parse import unquote, urlsplit

from generators.build import ORIGIN
from servers.fidelity import Live, Subject
from servers.real import nginx

if TYPE_CHECKING:
    from pathlib import Path

    from servers.browser import Tab

WORD = "kindleflame"  # stands on one page of each site only
_SCREEN = 1400, 1000
_CLIPBOARD_HOLDS = """async text => {
  const until = performance.now() + 10000;
  for (;;) {
    const held = await navigator.clipboard.readText();
    if (held.includes(text)) return;
    if (performance.now() > until) throw new Error(`the clipboard holds: ${held}`);
    await new Promise(done => setTimeout(done, 20));
  }
}"""
_TEXTS = (".css", ".html", ".xml", ".json", ".js", ".txt")


@dataclass(frozen=True)
class GeneratorSite:
    """A built site.

    Attributes:
        name: of the folder it was built to.
        use: does in a tab what a reader does; called with the site's address, without a trailing slash.
        seeds: the paths that an archive of it begins with.
        absent: paths that its own pages ask for or link to, and that the live site does not have.
    """

    name: str
    use: Callable[[Tab, str], None]
    seeds: tuple[str, ...] = ("/",)
    absent: tuple[str, ...] = ()

    def subject(self, built: Path) -> Subject:
        """Return what is to be measured of this site.

        Args:
            built: the folder that has the built sites.
        """

        @contextmanager
        def up(folder: Path) -> Iterator[Live]:
            root = folder / "root"
            with nginx(root, folder) as live:
                publish(built / self.name, root, live.url)
                yield Live(live.url, [live.url + path for path in self.seeds], pages_below(root, live.url))

        return Subject(self.name, up, self.use, self.absent)


def publish(built: Path, root: Path, origin: str) -> None:
    """Copy a built site to where it will be served from, with the address that it will have there."""
    shutil.copytree(built, root)
    for path in root.rglob("*"):
        if path.name.endswith(".xml.gz"):
            path.write_bytes(gzip.compress(_readdressed(gzip.decompress(path.read_bytes()), origin)))
        elif path.suffix in _TEXTS:
            path.write_bytes(_readdressed(path.read_bytes(), origin))


def pages_below(root: Path, origin: str) -> Callable[[str], bool]:
    """Return what tells whether a URL is a page that a server of a folder has."""

    def is_page(url: str) -> bool:
        path = unquote(urlsplit(url).path)
        file = root / f"{path[1:]}index.html" if path.endswith("/") else root / path[1:]
        return url.startswith(f"{origin}/") and file.suffix == ".html" and file.is_file()

    return is_page


def _readdressed(content: bytes, origin: str) -> bytes:
    return content.replace(ORIGIN.encode(), origin.encode())


def _copies(tab: Tab, button: str, text: str) -> None:
    """Click a button that copies code, and see that a text is in the clipboard then."""
    tab.click(button)
    tab.evaluate(f"({_CLIPBOARD_HOLDS})({json.dumps(text)})")


def _shows_sharp_image(tab: Tab, url: str) -> None:
    """Open a page on a screen that its image has a finer file for."""
    tab.resize(*_SCREEN, density=2)
    tab.go(url)
    tab.wait("document.querySelector('#sharp').currentSrc.endsWith('sharp.png')")
    tab.wait("document.querySelector('#sharp').naturalWidth > 0")
    tab.resize(*_SCREEN)


def _docusaurus(tab: Tab, site: str) -> None:
    tab.go(f"{site}/handbook/")
    tab.click("a[href='/handbook/docs/'].button")
    tab.wait("document.title.startsWith('Welcome')")
    tab.click(".menu__link[href='/handbook/docs/category/guide/']")
    tab.click(".menu__link[href='/handbook/docs/guide/install/']")
    tab.click("[role=tab]:last-child")
    tab.wait("document.querySelector('[role=tabpanel]:not([hidden])').innerText.includes('[wick]')")
    _copies(tab, "[role=tabpanel]:not([hidden]) button[aria-label^=Copy]", "[wick]")
    tab.click("#light")
    tab.wait("document.querySelector('#flame img').naturalWidth > 0")
    tab.click("button[class*=toggleButton]")
    tab.wait("document.documentElement.dataset.theme === 'dark'")
    tab.enter(".navbar__search-input", WORD)
    tab.wait("[...document.querySelectorAll('[class*=dropdownMenu] [class*=suggestion]')].length > 0")
    tab.go(f"{site}/handbook/search/?q={WORD}")
    tab.wait("[...document.querySelectorAll('article a')].some(a => a.href.includes('trimming'))")
    tab.click("article a[href*=trimming]")
    tab.wait("document.title.startsWith('Trim the wick')")
    tab.go(f"{site}/handbook/docs/1.0/")
    tab.click(".menu__link[href='/handbook/docs/1.0/guide/install/']")
    tab.wait("document.title.startsWith('Install 1.0')")
    _shows_sharp_image(tab, f"{site}/handbook/docs/guide/install/")


def _vitepress(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.click("a[href='/guide/install.html'].VPButton, a[href='/guide/install'].VPButton")
    tab.wait("document.title.startsWith('Install')")
    tab.click(".vp-code-group .tabs label:last-of-type")
    _copies(tab, ".vp-code-group .active button.copy", "[wick]")
    tab.click("#light")
    tab.wait("document.querySelector('#flame img').naturalWidth > 0")
    tab.click(".VPSidebarItem a[href='/guide/trimming.html']")
    tab.wait("document.title.startsWith('Trim the wick')")
    tab.click(".VPSidebarItem .caret")
    tab.click(".VPSidebarItem a[href='/reference/settings.html']")
    tab.wait("document.title.startsWith('Settings')")
    tab.click(".VPSwitchAppearance")
    tab.wait("document.documentElement.classList.contains('dark')")
    tab.click("#local-search button")
    tab.enter("#localsearch-input", WORD)
    tab.click("#localsearch-list a[href*=trimming]")
    tab.wait("document.title.startsWith('Trim the wick')")
    tab.go(f"{site}/zh/")
    tab.click("a[href$='settings.html']")
    tab.wait("document.title.startsWith('设置')")
    tab.click("#local-search button")
    tab.enter("#localsearch-input", "灯芯")
    tab.wait("document.querySelector('#localsearch-list a[href*=settings]')")
    _shows_sharp_image(tab, f"{site}/guide/install.html")


def _mkdocs_material(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.wait("location.pathname === '/latest/' && document.title === 'Lantern'")
    tab.wait("document.querySelector('.md-version__link[href*=\"/1.0/\"]')")
    tab.wait("document.documentElement.dataset.flame")
    tab.click(".md-tabs__link[href$='guide/']")
    tab.wait("location.pathname === '/latest/guide/' && document.title.startsWith('Guide')")
    tab.click(".md-nav--primary a[href$='install/']")
    tab.wait("document.title.startsWith('Install')")
    tab.click(".tabbed-labels > :last-child label, .tabbed-labels > label:last-child")
    _copies(tab, ".tabbed-block:last-child button", "[wick]")
    tab.click("[data-md-component=palette] label:not([hidden])")
    tab.wait("document.body.dataset.mdColorScheme === 'slate'")
    tab.enter("[data-md-component=search-query]", WORD)
    tab.click(".md-search-result__link[href*=trimming]")
    tab.wait("document.title.startsWith('Trim the wick')")
    tab.go(f"{site}/1.0/settings/")
    tab.wait(
        'document.querySelector(\'.md-version__link[href*="/latest/"], .md-version__link[href*="/2.0/"]\')'
    )
    tab.enter("[data-md-component=search-query]", WORD)
    tab.wait("document.querySelector('.md-search-result__link[href*=trimming]')")
    _shows_sharp_image(tab, f"{site}/latest/guide/install/")


def _sphinx_furo(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.click(".sidebar-tree a[href='guide/index.html']")
    tab.click("article a[href='install.html']")
    tab.wait("document.title.startsWith('Install')")
    _sphinx_page(tab)
    tab.click(".theme-toggle")
    tab.wait("document.body.dataset.theme === 'dark'")
    _sphinx_search(tab, ".sidebar-search")


def _sphinx_rtd(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.click(".wy-menu a[href='guide/index.html']")
    tab.click(".wy-menu a[href='install.html']")
    tab.wait("document.title.startsWith('Install')")
    _sphinx_page(tab)
    _sphinx_search(tab, "#rtd-search-form input[name=q]")


def _sphinx_pydata(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.wait("document.querySelector('.version-switcher__menu a[data-version=\"1.0\"]')")
    tab.click(".bd-sidebar a[href='guide/index.html'], .bd-header a[href='guide/index.html']")
    tab.click("article a[href='install.html']")
    tab.wait("document.title.startsWith('Install')")
    _sphinx_page(tab)
    tab.click(".theme-switch-button")
    tab.click(".theme-change-button[data-mode=dark]")
    tab.wait("document.documentElement.dataset.theme === 'dark'")
    tab.click(".search-button__button")
    _sphinx_search(tab, "#pst-search-dialog input[name=q]")


def _sphinx_page(tab: Tab) -> None:
    tab.click(".sd-tab-set label:last-of-type")
    _copies(tab, ".sd-tab-content:last-of-type button.copybtn", "[wick]")
    page = tab.evaluate("location.href")
    _shows_sharp_image(tab, page)


def _sphinx_search(tab: Tab, field: str) -> None:
    tab.enter(field, WORD)
    tab.press("Enter", text="\r", code=13)
    tab.wait("document.querySelector('#search-results a[href*=trimming]')")
    tab.wait("document.querySelector('#search-results').innerText.includes('soot')")


def _hugo(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.click("nav a[href='/guide/install/']")
    tab.wait("document.title === 'Install'")
    _shows_sharp_image(tab, f"{site}/guide/install/")
    tab.click("#theme")
    tab.wait("document.documentElement.classList.contains('dark')")
    tab.enter("#search", WORD)
    tab.click("#results a[href='/guide/trimming/']")
    tab.wait("document.title === 'Trim the wick'")


def _hugo_doks(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.click(".content a[href*='guide/install']")
    tab.wait("document.title.startsWith('Install')")
    _shows_sharp_image(tab, f"{site}/docs/guide/install/")
    tab.click("#buttonColorMode [data-bs-theme-value=dark]")
    tab.wait("document.documentElement.dataset.bsTheme === 'dark'")
    tab.click("#searchToggleDesktop")
    tab.enter("#query", WORD)
    tab.click("#searchResults a[href='/docs/guide/trimming/']")
    tab.wait("document.title.startsWith('Trim the wick')")


def _hugo_versions(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.click("main a[href$='/docs/v3.4/']")
    tab.wait("document.title === 'Lantern v3.4'")
    tab.click("nav a[href$='/docs/v3.4/install/']")
    tab.wait("document.title === 'Install v3.4'")
    tab.evaluate("version.value = 'v3.3', version.dispatchEvent(new Event('change')), 0")
    tab.wait("document.title === 'Install v3.3'")
    tab.click("a.language")
    tab.wait("document.title === '安装 v3.3'")
    tab.enter("#search", "灯芯")
    tab.wait("document.querySelectorAll('#results a').length === 2")
    tab.click("#results a[href*='/zh/docs/v3.4/']")
    tab.wait("document.title === '点灯' && location.pathname === '/zh/docs/v3.4/light/'")


def _mdbook(tab: Tab, site: str) -> None:
    tab.go(f"{site}/")
    tab.click(".chapter a[href='guide/index.html']")
    tab.click(".chapter a[href$='guide/install.html']")
    tab.wait("document.title.startsWith('Install')")
    tab.wait("document.querySelector('.ace_editor')")
    _copies(tab, "pre > .buttons .clip-button", "apt install lantern")
    _shows_sharp_image(tab, f"{site}/guide/install.html")
    tab.click("#mdbook-theme-toggle, #theme-toggle")
    tab.click("#mdbook-theme-navy, #navy")
    tab.wait("document.documentElement.classList.contains('navy')")
    tab.click("#mdbook-search-toggle, #search-toggle")
    tab.enter("#mdbook-searchbar, #searchbar", WORD)
    tab.click("#mdbook-searchresults a, #searchresults a")
    tab.wait("document.title.startsWith('Trim the wick')")


def _rustdoc(tab: Tab, site: str) -> None:
    tab.go(f"{site}/lantern/")
    tab.click("a.mod[href='wick/index.html']")
    tab.wait("document.title.startsWith('lantern::wick')")
    for word in (WORD, "AmberBarn", "jadewell", "hours", "harbour"):
        tab.go(f"{site}/lantern/fuel/index.html")
        tab.press("s", text="s")
        tab.enter(".search-input", word)
        tab.wait(
            f"[...document.querySelectorAll('#search a, #results a')].some(a => a.innerText.toLowerCase().includes('{word}'.toLowerCase()))"
        )
    tab.go(f"{site}/lantern/type.Lamp.html")
    tab.go(f"{site}/lantern/fuel/enum.Fuel.html")
    _copies(tab, "#copy-path", "lantern::fuel::Fuel")
    tab.click("#settings-menu a, .settings-menu a")
    tab.click("#theme-dark, #preferred-light-theme-dark")
    tab.wait("document.documentElement.dataset.theme === 'dark' || themeStyle.href.endsWith('/dark.css')")
    tab.go(f"{site}/src/lantern/fuel.rs.html")
    tab.click("#sidebar-button a, #sidebar-toggle")
    tab.click("#src-sidebar a[href$='wick.rs.html'], #source-sidebar a[href$='wick.rs.html']")
    tab.wait("document.title.startsWith('wick.rs')")


SITES = (
    GeneratorSite("docusaurus", _docusaurus, ("/handbook/",)),
    GeneratorSite("vitepress", _vitepress),
    # Which versions an archive holds is its keeper's choice.
    GeneratorSite("mkdocs-material", _mkdocs_material, ("/", "/1.0/")),
    GeneratorSite("sphinx-furo", _sphinx_furo),
    GeneratorSite("sphinx-rtd", _sphinx_rtd),
    GeneratorSite("sphinx-pydata", _sphinx_pydata),
    GeneratorSite("hugo-docsy", _hugo),
    GeneratorSite("hugo-book", _hugo),
    GeneratorSite("hugo-learn", _hugo),
    # Its icons are the keeper's to make; without one, browsers ask for this.
    GeneratorSite("hugo-doks", _hugo_doks, absent=("/favicon.ico",)),
    GeneratorSite("hugo-versions", _hugo_versions),
    GeneratorSite("mdbook", _mdbook),
    # The settings and help pages belong to no crate: an index is linked to there, which only an option makes;
    # Debian 12's rustdoc 1.63 asks for a list of items.
    GeneratorSite("rustdoc", _rustdoc, ("/lantern/index.html",), absent=("/index.html", "/sidebar-items.js")),
)
LARGE = (
    GeneratorSite("docusaurus-large", _docusaurus, ("/handbook/",)),
    GeneratorSite("vitepress-large", _vitepress),
)
"""The same with a hundred pages, for ``make fidelity``."""
