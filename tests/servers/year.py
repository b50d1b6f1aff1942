"""A project's upstream, whose doc site, registry and download are what they are on a day: a year passes in as many steps as wanted.

What is there on a day is a pure function of the day, so that tests know what was ever good. Misfortunes are put over
it: they answer in place of the site, or take from the registry.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping

from servers import registry as registries
from servers import site as sites
from servers.content import packed
from servers.prose import prose
from servers.site import Asked, Reply

if TYPE_CHECKING:
    from servers.registry import Registry
    from servers.site import Site

FIRST = datetime(2026, 1, 5, 3, 0, tzinfo=timezone.utc)
PAGES, GROWTH = 60, 7  # pages on the first day, and days until there is another one
REDESIGN = 210  # the day from which all pages look different, and a third of them are elsewhere
FLAKY = (63, 147, 231, 315)  # days on which one page in twenty answers 503
TAG_MOVED, TAG_DELETED = 105, 280
_SYLLABLES = ("ka", "ro", "mi", "ten", "sul", "vor", "pa", "lin", "der", "go", "che", "安装", "集群", "配置")

Misfortune = Callable[["Upstream", "Asked"], "Reply | None"]
"""Answers a request in place of the site; None where the site itself is to answer."""


def on_day(day: int) -> datetime:
    """Return the moment at which the keeper's cron job begins on a day."""
    return FIRST + timedelta(days=day)


@dataclass
class Upstream:
    """The servers, and the day.

    Attributes:
        site: pages below ``/docs/``, a sitemap, and ``/files/tool.tgz``.
        registry: images ``app:1`` (moves on a day), ``app:2`` (is deleted on a day), ``tool:1`` and ``lib:1``.
        day: what day it is.
        misfortune: what befalls the site.
        good: what was ever good: the digests of each page's content, by URL.
    """

    site: Site
    registry: Registry
    day: int = 0
    misfortune: Misfortune | None = None
    good: dict[str, set[str]] = field(default_factory=dict)

    def spec(self, **keys: Any) -> dict[str, Any]:
        """Return the project's spec."""
        refs = [f"{self.registry.host}/team/{name}" for name in ("app:1", "app:2", "tool:1", "lib:1")]
        return {
            "project": "sample",
            "title": "Sample",
            "docs": [{"name": "docs", "seeds": [self.site.url("/docs/")]}],
            "images": {"refs": refs},
            "files": [{"url": self.site.url("/files/tool.tgz")}],
            **keys,
        }

    def turn_to(self, day: int) -> None:
        """Let it be a day: everything becomes what it is then."""
        self.day = day
        for name, content in images(day).items():
            if content is None:
                self.registry.untag(f"team/{name}")
            else:
                self.registry.image(f"team/{name}", packed("base"), packed(content))
        for path, body in pages(day).items():
            befallen = self.misfortune is not None and self.misfortune(self, Asked(path, {}))
            if not befallen and not _is_flaky(day, path):
                digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
                self.good.setdefault(self.site.url(path), set()).add(digest)

    def answer(self, asked: Asked) -> Reply:
        """Answer as the site does on its day."""
        befallen = self.misfortune(self, asked) if self.misfortune is not None else None
        return befallen or self.truth(asked.target)

    def truth(self, target: str) -> Reply:
        """Return what the site has on its day."""
        if target == "/files/tool.tgz":
            body = b"\x1f\x8b\x08\x00" + bytes(50_000)
            return Reply(body, type="application/gzip", etag='"tool"')
        if target == "/sitemap.xml":
            return Reply(self._sitemap().encode(), type="application/xml")
        known = pages(self.day)
        if target in known:
            if _is_flaky(self.day, target):
                return Reply(b"<h1>Service Unavailable</h1>", 503)
            body = known[target]
            return Reply(body, etag=f'"{zlib.crc32(body):08x}"')
        if moved := redirects(self.day).get(target):
            return Reply(status=301, headers=(("Location", moved),))
        return Reply(b"<title>404</title><h1>Not Found</h1>", 404)

    def _sitemap(self) -> str:
        entries = "".join(
            f"<url><loc>{self.site.url(path)}</loc><lastmod>{day:%Y-%m-%d}</lastmod></url>"
            for path, day in changed(self.day).items()
        )
        return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run the servers for as long as the block lasts, on day 0."""
    with ExitStack() as running:
        site = running.enter_context(sites.serving({}))
        registry = running.enter_context(registries.serving())
        made = Upstream(site, registry)
        site.otherwise = made.answer
        made.turn_to(0)
        yield made


# ---- what there is on a day


def numbers(day: int) -> list[int]:
    """Return the pages of a day: one more each week, and one in twenty is taken down one day, each on a day of its own."""
    return [n for n in range(PAGES + day // GROWTH) if n % 20 != 13 or day < 40 + 3 * n]


def path_of(number: int, day: int) -> str:
    """Return where a page is: the redesign moves every third one."""
    if day >= REDESIGN and number % 3 == 0:
        return f"/docs/guides/topic-{number}.html"
    return f"/docs/page-{number}.html"


def revision(number: int, day: int) -> int:
    """Return how often a page was edited up to a day: one in seven never, the others every 30 to 200 days."""
    return 0 if number % 7 == 0 else (day + 11 * number) // (30 + (number * 37) % 170)


@lru_cache(maxsize=8)  # the site asks for them at each request
def pages(day: int) -> Mapping[str, bytes]:
    """Return the site's pages on a day, by path."""
    there = {number: path_of(number, day) for number in numbers(day)}
    made = {path: _page(number, day).encode() for number, path in there.items()}
    links = "".join(f'<li><a href="{path}">{_title(number)}</a></li>' for number, path in there.items())
    made["/docs/"] = _dressed("All pages", f"<h1>All pages</h1><ul>{links}</ul>", day).encode()
    return made


