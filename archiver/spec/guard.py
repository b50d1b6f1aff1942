"""How much of a source may be lost before a run's results are refused."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Union

from pydantic import BeforeValidator, Field

from archiver.spec.values import Model, wrong

OFF = "off"
"""Stands for a rule that is not looked at."""
_PERCENT = r"^(?:100|[1-9][0-9]?(?:\.[0-9]{1,2})?)%$"
_MOST = 1_000_000


def _share(value: object) -> object:
    if value == OFF or (isinstance(value, str) and re.fullmatch(_PERCENT, value)):
        return value
    raise wrong(f"{value!r:.80} is no share", f"write a percentage from 1% to 100%, or the word {OFF}")


Share = Annotated[str, Field(json_schema_extra={"pattern": f"{_PERCENT}|^{OFF}$"}), BeforeValidator(_share)]


class Guard(Model):
    """Where the guard draws its lines; ``archiver.collect.guard`` says what the rules mean."""

    lost: Share = Field("20%", description="of what was asked for, lost and not made up for: degraded")
    decayed: Share = Field("30%", description="of the most that there ever was, lost over time: degraded")
    collapsed: Share = Field("50%", description="of the pages that answer, with most text lost: degraded")
    replaced: Share = Field(
        "50%", description="of the pages that answer, with nothing left of what they said: degraded"
    )
    gone: Share = Field("90%", description="of what was asked for, lost and not made up for: gone")
    least: int = Field(3, ge=1, le=_MOST, description="so many must be lost for any of that")


_NO_GUARD = dict.fromkeys(("lost", "decayed", "collapsed", "replaced", "gone"), OFF)


def _rules(value: object) -> object:
    if value == OFF:
        return _NO_GUARD
    if isinstance(value, (str, int, float)):
        raise wrong(f"{value!r:.80} is no set of rules", f"write such as {{lost: 30%}}, or the word {OFF}")
    return value


GuardRules = Annotated[Guard, BeforeValidator(_rules, json_schema_input_type=Union[Guard, Literal["off"]])]
"""Rules of the guard; the word ``off`` stands for none."""
