"""Times in the forms that the formats want; all UTC, whole seconds."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_NO_PUNCTUATION = str.maketrans("", "", "-T:Z")
# strptime takes 20 times as long, and a snapshot has 100,000 times.
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_TIMESTAMP14 = re.compile(r"(\d{4})" + r"(\d\d)" * 5, re.ASCII)
_SNAPSHOT_ID = re.compile(r"\A\d{8}T\d{6}Z\Z")


def utc_now() -> datetime:
    """Return the current time in UTC, without fractions of a second."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def iso(moment: datetime) -> str:
    """Return ``2026-11-23T00:44:00Z`` (WARC-Date, JSON records)."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="seconds")  # many times quicker than strftime
    return f"{text[:19]}Z"


def parse_iso(text: str) -> datetime:
    """Read what ``iso`` writes. Raises ValueError for anything else."""
    return _moment(_ISO, text)


def timestamp14(moment: datetime) -> str:
    """Return ``20261123004400`` (CDXJ)."""
    return iso(moment).translate(_NO_PUNCTUATION)


def iso_of_timestamp14(text: str) -> str:
    """Turn a CDXJ timestamp into the form of WARC-Date. Raises ValueError where it is not one."""
    return iso(parse_timestamp14(text))


def parse_timestamp14(text: str) -> datetime:
    """Read what ``timestamp14`` writes. Raises ValueError for anything else."""
    return _moment(_TIMESTAMP14, text)


def snapshot_id(moment: datetime) -> str:
    """Return ``20261123T004400Z``, the name of a snapshot begun at that second."""
    return moment.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def parse_snapshot_id(text: str) -> datetime:
    """Return the second that a snapshot is named for. Raises ValueError where it is not such a name."""
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)


def is_snapshot_id(text: str) -> bool:
    """Say whether a string has the form of a snapshot's name."""
    return _SNAPSHOT_ID.match(text) is not None


def _moment(form: re.Pattern[str], text: str) -> datetime:
    match = form.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r:.80} is not a time in the form expected")
    year, month, day, hour, minute, second = map(int, match.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
