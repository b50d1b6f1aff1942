"""How many bytes a server says that it sends.

Source: RFC 9110, section 8.6 (Content-Length).
"""

from __future__ import annotations

import re
from typing import Mapping

_LENGTH = re.compile(r"[0-9]{1,18}")


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return what an answer's Content-Length says; None where it is not there, or no number, or beyond any size.

    Args:
        headers: names in any case, as ``requests`` has them.
    """
    match = _LENGTH.fullmatch(headers.get("Content-Length", "").strip())
    return int(match[0]) if match else None
