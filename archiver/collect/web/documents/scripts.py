"""Finding what JavaScript loads.

What a script imports is certain. What it hands to functions that load is a requisite where it says on its
own what it is relative to. Any other string that looks like a file or a page is a guess: see ``guessing``.

Sources: ECMA-262 (import, export, import()), WHATWG HTML (module scripts, import maps, workers).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from archiver.collect.web.documents.chunks import webpack_chunks
from archiver.collect.web.documents.data import collect_from_data
from archiver.collect.web.documents.document import Document
from archiver.collect.web.documents.generators import is_rustdoc_index
from archiver.collect.web.documents.guessing import LONGEST, is_asset, is_page, is_rooted, places
from archiver.collect.web.documents.jsliterals import literals
from archiver.collect.web.documents.references import Found
from archiver.collect.web.documents.stringdex import index_files

MOST_READ = 8 << 20
"""Characters of a script that are looked at; what is longer is data, and says it all the time."""
_REACH = 120  # characters before a string that tell what it is for
_COMMENT = re.compile(r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/|//[^\n]*+\n")
_IMPORTED = re.compile(r"(?<![\w$.])(?:from|import|import\s*\(|importScripts\s*\()\s*\Z")
_MODULE_URL = re.compile(r"(?<![\w$.])new\s+URL\s*\(\s*\Z")
_OF_THIS_MODULE = re.compile(r"""[\"'`]\s{0,20},\s{0,20}import\.meta\.url\b""")
_LOADED = re.compile(
    r"""(?: (?<![\w$])(?:fetch|Worker|SharedWorker|Request|getJSON|getScript|loadScript|loadCSS|ajax|importScripts) \s*\( \s*
          | \.open\s*\(\s* [\"'`](?:GET|get)[\"'`] \s*,\s*
          | \.(?:src|load|get) \s*(?:=|\() \s*
          | \.setAttribute\s*\(\s* [\"'`](?:src)[\"'`] \s*,\s* )\Z""",
    re.VERBOSE,
)
_LEADS = re.compile(
    r"""(?: [\"']?(?<![\w$])(?:href|to|path|permalink|url|link|uri|location)[\"']? \s*: \s*
          | \blocation(?:\.href)?\s*=\s* | \blocation\.(?:assign|replace)\s*\(\s* | \bwindow\.open\s*\(\s*
          | (?<!\.)\.href \s*=\s* )\Z""",
    re.VERBOSE,
)
_NO_REFERENCE = re.compile(
    r"""(?: [=!]== | == | \bcase | serviceWorker\s*\.\s*register\s*\(
          | \.(?:endsWith|startsWith|includes|indexOf|lastIndexOf|replace|split|match|test|getAttribute|error|warn|log)\s*\(
        )\s*\Z""",
    re.VERBOSE,
)
_KEY = re.compile(r"[{,]\s*\Z")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\n)|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_DIRECTORY = "{dir}"  # docusaurus-search-local: empty but where a site has several indexes
_MOST_IMPORT_MAP = 1 << 20


def read_script(text: str, url: str) -> Document:
    """Read a script that is a file of its own."""
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
        asset, page = is_asset(string), is_page(string)
        if not (asset or page or is_rooted(string) or string.startswith(("./", "../"))):
            return
        context = self._context(start)
        if _IMPORTED.search(context) or (
            _MODULE_URL.search(context) and _OF_THIS_MODULE.match(self._text, end)
        ):
            if string.startswith(("/", "./", "../")) or "://" in string:
                self._found.requisites.add(string)
            elif asset:
                self._guess(string)
            return
        if _NO_REFERENCE.search(context) or self._is_key(context, end):
            return
        added_to = self._text[start - 1] == "}" or context.rstrip().endswith("+")
        if asset:
            self._add_asset(string, added_to=added_to, loaded=_LOADED.search(context) is not None)
        elif page:
            self._guess_page(string.lstrip("/") if added_to else string)
        elif is_rooted(string) and not added_to and self._text[end] != "$" and _LEADS.search(context):
            self._found.guessed_pages.add(string)

    def _context(self, start: int) -> str:
        context = self._text[max(0, start - _REACH) : start - 1]
        return _COMMENT.sub(" ", context) if "/" in context else context

    def _is_key(self, context: str, end: int) -> bool:
        return self._text[end + 1 : end + 20].lstrip()[:1] == ":" and _KEY.search(context) is not None

    def _add_asset(self, string: str, *, added_to: bool, loaded: bool) -> None:
        if added_to:
            self._guess(string.lstrip("/"), beside=not string.startswith("/"))
        elif loaded and (not self._path or string.startswith("/") or "://" in string):
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


def unescaped(string: str) -> str:
    """Return what a string literal's content stands for (ECMA-262, section 12.9.4)."""
    return _ESCAPE.sub(_character, string)


def _character(match: re.Match[str]) -> str:
    if digits := match[1] or match[2] or match[3]:
        number = int(digits, 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return "" if match[4] else _SIMPLE.get(match[5], match[5])
