"""What tells which content a part of a file belongs to.

Source: RFC 9110, sections 8.8 (validators), 13.1.5 (If-Range) and 15.3.7.3 (combining parts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Mapping

_ETAG = re.compile(r'"[\x21\x23-\x7e]{0,1000}"')
_APART = 60  # seconds; RFC 7232, section 2.2.2: then two changes within one second are no concern


@dataclass(frozen=True)
class RangeValidator:
    """What tells whether the rest of a file is the rest of what came before; both are empty where nothing does.

    Attributes:
        etag: a strong entity tag.
        modified: a Last-Modified date that is as good as one; only of an answer without an entity tag.
    """

    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> RangeValidator:
        """Take it from an answer's headers (names in any case)."""
        etag = headers.get("ETag", "").strip()
        if etag:  # a weak one says that the bytes may differ, and so does whatever date stands beside it
            return cls(etag=etag) if _ETAG.fullmatch(etag) else cls()
        modified, date = headers.get("Last-Modified", "").strip(), headers.get("Date", "").strip()
        return cls(modified=modified) if _is_settled(modified, date) else cls()

    @property
    def condition(self) -> str:
        """The value for If-Range; empty where there is none."""
        return self.etag or self.modified

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Say whether an answer is about the same content, as far as its headers tell."""
        etag, modified = headers.get("ETag", "").strip(), headers.get("Last-Modified", "").strip()
        if self.etag and etag:
            return etag == self.etag
        return not (self.modified and modified) or modified == self.modified


def _is_settled(modified: str, date: str) -> bool:
    """Say whether a file was so long unchanged when it was sent that its date tells one content from another."""
    try:
        apart = parsedate_to_datetime(date) - parsedate_to_datetime(modified)
    except (TypeError, ValueError, OverflowError):  # TypeError: one of them names a zone, the other none
        return False
    return apart.total_seconds() >= _APART
