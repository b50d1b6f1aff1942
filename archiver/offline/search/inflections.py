"""Words whose beginnings are not beginnings of their stem, so that a half-typed one is found all the same.

The index has stems: of ``installation`` only ``instal``. What begins with ``installa`` is not in it, but somebody who has
typed that far is looking for it.

Source: docs/format.md, "docs/search.sqlite"; FTS5's porter tokenizer itself, which is asked for the stems.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from itertools import takewhile
from typing import Iterator

_WORD = re.compile("[a-z]{5,24}")  # Porter's algorithm knows ASCII letters only
_MOST_WORDS = 500_000  # a hostile site has no other; 25,000 pages of manuals have 300,000
_TABLES = """
CREATE VIRTUAL TABLE words USING fts5(word, tokenize='porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE stems USING fts5vocab(words, 'instance');
"""


class Inflections:
    """Collects the words of texts."""

    def __init__(self) -> None:
        self._words: set[str] = set()

    def add(self, text: str) -> None:
        """Take the words of a text, until there are absurdly many."""
        if len(self._words) < _MOST_WORDS:
            self._words.update(_WORD.findall(text.lower()))

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield words in order, each with its stem: those of which a proper beginning is needed that the stem has not.

        Of two words of one stem of which one begins with the other, only the longer is needed.
        """
        held: tuple[str, str] | None = None
        for word, stem in self._stems():
            if len(word) - _common(word, stem) < 2:
                continue
            if held is not None and not (held[1] == stem and word.startswith(held[0])):
                yield held
            held = word, stem
        if held is not None:
            yield held

    def _stems(self) -> Iterator[tuple[str, str]]:
        words = sorted(self._words)
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            database.executescript(_TABLES)
            database.execute("BEGIN")
            database.executemany("INSERT INTO words VALUES (?)", ((word,) for word in words))
            stems = [""] * len(words)
            for stem, number in database.execute("SELECT term, doc FROM stems"):
                stems[number - 1] = stem
        yield from zip(words, stems)


def _common(word: str, stem: str) -> int:
    """Return how many letters two words have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, stem)))
