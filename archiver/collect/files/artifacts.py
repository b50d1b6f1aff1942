"""The artifacts of downloaded files in the layout: what is there, and what comes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Container, Iterable

from archiver.collect.files.kept import KeptFile, kept_files
from archiver.core.clock import iso, utc_now
from archiver.core.descriptor import OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.store.fileartifact import CONFIG_TYPE, EMPTY, FILE_TYPE

if TYPE_CHECKING:
    from archiver.collect.files.answer import Answer
    from archiver.core.snapshot import FileResult
    from archiver.store.images import ImageLayout


class Artifacts:
    """Knows the files of a layout and adds to them. May be used by several threads.

    Args:
        layout: the caller holds its ``writing()``.
        urls: the files that matter.
        previous: the files of the last good snapshot.
    """

    def __init__(self, layout: ImageLayout, urls: Container[str], previous: Iterable[FileResult]) -> None:
        self._layout, self._previous = layout, tuple(previous)
        self._kept = kept_files(layout.blobs, layout.entries(), urls, self._previous)
        self._unnamed: list[Descriptor] = []
        self._noting, self._pointing = threading.Lock(), threading.Lock()

    def of(self, url: str) -> tuple[KeptFile, ...]:
        """Return what is here of a URL, what to compare with first."""
        return self._kept.get(url, ())

    def look_again(self, url: str) -> None:
        """Take notice of what another run has got of a URL meanwhile."""
        self._kept |= kept_files(self._layout.blobs, self._layout.entries(), {url}, self._previous)

    def keep(self, digest: Digest, size: int, answer: Answer) -> KeptFile:
        """Make an artifact of a file whose content is stored, durably, and return it.

        Where the URL gave the same before, that artifact stays the one.

        Raises:
            StoreError: or a subclass, when the archive cannot be written.
        """
        for kept in self.of(answer.url)[:1]:
            if kept.file.is_same(answer.stored(digest, size, EMPTY)):
                return kept
        fetched = iso(utc_now())
        config = answer.provenance(fetched).to_json()
        stored = answer.stored(
            digest, size, Descriptor(CONFIG_TYPE, self._layout.blobs.put(config), len(config))
        )
        data = stored.to_manifest()
        manifest = self._layout.blobs.put(data)
        self._enter(Descriptor(OCI_MANIFEST, manifest, len(data), artifact_type=FILE_TYPE))
        return KeptFile(stored, manifest, fetched)

    def keep_content(self, data: bytes, answer: Answer) -> None:
        """Store a small file that is in memory, over what may be damaged here, and make its artifact. Raises as ``keep``."""
        digest = Digest.of(data)
        self._layout.blobs.replace(digest, data)
        self.keep(digest, len(data), answer)

    def _enter(self, artifact: Descriptor) -> None:
        """Enter an artifact into the layout's index; those that come while it is rewritten share the next rewriting."""
        with self._noting:
            self._unnamed.append(artifact)
        with self._pointing:
            with self._noting:
                batch, self._unnamed = self._unnamed, []
            if batch:
                self._layout.point(("", each) for each in batch)
