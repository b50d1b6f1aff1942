"""Which URLs are pages of a doc site, and why. A pure function: no I/O, no state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable

from archiver.collect.web.urls import is_web, resolve
from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from archiver.spec.model import DocSite

EXCLUDED = "excluded"
OUTSIDE = "out of scope"
NOT_WEB = "not http"


@dataclass(frozen=True)
class Decision:
    """Whether a URL is one of the site's pages, and by which rule."""

    inside: bool
    reason: str


_SEED = Decision(True, "seed")
_FOLDER = Decision(True, "seed's folder")
_INCLUDED = Decision(True, "included")
_EXCLUDED = Decision(False, EXCLUDED)
_OUTSIDE = Decision(False, OUTSIDE)
_NOT_WEB = Decision(False, NOT_WEB)


@dataclass(frozen=True)
class Scope:
    """The rule for one site. Prefixes are compared as text, after the scheme is taken off.

    Attributes:
        seeds: the seeds themselves; always inside.
        folders: the seeds' folders: ``/docs/`` for ``/docs/index.html`` and for ``/docs/``, and
            the whole host for ``/docs``.
        included, excluded: the spec's own prefixes; an excluded one wins over all but a seed.
    """

    seeds: frozenset[str]
    folders: tuple[str, ...]
    included: tuple[str, ...]
    excluded: tuple[str, ...]

    @classmethod
    def of(cls, site: DocSite) -> Scope:
        """Return the scope of a spec's doc site; a relative prefix is read relative to each seed.

        Raises:
            InvalidURL: a seed or prefix is not an http(s) URL.
        """
        seeds = [_web_url(seed, seed) for seed in site.seeds]
        return cls(
            frozenset(map(_schemeless, seeds)),
            _distinct(_schemeless(seed).partition("?")[0].rpartition("/")[0] + "/" for seed in seeds),
            _distinct(_schemeless(_web_url(seed, rule)) for seed in seeds for rule in site.scope.include),
            _distinct(_schemeless(_web_url(seed, rule)) for seed in seeds for rule in site.scope.exclude),
        )

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts, without ports, that the spec names as having pages of the site."""
        keys = (*self.seeds, *self.folders, *self.included)
        return frozenset(Origin.of(f"http://{key}").host for key in keys)

    def decide(self, url: str) -> Decision:
        """Say whether a URL in canonical spelling is one of the site's pages."""
        if not is_web(url):
            return _NOT_WEB
        key = _schemeless(url)
        if key in self.seeds:
            return _SEED
        if key.startswith(self.excluded):
            return _EXCLUDED
        if key.startswith(self.folders):
            return _FOLDER
        return _INCLUDED if key.startswith(self.included) else _OUTSIDE


def _schemeless(url: str) -> str:
    """Make http and https one; the scheme's default port is gone already."""
    return url.partition("://")[2]


def _web_url(base: str, text: str) -> str:
    url = resolve(base, text)
    if url is None or not is_web(url):
        raise InvalidURL("not an http or https URL", place=f"{text:.200}")
    return url


def _distinct(prefixes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(prefixes))
