"""Printing what strangers wrote."""

from __future__ import annotations

import json
from typing import Any

from archiver.core.printable import printable

_LONGEST_LINE = 2000  # characters; longer than any path with a sentence, shorter than what fills a screen


def shown(text: str) -> str:
    """Return what strangers wrote as one line that any terminal takes for text; spaces of any kind are spaces."""
    return printable(" ".join(text.split()), _LONGEST_LINE)


def print_json(document: Any) -> None:
    """Print a document on standard output, with what controls a terminal escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    print("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))
