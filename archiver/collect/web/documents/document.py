"""What reading a document tells, and the form in which it crosses from one process to another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Links:
    """What a document refers to: canonical URLs, each once per class, in document order.

    Attributes:
        pages: what a reader follows.
        requisites: what is needed to display the document.
        frames: documents inside the document: a page where they are in scope, else a requisite.
        others: references to schemes other than http and https, and URLs too long to follow.
        complete: False where a document could only be searched for what looks like links.
    """

    pages: tuple[str, ...] = ()
    requisites: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True)
class Facts:
    """What an HTML page says of itself.

    Attributes:
        title: of the page, white space folded; at most 200 characters.
    """

    title: str = ""


NO_LINKS = Links()
NO_FACTS = Facts()


@dataclass(frozen=True)
class Document:
    """What reading a document told."""

    links: Links = field(default=NO_LINKS)
    facts: Facts = field(default=NO_FACTS)

    def to_json(self) -> bytes:
        """Return the document as it crosses the pipe."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode(
            "utf-8", "surrogatepass"
        )

    @classmethod
    def of(cls, members: dict[str, Any]) -> Document:
        """Read what ``to_json``'s form is parsed to. Raises KeyError or TypeError where it is not of that form."""
        return cls(Links(**_tuples(members["links"])), Facts(**_tuples(members["facts"])))


NOTHING = Document()


def _tuples(members: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in members.items()}
