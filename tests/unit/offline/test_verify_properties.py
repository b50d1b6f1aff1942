"""Any change of any byte of a bundle, and any cut, is found: by altering bundles at random."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.core.errors import BundleDamaged, NotABundle
from archiver.core.tarheader import BLOCK
from archiver.offline.bundle import open_bundle
from archiver.offline.verify import verify_bundle
from servers.handmade_bundle import Bundle

if TYPE_CHECKING:
    from archiver.offline.verify import VerifyReport


@cache
def sound() -> bytes:
    return Bundle().pack()


SIZE = len(Bundle().pack())
PLACES = st.integers(0, SIZE - 1)


def report_of(data: bytes) -> VerifyReport | None:
    """Verify bytes; None where they are not recognised as a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.tar"
        path.write_bytes(data)
        try:
            return verify_bundle(path)
        except NotABundle:
            return None


@settings(max_examples=300, deadline=None)
@given(PLACES, st.integers(1, 255))
def test_every_changed_byte_is_found(place: int, mask: int) -> None:
    """One byte changed anywhere, headers and padding included: verify says so, and never fails to work."""
    data = bytearray(sound())
    data[place] ^= mask
    report = report_of(bytes(data))
    assert report is not None
    assert not report.ok


@settings(max_examples=150, deadline=None)
@given(st.integers(0, SIZE - 1))
def test_every_cut_is_found(length: int) -> None:
    """A bundle cut anywhere is damaged, or, with nothing left but a piece of a header, not a bundle."""
    report = report_of(sound()[:length])
    assert (report is None) == (length < BLOCK)
    assert report is None or not report.ok


@settings(max_examples=100, deadline=None)
@given(PLACES, st.binary(min_size=1, max_size=2000))
def test_overwritten_stretches_are_found(place: int, junk: bytes) -> None:
    """A stretch of junk anywhere is found unless it is what stood there already."""
    data = bytearray(sound())
    data[place : place + len(junk)] = junk
    report = report_of(bytes(data))
    assert report is None or report.ok == (bytes(data) == sound())


@settings(max_examples=100, deadline=None)
@given(PLACES, st.binary(max_size=700), st.integers(0, 700))
def test_inserted_and_removed_bytes_are_found(place: int, junk: bytes, removed: int) -> None:
    """Bytes put in, taken out or both: what follows has moved, and verify says so."""
    data = sound()[:place] + junk + sound()[place + removed :]
    report = report_of(data)
    assert report is None or report.ok == (data == sound())


@settings(max_examples=100, deadline=None)
@given(PLACES, st.integers(1, 255))
def test_opening_a_changed_bundle_works_or_says_why(place: int, mask: int) -> None:
    """Opening fails in no other way than by BundleDamaged or NotABundle."""
    data = bytearray(sound())
    data[place] ^= mask
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.tar"
        path.write_bytes(data)
        with suppress(BundleDamaged, NotABundle):
            open_bundle(path).close()
