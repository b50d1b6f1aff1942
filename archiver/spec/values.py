"""What the models of a spec share: their settings, and errors that say what to write instead."""

from __future__ import annotations

from typing import Callable

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from archiver.core.errors import ArchiverError


class Model(BaseModel):
    """Base of all models: immutable, without unknown keys, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def wrong(message: str, hint: str, *, at: str = "") -> PydanticCustomError:
    """Return an error that ``load`` takes apart again: the hint travels in its context.

    Args:
        message: what is wrong.
        hint: what to write instead.
        at: the key that it is about, where the value is a mapping.
    """
    return PydanticCustomError("spec_value", "{message}", {"message": message, "hint": hint, "at": at})


def checked(parse: Callable[[str], object], text: str, hint: str) -> str:
    """Return a text that can be parsed; an error of the tree becomes one that shows the text."""
    try:
        parse(text)
    except ArchiverError as error:
        shown = f"{text!r:.200}"
        message = error.message if shown in error.message else f"{shown}: {error.message}"
        raise wrong(message, error.hint or hint) from error
    return text
