"""Which images a spec asks for: single references, repositories' tags, lists; each once, in the spec's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Collection, Iterable, Iterator, Mapping, Protocol

from archiver.collect.images.lists import fetched_list, is_url, local_list, no_section
from archiver.collect.images.tags import chosen_tags, exact_tags, unmet_rules
from archiver.core.amounts import count_text
from archiver.core.errors import (
    ArchiverError,
    ContentError,
    FetchError,
    InvalidDigest,
    InvalidDocument,
    InvalidURL,
    ManifestUnknown,
    NoTagMatches,
    SpecError,
    TagGone,
)
from archiver.core.reference import Reference
from archiver.core.snapshot import Failure

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.images.lists import ListEntries
    from archiver.collect.images.registries import Registries
    from archiver.collect.images.repository import TagList
    from archiver.core.snapshot import ImageResult
    from archiver.spec.images import ImageSet, TagSelection

SOURCE = "images"
_UNLISTED = (FetchError, ContentError, InvalidDocument, InvalidDigest)
TAGS = "tags"
"""Kind of what is not expanded: tags of a repository."""
LIST = "list"
"""Kind of what is not expanded: a list that is a URL."""


@dataclass(frozen=True)
class Mention:
    """Where a spec asks for an image: a list's path or URL, section and ``file:line``; all empty for the spec itself."""

    list: str = ""
    section: str = ""
    place: str = ""


_IN_SPEC = Mention()


@dataclass(frozen=True)
class Unexpanded:
    """What only the network can tell: its kind (TAGS or LIST), its repository or URL, and what is asked for of it."""

    kind: str
    subject: str
    detail: str = ""


@dataclass(frozen=True)
class Selection:
    """What a spec asks for, as far as it can be told.

    Attributes:
        mentions: by reference where it was asked for first; in order.
        failures: what cannot be used: lists, lines (``referrer`` is ``file:line``), sections that no list has,
            repositories whose tags cannot be listed, rules that no tag matches, and what is gone.
        gone: references of the earlier images that the spec asks for and their repository has no longer.
        kept: references of the earlier images that the spec asks for, and of which nobody can say whether they are
            there: their registry cannot be asked for its tags.
        complete: whether nothing else is asked for; a list that cannot be used may have named anything.
        unexpanded: what was left out because nobody was to be asked.
    """

    mentions: Mapping[Reference, Mention]
    failures: tuple[Failure, ...] = ()
    gone: tuple[Reference, ...] = ()
    kept: tuple[Reference, ...] = ()
    complete: bool = True
    unexpanded: tuple[Unexpanded, ...] = ()

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references to pull, each once."""
        return tuple(self.mentions)


def selected(
    images: ImageSet, folder: Path, registries: Registries, previous: Iterable[ImageResult]
) -> Selection:
    """Return what a spec asks for today: tags are listed, and lists that are URLs fetched.

    Args:
        images: the spec's image set.
        folder: the folder that relative paths start from.
        registries: the registries of the run.
        previous: the images of the last good snapshot.

    Raises:
        Stopped: the run is to end.
        SpecError: a rule for tags cannot be read.
    """
    return _expanded(images, folder, _Online(registries, _archived_tags(previous)))


def selected_offline(images: ImageSet, folder: Path) -> Selection:
    """Return what a spec asks for as far as it can be told without any network. Arguments as of ``selected``."""
    return _expanded(images, folder, _Offline())


def _in_words(entry: TagSelection) -> str:
    """Return in words which tags are asked for: ``v3.*, without *-rc*, newest 3``."""
    parts = [", ".join(entry.tags) or "releases"]
    if entry.exclude:
        parts.append(f"without {', '.join(entry.exclude)}")
    if entry.latest is not None:
        parts.append(f"newest {entry.latest}")
    return ", ".join(parts)


class _Asked:
    """Collects what is asked for."""

    def __init__(self) -> None:
        self._mentions: dict[Reference, Mention] = {}
        self._failures: dict[Failure, None] = {}
        self._gone: dict[Reference, None] = {}
        self._kept: dict[Reference, None] = {}
        self._complete = True
        self.unexpanded: list[Unexpanded] = []

    def add(self, reference: Reference, where: Mention = _IN_SPEC) -> None:
        self._mentions.setdefault(reference, where)

    def miss(self, references: Iterable[Reference]) -> None:
        """Note what is gone."""
        self._gone.update(dict.fromkeys(references))

    def keep(self, references: Iterable[Reference]) -> None:
        """Note what may be there or not."""
        self._kept.update(dict.fromkeys(references))

    def fail(self, subject: str, code: str, message: str) -> None:
        self._failures[Failure(SOURCE, subject, code, message)] = None

    def fail_list(self, subject: str, code: str, message: str, referrer: str = "") -> None:
        """Note what is wrong with a list: it may have asked for anything."""
        self._failures[Failure(SOURCE, subject, code, message, referrer)] = None
        self._complete = False

    def selection(self) -> Selection:
        gone = tuple(each for each in self._gone if each not in self._mentions)
        for each in gone:
            self.fail(
                str(each), TagGone.code, "its registry has this tag no longer; the archived copy is kept"
            )
        return Selection(
            mentions=self._mentions,
            failures=tuple(self._failures),
            gone=gone,
            kept=tuple(each for each in self._kept if each not in self._mentions),
            complete=self._complete,
            unexpanded=tuple(self.unexpanded),
        )


class _Expansion(Protocol):
    """How what a spec does not name itself becomes known."""

    def tags(self, entry: TagSelection, asked: _Asked) -> None:
        """Add what is chosen of a repository's tags."""

    def list(self, url: str, asked: _Asked) -> ListEntries | None:
        """Return what a list says; None where nobody is to be asked. Raises FetchError or InvalidURL."""


