"""What a run saw of a source, as the guard weighs it: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archiver.collect.guard.kinds import BUSY, PASSING
from archiver.core.capture import PAGE

if TYPE_CHECKING:
    from archiver.collect.guard.kinds import Loss
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
        return self.earlier is not None and is_page(self.earlier) and not self.earlier.gone

    @property
    def gives_page(self) -> bool:
        """Whether a page with content came."""
        return self.capture is not None and is_page(self.capture)


@dataclass(frozen=True)
class Evidence:
    """What became of what a source had: numbers, and examples of what is lost.

    Attributes:
        before: how many pages, images or files there were that the spec still asks for, and upstream was not known to
            have lost.
        unwanted: how many more there were that the spec does not ask for any more.
        asked: how many of the ``before`` were asked for.
        lost: what became of those of them that did not come, the most first.
        new: how many there are that were not there before, or are back.
        vanished: what upstream was known to have lost before this run; None where there is nothing.
    """

    before: int = 0
    unwanted: int = 0
    asked: int = 0
    lost: tuple[Loss, ...] = ()
    new: int = 0
    vanished: Loss | None = None

    @property
    def lost_count(self) -> int:
        """How many did not come."""
        return sum(loss.count for loss in self.lost)

    @property
    def alive(self) -> int:
        """How many upstream has, as far as is known; what failed for now is not known to be lost."""
        return self.before + self.new - sum(loss.count for loss in self.lost if loss.kind not in PASSING)

    @property
    def may_be_gone(self) -> bool:
        """Whether what did not come may be lost for good, if it is much."""
        return True


@dataclass(frozen=True)
class SiteEvidence(Evidence):
    """What a run saw of a doc site. A page that is at several URLs counts once; one that is elsewhere now is not lost.

    Attributes:
        unchanged, changed: how many of the pages that were asked for are as before, or have become others.
        measured: of how many of these it is known how much text they had, and have.
        collapsed: those of them that have lost most of it; None where none has.
        compared: of how many of them, drawn by lot, it is known whether they still say anything of what they said.
        replaced: those of these that say nothing of it; None where none does.
        seeds: how many seeds gave a page.
        seeds_asked: how many there are that do not lead to others.
        seeds_lost: what became of the others, and of those that show a notice in place of what they had.
    """

    unchanged: int = 0
    changed: int = 0
    measured: int = 0
    collapsed: Loss | None = None
    compared: int = 0
    replaced: Loss | None = None
    seeds: int = 0
    seeds_asked: int = 0
    seeds_lost: tuple[Loss, ...] = ()


@dataclass(frozen=True)
class SetEvidence(Evidence):
    """What a run saw of images or files.

    Attributes:
        hosts: how many hosts, or registries, were asked.
        unreachable: what was to come from those that could not be reached at all, by host.
        unmet: what the spec asks for, never was there, and could not be had.
    """

    hosts: int = 0
    unreachable: tuple[Loss, ...] = ()
    unmet: tuple[Loss, ...] = ()

    @property
    def may_be_gone(self) -> bool:
        """Whether what did not come may be lost for good: a server that only has no answer now (5xx, 429) says nothing of that.

        Of a doc site it says enough: none of its seeds gives a page.
        """
        return any(loss.kind != BUSY for loss in (*self.lost, *self.unmet))


def is_page(capture: Capture) -> bool:
    """Say whether a capture is a page with content, and no redirect or requisite."""
    return (capture.kind, capture.status) == (PAGE, "200")
