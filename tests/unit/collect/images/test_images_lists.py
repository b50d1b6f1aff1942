"""Image lists: reading, choosing sections, and telling what is wrong with them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from archiver.collect.images.lists import check_lists, read_list, wanted_references
from archiver.collect.retry import Patience
from archiver.core.errors import SpecError, Stopped
from archiver.spec.images import ImageSet
from servers.site import Reply, serving

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
HASTY = Patience(attempts=2, first_wait=0.0, connect=5, read=5)


def wanted(folder: Path, **keys: object) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return references as text, and of failures the subject, code and referrer."""
    asked = wanted_references(
        ImageSet.model_validate(keys),
        folder,
        user_agent="archiver/test",
        stop=threading.Event(),
        patience=HASTY,
    )
    assert asked.complete is not bool(asked.failures)
    return [str(each) for each in asked.references], [(f.subject, f.code, f.referrer) for f in asked.failures]


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
    assert [(line.text, line.error.place) for line in read.bad_lines] == [("bad image", "list.txt:8")]


def test_references_come_once_and_in_order(tmp_path: Path) -> None:
    """Single references first, then the lists'; a bad line is a failure with its place, and the rest stays."""
    (tmp_path / "list.txt").write_text(TEXT, "utf-8")
    references, failures = wanted(tmp_path, refs=("busybox",), lists=("list.txt",))
    assert references == [
        "docker.io/library/busybox:latest",
        "quay.io/a/first:1",
        "docker.io/library/redis:7",
    ]
    assert failures == [("bad image", "reference.invalid", f"{tmp_path}/list.txt:8")]


def test_only_the_sections_asked_for_are_taken(tmp_path: Path) -> None:
    """Neither references nor bad lines of other sections count."""
    (tmp_path / "list.txt").write_text(TEXT, "utf-8")
    assert wanted(tmp_path, lists=("list.txt",), sections=("kube-images",)) == (
        ["docker.io/library/redis:7"],
        [],
    )


def test_a_section_that_no_list_has_is_a_failure(tmp_path: Path) -> None:
    """A misspelt section must not silently archive nothing."""
    (tmp_path / "list.txt").write_text(TEXT, "utf-8")
    assert wanted(tmp_path, lists=("list.txt",), sections=("kube",)) == ([], [("kube", "spec.invalid", "")])


def test_a_list_from_a_url_is_fetched(tmp_path: Path) -> None:
    """Over HTTP, redirects followed; what cannot be had is a failure and the other list counts."""
    answers = {
        "/list.txt": Reply(b"redis:7\n", type="text/plain"),
        "/moved.txt": Reply(status=302, headers=(("Location", "/list.txt"),)),
        "/binary.txt": Reply(b"\xff\xfe"),
    }
    with serving(answers) as site:
        lists = tuple(site.url(target) for target in ("/gone.txt", "/moved.txt", "/binary.txt"))
        references, failures = wanted(tmp_path, lists=lists)
        assert references == ["docker.io/library/redis:7"]
        assert failures == [(lists[0], "fetch.status", ""), (lists[2], "fetch.failed", "")]


def test_an_emptied_list_is_a_failure(tmp_path: Path) -> None:
    """An answer of nothing, or of comments only, does not mean that no image is wanted any more."""
    with serving({"/empty.txt": Reply(b""), "/comments.txt": Reply(b"# moved\n##images\n")}) as site:
        lists = tuple(site.url(target) for target in ("/empty.txt", "/comments.txt"))
        assert wanted(tmp_path, lists=lists) == ([], [(url, "fetch.content", "") for url in lists])


def test_stopping_ends_the_wait_for_a_list(tmp_path: Path) -> None:
    """A stopped run is no failure of a list."""
    stop = threading.Event()
    stop.set()
    images = ImageSet(lists=("http://127.0.0.1:1/never-asked.txt",))
    with pytest.raises(Stopped):
        wanted_references(images, tmp_path, user_agent="archiver/test", stop=stop)


def test_checking_tells_every_bad_line(tmp_path: Path) -> None:
    """Before any network use: file and line of each, a missing file, and lists that are URLs left alone."""
    (tmp_path / "list.txt").write_text("Upper:1\nfine:1\na b\n")
    lists = ("list.txt", "absent.txt", "http://127.0.0.1:1/never-asked.txt")
    with pytest.raises(SpecError) as caught:
        check_lists(ImageSet(lists=lists), tmp_path)
    places = [error.place for error in (caught.value, *caught.value.more)]
    assert places == [f"{tmp_path}/list.txt:1", f"{tmp_path}/list.txt:3", f"{tmp_path}/absent.txt"]


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
