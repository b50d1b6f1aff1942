"""What is different about the images and files of two snapshots: their records say it all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Sequence, Union

from archiver.changes.model import (
    ADDED,
    CHANGED,
    REMOVED,
    SAME,
    FileChanges,
    ImageChanges,
    Item,
    MovedTag,
    PlatformChange,
    ReplacedFile,
)
from archiver.core.snapshot import FileResult, ImageResult

if TYPE_CHECKING:
    from archiver.core.snapshot import Snapshot

_Result = Union[ImageResult, FileResult]


def compare_images(earlier: Snapshot, later: Snapshot) -> ImageChanges:
    """Return what is different about the images of two snapshots.

    What signs or describes an image is told of where both snapshots have that very image: else it comes and goes with it.
    """
    about = _manifests(earlier) & _manifests(later)
    was = {each.reference: each for each in earlier.images if not each.refers_to or each.refers_to in about}
    now = {each.reference: each for each in later.images if not each.refers_to or each.refers_to in about}
    found = _comings_and_goings(list(was.values()), list(now.values()))
    moved = tuple(
        MovedTag(_item(was[name]), _item(now[name]), _platforms(was[name], now[name]))
        for name in now
        if name in was and was[name].digest != now[name].digest
    )
    return ImageChanges(
        sum(not each.refers_to for each in earlier.images),
        sum(not each.refers_to for each in later.images),
        found.added,
        found.removed,
        found.gone,
        found.returned,
        moved,
    )


def compare_files(earlier: Snapshot, later: Snapshot) -> FileChanges:
    """Return what is different about the files of two snapshots."""
    was, now = {each.url: each for each in earlier.files}, {each.url: each for each in later.files}
    found = _comings_and_goings(earlier.files, later.files)
    replaced = tuple(
        ReplacedFile(_item(was[url]), _item(now[url]))
        for url in now
        if url in was and was[url].digest != now[url].digest
    )
    return FileChanges(len(was), len(now), found.added, found.removed, found.gone, found.returned, replaced)


@dataclass(frozen=True)
class _Found:
    added: tuple[Item, ...]
    removed: tuple[Item, ...]
    gone: tuple[Item, ...]
    returned: tuple[Item, ...]


def _comings_and_goings(earlier: Sequence[_Result], later: Sequence[_Result]) -> _Found:
    was, now = {each.subject: each for each in earlier}, {each.subject: each for each in later}
    both = [(was[name], each) for name, each in now.items() if name in was]
    return _Found(
        added=tuple(_item(each) for name, each in now.items() if name not in was),
        removed=tuple(_item(each) for name, each in was.items() if name not in now),
        gone=tuple(_item(new) for old, new in both if new.gone and not old.gone),
        returned=tuple(_item(new) for old, new in both if old.gone and not new.gone),
    )


def _item(result: _Result) -> Item:
    refers_to = result.refers_to if isinstance(result, ImageResult) else ""
    return Item(result.subject, result.digest, result.size, result.gone, refers_to)


def _manifests(snapshot: Snapshot) -> set[str]:
    """Return the digests of what a snapshot's images are, platform by platform and as a whole."""
    return {digest for each in snapshot.images for digest in (each.digest, *each.manifests)}


def _platforms(was: ImageResult, now: ImageResult) -> tuple[PlatformChange, ...]:
    """Return what became of each platform; by its place among those of one name, where there are several."""
    one, other = _by_platform(was), _by_platform(now)
    return tuple(
        PlatformChange(
            name,
            _became(one.get((name, n), ""), other.get((name, n), "")),
            one.get((name, n), ""),
            other.get((name, n), ""),
        )
        for name, n in dict.fromkeys((*other, *one))
    )


def _by_platform(image: ImageResult) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    for platform, digest in zip(image.platforms, image.manifests):
        count = sum(name == platform for name, _ in found)
        found[platform, count] = digest
    return found


def _became(was: str, now: str) -> str:
    if was == now:
        return SAME
    if not was:
        return ADDED
    return CHANGED if now else REMOVED
