"""The model of a spec: one project's doc sites, images and files. Documented in specs/README.md."""

from __future__ import annotations

import re
from typing import Annotated, Callable, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from archiver.core.descriptor import Platform
from archiver.core.errors import ArchiverError
from archiver.core.reference import Reference
from archiver.core.urlkey import Origin
from archiver.store.paths import is_project_name

_MOST_CONTACT = 200
_SHA256 = re.compile(r"\A[0-9a-f]{64}\Z")
_TAKEN_NAMES = frozenset({"images", "files"})  # the other sources' names in reports
_NAME = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"


def _web_url(text: str) -> str:
    if "@" in urlsplit(text).netloc:
        raise _wrong(
            "a URL here must not have a user name or password in it",
            "specs and bundles are handed on; take it out, the site must be readable without",
        )
    return _checked(Origin.of, text, "write it in full, such as https://docs.example.org/v2/")


def _reference(text: str) -> str:
    return _checked(Reference.parse, text, "write it as docker does, such as docker.io/library/redis:7")


def _platform(text: str) -> str:
    return _checked(Platform.parse, text, "write os/architecture, such as linux/arm64")


def _sha256(text: object) -> object:
    if isinstance(text, str):
        hexadecimal = text.removeprefix("sha256:")
        if not _SHA256.match(hexadecimal):
            raise _wrong(
                f"{text!r:.100} is not a sha256 digest",
                "write the 64 lowercase hex digits that sha256sum prints",
            )
        return hexadecimal
    return text


def _site_name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise _wrong(
            f"{text!r:.80} cannot be a doc site's name",
            "use at most 64 lowercase letters, digits and .-_, beginning and ending with a letter or digit",
        )
    if text in _TAKEN_NAMES:
        raise _wrong(f"a doc site cannot be named {text!r}", "name it after what it documents")
    return text


def _header_text(text: str) -> str:
    if not (text.isascii() and text.isprintable() and len(text) <= _MOST_CONTACT):
        raise _wrong(
            f"{text!r:.80} cannot stand in the User-Agent header",
            f"write a URL or a mail address, at most {_MOST_CONTACT} printable ASCII characters",
        )
    return text


def _project_name(text: str) -> str:
    if not is_project_name(text):
        raise _wrong(
            f"{text!r:.80} cannot be a project's name",
            "use lowercase letters, digits and .-_; 'images' is taken",
        )
    return text


def _checked(parse: Callable[[str], object], text: str, hint: str) -> str:
    try:
        parse(text)
    except ArchiverError as error:
        shown = f"{text!r:.200}"
        message = error.message if shown in error.message else f"{shown}: {error.message}"
        raise _wrong(message, error.hint or hint) from error
    return text


def _wrong(message: str, hint: str) -> PydanticCustomError:
    """Return an error that ``load`` takes apart again: the hint travels in its context."""
    return PydanticCustomError("spec_value", "{message}", {"message": message, "hint": hint})


WebURL = Annotated[str, AfterValidator(_web_url)]
ImageReference = Annotated[str, AfterValidator(_reference)]
PlatformName = Annotated[str, AfterValidator(_platform)]
Sha256 = Annotated[str, BeforeValidator(_sha256)]
SiteName = Annotated[str, Field(json_schema_extra={"pattern": _NAME}), AfterValidator(_site_name)]
Contact = Annotated[str, AfterValidator(_header_text)]
ProjectName = Annotated[str, AfterValidator(_project_name)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Scope(_Model):
    """Which URLs are a site's pages, beside the seeds' folders."""

    include: tuple[str, ...] = Field((), description="URL prefixes that belong to the site as well")
    exclude: tuple[str, ...] = Field((), description="URL prefixes that do not, whatever else says")


class DocSite(_Model):
    """A doc site to crawl."""

    name: SiteName = Field("docs", description="names the site within the project")
    seeds: tuple[WebURL, ...] = Field(min_length=1, description="where the crawl begins")
    scope: Scope = Scope()
    robots: Literal["obey", "ignore"] = Field("obey", description="whether robots.txt is obeyed")
    connections: int = Field(8, ge=1, le=64, description="how many connections a host gets at the same time")
    delay: float = Field(0, ge=0, le=600, description="seconds between requests to one host")


class ImageSet(_Model):
    """Container images to pull."""

    platforms: tuple[PlatformName, ...] = Field(
        ("linux/amd64",), min_length=1, description="which platforms of a multi-platform image to keep"
    )
    refs: tuple[ImageReference, ...] = Field((), description="image references")
    lists: tuple[str, ...] = Field(
        (),
        description="files (relative to the spec) or URLs with a reference a line, # comments, ## sections",
    )
    sections: tuple[str, ...] = Field((), description="the sections of the lists to take; empty: all")

    @model_validator(mode="after")
    def _names_something(self) -> ImageSet:
        if not (self.refs or self.lists):
            raise _wrong("no image is asked for", "give refs, lists, or both; or leave images out")
        return self


class FileSource(_Model):
    """A file to download."""

    url: WebURL
    sha256: Sha256 | None = Field(None, description="64 hex digits; the download must have this digest")


class Spec(_Model):
    """What to archive for one project."""

    project: ProjectName = Field(description="names the project; also its folder in the archive")
    title: str = Field("", description="for people; the project's name where it is left out")
    contact: Contact = Field(
        "", description="an address put into the User-Agent, so that a site's owner can reach you"
    )
    docs: tuple[DocSite, ...] = ()
    images: ImageSet | None = None
    files: tuple[FileSource, ...] = ()

    @model_validator(mode="after")
    def _something_is_asked_for(self) -> Spec:
        if not (self.docs or self.images or self.files):
            raise _wrong("nothing to archive", "a spec needs at least one of docs, images and files")
        return self
