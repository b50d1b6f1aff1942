"""How much of a site one run takes. A pure rule: the crawl says how far it is, and is told whether to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.core.amounts import parse_duration, parse_size

if TYPE_CHECKING:
    from archiver.spec.model import DocSite

PAGES = "limit: pages"
BYTES = "limit: bytes"
TIME = "limit: time"
REASONS = (PAGES, BYTES, TIME)
"""The reasons with which URLs are left out because the spec wants no more."""


@dataclass(frozen=True)
class CrawlLimits:
    """The bounds of one run's crawl of one site; None stands for none.

    Attributes:
        pages: how many pages are asked for.
        bytes: how many bytes of bodies are received; what is under way by then is let in.
        seconds: how long it goes on, the time of interrupted processes of the run included.
        response: where a response is cut, in bytes.
    """

    pages: int | None
    bytes: int | None
    seconds: float | None
    response: int

    @classmethod
    def of(cls, site: DocSite) -> CrawlLimits:
        """Return the limits of a spec's doc site."""
        asked = site.limits
        return cls(
            asked.pages,
            parse_size(asked.bytes) if asked.bytes else None,
            parse_duration(asked.time) if asked.time else None,
            parse_size(asked.response),
        )

    def reached(self, *, received: int, seconds: float) -> str:
        """Return the reason to ask for nothing more after so many bytes and seconds; empty where there is none."""
        if self.bytes is not None and received >= self.bytes:
            return BYTES
        if self.seconds is not None and seconds >= self.seconds:
            return TIME
        return ""

    def allows_page(self, asked: int) -> bool:
        """Say whether one more page may be asked for after so many."""
        return self.pages is None or asked < self.pages
