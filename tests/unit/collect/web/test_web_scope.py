from __future__ import annotations

import pytest

from archiver.collect.web.scope import Scope
from archiver.core.errors import InvalidURL
from archiver.spec.model import DocSite
from archiver.spec.scope import Scope as ScopeSpec


def _scope(*seeds: str, **rules: tuple[str, ...]) -> Scope:
    return Scope.of(DocSite(seeds=seeds, scope=ScopeSpec.model_validate(rules)))


@pytest.mark.parametrize(
    ("seed", "url", "inside", "reason"),
    [
        ("https://x.org/docs/", "https://x.org/docs/a/b.html", True, "seed's folder"),
        ("https://x.org/docs/index.html", "https://x.org/docs/b.html", True, "seed's folder"),
        ("https://x.org/docs/index.html", "https://x.org/docs/index.html", True, "seed"),
        ("https://x.org/docs/", "https://x.org/docs2/", False, "out of scope"),
        ("https://x.org/docs/", "https://x.org/docs", False, "out of scope"),
        ("https://x.org/docs/", "https://y.org/docs/a", False, "out of scope"),
        ("https://x.org/docs/?next=/a/b", "https://x.org/docs/c", True, "seed's folder"),
        ("https://x.org", "https://x.org/anything", True, "seed's folder"),
        ("https://x.org", "https://x.org.evil.net/", False, "out of scope"),
        ("http://x.org/docs/", "https://x.org/docs/a", True, "seed's folder"),
        ("https://x.org:443/docs/", "http://x.org/docs/a", True, "seed's folder"),
        ("http://x.org:8080/docs/", "http://x.org/docs/a", False, "out of scope"),
        ("https://x.org/docs/", "mailto:a@x.org", False, "not http"),
    ],
)
def test_the_default_scope_is_the_folder_of_the_seed(seed: str, url: str, inside: bool, reason: str) -> None:
    """A page is inside when it is below the seed's folder on the seed's host; scheme does not matter."""
    decision = _scope(seed).decide(url)
    assert (decision.inside, decision.reason) == (inside, reason)


def test_included_prefixes_add_to_the_folders() -> None:
    """An include prefix, absolute or relative to the seed, makes further URLs pages."""
    scope = _scope("https://x.org/docs/", include=("https://api.x.org/ref", "/blog/"))
    assert scope.decide("https://api.x.org/ref/a").reason == "included"
    assert scope.decide("https://x.org/blog/1").reason == "included"
    assert not scope.decide("https://api.x.org/").inside


def test_exclusion_wins_over_all_but_a_seed() -> None:
    """An exclude prefix removes what folder and include allow; a seed stays, or nothing would be fetched."""
    scope = _scope(
        "https://x.org/docs/", include=("https://x.org/docs/old/keep/",), exclude=("https://x.org/docs/",)
    )
    assert scope.decide("https://x.org/docs/old/keep/a").reason == "excluded"
    assert scope.decide("https://x.org/docs/").reason == "seed"


def test_without_rules_nothing_is_excluded_or_included() -> None:
    """Empty lists match nothing, rather than everything."""
    assert _scope("https://x.org/docs/").decide("https://x.org/docs/a").inside
    assert not _scope("https://x.org/docs/").decide("https://x.org/a").inside


def test_a_prefix_that_is_no_web_url_is_refused() -> None:
    """A prefix of another scheme is an error of the spec, not a rule that never matches."""
    with pytest.raises(InvalidURL):
        _scope("https://x.org/", exclude=("ftp://x.org/",))


