from __future__ import annotations

import pytest

from archiver.collect.web.limits import BYTES, TIME, CrawlLimits
from archiver.spec.model import DocSite


def _limits(**values: object) -> CrawlLimits:
    return CrawlLimits.of(DocSite.model_validate({"seeds": ("http://a/",), "limits": values}))


def test_without_limits_only_a_response_is_bounded() -> None:
    """The default is 1 GiB a response, and no end to the rest."""
    limits = _limits()
    assert limits.response == 1 << 30
    assert limits.allows_page(10**9)
    assert limits.reached(received=1 << 60, seconds=1e9) == ""


def test_limits_are_read_from_the_spec() -> None:
    """Sizes in bytes, times in seconds."""
    assert _limits(pages=3, bytes="20GiB", time="6h", response="1MB") == CrawlLimits(
        3, 20 << 30, 21_600, 10**6
    )


def test_so_many_pages_are_asked_for() -> None:
    """The limit itself is the last that is allowed."""
    assert [_limits(pages=2).allows_page(asked) for asked in range(4)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("received", "seconds", "reason"),
    [(999, 59.9, ""), (1000, 0.0, BYTES), (1001, 0.0, BYTES), (0, 60.0, TIME), (1000, 60.0, BYTES)],
)
def test_bytes_and_time_end_a_crawl(received: int, seconds: float, reason: str) -> None:
    """Whichever is reached; bytes are named first."""
    assert _limits(bytes="1kB", time="1m").reached(received=received, seconds=seconds) == reason
