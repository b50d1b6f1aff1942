"""Tests of dates and addresses of states (RFC 7089)."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.core.clock import timestamp14
from archiver.offline.memento import (
    http_date,
    memento_uri,
    parse_http_date,
    preferred,
    split_memento_path,
)

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(timezone.utc)).map(
    lambda moment: moment.replace(microsecond=0)
)


@given(MOMENTS)
def test_dates_are_written_as_http_writes_them_and_read_back(moment: datetime) -> None:
    """As the standard library does, in any year."""
    text = http_date(timestamp14(moment))
    assert text == format_datetime(moment, usegmt=True)
    assert parse_http_date(text) == moment


@given(st.text(max_size=60))
def test_no_text_is_more_than_no_date(text: str) -> None:
    """A header may hold anything."""
    parse_http_date(text)
    http_date(text)


@pytest.mark.parametrize("text", ["", "2026", "20261399000000", "abcdefgh"])
def test_what_is_no_timestamp_has_no_date(text: str) -> None:
    """An index of a stranger's may hold anything as well."""
    assert http_date(text) == ""


def test_the_newest_state_that_is_not_later_is_preferred() -> None:
    """Then those before it, then those after it, each the nearest first."""
    ids = ["20260101T000000Z", "20260201T000000Z", "20260301T000000Z"]
    moment = datetime(2026, 2, 1, tzinfo=timezone.utc)
    assert preferred(ids, moment) == [ids[1], ids[0], ids[2]]
    assert preferred(ids, datetime(2025, 1, 1, tzinfo=timezone.utc)) == ids
    assert preferred([], moment) == []
    assert preferred([*ids, "99999999T999999Z"], datetime(999, 1, 1, tzinfo=timezone.utc))[0] == ids[0]


def test_the_address_of_a_state_is_taken_apart_again() -> None:
    """The path and query stay as they are, byte for byte."""
    uri = memento_uri("http://h:8081/a/%2F?b=/-/at/x", "20260101T000000Z")
    assert uri == "http://h:8081/-/at/20260101T000000Z/a/%2F?b=/-/at/x"
    assert split_memento_path("/-/at/20260101T000000Z/a/%2F") == ("20260101T000000Z", "/a/%2F")
    assert split_memento_path("/-/at/20260101T000000Z/-/o/https/cdn/x") == (
        "20260101T000000Z",
        "/-/o/https/cdn/x",
    )
    for malformed in ("/-/at/", "/-/at/x/", "/-/at/20260101T000000Z", "/-/at//a"):
        assert split_memento_path(malformed) is None
