"""Three sites that need each other: A and B link to each other by absolute URLs, C only serves what they display with.

Each page does its work in scripts and writes down what came of it, so that its text is the judge: a page of the
archive on which anything failed reads differently from the live one. What C serves refers to itself from the
root. All URLs are absolute and written in every way that browsers understand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator

from servers.site import Reply, Site, serving
from servers.tinyfont import FAMILY, tiny_font

if TYPE_CHECKING:
    from servers.site import Answer

_SHARED = (("Access-Control-Allow-Origin", "*"),)
_SCRIPT = "text/javascript"
_NOTE = """<script>
const note = (what, how) => {
  const line = document.createElement("li");
  line.textContent = what + ": " + how;
  line.dataset.what = what;
  const list = document.querySelector("#notes");
  const after = [...list.children].find(other => other.dataset.what > what);
  list.insertBefore(line, after ?? null);
};
window.note = note;
</script>"""


@dataclass(frozen=True)
class ThreeOrigins:
    """The running sites, and what there is to see.

    Attributes:
        a, b: the sites with pages.
        c: the site with styles, fonts, modules and pictures.
        pages: the URLs of all pages of A and B that show something of their own.
    """

    a: Site
    b: Site
    c: Site
    pages: tuple[str, ...]

    @property
    def spec(self) -> dict[str, Any]:
        """The spec of a project that archives A as ``first`` and B as ``second``."""
        return {
            "project": "threefold",
            "docs": [
                {"name": "first", "seeds": [self.a.url("/docs/")], "scope": {"include": [self.a.url("/")]}},
                {"name": "second", "seeds": [self.b.url("/guide/")], "scope": {"include": [self.b.url("/")]}},
            ],
        }


@contextmanager
def three_origins() -> Iterator[ThreeOrigins]:
    """Serve the three sites for as long as the block lasts."""
    with serving({}) as a, serving({}) as b, serving({}) as c:
        a.answers |= _site_a(a.origin, b.origin, c.origin)
        b.answers |= _site_b(a.origin, b.origin, c.origin)
        c.answers |= _site_c(c.origin)
        shown = [site.url(target) for site in (a, b) for target in site.answers if _is_page(target)]
        yield ThreeOrigins(a, b, c, tuple(shown))


def picture(shade: int) -> bytes:
    """Return a grey PNG of eight by eight."""
    rows = b"".join(b"\0" + bytes([shade]) * 8 for _ in range(8))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _escaped(url: str) -> str:
    """Return a URL as PHP and others write it into JSON."""
    return url.replace("/", "\\/")


def _classic(c: str) -> str:
    """Return a script whose own address is in it, so that its archived form is another one."""
    return f'note("classic", "from C"); const home = "{c}/lib/";'


def _integrity(script: str) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(script.encode()).digest()).decode()


def _next_data(b: str) -> str:
    """Return state as Next.js puts it into pages: text and link of an element, and slashes as escapes."""
    state = {
        "props": {"href": f"{b}/guide/", "children": f"{b}/guide/", "source": "SOURCE"},
    }
    source = f"{b}/guide/source.json".replace("/", "\\u002F")
    return json.dumps(state).replace("SOURCE", source)


def _is_page(target: str) -> bool:
    return target.endswith(("/", ".html")) and not target.endswith(("/frame.html", "/moved.html"))


def _page(title: str, body: str, *, head: str, charset: str = "utf-8", links: str) -> bytes:
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="{charset}"><title>{title}</title>{_NOTE}{head}</head>'
        f'<body>{links}<main><h1>{title}</h1><ul id="notes"></ul>{body}</main></body></html>'
    )
    if charset == "utf-16":
        return b"\xff\xfe" + text.encode("utf-16-le")
    return text.encode(charset)


def _site_a(a: str, b: str, c: str) -> dict[str, Answer]:
    bare_b = b.removeprefix("http:")
    links = (
        f'<nav><a href="{a}/docs/">Start</a> <a href="{a}/docs/scripts.html">Scripts</a> '
        f'<a href="{a}/docs/pictures.html">Pictures</a> <a href="{a}/docs/text.html">Text</a> '
        f'<a href="{a}/docs/wide.html">Wide</a> <a href="{a}/docs/japanese.html">Japanese</a> '
        f'<a href="{a}/docs/base.html">Base</a> <a href="{a}/docs/data.html">Data</a> '
        f'<a href="{a}/docs/workers.html">Workers</a> <a href="{a}/docs/frames.html">Frames</a> '
        f'<a href="{a}/docs/feeds.html">Feeds</a> '
        f'<a href="{a}/docs/moved.html">Moved</a> <a href="{a}/docs/go">Gone on</a> '
        f'<a href="{a}/docs/later">Later</a> <a href="{bare_b}/guide/">Other</a></nav>'
    )
    style = f'<link rel="stylesheet" href="{c}/css/site.css"><link rel="icon" href="{c}/img/dark.png">'

    def page(title: str, body: str, *, head: str = "", charset: str = "utf-8") -> bytes:
        return _page(title, body, head=style + head, charset=charset, links=links)

    return {
        "/docs/": Reply(
            page(
                "Three origins",
                '<p class="squares"><span id="measured">abcde</span></p><p id="shaded">shaded</p><script>'
                f'document.fonts.load("20px \'{FAMILY}\'").then(found => note("font", found.map(font => font.status) + ""'
                ' + " " + document.querySelector("#measured").getBoundingClientRect().width));'
                'addEventListener("load", () => note("style", getComputedStyle(document.querySelector("#shaded"))'
                '.backgroundImage !== "none" ? "shaded" : "plain"));</script>',
                head=f'<link rel="preconnect" href="{c}"><link rel="dns-prefetch" href="{c.removeprefix("http:")}">'
                f'<link rel="preload" as="font" type="font/ttf" crossorigin href="{c}/fonts/tiny.ttf">'
                f'<link rel="canonical" href="{a}/docs/">'
                f'<link rel="manifest" href="{a}/docs/app.webmanifest">',
            ),
            headers=(("Link", f"<{c}/css/linked.css>; rel=preload; as=style, <{b}/guide/>; rel=next"),),
        ),
        "/docs/scripts.html": page(
            "Scripts",
            f'<script type="module">import {{ name }} from "{c}/lib/app.js"; note("module by URL", name);</script>'
            '<script type="module">import { name } from "threefold"; note("module by map", name);</script>'
            f'<script type="module">const later = await import("{c}/lib/later.js"); note("module later", later.name);</script>'
            f"<script>fetch('{b}/guide/data.json').then(got => got.json()).then(data => {{"
            'note("data", data.name); return fetch(data.next); }).then(got => got.json())'
            '.then(data => note("data behind data", data.name));'
            f'fetch("{_escaped(b)}\\/guide\\/escaped.json").then(got => got.json())'
            '.then(data => note("escaped data", data.name));</script>'
            f'<script src="{c}/lib/classic.js" integrity="{_integrity(_classic(c))}" crossorigin></script>',
            head=f'<script type="importmap">{{"imports": {{"threefold": "{c}/lib/mapped.js"}}}}</script>'
            f'<link rel="modulepreload" href="{c}/lib/dep.js">',
        ),
        "/docs/pictures.html": page(
            "Pictures",
            f'<img id="one" alt="one" src="{c}/img/dark.png">'
            f'<img id="two" alt="two" src="{c}/img/dark.png" srcset="{b}/guide/one.png 1x,{c}/img/finer.png 2x, {c}/img/finest.png 3x">'
            f'<picture><source srcset="{c}/img/light.png" media="(min-width: 1px)"><img id="three" alt="three" src="none.png"></picture>'
            f'<p id="four" style="background-image:url(\'{b}/guide/one.png\')">four</p><script>'
            'addEventListener("load", () => { for (const one of document.images)'
            ' note("picture " + one.id, one.naturalWidth + " " + new URL(one.currentSrc).pathname); });'
            f'const shown = new Image(); shown.onload = () => note("picture made", shown.naturalWidth);'
            f'shown.onerror = () => note("picture made", "failed"); shown.src = "{c}/img/light.png";</script>',
        ),
        "/docs/text.html": page(
            "Text",
            f'<p>Visit <a href="{b}/guide/">{b}/guide/</a> or {a}/docs/ and type</p>'
            f'<pre id="code">curl {a}/install.sh | sh</pre><button data-text="curl {a}/install.sh | sh">Copy</button>'
            f'<button id="by-script">Show</button><p id="shown"></p><script>const told = "curl {a}/install.sh | sh";'
            'note("button", document.querySelector("button").dataset.text); note("script", told);'
            'document.querySelector("#by-script").onclick = () => {'
            f'document.querySelector("#shown").innerHTML = "<a href=\\"{b}/guide/\\">{b}/guide/</a>"; }};</script>',
        ),
        "/docs/wide.html": Reply(
            page(
                "Wide",
                f'<p>Größe 安装</p><img id="one" alt="one" src="{c}/img/dark.png"><script>'
                'addEventListener("load", () => note("picture", document.images[0].naturalWidth));</script>',
                charset="utf-16",
            ),
            type="text/html; charset=utf-16",
        ),
        "/docs/japanese.html": Reply(
            page(
                "日本語",
                f'<p>表示 ソース 能力</p><img id="one" alt="表" src="{c}/img/dark.png"><script>'
                'addEventListener("load", () => note("絵", document.images[0].naturalWidth));</script>',
                charset="shift_jis",
            ),
            type="text/html; charset=shift_jis",
        ),
        "/docs/base.html": page(
            "Base",
            '<img alt="one" src="one.png"><script>'
            'addEventListener("load", () => note("picture", document.images[0].naturalWidth));</script>',
            head=f'<base href="{b}/guide/">',
        ),
        "/docs/data.html": page(
            "Data",
            f'<div id="root"><a href="{b}/guide/">{b}/guide/</a></div>'
            f'<script id="__NEXT_DATA__" type="application/json">{_next_data(b)}</script>'
            f'<p data-state="{{&quot;source&quot;:&quot;{_escaped(b)}\\/guide\\/one.png&quot;}}">state</p><script>'
            'const data = JSON.parse(document.querySelector("#__NEXT_DATA__").textContent).props;'
            'const shown = document.querySelector("#root a");'
            'note("text as in the data", shown.textContent === data.children);'
            'note("link as in the data", shown.href === data.href);'
            'fetch(data.source).then(got => got.json()).then(got => note("source", got.name));'
            'const state = JSON.parse(document.querySelector("[data-state]").dataset.state);'
            'const drawn = new Image(); drawn.onload = () => note("state", drawn.naturalWidth);'
            'drawn.onerror = () => note("state", "failed"); drawn.src = state.source;</script>',
            head=f'<link rel="preload" as="fetch" crossorigin href="{b}/guide/source.json">',
        ),
        "/docs/workers.html": page(
            "Workers",
            '<script>const worker = new Worker("/docs/worker.js");'
            'worker.onmessage = said => note("worker", said.data);'
            'worker.onerror = () => note("worker", "failed");</script>',
        ),
        "/docs/worker.js": Reply(
            f'importScripts("{c}/lib/plain.js"); fetch("{b}/guide/data.json").then(got => got.json())'
            ".then(data => postMessage(plainName + ' ' + data.name));".encode(),
            type=_SCRIPT,
        ),
        "/docs/frames.html": page(
            "Frames",
            '<script>addEventListener("message", said => note("frame", said.data));</script>'
            f'<iframe title="other" src="{b}/guide/frame.html"></iframe>',
        ),
        "/docs/feeds.html": page(
            "Feeds",
            f'<script>fetch("{a}/docs/feed.xml").then(got => got.text()).then(text => {{'
            'const parsed = new DOMParser().parseFromString(text, "text/xml");'
            'return fetch(parsed.querySelector("link").textContent); }).then(got => note("entry", got.status));</script>',
            head=f'<link rel="alternate" type="application/rss+xml" href="{a}/docs/feed.xml">',
        ),
        "/docs/feed.xml": Reply(
            f'<?xml version="1.0"?><rss version="2.0"><channel><link>{a}/docs/text.html</link></channel></rss>'.encode(),
            type="application/rss+xml",
        ),
        "/docs/app.webmanifest": Reply(
            json.dumps(
                {"name": "Three", "start_url": f"{a}/docs/", "icons": [{"src": f"{c}/img/dark.png"}]}
            ).encode(),
            type="application/manifest+json",
        ),
        "/docs/moved.html": f'<link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url={b}/guide/moved-here.html">'.encode(),
        "/docs/go": Reply(status=302, headers=(("Location", f"{b}/guide/gone-here.html"),)),
        "/docs/later": Reply(
            b'<link rel="icon" href="data:,"><p>wait</p>',
            headers=(("Refresh", f"0; url={b}/guide/later-here.html"),),
        ),
    }


def _site_b(a: str, b: str, c: str) -> dict[str, Answer]:
    def page(title: str, body: str) -> bytes:
        links = f'<nav><a href="{a}/docs/">First</a> <a href="{b}/guide/">Here</a></nav>'
        return _page(
            title,
            body,
            head=f"<style>@import '{c}/css/site.css';</style><link rel=icon href={c}/img/light.png>",
            links=links,
        )

    def data(name: str, **more: str) -> Reply:
        return Reply(json.dumps({"name": name, **more}).encode(), type="application/json", headers=_SHARED)

    return {
        "/guide/": page(
            "Guide",
            f'<p class="squares">squares</p><p>Back to <a href="{a}/docs/text.html">A</a></p>'
            '<a href="moved-here.html">moved</a> <a href="gone-here.html">gone on</a> <a href="later-here.html">later</a>',
        ),
        "/guide/moved-here.html": page("Moved here", "<p>by the page</p>"),
        "/guide/gone-here.html": page("Gone here", "<p>by the server</p>"),
        "/guide/later-here.html": page("Later here", "<p>by a header</p>"),
        "/guide/frame.html": f'<script>parent.postMessage("framed", "{a}");</script>'.encode(),
        "/guide/data.json": data("first", next=f"{b}/guide/more.json"),
        "/guide/more.json": data("second"),
        "/guide/escaped.json": data("third"),
        "/guide/source.json": data("fourth"),
        "/guide/one.png": Reply(picture(90), type="image/png"),
    }


def _site_c(c: str) -> dict[str, Answer]:
    def shared(text: str, kind: str) -> Reply:
        return Reply(text.encode(), type=kind, headers=_SHARED)

    return {
        "/css/site.css": shared(
            '@import "/css/base.css";@import url("/css/linked.css");'
            f"#shaded{{background-image:url(/img/light.png)}}.absolute{{background:url({c}/img/dark.png)}}",
            "text/css",
        ),
        "/css/base.css": shared(
            f"@font-face{{font-family:'{FAMILY}';src:url('/fonts/tiny.ttf') format('truetype')}}"
            f".squares{{font:20px '{FAMILY}'}}",
            "text/css",
        ),
        "/css/linked.css": shared("nav{border-bottom:1px solid}", "text/css"),
        "/fonts/tiny.ttf": Reply(tiny_font(), type="font/ttf", headers=_SHARED),
        "/lib/app.js": shared(
            'import { base } from "/lib/dep.js"; export const name = "app on " + base;', _SCRIPT
        ),
        "/lib/dep.js": shared('export const base = "dep";', _SCRIPT),
        "/lib/mapped.js": shared('export { base as name } from "/lib/dep.js";', _SCRIPT),
        "/lib/later.js": shared(
            'export const name = (await import("/lib/dep.js")).base + " later";', _SCRIPT
        ),
        "/lib/classic.js": shared(_classic(c), _SCRIPT),
        "/lib/plain.js": shared('const plainName = "plain";', _SCRIPT),
        "/img/dark.png": Reply(picture(40), type="image/png", headers=_SHARED),
        "/img/light.png": Reply(picture(200), type="image/png", headers=_SHARED),
        "/img/finer.png": Reply(picture(150), type="image/png", headers=_SHARED),
        "/img/finest.png": Reply(picture(120), type="image/png", headers=_SHARED),
    }
