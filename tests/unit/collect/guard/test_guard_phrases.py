"""What two texts have in common."""

from __future__ import annotations

from itertools import combinations

import pytest

from archiver.collect.guard.phrases import FEWEST, phrases, shared
from servers.prose import TRADES, prose


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Node, the pod.", {("the", "node", "the"), ("node", "the", "pod")}),
        ("Version 3.11 of it", {("version", "of", "it")}),
        ("two words", set()),
        ("", set()),
        ("在K8s集群上", {("在", "k", "s"), ("k", "s", "集群上")}),
        ("安装集群的节点", {("安装集群", "装集群的", "集群的节"), ("装集群的", "集群的节", "群的节点")}),
        ("ภาษาไทย", {("ภาษา", "าษาไ", "ษาไท"), ("าษาไ", "ษาไท", "าไทย")}),
    ],
)
def test_phrases_are_three_words_in_a_row(text: str, found: set[tuple[str, str, str]]) -> None:
    """Of any case, without figures and punctuation; without spaces, four characters stand for a word."""
    assert phrases(text) == found


def test_a_text_has_all_in_common_with_one_that_goes_on() -> None:
    """The longer one may have more: a menu, a chapter."""
    text = prose("cluster", "a")
    assert shared(phrases(text), phrases(text)) == 1
    assert shared(phrases(text), phrases(f"Menu and so on: {prose('casino', 'a', 900)}. {text}")) == 1


@pytest.mark.parametrize("trade", TRADES)
def test_an_edited_text_has_much_in_common(trade: str) -> None:
    """With a word in twenty replaced, most is left."""
    text = prose(trade, "a", 400)
    step = len(text) // 20
    edited = "".join(text[at : at + step] + " neu " for at in range(0, len(text), step))
    assert 0.5 < (shared(phrases(text), phrases(edited)) or 0) < 1


@pytest.mark.parametrize(("one", "other"), [*combinations(TRADES, 2)])
def test_texts_of_other_things_have_nothing_in_common(one: str, other: str) -> None:
    """Whatever their language."""
    assert (shared(phrases(prose(one, "a")), phrases(prose(other, "a"))) or 0) < 0.05


def test_too_little_text_says_nothing() -> None:
    """Two titles that differ are no texts that differ."""
    words = " ".join("abcdefghijklmnopqrstuvwxyz"[: FEWEST + 1])
    assert shared(phrases(words), phrases(prose("casino", "a"))) is None
    assert shared(phrases(f"{words} z"), phrases(prose("casino", "a"))) == 0
