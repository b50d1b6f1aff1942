"""Which part of a body an answer has.

Source: RFC 9110, sections 14.4 (Content-Range) and 15.3.7 (206 Partial Content).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Mapping

_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ContentRange:
    """A part of a body, in bytes: from ``start`` up to and with ``end``; ``total`` is None where it is not said."""

    start: int
    end: int
    total: int | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> ContentRange | None:
        """Read it from an answer's headers; None where it is not of one part, or contradicts itself.

        Args:
            headers: names in any case, as ``requests`` has them.
        """
        match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
        if match is None or headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
            return None
        start, end = int(match[1]), int(match[2])
        total = None if match[3] == "*" else int(match[3])
        return cls(start, end, total) if start <= end and (total is None or end < total) else None
