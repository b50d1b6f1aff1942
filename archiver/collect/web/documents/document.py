"""What reading a document tells, and the form in which it crosses from one process to another."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any, Mapping

from archiver.collect.web.documents.sitemap import Sitemap

AS_DOCUMENT, AS_SITEMAP = "document", "sitemap"
"""What a document is read as."""
REQUEST_HEAD, ANSWER_HEAD = struct.Struct(">II"), struct.Struct(">I")
"""The lengths before a request and an answer, four bytes each, big-endian."""


@dataclass(frozen=True)
class Links:
    """What a document refers to: canonical URLs, each once per class, in document order.

    Attributes:
        pages: what a reader follows.
        requisites: what is needed to display the document.
        frames: documents inside the document: a page where they are in scope, else a requisite.
        others: references to schemes other than http and https, and URLs too long to follow.
        guessed_requisites, guessed_pages: strings of scripts and data that look like one, on the document's own
            origin: worth asking for, and no defect of the site where the server has no such thing.
        sitemaps: what the document says lists the site's pages.
    """

    pages: tuple[str, ...] = ()
    requisites: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    guessed_requisites: tuple[str, ...] = ()
    guessed_pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What an HTML page says of itself.

    Attributes:
        title: of the page, white space folded; at most 200 characters.
        heading: the first ``<h1>`` of its main text, likewise.
        language: what the page is declared to be in (``<html lang>``), a BCP 47 tag if it is right.
        text: the characters of its main text; an estimate where there are ``facts.MOST_TEXT`` or more.
        fingerprint: of that text's words, to be compared by ``facts.likeness``.
        signs: what else there is to see on a short page: constants of ``facts``, sorted.
    """

    title: str = ""
    heading: str = ""
    language: str = ""
    text: int = 0
    fingerprint: str = ""
    signs: tuple[str, ...] = ()


NO_LINKS = Links()
NO_FACTS = Facts()


@dataclass(frozen=True)
class Document:
    """What reading a document told.

    Attributes:
        sitemap: what it lists, where it was read as a sitemap.
        updates: where it is a feed: when each page that it names last changed, ISO 8601 UTC.
        damage: why some or all of it could not be read; empty where nothing is wrong.
    """

    links: Links = field(default=NO_LINKS)
    facts: Facts = field(default=NO_FACTS)
    sitemap: Sitemap | None = None
    updates: Mapping[str, str] = field(default_factory=dict)
    damage: str = ""

    def to_json(self) -> bytes:
        """Return the document as it crosses the pipe."""
        members = {  # what dataclasses.asdict gives, without copying what may be long
            "links": vars(self.links),
            "facts": vars(self.facts),
            "sitemap": None if self.sitemap is None else vars(self.sitemap),
            "updates": self.updates,
            "damage": self.damage,
        }
        text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")

    @classmethod
    def of(cls, members: dict[str, Any]) -> Document:
        """Read what ``to_json``'s form is parsed to. Raises KeyError or TypeError where it is not of that form."""
        sitemap = members["sitemap"]
        return cls(
            Links(**_tuples(members["links"])),
            Facts(**_tuples(members["facts"])),
            None if sitemap is None else Sitemap(**sitemap),
            dict(members["updates"]),
            str(members["damage"]),
        )


NOTHING = Document()


def _tuples(members: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in members.items()}
