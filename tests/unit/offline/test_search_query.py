import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.offline.search.query import parse_query


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    """An empty index with the columns of search.sqlite."""
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE t USING fts5(title, heading, body, characters, content='', "
        "tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3')"
    )
    return database


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("install linux", '{title heading body} : "install" AND {title heading body} : "linux"'),
        ('"install on linux"', '{title heading body} : "install on linux"'),
        ('"unfinished phrase', '{title heading body} : "unfinished phrase"'),
        ("安装集群", '{title heading body} : "安装 装集 集群"'),
        ("云", 'characters : "云"'),
        ("在K8s", 'characters : "在" AND {title heading body} : "K8s"'),
        ("kube-system", '{title heading body} : "kube-system"'),
        (
            "AND OR NOT",
            '{title heading body} : "AND" AND {title heading body} : "OR" AND {title heading body} : "NOT"',
        ),
        ("* ( ) : ^ -", ""),
        ("", ""),
    ],
)
def test_what_is_typed_becomes_an_expression(text: str, expression: str) -> None:
    """Words are joined by AND, quotes make phrases, CJK is cut into bigrams, and operators are plain words."""
    assert parse_query(text).expression == expression


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("inst", True), ("install lin", True), ("install ", False), ('"install"', False), ("安装", False)],
)
def test_the_word_being_typed_is_a_prefix(text: str, prefix: bool) -> None:
    """As you type, the last word matches whatever begins with it, until a space or quote ends it."""
    assert parse_query(text, as_you_type=True).expression.endswith(" *") is prefix


def test_terms_are_kept_for_marking() -> None:
    """The words, phrases and runs looked for are told once each, in order."""
    assert parse_query('linux "on linux" 安装K8s linux').terms == ("linux", "on linux", "安装", "K8s")


def test_a_novel_is_cut_to_what_a_query_may_have() -> None:
    """Hundreds of words do not make a query of hundreds of clauses."""
    assert parse_query("ab " * 1000).expression.count(" AND ") < 30


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='"*():^-+{}ab云安装 AND', max_size=30), st.booleans())
def test_nothing_typed_is_a_syntax_error(table: sqlite3.Connection, text: str, as_you_type: bool) -> None:
    """Whatever is typed, FTS5 takes the expression."""
    expression = parse_query(text, as_you_type=as_you_type).expression
    if expression:
        table.execute("SELECT rowid FROM t WHERE t MATCH ?", (expression,)).fetchall()
