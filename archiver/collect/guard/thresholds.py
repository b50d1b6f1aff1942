"""How much of a source may be lost before it is not healthy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping

from archiver.collect.guard.chance import share_at_least
from archiver.core.judgement import FILES, IMAGES
from archiver.spec.guard import OFF, Guard

if TYPE_CHECKING:
    from archiver.spec.model import Spec


@dataclass(frozen=True)
class Thresholds:
    """Where the guard draws its lines: shares, from 0 to 1. One that is None is not looked at.

    Attributes:
        lost: the share of what was asked for that, lost and not made up for by what is new, makes a source degraded.
        decayed: the share of the most that there ever was that, lost over time, makes a source degraded.
        collapsed: the share of the pages that answer that, with most of their text lost, makes a doc site degraded.
        replaced: the share of the pages that answer that, with nothing left of what they said, makes a doc site degraded.
        gone: the share of what was asked for that, lost and not made up for, makes a source gone.
        least: how many pages, images or files must be lost for any of that; all of them, where there are fewer.
    """

    lost: float | None = 0.20
    decayed: float | None = 0.30
    collapsed: float | None = 0.50
    replaced: float | None = 0.50
    gone: float | None = 0.90
    least: int = 3

    @classmethod
    def of(cls, guard: Guard) -> Thresholds:
        """Return what a spec says."""
        return cls(
            lost=_share(guard.lost),
            decayed=_share(guard.decayed),
            collapsed=_share(guard.collapsed),
            replaced=_share(guard.replaced),
            gone=_share(guard.gone),
            least=guard.least,
        )

    def exceeded(self, limit: float | None, hits: int, asked: int, before: int) -> bool:
        """Say whether the share of what was hit is over a limit, chance allowed for where not all were asked for.

        Few never count, except where there never were more: a manual of one page is lost with that.

        Args:
            limit: one of these shares.
            hits: how many are hit.
            asked: of how many that were asked for.
            before: how many there were.
        """
        if limit is None or hits < min(self.least, max(1, before)):
            return False
        return share_at_least(min(hits, asked), asked, max(asked, before)) >= limit


def thresholds(spec: Spec) -> Mapping[str, Thresholds]:
    """Return where the lines are for each source of a spec: its own rules, else the project's, else the usual ones."""
    own = {site.name: site.guard for site in spec.docs}
    own[IMAGES] = spec.images.guard if spec.images is not None else None
    own[FILES] = None
    return {name: Thresholds.of(_overridden(spec.guard, guard)) for name, guard in own.items()}


def _overridden(common: Guard, own: Guard | None) -> Guard:
    if own is None:
        return common
    return common.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def _share(text: str) -> float | None:
    return None if text == OFF else float(text.removesuffix("%")) / 100
