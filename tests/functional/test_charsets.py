"""Pages in the encodings of the world, declared in every way and wrongly: the right links are asked for, and the text is found."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from judges.warcs import judge_warcs
from servers.browser import browser
from servers.console import Console
from servers.processes import need
from servers.site import Reply, Site, html, serving

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Iterator

_BARE = "!$&'()*+,;=:@/?"  # what stands in a query as it is, in the spelling that is requested here
_STRICTER = {ord(each): f"%{ord(each):02X}" for each in "[]\\^`{|}"}  # what a browser leaves there as well
CHINESE, TAIWANESE, JAPANESE = "离线文档朱镕基", "離線說明文件", "オフライン文書の表①"
KOREAN, RUSSIAN, GERMAN = "오프라인 문서 똠방각하", "Автономная документация", "Überprüfungsmaßnahmen"


@dataclass(frozen=True)
class Page:
    """A page in an encoding.

    Attributes:
        text: its words, which its links have in path and query as well.
        codec: Python's name of what it is written in.
        header: the charset of its Content-Type; ``meta`` that of its ``<meta>``; empty: none.
        mark: a byte order mark.
        query: Python's name of what its queries are escaped in, where that is not ``codec``.
        odd: what is at the end of a query: as a rule what the encoding lacks.
    """

    text: str
    codec: str
    header: str = ""
    meta: str = ""
    mark: bytes = b""
    query: str = ""
    odd: str = "😀"

    def reply(self, name: str) -> Reply:
        """Return the page as it is served: an image and another page, by references that are not escaped."""
        meta = f'<meta charset="{self.meta}">' if self.meta else ""
        body = (
            f"<!DOCTYPE html><html><head>{meta}<title>{name}</title></head><body><p>{self.text}</p>"
            f'<img src="{name}-{self.text}.png?q={self.text}"><a href="{name}-{self.text}.html?{self.text}&amp;x={self.odd}#x">'
            "x</a></body></html>"
        )
        encoded = body.encode(self.codec, "xmlcharrefreplace")
        return Reply(
            self.mark + encoded, type="text/html" + (f"; charset={self.header}" if self.header else "")
        )

    def image(self, name: str) -> str:
        """Return the target of its image, as a browser asks for it."""
        return f"/docs/{name}-{_path(self.text)}.png?q={self._escaped(self.text)}"

    def linked(self, name: str) -> str:
        """Return the target of the page that it links to."""
        return f"/docs/{name}-{_path(self.text)}.html?{self._escaped(self.text)}&x={self._escaped(self.odd)}"

    def _escaped(self, text: str) -> str:
        # WHATWG URL, "percent-encode after encoding": what the encoding lacks becomes a character reference
        codec = self.query or self.codec
        return "".join(
            f"%26%23{ord(each)}%3B" if _is_missing(each, codec) else quote(each.encode(codec), safe=_BARE)
            for each in text
        )


def _is_missing(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return True
    return False


def _path(text: str) -> str:
    return quote(text.encode())


PAGES = {
    "gbk-header": Page(CHINESE, "gbk", odd="龘", header="gbk"),
    "gb2312-meta": Page(CHINESE, "gbk", odd="龘", meta="gb2312"),
    "gb18030-header": Page(CHINESE + "𠀀", "gb18030", header="GB18030"),
    "big5-meta": Page(TAIWANESE, "big5", meta="big5"),
    "big5-header": Page(TAIWANESE, "big5", header="Big5"),
    "shift-jis-header": Page(JAPANESE, "cp932", header="Shift_JIS"),
    "shift-jis-meta": Page(JAPANESE, "cp932", meta="x-sjis"),
    "euc-jp-meta": Page("オフライン文書", "euc_jp", meta="euc-jp"),
    "euc-kr-meta": Page(KOREAN, "cp949", meta="euc-kr"),
    "euc-kr-header": Page(KOREAN, "cp949", header="ks_c_5601-1987"),
    "windows-1251-header": Page(RUSSIAN, "cp1251", header="windows-1251"),
    "windows-1251-meta": Page(RUSSIAN, "cp1251", meta="cp1251"),
    "koi8-r-header": Page(RUSSIAN, "koi8-r", header="koi8-r"),
    "latin-1-is-windows-1252": Page(GERMAN + "€", "cp1252", header="iso-8859-1"),
    "utf-16-le-mark": Page(CHINESE, "utf-16-le", mark=codecs.BOM_UTF16_LE, query="utf-8"),
    "utf-16-be-mark": Page(TAIWANESE, "utf-16-be", mark=codecs.BOM_UTF16_BE, query="utf-8"),
    "utf-16-header": Page(KOREAN, "utf-16-le", header="utf-16", query="utf-8"),
    "utf-16-be-header": Page(JAPANESE, "utf-16-be", header="utf-16be", query="utf-8"),
    "utf-16-mark-and-header": Page(
        RUSSIAN, "utf-16-le", header="utf-16", mark=codecs.BOM_UTF16_LE, query="utf-8"
    ),
    "mark-over-header": Page(CHINESE, "utf-8", header="windows-1251", mark=codecs.BOM_UTF8),
    "header-over-meta": Page(CHINESE, "gbk", odd="龘", header="gbk", meta="utf-8"),
    "meta-where-header-is-none": Page(JAPANESE, "cp932", header="no-such-charset", meta="shift_jis"),
    "meta-that-cannot-be": Page(CHINESE, "utf-8", meta="utf-16"),
    "utf-8-in-capitals": Page(GERMAN, "utf-8", header='"UTF-8"'),
}  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A site with every page, the images and pages that they refer to, and a start page."""
    with serving({}) as served:
        served.answers["/docs/"] = html(*PAGES)
        for name, page in PAGES.items():
            served.answers[f"/docs/{name}"] = page.reply(name)
            served.answers[page.image(name)] = Reply(b"\x89PNG\r\n\x1a\n", type="image/png")
            served.answers[page.linked(name)] = Reply(b"<!DOCTYPE html><title>linked</title><p>linked")
        yield served


