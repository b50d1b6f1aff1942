"""Finding what JavaScript loads.

What a script imports is certain. What it hands to functions that load is a requisite where it says on its
own what it is relative to. Any other string that looks like a file or a page is a guess: see ``guessing``.

Sources: ECMA-262 (import, export, import()), WHATWG HTML (module scripts, import maps, workers).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from archiver.collect.web.documents.chunks import webpack_chunks
from archiver.collect.web.documents.data import collect_from_data
from archiver.collect.web.documents.document import NOTHING, Document
from archiver.collect.web.documents.generators import is_rustdoc_index
from archiver.collect.web.documents.guessing import LONGEST, is_asset, is_page, is_rooted, places
from archiver.collect.web.documents.jsliterals import literals
from archiver.collect.web.documents.references import Found
from archiver.collect.web.documents.stringdex import index_files

MOST_READ = 8 << 20
"""Characters of a script that are looked at; what is longer is data, and says it all the time."""
_REACH = 100  # characters before a string that tell what it is for
_COMMENT = re.compile(r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/|//[^\n]*+\n")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.")
_IMPORTING = frozenset({"from", "import", "importScripts"})
_LOADING = frozenset(
    {"fetch", "Worker", "SharedWorker", "Request", "getJSON", "getScript", "loadScript", "loadCSS", "ajax", "get",
     "load", "open"}
)  # fmt: skip
_SHOWING = frozenset({"src"})
_COMPARING = frozenset(  # functions that are given a name, and load nothing by it

    {"endsWith", "startsWith", "includes", "indexOf", "lastIndexOf", "replace", "split", "match", "test",
     "getAttribute", "require", "error", "warn", "log", "info", "debug"}
)  # fmt: skip
_LEADING = frozenset(
    {"href", "to", "path", "permalink", "url", "link", "uri", "location"}
)  # keys of what is followed
_GOING = frozenset({"assign", "replace", "open"})  # methods that lead to another page
_TOLD_BY = frozenset("(=:")
_OF_THIS_MODULE = re.compile(r"""[\"'`]\s{0,20},\s{0,20}import\.meta\.url\b""")
_METHOD_AND = re.compile(r"""open\s*\(\s*["'`](?:GET|get)["'`]\s*,\Z""")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\n)|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_DIRECTORY = "{dir}"  # docusaurus-search-local: empty but where a site has several indexes
_RELATIVE = ("./", "../")
_MOST_IMPORT_MAP = 1 << 20
# Sphinx's search index: megabytes of words, and documents by names that are no URLs (sphinx/search/__init__.py).
_SPHINX_INDEX = "Search.setIndex("


def read_script(text: str, url: str) -> Document:
    """Read a script that is a file of its own."""
    if text.startswith(_SPHINX_INDEX):
        return NOTHING
    found = Found()
    collect_from_script(found, text, urlsplit(url).path)
    return Document(found.resolved(url, ""))


def collect_from_script(found: Found, text: str, path: str = "") -> None:
    """Take what a script refers to.

    Args:
        found: takes it.
        text: of the script.
        path: of the script's URL; empty for one that stands in a page, and so is relative to the page.
    """
    text = text[:MOST_READ]
    _Reader(found, text, path).read()
    if not path:
        return
    if is_rustdoc_index(path):
        found.requisites.update(
            f"{path.rpartition('/search.index/')[0]}/search.index/{name}" for name in index_files(text)
        )
    chunks = webpack_chunks(text)
    for name in filter(is_asset, chunks.names):
        if chunks.certain:
            found.requisites.add(chunks.public_path + name)
        else:
            found.guessed_requisites.update(places(name, path))


def collect_from_import_map(found: Found, text: str) -> None:
    """Take the modules that an import map names (WHATWG HTML, "parse an import map string")."""
    try:
        members: Any = json.loads(text[:_MOST_IMPORT_MAP])
        maps = [members.get("imports", {}), *members.get("scopes", {}).values()]
        addresses = [address for each in maps for address in each.values() if isinstance(address, str)]
    except (ValueError, AttributeError, RecursionError):
        return
    found.requisites.update(address for address in addresses if not address.endswith("/"))


