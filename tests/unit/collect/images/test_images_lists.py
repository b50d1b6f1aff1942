"""Image lists: reading, choosing sections, and telling what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.collect.images.lists import check_lists, malformed_lines, read_list
from archiver.core.errors import SpecError
from archiver.spec.images import ImageSet

TEXT = """\ufeff# before any section
quay.io/a/first:1\r
##kube-images
redis:7   # a comment
redis:7

##  other images
bad image
docker.io/library/redis:7
"""
SPECS = Path(__file__).resolve().parents[4] / "specs"


def test_a_list_is_read_with_places_and_sections() -> None:
    """Byte order mark, CRLF, comments and blank lines are no obstacle; every line has its place."""
    read = read_list(TEXT, "list.txt")
    assert [(str(e.reference), e.section, e.place) for e in read.entries] == [
        ("quay.io/a/first:1", "", "list.txt:2"),
        ("docker.io/library/redis:7", "kube-images", "list.txt:4"),
        ("docker.io/library/redis:7", "kube-images", "list.txt:5"),
        ("docker.io/library/redis:7", "other images", "list.txt:9"),
    ]
    assert read.sections == ("kube-images", "other images")
    assert [(line.text, line.place) for line in read.bad_lines] == [("bad image", "list.txt:8")]


def test_checking_tells_every_list_that_cannot_be_read(tmp_path: Path) -> None:
    """Before any network use: missing files; lists that are URLs are left alone, and so are bad lines."""
    (tmp_path / "list.txt").write_text("Upper:1\nfine:1\n")
    lists = ("absent.txt", "list.txt", "http://127.0.0.1:1/never-asked.txt", "lost.txt")
    with pytest.raises(SpecError) as caught:
        check_lists(ImageSet(lists=lists), tmp_path)
    places = [error.place for error in (caught.value, *caught.value.more)]
    assert places == [f"{tmp_path}/absent.txt", f"{tmp_path}/lost.txt"]
    check_lists(ImageSet(lists=("list.txt",)), tmp_path)


def test_malformed_lines_have_their_place(tmp_path: Path) -> None:
    """Those of the sections that are wanted, in all lists that are files."""
    (tmp_path / "a.txt").write_text("Upper:1\nfine:1\na b\n##wanted\nB:1\n")
    (tmp_path / "b.txt").write_text("##wanted\nc d\n")
    lists = ("a.txt", "http://127.0.0.1:1/never-asked.txt", "b.txt")

    def places(*sections: str) -> list[str | None]:
        images = ImageSet(lists=lists, sections=sections)
        return [error.place for error in malformed_lines(images, tmp_path)]

    assert places() == [f"{tmp_path}/{at}" for at in ("a.txt:1", "a.txt:3", "a.txt:5", "b.txt:2")]
    assert places("wanted") == [f"{tmp_path}/{at}" for at in ("a.txt:5", "b.txt:2")]


def test_checking_finds_a_misspelt_section(tmp_path: Path) -> None:
    """Only where all lists are here: one that is a URL could have the section."""
    (tmp_path / "list.txt").write_text("##images\nredis:7\n")
    check_lists(ImageSet(lists=("list.txt",), sections=("images",)), tmp_path)
    with pytest.raises(SpecError, match="image"):
        check_lists(ImageSet(lists=("list.txt",), sections=("image",)), tmp_path)
    check_lists(ImageSet(lists=("list.txt", "http://127.0.0.1:1/x"), sections=("image",)), tmp_path)


def test_a_list_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Not UTF-8, or absurdly large."""
    for content, message in ((b"fine:1\n\xff", "UTF-8"), (b"#" * ((4 << 20) + 1), "larger")):
        (tmp_path / "list.txt").write_bytes(content)
        with pytest.raises(SpecError, match=message):
            check_lists(ImageSet(lists=("list.txt",)), tmp_path)


def test_kubesphere_s_own_list_is_read() -> None:
    """The real list beside the shipped spec: short Docker Hub names, eleven sections or so, no bad line."""
    path = next((SPECS / "lists").glob("kubesphere-images-list-*.txt"))
    read = read_list(path.read_text("utf-8"), str(path))
    assert not read.bad_lines
    assert {"k8s-images", "kubesphere-images"} <= set(read.sections)
    assert len({entry.reference for entry in read.entries}) > 80
    assert all(entry.reference.registry for entry in read.entries)
