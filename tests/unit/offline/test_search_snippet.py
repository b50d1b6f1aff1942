from archiver.offline.search.snippet import make_snippet


def _marked(text: str, *terms: str) -> list[str]:
    snippet = make_snippet(text, terms)
    return [snippet.text[start:stop] for start, stop in snippet.marks]


def test_a_short_text_is_shown_whole() -> None:
    """Nothing is cut from a text that fits, and white space is evened out."""
    assert make_snippet("one\n  two", ()).text == "one two"


def test_the_window_is_where_the_terms_are() -> None:
    """Of a long text the part with most of the terms is shown, cut between words, with ellipses."""
    text = "filler words " * 100 + "the needle lies beside the thread " + "more filler " * 100
    snippet = make_snippet(text, ("needle", "thread"))
    assert snippet.text.startswith("… ")
    assert snippet.text.endswith(" …")
    assert "needle lies beside the thread" in snippet.text
    assert [snippet.text[a:b] for a, b in snippet.marks] == ["needle", "thread"]
    assert len(snippet.text) < 260


def test_inflected_words_are_marked() -> None:
    """What the index finds by its stem is marked in the form that the text has."""
    assert _marked("Installing installs installation; reinstall", "installed") == [
        "Installing",
        "installs",
        "installation",
    ]


def test_cjk_is_marked_inside_of_longer_text() -> None:
    """A CJK run is marked wherever it occurs, without word boundaries."""
    assert _marked("在K8s集群上安装软件", "安装", "集群") == ["集群", "安装"]


def test_phrases_are_marked_across_punctuation() -> None:
    """A phrase is one mark, whatever stands between its words."""
    assert _marked("use kube-system here", "kube system") == ["kube-system"]


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    """A long CJK text is cut although it has no word boundaries."""
    snippet = make_snippet("集" * 1000 + "安装" + "群" * 1000, ("安装",))
    assert "安装" in snippet.text
    assert len(snippet.text) < 260


def test_the_window_with_most_different_terms_wins_over_the_first() -> None:
    """One term many times is less than two terms once, wherever they stand."""
    text = "needle " * 60 + "filler words " * 40 + "a needle and a thread" + " more filler" * 40
    snippet = make_snippet(text, ("needle", "thread"))
    assert "a needle and a thread" in snippet.text
