from __future__ import annotations

import pytest

from archiver.core.errors import SpecError
from archiver.spec.environment import substituted, variables


def test_references_are_found_and_replaced() -> None:
    """A value may have several references, and text around them; a lone dollar is text."""
    text = "a ${ONE}$5 ${_TWO2} $ONE"
    assert variables(text) == ("ONE", "_TWO2")
    assert substituted(text, {"ONE": "1", "_TWO2": "${ONE}"}) == "a 1$5 ${ONE} $ONE"


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${2A}", "${A B}", "${A:-b}", "${É}", "${${A}}"])
def test_what_begins_like_a_reference_must_be_one(text: str) -> None:
    """A shell's other forms are refused, not sent to a server as they are."""
    with pytest.raises(SpecError):
        variables(text)


@pytest.mark.parametrize(("environment", "state"), [({}, "not set"), ({"KEY": ""}, "empty")])
def test_a_variable_without_a_value_is_named(environment: dict[str, str], state: str) -> None:
    """The message says which one, and whether it is missing or empty."""
    with pytest.raises(SpecError, match=f"KEY is {state}"):
        substituted("x${KEY}", environment)
