"""The string literals of JavaScript, told apart from comments, regular expressions and template holes.

Documentation is full of code samples: only what is a whole string of the program can be one of its
references, so the text is cut into tokens and not merely searched. That is done well enough rather than to the
letter: a slash after ``)`` or ``}`` begins a regular expression only where that is put to use at once.

Source: ECMA-262, section 12 (lexical grammar).
"""

from __future__ import annotations

import re
from typing import Iterator

# Every alternative begins with a letter of its own, so that the search runs over all else quickly, and none
# gives back what it took: text in which nothing is ever closed takes linear time.
_TOKENS = r"""
    "([^"\\\n]*+(?:\\.[^"\\\n]*+)*+)"?
  | '([^'\\\n]*+(?:\\.[^'\\\n]*+)*+)'?
  | `()
  | /(?:/[^\n]*+|\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/)?+)()
  | /()
"""
_TOKEN = re.compile(_TOKENS, re.DOTALL | re.VERBOSE)
_TOKEN_IN_HOLE = re.compile(_TOKENS + r"| [{}]()", re.DOTALL | re.VERBOSE)
_DOUBLE, _SINGLE, _TEMPLATE, _COMMENT, _SLASH, _BRACE = range(1, 7)
_TEMPLATE_TEXT = re.compile(r"[^`\\$]*+(?:(?:\\.|\$(?!\{)|\\\Z)[^`\\$]*+)*+(`|\$\{|\Z)", re.DOTALL)
_REGEX = re.compile(r"/(?:[^\\/\[\n]|\\[^\n]|\[(?:[^\]\\\n]|\\[^\n])*+\])++(/)[a-z]*+")
_PUT_TO_USE = re.compile(r"\s{0,20}\.\s{0,20}(?:test|exec|source|flags|match|replace)\b")
_BEFORE_REGEX = frozenset("(,=:[!&|?{;+-*%~^<>")
_WORD_BEFORE_REGEX = re.compile(
    r"(?<![\w$.])(?:return|typeof|case|in|of|void|delete|throw|new|else|do|instanceof|yield|await)\Z"
)
_LONGEST_WORD = 12


def literals(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the content of each string begins and ends, quotes not included.

    A template with holes is given in pieces, each between the backquotes or braces that stand before
    and after it; one without holes is like any string.
    """
    tokens = _Tokens(text)
    position, braces = 0, list[int]()  # of the template holes that the position is in, how many are open
    while token := (_TOKEN_IN_HOLE if braces else _TOKEN).search(text, position):
        kind, position = token.lastindex, token.end()
        if kind is None:
            return
        if kind <= _SINGLE:
            if token.end(kind) < position:  # else it is not closed on its line
                yield token.span(kind)
        elif kind == _SLASH:
            position = tokens.after_slash(token.start())
        elif kind == _TEMPLATE or (kind == _BRACE and text[position - 1] == "}" and braces[-1] == 0):
            if kind == _BRACE:
                braces.pop()
            piece = _TEMPLATE_TEXT.match(text, position)
            if piece is None or not piece[1]:
                return
            yield position, piece.start(1)
            position = piece.end()
            if piece[1] != "`":
                braces.append(0)
        elif kind == _BRACE:
            braces[-1] += 1 if text[position - 1] == "{" else -1


class _Tokens:
    """Tells regular expressions from divisions, looking at no text twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._none_before = 0  # no regular expression begins before this position

    def after_slash(self, slash: int) -> int:
        """Return where to go on after a slash that begins no comment."""
        before = self._before(slash)
        if slash < self._none_before or not before:
            return slash + 1
        regex = _REGEX.match(self._text, slash)
        if regex is None:
            line_end = self._text.find("\n", slash)
            self._none_before = len(self._text) if line_end < 0 else line_end
            return slash + 1
        if before == ")" and not _PUT_TO_USE.match(self._text, regex.end()):
            self._none_before = regex.start(1)
            return slash + 1
        return regex.end()

    def _before(self, slash: int) -> str:
        """Return what stands before a slash: empty where it is a division, ``)`` where that is the question."""
        start = max(0, slash - _LONGEST_WORD)
        before = self._text[start:slash].rstrip()
        if not before or before[-1] in _BEFORE_REGEX or _WORD_BEFORE_REGEX.search(before):
            return "("
        return ")" if before[-1] in ")}" else ""
