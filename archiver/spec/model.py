"""The model of a spec: one project's doc sites, images and files. Documented in specs/README.md."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Union

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from archiver.spec.access import Auth, Cookies, Headers, Proxy
from archiver.spec.files import FileEntry
from archiver.spec.guard import Guard, GuardRules
from archiver.spec.hook import Command
from archiver.spec.images import ImageSet, NamedImageReference
from archiver.spec.keep import Keep
from archiver.spec.limits import Interval, Limits
from archiver.spec.registries import RegistryMap
from archiver.spec.scope import Scope, Traps
from archiver.spec.values import Model, WebURL, web_url, wrong
from archiver.store.paths import is_project_name

_MOST_CONTACT = 200
_TAKEN_NAMES = frozenset({"images", "files"})  # the other sources' names in reports
DISCOVERED = "auto"
"""Stands for the sitemaps that a site itself leads to."""
_SITEMAP_WORDS: dict[str, tuple[str, ...]] = {"auto": (DISCOVERED,), "none": ()}
_NAME = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"


def _site_name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise wrong(
            f"{text!r:.80} cannot be a doc site's name",
            "use at most 64 lowercase letters, digits and .-_, beginning and ending with a letter or digit",
        )
    if text in _TAKEN_NAMES:
        raise wrong(f"a doc site cannot be named {text!r}", "name it after what it documents")
    return text


def _header_text(text: str) -> str:
    if not (text.isascii() and text.isprintable() and len(text) <= _MOST_CONTACT):
        raise wrong(
            f"{text!r:.80} cannot stand in the User-Agent header",
            f"write a URL or a mail address, at most {_MOST_CONTACT} printable ASCII characters",
        )
    return text


def _project_name(text: str) -> str:
    if not is_project_name(text):
        raise wrong(
            f"{text!r:.80} cannot be a project's name",
            "use lowercase letters, digits and .-_; 'images' is taken",
        )
    return text


def _sitemap(text: str) -> str:
    return text if text == DISCOVERED else web_url(text)


def _sitemap_list(value: object) -> object:
    if isinstance(value, str):
        if value not in _SITEMAP_WORDS:
            raise wrong(
                f"{value!r:.100} is neither 'auto' nor 'none'",
                "write one of these words, or a list of the sitemaps' URLs",
            )
        return _SITEMAP_WORDS[value]
    return tuple(value) if isinstance(value, list) else value


SiteName = Annotated[str, Field(json_schema_extra={"pattern": _NAME}), AfterValidator(_site_name)]
Contact = Annotated[str, AfterValidator(_header_text)]
ProjectName = Annotated[str, AfterValidator(_project_name)]
SitemapList = Annotated[
    tuple[Annotated[str, AfterValidator(_sitemap)], ...],
    BeforeValidator(
        _sitemap_list,
        json_schema_input_type=Union[Literal["auto", "none"], list[str]],
    ),
]


class DocSite(Model):
    """A doc site to crawl."""

    name: SiteName = Field("docs", description="names the site within the project")
    seeds: tuple[WebURL, ...] = Field(min_length=1, description="where the crawl begins")
    scope: Scope = Scope()
    traps: Traps = Traps()
    sitemaps: SitemapList = Field(
        (DISCOVERED,), description="auto, none, or URLs of sitemaps; auto in a list stands for those found"
    )
    robots: Literal["obey", "ignore"] = Field("obey", description="whether robots.txt is obeyed")
    connections: int = Field(8, ge=1, le=64, description="how many connections a host gets at the same time")
    delay: float = Field(0, ge=0, le=600, description="seconds between requests to one host")
    limits: Limits = Limits()
    headers: Headers = Field({}, description="sent to the seeds' own origins; secret values as ${NAME}")
    cookies: Cookies = Field({}, description="sent likewise; values as ${NAME}")
    auth: Auth | None = Field(None, description="basic authentication, sent likewise")
    proxy: Proxy | None = Field(
        None, description="an HTTP proxy for this site's requests; as ${NAME} with a password"
    )
    every: Interval | None = Field(
        None, description="how often refresh asks the site; default: the project's"
    )
    at_least_every: Interval | None = Field(
        None, description="how often it asks for a page that never changes; default: the project's"
    )
    guard: GuardRules | None = Field(
        None, description="when what came is refused, where that differs from the project's"
    )

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> DocSite:
        names = {name.lower() for name in self.headers}
        for header, key, given in (("cookie", "cookies", self.cookies), ("authorization", "auth", self.auth)):
            if given and header in names:
                raise wrong(f"{key!r} and a header {header!r} are both given", "drop one of the two")
        return self


class Spec(Model):
    """What to archive for one project."""

    project: ProjectName = Field(description="names the project; also its folder in the archive")
    title: str = Field("", description="for people; the project's name where it is left out")
    contact: Contact = Field(
        "", description="an address put into the User-Agent, so that a site's owner can reach you"
    )
    docs: tuple[DocSite, ...] = ()
    images: ImageSet | None = None
    registries: RegistryMap = Field({}, description="how registries are reached, by host or host/path")
    files: tuple[FileEntry, ...] = ()
    reader_image: NamedImageReference | None = Field(
        None,
        description="an image with Python in it, archived too, for readers who have a container runtime only",
    )
    every: Interval = Field("1d", description="how often refresh asks a source, such as 7d")
    at_least_every: Interval = Field("90d", description="how often it asks for a page that never changes")
    retired: tuple[str, ...] = Field(
        (),
        description="sources of which upstream is gone for good, by name: they are asked no more, and stay as they are",
    )
    guard: GuardRules = Field(Guard(), description="when what came of a source is refused; or the word off")
    keep: Keep | None = Field(None, description="which snapshots prune keeps; all where it is left out")
    on_degraded: Command = Field(
        (),
        description="a command that refresh calls when a source is not healthy: its words, which may have ${NAME}",
    )

    @property
    def asked_images(self) -> ImageSet | None:
        """All images to pull: those of ``images``, and the reader's image for the same platforms; None for none."""
        if self.reader_image is None:
            return self.images
        if self.images is None:
            return ImageSet(refs=(self.reader_image,))
        return self.images.model_copy(update={"refs": (*self.images.refs, self.reader_image)})

    @model_validator(mode="after")
    def _something_is_asked_for(self) -> Spec:
        if not (self.docs or self.images or self.files):
            raise wrong("nothing to archive", "a spec needs at least one of docs, images and files")
        return self