def test_globs_and_expressions_are_rules_too() -> None:
    """Include and exclude take globs and regular expressions; an excluded URL is out however it came in."""
    scope = _scope(
        "https://x.org/docs/",
        include=("https://*.x.org/ref/", r"re:^https://y\.org/(guide|faq)/"),
        exclude=("**/*.pdf", "re:[?&]print=1"),
    )
    assert scope.decide("https://api.x.org/ref/a").reason == "included"
    assert scope.decide("https://y.org/faq/1").reason == "included"
    assert scope.decide("https://y.org/blog/").reason == "out of scope"
    assert scope.decide("https://x.org/docs/a/b.pdf").reason == "excluded"
    assert scope.decide("https://y.org/faq/1?print=1").reason == "excluded"


def test_hosts_are_those_that_the_spec_names() -> None:
    """Seeds, prefixes and globs name hosts; a star or an expression names none."""
    scope = _scope(
        "https://x.org:8443/docs/v1.2/",
        include=("http://127.0.0.1:8000/*/a", "https://*.y.org/", "re:z.org", "https://w.org/"),
        versions=("1.2", "1.1"),
    )
    assert scope.hosts == {"x.org", "127.0.0.1", "w.org"}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/docs/a", "seed's folder"),
        ("/docs/v3.4/a", "seed's folder"),
        ("/docs/3.4/a", "seed's folder"),
        ("/docs/v3.3/a", "other version"),
        ("/docs/latest/a", "other version"),
        ("/docs/zh/v3.4/a", "seed's folder"),
        ("/docs/zh-CN/a", "seed's folder"),
        ("/docs/ja/v3.4/a", "other locale"),
        ("/docs/v3.4/pt_BR/a", "other locale"),
        ("/docs/v3.4/ja-jp/", "other locale"),
        ("/docs/v3.4/release-notes/v3.3/", "seed's folder"),
        ("/docs/v3.4/a?lang=ja", "other locale"),
        ("/zh/docs/v3.4/a", "seed's folder"),
        ("/ja/docs/v3.4/a", "other locale"),
        ("/blog/v3.4/a", "out of scope"),
        ("/api/v3.3/a", "other version"),
        ("/api/ja/", "other locale"),
        ("/api/a", "included"),
        ("/docs/old/v3.4/", "excluded"),
    ],
)
def test_of_versions_and_locales_the_selected_ones_are_taken(target: str, reason: str) -> None:
    """Pages of another version or locale are out, included ones too; pages of none are shared."""
    scope = _scope(
        "https://x.org/docs/",
        include=("/api/",),
        exclude=("/docs/old/",),
        versions=("v3.4",),
        locales=("en", "zh"),
    )
    assert scope.decide(f"https://x.org{target}").reason == reason


@pytest.mark.parametrize(
    ("seed", "selected", "inside", "outside"),
    [
        (
            "https://x.org/docs/v3.4/",
            {"versions": ("v3.4", "v3.3")},
            ["/docs/v3.4/a", "/docs/v3.3/a", "/docs/3.3/a"],
            ["/docs/v3.2/a", "/docs/a", "/docs/", "/blog/v3.3/a", "/zh/docs/v3.3/a", "/v3.3/docs/a"],
        ),
        (
            "https://x.org/docs/v3.4/",
            {"locales": ("en", "zh")},
            ["/docs/v3.4/a", "/zh/docs/v3.4/a", "/zh-cn/docs/v3.4/a", "/docs/zh/v3.4/a", "/docs/v3.4/zh/a"],
            ["/zh/docs/v3.3/a", "/zh/docs/a", "/ja/docs/v3.4/a", "/zh/blog/v3.4/"],
        ),
        (
            "https://x.org/zh/docs/v3.4/",
            {"locales": ("zh",)},
            ["/zh/docs/v3.4/a", "/zh-TW/docs/v3.4/a"],
            ["/docs/v3.4/a", "/en/docs/v3.4/a"],
        ),
        (
            "https://x.org/zh/docs/v3.4/",
            {"locales": ("zh", "en"), "versions": ("v3.4", "3.3")},
            ["/docs/v3.4/a", "/en/docs/v3.3/a", "/zh/docs/v3.3/a"],
            ["/docs/a", "/zh/docs/v3.2/a", "/docs/zh/v3.4/a"],
        ),
        (
            "https://v1-28.docs.x.org/docs/",
            {"versions": ("v1.28", "v1.29")},
            ["https://v1-29.docs.x.org/docs/a"],
            ["https://v1-27.docs.x.org/docs/a", "https://docs.x.org/docs/a", "https://v1-29.x.org/docs/a"],
        ),
    ],
)
def test_a_seed_stands_for_its_selected_counterparts(
    seed: str, selected: dict[str, tuple[str, ...]], inside: list[str], outside: list[str]
) -> None:
    """Versions and locales that are selected beside the seed's own are in scope at the same place."""
    scope = _scope(seed, **selected)
    for target in inside:
        assert scope.decide(target if "://" in target else f"https://x.org{target}").inside, target
    for target in outside:
        assert not scope.decide(target if "://" in target else f"https://x.org{target}").inside, target


