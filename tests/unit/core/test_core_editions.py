from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archiver.core.editions import EditionReader, Selectors, found_editions, normal_version


def _read(key: str, *seeds: str) -> tuple[str, str, str]:
    edition = EditionReader.around(seeds).read(key)
    return (
        edition.version.text if edition.version else "",
        edition.locale.text if edition.locale else "",
        edition.stem,
    )


@pytest.mark.parametrize(
    ("key", "version", "locale", "stem"),
    [
        # Sphinx on Read the Docs, and elsewhere
        ("x.readthedocs.io/en/latest/a.html", "latest", "en", "x.readthedocs.io/a.html"),
        ("x.readthedocs.io/zh-cn/v3.4.1/a.html", "v3.4.1", "zh-cn", "x.readthedocs.io/a.html"),
        ("x.readthedocs.io/projects/y/de/stable/", "stable", "de", "x.readthedocs.io/projects/y/"),
        ("docs.python.org/3/library/io.html", "3", "", "docs.python.org/library/io.html"),
        ("docs.python.org/pt-br/3.11/a.html", "3.11", "pt-br", "docs.python.org/a.html"),
        ("docs.djangoproject.com/en/4.2/ref/", "4.2", "en", "docs.djangoproject.com/ref/"),
        # Docusaurus
        ("x.io/docs/next/intro", "next", "", "x.io/docs/intro"),
        ("x.io/docs/intro", "", "", "x.io/docs/intro"),
        ("x.io/zh-CN/docs/2.0.0-beta.3/a", "2.0.0-beta.3", "zh-CN", "x.io/docs/a"),
        ("x.io/zh-Hans/docs/1.x/a", "1.x", "zh-Hans", "x.io/docs/a"),
        # Hugo, VitePress, MkDocs with mike, Antora
        ("kubesphere.io/zh/docs/v3.4/a/", "v3.4", "zh", "kubesphere.io/docs/a/"),
        ("istio.io/v1.20/zh/docs/", "v1.20", "zh", "istio.io/docs/"),
        ("v1-28.docs.kubernetes.io/zh-cn/docs/a/", "v1-28", "zh-cn", "docs.kubernetes.io/docs/a/"),
        ("cli.vuejs.org/zh/guide/", "", "zh", "cli.vuejs.org/guide/"),
        ("x.io/dev/setup/", "dev", "", "x.io/setup/"),
        ("x.io/docs/release-1.2/a", "release-1.2", "", "x.io/docs/a"),
        # others
        ("dev.mysql.com/doc/refman/8.0/en/a.html", "8.0", "en", "dev.mysql.com/doc/refman/a.html"),
        ("httpd.apache.org/docs/2.4/zh-cn/a.html", "2.4", "zh-cn", "httpd.apache.org/docs/a.html"),
        ("www.postgresql.org/docs/16/sql.html", "16", "", "www.postgresql.org/docs/sql.html"),
        ("zh.javascript.info/intro", "", "zh", "javascript.info/intro"),
        ("x.org/docs/a?lang=zh_CN&version=2.1", "2.1", "zh_CN", "x.org/docs/a"),
        ("doc.rust-lang.org/nightly/std/io/index.html", "nightly", "", "doc.rust-lang.org/std/io/index.html"),
        ("x.org/docs/v3.4", "v3.4", "", "x.org/docs"),
    ],
)
def test_the_usual_url_shapes_are_understood(key: str, version: str, locale: str, stem: str) -> None:
    """Path, host and query show version and locale where the documentation tools put them."""
    assert _read(key) == (version, locale, stem)


@pytest.mark.parametrize(
    "key",
    [
        "doc.rust-lang.org/std/io/index.html",
        "x.org/library/it/a.html",
        "x.org/javadoc/org/apache/id/no/Is.html",
        "docs.gitlab.com/ee/user/",
        "x.org/guide/next/",
        "x.org/guide/v1/",
        "x.org/page/2/",
        "x.org/blog/2023/05/12/slug/",
        "x.org/docs/release-notes/v3.4/",
        "x.org/docs/upgrade/3.3.1/",
        "x.org/docs/whatsnew/3.11.html",
        "x.org/no-op/it-works/",
        "x.org/docs/style.css?v=1.2",
        "x.org/docs/a?lang=python",
        "x.org/2024/",
        "127.0.0.1:8000/a/",
        "it.org/a",
        "x.org/",
        "x.org",
    ],
)
def test_ordinary_words_and_numbers_are_no_editions(key: str) -> None:
    """Modules, page numbers, dates, and versions that a page is about belong to the URL itself."""
    assert _read(key) == ("", "", key.partition("?")[0])


def test_seeds_show_where_words_count() -> None:
    """Below a seed's folder, and where a seed has its own, a word may be a version or a locale."""
    assert _read("x.org/guide/de/a", "x.org/guide/")[1] == "de"
    assert _read("x.org/guide/de/a", "x.org/other/")[1] == ""
    assert _read("x.org/reference/8/a", "x.org/reference/current/index.html")[0] == "8"
    assert _read("x.org/g/zh/ref/main/a", "x.org/g/en/ref/current/") == ("main", "zh", "x.org/g/ref/a")


