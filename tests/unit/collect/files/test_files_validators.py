"""What tells which content a part of a file belongs to."""

from __future__ import annotations

import pytest

from archiver.collect.files.validators import RangeValidator

OLD, NOW = "Mon, 23 Nov 2026 08:00:00 GMT", "Mon, 23 Nov 2026 08:01:00 GMT"


@pytest.mark.parametrize(
    ("headers", "condition"),
    [
        ({"ETag": '"v1"'}, '"v1"'),
        ({"ETag": '"v1"', "Last-Modified": OLD, "Date": NOW}, '"v1"'),
        ({"ETag": '""'}, '""'),
        ({"ETag": 'W/"v1"'}, ""),
        ({"ETag": 'W/"v1"', "Last-Modified": OLD, "Date": NOW}, ""),
        ({"ETag": "v1"}, ""),
        ({"ETag": '"v1", "v2"'}, ""),
        ({"ETag": '"' + "x" * 2000 + '"'}, ""),
        ({"Last-Modified": OLD, "Date": NOW}, OLD),
        ({"Last-Modified": NOW, "Date": NOW}, ""),
        ({"Last-Modified": "Mon, 23 Nov 2026 08:00:01 GMT", "Date": NOW}, ""),
        ({"Last-Modified": NOW, "Date": OLD}, ""),
        ({"Last-Modified": OLD}, ""),
        ({"Last-Modified": "yesterday", "Date": NOW}, ""),
        ({"Last-Modified": "Mon, 23 Nov 2026 08:00:00 -0000", "Date": NOW}, ""),
        ({}, ""),
    ],
)
def test_only_what_is_strong_may_stand_in_if_range(headers: dict[str, str], condition: str) -> None:
    """A strong entity tag; else a date that was a minute old when it was sent. A weak tag rules a date out as well."""
    assert RangeValidator.of(headers).condition == condition


@pytest.mark.parametrize(
    ("validator", "headers", "allowed"),
    [
        (RangeValidator('"v1"'), {"ETag": '"v1"'}, True),
        (RangeValidator('"v1"'), {"ETag": '"v2"'}, False),
        (RangeValidator('"v1"'), {"ETag": 'W/"v1"'}, False),
        (RangeValidator('"v1"'), {}, True),
        (RangeValidator('"v1"'), {"Last-Modified": OLD}, True),
        (RangeValidator("", OLD), {"Last-Modified": OLD}, True),
        (RangeValidator("", OLD), {"Last-Modified": NOW}, False),
        (RangeValidator("", OLD), {}, True),
        (RangeValidator(), {"ETag": '"v1"', "Last-Modified": OLD}, True),
    ],
)
def test_an_answer_of_other_content_is_told(
    validator: RangeValidator, headers: dict[str, str], allowed: bool
) -> None:
    """Servers that ignore If-Range send the rest of whatever they have: its validators show that."""
    assert validator.allows(headers) is allowed
