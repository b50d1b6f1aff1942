"""Answering for archived sites as of any date: the newest snapshot, one that a reader chose, or one that a request names."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.core.clock import utc_now
from archiver.offline.asof import chosen_snapshots
from archiver.offline.memento import (
    AT,
    VARY,
    ends,
    is_memento,
    memento_uri,
    negotiated_headers,
    parse_http_date,
    snapshots_at,
    split_memento_path,
    time_map,
    time_map_url,
)
from archiver.offline.misspage import is_missing_part
from archiver.offline.replay import original_url
from archiver.offline.wsgi import plain

if TYPE_CHECKING:
    from archiver.core.urlkey import Origin
    from archiver.offline.addresses import View
    from archiver.offline.holdings import Project
    from archiver.offline.reading import Reading
    from archiver.offline.readings import Readings, Snapshots
    from archiver.offline.wsgi import Reply, Request

_LOOKED_FOR = 2000  # parts of pages that the newest snapshot lacks, for which it is remembered who has them


class Sites:
    """Answers requests for archived sites.

    Args:
        snapshots: which there are.
        readings: lends what answers from them.
    """

    def __init__(self, snapshots: Snapshots, readings: Readings[Reading]) -> None:
        self._snapshots = snapshots
        self._readings = readings
        self._having = lru_cache(maxsize=_LOOKED_FOR)(self._find_having)

    def answer(self, request: Request, origin: Origin, view: View) -> Reply:
        """Answer a request that came to an origin's address, the server's own pages there left aside."""
        asked = request.header("Accept-Datetime")
        if request.path.startswith(AT):
            return self._answer_memento(request, origin, view)
        if asked:
            return self._answer_at(request, origin, view, asked)
        with self._readings.chosen(chosen_snapshots(request)) as reading:
            reply = reading.replay.answer(request, origin, reading.addresses(view))
        if is_missing_part(reply):
            return self._part_of_others(request, origin, view) or reply
        return reply

    def time_map(self, request: Request, view: View) -> Reply:
        """Answer ``/-/timemap/...``."""
        with self._readings.chosen({}) as reading:
            view = reading.addresses(view)
        return time_map(request, self._projects_of(time_map_url(request)), view)

    def _part_of_others(self, request: Request, origin: Origin, view: View) -> Reply | None:
        """Answer for a part of a page that is not in the snapshot read, from the newest one that has it.

        Browsers send no cookie where they ask another origin for a font or a module, and a reader may have opened the
        page just before a new snapshot came: it is a page of another snapshot then that wants the part.
        """
        url = original_url(request, origin)
        snapshots = tuple(sorted(self._snapshots.ids().items()))
        chosen = self._having(url, snapshots) if url and any(len(ids) > 1 for _, ids in snapshots) else None
        if not chosen:
            return None
        with self._readings.chosen(chosen) as reading:
            return reading.replay.answer(request, origin, reading.addresses(view))

    def _find_having(self, url: str, _: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, str]:
        """Return the newest snapshots that have a URL, by project; the second argument is what there is to look in."""
        return snapshots_at(self._projects_of(url), url, utc_now())

    def _answer_at(self, request: Request, origin: Origin, view: View, asked: str) -> Reply:
        """Answer as of a date: with the page as the snapshot has it that fits best."""
        moment, url = parse_http_date(asked), original_url(request, origin)
        if moment is None:
            return plain(400, "Accept-Datetime is no date, or not in the form of RFC 1123", *VARY)
        projects = self._projects_of(url or str(origin))
        chosen = snapshots_at(projects, url, moment) if url else {}
        with self._readings.chosen(chosen) as reading:
            reply = reading.replay.answer(request, origin, reading.addresses(view))
            sites = reading.finder.sites_of(url or "")
        if not url or not sites or not is_memento(reply):
            return reply
        address = f"{view.bases[origin]}{request.target}"
        snapshot = next((chosen[site.project] for site in sites if site.project in chosen), "")
        return reply.with_headers(*negotiated_headers(address, snapshot, ends(projects, url, address)))

    def _projects_of(self, url: str) -> Sequence[Project]:
        """Return the projects that have captures of a URL's origin now; all, where none has."""
        with self._readings.chosen({}) as reading:
            names = {site.project for site in reading.finder.sites_of(url)}
        projects = self._snapshots.projects
        return [project for project in projects if project.name in names] or projects

    def _answer_memento(self, request: Request, origin: Origin, view: View) -> Reply:
        """Answer ``/-/at/<snapshot>/<path>``."""
        parts = split_memento_path(request.path)
        having = [
            name for name, ids in self._snapshots.ids().items() if parts is not None and parts[0] in ids
        ]
        if parts is None or not having:
            return plain(404, "there is no such snapshot")
        with self._readings.chosen(dict.fromkeys(having, parts[0])) as reading:
            inner = replace(request, path=parts[1])
            reply = reading.replay.answer(inner, origin, reading.addresses(view))
        return _within(reply, view.bases[origin], parts[0])


def _within(reply: Reply, base: str, snapshot: str) -> Reply:
    """Let a redirect within an origin lead to the state of the same snapshot."""
    headers = tuple(
        (name, memento_uri(value, snapshot))
        if name.lower() == "location" and value.startswith(f"{base}/")
        else (name, value)
        for name, value in reply.headers
    )
    return replace(reply, headers=headers)