def test_a_version_that_was_not_selected_is_told_from_what_is_elsewhere() -> None:
    """The counterpart of a seed in another version is out for that reason, so that the report can say so."""
    scope = _scope("https://x.org/docs/v3.4/", versions=("v3.4",))
    assert scope.decide("https://x.org/docs/v3.3/a").reason == "other version"
    assert scope.decide("https://x.org/blog/v3.3/a").reason == "out of scope"


def test_selected_counterparts_of_seeds_are_begun_with() -> None:
    """A seed that shows its version or locale is asked for in the other selected ones as well."""
    scope = _scope(
        "https://x.org/zh/docs/v3.4/", "https://x.org/zh/docs/v3.3/", versions=("v3.4", "3.3", "2.*")
    )
    assert scope.starts == ()
    scope = _scope("https://x.org/docs/v3.4/", versions=("v3.4", "3.3"), locales=("en", "zh"))
    assert scope.starts == (("https://x.org/docs/v3.3/", "https://x.org/docs/v3.4/"),)
    assert _scope("https://x.org/docs/v3.4/").starts == ()


def test_nothing_selected_leaves_every_edition_in() -> None:
    """Without selectors a folder is a folder, whatever versions and locales are in it."""
    scope = _scope("https://x.org/docs/")
    assert scope.decide("https://x.org/docs/ja/v1.0/a").reason == "seed's folder"
    assert scope.decide("https://x.org/ja/docs/a").reason == "out of scope"


@pytest.mark.parametrize(
    "target", ["v3.4/a.pdf", "v3.3/a.pdf", "zh/v3.3/b/a.pdf", "v3.3/zh/api/x", "3.3/api/x?a=1"]
)
def test_what_is_excluded_below_a_seed_is_excluded_in_each_edition(target: str) -> None:
    """A seed's folder stands for its other editions, and so do rules that are relative to it."""
    scope = _scope(
        "https://x.org/docs/v3.4/",
        exclude=("**/*.pdf", "api/"),
        versions=("v3.4", "v3.3"),
        locales=("en", "zh"),
    )
    assert scope.decide(f"https://x.org/docs/{target}").reason == "excluded"
    assert scope.decide("https://x.org/zh/docs/v3.3/a.html").reason == "seed's folder"


def test_rules_that_name_a_place_are_about_that_place_only() -> None:
    """Prefixes and globs with a host, or from the root on, say which edition they mean."""
    scope = _scope(
        "https://x.org/docs/v3.4/",
        exclude=("/docs/v3.4/api/", "https://x.org/docs/v3.4/*.pdf"),
        versions=("v3.4", "v3.3"),
    )
    assert scope.decide("https://x.org/docs/v3.4/api/x").reason == "excluded"
    assert scope.decide("https://x.org/docs/v3.4/x.pdf").reason == "excluded"
    assert scope.decide("https://x.org/docs/v3.3/api/x").inside
    assert scope.decide("https://x.org/docs/v3.3/x.pdf").inside
