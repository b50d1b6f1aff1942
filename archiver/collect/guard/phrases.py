"""What two texts have in common, told by the words that follow each other in both. Pure.

All texts of a language share its words, and manuals their trade's; three words in a row they seldom share. In scripts that put no
spaces between words, pieces of four characters stand for words, overlapping, so that three in a row are six characters.

Source: Broder, "On the resemblance and containment of documents" (1997): shingles.
"""

from __future__ import annotations

import re
from typing import Sequence

Phrases = frozenset[tuple[str, str, str]]
"""All that follow each other in a text: three words each."""

FEWEST = 20
"""A text with fewer phrases says too little to be compared."""
_PIECE = 4  # characters
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc"  # Chinese, Japanese, Yi, Korean
    "\U00020000-\U0003fffd"  # Chinese, less usual
)
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W\d_{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def phrases(text: str) -> Phrases:
    """Return the phrases of a text; figures, punctuation and case count for nothing."""
    words = _WORD.findall(text.lower())
    if not text.isascii():
        words = [piece for word in words for piece in _pieces(word)]
    return frozenset(zip(words, words[1:], words[2:]))


def shared(one: Phrases, other: Phrases) -> float | None:
    """Return how much of the shorter of two texts is in the other as well: from 0 to 1; None where that says nothing.

    Of the shorter one, because what is around a page's text, such as a menu, is sometimes taken for a part of it.
    """
    fewer = min(len(one), len(other))
    return len(one & other) / fewer if fewer >= FEWEST else None


def _pieces(word: str) -> Sequence[str]:
    """Return a word as it is, or the pieces of what may be many words."""
    if word.isascii() or not _IS_UNSPACED.match(word):
        return (word,)
    return [word[at : at + _PIECE] for at in range(max(1, len(word) - _PIECE + 1))]
