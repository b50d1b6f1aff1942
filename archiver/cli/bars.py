"""Progress bars on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from tqdm import tqdm

if TYPE_CHECKING:
    from archiver.core.progress import Task


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
            unit_divisor=1000,
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