class _Offline:
    """Leaves out what takes a network."""

    def tags(self, entry: TagSelection, asked: _Asked) -> None:
        asked.unexpanded.append(Unexpanded(TAGS, entry.repository, _in_words(entry)))

    def list(self, url: str, asked: _Asked) -> None:
        asked.unexpanded.append(Unexpanded(LIST, url))


class _Online:
    """Asks registries and servers, of each repository once.

    Args:
        registries: the registries of the run.
        archived: by repository the tags that are archived.
    """

    def __init__(self, registries: Registries, archived: Mapping[str, frozenset[str]]) -> None:
        self._registries, self._archived = registries, archived
        self._answers: dict[str, TagList | ArchiverError] = {}

    def list(self, url: str, asked: _Asked) -> ListEntries:  # noqa: ARG002 - nothing is left out
        return fetched_list(url, self._registries.client, self._registries.retrier)

    def tags(self, entry: TagSelection, asked: _Asked) -> None:
        anything = Reference.parse(entry.repository)
        earlier = self._archived.get(anything.name, frozenset())
        there = self._answer(anything)
        if isinstance(there, ArchiverError):
            asked.fail(anything.name, there.code, there.message)
            note = asked.miss if isinstance(there, ManifestUnknown) else asked.keep
            note(_references(anything, chosen_tags(earlier, entry)))
            return
        listed = frozenset(there.names)
        known = listed | earlier
        chosen = chosen_tags(listed, entry)
        lost = [tag for tag in chosen_tags(known, entry) if tag not in listed] if known > listed else []
        for reference in _references(anything, chosen):
            asked.add(reference)
        note = asked.miss if there.location == anything.registry else asked.keep  # a mirror may lag behind
        note(_references(anything, lost))
        for problem in _unmet(entry, listed, known, nothing=not (chosen or lost)):
            asked.fail(anything.name, NoTagMatches.code, problem)

    def _answer(self, anything: Reference) -> TagList | ArchiverError:
        if anything.name not in self._answers:
            try:
                self._answers[anything.name] = self._registries.repository(anything).tags()
            except _UNLISTED as error:
                self._answers[anything.name] = error
        return self._answers[anything.name]


def _expanded(images: ImageSet, folder: Path, expansion: _Expansion) -> Selection:
    asked = _Asked()
    for text in images.refs:
        asked.add(Reference.parse(text))
    for entry in images.repositories:
        named = exact_tags(entry)
        if named is None:
            expansion.tags(entry, asked)
            continue
        for reference in _references(Reference.parse(entry.repository), named):
            asked.add(reference)
    _add_lists(images, folder, expansion, asked)
    return asked.selection()


def _add_lists(images: ImageSet, folder: Path, expansion: _Expansion, asked: _Asked) -> None:
    """Add what lists say in the sections that are wanted, and tell which of these are in no list."""
    known: set[str] = set()
    everything = True
    for name in images.lists:
        try:
            read = expansion.list(name, asked) if is_url(name) else local_list(folder / name)
        except (FetchError, SpecError, InvalidURL) as error:
            listed = name if is_url(name) else str(folder / name)
            asked.fail_list(listed, error.code, _with_hint(error.message, error))
            continue
        if read is None:
            everything = False
            continue
        known.update(read.sections)
        chosen = read.only(images.sections)
        for entry in chosen.entries:
            asked.add(entry.reference, Mention(name, entry.section, entry.place))
        for line in chosen.bad_lines:
            fault = _with_hint(line.error.fault, line.error)
            asked.fail_list(line.text[:200], line.error.code, fault, line.place)
    for section in images.sections:
        if everything and section not in known:
            missing = no_section(section, known)
            asked.fail_list(section, missing.code, _with_hint(missing.message, missing))


def _with_hint(message: str, error: ArchiverError) -> str:
    """Return a message for a failure, which has no hint of its own, with that of the error."""
    return f"{message} ({error.hint})" if error.hint else message


def _archived_tags(previous: Iterable[ImageResult]) -> Mapping[str, frozenset[str]]:
    """Return the tags of earlier images by repository, without what came along with an image."""
    tags: dict[str, set[str]] = {}
    for image in previous:
        reference = Reference.parse(image.reference)
        if reference.named_tag and not image.refers_to:
            tags.setdefault(reference.name, set()).add(reference.tag)
    return {name: frozenset(found) for name, found in tags.items()}


def _references(anything: Reference, tags: Iterable[str]) -> Iterator[Reference]:
    return (Reference(anything.registry, anything.repository, tag) for tag in tags)


def _unmet(
    entry: TagSelection, listed: Collection[str], known: Collection[str], *, nothing: bool
) -> Iterator[str]:
    """Say what a selection asks for in vain: rules that match no tag, or all of them together."""
    unmet = unmet_rules(known, entry)
    for rule in unmet:
        yield f"none of its {count_text(len(listed), 'tag')} matches {rule!r:.120}"
    if nothing and not entry.tags:
        yield f"none of its {count_text(len(listed), 'tag')} is that of a release; say with tags: which ones to take"
    elif nothing and not unmet:
        yield f"none of its {count_text(len(listed), 'tag')} is left by {_in_words(entry)!r:.200}"
