"""The image that readers without Python are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Load, Mistakes

DOCS = "project: demo\ndocs:\n  - seeds: [https://docs.example.org/]\n"
READER = "reader_image: python:3.12-slim\n"


def test_it_is_pulled_beside_the_images(load: Load) -> None:
    """It comes last, for the platforms of the others, which stay as the spec has them."""
    spec = load(f"{DOCS}{READER}images: {{platforms: [linux/arm64], refs: [redis]}}\n").spec
    assert spec.asked_images is not None
    assert spec.asked_images.refs == ("redis", "python:3.12-slim")
    assert spec.asked_images.platforms == ("linux/arm64",)
    assert spec.images is not None
    assert spec.images.refs == ("redis",)


def test_it_needs_no_other_images(load: Load) -> None:
    """Beside docs alone it is the only image, for the platforms that are the default."""
    spec = load(DOCS + READER).spec
    assert spec.images is None
    assert spec.asked_images is not None
    assert spec.asked_images.refs == ("python:3.12-slim",)
    assert spec.asked_images.platforms == ("linux/amd64",)


def test_without_it_the_images_are_those_of_the_spec(load: Load) -> None:
    """Nothing is added where the key is left out."""
    assert load(DOCS).spec.asked_images is None
    with_images = load(f"{DOCS}images: {{refs: [redis]}}\n").spec
    assert with_images.asked_images == with_images.images


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("reader_image: Not A Reference", "reader_image"),
        (f"reader_image: python@sha256:{'0' * 64}", "asked for by a digest"),
        (f"reader_image: python:3@sha256:{'0' * 64}", "asked for by a digest"),
    ],
)
def test_what_cannot_be_run_by_name_is_refused(mistakes: Mistakes, line: str, said: str) -> None:
    """No reference at all, or one by digest: after docker load there would be no name to run it by."""
    ((number, message),) = mistakes(f"{DOCS}{line}\n")
    assert number == 4
    assert said in message


def test_alone_it_is_nothing_to_archive(mistakes: Mistakes) -> None:
    """An image to read with is no reason for a project that has nothing to read."""
    ((_, message),) = mistakes(f"project: demo\n{READER}")
    assert "nothing to archive" in message
