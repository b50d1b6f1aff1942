"""What keeps an archived page among the archived origins, and lets those share what they shared when they were alive.

Pages are strangers' code. Whatever they ask for, the browser is to ask this server only; docs/decisions/0023-replay.md
says what that rests on, and what no server can keep a browser from.

Sources: W3C Content Security Policy 3; WICG Connection Allowlists; WHATWG Fetch, sections 3.2 (CORS protocol) and 3.7
(CORP); W3C Referrer Policy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.offline.wsgi import Reply

if TYPE_CHECKING:
    from archiver.offline.addresses import View
    from archiver.offline.wsgi import Headers, Request

_SERVICE_WORKER = b"""// The archived site's service worker does not run here. This one only takes itself away again.
addEventListener("install", () => skipWaiting());
addEventListener("activate", event => event.waitUntil(registration.unregister()));
"""
_NAMES = re.compile(r"\A[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2000}\Z")


@dataclass(frozen=True)
class Policy:
    """What browsers are told with every page of one reader's addresses.

    Attributes:
        headers: sent with each reply of an archived origin.
        origins: those that may read each other's answers as far as scripts ask for them.
    """

    headers: Headers
    origins: frozenset[str]

    @classmethod
    def of(cls, view: View) -> Policy:
        """Return the policy for a reader's addresses."""
        origins = frozenset(view.bases.values())
        own = " ".join(["'self'", *view.sources])
        content = (
            f"default-src {own} data: blob: 'unsafe-inline' 'unsafe-eval'; "
            f"base-uri {own}; form-action {own} {view.main_source}"
        )
        patterns = sorted(filter(None, {*view.sources, view.main_source}))
        # Not "response-origin", which the page's own address is among: Chromium 156 dies of it at an IPv6 address.
        allowed = " ".join(f'"{pattern}"' for pattern in patterns)
        headers: Headers = (
            ("Content-Security-Policy", content),
            ("Referrer-Policy", "no-referrer"),
            ("X-DNS-Prefetch-Control", "off"),
            ("Cross-Origin-Resource-Policy", "cross-origin"),
            # What a content policy does not reach: WebRTC, connections in advance, prefetching rules, and scripts that
            # take the reader elsewhere. Redirects are this server's own, and lead to archived origins.
            ("Connection-Allowlist", f"({allowed}); redirects=allow; webrtc=block"),
        )
        return cls(headers, origins)

    def sharing(self, request: Request) -> Headers:
        """Return the headers that let an archived origin's scripts read what they asked another one for."""
        asking = request.header("Origin")
        if asking not in self.origins:
            return ()
        return (
            ("Access-Control-Allow-Origin", asking),
            ("Access-Control-Allow-Credentials", "true"),
            ("Vary", "Origin"),
        )

    def preflight(self, request: Request) -> Reply | None:
        """Answer a browser that asks whether a script may read with headers of its own; None for other requests."""
        sharing = self.sharing(request)
        if request.method != "OPTIONS" or not sharing or not request.header("Access-Control-Request-Method"):
            return None
        headers: Headers = (*sharing, ("Access-Control-Allow-Methods", "GET, HEAD"))
        names = request.header("Access-Control-Request-Headers")
        if _NAMES.match(names):
            headers += (("Access-Control-Allow-Headers", names),)
        return Reply(204, headers)


def service_worker(request: Request) -> Reply | None:
    """Answer the request for a service worker's script with one that unregisters itself; None for other requests.

    A captured one would go on answering, from its own store, after this server has ended and on its port another
    archive is served. A refusal would be an error on pages that are sound.
    """
    if request.header("Service-Worker") != "script":
        return None
    headers = (
        ("Content-Type", "text/javascript"),
        ("Service-Worker-Allowed", "/"),
        ("Cache-Control", "no-store"),
    )
    return Reply(200, headers, _SERVICE_WORKER)
