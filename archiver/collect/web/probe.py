"""How a site answers when there is nothing: asked with URLs that cannot exist, once a run.

Sites that answer 404 are honest. Others answer 200 with an error page, redirect to their front page, or send
the same page for every URL; what they send here is what their soft 404s look like. Pure: the crawl does the asking.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Iterable
from urllib.parse import urlsplit

from archiver.collect.web.documents.document import NO_FACTS, Facts
from archiver.core.urlkey import Origin

MOST_PROBES = 4
"""How many folders of one origin are asked about."""
MOST_PROBE_REDIRECTS = 5
_NAME = "archiver-no-such-page-"
_ENDINGS = (".html", ".htm", ".xhtml", ".php", ".aspx", ".jsp")


@dataclass(frozen=True)
class ProbeAnswer:
    """What a site answered to a URL that cannot exist.

    Attributes:
        url: what was asked for.
        status: the last answer's, redirects followed.
        target: where it redirects whatever does not exist, without the query; empty where it does not.
        digest, size: of the last answer's payload.
        facts: what that says of itself, where it is HTML.
    """

    url: str
    status: int
    target: str = ""
    digest: str = ""
    size: int = 0
    facts: Facts = NO_FACTS

    @property
    def honest(self) -> bool:
        """Whether the site says that there is nothing."""
        return self.status in (404, 410)

    @property
    def pretended(self) -> bool:
        """Whether the site answers as if there were something."""
        return 200 <= self.status < 300

    def to_json(self) -> str:
        """Return the form in which the run's state keeps it."""
        return json.dumps(asdict(self), ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> ProbeAnswer:
        """Read ``to_json``'s form."""
        members = json.loads(text)
        facts = members.pop("facts")
        return cls(**members, facts=Facts(**{**facts, "signs": tuple(facts["signs"])}))


def probe_urls(origin: str, seeds: Iterable[str]) -> tuple[str, ...]:
    """Return the URLs to ask an origin for: one in each folder of its seeds, else one at its root.

    They are the same in every run, and end as the seeds do (``.html`` or not): servers tell by that which
    URLs are pages.

    Args:
        origin: ``scheme://host[:port]``.
        seeds: the site's, in canonical spelling; those of the same host count, whatever their scheme and port.
    """
    host = Origin.of(origin).host
    paths = [urlsplit(seed).path for seed in seeds if Origin.of(seed).host == host]
    return tuple(dict.fromkeys(_probe_url(origin, path) for path in paths or ["/"]))[:MOST_PROBES]


def is_probe(url: str) -> bool:
    """Say whether a URL is one of those that cannot exist."""
    return urlsplit(url).path.rpartition("/")[2].startswith(_NAME)


def led_away(url: str) -> str:
    """Return the place that a redirect of a probe leads to, where it is no other spelling of the probe; else nothing.

    Args:
        url: where it leads, absolute.
    """
    place = url.partition("?")[0]
    return "" if _NAME in place else place


def _probe_url(origin: str, path: str) -> str:
    folder, _, name = path.rpartition("/")
    ending = next((each for each in _ENDINGS if name.endswith(each)), "")
    unique = hashlib.sha256(f"{origin}{folder}/".encode()).hexdigest()[:8]
    return f"{origin}{folder}/{_NAME}{unique}{ending}"
