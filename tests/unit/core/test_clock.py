"""Unit tests for times in the forms of the formats."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.core.clock import iso, iso_of_timestamp14, parse_iso, timestamp14

MOMENTS = st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(microsecond=0))


@given(MOMENTS)
def test_what_is_written_is_read_back(moment: datetime) -> None:
    """Every second has one form in WARC-Date and one in CDXJ, and both lead back to it."""
    assert parse_iso(iso(moment)) == moment
    assert iso_of_timestamp14(timestamp14(moment)) == iso(moment)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-23T00:44:00", "2026-11-23T00:44:00Z\n", "2026-1-23T00:44:00Z", "2026-02-30T00:44:00Z",
     "2026-11-23T24:00:00Z", "2026-11-23T00:44:60Z", "0000-11-23T00:44:00Z", "٢٠٢٦-11-23T00:44:00Z"],
)  # fmt: skip
def test_other_forms_of_a_time_are_refused(text: str) -> None:
    """Only the one form, of a second that exists, is read."""
    with pytest.raises(ValueError, match=r"time|year|day|hour|second"):
        parse_iso(text)


@pytest.mark.parametrize(
    "text", ["", "2026112300440", "202611230044000", "20260230004400", "20261123004460", "2026112300440x"]
)
def test_other_timestamps_are_refused(text: str) -> None:
    """Fourteen digits of a second that exists, and nothing else."""
    with pytest.raises(ValueError, match=r"time|year|day|hour|second"):
        iso_of_timestamp14(text)
