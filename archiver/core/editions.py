"""Versions and translations of documentation, as URLs show them.

A URL is of at most one version and one locale. Both are read from its path, its host or its query:

- A numbered version such as ``v3.4``, ``3.4.1``, ``1.x`` or ``release-1.2`` counts wherever it stands.
- A locale with a region or script, ``zh-CN``, ``pt_br`` or ``zh-Hans``, counts wherever it stands.
- What may be an ordinary word as well, ``latest``, ``dev``, ``3``, ``zh``, ``it``, counts only at a *place* for
  it: as the path's first segment, behind another version or locale, behind ``docs``, as the first segment
  below the folder of a seed or of an included prefix, or where one of those has its own; a language also in
  front of a version.
- Behind ``release-notes``, ``blog`` and the like, a version is what a page is about, not what it belongs to.
- In a host it is the first label: ``v1-28.docs.example.org``, ``zh.example.org``.
- In a query: ``lang=``, ``locale=``, ``hl=``, ``language=``, ``version=``.

A URL that shows neither is shared by all. Pure functions of the URL and the seeds; nothing is learnt on the way.

Sources: ISO 639-1 and BCP 47 (language tags); the URL layouts of Sphinx on Read the Docs, Docusaurus,
VitePress, Hugo's Docsy, MkDocs with mike, Antora, and of the sites of Kubernetes, Python, Django, MySQL and Istio.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Container, Iterable, Iterator, Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MOST_SEGMENTS = 10  # of a path that are looked at
_KEYWORDS = _words(
    "latest stable main master next dev devel develop nightly edge current canary trunk unstable lts head"
    " preview beta"
)
_ROOTS = frozenset({"docs", "doc", "documentation"})
_ABOUT = _words(
    "release releases release-notes release_notes releasenotes changelog changelogs changes whatsnew whats-new"
    " what-s-new news blog posts tag tags upgrade upgrading upgrades migration migrations migrating"
)
# The languages of ISO 639-1 that documentation is translated to. Those that are names of modules, products and
# folders more often (io, os, ee, ts, so, to, as, av, sd, st) are not among them; a spec can name them all the same.
_LANGUAGES = _words(
    "ar az be bg bn bs ca cs da de el en eo es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk km kn ko"
    " lt lv mk ml mn mr ms my nb ne nl nn no pa pl pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh"
)
_MISNOMERS = {"cn": "zh", "jp": "ja", "kr": "ko"}  # countries' codes that sites use for languages
_SCRIPTS_AND_REGIONS = _words(
    "hans hant latn cyrl arab 419 ae ar at au be bg bo br by ca ch cl cn co cz de dk ec ee eg es fi fr gb gr hk hr"
    " hu id ie il in ir is it jp ke kr kz lt lu lv mo mx my ng nl no nz pe ph pk pl pt ro rs ru sa se sg si sk th tr"
    " tw ua uk us uy uz ve vn za"
)
_NUMBERED = re.compile(
    r"(?:(?:release|version|rel|branch)[-_]?)?v?\.?([0-9]{1,5}(?:\.(?:[0-9]{1,5}|x)){1,4}"
    r"(?:[-._+]?(?:alpha|beta|rc|dev|pre|preview|snapshot|release|final|ga|lts|sp|post|[abmp])[-.]?[0-9]{0,4})?)\Z",
    re.IGNORECASE,
)
_MAJOR = re.compile(r"(?:v([0-9]{1,3})|([0-9]{1,2}))\Z", re.IGNORECASE)
_HOST_VERSION = re.compile(r"v([0-9]{1,4}(?:-[0-9]{1,4}){0,3})\Z", re.IGNORECASE)
_PREFIX = re.compile(r"\A(?:(?:release|version|rel|branch)[-_]?)?(?:v\.?)?(?=[0-9])", re.IGNORECASE)
_ASKED_LOCALE = re.compile(
    r"(?:\A|&)(?:lang|locale|hl|language)=([a-z]{2}(?:[-_][a-z0-9]{2,4}){0,2})(?=&|\Z)", re.IGNORECASE
)
_ASKED_VERSION = re.compile(r"(?:\A|&)version=([a-z0-9.+\-]{1,40})(?=&|\Z)", re.IGNORECASE)


@dataclass(frozen=True)
class Mark:
    """A version or locale in a URL.

    Attributes:
        text: as it is spelt there.
        at: which part of the path it is, the host being part 0; -1 for the query.
        base: what stands before it, versions and locales left out; empty for host and query.
    """

    text: str
    at: int
    base: str = ""


@dataclass(frozen=True)
class Edition:
    """What a URL shows of version and locale; ``stem`` is its host and path without the two."""

    stem: str
    version: Mark | None = None
    locale: Mark | None = None


class _Anywhere:
    """Holds every place: a seed's segments are what the keeper meant."""

    def __contains__(self, _: object) -> bool:
        return True


