"""What became of something that was good: kinds of loss, and the words for them."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Iterable, Mapping, Sequence

from archiver.core.errors import (
    AuthenticationFailed,
    CertificateRefused,
    DomainParked,
    FetchTimeout,
    FileGone,
    HostUnreachable,
    LoginRequired,
    ManifestUnknown,
    NoTagMatches,
    NothingListed,
    PageMoved,
    PageReplaced,
    RateLimited,
    RobotsForbidden,
    RobotsUnread,
    ServerBusy,
    SoftNotFound,
    TagGone,
    TlsMissing,
    UnexpectedContent,
)
from archiver.core.printable import printable

MISSING = "missing"
ABSENT = "absent"
WITHHELD = "withheld"
DENIED = "denied"
BUSY = "busy"
UNREACHABLE = "unreachable"
SILENT = "silent"
FAILING = "failing"
FORBIDDEN = "forbidden"
UNREAD = "robots unreadable"
ERROR_PAGE = "error page"
LOGIN_PAGE = "login page"
PARKED_DOMAIN = "parked domain"
OTHER_CONTENT = "other content"
NOTICE = "notice"
ONE_PAGE = "one page"
ONE_PLACE = "one place"
OTHER_HOST = "other host"
ELSEWHERE = "elsewhere"
COLLAPSED = "collapsed"
REPLACED = "replaced"

PASSING = frozenset({BUSY, UNREACHABLE, SILENT, FAILING, FORBIDDEN, UNREAD})
"""Kinds that say nothing of whether upstream has the thing still: it may be there again tomorrow."""

_BY_STATUS: Mapping[str, str] = {"404": MISSING, "410": MISSING, "451": WITHHELD, "408": BUSY, "429": BUSY}
_BY_CODE: Mapping[str, str] = {
    **dict.fromkeys((TagGone.code, ManifestUnknown.code, FileGone.code), MISSING),
    **dict.fromkeys((NothingListed.code, NoTagMatches.code), MISSING),
    **dict.fromkeys((HostUnreachable.code, CertificateRefused.code, TlsMissing.code), UNREACHABLE),
    **dict.fromkeys((ServerBusy.code, RateLimited.code), BUSY),
    AuthenticationFailed.code: DENIED,
    FetchTimeout.code: SILENT,
    RobotsForbidden.code: FORBIDDEN,
    RobotsUnread.code: UNREAD,
    SoftNotFound.code: ERROR_PAGE,
    LoginRequired.code: LOGIN_PAGE,
    DomainParked.code: PARKED_DOMAIN,
    UnexpectedContent.code: OTHER_CONTENT,
    PageMoved.code: ELSEWHERE,
    PageReplaced.code: NOTICE,
}
_WORDS: Mapping[str, tuple[str, str]] = {
    MISSING: ("is not there any more", "are not there any more"),
    ABSENT: ("is not there", "are not there"),
    WITHHELD: ("is withheld for legal reasons", "are withheld for legal reasons"),
    DENIED: ("is refused to us", "are refused to us"),
    BUSY: ("fails with an error of the server", "fail with errors of the server"),
    UNREACHABLE: ("is on a host that cannot be reached", "are on a host that cannot be reached"),
    SILENT: ("is not answered in time", "are not answered in time"),
    FAILING: ("cannot be fetched", "cannot be fetched"),
    FORBIDDEN: (
        "may not be asked for: robots.txt forbids it",
        "may not be asked for: robots.txt forbids them",
    ),
    UNREAD: (
        "may not be asked for: the server fails, and gives no robots.txt",
        "may not be asked for: the server fails, and gives no robots.txt",
    ),
    ERROR_PAGE: ("shows an error page", "show an error page"),
    LOGIN_PAGE: ("asks to log in", "ask to log in"),
    PARKED_DOMAIN: ("shows a parked domain", "show a parked domain"),
    OTHER_CONTENT: ("is something else now", "are something else now"),
    NOTICE: ("has been replaced by a notice", "have been replaced by a notice"),
    ONE_PAGE: ("has become the same page as others", "have become one and the same page"),
    ONE_PLACE: ("leads to the same place as others", "lead to one place"),
    OTHER_HOST: ("leads to another host", "lead to another host"),
    ELSEWHERE: ("leads elsewhere", "lead elsewhere"),
    COLLAPSED: ("has lost most of its text", "have lost most of their text"),
    REPLACED: (
        "has nothing in common with what it said before",
        "have nothing in common with what they said before",
    ),
}


MOST_EXAMPLES = 3
_LONGEST_PLACE = 200  # characters


@dataclass(frozen=True)
class Loss:
    """Several things of which the same is to be said.

    Attributes:
        kind: one of the constants of this module.
        count: how many.
        examples: the first three, in the order of their names.
        place: where they lead, or the host that they were to come from; empty where that does not matter.
    """

    kind: str
    count: int
    examples: tuple[str, ...]
    place: str = ""

    @property
    def clause(self) -> str:
        """What is to be said of them, to be read behind what they are: ``lead to one place (https://…)``."""
        said = _WORDS[self.kind][self.count != 1]
        return f"{said} ({printable(self.place, _LONGEST_PLACE)})" if self.place else said


def kind_of_failure(code: str, status: str = "") -> str:
    """Return what a failure says of the thing that it is about, which was there before.

    Args:
        code: of the error; empty where only the status is known.
        status: the HTTP status that it was answered with, three digits; empty where nothing came.
    """
    known = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if known:
        return known
    return BUSY if status[:1] == "5" else DENIED if status[:1] == "4" else FAILING


def kind_of_absence(code: str, status: str = "") -> str:
    """Return the same of what never was there, as far as is known."""
    kind = kind_of_failure(code, status)
    return ABSENT if kind == MISSING else kind


def losses(found: Iterable[tuple[str, str, str]]) -> tuple[Loss, ...]:
    """Return things of which the same is to be said together: the most first, else by kind and place.

    Args:
        found: kind, place and name of each.
    """
    names: dict[tuple[str, str], list[str]] = {}
    for kind, place, name in found:
        names.setdefault((kind, place), []).append(name)
    together = [
        Loss(kind, len(each), tuple(heapq.nsmallest(MOST_EXAMPLES, each)), place)
        for (kind, place), each in names.items()
    ]
    return tuple(sorted(together, key=lambda loss: (-loss.count, loss.kind, loss.place)))


def examples_of(found: Sequence[Loss]) -> tuple[str, ...]:
    """Return three examples of losses: one of each kind of loss first, so that all of them are shown where they can be."""
    turns = (loss.examples[turn : turn + 1] for turn in range(MOST_EXAMPLES) for loss in found)
    return tuple(dict.fromkeys(name for turn in turns for name in turn))[:MOST_EXAMPLES]
