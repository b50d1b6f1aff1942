from __future__ import annotations

from dataclasses import replace

from archiver.collect.view import merged_captures, with_carried_files, with_carried_images
from archiver.core.capture import Capture
from archiver.core.snapshot import FileResult, ImageResult

PAGE = Capture("http://a/1", "20260101000000", "text/html", "200", "sha256:1", "docs", "page", "<urn:uuid:1>")
IMAGE = ImageResult("a:1", "sha256:1", "m", 1, (), (), "t", "r")
FILE = FileResult("http://a/f", "a/f", "sha256:1", 1, "m", "sha256:2", "t")


def test_what_this_run_got_replaces_what_was_there():
    """A new capture of a URL takes the old one's place."""
    new = replace(PAGE, record="<urn:uuid:2>")
    assert merged_captures([PAGE], [new], lambda _: True) == ([new], 0)


def test_what_this_run_did_not_get_is_kept():
    """A page that failed, or is no longer linked, keeps its last capture and is counted."""
    other = replace(PAGE, url="http://a/2")
    assert merged_captures([PAGE], [other], lambda _: True) == ([other, PAGE], 1)


def test_pages_the_spec_gave_up_are_not_kept():
    """Narrowing the scope takes pages out of the view; requisites of kept pages stay."""
    style = replace(PAGE, url="http://b/s.css", kind="requisite")
    assert merged_captures([PAGE, style], [], lambda _: False) == ([style], 1)


def test_an_image_that_could_not_be_got_is_carried_and_marked():
    """Only references that are still asked for are carried, and only where this run has none."""
    moved = replace(IMAGE, digest="sha256:9")
    assert with_carried_images([], ["a:1"], [IMAGE]) == (replace(IMAGE, carried=True),)
    assert with_carried_images([moved], ["a:1"], [IMAGE]) == (moved,)
    assert with_carried_images([], [], [IMAGE]) == ()


def test_a_file_that_could_not_be_got_is_carried_and_marked():
    """The same holds for files, by URL."""
    assert with_carried_files([], ["http://a/f"], [FILE]) == (replace(FILE, carried=True),)
    assert with_carried_files([FILE], ["http://a/f"], [FILE]) == (FILE,)
    assert with_carried_files([], ["http://a/g"], [FILE]) == ()
