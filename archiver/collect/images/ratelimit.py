"""What registries say of their limits.

Docker Hub counts the manifests that an account or address gets in six hours, not what it asks by HEAD; each answer
about a manifest says how many are allowed and left: ``ratelimit-limit: 100;w=21600``, ``ratelimit-remaining: 76;w=21600``.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Mapping

_VALUE = re.compile(r"\s*([0-9]{1,9})\s*(?:[;,]|\Z)")
_LONGEST_WINDOW = 24 * 3600  # seconds; a run waits for the end of one, and must not for years
_WINDOW = re.compile(r";\s*w=([0-9]{1,9})\s*(?:[;,]|\Z)")


@dataclass(frozen=True)
class RateLimit:
    """How many manifests a registry gives in a window of so many seconds, and how many of them are left; None: not said."""

    limit: int | None
    remaining: int | None
    window: int | None

    def __str__(self) -> str:
        allowed = "" if self.limit is None else f"{self.limit:,} allowed"
        window = f" in {self.window / 3600:.3g} h" if allowed and self.window is not None else ""
        left = "" if self.remaining is None else f"{self.remaining:,} left"
        return ", ".join(filter(None, (allowed + window, left)))


def rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """Return what an answer's headers say of a limit; None where they say nothing."""
    limit, remaining = headers.get("RateLimit-Limit", ""), headers.get("RateLimit-Remaining", "")
    numbers = [int(match[1]) if (match := _VALUE.match(text)) else None for text in (limit, remaining)]
    if numbers == [None, None]:
        return None
    window = _WINDOW.search(limit) or _WINDOW.search(remaining)
    return RateLimit(numbers[0], numbers[1], min(int(window[1]), _LONGEST_WINDOW) if window else None)


class RateLimits:
    """What was learned in one run, by registry. May be used by several threads."""

    def __init__(self) -> None:
        self._known: dict[str, RateLimit] = {}
        self._counted: dict[str, int] = {}
        self._lock = threading.Lock()

    def learn(self, registry: str, headers: Mapping[str, str]) -> RateLimit | None:
        """Take note of an answer's headers; return what is known of the registry now."""
        said = rate_limit(headers)
        with self._lock:
            if said is not None:
                self._known[registry] = said
            return self._known.get(registry)

    def count(self, registry: str) -> None:
        """Count one more manifest that was got, and not only asked about."""
        with self._lock:
            self._counted[registry] = self._counted.get(registry, 0) + 1

    @property
    def known(self) -> Mapping[str, RateLimit]:
        """What registries said last."""
        with self._lock:
            return dict(self._known)

    @property
    def counted(self) -> Mapping[str, int]:
        """How many manifests were got from each registry."""
        with self._lock:
            return dict(self._counted)
