"""The difference between two texts: sentences, with the words that changed marked in them, in any script."""

from __future__ import annotations

import time

import pytest

from archiver.bundle.documents import read_document
from archiver.changes.passages import Passage, document_passages, limited, plain_passages
from archiver.changes.textdiff import ADDED, CHANGED, MOST_SHOWN, REMOVED, SAME, Line, TextDiff, compare_texts
from servers.small_archive import html

_MARKS = {SAME: ("", ""), REMOVED: ("[-", "-]"), ADDED: ("{+", "+}")}
_SIGNS = {SAME: " ", REMOVED: "-", ADDED: "+", CHANGED: "~"}


def _passages(source: str) -> tuple[Passage, ...]:
    return limited(document_passages(read_document(source)))


def _page(text: str) -> tuple[Passage, ...]:
    return _passages(html("Title", text).decode())


def _shown(line: Line) -> str:
    if line.kind != CHANGED:
        return f"{_SIGNS[line.kind]} {line.text}"
    return "~ " + "".join(part.text.join(_MARKS[part.kind]) for part in line.parts)


def _lines(diff: TextDiff | None) -> list[str]:
    assert diff is not None
    return [_shown(line) for hunk in diff.hunks for line in hunk.lines]


def test_words_are_marked_in_their_sentence() -> None:
    """A sentence of which a word changed is shown once, with both words in it; the one before it for context."""
    diff = compare_texts(
        _page("It is a pump. Turn the valve first, always. Then wait."),
        _page("It is a pump. Turn the handle first, always. Then wait."),
    )
    assert _lines(diff) == [
        "  It is a pump.",
        "~ Turn the [-valve-] {+handle+} first, always.",
        "  Then wait.",
    ]
    assert diff
    assert (diff.removed, diff.added) == (1, 1)
    assert diff.hunks[0].heading == "Title"


def test_versions_and_urls_are_words() -> None:
    """What has no space in it is read as one word, without the marks around it."""
    diff = compare_texts(
        _page("Get version 3.4.1 (see https://x.example/v3.4.1/), please."),
        _page("Get version 3.4.2 (see https://x.example/v3.4.2/), please."),
    )
    assert _lines(diff) == [
        "~ Get version [-3.4.1-] {+3.4.2+} (see [-https://x.example/v3.4.1-]{+https://x.example/v3.4.2+}/), please."
    ]


def test_scripts_without_spaces_are_compared_by_character() -> None:
    """In Chinese and Japanese a character is a word; the sentence ends at its own full stop."""
    diff = compare_texts(
        _page("在K8s集群上安装软件。请先打开阀门。インストールします。"),
        _page("在K8s集群上卸载软件。请先打开阀门。インストールしません。"),
    )
    assert _lines(diff) == [
        "~ 在K8s集群上[-安装-]{+卸载+}软件。", "  请先打开阀门。", "~ インストールしま[-す-]{+せん+}。"
    ]  # fmt: skip
    assert diff
    assert (diff.removed, diff.added) == (3, 4)


def test_korean_is_compared_by_word() -> None:
    """Korean has spaces between its words."""
    diff = compare_texts(_page("소프트웨어를 설치합니다. 끝."), _page("소프트웨어를 제거합니다. 끝."))
    assert _lines(diff) == ["~ 소프트웨어를 [-설치합니다-]{+제거합니다+}.", "  끝."]


def test_what_was_written_anew_is_shown_whole() -> None:
    """Where hardly a word is left, the old sentence and the new one stand below each other."""
    diff = compare_texts(_page("It goes. Same end."), _page("Something else entirely is here now. Same end."))
    assert _lines(diff) == ["- It goes.", "+ Something else entirely is here now.", "  Same end."]


def test_a_new_section_names_its_heading() -> None:
    """Headings are lines of the text: one that came is shown, one above what changed is the hunk's own."""
    before = _passages(html("Top", "One.", "<h2>Second</h2><p>Two. Three.</p>").decode())
    after = _passages(
        html("Top", "One.", "<h2>Second</h2><p>Two. Four.</p><h2>Third</h2><p>Five.</p>").decode()
    )
    diff = compare_texts(before, after)
    assert diff
    assert [hunk.heading for hunk in diff.hunks] == ["Second"]
    assert _lines(diff)[:2] == ["  Two.", "- Three."]
    assert _lines(diff)[-2:] == ["+ Third", "+ Five."]


