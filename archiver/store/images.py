"""The OCI image layout that all projects share: ``archives/images/``.

``index.json`` has one entry a tag (the newest good) and digest-only entries for older ones. It is
rewritten as a whole under a lock, after every blob that it reaches is durable.

Source: OCI image-spec v1.1, image-layout.md.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Iterable, Sequence

from archiver.core import jsontext
from archiver.core.descriptor import CONTAINERD_NAME, OCI_INDEX, REF_NAME, Descriptor
from archiver.core.errors import InvalidDocument, LockHeld, NotArchived
from archiver.store.atomic import make_folder, storage_errors, sweep_temporaries, write_atomically
from archiver.store.blobs import BlobReader, BlobStore
from archiver.store.locks import locked, shared_lock, waiting_lock
from archiver.store.partials import PARTIALS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
INDEX_LIMIT = 64 << 20
STORE_LOCK = ".store.lock"  # writers share it for a run; prune holds it alone
_INDEX_LOCK = ".index.lock"


def read_index(root: Path) -> tuple[Descriptor, ...]:
    """Return the entries of a layout's ``index.json``.

    Raises:
        NotArchived: there is no layout at ``root``.
        InvalidDocument, InvalidDigest: the index is malformed.
    """
    path = root / "index.json"
    with storage_errors(path):
        if not path.is_file():
            raise NotArchived("no image layout here", place=str(root))
        document = jsontext.load_object(path.read_bytes(), limit=INDEX_LIMIT, what=str(path))
    entries = document.get("manifests")
    if not isinstance(entries, list):
        raise InvalidDocument("'manifests' is not a list", place=str(path))
    return tuple(Descriptor.from_json(entry, what=str(path)) for entry in entries)


class ImageLayout:
    """An OCI image layout open for writing; made where it does not exist."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = BlobStore(root)
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
        """
        wanted = list(named)
        for name, descriptor in wanted:
            if self.blobs.size(descriptor.digest) is None:
                raise NotArchived(
                    f"cannot name {name or 'it'}: no such manifest", place=str(descriptor.digest)
                )
        self._rewrite(lambda before: pointing(before, wanted))

    def replace_entries(self, entries: Sequence[Descriptor]) -> None:
        """Give index.json other entries. The caller has the store ``alone``, so nobody else's get lost."""
        self._rewrite(lambda _: tuple(entries))

    def _begin(self) -> None:
        with (
            self.writing(),
            waiting_lock(self.root / _INDEX_LOCK),
        ):  # another run may begin, or sweep, just now
            if not (self.root / "index.json").is_file():
                self._write_index(())
            if not (self.root / "oci-layout").is_file():
                write_atomically(self.root / "oci-layout", LAYOUT)

    def _rewrite(self, change: Callable[[tuple[Descriptor, ...]], tuple[Descriptor, ...]]) -> None:
        with waiting_lock(self.root / _INDEX_LOCK):
            before = self.entries()
            entries = change(before)
            if entries != before:
                self._write_index(entries)

    def _write_index(self, entries: Iterable[Descriptor]) -> None:
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [entry.to_json() for entry in entries],
        }
        write_atomically(self.root / "index.json", jsontext.dump(document))


def blob_reader(root: Path) -> BlobReader:
    """Open a layout's blobs for reading only."""
    return BlobReader(root)


def pointing(
    entries: Sequence[Descriptor], wanted: Iterable[tuple[str, Descriptor]]
) -> tuple[Descriptor, ...]:
    """Return the entries of an index after names were made to point to something: the named ones, then the rest."""
    current = {entry.annotations.get(REF_NAME, ""): entry.digest for entry in entries}
    moved: dict[str, Descriptor] = {}
    unnamed: list[Descriptor] = []
    for name, descriptor in wanted:
        if not name:
            unnamed.append(descriptor)
        elif name in moved or current.get(name) != descriptor.digest:
            unnamed.extend([moved[name]] if name in moved else [])
            moved[name] = descriptor
    named = [replace(to, annotations={REF_NAME: n, CONTAINERD_NAME: n}) for n, to in moved.items()]
    for entry in entries:
        left = entry.annotations.get(REF_NAME, "") in moved or not entry.annotations
        (unnamed if left else named).append(entry)
    tagged = {entry.digest for entry in named}
    rest = {entry.digest: replace(entry, annotations={}) for entry in unnamed}
    result = [*named, *(entry for digest, entry in rest.items() if digest not in tagged)]
    return tuple(sorted(result, key=lambda entry: (entry.annotations.get(REF_NAME, ""), entry.digest)))
