"""A snapshot's view: this run's results, and what an earlier snapshot had that this run could not get.

Pure functions. The rule behind them all: nothing that failed replaces something good.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Callable, Iterable, Sequence

from archiver.core.capture import PAGE

if TYPE_CHECKING:
    from archiver.core.capture import Capture
    from archiver.core.snapshot import FileResult, ImageResult


def merged_captures(
    previous: Iterable[Capture], current: Iterable[Capture], in_scope: Callable[[str], bool]
) -> tuple[list[Capture], int]:
    """Return a site's view and how many of its entries are carried over.

    Every capture of this run is in it. Of the previous view, what this run did not capture is carried
    over, except pages that the spec no longer asks for.

    Args:
        previous: the site's captures in the last good snapshot.
        current: this run's captures.
        in_scope: whether the spec still asks for a page.
    """
    view = {capture.url: capture for capture in current}
    fetched = len(view)
    for capture in previous:
        if capture.url not in view and (capture.kind != PAGE or in_scope(capture.url)):
            view[capture.url] = capture
    return list(view.values()), len(view) - fetched


def with_carried_images(
    got: Sequence[ImageResult], wanted: Iterable[str], previous: Iterable[ImageResult]
) -> tuple[ImageResult, ...]:
    """Return this run's images, and for each wanted reference it could not get the earlier one, marked."""
    here = {image.reference for image in got}
    before = {image.reference: image for image in previous}
    missing = (reference for reference in wanted if reference not in here and reference in before)
    return (*got, *(replace(before[reference], carried=True) for reference in missing))


def with_carried_files(
    got: Sequence[FileResult], wanted: Iterable[str], previous: Iterable[FileResult]
) -> tuple[FileResult, ...]:
    """Return this run's files, and for each wanted URL it could not get the earlier one, marked."""
    here = {file.url for file in got}
    before = {file.url: file for file in previous}
    missing = (url for url in wanted if url not in here and url in before)
    return (*got, *(replace(before[url], carried=True) for url in missing))
