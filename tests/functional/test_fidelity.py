"""Replay is measured, and so is the measure: what differs is seen, what is the same is called so, nobody else is asked."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator
from urllib.parse import urlsplit

import pytest

from servers.browser import browser
from servers.fidelity import Live, Subject, gone, replay
from servers.outside import outside
from servers.processes import need
from servers.site import Reply, html, serving
from servers.threeorigins import picture, three_origins
from servers.tinyfont import tiny_font
from servers.walking import Addresses, compare, count_pixels, look

if TYPE_CHECKING:
    from pathlib import Path

    from servers.browser import Tab
    from servers.site import Answer
    from servers.walking import Difference

pytestmark = pytest.mark.thorough

# How a page may call home, a host each; all but the last group is what pages do by themselves.
_WAYS = {
    "image": "<img src='http://image.example/x.png' alt=''>",
    "style": "<link rel=stylesheet href='http://style.example/x.css'>",
    "inline-style": "<p style='background:url(http://inline-style.example/x.png)'>x</p>",
    "font": "<style>@font-face{font-family:X;src:url(http://font.example/x.woff2)}p{font-family:X}</style><p>x</p>",
    "script": "<script src='http://script.example/x.js'></script>",
    "module": "<script type=module>import 'http://module.example/x.js'</script>",
    "fetch": "<script>fetch('http://fetch.example/x').catch(() => 0)</script>",
    "request": "<script>const r=new XMLHttpRequest();r.open('GET','http://request.example/');r.send()</script>",
    "beacon": "<script>navigator.sendBeacon('http://beacon.example/x','x')</script>",
    "socket": "<script>new WebSocket('ws://socket.example/')</script>",
    "events": "<script>new EventSource('http://events.example/')</script>",
    "frame": "<iframe src='http://frame.example/' title=x></iframe>",
    "object": "<object data='http://object.example/x.svg'></object>",
    "video": "<video src='http://video.example/x.mp4' preload=auto></video>",
    "prefetch": "<link rel=prefetch href='http://prefetch.example/x'>",
    "preconnect": "<link rel=preconnect href='https://preconnect.example/'>",
    "preload": "<link rel=preload as=image href='http://preload.example/x.png'>",
    "form": (
        "<form id=f target=t action='http://form.example/'></form><iframe name=t title=t></iframe>"
        "<script>addEventListener('load',()=>document.querySelector('#f').submit())</script>"
    ),
    "worker": (
        "<script>new Worker(URL.createObjectURL(new Blob([\"fetch('http://worker.example/x').catch(() => 0)\"])))</script>"
    ),
}


def test_sites_that_need_each_other_are_what_they_were(tmp_path: Path) -> None:
    """Every page of A and B, with what C serves: same text, picture, fonts and images, and nobody else is asked."""
    need("chromium")

    @contextmanager
    def up(_: Path) -> Iterator[Live]:
        with three_origins() as sites:
            yield Live(sites.a.origin, sites.pages, lambda url: url in sites.pages, sites.spec["docs"])

    with gone(Subject("three", up), tmp_path) as site:
        found = replay(site)
    assert site.summary["failures"] == []
    assert len(found.pages) >= 12
    assert found.differing == []
    assert found.outside == []


def test_no_page_reaches_the_internet(tmp_path: Path) -> None:
    """What calls other machines, in any way that browsers know, calls nobody from the archive."""
    need("chromium")
    answers: dict[str, Answer] = {f"/{name}.html": html(head=way) for name, way in _WAYS.items()}
    answers["/"] = html(*(f"/{name}.html" for name in _WAYS))

    @contextmanager
    def up(_: Path) -> Iterator[Live]:
        with serving(answers) as made:
            yield Live(made.origin, [made.url("/")], lambda url: url.endswith(".html"))

    with gone(Subject("homesick", up), tmp_path) as site:
        found = replay(site)
    called = {_host(line) for line in site.knocked if line}
    assert {f"{name}.example" for name in _WAYS} - called == set(), "the live pages called all of these"
    assert found.outside == []
    assert [page for page in found.pages if page.text or page.unanswered] == []


def _host(line: str) -> str:
    target = line.split()[1]
    return urlsplit(target if "://" in target else f"//{target}").hostname or ""


_STYLE = Reply(b"@font-face{font-family:T;src:url(/t.ttf)} body{font-family:T}", type="text/css")
_PAGE = "<link rel=stylesheet href=/s.css><script src=/a.js></script><img src=/i.png alt=x width=40>"


@pytest.fixture(name="seen")
def _seen(tmp_path: Path) -> Iterator[Callable[[dict[str, Answer]], Difference]]:
    """How a page differs once some of what it is made of is another."""
    need("chromium")
    whole: dict[str, Answer] = {
        "/": html(head=_PAGE, text="A page."),
        "/s.css": _STYLE,
        "/t.ttf": Reply(tiny_font(), type="font/ttf"),
        "/a.js": Reply(b"1", type="text/javascript"),
        "/i.png": Reply(picture(10), type="image/png"),
    }
    with outside() as internet, browser(tmp_path, internet) as chromium, serving(whole) as site:

        def one(tab: Tab) -> None:
            tab.hold_still()
            tab.keep_nothing()

        with chromium.tab() as tab:
            one(tab)
            live = look(tab, site.url("/"), Addresses())

        def changed(answers: dict[str, Answer]) -> Difference:
            site.answers |= answers
            with chromium.tab() as again:
                one(again)
                other = look(again, site.url("/"), Addresses())
            return compare(live, other, count_pixels(chromium, live.picture, other.picture))

        yield changed


def test_nothing_changed_is_no_difference(seen: Callable[[dict[str, Answer]], Difference]) -> None:
    """The same page twice is the same, to the pixel."""
    assert seen({}).none


# Half a pixel to the left of where its text was drawn first, once the page is long enough for a scroll bar.
_GROWING = """<style>
  body { margin: 0 } main { max-width: 1320px; margin: auto }
  aside { position: sticky; top: 0; height: 500px; overflow-y: auto }
