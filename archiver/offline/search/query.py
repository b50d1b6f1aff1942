"""What a person types into a search box, as FTS5 MATCH expressions that are never a syntax error.

All words must occur in one section, which has its page's title as well; where no section has all of them, the ones with
most of them are looked for. ``"quoted text"`` occurs as it stands. A CJK run is a phrase, or as good as that: its
words, where the script shows them (Japanese), where two characters make a word (four Chinese ones), or where a particle follows
one (Korean).

Source: https://www.sqlite.org/fts5.html sections 3.1 to 3.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Iterator, Sequence, Tuple

from archiver.offline.search.segment import bigrams, normalized, phrase_text, split_runs

_MOST_TEXT = 300  # characters
_MOST_TERMS = 24
_SHORTEST_PREFIX = 2  # letters: of one, everything would be found
_SHORTEST_PART = 3  # the same of the last part of a name such as ``struct nf_conn``, whose parts are looked for side by side
_PIECE = re.compile(r'"([^"]*)"?|(\S+)')
# A Korean word is its noun or verb's stem with what follows; these follow most often, the longest first.
_PARTICLE = re.compile(
    "(?<=[\uac00-\ud7a3]{2})(?:에서는|으로는|에서|에게|까지|부터|으로|처럼|보다|하는|하기|하고|하면|합니다|입니다|됩니다|하세요|"
    "을|를|이|가|은|는|의|에|와|과|로|도|만)\\Z"
)
_HANGUL = re.compile("[\uac00-\ud7a3]+\\Z")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]{4}\\Z")
# Japanese: Katakana words; Kanji words, with the Kana that ends the only one; the Kana between them say nothing.
_JAPANESE = re.compile(
    "[\u30a1-\u30fa\u30fc-\u30ff]{2,}|[\u3005\u3400-\u4dbf\u4e00-\u9fff]{2,}|[\u4e00-\u9fff][\u3041-\u3096]"
)
_KANA = re.compile("[\u3041-\u30fa]")

Complete = Callable[[str], Tuple[bool, Sequence[str]]]
"""Of a word that may be unfinished, says whether to look for all that begins with it, and for which words besides."""


@dataclass(frozen=True)
class Phrase:
    """Tokens that stand side by side; of a prefix the last one is only begun."""

    text: str
    is_prefix: bool = False

    def expression(self) -> str:
        """Return it for FTS5."""
        quoted = '"' + self.text.replace('"', '""') + '"'
        return f"{quoted} *" if self.is_prefix else quoted


@dataclass(frozen=True)
class Clause:
    """One thing looked for: any of several sets of phrases. The first set is the text as it was typed.

    ``typed`` is a word that may be unfinished, or empty.
    """

    choices: tuple[tuple[Phrase, ...], ...]
    typed: str = ""

    def expression(self, complete: Complete) -> str:
        """Return it for FTS5."""
        if self.typed:
            all_of_them, words = complete(self.typed)
            begun = Phrase(self.typed, is_prefix=all_of_them)
            return _joined([begun.expression(), *(Phrase(word).expression() for word in words)], "OR")
        return _joined(
            [_joined([phrase.expression() for phrase in choice], "AND") for choice in self.choices], "OR"
        )


@dataclass(frozen=True)
class Query:
    """A query ready to run.

    Attributes:
        clauses: what is looked for; empty where the text has nothing to look for.
        terms: the words, phrases and CJK runs looked for, for marking them in snippets.
    """

    clauses: tuple[Clause, ...]
    terms: tuple[str, ...]

    def strict(self, complete: Complete) -> str:
        """Return the expression for sections that have everything; those with the words side by side rank higher."""
        all_of = _joined([clause.expression(complete) for clause in self.clauses], "AND")
        phrases = [clause.choices[0][0] for clause in self.clauses]  # the text as it was typed
        if len(phrases) < 2 or any(phrase.is_prefix for phrase in phrases):
            return all_of
        side_by_side = Phrase(" ".join(phrase.text for phrase in phrases))
        return f"({side_by_side.expression()}) OR ({all_of})"

    def loose(self, complete: Complete) -> str:
        """Return the expression for sections that have any of it, every word begun and CJK in pairs."""
        found: list[str] = []
        for clause in self.clauses:
            found.append(clause.expression(complete))
            for phrase in clause.choices[0]:
                found += [Phrase(token).expression() for token in phrase.text.split() if token != phrase.text]
        return _joined(list(dict.fromkeys(found))[:_MOST_TERMS], "OR")


def parse_query(text: str, *, as_you_type: bool = False) -> Query:
    """Read a search box's text.

    Args:
        text: anything; what is over 300 characters or 24 terms is left out.
        as_you_type: the last word may be unfinished and is matched as a prefix, unless a space or a
            closing quote follows it.
    """
    text = normalized(text.encode("utf-8", "ignore").decode()[:_MOST_TEXT].replace("\0", " "))[:_MOST_TEXT]
    clauses: list[Clause] = []
    terms: list[str] = []
    for piece in _PIECE.finditer(text):
        quoted, word = piece.groups()
        unfinished = as_you_type and piece.end() == len(text) and not text.endswith('"')
        if quoted is not None:
            if _has_token(quoted):
                tokens, is_prefix = phrase_text(quoted)
                clauses.append(Clause(((Phrase(tokens, is_prefix or unfinished),),)))
                terms.append(quoted.strip())
            continue
        runs = [(is_cjk, run) for is_cjk, run in split_runs(word) if is_cjk or _has_token(run)]
        for number, (is_cjk, run) in enumerate(runs, start=1):
            if is_cjk:
                choices = tuple(dict.fromkeys(_cjk_choices(run)))
                clauses.append(Clause(tuple(tuple(map(_run, choice)) for choice in choices)))
                terms += [each for choice in choices for each in choice]
            else:
                clauses.append(_word(run, unfinished=unfinished and number == len(runs)))
                terms.append(run)
    return Query(tuple(clauses[:_MOST_TERMS]), tuple(dict.fromkeys(terms[: 2 * _MOST_TERMS])))


def _word(run: str, *, unfinished: bool) -> Clause:
    *parts, typed = re.split(r"[\W_]", run)
    if not unfinished or not any(parts):
        if not unfinished or len(typed) < _SHORTEST_PREFIX:
            return Clause(((Phrase(run),),))
        return Clause(((Phrase(typed, is_prefix=True),),), typed.lower())
    if len(typed) < _SHORTEST_PART:  # too much begins so: what stands before it is enough for now
        return Clause(((Phrase(run[: len(run) - len(typed)]),),))
    return Clause(((Phrase(run, is_prefix=True),),))


def _run(run: str) -> Phrase:
    return Phrase(" ".join(bigrams(run)), is_prefix=len(run) == 1)


def _cjk_choices(run: str) -> Iterator[tuple[str, ...]]:
    """Yield the sets of runs that stand for a run, itself first."""
    yield (run,)
    if _HANGUL.match(run):
        stem = _PARTICLE.sub("", run)
        if stem:
            yield (stem,)
    elif _HAN.match(run):
        yield run[:2], run[2:]
    elif _KANA.search(run):
        words = tuple(_JAPANESE.findall(run))
        if words:
            yield words


def _joined(expressions: Sequence[str], operator: str) -> str:
    if len(expressions) < 2:
        return "".join(expressions)
    return f" {operator} ".join(f"({each})" if " " in each else each for each in expressions)


def _has_token(text: str) -> bool:
    """Say whether unicode61 finds a token in a text: it takes letters and digits, and skips the rest."""
    return any(character.isalnum() for character in text)
