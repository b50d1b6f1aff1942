"""Image lists: a reference a line, ``#`` comments, ``##`` sections, as KubeSphere's installer has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable

from archiver.collect.client import Client
from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Patience, Retrier
from archiver.core.errors import FetchError, InvalidReference, InvalidURL, SpecError, UnexpectedContent
from archiver.core.progress import NullProgress
from archiver.core.reference import Reference
from archiver.core.snapshot import Failure
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from archiver.spec.images import ImageSet

SOURCE = "images"
_LIMIT = 4 << 20  # bytes of a list
_SECTION = "##"


@dataclass(frozen=True)
class ListEntry:
    """One line of a list. ``section`` is empty in front of the first; ``place`` is ``file:line``."""

    reference: Reference
    section: str
    place: str


@dataclass(frozen=True)
class BadLine:
    """A line that is no reference: its text, and the error with its ``file:line``."""

    text: str
    section: str
    error: SpecError


@dataclass(frozen=True)
class ListEntries:
    """What a list says: its references in order, its sections, and the lines that cannot be read."""

    entries: tuple[ListEntry, ...]
    sections: tuple[str, ...]
    bad_lines: tuple[BadLine, ...]

    def only(self, sections: Iterable[str]) -> ListEntries:
        """Return what is in some sections; all, where none is named."""
        wanted = frozenset(sections)
        if not wanted:
            return self
        return ListEntries(
            tuple(entry for entry in self.entries if entry.section in wanted),
            self.sections,
            tuple(line for line in self.bad_lines if line.section in wanted),
        )


def read_list(text: str, place: str) -> ListEntries:
    """Read a list; bad lines are told, not raised.

    Args:
        text: its content.
        place: its file or URL, for ``file:line``.
    """
    entries: list[ListEntry] = []
    bad: list[BadLine] = []
    sections: dict[str, None] = {}
    section = ""
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if line.startswith(_SECTION):
            section = line.lstrip("#").strip()
            sections.setdefault(section)
            continue
        name = line.partition("#")[0].strip()
        if not name:
            continue
        at = f"{place}:{number}"
        try:
            entries.append(ListEntry(Reference.parse(name), section, at))
        except InvalidReference as error:
            bad.append(BadLine(name, section, SpecError(error.message, place=at, hint=error.hint)))
    return ListEntries(tuple(entries), tuple(sections), tuple(bad))


@dataclass(frozen=True)
class WantedReferences:
    """What a spec's references and lists ask for, as far as they can be had.

    Attributes:
        references: each once, in order.
        failures: what cannot be used: lists, lines (``referrer`` is ``file:line``) and sections that no list has.
    """

    references: tuple[Reference, ...]
    failures: tuple[Failure, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing else is asked for; what cannot be used may have named anything."""
        return not self.failures


def check_lists(images: ImageSet, folder: Path) -> None:
    """Check the lists that are files, without any network.

    Args:
        images: the spec's image set.
        folder: the folder that relative paths start from.

    Raises:
        SpecError: a list cannot be read, has a bad line in a section that is wanted, or (where no list
            is a URL) a wanted section is in none. ``more`` has the further problems.
    """
    problems: list[SpecError] = []
    known: set[str] = set()
    remote = [name for name in images.lists if _is_url(name)]
    for name in images.lists:
        if name in remote:
            continue
        try:
            read = read_list(_local(folder / name), str(folder / name))
        except SpecError as error:
            problems.append(error)
            continue
        known.update(read.sections)
        problems.extend(line.error for line in read.only(images.sections).bad_lines)
    if not remote and not problems:
        problems.extend(_no_section(section, known) for section in images.sections if section not in known)
    if problems:
        raise SpecError.joined(problems)


def wanted_references(
    images: ImageSet,
    folder: Path,
    *,
    user_agent: str,
    stop: threading.Event,
    patience: Patience = DEFAULT_PATIENCE,
) -> WantedReferences:
    """Return the references that a spec asks for; lists that are URLs are fetched.

    Args:
        images: the spec's image set.
        folder: the folder that relative paths start from.
        user_agent: what to call ourselves.
        stop: set from outside to end early.
        patience: time limits and retries.

    Raises:
        Stopped: ``stop`` was set.
    """
    references = [Reference.parse(text) for text in images.refs]
    failures: list[Failure] = []
    known: set[str] = set()
    brake = Brake(stop)
    retrier = Retrier(patience, brake, NullProgress())
    for name in images.lists:
        place = name if _is_url(name) else str(folder / name)
        try:
            if _is_url(name):
                with Client(user_agent, patience, brake) as client:
                    read = _fetched(name, client, retrier)
            else:
                read = read_list(_local(folder / name), place)
        except (FetchError, SpecError, InvalidURL) as error:
            failures.append(Failure(SOURCE, place, error.code, error.message))
            continue
        known.update(read.sections)
        chosen = read.only(images.sections)
        references.extend(entry.reference for entry in chosen.entries)
        failures.extend(_bad_line(line) for line in chosen.bad_lines)
    for section in images.sections:
        if section not in known:
            missing = _no_section(section, known)
            failures.append(Failure(SOURCE, section, missing.code, missing.message))
    return WantedReferences(tuple(dict.fromkeys(references)), tuple(failures))


def _bad_line(line: BadLine) -> Failure:
    return Failure(
        SOURCE, line.text[:200], InvalidReference.code, line.error.message, referrer=line.error.place or ""
    )


def _no_section(section: str, known: set[str]) -> SpecError:
    there = ", ".join(sorted(filter(None, known))) or "none"
    return SpecError(f"no list has the section {section!r:.120}", hint=f"sections there are: {there:.300}")


def _is_url(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _local(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        raise SpecError(f"the image list cannot be read: {error.strerror}", place=str(path)) from error
    return _text(data, str(path))


def _fetched(url: str, client: Client, retrier: Retrier) -> ListEntries:
    data = retrier.run(Origin.of(url).netloc, lambda: client.body(client.open(url), _LIMIT))
    try:
        read = read_list(_text(data, url), url)
    except SpecError as error:
        raise FetchError(error.message, place=url) from error
    if not read.entries and not read.bad_lines:  # a list that was emptied is not one that asks for nothing
        raise UnexpectedContent("the list names no image", place=url)
    return read


def _text(data: bytes, place: str) -> str:
    if len(data) > _LIMIT:
        raise SpecError(f"the image list is larger than {_LIMIT} bytes", place=place)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError("the image list is not UTF-8 text", place=f"{place}:{line}") from error
