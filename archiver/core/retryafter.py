"""How long a server asks to be left alone.

Source: RFC 9110, section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import time
from datetime import timezone
from email.utils import parsedate_to_datetime

_EPOCH = 1e9  # seconds; Docker Hub has been seen to send a moment, counted from 1970, in place of a wait


def retry_after(value: str) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, at least 0; None where it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
        return seconds if seconds < _EPOCH else max(0.0, seconds - time.time())
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": a time in UTC, of a place unknown
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError, TypeError):  # the last one of Python 3.9 for what is no date at all
        return None
