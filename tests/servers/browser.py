"""A headless Chromium, driven over DevTools through a pipe, that records all a page asks for.

Source: Chrome DevTools Protocol, domains Target, Page, Network, Runtime and Log. With
``--remote-debugging-pipe`` the browser reads JSON messages ended by NUL from descriptor 3 and writes
them to 4.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping
from urllib.parse import urlsplit

from servers.processes import PATIENCE, end

if TYPE_CHECKING:
    from pathlib import Path

    from servers.outside import Outside

_CHUNK = 1 << 16
_MOST_PICTURES = 10  # of a page that never comes to rest
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # CI runs as root in a container
    "--window-size=1400,1000",  # as on a desk: narrow windows hide what tests click
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--use-mock-keychain",
    # As Chromium's own tests of pictures do: the same page is to be the same pixels, however busy the machine is.
    "--disable-composited-antialiasing",
    "--disable-font-subpixel-positioning",
    "--disable-lcd-text",
    "--disable-partial-raster",
    "--disable-skia-runtime-opts",
    "--force-color-profile=srgb",
)
# Workers and frames are targets of their own; each waits until somebody listens to it.
_ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
# Navigations that bring another document, whose load event is to come.
_NEW_DOCUMENT = (
    "reload",
    "reloadBypassingCache",
    "restore",
    "restoreWithPost",
    "historyDifferentDocument",
    "differentDocument",
)
# The second frame is drawn after what the first one brought into view was noticed.
_IDLE = """new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(() => done(true)))))"""
# Looks in the page itself, each time it has drawn.
_UNTIL = """new Promise(done => {{
  const until = performance.now() + {milliseconds};
  const holds = {look};
  const look = () => holds() ? done(true) : performance.now() > until ? done(false) : setTimeout(look, 20);
  look();
}})"""
# What moves is never in the same place twice, and a caret blinks; scrolling takes its time only for the eye.
_STILL = """
{ const sheet = new CSSStyleSheet();
  sheet.replaceSync(`*, *::before, *::after {
    animation: none !important; transition: none !important; scroll-behavior: auto !important;
    caret-color: transparent !important; }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]; }
"""
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
    """What happened in a tab: every URL asked for, what failed and what was complained of.

    ``abandoned`` holds requests that the page itself gave up, such as those under way when it was left,
    ``refused`` those that a policy of the page kept the browser from sending; they are among ``failed`` too.
    """

    requested: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
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
        with self.tab() as tab:
            tab.go(url)
            tab.visit.title = str(tab.evaluate("document.title"))
            tab.visit.text = str(tab.evaluate("document.body.innerText"))
            tab.visit.url = str(tab.evaluate("location.href"))
            return tab.visit

    @contextlib.contextmanager
    def tab(self) -> Iterator[Tab]:
        """Hold a tab open while a block lasts; one at a time."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable", session=session)
        self.call("Emulation.setFocusEmulationEnabled", {"enabled": True}, session)
        self.call("Target.setAutoAttach", _ATTACH, session)
        try:
            yield Tab(self, session, target)
        finally:
            self.call("Target.closeTarget", {"targetId": target})

    def call(
        self, method: str, params: Mapping[str, Any] | None = None, session: str | None = None
    ) -> dict[str, Any]:
        """Give a command and return its result; events that come before it are dropped."""
        number = self.send(method, params, session)
        while (message := self.receive()).get("id") != number:
            pass
        assert "error" not in message, message
        return dict(message["result"])

    def send(self, method: str, params: Mapping[str, Any] | None = None, session: str | None = None) -> int:
        """Give a command and return its number, which its answer bears."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        return self._number

    def receive(self) -> dict[str, Any]:
        """Return the browser's next message; TimeoutError where none comes."""
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._events], [], [], max(0, deadline - time.monotonic()))
            chunk = os.read(self._events, _CHUNK) if ready else b""
            if not chunk:
                raise TimeoutError("the browser says nothing" if not ready else "the browser is gone")
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(message))


class Tab:
    """A tab, its workers and its frames: a page is opened, clicked and typed into as a reader would."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self.visit = Visit()
        self._browser, self._session = browser, session
        self._frame = target  # a target bears the name of its outermost frame
        self._sessions = {session}
        self._pending: dict[str, _Request] = {}
        self._loaded = False

    def go(self, url: str) -> None:
        """Open a page and wait until it has loaded and is quiet."""
        self._loaded = False
        self._answer("Page.navigate", {"url": url})
        self.settle()

    def resize(self, width: int, height: int, *, density: int = 1) -> None:
        """Give the page as many CSS pixels as a screen of another size would, of so many dots each way."""
        size = {"width": width, "height": height, "deviceScaleFactor": density, "mobile": width < 500}
        self._answer("Emulation.setDeviceMetricsOverride", size)

    def show_as(self, medium: str) -> None:
        """Show the page as it would be on another medium, such as ``print``."""
        self._answer("Emulation.setEmulatedMedia", {"media": medium})

    def hold_still(self) -> None:
        """From the next page on have nothing move, so that two pictures of one page are the same."""
        self._answer("Page.addScriptToEvaluateOnNewDocument", {"source": _STILL})
        calm = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        self._answer("Emulation.setEmulatedMedia", {"features": calm})

    def prefer(self, scheme: str) -> None:
        """Be the browser of somebody who prefers ``light`` or ``dark`` pages."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._answer("Emulation.setEmulatedMedia", {"features": features})

    def block(self, *patterns: str) -> None:
        """Let requests for URLs that match a pattern such as ``*.js`` come to nothing."""
        self._answer("Network.setBlockedURLs", {"urls": patterns})

    def accessible(self) -> list[tuple[str, str]]:
        """Return role and name of all that a screen reader is told of, in its order."""
        nodes = self._answer("Accessibility.getFullAXTree", {})["result"]["nodes"]
        told = [node for node in nodes if not node.get("ignored")]
        return [
            (str(node["role"].get("value", "")), str(node.get("name", {}).get("value", ""))) for node in told
        ]

    def keep_nothing(self) -> None:
        """Have every page ask for all it needs: nothing comes from the browser's cache."""
        self._answer("Network.setCacheDisabled", {"cacheDisabled": True})

    def allow(self, *permissions: str) -> None:
        """Grant all pages permissions by DevTools' names, such as ``clipboardReadWrite``."""
        self._browser.call("Browser.grantPermissions", {"permissions": permissions})

    def picture(self) -> bytes:
        """Return a PNG of what the page shows, as large as the window, once two in a row are the same."""
        self._draw_anew()
        last = b""
        for _ in range(_MOST_PICTURES):
            taken = self._capture()
            if taken == last:
                break
            last = taken
        self.settle()
        return taken

    def _draw_anew(self) -> None:
        """Have all that is drawn be drawn once more, with what the page is now.

        What was drawn while the page arrived is kept, and text keeps the fraction of a pixel that it was at
        then, say before the page was long enough for a scroll bar. A filter makes the browser give that up,
        and this is one that no page is told of.
        """
        for deficiency in ("achromatopsia", "none"):
            self._answer("Emulation.setEmulatedVisionDeficiency", {"type": deficiency})
            self._capture()

    def _capture(self) -> bytes:
        message = self._answer("Page.captureScreenshot", {"format": "png"})
        return base64.b64decode(message["result"]["data"])

    def settle(self) -> None:
        """Wait until the page has loaded and neither a request nor a script's queued work is left."""
        while True:
            while not self._loaded or self._pending:
                try:
                    self._note(self._browser.receive())
                except TimeoutError as error:
                    raise TimeoutError(f"{error}; waiting for {self._pending or 'the load event'}") from error
            # Scripts that the load event started may ask for more: run to the end of what is queued by now.
            with contextlib.suppress(_LeftError):
                self._value(_IDLE)
            if self._loaded and not self._pending:
                return

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, of a promise what it resolves to, then settle."""
        value = self._value(expression)
        self.settle()
        return value

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true, on this page or one that it leads to, then settle."""
        look = f"() => {{ try {{ return {condition}; }} catch {{ return false; }} }}"
        deadline = time.monotonic() + PATIENCE
        while True:
            left = max(0.0, deadline - time.monotonic()) / 2  # the page is to give up before we do
            with contextlib.suppress(_LeftError):
                if self._value(_UNTIL.format(look=look, milliseconds=int(left * 1000))):
                    break
                shown = self._value("location.href + '\\n' + document.body.innerText")
                raise AssertionError(f"never came true: {condition}\n{shown}\n{self.visit}")
        self.settle()

    def click(self, selector: str) -> None:
        """Click the first element that a CSS selector finds and that is shown, then settle."""
        self._do(selector, "found.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))")

    def enter(self, selector: str, text: str) -> None:
        """Type a text into a field, key by key, then settle."""
        self._do(selector, "found.focus()")
        for character in text:
            self.press(character, text=character)

    def press(self, key: str, *, text: str = "", code: int = 0) -> None:
        """Press and release a key; ``text`` is what it types, ``code`` its Windows virtual key code."""
        common = {"key": key, "windowsVirtualKeyCode": code or ord(key[0].upper())}
        self._answer("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **common})
        self._answer("Input.dispatchKeyEvent", {"type": "keyUp", **common})
        self.settle()

    def _do(self, selector: str, action: str) -> None:
        found = f"[...document.querySelectorAll({json.dumps(selector)})].find(one => one.checkVisibility())"
        self.wait(found)
        with contextlib.suppress(_LeftError):  # a click may leave the page at once
            self._value(f"{{ const found = {found}; {action}; }}")
        self.settle()

    def _value(self, expression: str) -> Any:
        how = {"awaitPromise": True, "returnByValue": True, "userGesture": True}  # else no script may copy
        message = self._answer("Runtime.evaluate", {"expression": expression, **how})
        if "error" in message:
            raise _LeftError(str(message["error"]))
        assert "exceptionDetails" not in message["result"], message["result"]
        return message["result"]["result"].get("value")

    def _answer(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        number = self._browser.send(method, params, self._session)
        while (message := self._browser.receive()).get("id") != number:
            self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        session = str(message.get("sessionId", ""))
        if session not in self._sessions:
            return
        method, params = message.get("method"), message.get("params", {})
        if method == "Target.attachedToTarget":
            self._attach(params["sessionId"])
        elif method == "Target.detachedFromTarget":
            self._sessions.discard(params["sessionId"])
            self._abandon(lambda asked: asked.session == params["sessionId"])
        elif session == self._session and method == "Page.loadEventFired":
            self._loaded = True
        elif (
            session == self._session and method == "Page.frameNavigated" and "parentId" not in params["frame"]
        ):
            # Of what the page that is left had asked for, the browser says nothing more.
            document = params["frame"]["loaderId"]
            self._abandon(lambda asked: asked.session == session and asked.document != document)
        elif method == "Page.frameStartedNavigating" and params["frameId"] == self._frame:
            self._loaded = params["navigationType"] not in _NEW_DOCUMENT
        elif str(method).startswith("Network."):
            self._note_request(session, str(method), params)
        else:
            _note_complaint(self.visit, str(method), params)

    def _abandon(self, gone: Callable[[_Request], bool]) -> None:
        self.visit.abandoned += [asked.url for asked in self._pending.values() if gone(asked)]
        self._pending = {key: asked for key, asked in self._pending.items() if not gone(asked)}

    def _attach(self, session: str) -> None:
        """Listen to a worker or a frame from its first request on: it waits until it is told to run."""
        self._sessions.add(session)
        for method, params in (
            ("Network.enable", {}),
            ("Target.setAutoAttach", _ATTACH),
            ("Runtime.runIfWaitingForDebugger", {}),
        ):
            self._browser.send(method, params, session)

    def _note_request(self, session: str, method: str, params: Mapping[str, Any]) -> None:
        key = str(params.get("requestId"))
        if method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            self.visit.requested.append(url)
            if not url.startswith(("data:", "blob:")):
                self._pending[key] = _Request(session, params["loaderId"], url)
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            self.visit.failed.append(f"{params['response']['status']} {params['response']['url']}")
        elif method == "Network.loadingFinished":
            self._pending.pop(key, None)
        elif method == "Network.loadingFailed":
            url = asked.url if (asked := self._pending.pop(key, None)) else "?"
            refused = "csp" in (params.get("blockedReason"), params.get("errorText", "")[-3:].lower())
            if refused:
                self.visit.refused.append(url)
            if refused and asked is None:
                pass  # what a frame was to show: it was not even announced; the console tells of it
            elif params.get("canceled"):
                self.visit.abandoned.append(url)
            else:
                self.visit.failed.append(f"{params.get('errorText')} {params.get('blockedReason', '')} {url}")


@dataclass(frozen=True)
class _Request:
    """A request under way: of which target, by which document (its loader), for what."""

    session: str
    document: str
    url: str


class _LeftError(Exception):
    """The page that was asked is gone: another one took its place."""


def _note_complaint(visit: Visit, method: str, params: Mapping[str, Any]) -> None:
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        thrown = details.get("exception", {})
        said = thrown.get("description") or json.dumps(thrown.get("value"))
        visit.complaints.append(f"{details['text']} {said} {details.get('url', '')}"[:600])
    elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
        visit.complaints.append(json.dumps(params["args"])[:600])
    elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
        visit.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


@contextlib.contextmanager
def browser(
    folder: Path, outside: Outside | None = None, *, names: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Browser]:
    """Run a Chromium with its profile in a folder.

    Anything but loopback fails to resolve. With ``outside`` it goes there instead, what is opened ahead of
    time without any request included. ``names`` is what DNS says beside that: addresses of patterns of names.
    """
    known = "".join(f"MAP {name} {address}, " for name, address in names.items())
    away = [f"--host-resolver-rules={known}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]
    if outside:
        away.append(f"--proxy-pac-url={outside.directions(names)}")
    command_end, commands = os.pipe()
    events, event_end = os.pipe()
    arguments = [
        "chromium",
        *_FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        *away,
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
