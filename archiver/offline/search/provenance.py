"""The note beside an archive's search index of what made it; docs/format.md, ``search/<id>.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core import jsontext
from archiver.offline.search.index import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.digest import Digest


def side_file(index: Path) -> Path:
    """Return where the note of an index is."""
    return index.with_suffix(".json")


def loaded_index(digest: Digest, program: str) -> bytes:
    """Return the note of an index that came with a bundle.

    Args:
        digest: of the index.
        program: what made the bundle, by name and version.
    """
    return jsontext.dump({"digest": str(digest), "format": VERSION, "bundled_by": program})
