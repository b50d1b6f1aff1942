"""Every page of a site as a reader sees it, live and replayed, and in what the two differ.

A walk opens pages in Chromium one after the other, each in a tab of its own with nothing cached, and keeps
of each what can be told apart afterwards: its text, a picture, the states of its fonts, what was asked for,
what failed, and what scripts complained of.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from servers.browser import Browser, Tab

_LOOK = """document.fonts.ready.then(() => ({
  title: document.title,
  text: document.body ? document.body.innerText : document.documentElement.textContent,
  links: [...document.links, ...document.forms].map(one => String(one.href ?? one.action)),
  fonts: [...document.fonts].map(one => [one.family, one.style, one.weight, one.status].join(" ")).sort(),
  images: [...document.images].map(one => `${one.currentSrc.split("/").pop()} ${one.naturalWidth}x${one.naturalHeight}`),
}))"""
_MOST_LOOKS = 5  # until a page stays as it is
_COMPARE = """(async () => {
  const pixels = async png => {
    const bytes = Uint8Array.from(atob(png), one => one.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, picture.width, picture.height);
  };
  const [one, other] = [await pixels(ONE), await pixels(OTHER)];
  if (one.width !== other.width || one.height !== other.height) return one.width * one.height;
  const [left, right] = [one, other].map(each => new Uint32Array(each.data.buffer));
  return left.reduce((count, pixel, at) => count + (pixel !== right[at]), 0);
})()"""


# What scripts are told beside the fact where a policy forbids a request.
_CONSEQUENCE = " Refused to connect because it violates the document's Content Security Policy."
_URL = re.compile(r"(?:https?|wss?)://[^\s'\"]+")


@dataclass(frozen=True)
class Shown:
    """What a page showed, and what it took.

    Attributes:
        url: where the page is, in the addresses of the live site.
        title: of the document.
        text: all that can be read, as the browser lays it out.
        picture: a PNG of the window.
        fonts: the fonts that style sheets name, and whether each was loaded.
        images: the name of the file that each image shows now, and its size in its own pixels.
        links: where its links and forms lead.
        requested: every URL asked for, in order.
        away: what of that was asked of another machine, or of the site that is gone, and not refused.
        failed: what of that failed on this machine, each with a status or an error.
        refused: what a policy of the page kept the browser from asking, told apart from ``complaints``.
        complaints: errors in the console, and exceptions that nobody caught.
    """

    url: str
    title: str
    text: str
    picture: bytes = field(repr=False)
    fonts: tuple[str, ...]
    images: tuple[str, ...]
    links: tuple[str, ...]
    requested: tuple[str, ...]
    away: tuple[str, ...]
    failed: tuple[str, ...]
    refused: tuple[str, ...]
    complaints: tuple[str, ...]


@dataclass(frozen=True)
class Addresses:
    """Where each origin of a live site is served now; none without a final slash.

    Attributes:
        served: live origin to the address that it is replayed at; empty for the live site itself.
        gone: all origins that the live site asked for anything.
    """

    served: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()

    def there(self, url: str) -> str:
        """Return where a URL of the live site is to be opened."""
        for live, now in self.served.items():
            if url.startswith(f"{live}/"):
                return now + url[len(live) :]
        assert not self.served, f"{url} is of none of the origins that are served"
        return url

    def is_away(self, url: str) -> bool:
        """Whether a URL, as a browser asked for it, is of another machine or of the site that is gone."""
        return _is_away(url) or origin_of(url) in self.gone

    def here(self, text: str) -> str:
        """Return a text as the live site would have said it."""
        for live, now in self.served.items():
            text = text.replace(now, live)
        return text


def explore(
    show: Callable[[str], Shown], seeds: Iterable[str], is_page: Callable[[str], bool]
) -> Iterator[Shown]:
    """Yield all pages of a live site that can be reached from the seeds by links and forms, scripts' own too.

    Args:
        show: looks at the page of a URL.
        seeds: the URLs to begin with.
        is_page: whether a URL is one of the site's pages.
    """
    urls = list(dict.fromkeys(seeds))
    for url in urls:
        shown = show(url)
        for link in shown.links:
            found = link.partition("#")[0].partition("?")[0]
            if found not in urls and is_page(found):
                urls.append(found)
        yield shown


def look(tab: Tab, url: str, addresses: Addresses) -> Shown:
    """Open one page, named by its live URL, and return what it shows."""
    visit = tab.visit
    asked, failed, refused, complained = map(
        len, (visit.requested, visit.failed, visit.refused, visit.complaints)
    )
    tab.go(addresses.there(url))
    found = tab.evaluate(_LOOK)
    for _ in range(_MOST_LOOKS):
        before, picture, found = found, tab.picture(), tab.evaluate(_LOOK)
        if found == before:
            break

    def said(texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(map(addresses.here, texts))

    complaints = [(complaint, _refused(complaint)) for complaint in visit.complaints[complained:]]
    return Shown(
        url,
        addresses.here(found["title"]),
        addresses.here(found["text"]),
        picture,
        said(found["fonts"]),
        said(found["images"]),
        said(found["links"]),
        said(visit.requested[asked:]),
        tuple(url for url in visit.requested[asked:] if addresses.is_away(url) and url not in visit.refused),
        said(failure for failure in visit.failed[failed:] if not _is_away(_first_url(failure))),
        said(dict.fromkeys([*visit.refused[refused:], *filter(None, (url for _, url in complaints))])),
        said(complaint.replace(_CONSEQUENCE, "") for complaint, url in complaints if not url),
    )


@dataclass(frozen=True)
class Difference:
    """In what a replayed page is not as it was live; all that is empty or zero is well.

    Attributes:
        url: of the page, live.
        requests: how many the replayed page made.
        unanswered: those that failed and had not failed live.
        complaints: what was complained of and had not been live; but for files that the live site misses, too,
            where it is about how it says so.
        text: lines of title and text that are not the same: those of the live page after ``-``, now's after ``+``.
        fonts: fonts that are in another state.
        images: images that come from elsewhere, or in another size.
        pixels: how many of the window's pixels have another colour.
    """

    url: str
    requests: int
    unanswered: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    pixels: int = 0

    @property
    def none(self) -> bool:
        """Whether the page is as it was."""
        return self == Difference(self.url, self.requests)


def compare(live: Shown, replayed: Shown, pixels: int) -> Difference:
    """Return in what a page differs, so many pixels of its picture among it."""
    missing = {_first_url(failure) for failure in live.failed}
    complaints = [one for one in replayed.complaints if _first_url(one) not in missing]
    return Difference(
        live.url,
        len(replayed.requested),
        _beyond(live.failed, replayed.failed),
        _beyond(live.complaints, complaints),
        tuple(_changed(f"{live.title}\n{live.text}", f"{replayed.title}\n{replayed.text}")),
        _beyond(live.fonts, replayed.fonts),
        _beyond(live.images, replayed.images),
        pixels,
    )


def _changed(before: str, now: str) -> Iterator[str]:
    lines = difflib.unified_diff(before.split("\n"), now.split("\n"), lineterm="", n=0)
    return (line for line in lines if not line.startswith(("---", "+++", "@@")))


def count_pixels(browser: Browser, one: bytes, other: bytes) -> int:
    """Return how many pixels of two PNGs have different colours: all, where they are not of one size."""
    if one == other:
        return 0
    pictures = {"ONE": one, "OTHER": other}
    script = _COMPARE
    for name, picture in pictures.items():
        script = script.replace(
            f"pixels({name})", f"pixels({json.dumps(base64.b64encode(picture).decode())})"
        )
    with browser.tab() as tab:
        tab.go("about:blank")
        return int(tab.evaluate(script))


def _refused(complaint: str) -> str:
    """Return the URL that a complaint tells was kept from being asked on another machine, if it tells that."""
    url = _first_url(complaint)
    return url if "Content Security Policy" in complaint and _is_away(url) else ""


def _first_url(text: str) -> str:
    found = _URL.search(text)
    return found[0].rstrip(".") if found else ""


def _is_away(url: str) -> bool:
    return url.startswith(("http", "ws")) and urlsplit(url).hostname not in ("127.0.0.1", None)


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL as they stand in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _beyond(before: Iterable[str], now: Iterable[str]) -> tuple[str, ...]:
    """Return what there is more of now, however often each was there before."""
    return tuple((Counter(now) - Counter(before)).elements())