@dataclass(frozen=True)
class EditionReader:
    """Reads the edition of URLs.

    Attributes:
        places: beginnings of URLs behind which words and bare numbers count, beside the usual places.
        versions, locales: in normal form; names that count at a place though they have no usual form.
    """

    places: Container[str] = frozenset()
    versions: frozenset[str] = frozenset()
    locales: frozenset[str] = frozenset()

    @classmethod
    def around(
        cls,
        seeds: Iterable[str],
        versions: frozenset[str] = frozenset(),
        locales: frozenset[str] = frozenset(),
    ) -> EditionReader:
        """Return a reader that knows the places that seeds show.

        Args:
            seeds: URLs without their scheme.
            versions: as the attribute.
            locales: as the attribute.
        """
        first = cls(_Anywhere(), versions, locales)
        places = set()
        for seed in seeds:
            edition = first.read(folder_of(seed))
            places |= {edition.stem}
            places |= {mark.base for mark in (edition.version, edition.locale) if mark and mark.base}
        return cls(frozenset(places), versions, locales)

    def read(self, key: str) -> Edition:
        """Return a URL's edition; ``key`` is the URL without its scheme."""
        path, _, query = key.partition("?")
        host, *segments = path.split("/")
        version, locale, host = self._in_host(host)
        base, is_place = f"{host}/", True
        kept: list[str] = []
        for at, segment in enumerate(segments[:_MOST_SEGMENTS], 1):
            word = segment.lower()
            if word in _ABOUT:
                kept += segments[at - 1 :]
                break
            is_place = is_place or base in self.places
            if version is None and self._is_version(segment, word, is_place):
                version, is_place = Mark(segment, at, base), True
            elif locale is None and self._is_locale(word, is_place or _is_plain_version(segments, at)):
                locale, is_place = Mark(segment, at, base), True
            else:
                kept.append(segment)
                base, is_place = f"{base}{segment}/", word in _ROOTS
        else:
            kept += segments[_MOST_SEGMENTS:]
        if query:
            version, locale = version or self._asked_version(query), locale or _asked_locale(query)
        return Edition("/".join((host, *kept)), version, locale)

    def _in_host(self, host: str) -> tuple[Mark | None, Mark | None, str]:
        label, _, rest = host.partition(".")
        if "." in rest:
            if _HOST_VERSION.match(label):
                return Mark(label, 0), None, rest
            if _is_tag(label) or label in self.locales:
                return None, Mark(label, 0), rest
        return None, None, host

    def _is_version(self, segment: str, word: str, is_place: bool) -> bool:
        if _NUMBERED.match(segment):
            return True
        if not is_place or not word:
            return False
        return word in _KEYWORDS or bool(_MAJOR.match(segment)) or normal_version(segment) in self.versions

    def _is_locale(self, word: str, is_place: bool) -> bool:
        if len(word) == 2:
            return is_place and (word in _LANGUAGES or word in _MISNOMERS or word in self.locales)
        return _is_tag(word) or (is_place and normal_locale(word) in self.locales)

    def _asked_version(self, query: str) -> Mark | None:
        found = _ASKED_VERSION.search(query)
        return Mark(found[1], -1) if found and self._is_version(found[1], found[1].lower(), True) else None


