"""Reading a crawl report back: a reader gets it from strangers, so every member is checked.

Source: docs/format.md, "Report".
"""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from archiver.core import jsontext
from archiver.core.errors import InvalidDocument
from archiver.core.judgement import Judgement
from archiver.core.report import (
    FORMAT,
    Coverage,
    EditionReport,
    Entry,
    HostReport,
    ItemReport,
    Listing,
    Report,
    SetReport,
    SitemapReport,
    SiteReport,
)
from archiver.core.shape import read_record
from archiver.core.snapshot import check_verdicts

LIMIT = 128 << 20
"""The most bytes that a report may have: listings are bounded when it is written."""
_T = TypeVar("_T")
_LISTINGS = ("failed", "broken", "gone", "marked", "skipped", "left_out")


def read_report(data: bytes, *, what: str) -> Report:
    """Read a report.

    Args:
        data: the file's content.
        what: names the document in the error.

    Raises:
        InvalidDocument: another format, or any member missing or of the wrong type.
    """
    document = jsontext.load_object(data, limit=LIMIT, what=what)
    if document.get("format") != FORMAT:
        raise InvalidDocument(f"not a {FORMAT} document", place=what)
    judgements = _each(_flat(Judgement), document.get("judgements", []), "judgements", what)
    check_verdicts(judgements, what)
    return _record(
        Report,
        document,
        what,
        judgements=judgements,
        sites=_each(_site, document.get("sites"), "sites", what),
        sets=_each(_set, document.get("sets"), "sets", what),
    )


def _site(document: Any, what: str) -> SiteReport:
    members = _object(document, "sites", what)
    coverage = members.get("coverage")
    return _record(
        SiteReport,
        members,
        what,
        seconds=_number(members, "seconds", what),
        coverage=None if coverage is None else _coverage(coverage, what),
        sitemaps=_each(_flat(SitemapReport), members.get("sitemaps"), "sitemaps", what),
        hosts=_each(_host, members.get("hosts"), "hosts", what),
        editions=_each(_flat(EditionReport), members.get("editions"), "editions", what),
        **{name: _each(_listing, members.get(name), name, what) for name in _LISTINGS},
    )


def _set(document: Any, what: str) -> SetReport:
    members = _object(document, "sets", what)
    return _record(
        SetReport,
        members,
        what,
        failed=_each(_listing, members.get("failed"), "failed", what),
        kept=_each(_flat(ItemReport), members.get("kept", []), "kept", what),
    )


def _coverage(document: Any, what: str) -> Coverage:
    members = _object(document, "coverage", what)
    return _record(
        Coverage,
        members,
        what,
        missing=_each(_listing, members.get("missing"), "missing", what),
        unlisted=_listing(members.get("unlisted"), what),
    )


def _host(document: Any, what: str) -> HostReport:
    members = _object(document, "hosts", what)
    return _record(HostReport, members, what, waited=_number(members, "waited", what))


def _listing(document: Any, what: str) -> Listing:
    members = _object(document, "listing", what)
    return _record(
        Listing, members, what, entries=_each(_flat(Entry), members.get("entries"), "entries", what)
    )


def _flat(kind: type[_T]) -> Callable[[Any, str], _T]:
    """Return the reader of a record that has no record inside."""
    return lambda document, what: read_record(kind, document, what=what)


def _record(kind: type[_T], members: dict[str, Any], what: str, **read: Any) -> _T:
    """Make a record of members, some of which were read already."""
    return read_record(kind, {**members, **read}, what=what)


def _each(read: Callable[[Any, str], _T], documents: Any, name: str, what: str) -> tuple[_T, ...]:
    if not isinstance(documents, list):
        raise InvalidDocument(f"{name!r} is not a list", place=what)
    return tuple(read(document, what) for document in documents)


def _object(document: Any, name: str, what: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidDocument(f"{name!r}: not an object", place=what)
    return document


def _number(members: dict[str, Any], name: str, what: str) -> float:
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise InvalidDocument(f"{name!r} is not a number of seconds", place=what)
    return float(value)
