"""Cutting Chinese, Japanese and Korean text so that FTS5's unicode61 tokenizer can index it.

These scripts put no or few spaces between words, so unicode61 takes a whole sentence for one word. Written as
overlapping pairs of characters, and each run's last character once more on its own, any piece of a run can be found: one
of two or more characters as a phrase of pairs, a single character as a prefix of pairs. The indexer and the query side
both cut with this module.

Source: the scheme of Lucene's CJKBigramFilter; Unicode Standard Annex 15 (NFKC); docs/format.md, "docs/search.sqlite".
"""

from __future__ import annotations

import re
import unicodedata

# Letters and letter-like marks only: unicode61 takes punctuation and symbols for separators, and so
# they end a run here as well.
_CJK = (
    "\u1100-\u11ff"  # Hangul Jamo, as decomposed text has them
    "\u3005-\u3007"  # ideographic iteration mark, closing mark, number zero
    "\u3041-\u3096\u309d-\u309f"  # Hiragana
    "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Katakana, its length mark, phonetic extensions
    "\u3131-\u318e\ua960-\ua97c"  # Hangul compatibility Jamo, Jamo extended A
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han, extension A, compatibility ideographs
    "\uac00-\ud7a3\ud7b0-\ud7fb"  # Hangul syllables, Jamo extended B
    "\uff66-\uff9f\uffa0-\uffdc"  # halfwidth Katakana and Hangul
    "\U00020000-\U0003fffd"  # Han extensions B and later, compatibility supplement
)
_CHARACTER = re.compile(f"[{_CJK}]")
_RUN = re.compile(f"[{_CJK}]+")


def normalized(text: str) -> str:
    """Return text in NFKC: halfwidth Katakana, fullwidth Latin and decomposed Hangul as everybody types them."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def index_text(text: str) -> str:
    """Return text as it is indexed: ``在K8s集群上`` gives ``在 K8s 集群 群上 上``.

    Every CJK run becomes its overlapping bigrams and its last character; a run of one character stays as it is.
    Everything else is untouched but for a space wherever a run touches other text.
    """
    return _RUN.sub(_indexed, normalized(text))


def phrase_text(text: str) -> tuple[str, bool]:
    """Return text as it is looked up: what stands side by side in ``index_text``, and whether its end is a prefix.

    A run at the end may go on in the text that is searched. So its last character has no entry of its own, and where
    there is nothing but that, it is the beginning of a bigram.
    """
    text = normalized(text).rstrip()
    runs = split_runs(text)
    if not runs or not runs[-1][0]:
        return index_text(text), False
    last = runs[-1][1]
    front = index_text(text[: len(text) - len(last)])
    return f"{front} {' '.join(bigrams(last))}".lstrip(), len(last) == 1


def bigrams(run: str) -> list[str]:
    """Return the overlapping pairs of a run, or the run itself where it has one character."""
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def is_cjk(character: str) -> bool:
    """Say whether a character belongs to a CJK run."""
    return _CHARACTER.match(character) is not None


def split_runs(text: str) -> list[tuple[bool, str]]:
    """Cut a text into ``(is CJK, piece)``, leaving nothing out."""
    pieces: list[tuple[bool, str]] = []
    end = 0
    for run in _RUN.finditer(text):
        if run.start() > end:
            pieces.append((False, text[end : run.start()]))
        pieces.append((True, run[0]))
        end = run.end()
    if end < len(text):
        pieces.append((False, text[end:]))
    return pieces


def _indexed(run: re.Match[str]) -> str:
    text, start, end = run.string, run.start(), run.end()
    before = " " if start > 0 and not text[start - 1].isspace() else ""
    after = " " if end < len(text) and not text[end].isspace() else ""
    pieces = bigrams(run[0])
    if len(run[0]) > 1:
        pieces.append(run[0][-1])
    return before + " ".join(pieces) + after