@dataclass(frozen=True)
class Selectors:
    """The versions and locales that a spec selects; an empty tuple selects all.

    ``v3.4`` is the same version as ``3.4`` and ``release-3.4``; a ``*`` in it stands for anything. ``zh`` selects
    every kind of Chinese, ``zh-CN`` only itself, written in whatever case and with ``-`` or ``_``.
    """

    versions: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    _versions: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _locales: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starred = (".*".join(map(re.escape, normal_version(each).split("*"))) for each in self.versions)
        object.__setattr__(self, "_versions", re.compile("|".join(starred)))
        object.__setattr__(self, "_locales", frozenset(map(normal_locale, self.locales)))

    @property
    def named(self) -> tuple[frozenset[str], frozenset[str]]:
        """Versions and locales in normal form, as an ``EditionReader`` takes them."""
        return frozenset(map(normal_version, self.versions)), self._locales

    def has_version(self, text: str) -> bool:
        """Say whether a version is selected."""
        return not self.versions or self._versions.fullmatch(normal_version(text)) is not None

    def has_locale(self, text: str) -> bool:
        """Say whether a locale is selected."""
        tag = normal_locale(text)
        return not self.locales or tag in self._locales or language_of(tag) in self._locales

    def siblings(self, url: str, edition: Edition) -> Iterator[str]:
        """Yield a seed's URL in every selected edition, as far as the seed shows where to put it.

        Args:
            url: the seed, absolute.
            edition: what it shows.
        """
        scheme, _, key = url.partition("://")
        path, mark, query = key.partition("?")
        version, locale = edition.version, edition.locale
        parts = path.split("/")
        for name in (
            [each for each in self.versions if "*" not in each] if version and version.at >= 0 else [""]
        ):
            for tag in self.locales if locale and locale.at >= 0 else [""]:
                changed = list(parts)
                if version and name:
                    changed[version.at] = _replaced(
                        parts[version.at], version, _spelt_like(version.text, name)
                    )
                if locale and tag and not _selects(tag, locale.text):
                    changed[locale.at] = _replaced(changed[locale.at], locale, tag)
                yield f"{scheme}://{'/'.join(changed)}{mark}{query}"


@dataclass(frozen=True)
class FoundEditions:
    """How many URLs show each version and each locale, by its normal form; the most frequent first."""

    versions: Mapping[str, int]
    locales: Mapping[str, int]


def found_editions(urls: Iterable[str], seeds: Iterable[str] = ()) -> FoundEditions:
    """Count the versions and locales that URLs show, so that a keeper learns that there are many.

    Args:
        urls: absolute URLs of pages.
        seeds: the site's seeds, absolute.
    """
    reader = EditionReader.around(seed.partition("://")[2] for seed in seeds)
    versions: Counter[str] = Counter()
    locales: Counter[str] = Counter()
    for url in urls:
        edition = reader.read(url.partition("://")[2])
        if edition.version:
            versions[normal_version(edition.version.text)] += 1
        if edition.locale:
            locales[normal_locale(edition.locale.text)] += 1
    return FoundEditions(dict(versions.most_common()), dict(locales.most_common()))


def folder_of(key: str) -> str:
    """Return what is above a page: its URL up to the path's last slash, without a query."""
    return key.partition("?")[0].rpartition("/")[0] + "/"


def normal_version(text: str) -> str:
    """Return the form in which versions are compared: ``3.4`` for ``v3.4``, ``release-3.4`` and ``v3-4``."""
    number = _HOST_VERSION.match(text)
    return number[1].replace("-", ".") if number else _PREFIX.sub("", text, count=1).lower()


def normal_locale(text: str) -> str:
    """Return the form in which locales are compared: ``zh-cn`` for ``zh_CN``."""
    return text.replace("_", "-").lower()


def language_of(tag: str) -> str:
    """Return the language of a locale in normal form."""
    language = tag.partition("-")[0]
    return _MISNOMERS.get(language, language)


def _is_tag(word: str) -> bool:
    """Say whether a word in lowercase is a known language, with a known script or region if it has one."""
    language, *rest = word.replace("_", "-").split("-", 3)
    return language in _LANGUAGES and len(rest) <= 2 and all(each in _SCRIPTS_AND_REGIONS for each in rest)


def _is_plain_version(segments: list[str], at: int) -> bool:
    if at >= len(segments):
        return False
    return segments[at].lower() in _KEYWORDS or _NUMBERED.match(segments[at]) is not None


def _asked_locale(query: str) -> Mark | None:
    found = _ASKED_LOCALE.search(query)
    return Mark(found[1], -1) if found and _is_tag(found[1].lower()) else None


def _selects(selected: str, text: str) -> bool:
    return Selectors(locales=(selected,)).has_locale(text)


def _spelt_like(example: str, version: str) -> str:
    """Write a version in the way of another: ``3.3`` like ``v3.4`` is ``v3.3``."""
    number = normal_version(version)
    if not number[:1].isdigit() or not normal_version(example)[:1].isdigit():
        return version
    prefix = _PREFIX.match(example)
    return (prefix[0] if prefix else "") + (number.replace(".", "-") if "-" in example else number)


def _replaced(part: str, mark: Mark, text: str) -> str:
    """Put another text in the place of a mark: a whole segment, or the first label of a host."""
    return part if mark.at < 0 else text + part[len(mark.text) :]
