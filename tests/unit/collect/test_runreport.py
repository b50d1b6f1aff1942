from __future__ import annotations

from archiver.collect.runreport import run_report
from archiver.core.snapshot import FileResult, ImageResult, Snapshot
from servers.records import run_record


def _image(reference: str, **further: str) -> ImageResult:
    return ImageResult(
        reference, "sha256:ab", "m", 5, ("linux/amd64", ""), ("sha256:cd", "sha256:ef"),
        "2026-11-23T00:44:00Z", further.pop("registry", "docker.io"), **further,
    )  # fmt: skip


def _snapshot(images: tuple[ImageResult, ...], files: tuple[FileResult, ...]) -> Snapshot:
    return run_record(images=images, files=files)


def test_what_signs_an_image_is_counted_apart() -> None:
    """A signature is not one of the images that the spec asks for, and what upstream lost is counted."""
    images = (
        _image("docker.io/x/y:1", gone="2026-11-22T00:00:00Z"),
        _image("docker.io/x/y:sha256-ab.sig", refers_to="sha256:ab"),
    )
    (found,) = run_report(_snapshot(images, ()), ()).sets
    assert (found.items, found.referrers, found.gone) == (1, 1, 1)
    assert [item.name for item in found.kept] == ["docker.io/x/y:1"]
    assert found.kept[0].platforms == ("linux/amd64",)


def test_who_told_what_a_tag_means_is_named_where_it_was_a_mirror() -> None:
    """An image's own registry goes without saying; a file has no other source than its URL."""
    images = (_image("docker.io/x/y:1"), _image("docker.io/x/y:2", registry="mirror.example.org/hub"))
    files = (FileResult("https://x.org/a", "x.org/a", "sha256:ab", 1, "", "sha256:cd", ""),)
    pictures, downloads = run_report(_snapshot(images, files), ()).sets
    assert [item.source for item in pictures.kept] == ["", "mirror.example.org/hub"]
    assert [(item.name, item.source) for item in downloads.kept] == [("https://x.org/a", "")]
