"""Progress for people: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from tqdm import tqdm

from archiver.core.progress import NullProgress

if TYPE_CHECKING:
    from archiver.core.progress import Progress, Task

_SECONDS_BETWEEN_LINES = 10.0


def progress_for(stream: TextIO, *, quiet: bool) -> Progress:
    """Return bars where ``stream`` is a terminal, lines where it is not, and nothing where ``quiet``."""
    if quiet:
        return NullProgress()
    return BarProgress(stream) if stream.isatty() else LineProgress(stream)


class BarProgress:
    """Draws a tqdm bar a task; messages go above the bars."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        """Begin a bar."""
        return _Bar(self._stream, label, unit, total)

    def note(self, message: str) -> None:
        """Write a line above the bars."""
        tqdm.write(message, file=self._stream)

    def warn(self, message: str) -> None:
        """Write a warning above the bars."""
        tqdm.write(f"warning: {message}", file=self._stream)


class _Bar:
    def __init__(self, stream: TextIO, label: str, unit: str, total: int | None) -> None:
        in_bytes = unit == "B"
        self._bar = tqdm(
            total=total,
            desc=label,
            unit=unit if in_bytes else f" {unit}",
            unit_scale=in_bytes,
            unit_divisor=1024,
            file=stream,
            dynamic_ncols=True,
            mininterval=0.2,
            leave=True,
        )

    def advance(self, count: int = 1) -> None:
        self._bar.update(count)

    def expect(self, total: int) -> None:
        if total != self._bar.total:
            self._bar.total = total
            self._bar.refresh()

    def describe(self, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        self._bar.close()


class LineProgress:
    """Writes a line a task when it ends, and one every ten seconds while it lasts."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        """Begin a task."""
        return _Lines(self._stream, label, unit, total)

    def note(self, message: str) -> None:
        """Write a line."""
        print(message, file=self._stream, flush=True)

    def warn(self, message: str) -> None:
        """Write a warning."""
        print(f"warning: {message}", file=self._stream, flush=True)


class _Lines:
    def __init__(self, stream: TextIO, label: str, unit: str, total: int | None) -> None:
        self._stream, self._label, self._unit, self._total = stream, label, unit, total
        self._done, self._text, self._last, self._open = 0, "", time.monotonic(), True

    def advance(self, count: int = 1) -> None:
        self._done += count
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._say()

    def expect(self, total: int) -> None:
        self._total = total

    def describe(self, text: str) -> None:
        self._text = text

    def close(self) -> None:
        if self._open:
            self._open = False
            self._text = ""
            self._say()

    def _say(self) -> None:
        self._last = time.monotonic()
        if self._unit == "B":
            done, total, unit = size_text(self._done), size_text(self._total or 0), ""
        else:
            done, total, unit = str(self._done), str(self._total), f" {self._unit}"
        of = f"/{total}" if self._total else ""
        extra = f" ({self._text})" if self._text else ""
        print(f"{self._label}: {done}{of}{unit}{extra}", file=self._stream, flush=True)


def size_text(size: float) -> str:
    """Return a size in bytes for people: ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def default_progress(*, quiet: bool) -> Progress:
    """Return the progress for standard error."""
    return progress_for(sys.stderr, quiet=quiet)
