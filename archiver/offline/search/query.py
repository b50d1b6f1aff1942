"""What a person types into a search box, as an FTS5 MATCH expression that is never a syntax error.

Words must all occur; ``"quoted text"`` occurs as a phrase; a run of CJK characters is a phrase of bigrams; a
single CJK character is looked up in the column that has every character on its own.

Source: https://www.sqlite.org/fts5.html sections 3.1 to 3.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from archiver.offline.search.segment import bigrams, index_text, split_runs

_MOST_TEXT = 300  # characters
_MOST_TERMS = 24
_PIECE = re.compile(r'"([^"]*)"?|(\S+)')
_WORDS = "{title heading body}"


@dataclass(frozen=True)
class Query:
    """A query ready to run.

    Attributes:
        expression: for FTS5's MATCH; empty where the text has nothing to look for.
        terms: the words, phrases and CJK runs looked for, for marking them in snippets.
    """

    expression: str
    terms: tuple[str, ...]


def parse_query(text: str, *, as_you_type: bool = False) -> Query:
    """Read a search box's text.

    Args:
        text: anything; what is over 300 characters or 24 terms is left out.
        as_you_type: the last word may be unfinished and is matched as a prefix, unless a space or a
            closing quote follows it.
    """
    text = text.encode("utf-8", "ignore").decode()[:_MOST_TEXT].replace("\0", " ")
    clauses: list[str] = []
    terms: list[str] = []
    for piece in _PIECE.finditer(text):
        quoted, word = piece.groups()
        unfinished = as_you_type and piece.end() == len(text) and not text.endswith('"')
        if quoted is not None:
            if _has_token(quoted):
                clauses.append(f"{_WORDS} : {_string(index_text(quoted))}" + (" *" if unfinished else ""))
                terms.append(quoted.strip())
            continue
        runs = [(is_cjk, run) for is_cjk, run in split_runs(word) if is_cjk or _has_token(run)]
        for number, (is_cjk, run) in enumerate(runs, start=1):
            clauses.append(_clause(run, is_cjk=is_cjk, prefix=unfinished and number == len(runs)))
            terms.append(run)
    return Query(" AND ".join(clauses[:_MOST_TERMS]), tuple(dict.fromkeys(terms[:_MOST_TERMS])))


def _clause(run: str, *, is_cjk: bool, prefix: bool) -> str:
    if not is_cjk:
        return f"{_WORDS} : {_string(run)}" + (" *" if prefix else "")
    if len(run) == 1:
        return f"characters : {_string(run)}"
    return f"{_WORDS} : {_string(' '.join(bigrams(run)))}"


def _string(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _has_token(text: str) -> bool:
    """Say whether unicode61 finds a token in a text: it takes letters and digits, and skips the rest."""
    return any(character.isalnum() for character in text)