def redirects(day: int) -> dict[str, str]:
    """Return what leads elsewhere: the places that pages had before the redesign."""
    if day < REDESIGN:
        return {}
    return {path_of(number, 0): path_of(number, day) for number in numbers(day) if number % 3 == 0}


def changed(day: int) -> dict[str, datetime]:
    """Return for each page's path the day on which it last changed, for the sitemap."""
    found = {}
    for number in numbers(day):
        since = next(
            (d for d in range(day, 0, -1) if revision(number, d) != revision(number, d - 1) or d == REDESIGN),
            0,
        )
        found[path_of(number, day)] = on_day(since)
    found["/docs/"] = on_day(day)
    return found


def images(day: int) -> Mapping[str, str | None]:
    """Return what is in each image on a day; None for one that is deleted."""
    return {
        "app:1": "app 1, rebuilt" if day >= TAG_MOVED else "app 1",
        "app:2": None if day >= TAG_DELETED else "app 2",
        "tool:1": "tool",
        "lib:1": "lib",
    }


def flaky(day: int) -> set[str]:
    """Return the paths of the pages that answer 503 on a day."""
    return {path for path in pages(day) if _is_flaky(day, path)}


def _is_flaky(day: int, path: str) -> bool:
    return day in FLAKY and path != "/docs/" and zlib.crc32(f"{day} {path}".encode()) % 20 == 0


def _title(number: int) -> str:
    return f"Topic {number}: {_words(number, 0, 3)}"


def _page(number: int, day: int) -> str:
    edits = revision(number, day)
    paragraphs = [f"<p>{_words(number, n, 60)}</p>" for n in range(6)]
    paragraphs[edits % 6] = f"<p>{_words(number, 100 + edits, 60)}</p>"
    paragraphs += [f"<h2>Since revision {n}</h2><p>{_words(number, 200 + n, 40)}</p>" for n in range(edits)]
    return _dressed(_title(number), f"<h1>{_title(number)}</h1>" + "".join(paragraphs), day)


