import sqlite3
from contextlib import closing

import pytest

from archiver.offline.search.segment import bigrams, index_text, phrase_text, split_runs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("安装", "安装 装"),
        ("安装集群", "安装 装集 集群 群"),
        ("在K8s集群上", "在 K8s 集群 群上 上"),
        ("クラスター", "クラ ラス スタ ター ー"),
        ("설치 가이드", "설치 치 가이 이드 드"),
        ("𠀀𠀁𠀂", "𠀀𠀁 𠀁𠀂 𠀂"),
        ("plain words, kept.", "plain words, kept."),
        ("安装。集群", "安装 装 。 集群 群"),
        ("ｸﾗｽﾀ \uff2b\uff18\uff53", "クラ ラス スタ タ K8s"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국 국"),
        ("", ""),
    ],
)
def test_runs_become_overlapping_bigrams_and_other_text_stays(text: str, expected: str) -> None:
    """Each CJK run is cut into overlapping pairs, its last character stands alone as well; words, spaces and punctuation are left alone."""
    assert index_text(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("安装", ("安装", False)),
        ("云", ("云", True)),
        ("K8s 集群", ("K8s  集群", False)),
        ("安装集群 K8s", ("安装 装集 集群 群 K8s", False)),
        ("plain words", ("plain words", False)),
        ("", ("", False)),
    ],
)
def test_what_is_looked_up_may_go_on_in_the_text(text: str, expected: tuple[str, bool]) -> None:
    """A run at the end of a phrase has no last character of its own; a single one is the beginning of a pair."""
    assert phrase_text(text) == expected


def test_a_lone_character_is_its_own_bigram() -> None:
    """A run of one character stays as it is."""
    assert bigrams("云") == ["云"]


def test_split_runs_leaves_nothing_out() -> None:
    """Joining the pieces gives the text back, and each piece knows what it is."""
    text = "在K8s集群 上"
    pieces = split_runs(text)
    assert "".join(piece for _, piece in pieces) == text
    assert pieces == [(True, "在"), (False, "K8s"), (True, "集群"), (False, " "), (True, "上")]


@pytest.mark.parametrize("text", ["安装集群", "クラスター々", "설치하기", "𠀀𠀁𠀂", "ｶﾀｶﾅ", "二〇二六"])
def test_fts5_takes_each_bigram_for_one_token(text: str) -> None:
    """unicode61 with diacritics removed keeps the pairs apart and whole, for every script covered."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'porter unicode61 remove_diacritics 2')")
        db.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, 'row')")
        db.execute("INSERT INTO t VALUES (?)", (index_text(text),))
        tokens = {row[0] for row in db.execute("SELECT term FROM v")}
    assert tokens == set(index_text(text).split())
