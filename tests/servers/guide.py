"""The little site of docs/crawling.md: one of each thing that a crawl may meet."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from servers.site import Reply, Site, html, put, serving

_TEXT = "How the pump is installed, started and stopped, and what its lamps mean when they blink. " * 5
_LOGIN = "<h1>Log in</h1><form method=post><input name=name><input name=password type=password></form>"
_LISTED = ("/v3.4/", "/v3.4/install.html", "/v3.4/attic.html", "/v3.4/lost.html", "/v3.3/")


@contextmanager
def guide_site() -> Iterator[Site]:
    """Serve the site for as long as the block lasts. Its seed is ``/v3.4/``."""
    with serving({}) as site:
        home = _page(
            "Pump 3.4", "install.html", "index.html", "removed.html", "app.html", "login.html", "manual.pdf",
            "private/keys.html", "../v3.3/", "../blog/", "mailto:keeper@example.org",
            head="<script src=/static/app.js></script>",
        )  # fmt: skip
        pages = {
            "v3.4/": home,
            "v3.4/index.html": home,
            "v3.4/install.html": _page("Install the pump", "./?utm_source=install"),
            "v3.4/attic.html": _page("Found in the sitemap only"),
            "v3.4/found.html": _page("Found in the search index only"),
            "v3.4/app.html": '<title>Pump simulator</title><div id="root"></div><script src=/static/app.js></script>',
            "v3.4/login.html": f"<title>Log in</title>{_LOGIN}",
            "static/style.css": "body { background: url(paper.svg) }",
            "static/paper.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
            "static/app.js": 'import("./pump.js"); fetch("/static/search.json"); const maybe = "notes.json"',
            "static/pump.js": "export default 34",
            "static/search.json": '[{"url": "/v3.4/found.html"}]',
            "robots.txt": "User-agent: *\nDisallow: /v3.4/private/\n",
            "sitemap.xml": "".join(f"<url><loc>{site.url(path)}</loc></url>" for path in _LISTED),
        }
        pages["sitemap.xml"] = f"<urlset>{pages['sitemap.xml']}</urlset>"
        for name, text in pages.items():
            put(site, name, text)
        site.answers["/v3.4/manual.pdf"] = Reply(b"<title>Pump</title><p>Choose your country.")
        yield site


def _page(title: str, *links: str, head: str = "") -> str:
    head = f"<title>{title}</title><link rel=stylesheet href=/static/style.css>{head}"
    return html(*links, head=head, text=f"<h1>{title}</h1><p>{_TEXT}</p>").decode()
