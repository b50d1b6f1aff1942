"""Image lists: a reference a line, ``#`` comments, ``##`` sections, as KubeSphere's installer has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Iterator

from archiver.collect.filekinds import begins_like_page
from archiver.core.errors import FetchError, InvalidReference, SpecError, UnexpectedContent
from archiver.core.reference import Reference
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.collect.client import Client
    from archiver.collect.retry import Retrier
    from archiver.spec.images import ImageSet

_LIMIT = 4 << 20  # bytes of a list
_MOST_IMAGES = 20_000
_MOST_BAD_LINES = 500  # with more it is something else than a list
_SECTION = "##"


@dataclass(frozen=True)
class ListEntry:
    """One line of a list. ``section`` is empty in front of the first; ``place`` is ``file:line``."""

    reference: Reference
    section: str
    place: str


@dataclass(frozen=True)
class BadLine:
    """A line that is no reference: what is wrong with it, and its ``file:line``."""

    text: str
    section: str
    place: str
    error: InvalidReference


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

    Raises:
        SpecError: it names more than 20,000 images, or has more than 500 bad lines, as something else would.
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
            bad.append(BadLine(name, section, at, error))
        if len(entries) > _MOST_IMAGES:
            raise SpecError(f"the image list names more than {_MOST_IMAGES} images", place=place)
        if len(bad) > _MOST_BAD_LINES:
            raise SpecError(f"more than {_MOST_BAD_LINES} of its lines are no image references", place=place)
    return ListEntries(tuple(entries), tuple(sections), tuple(bad))


def check_lists(images: ImageSet, folder: Path) -> None:
    """Check that the lists that are files can be read, without any network. Single lines are no concern of it.

    Args:
        images: the spec's image set.
        folder: the folder that relative paths start from.

    Raises:
        SpecError: a list cannot be read, or (where no list is a URL) a wanted section is in none. ``more`` has
            the further problems.
    """
    problems: list[SpecError] = []
    known: set[str] = set()
    for name in images.lists:
        try:
            known.update(() if is_url(name) else local_list(folder / name).sections)
        except SpecError as error:
            problems.append(error)
    if not problems and not any(map(is_url, images.lists)):
        problems.extend(no_section(section, known) for section in images.sections if section not in known)
    if problems:
        raise SpecError.joined(problems)


def malformed_lines(images: ImageSet, folder: Path) -> Iterator[SpecError]:
    """Yield what is wrong in the wanted sections of lists that are files and can be read. Arguments as of ``check_lists``."""
    for name in images.lists:
        if not is_url(name):
            for line in local_list(folder / name).only(images.sections).bad_lines:
                yield SpecError(line.error.message, place=line.place, hint=line.error.hint)


def local_list(path: Path) -> ListEntries:
    """Read a list that is a file. Raises SpecError where it cannot be read."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        raise SpecError(f"the image list cannot be read: {error.strerror}", place=str(path)) from error
    return read_list(_text(data, str(path)), str(path))


def fetched_list(url: str, client: Client, retrier: Retrier) -> ListEntries:
    """Fetch a list.

    Raises:
        FetchError: it cannot be had, is too large, or is no text.
        UnexpectedContent: it is a web page; or it names nothing: a list that was emptied is not one that asks for nothing.
        InvalidURL: it has no URL.
        Stopped: the run is to end.
    """
    data = retrier.run(Origin.of(url).netloc, lambda: client.body(client.open(url), _LIMIT))
    if begins_like_page(data):
        raise UnexpectedContent("the server sends a web page in place of the list", place=url)
    try:
        read = read_list(_text(data, url), url)
    except SpecError as error:
        raise FetchError(error.message, place=url) from error
    if not read.entries and not read.bad_lines:
        raise UnexpectedContent("the list names no image", place=url)
    return read


def no_section(section: str, known: Iterable[str]) -> SpecError:
    """Return what to say of a wanted section that no list has, with those that they have."""
    there = ", ".join(sorted(filter(None, known))) or "none"
    return SpecError(f"no list has the section {section!r:.120}", hint=f"sections there are: {there:.300}")


def is_url(name: str) -> bool:
    """Say whether a list is to be fetched; else it is a file."""
    return name.startswith(("http://", "https://"))


def _text(data: bytes, place: str) -> str:
    if len(data) > _LIMIT:
        raise SpecError(f"the image list is larger than {_LIMIT} bytes", place=place)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError("the image list is not UTF-8 text", place=f"{place}:{line}") from error
