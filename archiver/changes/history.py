"""What became of one URL over all projects and snapshots of an archive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.core.errors import ArchiverError, NotArchived
from archiver.core.urlidentity import twins
from archiver.core.urlkey import surt_key
from archiver.store.captureindex import CaptureIndex
from archiver.store.quarantine import list_quarantine, refused_sources
from archiver.store.snapshots import list_snapshots

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.store.paths import ArchivePaths, ProjectPaths

FIRST = "first"
SAME = "unchanged"
CHANGED = "changed"
REFUSED = "refused"
"""What a capture's content is beside that of the one before; ``refused``: it came with a source that was not healthy."""


@dataclass(frozen=True)
class PageCapture:
    """One capture of a URL.

    Attributes:
        project: whose it is.
        source: the doc site's name.
        url: the URL, in the spelling that it was captured under.
        captured: when, ``YYYYMMDDhhmmss`` UTC.
        status: the HTTP status.
        mime: the media type.
        digest: of the content as it came.
        what: ``first``, ``unchanged``, ``changed`` or ``refused``.
        gone: since when upstream is known not to have it any more, in the form of ``captured``; else empty.
        snapshots: the ids of those that have it, oldest first.
        refused_by: the ids of the runs that the guard refused it in.
    """

    project: str
    source: str
    url: str
    captured: str
    status: str
    mime: str
    digest: str
    what: str = FIRST
    gone: str = ""
    snapshots: tuple[str, ...] = ()
    refused_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """The captures of a URL: by project, doc site and spelling, each oldest first. ``problems`` says what could not be read."""

    url: str
    captures: tuple[PageCapture, ...]
    problems: tuple[str, ...] = ()


def page_history(archive: ArchivePaths, url: str, projects: Sequence[str] = ()) -> History:
    """Return the captures of a URL, those of its other spellings where there is none of itself.

    Args:
        archive: the archive folder.
        url: the URL; ``https://`` may be left out.
        projects: where to look; empty for all projects.

    Raises:
        InvalidURL: it is no URL.
        NotArchived: nothing of it is there, or a project is not.
    """
    url = url if "://" in url else f"https://{url}"
    url = url.partition("#")[0]
    found: dict[tuple[str, str, str, str], PageCapture] = {}
    problems: list[str] = []
    paths = [archive.archived_project(name) for name in projects or archive.projects()]
    for spelling in (url, *twins(url)):
        for each in paths:
            _add(each, surt_key(spelling), found, problems)
        if found:
            break
    exact = [each for each in found.values() if each.url == url]
    captures = _told(exact or list(found.values()))
    if not captures:
        raise NotArchived(
            "no snapshot has this URL" + (f"; {problems[0]}" if problems else ""),
            place=f"{url:.300}",
            hint="archiver search finds pages by their words, archiver diff those that are new or gone",
        )
    return History(url, tuple(captures), tuple(problems))


def _add(
    paths: ProjectPaths,
    key: str,
    found: dict[tuple[str, str, str, str], PageCapture],
    problems: list[str],
) -> None:
    """Add what a project has of a key."""
    for snapshot in list_snapshots(paths):
        for capture in _looked_up(CaptureIndex(paths.captures(snapshot)), key, problems):
            page = _known(paths, capture, found)
            found[_identity(paths, capture)] = replace(
                page, snapshots=(*page.snapshots, snapshot), gone=capture.gone
            )
    for run in list_quarantine(paths):
        for source in refused_sources(paths, run):
            if not paths.refused_captures(run, source).is_file():
                continue
            for capture in _looked_up(CaptureIndex(paths.refused_captures(run, source)), key, problems):
                page = _known(paths, capture, found)
                found[_identity(paths, capture)] = replace(page, refused_by=(*page.refused_by, run))


def _looked_up(index: CaptureIndex, key: str, problems: list[str]) -> Iterator[Capture]:
    try:
        yield from index.captures_at(key)
    except ArchiverError as error:
        problems.append(str(error))


def _identity(paths: ProjectPaths, capture: Capture) -> tuple[str, str, str, str]:
    return paths.name, capture.source, capture.url, capture.record


def _known(
    paths: ProjectPaths, capture: Capture, found: dict[tuple[str, str, str, str], PageCapture]
) -> PageCapture:
    return found.get(_identity(paths, capture)) or PageCapture(
        project=paths.name,
        source=capture.source,
        url=capture.url,
        captured=capture.timestamp,
        status=capture.status,
        mime=capture.mime,
        digest=capture.digest,
    )


def _told(captures: Sequence[PageCapture]) -> list[PageCapture]:
    """Put captures in order, and say of each what it is beside the one before."""
    told: list[PageCapture] = []
    last: PageCapture | None = None
    for each in sorted(captures, key=lambda one: (one.project, one.source, one.url, one.captured)):
        if last and (last.project, last.source, last.url) != (each.project, each.source, each.url):
            last = None
        if not each.snapshots:
            told.append(replace(each, what=REFUSED))
            continue
        what = FIRST if last is None else SAME if last.digest == each.digest else CHANGED
        told.append(replace(each, what=what))
        last = each
    return told
