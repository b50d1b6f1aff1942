"""Pulling many images into the layout: several at a time, failures listed, the rest kept."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, Sequence

from archiver.collect.images.blobs import BlobFetcher
from archiver.collect.images.image import ImagePull, Named, Pulled, PullTools
from archiver.collect.lanes import Lanes
from archiver.collect.meter import Meter
from archiver.core.errors import Stopped

if TYPE_CHECKING:
    from archiver.collect.images.registries import Registries
    from archiver.core.descriptor import Platform
    from archiver.core.digest import Digest
    from archiver.core.progress import Progress, Task
    from archiver.core.reference import Reference
    from archiver.core.snapshot import Failure, ImageResult
    from archiver.store.images import ImageLayout

_SLICE = 0.5  # seconds; how soon a run that is stopped from outside ends what it waits for


@dataclass(frozen=True)
class PullOutcome:
    """What came of pulling.

    Attributes:
        images: what is whole in the layout now, in the order asked, and behind each what refers to it; each
            reference once.
        failures: what could not be got, in the same order.
        bytes: what came over the network as manifests and blobs, repetitions included.
        blobs_fetched: how many blobs were fetched whole.
    """

    images: tuple[ImageResult, ...]
    failures: tuple[Failure, ...]
    bytes: int
    blobs_fetched: int


def pull_images(
    wanted: Sequence[Reference],
    platforms: Sequence[Platform],
    layout: ImageLayout,
    registries: Registries,
    *,
    previous: Iterable[ImageResult] = (),
    referrers: bool = True,
    pinned: Mapping[Reference, Digest] = MappingProxyType({}),
    progress: Progress,
) -> PullOutcome:
    """Pull images into a layout; what is there already is not fetched again.

    An image of which a platform failed that its earlier copy has is no result: neither does it take
    that copy's name in the layout, nor its place in a snapshot.

    Args:
        wanted: references; repetitions are ignored.
        platforms: which platforms of multi-platform images to keep; empty for all.
        layout: where to; the caller holds its ``writing()``. What is whole is named at the end, however it comes.
        registries: where from. Their brake ends the work early: the outcome then has what was finished until then.
        previous: the images of the last good snapshot.
        referrers: whether to keep signatures, SBOMs and attestations, each an image of its own.
        pinned: what tags are to mean, whatever upstream says.
        progress: gets the tasks ``images`` and ``layers``, and a note of each tag that moved.

    Raises:
        StoreError: or a subclass, when the archive cannot be written.
    """
    references = tuple(dict.fromkeys(wanted))
    pulls: dict[Reference, Future[Pulled]] = {}
    with ExitStack() as held:
        done = progress.task("images", "images", len(references))
        held.callback(done.close)
        layers = progress.task("layers", "B")
        held.callback(layers.close)
        meter = Meter(layers)
        fetcher = BlobFetcher(layout.blobs, registries, meter)
        held.callback(fetcher.close)
        tools = PullTools(
            layout=layout,
            known={entry.digest: entry for entry in layout.entries()},
            platforms=tuple(platforms),
            registries=registries,
            fetcher=fetcher,
            meter=meter,
            progress=progress,
            earlier={image.reference: image for image in previous},
            asked=frozenset(references),
            referrers=referrers,
        )
        held.callback(lambda: layout.point(_names(pulls.values())))
        lanes = Lanes(registries.connections, "image")
        held.callback(lanes.close)
        held.callback(
            registries.abort
        )  # first of all, however this block ends: nothing goes on behind its back
        for reference in references:
            pull = partial(_pulled, tools, reference, pinned.get(reference))
            pulls[reference] = lanes.submit(reference.registry, pull)
        _watch(pulls, done, registries)
        pulled = [result for each in pulls.values() if (result := _result(each)) is not None]
    images = {image.reference: image for each in pulled for image in each.results}
    return PullOutcome(
        images=tuple(images.values()),
        failures=tuple(failure for each in pulled for failure in each.failures),
        bytes=meter.bytes,
        blobs_fetched=fetcher.fetched,
    )


def _pulled(tools: PullTools, reference: Reference, pinned: Digest | None) -> Pulled:
    return ImagePull(tools, reference, pinned).run()


def _watch(pulls: Mapping[Reference, Future[Pulled]], task: Task, registries: Registries) -> None:
    """Show each image as it is done, until all are; an error that ends the run ends the watching."""
    names = {future: reference for reference, future in pulls.items()}
    pending = set(names)
    while pending:
        done, pending = wait(pending, timeout=_SLICE, return_when=FIRST_COMPLETED)
        for future in done:
            if _result(future) is not None:
                task.describe(str(names[future]))
                task.advance()
        if registries.brake.is_on:
            registries.abort()


def _result(future: Future[Pulled]) -> Pulled | None:
    try:
        return future.result()
    except Stopped:
        return None


def _names(pulls: Iterable[Future[Pulled]]) -> Iterator[Named]:
    """Yield what the images that were finished are to be called, also where another one ended the run."""
    for future in pulls:
        if future.done() and not future.cancelled() and future.exception() is None:
            yield from future.result().named
