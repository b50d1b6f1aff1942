"""What a run saw of a source, as the guard weighs it: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.core.capture import PAGE

if TYPE_CHECKING:
    from archiver.core.capture import Capture


@dataclass(frozen=True)
class Answer:
    """What came of one URL that a doc site was asked for.

    Attributes:
        url: the URL.
        kind: ``page`` or ``requisite``.
        seed: whether the spec names it, or a redirect from what it names.
        status: the HTTP status, three digits, 304 where the server said "not modified"; empty where nothing came.
        code: the error code of the failure that it is; empty where it is none.
        mark: what the answer turned out to be (``core.reasons``); empty where it is what it seems.
        target: where it redirects to; empty where it does not.
        capture: this run's capture of it; None where there is none.
        earlier: its entry in the last good snapshot; None where that has none.
    """

    url: str
    kind: str
    seed: bool
    status: str = ""
    code: str = ""
    mark: str = ""
    target: str = ""
    capture: Capture | None = None
    earlier: Capture | None = None

    @property
    def was_good(self) -> bool:
        """Whether it was a page with content, as far as is known: one that is there to be lost."""
        earlier = self.earlier
        return earlier is not None and (earlier.kind, earlier.status, earlier.gone) == (PAGE, "200", "")
