"""Version ranges as npm writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.collect.images.ranges import Range
from archiver.collect.images.versions import Version, tag_version
from archiver.core.errors import SpecError


def inside(text: str, versions: str) -> str:
    """Return those of the versions, separated by spaces, that are in the range."""
    wanted = Range.parse(text)
    return " ".join(
        name for name in versions.split() if (named := tag_version(name)) and wanted.contains(named.version)
    )


ALL = "0 0.0.3 0.0.4 0.1 0.2.3 0.2.9 0.3 1 1.2 1.2.3 1.2.9 1.3 1.9.9 2 2.3.4 2.4 3 3.3 3.4.1 3.4.2 3.5 4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=3.3 <4", "3.3 3.4.1 3.4.2 3.5"),
        (">= 3.3, < 4", "3.3 3.4.1 3.4.2 3.5"),
        (">=v3.3 <V4", "3.3 3.4.1 3.4.2 3.5"),
        ("^1.2", "1.2 1.2.3 1.2.9 1.3 1.9.9"),
        ("^1.2.3", "1.2.3 1.2.9 1.3 1.9.9"),
        ("^0.2.3", "0.2.3 0.2.9"),
        ("^0.0.3", "0.0.3"),
        ("^0.0", "0 0.0.3 0.0.4"),
        ("^0", "0 0.0.3 0.0.4 0.1 0.2.3 0.2.9 0.3"),
        ("^1.x", "1 1.2 1.2.3 1.2.9 1.3 1.9.9"),
        ("~3.4.1", "3.4.1 3.4.2"),
        ("~1.2", "1.2 1.2.3 1.2.9"),
        ("~1", "1 1.2 1.2.3 1.2.9 1.3 1.9.9"),
        ("1.2.x", "1.2 1.2.3 1.2.9"),
        ("1.2.*", "1.2 1.2.3 1.2.9"),
        ("1.X", "1 1.2 1.2.3 1.2.9 1.3 1.9.9"),
        ("=1.2.3", "1.2.3"),
        ("=1.2", "1.2 1.2.3 1.2.9"),
        ("1.2.3 - 2.3.4", "1.2.3 1.2.9 1.3 1.9.9 2 2.3.4"),
        ("1.2 - 2.3", "1.2 1.2.3 1.2.9 1.3 1.9.9 2 2.3.4"),
        ("1.2.3 - 2", "1.2.3 1.2.9 1.3 1.9.9 2 2.3.4 2.4"),
        (">1.2", "1.3 1.9.9 2 2.3.4 2.4 3 3.3 3.4.1 3.4.2 3.5 4"),
        (">3.4.1", "3.4.2 3.5 4"),
        ("<=1.2", "0 0.0.3 0.0.4 0.1 0.2.3 0.2.9 0.3 1 1.2 1.2.3 1.2.9"),
        ("<=0.0.3", "0 0.0.3"),
        ("<0.1 || >3.5", "0 0.0.3 0.0.4 4"),
        ("0.1 || 1.2.x || >=3.5 <4", "0.1 1.2 1.2.3 1.2.9 3.5"),
        (">=x", ALL),
        ("x", ALL),
    ],
)
def test_a_range_has_the_versions_that_npm_says(text: str, expected: str) -> None:
    """Each kind of range means what node-semver's documentation says of it."""
    assert inside(text, ALL) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">=1.0", "1.0 1.1"),
        ("<2.0.0", "1.0 1.1"),
        (">=1.1.0-rc.1", "1.1-rc.1 1.1-rc.10 1.1"),
        (">=1.1.0-rc.2 <2", "1.1-rc.10 1.1"),
        ("^1.1.0-rc.1", "1.1-rc.1 1.1-rc.10 1.1"),
        ("~1.1.0-rc.10 || =2.0.0-beta.1", "1.1-rc.10 1.1 2.0-beta.1"),
        ("1.1.0-rc.1 - 1.1.0", "1.1-rc.1 1.1-rc.10 1.1"),
    ],
)
def test_a_range_has_the_pre_releases_of_versions_that_it_names_as_such(text: str, expected: str) -> None:
    """Who asks for less than 2 does not ask for 2.0.0-beta; who names 1.1.0-rc.1 means its successors, too."""
    assert inside(text, "1.0 1.1-rc.1 1.1-rc.10 1.1 2.0-beta.1") == expected


def test_a_range_may_have_more_numbers() -> None:
    """Versions of four numbers have their place."""
    assert inside(">=1.2.3.4 <1.2.4", "1.2.3 1.2.3.3 1.2.3.4 1.2.3.10 1.2.4") == "1.2.3.4 1.2.3.10"
    assert inside("~1.2.3", "1.2.3 1.2.3.3 1.2.4 1.3") == "1.2.3 1.2.3.3 1.2.4"


@pytest.mark.parametrize(
    "text",
    ["", " ", "||", ">=1 ||", ">=", "<x", ">*", ">=a", "^", "~latest", "1..2 ", ">=1.2.3-alpine", "!=1.2", "=>1", "1.2.3 -",
     "- 1.2", "1 - 2 - 3", ">=1.2.x-rc1", "1.x.3 ||", ">==1", "<>1", "1 , ^", "~>1.2", "a b"],
)  # fmt: skip
def test_what_is_no_range_is_an_error(text: str) -> None:
    """The error shows the text, and its hint has examples."""
    with pytest.raises(SpecError) as caught:
        Range.parse(text)
    assert repr(text) in caught.value.message
    assert ">=3.3 <4" in str(caught.value.hint)


NUMBERS = st.tuples(*[st.integers(0, 12)] * 3)


@given(NUMBERS, NUMBERS)
def test_caret_and_tilde_are_what_they_stand_for(
    low: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    """A caret keeps the first number that is not zero, a tilde the first two; neither goes back."""
    text = ".".join(map(str, low))
    first = next((index for index, part in enumerate(low) if part), 2)
    version = Version.of(other)
    assert Range.parse(f"^{text}").contains(version) == (
        other >= low and other[: first + 1] == low[: first + 1]
    )
    assert Range.parse(f"~{text}").contains(version) == (other >= low and other[:2] == low[:2])
    assert Range.parse(f">={text} <={text}").contains(version) == (other == low)


@given(st.text(alphabet="0123456789.xX*<>=^~|-v, ra", max_size=40))
def test_any_text_is_a_range_or_an_error(text: str) -> None:
    """Nothing else comes of reading one."""
    try:
        wanted = Range.parse(text)
    except SpecError:
        return
    assert wanted.contains(Version.of((1, 2, 3))) in (True, False)
