"""Progress as plain lines, for a reader who has nothing but Python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from archiver.core.amounts import size_text

if TYPE_CHECKING:
    from archiver.core.progress import Task

_SECONDS_BETWEEN = 5.0


class LineProgress:
    """Writes a line every few seconds while a task lasts, and one when it ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        """Begin a task."""
        return _Lines(self._stream, label, unit, total)

    def note(self, message: str) -> None:
        """Write a line."""
        self._stream.write(f"{message}\n")
        self._stream.flush()

    def warn(self, message: str) -> None:
        """Write a warning."""
        self.note(f"warning: {message}")


class _Lines:
    def __init__(self, stream: TextIO, label: str, unit: str, total: int | None) -> None:
        self._stream, self._label, self._unit, self._total = stream, label, unit, total
        self._done, self._text, self._closed = 0, "", False
        self._next = time.monotonic() + _SECONDS_BETWEEN

    def advance(self, count: int = 1) -> None:
        self._done += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SECONDS_BETWEEN
            self._write(f" ({self._text})" if self._text else "")

    def expect(self, total: int) -> None:
        self._total = total

    def describe(self, text: str) -> None:
        self._text = text

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._write("")

    def _write(self, extra: str) -> None:
        self._stream.write(f"{self._label}: {self._amount()}{extra}\n")
        self._stream.flush()

    def _amount(self) -> str:
        in_bytes = self._unit == "B"
        done, total = (
            size_text(number) if in_bytes else f"{number:,}" for number in (self._done, self._total or 0)
        )
        of = f" of {total}" if self._total else ""
        return f"{done}{of}" + ("" if in_bytes else f" {self._unit}")
