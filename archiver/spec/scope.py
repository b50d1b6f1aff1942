"""The part of a spec that says which URLs are a doc site's pages, and when a site is taken for endless."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from archiver.spec.values import Model, wrong


def _rule(text: str) -> str:
    """Check what ``archiver.collect.web.patterns`` takes for granted."""
    if text.startswith("re:"):
        try:
            re.compile(text[3:])
        except re.error as error:
            raise wrong(
                f"{text!r:.200} is not a regular expression: {error}",
                "behind re: stands a Python regular expression; put the whole in single quotes",
            ) from error
    elif any("**" in segment and segment != "**" for segment in text.partition("?")[0].split("/")):
        raise wrong(
            f"{text!r:.200} has ** beside other characters",
            "** stands for whole path segments: write **/*.pdf, not **.pdf",
        )
    elif re.match(r"[^/?]*\*[^/?]*://", text):
        raise wrong(f"{text!r:.200} has a * for the scheme", "begin with https://, which means http:// too")
    return text


def _version(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9*][A-Za-z0-9._*+-]{0,63}", text):
        raise wrong(f"{text!r:.80} is not a version", "write it as the site's URLs have it, such as v3.4")
    return text


def _locale(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}", text):
        raise wrong(f"{text!r:.80} is not the code of a language", "write one such as en, zh or pt-BR")
    return text


Rule = Annotated[str, AfterValidator(_rule)]
VersionName = Annotated[str, AfterValidator(_version)]
LocaleName = Annotated[str, AfterValidator(_locale)]


class Scope(Model):
    """Which URLs are a site's pages, beside the seeds' folders."""

    include: tuple[Rule, ...] = Field(
        (), description="URL prefixes, globs and `re:` expressions of what belongs to the site as well"
    )
    exclude: tuple[Rule, ...] = Field((), description="the same of what does not, whatever else says")
    versions: tuple[VersionName, ...] = Field(
        (), description="of pages that are of a version, take these; empty: all"
    )
    locales: tuple[LocaleName, ...] = Field((), description="of translated pages, take these; empty: all")


class Traps(Model):
    """From where on a site is taken for endless. What is beyond is left out, counted with the reason."""

    depth: int = Field(20, ge=1, le=1000, description="the most path segments in a page's URL")
    repeats: int = Field(
        3, ge=2, le=100, description="path segments that follow themselves so often are a loop"
    )
    queries: int = Field(
        1000, ge=1, le=1_000_000, description="the most pages that differ in one parameter only"
    )
    combinations: int = Field(
        300, ge=1, le=1_000_000, description="the most pages of one path with several parameters"
    )
    dates: int = Field(500, ge=1, le=1_000_000, description="the most days or months of one calendar")
