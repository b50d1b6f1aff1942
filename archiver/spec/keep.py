"""How many snapshots of a project ``archiver prune`` keeps."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from archiver.spec.values import Model, wrong

_MOST = 100_000
_Count = Annotated[int, Field(ge=0, le=_MOST)]


class Keep(Model):
    """The rules by which snapshots stay; what one of them keeps stays. They are those of store/retention.py."""

    last: _Count = Field(0, description="the newest snapshots")
    daily: _Count = Field(0, description="the newest snapshot of each day that has one, for so many days")
    weekly: _Count = Field(0, description="likewise of each week (ISO 8601)")
    monthly: _Count = Field(0, description="likewise of each month")
    yearly: _Count = Field(0, description="likewise of each year")

    @model_validator(mode="after")
    def _keeps_something(self) -> Keep:
        if not any((self.last, self.daily, self.weekly, self.monthly, self.yearly)):
            raise wrong(
                "no rule keeps anything",
                "write such as {last: 5, monthly: 12}; leave 'keep' out to keep every snapshot",
            )
        return self
