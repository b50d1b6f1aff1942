"""Which images are pushed where one is named: it, and all that refers to it."""

from __future__ import annotations

from typing import IO, Iterator, Tuple

from archiver.core.digest import Digest
from archiver.core.errors import NotArchived
from archiver.offline.holdings import Image
from archiver.offline.pushing.choosing import choose_images

LENGTH = 1000


class Counted(Tuple[Image, ...]):  # noqa: SLOT001 - it has an attribute
    """Images that count how often somebody goes through them."""

    passes = 0

    def __iter__(self) -> Iterator[Image]:
        self.passes += 1
        return super().__iter__()


class Shelf:
    """Images of which no blob is there."""

    def __init__(self, images: Counted) -> None:
        self.images: tuple[Image, ...] = images

    def size(self, _: Digest) -> int | None:
        return None

    def open(self, digest: Digest) -> IO[bytes]:
        raise NotArchived("no such blob", place=str(digest))


def image(number: int, about: int | None) -> Image:
    """Return an image that refers to another one."""
    refers_to = "" if about is None else str(Digest.of(b"%d" % about))
    return Image("p", f"r.example/a:{number}", Digest.of(b"%d" % number), "x/y", 1, (), refers_to)


def test_what_refers_to_what_refers_to_an_image_comes_along() -> None:
    """However long the chain is, and in whatever order: a bundle that brings a long one costs no more for it."""
    chain = [image(number, number - 1 if number else None) for number in range(LENGTH)]
    images = Counted([*reversed(chain), image(LENGTH, None), image(LENGTH + 1, LENGTH)])
    assert choose_images(Shelf(images), ["r.example/a:0"]) == tuple(reversed(chain))
    assert images.passes < 10


def test_images_that_refer_to_each_other_end() -> None:
    """A signature of itself, and two of each other, are each taken once."""
    images = Counted([image(0, 0), image(1, 2), image(2, 1), image(3, 0)])
    assert len(choose_images(Shelf(images), ["r.example/a:0"])) == 2
    assert len(choose_images(Shelf(images), ["r.example/a:1"])) == 2
