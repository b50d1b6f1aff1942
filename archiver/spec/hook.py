"""The command that is called when a source is not healthy: a list of words, which no shell reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from archiver.core.errors import SpecError
from archiver.spec.environment import variables
from archiver.spec.values import wrong

_MOST_WORDS = 100
_LONGEST = 4096


def _word(text: str) -> str:
    if "\0" in text or len(text) > _LONGEST:
        raise wrong(f"{text!r:.80} cannot be given to a command", f"write at most {_LONGEST} characters")
    try:
        variables(text)
    except SpecError as error:
        raise wrong(error.message, error.hint or "") from error
    return text


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words[0]:
        raise wrong("the command has no name", "begin the list with the name or path of a program")
    return words


Command = Annotated[
    tuple[Annotated[str, AfterValidator(_word)], ...],
    Field(min_length=1, max_length=_MOST_WORDS),
    AfterValidator(_command),
]
