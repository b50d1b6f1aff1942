"""Archived pages that try everything to reach the live internet: the browser asks nobody but the server.

Each page is first served as a live site would be, where it must reach the outside: what cannot get out anyway
proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

import pytest

from servers import site
from servers.browser import browser
from servers.canary import Canary, canary
from servers.processes import need
from servers.serving import Running, serving
from servers.small_archive import ArchiveBuilder

if TYPE_CHECKING:
    from servers.browser import Browser


A = "https://a.example.org"
OUT = "OUTSIDE"  # in the pages below: the origin that nobody is to reach

# Each tries one way out; all of them get there from a live page.
TRIES = {
    "image": "<img src=OUTSIDE/x>",
    "style": "<link rel=stylesheet href=OUTSIDE/x>",
    "script": "<script src=OUTSIDE/x></script>",
    "font": "<style>@font-face{font-family:f;src:url(OUTSIDE/x)}p{font-family:f}</style><p>x",
    "background": "<p style='background:url(OUTSIDE/x)'>x",
    "frame": "<iframe src=OUTSIDE/x></iframe>",
    "frame in a frame": "<iframe srcdoc='<img src=OUTSIDE/x>'></iframe>",
    "frame of data": "<iframe src='data:text/html,<img src=OUTSIDE/x>'></iframe>",
    "frame led away": "<iframe name=f></iframe><script>f.location = 'OUTSIDE/x'</script>",
    "object": "<object data=OUTSIDE/x></object>",
    "video": "<video src=OUTSIDE/x></video>",
    "base": "<base href=OUTSIDE/><img src=x>",
    "preload": "<link rel=preload as=image href=OUTSIDE/x>",
    "prefetch": "<link rel=prefetch href=OUTSIDE/x>",
    "module preload": "<link rel=modulepreload href=OUTSIDE/x>",
    "preconnect": "<link rel=preconnect href=OUTSIDE>",
    "preconnect by script": "<script>const l = document.createElement('link'); l.rel = 'preconnect'; l.href = 'OUTSIDE';"
    "document.head.append(l)</script>",
    "speculation": '<script type=speculationrules>{"prefetch": [{"urls": ["OUTSIDE/x"], "eagerness": "immediate"}]}</script>',
    "speculation by script": "<script>const s = document.createElement('script'); s.type = 'speculationrules';"
    "s.textContent = JSON.stringify({prefetch: [{urls: ['OUTSIDE/x'], eagerness: 'immediate'}]});"
    "document.head.append(s)</script>",
    "fetch": "<script>fetch('OUTSIDE/x', {mode: 'no-cors'}).catch(() => 0)</script>",
    "beacon": "<script>navigator.sendBeacon('OUTSIDE/x', 'x')</script>",
    "socket": "<script>new WebSocket('OUTSIDE/x'.replace('http', 'ws'))</script>",
    "events": "<script>new EventSource('OUTSIDE/x')</script>",
    "import": "<script>import('OUTSIDE/x').catch(() => 0)</script>",
    "worker": "<script>new Worker(URL.createObjectURL(new Blob([\"fetch('OUTSIDE/x').catch(() => 0)\"])))</script>",
    "shared worker": "<script>new SharedWorker(\"data:text/javascript,fetch('OUTSIDE/x').catch(() => 0)\")</script>",
    "ping": "<a id=a href=#x ping=OUTSIDE/x>x</a><script>a.click()</script>",
    "peer": "<script>const p = new RTCPeerConnection({iceServers: [{urls: 'OUTSIDE'.replace('http://', 'stun:')}]});"
    "p.createDataChannel('x'); p.createOffer().then(offer => p.setLocalDescription(offer))</script>",
}
# These take the reader elsewhere, without his doing.
LEAVING = {
    "location": "<script>location = 'OUTSIDE/x'</script>",
    "click by script": "<a id=a href=OUTSIDE/x>x</a><script>a.click()</script>",
    "refresh": "<meta http-equiv=refresh content='0; url=OUTSIDE/x'>",
    "refresh by script": "<script>const m = document.createElement('meta'); m.httpEquiv = 'refresh';"
    "m.content = '0; url=OUTSIDE/x'; document.head.append(m)</script>",
}
EVERY = {**TRIES, **LEAVING}


def _path(name: str) -> str:
    return "/" + name.replace(" ", "-")


@dataclass(frozen=True)
class Stage:
    """The outside of the archived pages and of the live ones, those pages, archived and live, and a browser."""

    outside: Canary
    live_outside: Canary
    live: site.Site
    served: Running
    chromium: Browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """All the pages, live and archived."""
    need("chromium")
    folder = tmp_path_factory.mktemp("confined")
    made = ArchiveBuilder(folder / "archive")
    with canary() as outside, canary() as live_outside, site.serving({}) as live, browser(folder) as chromium:
        for name, body in EVERY.items():
            page = f"<!doctype html><meta charset=utf-8><body>{body}"
            live.answers[_path(name)] = page.replace(OUT, live_outside.origin).encode()
            made.page(f"{A}{_path(name)}", page.replace(OUT, outside.origin).encode())
        form = f"<form id=f method=post action={outside.origin}/x></form>"
        refused = "event => { localStorage.refused = event.violatedDirective; }"
        script = f"<script>addEventListener('securitypolicyviolation', {refused}); f.submit()</script>"
        made.page(f"{A}/form", f"<body>{form}{script}".encode())
        made.page(f"{A}/quiet", b"<p>does nothing")
        header = [
            ("Link", f"<{outside.origin}/x>; rel=preload; as=image"),
            ("Refresh", f"0; url={outside.origin}/x"),
        ]
        made.page(f"{A}/headers", b"<p>by headers</p>", headers=header)
        made.page(f"{A}/worker.html", b"<script>navigator.serviceWorker.register('/sw.js')</script>")
        made.requisite(
            f"{A}/sw.js", b"onfetch = event => event.respondWith(new Response('old'))", "text/javascript"
        )
        made.finish()
        with serving(folder / "archive") as served:
            yield Stage(outside, live_outside, live, served, chromium)


@pytest.mark.parametrize("name", EVERY)
def test_it_gets_out_of_a_live_page(stage: Stage, name: str) -> None:
    """From a site that is not archived, the page reaches the outside."""
    stage.live_outside.forget()
    target = stage.chromium.call("Target.createTarget", {"url": stage.live.url(_path(name))})
    stage.live_outside.wait()
    stage.chromium.call("Target.closeTarget", target)


@pytest.mark.parametrize("name", [*EVERY, "headers"])
def test_nothing_gets_out_of_an_archived_page(stage: Stage, name: str) -> None:
    """No request, no connection, no datagram."""
    stage.outside.forget()
    port = stage.served.port_of(A)
    with stage.chromium.tab() as tab:
        tab.go(f"http://127.0.0.1:{port}{_path(name)}")
    assert stage.outside.seen == []


def test_forms_go_nowhere_else(stage: Stage) -> None:
    """The content policy refuses them; what the reader typed stays with him."""
    stage.outside.forget()
    base = f"http://127.0.0.1:{stage.served.port_of(A)}"
    form = stage.chromium.call("Target.createTarget", {"url": f"{base}/form"})
    with stage.chromium.tab() as tab:
        tab.go(f"{base}/quiet")
        tab.wait("localStorage.refused === 'form-action'")
    stage.chromium.call("Target.closeTarget", form)
    assert stage.outside.seen == []


def test_leaving_the_archive_takes_the_reader_a_second_act(stage: Stage) -> None:
    """A click on a link that leads out shows where it leads; only when the reader goes on there, the browser asks."""
    stage.outside.forget()
    with stage.chromium.tab() as tab:
        tab.go(f"http://127.0.0.1:{stage.served.port_of(A)}/quiet")
        tab.evaluate(
            f"document.body.insertAdjacentHTML('beforeend', '<a id=out href={stage.outside.origin}/x>out</a>')"
        )
        tab.click("#out")
        tab.wait("document.body.innerText.includes('ERR_NETWORK_ACCESS_REVOKED')")
        assert f"{stage.outside.origin}/x" in tab.evaluate("document.body.innerText")
    assert stage.outside.seen == []


def test_a_service_worker_does_not_stay(stage: Stage) -> None:
    """A site's registration succeeds, as it did, and what it registers takes itself away before it answers anything."""
    with stage.chromium.tab() as tab:
        address = f"http://127.0.0.1:{stage.served.port_of(A)}/worker.html"
        tab.go(address)
        assert tab.visit.complaints == []
        tab.wait("(window.left = 1) && navigator.serviceWorker.controller === null")
        gone = "navigator.serviceWorker.getRegistrations().then(all => all.length === 0)"
        while not tab.evaluate(gone):
            pass
        tab.go(address)
        assert tab.evaluate("fetch('/image').then(got => got.text()).then(text => text !== 'old')")
