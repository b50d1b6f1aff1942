"""What was judged of a source after a run: whether what came is fit to replace what was there.

Source: docs/format.md, "Snapshot record".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable

HEALTHY = "healthy"
DEGRADED = "degraded"
GONE = "gone"
VERDICTS = (GONE, DEGRADED, HEALTHY)
"""All verdicts, the gravest first."""
IMAGES = "images"
FILES = "files"
"""The names of the sources that are not doc sites."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on one source, and what it rests on.

    Attributes:
        source: the doc site's name, ``images`` or ``files``.
        verdict: ``healthy``, ``degraded`` or ``gone``; only what is healthy replaces what was there.
        reason: a sentence that says why; empty where it is healthy and there is nothing to say.
        examples: at most three URLs or references that show it.
        checked: when the source was last asked, ISO 8601 UTC; earlier than the run where it was not due.
        since: when the first of the runs in a row that did not find it healthy began; empty where it is healthy.
        good: the id of the snapshot whose run last found it healthy: what the view has is of that run or older. Empty
            where none ever did.
        alive: how many pages, images or files upstream was last known to have.
        peak: the most that ever was, since the keeper last accepted a snapshot.
        retired: whether the spec says that upstream is not to be asked any more; then the verdict is the last one.
    """

    source: str
    verdict: str
    reason: str = ""
    examples: tuple[str, ...] = ()
    checked: str = ""
    since: str = ""
    good: str = ""
    alive: int = 0
    peak: int = 0
    retired: bool = False

    @property
    def is_alarm(self) -> bool:
        """Whether the keeper is to hear of it: the source is not healthy, and asked all the same."""
        return self.verdict != HEALTHY and not self.retired

    @property
    def keeps(self) -> bool:
        """Whether what came was refused and what was good before stands in for it."""
        return self.verdict != HEALTHY and bool(self.good)


def worst_verdict(judgements: Iterable[Judgement]) -> str:
    """Return the gravest of the verdicts on what is asked still; ``healthy`` where there are none."""
    found = {judgement.verdict for judgement in judgements if not judgement.retired}
    return next((verdict for verdict in VERDICTS if verdict in found), HEALTHY)
