"""Telling of each page when it was archived, and finding it at another time: Memento (RFC 7089).

The address of an archived page negotiates by ``Accept-Datetime`` and answers with the page itself (sections 4.1.2 and
4.2.2, "200 negotiation style"). ``/-/at/<snapshot>/<path>`` on the same address is the page as one snapshot has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Iterable, Sequence

from archiver.core import jsontext
from archiver.core.clock import is_snapshot_id, iso_of_timestamp14, timestamp14
from archiver.core.errors import InvalidURL
from archiver.core.urlidentity import without_noise
from archiver.core.urlkey import Origin, surt_key
from archiver.offline.lookup import is_of_host, preference
from archiver.offline.wsgi import Reply, plain

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.offline.addresses import View
    from archiver.offline.holdings import Project
    from archiver.offline.wsgi import Headers, Request

AT = "/-/at/"
_DATED = "Memento-Datetime"
GONE = "X-Archive-Gone"
"""The header of a page that upstream has no longer: since when."""
TIMEMAP = "/-/timemap/"
VARY: Headers = (("Vary", "accept-datetime"),)
_LINK, _JSON = "link", "json"
_MOST_LISTED = 200  # snapshots looked through for one time map
_MOST_TRIED = 10  # snapshots looked through for one request
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII
)


@dataclass(frozen=True)
class Memento:
    """A page as it was: when that was, and the address of that state."""

    timestamp: str
    uri: str


def http_date(timestamp: str) -> str:
    """Return a 14-digit timestamp as HTTP writes it (RFC 9110 section 5.6.7), or nothing where it is none."""
    day = _http_day(timestamp[:8])
    return day and f"{day} {timestamp[8:10]}:{timestamp[10:12]}:{timestamp[12:14]} GMT"


@lru_cache(maxsize=1000)  # a snapshot has pages of few days
def _http_day(digits: str) -> str:
    try:
        year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
        weekday = _DAYS[datetime(year, month, day, tzinfo=timezone.utc).weekday()]
    except ValueError:
        return ""
    return f"{weekday}, {day:02} {_MONTHS[month - 1]} {year:04}"


def parse_http_date(text: str) -> datetime | None:
    """Read the one form of date that ``Accept-Datetime`` may have (RFC 7089 section 2.1.1); None for anything else."""
    match = _HTTP_DATE.fullmatch(text.strip())
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    try:
        moment = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), tzinfo=timezone.utc
        )
    except ValueError:
        return None
    return moment + timedelta(seconds=int(second)) if int(second) <= 60 else None


def _linkable(url: str) -> str:
    """Return a URL without angle brackets, which browsers send as they are, and links cannot hold."""
    return url.replace("<", "%3C").replace(">", "%3E")


def capture_headers(capture: Capture, view: View, url: str, address: str) -> Headers:
    """Return the headers that tell when a page was archived, since when it is gone upstream, and where its other states are listed.

    Args:
        capture: what is sent.
        view: the addresses as this reader sees them.
        url: the original URL asked for.
        address: where it is served, not as of any one snapshot.
    """
    original, gate = _linkable(url), _linkable(address)
    relations = (
        f'<{original}>; rel="original timegate"'
        if original == gate
        else f'<{original}>; rel="original", <{gate}>; rel="timegate"'
    )
    listed = f'<{view.main}{TIMEMAP}{_LINK}/{original}>; rel="timemap"; type="application/link-format"'
    gone = ((GONE, http_date(capture.gone)),) if capture.gone else ()
    return ((_DATED, http_date(capture.timestamp)), ("Link", f"{relations}, {listed}"), *gone)


def preferred(snapshots: Sequence[str], moment: datetime) -> list[str]:
    """Return snapshots in the order in which they answer for a moment: the newest that is not later, those before, those after.

    Args:
        snapshots: ids, oldest first.
        moment: in UTC.
    """
    latest = timestamp14(moment)
    before = [one for one in snapshots if one.replace("T", "").rstrip("Z") <= latest]
    return before[::-1] + list(snapshots[len(before) :])


def snapshots_at(projects: Iterable[Project], url: str, moment: datetime) -> dict[str, str]:
    """Return the snapshot of each project, by its name, that tells best how a URL was at a moment.

    That is the newest one that is not later and has the URL; where none is, the oldest that has it; and where no
    snapshot near has it, the newest that is not later.

    Args:
        projects: those that may have the URL.
        url: an absolute URL without a fragment.
        moment: in UTC.
    """
    found: dict[str, str] = {}
    for project in projects:
        order = preferred(project.snapshots(), moment)
        having = (one for one in order[:_MOST_TRIED] if _best(project, one, url) is not None)
        choice = next(having, order[0] if order else "")
        if choice:
            found[project.name] = choice
    return found


def other_snapshot_with(project: Project, url: str, chosen: str) -> str:
    """Return the newest snapshot but the one chosen that has a URL; empty where none of the last ones has it."""
    others = [one for one in project.snapshots()[: -_MOST_TRIED - 1 : -1] if one != chosen]
    return next((one for one in others if _best(project, one, url) is not None), "")


def ends(projects: Iterable[Project], url: str, address: str) -> tuple[Memento, ...]:
    """Return the first and the last memento of a URL, as far as the first and the last snapshots tell."""
    every = sorted(
        ((snapshot, project) for project in projects for snapshot in project.snapshots()),
        key=lambda pair: pair[0],
    )
    found = (
        next(filter(None, (_memento(project, one, url, address) for one, project in tried)), None)
        for tried in (every[:_MOST_TRIED], every[: -_MOST_TRIED - 1 : -1])
    )
    return tuple(memento for memento in found if memento is not None)


def mementos(projects: Iterable[Project], url: str, address: str) -> tuple[Memento, ...]:
    """Return all states of a URL, oldest first; of snapshots that have the same one, the newest is named."""
    found: dict[str, Memento] = {}
    for project in projects:
        for snapshot in project.snapshots()[: -_MOST_LISTED - 1 : -1]:
            memento = _memento(project, snapshot, url, address)
            if memento is not None:
                found.setdefault(memento.timestamp, memento)
    return tuple(found[timestamp] for timestamp in sorted(found))


def time_map_url(request: Request) -> str:
    """Return the original URL that ``/-/timemap/<kind>/<URL>`` asks about; programs on the way make one slash of two."""
    return re.sub(r"\A(https?):/+", r"\1://", request.target[len(TIMEMAP) :].partition("/")[2])


def time_map(request: Request, projects: Iterable[Project], view: View) -> Reply:
    """Answer a request for a time map (RFC 7089 section 5): ``/-/timemap/link/<URL>`` or ``/-/timemap/json/<URL>``.

    Args:
        request: its path begins so.
        projects: those that may have the URL.
        view: the addresses as this reader sees them.
    """
    url, kind = _linkable(time_map_url(request)), request.path[len(TIMEMAP) :].partition("/")[0]
    address, write = view.locate(url), _MAPS.get(kind)
    listed = mementos(projects, url, address) if address and write else ()
    if address is None or write is None or not listed:
        return plain(404, "nothing is archived of this URL")
    return write(url, address, listed, view)


def is_memento(reply: Reply) -> bool:
    """Say whether a reply is an archived one, and not the server's own."""
    return any(name == _DATED for name, _ in reply.headers)


