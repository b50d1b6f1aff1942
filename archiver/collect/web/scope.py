"""Which URLs are pages of a doc site, and why. A pure function: no I/O, no state.

A seed's folder is in scope, and what the spec includes; what it excludes is not. Where the spec selects
versions or locales, a page of another one is out, whatever else says, and each seed's folder stands for
its counterparts in the selected editions: with ``versions: [v3.4, v3.3]``, the seed ``/docs/v3.4/`` stands for
``/docs/v3.3/`` as well, and with ``locales: [en, zh]`` also for ``/zh/docs/v3.3/``. Pages that show neither
version nor locale are left to the other rules. How editions are read from URLs is told in ``editions``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping

from archiver.collect.web.patterns import Patterns, absolute, is_relative, schemeless
from archiver.collect.web.urls import is_web
from archiver.core.editions import EditionReader, Selectors, folder_of, language_of, normal_locale
from archiver.core.reasons import EXCLUDED, NOT_WEB, OTHER_LOCALE, OTHER_VERSION, OUTSIDE
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from archiver.core.editions import Edition, Mark
    from archiver.spec.model import DocSite


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
_OTHER_VERSION = Decision(False, OTHER_VERSION)
_OTHER_LOCALE = Decision(False, OTHER_LOCALE)


@dataclass(frozen=True)
class Scope:
    """The rule for one site. URLs are compared as text, after the scheme is taken off.

    Attributes:
        seeds: the seeds themselves; always inside.
        folders: the seeds' folders: ``/docs/`` for ``/docs/index.html`` and for ``/docs/``, and
            the whole host for ``/docs``.
        included, excluded: the spec's own rules; an excluded URL is out, unless it is a seed.
        excluded_below: those of the excluding rules that are relative to a seed's folder. They hold in each edition of it.
        editions: the selected versions and locales; None where all are.
        starts: URLs to begin with beside the seeds: the seeds' counterparts in other selected editions, each
            with its seed, as far as a seed shows where to put the version or locale. They may not exist.
    """

    seeds: frozenset[str]
    folders: tuple[str, ...]
    included: Patterns
    excluded: Patterns
    excluded_below: Patterns
    editions: _Editions | None
    starts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, site: DocSite) -> Scope:
        """Return the scope of a spec's doc site; a relative rule is read relative to each seed.

        Raises:
            InvalidURL: a seed, prefix or glob is not of http(s) URLs.
        """
        seeds = [absolute(seed, seed) for seed in site.seeds]
        keys = [schemeless(seed) for seed in seeds]
        asked = site.scope
        included = Patterns.of(asked.include, seeds)
        editions = _Editions.of(keys, included, Selectors(asked.versions, asked.locales))
        starts = dict(editions.starts(seeds)) if editions else {}
        return cls(
            frozenset(keys),
            tuple(dict.fromkeys(map(folder_of, keys))),
            included,
            Patterns.of(asked.exclude, seeds),
            Patterns.of(filter(is_relative, asked.exclude), seeds),
            editions,
            tuple((url, seed) for url, seed in starts.items() if schemeless(url) not in keys),
        )

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts, without ports, that the spec names as having pages of the site."""
        keys = (*self.seeds, *(schemeless(url) for url, _ in self.starts))
        return self.included.hosts | {Origin.of(f"http://{key}").host for key in keys}

    def decide(self, url: str) -> Decision:
        """Say whether a URL in canonical spelling is one of the site's pages."""
        if not is_web(url):
            return _NOT_WEB
        key = schemeless(url)
        if key in self.seeds:
            return _SEED
        if self.excluded.match(url, key):
            return _EXCLUDED
        if self.editions is not None:
            return self._decide_edition(url, key, self.editions)
        if key.startswith(self.folders):
            return _FOLDER
        return _INCLUDED if self.included.match(url, key) else _OUTSIDE

    def _decide_edition(self, url: str, key: str, editions: _Editions) -> Decision:
        edition = editions.reader.read(key)
        if key.startswith(self.folders) or editions.has_counterpart(edition):
            decision = _FOLDER
        elif self.included.match(url, key):
            decision = _INCLUDED
        else:
            return _OUTSIDE
        if edition.version and not editions.selectors.has_version(edition.version.text):
            return _OTHER_VERSION
        if edition.locale and not editions.selectors.has_locale(edition.locale.text):
            return _OTHER_LOCALE
        if any(self.excluded_below.match(url, twin) for twin in editions.counterparts(key, edition)):
            return _EXCLUDED
        return decision


@dataclass(frozen=True)
class _Editions:
    """What a spec selects, and the editions of the seeds' folders."""

    selectors: Selectors
    reader: EditionReader
    folders: Mapping[str, Edition]

    @classmethod
    def of(cls, seeds: list[str], included: Patterns, selectors: Selectors) -> _Editions | None:
        if not (selectors.versions or selectors.locales):
            return None
        reader = EditionReader.around((*seeds, *included.prefixes), *selectors.named)
        return cls(selectors, reader, {folder: reader.read(folder) for folder in map(folder_of, seeds)})

    def has_counterpart(self, edition: Edition) -> bool:
        """Say whether a page is below a seed's folder but for its version and locale, selected or not."""
        return any(
            edition.stem.startswith(folder.stem)
            and self._fits_version(edition.version, folder.version)
            and self._fits_locale(edition.locale, folder.locale)
            for folder in self.folders.values()
        )

    def counterparts(self, key: str, edition: Edition) -> Iterator[str]:
        """Yield what a page would be called in the editions of the seeds' folders, without scheme."""
        _, mark, query = key.partition("?")
        for folder, own in self.folders.items():
            if edition.stem.startswith(own.stem):
                yield f"{folder}{edition.stem.removeprefix(own.stem)}{mark}{query}"

    def starts(self, seeds: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the seeds' counterparts in the selected editions, each with its seed."""
        for seed in seeds:
            for sibling in self.selectors.siblings(seed, self.reader.read(schemeless(seed))):
                yield sibling, seed

    def _fits_version(self, page: Mark | None, folder: Mark | None) -> bool:
        """Say whether a page's version may stand where a seed has its own, or none."""
        if not self.selectors.versions:
            return (page and page.text) == (folder and folder.text)
        return folder is None or (page is not None and page.base == folder.base)

    def _fits_locale(self, page: Mark | None, folder: Mark | None) -> bool:
        """Say whether a page's locale may stand where a seed has its own, or none.

        Sites often leave out their default locale: where others than the seed's are selected, it may be one of them.
        """
        if not self.selectors.locales:
            return (page and page.text) == (folder and folder.text)
        if folder is None:
            return True
        if page is not None:
            return page.base == folder.base
        own = language_of(normal_locale(folder.text))
        return any(language_of(normal_locale(each)) != own for each in self.selectors.locales)
