import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.offline.search.query import parse_query


def _nothing(typed: str) -> tuple[bool, list[str]]:
    return True, []


@pytest.fixture(scope="module")
def table() -> sqlite3.Connection:
    """An empty index with the columns of search.sqlite."""
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE t USING fts5(title, heading, page, body, content='', "
        "tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    return database


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("install", '"install"'),
        ("install linux", '("install linux") OR ("install" AND "linux")'),
        ('"install on linux"', '"install on linux"'),
        ('"unfinished phrase', '"unfinished phrase"'),
        ("安装", '"安装"'),
        ("安装集群", '("安装 装集 集群") OR ("安装" AND "集群")'),
        ("云", '"云" *'),
        ("kube-system", '"kube-system"'),
        ("AND OR", '("AND OR") OR ("AND" AND "OR")'),
        ("클러스터를", '("클러 러스 스터 터를") OR ("클러 러스 스터")'),
        (
            "クラスターの作成",
            '("クラ ラス スタ ター ーの の作 作成") OR (("クラ ラス スタ ター") AND "作成")',
        ),
        ("* ( ) : ^ -", ""),
        ("", ""),
    ],
)
def test_what_is_typed_becomes_an_expression(text: str, expression: str) -> None:
    """Words are joined by AND, quotes make phrases, CJK is cut into bigrams, and operators are plain words."""
    assert parse_query(text).strict(_nothing) == expression


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("inst", True),
        ("install lin", True),
        ("install ", False),
        ('"install"', False),
        ("安装", False),
        ("i", False),
    ],
)
def test_the_word_being_typed_is_a_prefix(text: str, prefix: bool) -> None:
    """As you type, the last word matches whatever begins with it, until a space or quote ends it."""
    assert ("*" in parse_query(text, as_you_type=True).strict(_nothing)) is prefix


def test_words_that_the_index_knows_complete_the_one_being_typed() -> None:
    """What begins with the word typed, and has another stem, is looked for as well."""
    query = parse_query("linux Installa", as_you_type=True)
    assert query.strict(lambda typed: (True, [typed + "tion"])) == (
        '"linux" AND (("installa" *) OR "installation")'
    )


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("nf_co", '"nf_"'),
        ("nf_con", '"nf_con" *'),
        ("nf_", '"nf_"'),
        ("__st", '("st" *) OR "standing"'),
    ],
)
def test_the_last_part_of_a_name_is_looked_for_from_its_third_letter(text: str, expression: str) -> None:
    """Two letters begin so much that what stands before them has to do; where nothing does, they are a word."""
    query = parse_query(text, as_you_type=True)
    assert query.strict(lambda _: (True, ["standing"])) == expression


def test_terms_are_kept_for_marking() -> None:
    """The words, phrases and runs looked for are told once each, in order."""
    assert parse_query('linux "on linux" 安装K8s linux').terms == ("linux", "on linux", "安装", "K8s")


def test_a_novel_is_cut_to_what_a_query_may_have() -> None:
    """Hundreds of words do not make a query of hundreds of clauses."""
    assert parse_query("ab " * 1000).strict(_nothing).count(" AND ") < 30
    assert parse_query("ab " * 1000).loose(_nothing).count(" OR ") < 30


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='"*():^-+{}ab云安装 AND', max_size=30), st.booleans())
def test_nothing_typed_is_a_syntax_error(table: sqlite3.Connection, text: str, as_you_type: bool) -> None:
    """Whatever is typed, FTS5 takes the expression."""
    query = parse_query(text, as_you_type=as_you_type)
    for expression in (query.strict(lambda typed: (False, [typed, "word"])), query.loose(_nothing)):
        if expression:
            table.execute("SELECT rowid FROM t WHERE t MATCH ?", (expression,)).fetchall()
            table.execute(
                "SELECT rowid FROM t WHERE t MATCH ?", (f"{{title heading}} : ({expression})",)
            ).fetchall()