@dataclass(frozen=True)
class Archived:
    """The site's archive, its bundle, and the targets that were asked for."""

    console: Console
    bundle: Path
    targets: frozenset[str]


@pytest.fixture(scope="module")
def archived(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Archived:
    """The site, archived and bundled by the command line."""
    console = Console(tmp_path_factory.mktemp("charsets"))
    docs = [{"name": "docs", "seeds": [site.url("/docs/")]}]
    site.forget()
    console.succeed("archive", console.write("sample.yaml", json.dumps({"project": "sample", "docs": docs})))
    console.succeed("bundle", "sample", "-o", "sample.tar")
    judge_warcs(console.folder / "archives" / "sample" / "warc")
    return Archived(console, console.folder / "sample.tar", frozenset(site.targets()))


@pytest.mark.parametrize("name", PAGES)
def test_links_are_asked_for_as_a_browser_would(archived: Archived, name: str) -> None:
    """Paths are escaped in UTF-8, queries in the page's encoding, with references for what that lacks."""
    page = PAGES[name]
    asked = [target for target in archived.targets if target.startswith(f"/docs/{name}-%")]
    assert sorted(asked) == sorted([page.image(name), page.linked(name)])


@pytest.mark.parametrize("name", PAGES)
def test_the_text_is_found_in_the_bundle(archived: Archived, site: Site, name: str) -> None:
    """Searching a bundle for a page's words finds it, whatever it was written in."""
    outcome = archived.console.succeed("search", archived.bundle, PAGES[name].text, "--limit", "50", "--json")
    assert site.url(f"/docs/{name}") in outcome.out


def test_chromium_asks_for_the_same(site: Site, tmp_path: Path) -> None:
    """What is expected above is what a browser asks for: images when it opens a page, links when they are read out."""
    need("chromium")
    with browser(tmp_path) as chromium, chromium.tab() as tab:
        for name, page in PAGES.items():
            site.forget()
            tab.go(site.url(f"/docs/{name}"))
            assert page.image(name) in [target.translate(_STRICTER) for target in site.targets()], name
            link = str(tab.evaluate("document.links[0].href")).translate(_STRICTER)
            assert link == f"{site.url(page.linked(name))}#x", name
