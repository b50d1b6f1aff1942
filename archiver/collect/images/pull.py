"""Pulling many images into the layout: several at a time, failures listed, the rest kept."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Iterator, Mapping, Sequence

from archiver.collect.images.blobs import BlobFetcher
from archiver.collect.images.image import ImagePull, Pulled, PullTools
from archiver.collect.images.registries import Registries
from archiver.collect.meter import Meter
from archiver.collect.retry import DEFAULT_PATIENCE, Patience
from archiver.collect.view import falls_short
from archiver.core.errors import Stopped

if TYPE_CHECKING:
    import threading

    from archiver.core.descriptor import Descriptor, Platform
    from archiver.core.progress import Progress, Task
    from archiver.core.reference import Reference
    from archiver.core.snapshot import Failure, ImageResult
    from archiver.store.images import ImageLayout

_THREADS = 4
_SLICE = 0.5  # seconds; how soon a run that is stopped from outside ends what it waits for


@dataclass(frozen=True)
class PullOutcome:
    """What came of pulling.

    Attributes:
        images: what is whole in the layout now, in the order asked; each reference once.
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
    *,
    previous: Iterable[ImageResult] = (),
    user_agent: str,
    progress: Progress,
    stop: threading.Event,
    patience: Patience = DEFAULT_PATIENCE,
) -> PullOutcome:
    """Pull images into a layout; what is there already is not fetched again.

    An image of which a platform failed that its earlier copy has is no result: neither does it take
    that copy's name in the layout, nor its place in a snapshot.

    Args:
        wanted: references; repetitions are ignored.
        platforms: which platforms of multi-platform images to keep.
        layout: where to; the caller holds its ``writing()``. What is whole is named at the end, however it comes.
        previous: the images of the last good snapshot.
        user_agent: what to call ourselves.
        progress: gets the tasks ``images`` and ``layers``.
        stop: set from outside to end early: the outcome then has what was finished until then.
        patience: time limits and retries.

    Raises:
        StoreError: or a subclass, when the archive cannot be written.
    """
    registries = Registries.of(
        {},
        Path(),
        environment=os.environ,
        user_agent=user_agent,
        progress=progress,
        stop=stop,
        patience=patience,
    )
    references = tuple(dict.fromkeys(wanted))
    earlier = {image.reference: image for image in previous}
    pulls: dict[Reference, Future[Pulled]] = {}
    with ExitStack() as held:
        held.enter_context(registries)
        done = progress.task("images", "images", len(references))
        held.callback(done.close)
        layers = progress.task("layers", "B")
        held.callback(layers.close)
        meter = Meter(layers)
        fetcher = BlobFetcher(layout.blobs, registries.brake, meter)
        held.callback(fetcher.close)
        tools = PullTools(
            layout=layout,
            known={entry.digest: entry for entry in layout.entries()},
            platforms=tuple(platforms),
            registries=registries,
            fetcher=fetcher,
            meter=meter,
        )
        held.callback(lambda: layout.point(_names(pulls.values())))
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="image")
        held.callback(pool.shutdown, wait=True, cancel_futures=True)
        held.callback(
            registries.abort
        )  # first of all, however this block ends: nothing goes on behind its back
        for reference in references:
            pulls[reference] = pool.submit(_pulled, tools, reference, earlier.get(str(reference)))
        _watch(pulls, done, registries)
        pulled = [result for each in pulls.values() if (result := _result(each)) is not None]
    return PullOutcome(
        images=tuple(each.result for each in pulled if each.result is not None),
        failures=tuple(failure for each in pulled for failure in each.failures),
        bytes=meter.bytes,
        blobs_fetched=fetcher.fetched,
    )


def _pulled(tools: PullTools, reference: Reference, earlier: ImageResult | None) -> Pulled:
    """Pull an image; one that falls short of its earlier copy leaves nothing but its failures."""
    pulled = ImagePull(tools, reference).run()
    if pulled.result is None or earlier is None:
        return pulled
    if falls_short(pulled.result, earlier, tools.platforms, pulled.failed):
        return replace(pulled, result=None, named=())
    return pulled


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


def _names(pulls: Iterable[Future[Pulled]]) -> Iterator[tuple[str, Descriptor]]:
    """Yield what the images that were finished are to be called, also where another one ended the run."""
    for future in pulls:
        if future.done() and not future.cancelled() and future.exception() is None:
            yield from future.result().named