def _dressed(title: str, main: str, day: int) -> str:
    if day < REDESIGN:
        return f'<!DOCTYPE html><html lang="en"><title>{title}</title><div class="nav"><a href="/docs/">Docs</a></div><main>{main}</main></html>'
    return (
        f'<!DOCTYPE html><html lang="en"><head><title>{title} | Sample</title></head><body><header><nav><a href="/docs/">Home</a>'
        f"</nav></header><main><article>{main}</article></main><footer>Made anew.</footer></body></html>"
    )


def _words(number: int, part: int, count: int) -> str:
    chance = random.Random(number * 1000 + part)
    return " ".join("".join(chance.choices(_SYLLABLES, k=chance.randint(1, 3))) for _ in range(count))


# ---- what may befall the site


def vanished(_: Upstream, asked: Asked) -> Reply:
    """Answer 404 to everything."""
    return Reply(b"<title>404</title><h1>Not Found</h1>", 404)


def announcement(_: Upstream, asked: Asked) -> Reply:
    """Answer with a notice of the end in place of every page, as if all were well."""
    text = (
        "<title>Sample</title><h1>Notice</h1><p>Dear users: the documentation and the downloads of the open source "
        "edition are no longer available from today on. Thank you for your support. 文档与下载入口已下线。</p>"
    )
    return Reply(text.encode())


def homeward(_: Upstream, asked: Asked) -> Reply:
    """Redirect everything to the start page of a company."""
    if asked.target == "/":
        return Reply(b"<title>Company</title><h1>Solutions for business</h1><p>Talk to us.")
    return Reply(status=302, headers=(("Location", "/"),))


def login(_: Upstream, asked: Asked) -> Reply:
    """Show a login form in place of every page."""
    form = "<form method=post action=/session><input name=user><input type=password name=password><button>Sign in</button></form>"
    return Reply(f"<title>Sign in</title><h1>Sign in</h1>{form}".encode())


def parked(_: Upstream, asked: Asked) -> Reply:
    """Be a domain that is for sale."""
    return Reply(
        b"<title>sample.example</title><h1>sample.example</h1><p>This domain is for sale. Buy this domain now!</p>"
    )


def hijacked(_: Upstream, asked: Asked) -> Reply:
    """Have new owners: every URL there ever was, and any other, shows a long text of its own."""
    title = prose("casino", f"title of {asked.target}", 5)
    text = "".join(f"<p>{prose('casino', f'{n} {asked.target}', 80)}</p>" for n in range(6))
    others = "".join(
        f'<a href="/docs/offer-{zlib.crc32(text.encode()) % 97 + n}.html">More</a>' for n in range(3)
    )
    return Reply(
        f'<!DOCTYPE html><html lang="en"><title>{title}</title><h1>{title}</h1>{text}{others}</html>'.encode()
    )


def overloaded(_: Upstream, asked: Asked) -> Reply:
    """Answer 503 to everything."""
    return Reply(b"<h1>Service Unavailable</h1>", 503)


def emptied(here: Upstream, asked: Asked) -> Reply | None:
    """Send each page with its title and its frame, and without its text."""
    reply = here.truth(asked.target)
    if reply.status != 200 or not asked.target.startswith("/docs/") or asked.target == "/docs/":
        return None
    title = reply.body.decode().partition("<title>")[2].partition("</title>")[0]
    return Reply(_dressed(title, f"<h1>{title}</h1><p>See our new portal.</p>", here.day).encode())


def moved_to(origin: str) -> Misfortune:
    """Return what redirects every URL to the same path elsewhere."""

    def moved(_: Upstream, asked: Asked) -> Reply:
        return Reply(status=301, headers=(("Location", origin + asked.target),))

    return moved


def decayed(share: float) -> Misfortune:
    """Return what has lost a share of the pages, always the same first."""

    def decaying(_: Upstream, asked: Asked) -> Reply | None:
        lost = zlib.crc32(asked.target.encode()) % 1000 < 1000 * share
        if lost and asked.target.startswith("/docs/") and asked.target != "/docs/":
            return Reply(b"<title>404</title><h1>Not Found</h1>", 404)
        return None

    return decaying