@dataclass(frozen=True)
class _Use:
    """What a string is for, by what stands before it.

    Attributes:
        mark: the last character: ``(`` of a call, ``=`` of an assignment, ``:`` after a key, ``+`` of a sum (or of a
            template's hole); empty after a word.
        name: what is called, set or given; or the word.
        owner: what that is a member of.
    """

    mark: str
    name: str
    owner: str

    @property
    def loads(self) -> bool:
        return (self.mark == "(" and self.name in _LOADING) or (self.mark == "=" and self.name in _SHOWING)

    @property
    def leads(self) -> bool:
        if self.mark == "(":
            return self.owner.endswith(("location", "window")) and self.name in _GOING
        return self.mark in ("=", ":") and self.name in _LEADING

    @property
    def is_no_reference(self) -> bool:
        if self.mark == "(":
            return self.owner.endswith("serviceWorker") or (self.name in _COMPARING and not self.leads)
        return (self.mark == "=" and self.name == "=") or (self.mark == "" and self.name == "case")


class _Reader:
    def __init__(self, found: Found, text: str, path: str) -> None:
        self._found, self._text, self._path = found, text, path

    def read(self) -> None:
        text = self._text
        for start, end in literals(text):
            size = end - start
            if size > LONGEST:
                self._read_data(start, end)
            elif size > 2 and (text.find("/", start, end) >= 0 or text.find(".", start, end) >= 0):
                string = text[start:end]
                string = unescaped(string) if "\\" in string else string
                self._judge(string.replace(_DIRECTORY, ""), start, end)

    def _read_data(self, start: int, end: int) -> None:
        """Look into a long string that is JSON: search indexes and page data come so."""
        if self._text[start] in "[{":
            collect_from_data(self._found, unescaped(self._text[start:end]), self._path)

    def _judge(self, string: str, start: int, end: int) -> None:
        asset, page, rooted = is_asset(string), is_page(string), is_rooted(string)
        if not (asset or page or rooted or string.startswith(_RELATIVE)):
            return
        use = self._use(start)
        if use.name in _IMPORTING or (use.name == "URL" and _OF_THIS_MODULE.match(self._text, end)):
            if rooted or string.startswith(_RELATIVE) or (asset and use.mark == "("):
                self._found.requisites.add(string)
        elif use.is_no_reference or (use.mark in ("{", ",") and self._is_key(end)):
            return
        elif asset:
            self._add_asset(string, use)
        elif page:
            self._guess_page(string.lstrip("/") if use.mark == "+" else string)
        elif rooted and use.leads and self._text[end] != "$" and not self._is_added_to(end):
            self._found.guessed_pages.add(string)

    def _use(self, start: int) -> _Use:
        before = self._text[max(0, start - _REACH) : start - 1]
        if "/" in before:
            before = _COMMENT.sub(" ", before)
        before = before.rstrip()
        if self._text[start - 1] == "}":
            return _Use("+", "", "")
        mark = before[-1:]
        if mark and mark in _WORD:
            return _Use("", _last_word(before).rpartition(".")[2], "")
        if mark == "," and _METHOD_AND.search(before):
            return _Use("(", "open", "")
        if before.endswith(("==", "!=")):
            return _Use("=", "=", "")
        whole = _last_word(before[:-1].rstrip().rstrip("\"'`")) if mark in _TOLD_BY else ""
        owner, _, name = whole.rpartition(".")
        return _Use(mark, name, owner)

    def _is_key(self, end: int) -> bool:
        return self._text[end + 1 : end + 20].lstrip()[:1] == ":"

    def _is_added_to(self, end: int) -> bool:
        return self._text[end + 1 : end + 20].lstrip()[:1] == "+"

    def _add_asset(self, string: str, use: _Use) -> None:
        if use.mark == "+":
            self._guess(string.lstrip("/"), beside=not string.startswith("/"))
        elif use.loads and (not self._path or string.startswith("/") or "://" in string):
            self._found.requisites.add(string)
        else:
            self._guess(string)

    def _guess(self, string: str, *, beside: bool = True) -> None:
        if self._path:
            self._found.guessed_requisites.update(places(string, self._path, beside=beside))
        else:
            self._found.guessed_requisites.add(string)

    def _guess_page(self, string: str) -> None:
        if self._path and not is_rooted(string):
            string = next(places(string, self._path))
        self._found.guessed_pages.add(string)


def _last_word(text: str) -> str:
    """Return the name, with those of what it is a member of, that a text ends with."""
    start = len(text)
    while start and text[start - 1] in _WORD:
        start -= 1
    return text[start:]


def unescaped(string: str) -> str:
    """Return what a string literal's content stands for (ECMA-262, section 12.9.4)."""
    return _ESCAPE.sub(_character, string)


def _character(match: re.Match[str]) -> str:
    if digits := match[1] or match[2] or match[3]:
        number = int(digits, 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return "" if match[4] else _SIMPLE.get(match[5], match[5])
