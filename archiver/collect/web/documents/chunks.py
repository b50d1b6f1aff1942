"""The names of files that a bundler's runtime puts together: no string of the script has them whole.

Sources: webpack's runtime modules GetChunkFilenameRuntimeModule and PublicPathRuntimeModule (Rspack writes the
same), webpack 4's JsonpMainTemplatePlugin; VitePress, ``client/app/utils.ts`` (``pathToFile``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Iterator

from archiver.collect.web.documents.guessing import LONGEST

_STRING = r"\"[^\"\\\n]*+\"|'[^'\\\n]*+'"
_KEY = rf"(?:[\w$]++|{_STRING})"
_SPACE = r"(?:\s++|/\*[^*]*+\*/)*+"
# A whole name: begun in its middle as well, one name of megabytes would take the square of its length.
_OWNER = r"(?<![\w$])[\w$]++"
# The function's beginning up to its expression: r.u=e=>, r.u=function(e){return, __webpack_require__.u = (chunkId) => {
# return; and webpack 4's one: return r.p+
_BEGINNING = re.compile(
    rf"""{_OWNER}\.(?:u|miniCssF|k)\s*+=\s*+
         (?: \(?\s*+([\w$]++)\s*+\)?\s*+=>\s*+(?:\{{{_SPACE}(?://[^\n]*+\n{_SPACE})*+return\b)?
           | function\s*+\w*+\s*+\(\s*+([\w$]++)\s*+\)\s*+\{{{_SPACE}(?://[^\n]*+\n{_SPACE})*+return\b )
       | \bfunction\s*+\w*+\s*+\(\s*+([\w$]++)\s*+\)\s*+\{{\s*+return\s++[\w$]++\.p\s*+\+""",
    re.VERBOSE,
)
# What is tried at every term and may fail is bounded, so that the terms together take linear time.
_TERM = re.compile(
    rf"""\s*+(?:
      (?P<choice> [\w$"']{{1,100}}+ \s*+ ===? \s*+ [\w$"']{{1,100}}+ \s*+ \? \s*+ (?P<chosen>{_STRING}) \s*+ : )
    | (?P<string>{_STRING})
    | (?P<map> \({{0,9}}+ \s*+ \{{ \s*+ (?:{_KEY}\s*+:\s*+(?:{_STRING}|\d++)\s*+,?\s*+)*+ \}} \s*+\)*+ ) \s*+ \[ \s*+ [\w$]++ \s*+ \]
      (?P<fallback> \s*+ \|\| \s*+ [\w$]++ )?
    | (?P<mark> [+()] )
    | (?P<name> [\w$]++ )
    )""",
    re.VERBOSE,
)
_ENTRY = re.compile(rf"({_KEY})\s*+:\s*+({_STRING}|\d++)")
_PUBLIC_PATH = re.compile(rf"{_OWNER}\.p\s*+=\s*+({_STRING})")
_FOLDERS_UP = re.compile(rf"{_OWNER}\.p\s*+=\s*+[\w$]++\s*+\+\s*+[\"']((?:\.\./)++)[\"']")
_CHUNK_ID = re.compile(r"\.e\(([\"']?)([\w$-]{1,100}+)\1\)|\.O\([\w ]{0,10},\s?\[([\d,\s]{1,10000}+)\]")
_MOST = 20_000  # chunks of one runtime: sites have one for each page
_MOST_TERMS = (
    2_000  # of one expression; those that bundlers write have one for each chunk with a name of its own
)
_MOST_PARTS = 50  # of a chunk's name

_VITEPRESS_PAGE = re.compile(r"(.*\.md\.[\w-]+)\.lean(\.js)\Z", re.DOTALL)


@dataclass(frozen=True)
class Chunks:
    """The files that a webpack runtime loads.

    Attributes:
        names: relative to the public path.
        public_path: a URL, a path from the root, or one relative to the script.
        certain: whether the script says what the public path is.
    """

    names: tuple[str, ...] = ()
    public_path: str = ""
    certain: bool = False


def webpack_chunks(text: str) -> Chunks:
    """Return the files that a webpack (or Rspack) runtime loads; none where a script is no such thing."""
    if ".p" not in text:
        return Chunks()
    names: dict[str, None] = {}
    for beginning in _BEGINNING.finditer(text):
        parameter = beginning[1] or beginning[2] or beginning[3]
        names.update(dict.fromkeys(islice(_evaluated(text, beginning.end(), parameter), _MOST)))
    if not names:
        return Chunks()
    if declared := _PUBLIC_PATH.search(text):
        path = declared[1][1:-1]
        return Chunks(tuple(names), path, certain="/" in path[:1] or "://" in path)
    up = _FOLDERS_UP.search(text)
    return Chunks(tuple(names), up[1] if up else "", certain=up is not None)


def vitepress_twin(reference: str) -> str:
    """Return what VitePress loads for a page on navigation, given the chunk that it loads first; else nothing."""
    match = _VITEPRESS_PAGE.match(reference)
    return match[1] + match[2] if match else ""


def _evaluated(text: str, position: int, parameter: str) -> Iterator[str]:
    """Yield what the expression at a position gives for each chunk that it knows, as far as it is a plain sum."""
    parts: list[str | dict[str, str] | None] = []  # None stands for the chunk's id
    known: dict[str, None] = {}
    named: dict[str, None] = {}
    for _ in range(_MOST_TERMS):
        term = _TERM.match(text, position)
        if term is None:
            break
        if term["choice"]:
            yield term["chosen"][1:-1]
        elif term["string"]:
            parts.append(term["string"][1:-1])
        elif term["map"]:
            entries = {_unquoted(key): _unquoted(value) for key, value in _ENTRY.findall(term["map"])}
            (named if term["fallback"] else known).update(dict.fromkeys(entries))
            parts.append(_OrItself(entries))
        elif term["name"]:
            if term["name"] != parameter:
                break
            parts.append(None)
        position = term.end()
    fixed = sum(len(part) for part in parts if isinstance(part, str))
    if 1 < len(parts) <= _MOST_PARTS and fixed <= LONGEST:
        for chunk in known or named or dict.fromkeys(_mentioned(text)):
            yield "".join(_piece(part, chunk) for part in parts)


def _piece(part: str | dict[str, str] | None, chunk: str) -> str:
    if isinstance(part, str):
        return part
    return chunk if part is None else part[chunk]


class _OrItself(dict[str, str]):
    """A map in which what is missing stands for itself, as in ``({…}[e]||e)``."""

    def __missing__(self, key: str) -> str:
        return key


def _mentioned(text: str) -> Iterator[str]:
    """Yield the chunks that a script with no table of them asks for by number."""
    for match in _CHUNK_ID.finditer(text):
        if match[2]:
            yield match[2]
        else:
            yield from (number for number in re.findall(r"\d+", match[3]))


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in "\"'" else text