def test_navigation_and_markup_are_no_difference() -> None:
    """Menus, attributes, comments and how text is wrapped in tags count for nothing."""
    before = html("Page", "One <b>two</b> three.").decode()
    after = (
        before.replace("menu entries", "other entries")
        .replace("<p>", '<p class="x" id="y">')
        .replace("<b>two</b>", "two")
    )
    assert before != after
    assert compare_texts(_passages(before), _passages(after)) is None


def test_where_lines_are_cut_is_no_difference() -> None:
    """The same words are the same text, whatever lines they stand in."""
    assert (
        compare_texts(
            tuple(plain_passages("One two\nthree four.")), tuple(plain_passages("One\ntwo three\nfour."))
        )
        is None
    )


def test_changes_with_one_word_between_them_are_one() -> None:
    """A word that stayed between two that changed is no help to a reader."""
    diff = compare_texts(
        _page("Here the quick brown fox of the wood jumps over it all day long."),
        _page("Here the quick black fox in the wood jumps over it all day long."),
    )
    assert _lines(diff) == [
        "~ Here the quick [-brown fox of-] {+black fox in+} the wood jumps over it all day long."
    ]


def test_what_changed_alike_has_the_same_changes() -> None:
    """Two pages on which the same words changed are known by that, whatever stands around them."""
    one = compare_texts(_page("Chapter one. For version 1 only."), _page("Chapter one. For version 2 only."))
    other = compare_texts(
        _page("Something else. This is 1 of them, too."), _page("Something else. This is 2 of them, too.")
    )
    assert one
    assert other
    assert one.changes == other.changes != ()


def test_code_without_sentences_is_cut_where_an_edit_moves_little() -> None:
    """A word put into a long listing changes the lines around it, not all that follow."""
    code = [f"call_{n % 97}({n}) {{ return {n * 7919 % 1000}; }}" for n in range(2000)]
    edited = [*code[:1000], "inserted_call()", *code[1000:]]
    diff = compare_texts(
        _passages(f"<main><pre>{chr(10).join(code)}</pre></main>"),
        _passages(f"<main><pre>{chr(10).join(edited)}</pre></main>"),
    )
    assert diff
    assert (diff.removed, diff.added) == (0, 1)
    assert sum(len(line) for line in _lines(diff)) < 2000


def test_long_differences_are_cut_and_counted() -> None:
    """Of a page that was written anew only a part is kept; how much more changed is told."""
    before = tuple(Passage(f"Sentence {n} of the old text.") for n in range(0, 20_000, 2))
    after = tuple(Passage(f"Words {n * 31} are here now!") for n in range(0, 20_000, 2))
    mixed = tuple(
        each for n, pair in enumerate(zip(before, after)) for each in (Passage(f"Anchor {n}."), pair[n % 2])
    )
    diff = compare_texts(
        tuple(each for n, one in enumerate(before) for each in (Passage(f"Anchor {n}."), one)), mixed
    )
    assert diff
    assert diff.omitted > 1000
    assert sum(len(line) for line in _lines(diff)) < 2 * MOST_SHOWN


@pytest.mark.parametrize(
    "pair",
    [
        ("a" * 3_000_000, "b" + "a" * 3_000_000),
        ("a! " * 700_000, "b! " * 700_000),
        ("漢" * 1_000_000, "字漢" * 500_000),
        (". ".join(map(str, range(200_000))), ". ".join(map(str, range(200_000, 0, -1)))),
        ("\u202e\x1b[31m" * 100_000, "\x00" * 100_000),
    ],
    ids=["one word", "marks", "one character", "upside down", "controls"],
)
def test_hostile_text_takes_seconds_at_most(pair: tuple[str, str]) -> None:
    """Megabytes of anything are compared in time that grows with their length."""
    begun = time.process_time()
    one, other = (limited(document_passages(read_document(f"<p>{text}</p>"))) for text in pair)
    compare_texts(one, other)
    assert time.process_time() - begun < 30
