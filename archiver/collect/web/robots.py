"""What robots.txt allows. No I/O here: the crawl fetches the file like any other.

Source: RFC 9309, section 2.3.1 (what a status means) and 2.5 (how much to parse).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protego import Protego

if TYPE_CHECKING:
    from typing import Protocol

    class _Rules(Protocol):
        def can_fetch(self, url: str, user_agent: str) -> bool: ...

        def crawl_delay(self, user_agent: str) -> float | None: ...


PARSED = 512 << 10
"""Bytes of a robots.txt that are read; RFC 9309 asks for at least 500 KiB."""
MOST_REDIRECTS = 5
UNREACHABLE = 0
_LONGEST_DELAY = 30.0


@dataclass(frozen=True)
class RobotsPolicy:
    """What one origin allows.

    Attributes:
        delay: seconds between requests that it asks for, at most 30.
        refusal: why nothing may be fetched, where nothing may; else empty.
    """

    agent: str
    delay: float = 0.0
    refusal: str = ""
    _rules: _Rules | None = None

    @classmethod
    def of(cls, status: int, body: bytes, user_agent: str) -> RobotsPolicy:
        """Read an answer to the request for robots.txt.

        Args:
            status: the HTTP status, or UNREACHABLE where no answer came.
            body: the file, content coding removed.
            user_agent: the User-Agent that the crawl sends; its first product token is looked up.
        """
        agent = user_agent.partition("/")[0].strip()
        if status == UNREACHABLE:
            return cls(agent, refusal="robots.txt could not be fetched, which forbids everything")
        if status >= 500 or status == 429:
            return cls(agent, refusal=f"robots.txt answered {status}, which forbids everything")
        if status >= 300:  # "unavailable", and redirects beyond those that must be followed
            return cls(agent)
        rules = Protego.parse(body[:PARSED].decode("utf-8-sig", "replace"))
        return cls(agent, min(rules.crawl_delay(agent) or 0.0, _LONGEST_DELAY), "", rules)

    @classmethod
    def ignored(cls) -> RobotsPolicy:
        """Return the policy for a spec that says ``robots: ignore``."""
        return cls("")

    def allows(self, url: str) -> bool:
        """Say whether a URL of the origin may be fetched."""
        return not self.refusal and (self._rules is None or self._rules.can_fetch(url, self.agent))
