"""What the volumes of a bundle are called, and NAME.tar.sha256, the list of them that any sha256sum can check.

Source: docs/format.md, "Volumes"; GNU coreutils, "sha256sum".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archiver.core.errors import VolumeUnfit
from archiver.offline.sums import parse_sums, sums_text
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.digest import Digest

MOST_VOLUMES = 999
LIST_SUFFIX = ".sha256"
_NUMBERED = re.compile(r"(.+)\.([0-9]{3})")
_MOST_BYTES = 1 << 20  # of a list; no file system has names long enough for that


def volume_path(whole: Path, number: int) -> Path:
    """Return where a volume is, counted from 1; ``whole`` is the name that they have when joined."""
    return whole.with_name(f"{whole.name}.{number:03d}")


def list_path(whole: Path) -> Path:
    """Return where the list of the volumes is."""
    return whole.with_name(whole.name + LIST_SUFFIX)


def volume_number(path: Path) -> tuple[Path, int] | None:
    """Return what a volume's name says: the name of the whole and its number; None for any other name."""
    match = _NUMBERED.fullmatch(path.name)
    return (path.with_name(match[1]), int(match[2])) if match and int(match[2]) else None


def whole_of(path: Path) -> Path:
    """Return the name of the whole that a volume, a list or the whole itself is about."""
    if path.name.endswith(LIST_SUFFIX):
        return path.with_name(path.name[: -len(LIST_SUFFIX)])
    numbered = volume_number(path)
    return numbered[0] if numbered else path


def present_volumes(whole: Path) -> dict[int, Path]:
    """Return what has a volume's name beside ``whole``, by number, in order; its content is not looked at.

    Raises:
        StoreError: the folder cannot be read.
    """
    with storage_errors(whole.parent):
        if not whole.parent.is_dir():
            return {}
        named = ((volume_number(path), path) for path in whole.parent.iterdir())
        return dict(sorted((found[1], path) for found, path in named if found and found[0] == whole))


def read_list(path: Path) -> dict[str, Digest]:
    """Return the digests that a list has, by the names of the files.

    Raises:
        VolumeUnfit: it is not of the form that ``sha256sum`` writes, or names something else than the volumes from the
            first on, or the whole.
        StoreError: it cannot be read.
    """
    with storage_errors(path), path.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)

    def refuse(_code: str, _where: str, detail: str) -> None:
        raise VolumeUnfit(f"this is no list of a bundle's volumes: {detail}", place=str(path))

    if len(data) > _MOST_BYTES:
        refuse("", "", f"more than {_MOST_BYTES} bytes")
    sums = parse_sums(data, path.name, refuse)
    if sums_text(sums.items()) != data:
        refuse("", "", "not the text that sha256sum writes")
    whole = whole_of(path)
    volumes = [volume_path(whole, number).name for number in range(1, len(sums) + 1)]
    if not sums or list(sums) not in (volumes, [whole.name]) or len(sums) > MOST_VOLUMES:
        named = next((name for name, wanted in zip(sums, volumes) if name != wanted), "")
        refuse("", "", f"it lists {named!r:.200}" if named else "it lists none, or too many")
    return sums