</style><main><aside>Install and trim the wick</aside><p>Read this</p></main><script>
  const whole = () => {
    document.body.append(document.createElement("footer"));
    document.body.lastChild.style = "display: block; height: 3000px";
  };
  const afterNext = then => requestAnimationFrame(() => requestAnimationFrame(then));
  FIRST_DRAWN
</script>"""


def test_a_page_drawn_while_it_arrived_is_no_difference(tmp_path: Path) -> None:
    """What was drawn before a page was whole, as on a busy machine, is drawn as where all came at once."""
    need("chromium")
    answers: dict[str, Answer] = {
        path: Reply(f"<!doctype html><title>x</title>{_GROWING.replace('FIRST_DRAWN', how)}".encode())
        for path, how in (("/at-once", "whole()"), ("/in-parts", "afterNext(() => afterNext(whole))"))
    }
    pictures = []
    with browser(tmp_path) as chromium, serving(answers) as site:
        for path in answers:
            with chromium.tab() as tab:
                tab.resize(1400, 1000)
                tab.go(site.url(path))
                tab.wait("document.querySelector('footer')")
                pictures.append(tab.picture())
        assert count_pixels(chromium, *pictures) == 0


def test_another_text_is_seen(seen: Callable[[dict[str, Answer]], Difference]) -> None:
    """A word less is another text, and another picture."""
    found = seen({"/": html(head=_PAGE, text="A.")})
    assert found.text
    assert found.pixels


def test_a_missing_font_is_seen(seen: Callable[[dict[str, Answer]], Difference]) -> None:
    """A font that is not answered is a request unanswered, a font in another state, and other pixels."""
    found = seen({"/t.ttf": Reply(b"gone", 404)})
    assert [one.split()[0] for one in found.unanswered] == ["404"]
    assert found.fonts == ("T normal normal error",)
    assert found.pixels
    assert not found.text


def test_another_image_is_seen(seen: Callable[[dict[str, Answer]], Difference]) -> None:
    """Another picture at the same address shows only in the pixels; none at all in the images, too."""
    found = seen({"/i.png": Reply(picture(11), type="image/png")})
    assert (found.images, found.pixels) == ((), 1600)
    assert seen({"/i.png": Reply(b"", 404)}).images == ("i.png 0x0",)


def test_complaints_are_seen(seen: Callable[[dict[str, Answer]], Difference]) -> None:
    """What scripts throw or log as an error is told, and not more often than it came."""
    found = seen(
        {"/a.js": Reply(b"console.error('lost'); throw new Error('thrown')", type="text/javascript")}
    )
    assert len(found.complaints) == 2
    assert "thrown" in " ".join(found.complaints)
    assert not found.text
