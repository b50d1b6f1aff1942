"""ReplayWeb.page as a judge of WACZ files: its service worker replays one in Chromium.

It is free software under a licence that this project does not link with, so its one file comes from npm
(``make judges``) and is only ever served to a browser.
"""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Iterator

import pytest

from judges.pywb import PROGRAMS, Replayed
from servers.browser import browser
from servers.processes import need
from servers.site import Asked, Reply, Site, serving

if TYPE_CHECKING:
    from pathlib import Path

    from servers.browser import Tab

WORKER = PROGRAMS.parent / "package" / "sw.js"
_PAGE = b"<!DOCTYPE html><title>judge</title>"
# Waits for the worker to take the page over, then has it add the file as a collection.
_ADD = """(async () => {
  const worker = navigator.serviceWorker;
  const taken = new Promise(done => worker.addEventListener('controllerchange', done, {once: true}));
  await worker.register('/sw.js', {scope: '/'});
  if (!worker.controller) await taken;
  const told = new Promise(done => worker.addEventListener('message', ({data}) => {
    if (data.msg_type === 'collAdded' || data.error) done(JSON.stringify(data));
  }));
  const source = location.origin + '/docs.wacz';
  worker.controller.postMessage({msg_type: 'addColl', name: 'judged', file: {sourceUrl: source, loadUrl: source}});
  return await told;
})()"""
_FETCH = """fetch({place}).then(async answer => {{
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return [answer.status, Object.fromEntries(answer.headers), btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''))];
}})"""


@dataclass(frozen=True)
class ReplayWeb:
    """A WACZ open in ReplayWeb.page's worker."""

    site: Site
    tab: Tab

    def replay(self, url: str, timestamp: str) -> Replayed:
        """Return what it replays of a URL at a timestamp14, unaltered but for content codings, which are undone."""
        place = json.dumps(f"/w/judged/{timestamp}id_/{url}")
        status, headers, body = self.tab.evaluate(_FETCH.format(place=place))
        return Replayed(status, headers, base64.b64decode(body))

    def show(self, url: str, timestamp: str) -> None:
        """Open a page in a frame, as the player does; ``frames[0].document`` in the tab is then its document."""
        frame = f'<iframe src="/w/judged/{timestamp}mp_/{escape(url)}"></iframe>'
        self.site.answers["/frame"] = Reply(_PAGE + frame.encode())
        self.tab.go(self.site.url("/frame"))


@contextlib.contextmanager
def replayweb(folder: Path, wacz: Path) -> Iterator[ReplayWeb]:
    """Open a WACZ in a browser whose profile is in a folder, for as long as a block lasts."""
    need("chromium")
    if not WORKER.exists():
        pytest.skip("ReplayWeb.page is not installed; `make judges` does it")
    folder.mkdir(parents=True, exist_ok=True)
    data = wacz.read_bytes()
    answers = {
        "/": Reply(_PAGE),
        "/sw.js": Reply(WORKER.resolve().read_bytes(), type="text/javascript"),
        "/docs.wacz": lambda asked: _ranged(data, asked),
    }
    with serving(answers) as site, browser(folder) as chromium, chromium.tab() as tab:
        tab.go(site.url("/"))
        added = json.loads(tab.evaluate(_ADD))
        assert added["msg_type"] == "collAdded", added
        yield ReplayWeb(site, tab)


def _ranged(data: bytes, asked: Asked) -> Reply:
    """Answer with the range asked for (RFC 9110, section 14): the worker reads a WACZ in place."""
    wanted = asked.headers.get("range", "").removeprefix("bytes=")
    if not wanted:
        return Reply(data, type="application/wacz", headers=(("Accept-Ranges", "bytes"),))
    first, _, last = wanted.partition("-")
    start = int(first) if first else max(0, len(data) - int(last))
    stop = min(len(data), int(last) + 1) if first and last else len(data)
    return Reply(
        data[start:stop],
        206,
        "application/wacz",
        (("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}"),),
    )
