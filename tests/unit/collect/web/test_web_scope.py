from __future__ import annotations

import pytest

from archiver.collect.web.scope import Scope
from archiver.core.errors import InvalidURL
from archiver.spec.model import DocSite
from archiver.spec.model import Scope as ScopeSpec


def _scope(*seeds: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Scope:
    return Scope.of(DocSite(seeds=seeds, scope=ScopeSpec(include=include, exclude=exclude)))


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