def negotiated_headers(address: str, snapshot: str, ends: Sequence[Memento]) -> Headers:
    """Return what a negotiated answer says beside ``capture_headers``: its own address, and the first and last states."""
    headers: Headers = (("Content-Location", memento_uri(address, snapshot)),)
    links = _memento_links(list(dict.fromkeys(ends)))
    return (*headers, ("Link", ", ".join(links))) if links else headers


def split_memento_path(path: str) -> tuple[str, str] | None:
    """Return the snapshot's id and the path of ``/-/at/<snapshot>/<path>``; None where it is malformed."""
    snapshot, slash, rest = path[len(AT) :].partition("/")
    return (snapshot, f"/{rest}") if slash and is_snapshot_id(snapshot) else None


def memento_uri(address: str, snapshot: str) -> str:
    """Return the address of a page as one snapshot has it."""
    scheme, _, rest = address.partition("://")
    netloc, _, path = rest.partition("/")
    return f"{scheme}://{netloc}{AT}{snapshot}/{path}"


def _best(project: Project, snapshot: str, url: str) -> Capture | None:
    """Return the capture that a snapshot has of a URL, but for tracking parameters."""
    wanted = without_noise(url)
    try:
        key, origin = surt_key(wanted), Origin.of(wanted)
    except InvalidURL:
        return None
    captures = [one for one in project.look_up(snapshot, key) if is_of_host(one.url, origin)]
    return min(captures, key=lambda one: preference(one, wanted), default=None)


def _memento(project: Project, snapshot: str, url: str, address: str) -> Memento | None:
    capture = _best(project, snapshot, url)
    return None if capture is None else Memento(capture.timestamp, memento_uri(address, snapshot))


def _memento_links(mementos: Sequence[Memento]) -> list[str]:
    """Return the links to states, oldest first, the first and the last one marked."""
    links = []
    for number, memento in enumerate(mementos):
        ends = ["first"] * (number == 0) + ["last"] * (number == len(mementos) - 1)
        relation = " ".join((*ends, "memento"))
        links.append(f'<{memento.uri}>; rel="{relation}"; datetime="{http_date(memento.timestamp)}"')
    return links


def _link_map(url: str, address: str, mementos: Sequence[Memento], view: View) -> Reply:
    first, last = http_date(mementos[0].timestamp), http_date(mementos[-1].timestamp)
    own = f"{view.main}{TIMEMAP}{_LINK}/{url}"
    links = [
        f'<{url}>; rel="original"',
        f'<{own}>; rel="self"; type="application/link-format"; from="{first}"; until="{last}"',
        f'<{address}>; rel="timegate"',
        *_memento_links(mementos),
    ]
    return _document("application/link-format", ",\n".join(links).encode() + b"\n")


def _json_map(url: str, address: str, mementos: Sequence[Memento], view: View) -> Reply:
    """Return a time map in JSON, with the members that MemGator and ODU's aggregators gave it."""
    listed = [{"datetime": iso_of_timestamp14(memento.timestamp), "uri": memento.uri} for memento in mementos]
    document = {
        "original_uri": url,
        "self": f"{view.main}{TIMEMAP}{_JSON}/{url}",
        "mementos": {"list": listed, "first": listed[0], "last": listed[-1]},
        "timemap_uri": {
            "link_format": f"{view.main}{TIMEMAP}{_LINK}/{url}",
            "json_format": f"{view.main}{TIMEMAP}{_JSON}/{url}",
        },
        "timegate_uri": address,
    }
    return _document("application/json", jsontext.dump(document))


_MAPS = {_LINK: _link_map, _JSON: _json_map}


def _document(media_type: str, body: bytes) -> Reply:
    safe = (("X-Content-Type-Options", "nosniff"), ("Content-Security-Policy", "default-src 'none'"))
    return Reply(200, (("Content-Type", media_type), ("Cache-Control", "no-cache"), *safe), body)
