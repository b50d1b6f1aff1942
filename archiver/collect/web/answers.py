"""Reading from a run's state what came of each URL that was asked for: what the guard judges a doc site by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, Mapping

from archiver.collect.guard.evidence import Answer
from archiver.core.capture import PAGE, REQUISITE
from archiver.core.errors import HostUnreachable, RobotsUnread, ServerBusy
from archiver.core.reasons import BUSY_HOST, DEAD_HOST, NO_ROBOTS

if TYPE_CHECKING:
    from archiver.collect.web.frontier import RunState
    from archiver.core.capture import Capture

_UNANSWERED = {
    DEAD_HOST: HostUnreachable.code,
    BUSY_HOST: ServerBusy.code,
    NO_ROBOTS: RobotsUnread.code,
}
_ANSWERS = f"""
    SELECT urls.url, kind, seed, urls.status, coalesce(problems.code, ''), coalesce(marks.mark, ''), target,
           skipped.reason
    FROM urls LEFT JOIN problems USING (source, url) LEFT JOIN marks USING (source, url)
    LEFT JOIN skipped USING (source, url)
    WHERE urls.source = ? AND (urls.status != '' OR problems.code IS NOT NULL
                               OR skipped.reason IN {tuple(_UNANSWERED)})
    ORDER BY urls.url
"""  # noqa: S608 - constants


def answers(
    state: RunState, source: str, earlier: Mapping[str, Capture], current: Mapping[str, Capture]
) -> Iterator[Answer]:
    """Yield what came of each URL of a doc site that this run asked for, in the order of the URLs.

    What a host that is dead, or fails even for its robots.txt, was not asked for counts as asked: nothing would have come.

    Args:
        state: the state of the run, the site's crawl being over.
        source: the doc site's name.
        earlier: its captures in the last good snapshot, by URL.
        current: this run's captures of it, by URL.
    """
    for url, kind, seed, status, code, mark, target, skipped in state.rows(_ANSWERS, (source,)):
        yield Answer(
            url,
            PAGE if kind == PAGE else REQUISITE,
            bool(seed),
            status,
            code or ("" if status else _UNANSWERED.get(skipped, "")),
            mark,
            target,
            current.get(url),
            earlier.get(url),
        )
