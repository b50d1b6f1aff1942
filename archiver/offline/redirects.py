"""Archived redirects: which captures are some, and where they lead. Source: RFC 9110, section 15.4."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin

from archiver.offline.bodies import header_value

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.holdings import Response

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def is_redirect(capture: Capture) -> bool:
    """Say whether a browser would go on from a capture to somewhere else."""
    return capture.status.isdigit() and int(capture.status) in REDIRECTS


def redirect_target(capture: Capture, response: Response) -> str | None:
    """Return where a redirect leads, or None where its Location is no URL."""
    try:
        return urljoin(capture.url, header_value(response.headers, "location"))
    except ValueError:
        return None
