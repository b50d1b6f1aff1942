"""The part of a spec that says which container images to pull."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import AfterValidator, BeforeValidator, Field, field_serializer, model_validator

from archiver.core.descriptor import Platform
from archiver.core.reference import Reference
from archiver.spec.guard import GuardRules
from archiver.spec.limits import Interval
from archiver.spec.values import Model, Texts, checked, web_url, wrong

ALL = "all"
"""Stands for all platforms; in the model an empty tuple does."""


def _reference(text: str) -> str:
    return checked(Reference.parse, text, "write it as docker does, such as docker.io/library/redis:7")


def _named_reference(text: str) -> str:
    if not Reference.parse(_reference(text)).named_tag:
        raise wrong(
            f"{text!r:.200} is asked for by a digest",
            "write a tag: docker load and podman load give an image no name that has a digest",
        )
    return text


def _repository(text: str) -> str:
    if "@" in text or ":" in text.rpartition("/")[2]:
        raise wrong(
            f"{text!r:.200} says which image of the repository",
            "leave tag and digest out here; write the tag below tags:",
        )
    return checked(Reference.parse, text, "write it without a tag, such as docker.io/library/redis")


def _platform(text: str) -> str:
    return checked(Platform.parse, text, "write os/architecture, such as linux/arm64")


def _platform_list(value: object) -> object:
    if value in (ALL, [ALL]):
        return ()
    if isinstance(value, str):
        raise wrong(
            f"{value!r:.80} is neither a list nor the word 'all'",
            "write it in brackets, such as [linux/amd64]",
        )
    if isinstance(value, list) and ALL in value:
        raise wrong("'all' stands beside other platforms", "write all, or the platforms that you want")
    if value == []:
        raise wrong("an empty list", "give at least one platform, or write all")
    return tuple(value) if isinstance(value, list) else value


def _list_name(text: str) -> str:
    if text.startswith(("http://", "https://")):
        return web_url(text)
    if "://" in text:
        raise wrong(
            f"{text!r:.200} is neither a file nor an http(s) URL",
            "give a path that is relative to the spec, or a URL that begins with https://",
        )
    return text


ImageReference = Annotated[str, AfterValidator(_reference)]
NamedImageReference = Annotated[str, AfterValidator(_named_reference)]
"""A reference under which the image can be run after it was loaded from a tar."""
RepositoryName = Annotated[str, AfterValidator(_repository)]
PlatformName = Annotated[str, AfterValidator(_platform)]
ListName = Annotated[str, AfterValidator(_list_name)]
PlatformList = Annotated[
    tuple[PlatformName, ...],
    BeforeValidator(
        _platform_list,
        json_schema_input_type=Union[Literal["all"], Annotated[list[str], Field(min_length=1)]],
    ),
]


class TagSelection(Model):
    """Some tags of a repository; ``archiver.collect.images.tags`` says what the rules mean."""

    repository: RepositoryName = Field(description="the repository, without a tag")
    tags: Texts = Field(
        (), description="which tags: exact, globs, `re:` expressions, semver ranges; one or a list"
    )
    exclude: Texts = Field((), description="the same of tags that are not taken, whatever `tags` says")
    latest: int | None = Field(
        None,
        ge=1,
        description="only the newest so many versions of what matches; without tags: of all releases",
    )

    @model_validator(mode="after")
    def _selects_something(self) -> TagSelection:
        if not self.tags and self.latest is None:
            raise wrong(
                "nothing says which tags to take",
                "give tags:, latest:, or both; tags: '*' takes every tag of the repository",
            )
        return self


class ImageSet(Model):
    """Container images to pull. ``platforms`` is empty where all are wanted."""

    platforms: PlatformList = Field(
        ("linux/amd64",), description="which platforms of a multi-platform image to keep; or the word all"
    )
    refs: tuple[ImageReference, ...] = Field((), description="image references")
    repositories: tuple[TagSelection, ...] = Field((), description="repositories, and which of their tags")
    lists: tuple[ListName, ...] = Field(
        (),
        description="files (relative to the spec) or URLs with a reference a line, # comments, ## sections",
    )
    sections: tuple[str, ...] = Field((), description="the sections of the lists to take; empty: all")
    referrers: bool = Field(True, description="whether signatures, SBOMs and attestations are kept, too")
    every: Interval | None = Field(
        None, description="how often refresh asks for them; default: the project's"
    )
    guard: GuardRules | None = Field(
        None, description="when what came is refused, where that differs from the project's"
    )

    @field_serializer("platforms")
    def _written_platforms(self, platforms: tuple[str, ...]) -> object:
        return platforms or ALL

    @model_validator(mode="after")
    def _names_something(self) -> ImageSet:
        if not (self.refs or self.repositories or self.lists):
            raise wrong("no image is asked for", "give refs, repositories or lists; or leave images out")
        return self
