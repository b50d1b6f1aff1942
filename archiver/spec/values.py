"""What the models of a spec share: their settings, values of several of them, and errors that say what to write."""

from __future__ import annotations

import re
from typing import Annotated, Callable, Union
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from archiver.core.errors import ArchiverError
from archiver.core.urlkey import Origin

_SHA256 = re.compile(r"\A[0-9a-f]{64}\Z")


class Model(BaseModel):
    """Base of all models: immutable, without unknown keys, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def wrong(message: str, hint: str, *, at: str | tuple[str, ...] = ()) -> PydanticCustomError:
    """Return an error that ``load`` takes apart again: the hint travels in its context.

    Args:
        message: what is wrong.
        hint: what to write instead.
        at: the key that it is about, or the keys that lead to it, where the value is a mapping.
    """
    keys = (at,) if isinstance(at, str) else at
    return PydanticCustomError("spec_value", "{message}", {"message": message, "hint": hint, "at": keys})


def checked(parse: Callable[[str], object], text: str, hint: str) -> str:
    """Return a text that can be parsed; an error of the tree becomes one that shows the text."""
    try:
        parse(text)
    except ArchiverError as error:
        shown = f"{text!r:.200}"
        message = error.message if shown in error.message else f"{shown}: {error.message}"
        raise wrong(message, error.hint or hint) from error
    return text


def web_url(text: str) -> str:
    """Return a text that is an http or https URL and has no password in it."""
    if "@" in urlsplit(text).netloc:
        raise wrong(
            "a URL here must not have a user name or password in it",
            "specs and bundles are handed on; take it out, the site must be readable without",
        )
    return checked(Origin.of, text, "write it in full, such as https://docs.example.org/v2/")


def _sha256(text: object) -> object:
    if isinstance(text, str):
        hexadecimal = text.removeprefix("sha256:")
        if not _SHA256.match(hexadecimal):
            raise wrong(
                f"{text!r:.100} is not a sha256 digest",
                "write the 64 lowercase hex digits that sha256sum prints",
            )
        return hexadecimal
    return text


def _listed(value: object) -> object:
    if value is None or isinstance(value, (dict, tuple)):
        return value
    return tuple(value) if isinstance(value, list) else (value,)


WebURL = Annotated[str, AfterValidator(web_url)]
Sha256 = Annotated[str, BeforeValidator(_sha256)]
_Text = Annotated[str, StringConstraints(min_length=1)]
Texts = Annotated[
    tuple[_Text, ...], BeforeValidator(_listed, json_schema_input_type=Union[_Text, list[_Text]])
]
"""Any number of texts; a single one may stand without a list around it."""
OneOrMore = Annotated[
    tuple[_Text, ...],
    Field(min_length=1),
    BeforeValidator(
        _listed, json_schema_input_type=Union[_Text, Annotated[list[_Text], Field(min_length=1)]]
    ),
]
"""The same, and not none."""
