"""Which snapshot of each project a reader reads: the newest, or one chosen on the landing page and kept in a cookie.

Cookies know no ports, so one cookie reaches all addresses of a server that gives each site a port. Below a domain of
the operator's the cookie is for the whole domain. Where host names have nothing in common that a browser takes a
cookie for, as ``*.localhost`` has not, choosing leads through all of them, one redirect a host. Source: RFC 6265.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Collection, Iterable, Mapping, Sequence
from urllib.parse import urlencode, urljoin, urlsplit

from archiver.core.clock import is_snapshot_id
from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin
from archiver.offline.wsgi import Reply, plain

if TYPE_CHECKING:
    from archiver.offline.addresses import View
    from archiver.offline.wsgi import Request

PATH = "/-/as-of"
_COOKIE = "archiver-snapshot-"
_PLAIN = re.compile(r"[!-\[\]-~]{1,4000}")  # ASCII but for spaces and backslashes
_MOST_HOSTS = 15  # redirects that browsers follow without complaint


@dataclass(frozen=True)
class Choices:
    """The snapshots of a project that a reader may choose from.

    Attributes:
        project: its name.
        current: the id of the one that this reader reads.
        newest: the id of the one that is read where none is chosen.
        snapshots: all ids, the newest first.
    """

    project: str
    current: str
    newest: str
    snapshots: tuple[str, ...]


def chosen_snapshots(request: Request) -> Mapping[str, str]:
    """Return what a request's cookies choose: snapshot ids by project. Neither need exist."""
    header = request.header("Cookie")
    if _COOKIE not in header:
        return {}
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {
        name[len(_COOKIE) :]: value
        for name, _, value in pairs
        if name.startswith(_COOKIE) and is_snapshot_id(value)
    }


def choosing_url(project: str, snapshot: str, back: str) -> str:
    """Return the path that chooses a snapshot, or for an empty one the newest, and leads on to ``back``."""
    return f"{PATH}?{urlencode({'project': project, 'snapshot': snapshot, 'to': back})}"


def choose(
    request: Request, view: View, projects: Mapping[str, Sequence[str]], names: Collection[str]
) -> Reply:
    """Answer the request that chooses a snapshot: set the cookie here, and go on to the next host or to the end.

    Args:
        request: with the parameters ``project``, ``snapshot`` (empty for the newest) and ``to``, an address of this
            server or an original URL.
        view: the addresses as this reader sees them.
        projects: the ids of each project's snapshots.
        names: all host names that this server answers to, beside those that its machine has.
    """
    project, snapshot = request.parameter("project"), request.parameter("snapshot")
    known = projects.get(project)
    if known is None or (snapshot and snapshot not in known):
        return plain(404, "there is no such snapshot")
    host = request.caller.host
    here = f"{request.caller.scheme}://{host.name}" + (f":{host.port}" if host.port else "")
    visited = request.parameter("visited")
    # An original name is where a reader came from who was led on here; else it is to be translated.
    target = _safe_target(request.parameter("to"), here, view, names if visited else ())
    bases = [view.main, *view.bases.values()]
    domain = _common_domain(view.main, bases)
    hosts = [] if domain else _one_of_each_host(bases)[:_MOST_HOSTS]
    done = int(visited) if visited.isascii() and visited.isdigit() and len(visited) < 4 else 0
    following = next((at for at in range(done, len(hosts)) if _host(hosts[at]) != _host(here)), None)
    if following is not None:
        on = {"project": project, "snapshot": snapshot, "to": target, "visited": following + 1}
        target = f"{hosts[following]}{PATH}?{urlencode(on)}"
    cookie = _set_cookie(project, snapshot, domain, secure=request.caller.scheme == "https")
    headers = (("Location", target), ("Set-Cookie", cookie), ("Cache-Control", "no-store"))
    return Reply(303, (*headers, ("Referrer-Policy", "no-referrer")))


def _set_cookie(project: str, snapshot: str, domain: str, *, secure: bool) -> str:
    parts = [f"{_COOKIE}{project}={snapshot}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if not snapshot:
        parts.append("Max-Age=0")
    if domain:
        parts.append(f"Domain={domain}")
    if secure:
        parts.append("Secure")
    return "; ".join(parts)


def _safe_target(text: str, here: str, view: View, names: Collection[str]) -> str:
    """Return an absolute address of this server that a reader may be sent to: what is asked for, or the landing page."""
    try:
        wanted = urljoin(f"{here}/", text)
        origin = Origin.of(wanted)
        own = {Origin.of(base) for base in (here, view.main, *view.bases.values())}
    except (InvalidURL, ValueError):
        return f"{view.main}/"
    is_own = origin in own or (origin.host in names and origin.port == Origin.of(here).port)
    target = wanted if is_own else view.locate(wanted)
    return target if target and _PLAIN.fullmatch(target) else f"{view.main}/"


def _common_domain(main: str, bases: Iterable[str]) -> str:
    """Return the domain that a cookie can be set for so that it reaches all hosts, or nothing where there is none."""
    domain = _host(main)
    if "." not in domain or domain.replace(".", "").isdigit() or ":" in domain:
        return ""
    hosts = {_host(base) for base in bases}
    below = all(host == domain or host.endswith(f".{domain}") for host in hosts)
    return domain if below and len(hosts) > 1 else ""


def _one_of_each_host(bases: Iterable[str]) -> list[str]:
    hosts: dict[str, str] = {}
    for base in bases:
        hosts.setdefault(_host(base), base)
    return [hosts[name] for name in sorted(hosts)]


def _host(base: str) -> str:
    return urlsplit(base).hostname or ""
