"""Amounts in specs: bounds on what is taken from one doc site, and the times between two looks at a source."""

from __future__ import annotations

from typing import Annotated, Callable

from pydantic import BeforeValidator, Field

from archiver.core.amounts import parse_duration, parse_size
from archiver.spec.values import Model, wrong


def _amount(parse: Callable[[str], float], example: str) -> Callable[[object], object]:
    def check(value: object) -> object:
        try:
            parse(str(value))
        except ValueError as error:
            raise wrong(str(error), f"write a number and a unit, such as {example}") from error
        return value

    return check


def _interval(text: str) -> float:
    seconds = parse_duration(text)
    if seconds > _LONGEST_INTERVAL:
        raise ValueError(f"{text!r:.80} is more than ten years")
    return seconds


_LONGEST_INTERVAL = 3653 * 86_400  # seconds

Size = Annotated[str, BeforeValidator(_amount(parse_size, "20GiB"))]
Duration = Annotated[str, BeforeValidator(_amount(parse_duration, "6h"))]
Interval = Annotated[str, BeforeValidator(_amount(_interval, "7d"))]
"""The time from one look at something to the next."""


class Limits(Model):
    """Where one run's crawl of a site ends, and where a single response does."""

    pages: int | None = Field(None, ge=1, description="pages asked for")
    bytes: Size | None = Field(None, description="what is received as bodies, such as 20GiB")
    time: Duration | None = Field(None, description="how long the crawl takes, such as 6h")
    response: Size = Field("1GiB", description="a longer response is cut there, and marked")
