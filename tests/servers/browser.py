"""A headless Chromium, driven over DevTools through a pipe, that records all a page asks for.

Source: Chrome DevTools Protocol, domains Target, Page, Network, Runtime and Log. With
``--remote-debugging-pipe`` the browser reads JSON messages ended by NUL from descriptor 3 and writes
them to 4.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterator
from urllib.parse import urlsplit

from servers.processes import PATIENCE, end

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK = 1 << 16
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # CI runs as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--use-mock-keychain",
)
# Moves the pipe's ends to the two numbers that the browser expects, then becomes the browser.
_LAUNCHER = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 10) for number in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@dataclass
class Visit:
    """What happened when a page was opened: every URL asked for, what failed and what was complained of."""

    requested: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    title: str = ""
    text: str = ""
    url: str = ""

    @property
    def hosts(self) -> set[str]:
        """The hosts that were asked for anything."""
        return {urlsplit(url).hostname or "" for url in self.requested if url.startswith("http")}


class Browser:
    """One Chromium with one blank profile. Get one from ``browser``."""

    def __init__(self, commands: int, events: int) -> None:
        self._commands, self._events = commands, events
        self._buffer = b""
        self._number = 0

    def open(self, url: str) -> Visit:
        """Open a page in a tab of its own, wait until it has loaded and is quiet, and tell what happened."""
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable", session=session)
        visit, pending, loaded = Visit(), dict[str, str](), False
        self._send("Page.navigate", {"url": url}, session)
        while not loaded or pending:
            event = self._receive()
            if event.get("sessionId") != session:
                continue
            loaded = loaded or event.get("method") == "Page.loadEventFired"
            _note(visit, pending, event)
        # Scripts that the load event started may ask for more: run to the end of what is queued by now.
        for expression, name in (
            ("new Promise(done => requestIdleCallback(() => done(document.title)))", "title"),
            ("document.body.innerText", "text"),
            ("location.href", "url"),
        ):
            setattr(visit, name, self._evaluate(session, expression, visit, pending))
        while pending:
            _note(visit, pending, self._receive())
        self._call("Target.closeTarget", {"targetId": target})
        return visit

    def _evaluate(self, session: str, expression: str, visit: Visit, pending: dict[str, str]) -> str:
        number = self._send(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True},
            session,
        )
        while (message := self._receive()).get("id") != number:
            _note(visit, pending, message)
        return str(message["result"]["result"].get("value", ""))

    def _call(
        self, method: str, params: dict[str, Any] | None = None, session: str | None = None
    ) -> dict[str, Any]:
        number = self._send(method, params, session)
        while (message := self._receive()).get("id") != number:
            pass
        assert "error" not in message, message
        return dict(message["result"])

    def _send(self, method: str, params: dict[str, Any] | None = None, session: str | None = None) -> int:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        return self._number

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._events], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(self._events, _CHUNK) if ready else b""
            if not chunk:
                raise TimeoutError("the browser says nothing" if not ready else "the browser is gone")
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(message))


def _note(visit: Visit, pending: dict[str, str], event: dict[str, Any]) -> None:
    method, params = event.get("method"), event.get("params", {})
    if method == "Network.requestWillBeSent":
        url = params["request"]["url"]
        visit.requested.append(url)
        if not url.startswith(("data:", "blob:")):
            pending[params["requestId"]] = url
    elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
        visit.failed.append(f"{params['response']['status']} {params['response']['url']}")
    elif method == "Network.loadingFinished":
        pending.pop(params["requestId"], None)
    elif method == "Network.loadingFailed":
        url = pending.pop(params["requestId"], "?")
        visit.failed.append(f"{params.get('errorText')} {params.get('blockedReason', '')} {url}")
    elif method == "Runtime.exceptionThrown":
        visit.complaints.append(json.dumps(params["exceptionDetails"])[:600])
    elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
        visit.complaints.append(json.dumps(params["args"])[:600])
    elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
        visit.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a Chromium with its profile in a folder; anything but loopback fails to resolve."""
    command_end, commands = os.pipe()
    events, event_end = os.pipe()
    arguments = [
        "chromium",
        *_FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        "about:blank",
    ]
    home = {**os.environ, "HOME": str(folder)}
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHER, str(command_end), str(event_end), *arguments],
            pass_fds=(command_end, event_end),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=home,
        )
        os.close(command_end)
        os.close(event_end)
        try:
            yield Browser(commands, events)
        finally:
            os.close(commands)
            end(process)
            os.close(events)
