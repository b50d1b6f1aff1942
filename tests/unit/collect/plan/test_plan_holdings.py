from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.collect.plan.holdings import Holdings, Tally
from archiver.collect.plan.model import Amount
from archiver.core.descriptor import OCI_LAYER_GZIP, Descriptor
from archiver.core.digest import Digest
from archiver.store.images import ImageLayout
from archiver.store.paths import ArchivePaths

if TYPE_CHECKING:
    from pathlib import Path


def _descriptor(data: bytes) -> Descriptor:
    return Descriptor(OCI_LAYER_GZIP, Digest.of(data), len(data))


def test_without_an_archive_nothing_is_here(tmp_path: Path):
    """A folder that does not exist holds nothing, and looking does not make it."""
    root = tmp_path / "archives"
    holdings = Holdings.of(ArchivePaths(root))
    assert holdings.entries == {}
    assert holdings.missing(_descriptor(b"layer")) == 5
    assert not root.exists()


def test_what_is_here_is_not_missing(tmp_path: Path):
    """A blob of the right size is here, one of another size is not, and of one under way only the rest is missing."""
    layout = ImageLayout(ArchivePaths(tmp_path).images)
    layout.blobs.put(b"whole")
    damaged = layout.blobs.put(b"damaged")
    layout.blobs.path(damaged).write_bytes(b"dam")
    under_way = _descriptor(b"under way")
    with layout.blobs.resumable(under_way.digest, under_way.size) as blob:
        blob.write(b"under")
    holdings = Holdings.of(ArchivePaths(tmp_path))
    missing = [
        holdings.missing(_descriptor(data)) for data in (b"whole", b"damaged", b"under way", b"absent")
    ]
    assert missing == [0, 7, 4, 6]


def test_shared_content_counts_once(tmp_path: Path):
    """A layer of two images is part of both sizes, is fetched for the first, and is in the total once."""
    ImageLayout(ArchivePaths(tmp_path).images).blobs.put(b"here")
    tally = Tally(Holdings.of(ArchivePaths(tmp_path)))
    here, shared, own = (_descriptor(data) for data in (b"here", b"shared", b"own"))
    assert tally.add([here, shared, shared]) == Amount(size=10, here=4, fetch=6)
    assert tally.add([here, shared, own]) == Amount(size=13, here=4, fetch=3)
    assert tally.total == Amount(size=13, here=4, fetch=9)
