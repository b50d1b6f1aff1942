"""The OCI image layout that all projects share: ``archives/images/``.

``index.json`` has one entry a tag (the newest good) and digest-only entries for older ones. It is
rewritten as a whole under a lock, after every blob that it reaches is durable.

Source: OCI image-spec v1.1, image-layout.md.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Iterable, Iterator, Optional, Tuple

from archiver.core.descriptor import OCI_INDEX, Descriptor
from archiver.core.errors import LockHeld, NotArchived
from archiver.store.atomic import make_folder, storage_errors, sweep_temporaries, write_atomically
from archiver.store.blobs import BlobReader, BlobStore
from archiver.store.layoutindex import LayoutIndex, alias_document
from archiver.store.locks import locked, shared_lock, shared_lock_if_there, waiting_lock
from archiver.store.partials import PARTIALS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from archiver.core.digest import Digest

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
STORE_LOCK = ".store.lock"  # writers share it for a run; prune holds it alone
_INDEX_LOCK = ".index.lock"
_State = Optional[Tuple[int, int, int]]  # of a file: which one it is, when it was written, its size


def read_index(root: Path) -> tuple[Descriptor, ...]:
    """Return what the ``index.json`` of a layout says is archived.

    Raises:
        NotArchived: there is no layout at ``root``.
        InvalidDocument, InvalidDigest: the index is malformed.
    """
    return LayoutIndex.read(root).entries


def undisturbed(root: Path) -> AbstractContextManager[None]:
    """Have nothing pruned of a layout's archive for as long as the block lasts, waiting while prune works. Writes nothing."""
    return shared_lock_if_there(root / STORE_LOCK)


class ImageLayout:
    """An OCI image layout open for writing; made where it does not exist."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = BlobStore(root)
        self._written: tuple[_State, LayoutIndex] | None = None
        with storage_errors(root):
            make_folder(root / "blobs" / "sha256")
        if not ((root / "index.json").is_file() and (root / "oci-layout").is_file()):
            self._begin()

    def writing(self) -> AbstractContextManager[None]:
        """Share the store with other writers for as long as the block lasts; prune waits."""
        return shared_lock(self.root / STORE_LOCK)

    def alone(self) -> AbstractContextManager[None]:
        """Have the store alone for as long as the block lasts. Raises LockHeld while a run may write."""
        return locked(self.root / STORE_LOCK, "the images")

    def sweep(self) -> None:
        """Remove what crashed writers left; does nothing while another run uses the store.

        What is under way stays for the run that goes on with it.
        """
        with suppress(LockHeld), self.alone():
            for folder in (self.root, self.root / PARTIALS, *(self.root / "blobs").iterdir()):
                sweep_temporaries(folder)

    def entries(self) -> tuple[Descriptor, ...]:
        """Return the entries of index.json."""
        return read_index(self.root)

    def point(self, named: Iterable[tuple[str, Descriptor]]) -> None:
        """Make names point to manifests that are already stored, in one rewrite of index.json.

        A name's earlier target stays as an entry without a name. Naming what is named already
        changes nothing.

        Args:
            named: pairs of full reference (``docker.io/library/redis:7``; empty for digest-only)
                and the manifest's or index's descriptor.

        Raises:
            NotArchived: a manifest is not in the store; index.json is left as it was.
            RecordCorrupt, InvalidDocument, InvalidDigest: a manifest list cannot be read; the same.
        """
        wanted = list(named)
        for name, descriptor in wanted:
            if self.blobs.size(descriptor.digest) is None:
                raise NotArchived(
                    f"cannot name {name or 'it'}: no such manifest", place=str(descriptor.digest)
                )
        aliases = dict(self._aliases({to.digest: to for name, to in wanted if name}.values()))
        with waiting_lock(self.root / _INDEX_LOCK):
            before = self._index()
            after = before.pointing(wanted).with_aliases(aliases)
            if after != before:
                self._write(after)

    def replace_index(self, index: LayoutIndex) -> None:
        """Give the layout another index. The caller has the store ``alone``, so nobody else's entries get lost."""
        with waiting_lock(self.root / _INDEX_LOCK):
            if index != self._index():
                self._write(index)

    def _aliases(self, targets: Iterable[Descriptor]) -> Iterator[tuple[Digest, Descriptor]]:
        for target in targets:
            document = alias_document(self.blobs, target, lambda digest: self.blobs.size(digest) is not None)
            if document is not None:
                yield target.digest, Descriptor(OCI_INDEX, self.blobs.put(document), len(document))

    def _begin(self) -> None:
        # Another run may begin, or sweep, just now.
        with self.writing(), waiting_lock(self.root / _INDEX_LOCK):
            if not (self.root / "index.json").is_file():
                self._write(LayoutIndex())
            if not (self.root / "oci-layout").is_file():
                write_atomically(self.root / "oci-layout", LAYOUT)

    def _index(self) -> LayoutIndex:
        """Return the index; the caller has its lock. What was written here last, and by nobody else since, is not read again."""
        if self._written is not None and self._written[0] == self._state():
            return self._written[1]
        return LayoutIndex.read(self.root)

    def _write(self, index: LayoutIndex) -> None:
        write_atomically(self.root / "index.json", index.to_json())
        self._written = self._state(), index

    def _state(self) -> _State:
        with storage_errors(self.root):
            try:
                status = (self.root / "index.json").stat()
            except FileNotFoundError:
                return None
        return status.st_ino, status.st_mtime_ns, status.st_size


def blob_reader(root: Path) -> BlobReader:
    """Open a layout's blobs for reading only."""
    return BlobReader(root)
