"""What an index lists: the files that a page links to or a JSON document names, and the choice among them by globs.

Pages are read as the crawler reads them. In JSON (such as what GitHub's API says of releases) every string that is
an http(s) URL counts, whatever its key. Nothing here uses the network.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import Any, Iterable, Iterator, Sequence
from urllib.parse import unquote, urlsplit

from archiver.collect.web.documents.mediatype import reader_of
from archiver.collect.web.urls import LONGEST, is_web, resolve
from archiver.core import jsontext
from archiver.core.amounts import count_text
from archiver.core.errors import InvalidDocument, NothingListed, UnexpectedContent

LIMIT = 16 << 20
"""The most bytes of an index."""
MOST_FILES = 10_000
"""The most files that may be chosen from one index: more are a glob gone wrong."""
_MARK = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"


def listed_files(document: bytes, url: str, content_type: str) -> tuple[str, ...]:
    """Return the URLs of the files that an index lists, each once, in its order; folders are none.

    Args:
        document: the index.
        url: where it was found, after redirects; its links are relative to that, or to its ``<base href>``.
        content_type: the Content-Type header; empty where there was none.

    Raises:
        UnexpectedContent: it is larger than ``LIMIT``, or neither a page nor JSON.
    """
    if len(document) > LIMIT:
        raise UnexpectedContent(f"the index is larger than {LIMIT} bytes", place=url)
    kind = _kind(document, url, content_type)
    if kind == "html":
        from archiver.collect.web.documents.html import read_html  # noqa: PLC0415 - slow to import, and rarely needed

        found: Iterable[str] = read_html(document, url, content_type).links.pages
    elif kind == "data":
        found = _urls_in_json(document, url)
    else:
        raise UnexpectedContent(
            f"the index is neither a web page nor JSON ({content_type or 'of no type'})", place=url
        )
    return tuple(link for link in dict.fromkeys(found) if _file_name(link))


class Choice:
    """The choice among an index's files by globs.

    A glob with a ``/`` is matched with the whole URL, and its ``*`` stands for folders as well; any other one
    with the last part of the URL's path, percent-escapes undone. Case counts.

    Args:
        include: globs, of which at least one must match.
        exclude: globs of which none may match.
    """

    def __init__(self, include: Iterable[str], exclude: Iterable[str]) -> None:
        self._include = tuple(include)
        self._wanted, self._unwanted = _Globs(self._include), _Globs(exclude)

    def takes(self, url: str) -> bool:
        """Say whether a file is wanted if it is listed."""
        return self._wanted.match(url) and not self._unwanted.match(url)

    def among(self, listed: Sequence[str], place: str) -> tuple[str, ...]:
        """Return those of an index's files that are wanted.

        Args:
            listed: as ``listed_files`` returns them.
            place: the index's URL, for errors.

        Raises:
            NothingListed: none is wanted: the index has changed, or a glob is wrong.
            UnexpectedContent: more than ``MOST_FILES`` are.
        """
        chosen = tuple(filter(self.takes, listed))
        if not chosen:
            there, globs = count_text(len(listed), "file"), ", ".join(self._include)
            raise NothingListed(
                f"the index lists {there}, of which none is wanted by {globs:.200}", place=place
            )
        if len(chosen) > MOST_FILES:
            raise UnexpectedContent(
                f"the index lists {len(chosen)} files that are wanted, more than the {MOST_FILES} accepted",
                place=place,
            )
        return chosen


class _Globs:
    def __init__(self, globs: Iterable[str]) -> None:
        globs = tuple(globs)
        self._names = _any_of(glob for glob in globs if "/" not in glob)
        self._urls = _any_of(glob for glob in globs if "/" in glob)

    def match(self, url: str) -> bool:
        by_name = self._names is not None and self._names.match(_file_name(url)) is not None
        return by_name or (self._urls is not None and self._urls.match(url) is not None)


def _any_of(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = "|".join(map(translate, dict.fromkeys(globs)))
    return re.compile(patterns) if patterns else None


def _kind(document: bytes, url: str, content_type: str) -> str:
    """Return ``html``, ``data`` (JSON), or an empty string; what a type does not tell, the first character does."""
    reader = reader_of(content_type, url)
    if reader in ("html", "data"):
        return reader
    start = document[:4096].removeprefix(_MARK).lstrip(_SPACE)[:1]
    return {b"<": "html", b"{": "data", b"[": "data"}.get(start, "")


def _urls_in_json(document: bytes, url: str) -> Iterator[str]:
    """Yield what in a JSON document is an http(s) URL, in canonical spelling, in the document's order."""
    try:
        waiting: list[Any] = [jsontext.load(document.removeprefix(_MARK), limit=LIMIT, what=url)]
    except InvalidDocument as error:
        raise UnexpectedContent(f"the index cannot be read: {error.message}", place=url) from error
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(reversed(value.values()))
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, str) and is_web(value[:8].lower()) and len(value) <= LONGEST:
            link = resolve(url, value)
            if link is not None and is_web(link) and " " not in value.strip():
                yield link


def _file_name(url: str) -> str:
    """Return the last part of a URL's path; empty for a folder."""
    return unquote(urlsplit(url).path.rpartition("/")[2])
