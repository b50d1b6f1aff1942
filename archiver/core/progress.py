"""How library code reports progress: to a protocol, silent by default. Only command lines draw."""

from __future__ import annotations

from typing import Protocol


class Task(Protocol):
    """One thing under way, counted in a unit."""

    def advance(self, count: int = 1) -> None:
        """Count ``count`` more units as done."""

    def expect(self, total: int) -> None:
        """Say how many units there are in all, as far as is known now."""

    def describe(self, text: str) -> None:
        """Say in a few words what is being done now."""

    def close(self) -> None:
        """End the task."""


class Progress(Protocol):
    """Receives what a run wants to say while it runs."""

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        """Begin a task; ``unit`` is ``"B"`` for bytes, else a noun such as ``"pages"``."""

    def note(self, message: str) -> None:
        """Tell the user something worth a line."""

    def warn(self, message: str) -> None:
        """Tell the user of something that went wrong without ending the run."""


class _NullTask:
    def advance(self, count: int = 1) -> None:
        """Ignore it."""

    def expect(self, total: int) -> None:
        """Ignore it."""

    def describe(self, text: str) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Ignore it."""


class NullProgress:
    """Says nothing."""

    def task(self, label: str, unit: str, total: int | None = None) -> Task:  # noqa: ARG002 - the protocol's names
        """Return a task that ignores everything."""
        return _NullTask()

    def note(self, message: str) -> None:
        """Ignore it."""

    def warn(self, message: str) -> None:
        """Ignore it."""