def test_names_that_are_selected_count_at_a_place() -> None:
    """Versions with names of their own are known where the seed has one."""
    reader = EditionReader.around(["docs.ros.org/en/humble/"], frozenset({"humble", "iron"}))
    edition = reader.read("docs.ros.org/en/iron/a.html")
    assert (edition.version and edition.version.text, edition.stem) == ("iron", "docs.ros.org/a.html")
    assert reader.read("docs.ros.org/en/iron-age/a.html").version is None


@pytest.mark.parametrize(
    ("selected", "others", "not_others"),
    [
        ("v3.4", ["3.4", "V3.4", "release-3.4", "v3-4"], ["v3.4.1", "v3.3", "v13.4", "3x4", "v3"]),
        ("3.*", ["v3.4", "3.0.1", "3.x"], ["v4.3.1", "3"]),
        ("latest", ["latest", "Latest"], ["latest2", "stable"]),
    ],
)
def test_versions_are_compared_by_their_numbers(
    selected: str, others: list[str], not_others: list[str]
) -> None:
    """Prefixes are ornament; a longer number is another version unless a star stands for the rest."""
    selectors = Selectors(versions=(selected,))
    assert all(map(selectors.has_version, others))
    assert not any(map(selectors.has_version, not_others))


@pytest.mark.parametrize(
    ("selected", "others", "not_others"),
    [
        ("zh", ["zh", "zh-CN", "zh_cn", "zh-Hans", "zh-hant-tw", "cn"], ["en", "ja"]),
        ("zh-CN", ["zh_cn", "zh-cn"], ["zh", "zh-tw", "zh-hans"]),
        ("pt_BR", ["pt-br"], ["pt", "pt-pt"]),
    ],
)
def test_a_language_selects_its_variants(selected: str, others: list[str], not_others: list[str]) -> None:
    """A bare language means every region and script of it; a full tag means itself."""
    selectors = Selectors(locales=(selected,))
    assert all(map(selectors.has_locale, others))
    assert not any(map(selectors.has_locale, not_others))


def test_nothing_selected_selects_everything() -> None:
    """An empty list is no choice."""
    assert Selectors().has_version("v1")
    assert Selectors().has_locale("xx")


def _siblings(seed: str, versions: tuple[str, ...] = (), locales: tuple[str, ...] = ()) -> list[str]:
    selectors = Selectors(versions, locales)
    key = seed.partition("://")[2]
    return list(selectors.siblings(seed, EditionReader.around([key], *selectors.named).read(key)))


def test_a_seed_has_siblings_in_its_own_spelling() -> None:
    """The other versions and locales of a seed are written as it writes its own."""
    assert _siblings("https://x.org/docs/v3.4/a.html?b", ("3.4", "3.3", "latest", "2.*")) == [
        "https://x.org/docs/v3.4/a.html?b",
        "https://x.org/docs/v3.3/a.html?b",
        "https://x.org/docs/latest/a.html?b",
    ]
    assert _siblings("https://v1-28.docs.x.io/docs/", ("1.28", "1.29")) == [
        "https://v1-28.docs.x.io/docs/",
        "https://v1-29.docs.x.io/docs/",
    ]
    assert _siblings("https://x.org/zh-CN/latest/", ("latest", "v1.0"), ("zh", "en")) == [
        "https://x.org/zh-CN/latest/",
        "https://x.org/en/latest/",
        "https://x.org/zh-CN/v1.0/",
        "https://x.org/en/v1.0/",
    ]
    assert _siblings("https://x.org/docs/", ("v1.0",), ("en", "zh")) == ["https://x.org/docs/"]


def test_editions_found_are_counted() -> None:
    """A keeper who selected nothing learns which versions and locales the pages were of."""
    found = found_editions(
        [
            "https://x.org/docs/v3.4/a",
            "https://x.org/docs/3.4/b",
            "https://x.org/docs/v3.3/a",
            "https://x.org/zh_CN/docs/v3.3/",
            "https://x.org/about",
        ],
        ["https://x.org/docs/"],
    )
    assert found.versions == {"3.4": 2, "3.3": 2}
    assert found.locales == {"zh-cn": 1}


_PART = st.sampled_from(["docs", "v3.4", "zh", "en-us", "latest", "io", "2", "blog", "a.html", "", "x"])


@settings(deadline=None)
@given(st.lists(_PART, max_size=14), st.sampled_from(["x.org", "zh.x.org", "v1-2.x.org", "x.org:80"]))
def test_taking_the_edition_out_leaves_the_rest(parts: list[str], host: str) -> None:
    """A stem is the URL without at most one version and one locale, in the same order."""
    key = "/".join((host, *parts))
    edition = EditionReader.around([]).read(key)
    left = key.split("/")
    for mark in sorted(filter(None, (edition.version, edition.locale)), key=lambda each: -each.at):
        if mark.at == 0:
            left[0] = left[0].partition(".")[2]
        else:
            assert left.pop(mark.at) == mark.text
    assert "/".join(left) == edition.stem


@settings(deadline=None)
@example("vv3")
@given(st.text("v.3-x*releas", max_size=12))
def test_a_normal_form_is_its_own(text: str) -> None:
    """Normalising twice changes nothing, so that compared forms are comparable."""
    assert normal_version(normal_version(text)) == normal_version(text)
