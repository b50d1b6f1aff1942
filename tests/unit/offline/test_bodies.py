"""Bodies on their way to a reader."""

from __future__ import annotations

import io

import pytest

from archiver.core.errors import RecordCorrupt
from archiver.offline.bodies import load
from archiver.offline.holdings import Response


class _Damaged(io.BytesIO):
    """Gives out some bytes, then says that they are not what was captured."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            raise RecordCorrupt("not what was captured")
        return data


def test_a_damaged_body_is_not_left_open() -> None:
    """Whoever loads it is told, and what it holds open is released at once, on any Python."""
    body = _Damaged(b"half a page")
    with pytest.raises(RecordCorrupt):
        load(Response(200, "OK", (), body), "", 1000)
    assert body.closed
