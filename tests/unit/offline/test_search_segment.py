import sqlite3
from contextlib import closing

import pytest

from archiver.offline.search.segment import bigrams, characters, index_text, split_runs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("安装", "安装"),
        ("安装集群", "安装 装集 集群"),
        ("在K8s集群上", "在 K8s 集群 群上"),
        ("クラスター", "クラ ラス スタ ター"),
        ("설치 가이드", "설치 가이 이드"),
        ("𠀀𠀁𠀂", "𠀀𠀁 𠀁𠀂"),
        ("plain words, kept.", "plain words, kept."),
        ("安装。集群", "安装 。 集群"),
        ("", ""),
    ],
)
def test_runs_become_overlapping_bigrams_and_other_text_stays(text: str, expected: str) -> None:
    """Each CJK run is cut into overlapping pairs; words, spaces and punctuation are left alone."""
    assert index_text(text) == expected


def test_characters_lists_every_cjk_character_once_for_each_occurrence() -> None:
    """The unigram column holds each CJK character, in order, and nothing else."""
    assert characters("在 K8s 集群上,在") == "在 集 群 上 在"
    assert characters("none here") == ""


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
    assert tokens == set(bigrams(text))
