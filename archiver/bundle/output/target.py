"""Where a bundle is to be made, and whether something else would be destroyed by that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archiver.core.errors import UsageError
from archiver.offline.names import FIRST
from archiver.offline.volumelist import LIST_SUFFIX, list_path, present_volumes, volume_number
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from archiver.store.paths import ArchivePaths

_BEGINNING = FIRST.encode() + b"\0"  # of every bundle, and of the first of its volumes
_CHOOSE = "choose another name, or remove it first"


def target_path(output: Path | None, name: str, archive: ArchivePaths) -> Path:
    """Return the path of the bundle, which is the name of the whole where it is made in volumes.

    Args:
        output: the file to make, or a folder to make it in; None for the current folder.
        name: what the file is called in a folder.
        archive: whose own files must not be overwritten.

    Raises:
        UsageError: the name is one that volumes or their list have, lies among the archive's own files, or belongs to
            something that is no bundle.
        StoreError: what is there cannot be read.
    """
    with storage_errors(output or Path(name)):
        target = Path(name) if output is None else output / name if output.is_dir() else output
        above = target.resolve().parents
        inside = {
            archive.images.resolve(),
            *(archive.project(each).root.resolve() for each in archive.projects()),
        }
        if inside.intersection(above):
            raise UsageError(
                "a bundle cannot be made among the archive's own files",
                place=str(target),
                hint="choose another place",
            )
        if volume_number(target) or target.name.endswith(LIST_SUFFIX):
            raise UsageError(
                "this is the name of a volume, or of the list of volumes",
                place=str(target),
                hint="name the whole: NAME.tar",
            )
        if not target.name.isprintable() or "\\" in target.name:
            raise UsageError("a name that lists of checksums cannot hold", place=f"{str(target)!r:.200}")
    _check_what_is_there(target)
    return target


def _check_what_is_there(target: Path) -> None:
    """Raise UsageError where what would be replaced or removed is no bundle, nor volumes or a list of one."""
    volumes = present_volumes(target)
    first = volumes.get(1, next(iter(volumes.values()), None))
    with storage_errors(target):
        for path in (target, first):
            # Opening a pipe would wait for someone to write.
            if path is not None and path.exists() and not (path.is_file() and _is_bundle(path)):
                raise UsageError("this file is there already and is no bundle", place=str(path), hint=_CHOOSE)
        for path in (*volumes.values(), list_path(target)):
            if path.exists() and not path.is_file():
                raise UsageError("this is there already and is no file", place=str(path), hint=_CHOOSE)


def _is_bundle(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_BEGINNING)) == _BEGINNING
