"""What the archive has already, looked at without changing anything; there need be no archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Mapping

from archiver.collect.plan.model import Amount
from archiver.core.errors import NotArchived
from archiver.store.images import blob_reader, read_index

if TYPE_CHECKING:
    from archiver.core.descriptor import Descriptor
    from archiver.core.digest import Digest
    from archiver.store.blobs import BlobReader
    from archiver.store.paths import ArchivePaths


@dataclass(frozen=True)
class Holdings:
    """What is here.

    Attributes:
        blobs: the blobs of the archive.
        entries: those of its image layout, by digest.
    """

    blobs: BlobReader
    entries: Mapping[Digest, Descriptor] = field(default_factory=dict)

    @classmethod
    def of(cls, archive: ArchivePaths) -> Holdings:
        """Look into an archive, which need not exist. Raises InvalidDocument where its image layout is damaged."""
        try:
            entries = {entry.digest: entry for entry in read_index(archive.images)}
        except NotArchived:
            entries = {}
        return cls(blob_reader(archive.images), entries)

    def missing(self, descriptor: Descriptor) -> int:
        """Return how many bytes of a blob or manifest are to be fetched."""
        if self.blobs.size(descriptor.digest) == descriptor.size:
            return 0
        return max(descriptor.size - self.blobs.begun(descriptor.digest), 0)


class Tally:
    """Adds up content of which each blob counts once."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._seen: set[Digest] = set()
        self.total = Amount()

    def add(self, content: Iterable[Descriptor]) -> Amount:
        """Return how much some content is; of it, what was added before is not to be fetched once more."""
        amount = Amount()
        for descriptor in {each.digest: each for each in content}.values():
            missing = self._holdings.missing(descriptor)
            here = descriptor.size - missing
            if descriptor.digest in self._seen:
                amount += Amount(descriptor.size, here, 0)
                continue
            self._seen.add(descriptor.digest)
            amount += Amount(descriptor.size, here, missing)
            self.total += Amount(descriptor.size, here, missing)
        return amount
