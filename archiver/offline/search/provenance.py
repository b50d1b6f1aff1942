"""The note beside an archive's search index of what made it; docs/format.md, ``search/<id>.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archiver.core import jsontext
from archiver.core.errors import InvalidDocument
from archiver.offline.search.schema import VERSION
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.digest import Digest

_MOST_NOTE = 64 << 10  # bytes


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


def program_of(index: Path) -> str:
    """Return which program made an index, or bundled it, by its note; empty where nothing tells."""
    said = _note(index)
    return str(said.get("bundled_by") or said.get("program") or "")


def was_built_here(index: Path) -> bool:
    """Say whether an index is one of those that this archive's own keeper built, by its note: not one of a bundle's."""
    return "program" in _note(index)


def _note(index: Path) -> dict[str, Any]:
    side = side_file(index)
    with storage_errors(side):
        if not side.is_file():
            return {}
        data = side.read_bytes()
    try:
        return jsontext.load_object(data, limit=_MOST_NOTE, what=str(side))
    except InvalidDocument:
        return {}
