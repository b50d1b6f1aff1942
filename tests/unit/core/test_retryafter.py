"""Reading Retry-After."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING

from archiver.core.retryafter import retry_after

if TYPE_CHECKING:
    import pytest


def test_retry_after_is_read_in_both_forms() -> None:
    """Seconds or a date; the past is no wait, and nonsense says nothing."""
    assert retry_after(" 120 ") == 120
    soon = retry_after(email.utils.formatdate(time.time() + 100, usegmt=True))
    assert soon is not None
    assert 90 < soon <= 100
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after("-1") is None
    moment = retry_after(str(int(time.time()) + 100))  # as Docker Hub has sent it
    assert moment is not None
    assert 90 < moment <= 100


def test_a_date_of_no_place_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-0000`` and a missing zone mean UTC, whatever the keeper's own zone is."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        soon = retry_after(email.utils.formatdate(time.time() + 100))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert soon is not None
    assert 90 < soon <= 100
