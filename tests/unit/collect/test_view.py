from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.collect.guard.evidence import Answer
from archiver.collect.view import (
    Wanted,
    failing_still,
    falls_short,
    merged_captures,
    vanished,
    with_carried,
    with_gone,
    with_moves,
    with_referrers,
    without_refused,
)
from archiver.core.capture import Capture
from archiver.core.descriptor import Platform
from archiver.core.snapshot import Failure, FileResult, ImageResult

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


MOVED = replace(IMAGE, digest="sha256:9")
KEPT = replace(IMAGE, carried=True)
OTHER = replace(IMAGE, reference="b:1")


@pytest.mark.parametrize(
    ("wanted", "got", "view"),
    [
        (Wanted({"a:1": ""}), [], [KEPT]),
        (Wanted({"a:1": ""}), [MOVED], [MOVED]),
        (Wanted({"a:1": "sha256:1"}), [], [KEPT]),
        (Wanted({"a:1": "sha256:9"}), [], []),
        (Wanted({}), [], []),
        (Wanted({"b:1": ""}), [OTHER], [OTHER]),
        (Wanted({}, complete=False), [], [KEPT]),
        (Wanted({"b:1": ""}, complete=False), [OTHER], [OTHER, KEPT]),
        (Wanted({"a:1": ""}, complete=False), [MOVED], [MOVED]),
        (Wanted({"a:1": "sha256:9"}, complete=False), [], []),
    ],
    ids=[
        "wanted, not got",
        "got",
        "of the digest wanted",
        "of another digest",
        "given up",
        "given up, another got",
        "nobody knows what is wanted",
        "nobody knows what else is wanted",
        "got, nobody knows what else is wanted",
        "of another digest, nobody knows what else is wanted",
    ],
)
def test_what_could_not_be_got_is_carried_and_marked(wanted, got, view):
    """An earlier result stands in for what is or may be wanted still, is not here, and is not known to be wrong."""
    assert with_carried(wanted, got, [IMAGE]) == tuple(view)


def test_files_are_carried_by_their_urls():
    """The same rule holds for files."""
    assert with_carried(Wanted({"http://a/f": "sha256:1"}), [], [FILE]) == (replace(FILE, carried=True),)
    assert with_carried(Wanted({"http://a/f": "sha256:2"}), [], [FILE]) == ()


AMD, ARM, ARM_V7 = Platform("linux", "amd64"), Platform("linux", "arm64"), Platform("linux", "arm", "v7")


@pytest.mark.parametrize(
    ("now", "earlier", "failed", "short"),
    [
        (["linux/amd64"], ["linux/amd64", "linux/arm64"], [ARM], True),
        (["linux/amd64"], ["linux/amd64", "linux/arm64/v8"], [ARM], True),
        (["linux/amd64"], ["linux/amd64", "linux/arm64"], [], False),
        (["linux/amd64"], ["linux/amd64", "linux/arm64"], [None], True),
        (["linux/amd64"], ["linux/amd64", "linux/arm64"], [ARM_V7], False),
        (["linux/amd64"], ["linux/amd64"], [ARM], False),
        (["linux/amd64", "linux/arm64/v8"], ["linux/amd64", "linux/arm64"], [None], False),
        (["linux/amd64"], ["linux/amd64", "windows/amd64"], [None], False),
        ([""], ["", ""], [None], True),
        ([""], ["", ""], [], False),
        ([""], ["", ""], [ARM], False),
    ],
    ids=[
        "failed",
        "failed, by its variant",
        "dropped upstream",
        "something failed",
        "dropped while another failed",
        "never had",
        "all here",
        "given up by the spec",
        "an artifact failed",
        "an artifact was dropped",
        "an artifact was dropped while a platform failed",
    ],
)
def test_an_image_falls_short_by_failure_only(now, earlier, failed, short):
    """It does where a platform failed that the earlier copy has and the spec wants; not where upstream dropped it."""
    images = [replace(IMAGE, platforms=tuple(platforms)) for platforms in (now, earlier)]
    assert falls_short(*images, [AMD, ARM, ARM_V7], failed) is short


SIGNATURE = replace(IMAGE, reference="a:sha256-1.sig", digest="sha256:5", refers_to="sha256:1")
OF_PLATFORM = replace(IMAGE, reference="a@sha256:6", digest="sha256:6", refers_to="sha256:m")
OF_SIGNATURE = replace(IMAGE, reference="a@sha256:7", digest="sha256:7", refers_to="sha256:5")


def test_signatures_stay_with_what_they_are_about():
    """Those that upstream withdrew are carried, of an index as of its manifests, and those of signatures, too."""
    view = with_referrers(
        [replace(IMAGE, manifests=("sha256:m",))], [OF_SIGNATURE, IMAGE, OF_PLATFORM, SIGNATURE]
    )
    assert {each.reference for each in view if each.carried} == {
        "a:sha256-1.sig",
        "a@sha256:6",
        "a@sha256:7",
    }


def test_signatures_of_what_moved_on_are_left_to_the_snapshot_that_had_it():
    """The new image has its own."""
    assert with_referrers([MOVED], [IMAGE, SIGNATURE, OF_SIGNATURE]) == (MOVED,)


def test_a_signature_that_this_run_got_is_there_once():
    """The new result counts."""
    assert with_referrers([IMAGE, SIGNATURE], [IMAGE, SIGNATURE]) == (IMAGE, SIGNATURE)


def test_what_is_gone_upstream_is_dated_once():
    """The first run that noticed gives the date; what only failed, or is here, is not marked."""
    known = replace(KEPT, reference="c:1", gone="earlier")
    marked = with_gone([KEPT, OTHER, known, replace(KEPT, reference="d:1")], {"a:1", "b:1", "c:1"}, "now")
    assert [each.gone for each in marked] == ["now", "", "earlier", ""]


def test_what_changed_under_its_name_says_what_it_was():
    """What is new, or the same, or was changed in an earlier run says nothing."""
    same = replace(OTHER, was="sha256:0")
    marked = with_moves([MOVED, same, replace(IMAGE, reference="new:1")], [IMAGE, OTHER])
    assert [each.was for each in marked] == ["sha256:1", "", ""]


def test_what_vanished_is_kept_and_marked_since_when():
    """Its last good capture stays, also where something else was captured of the URL; a mark keeps its first date."""
    gone = replace(PAGE, url="http://a/2", gone="20260201000000")
    redirect = replace(PAGE, status="301", record="<urn:uuid:9>")
    view, carried = merged_captures(
        [PAGE, gone], [redirect], lambda _: True, {PAGE.url: "http://a/", gone.url: ""}, "20260301000000"
    )
    assert view == [replace(PAGE, gone="20260301000000"), gone]
    assert carried == 2


def _answer(**values):
    return Answer(**{"url": PAGE.url, "kind": "page", "seed": False, "earlier": PAGE, **values})


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        (_answer(status="404"), True),
        (_answer(status="410", code="fetch.status"), True),
        (_answer(status="451", code="fetch.status"), True),
        (_answer(status="404", earlier=None), False),
        (_answer(status="404", earlier=replace(PAGE, kind="requisite")), True),
        (_answer(status="403", code="fetch.status"), False),
        (_answer(status="503", code="fetch.status"), False),
        (_answer(code="fetch.unreachable"), False),
        (_answer(status="200"), False),
        (_answer(status="200", mark="soft 404", code="fetch.soft404"), True),
        (_answer(status="200", mark="parked domain"), True),
        (_answer(status="200", mark="not the file asked for"), True),
        (_answer(status="200", mark="login page"), False),
        (_answer(status="200", mark="script only"), False),
        (_answer(status="200", mark="taken down"), True),
        (_answer(status="301", target="http://a/docs/"), True),
        (_answer(status="301", target="http://a/docs/index.html"), True),
        (_answer(status="302", target="http://elsewhere/"), True),
        (_answer(status="302", target="http://elsewhere/?page=3"), False),
        (_answer(status="301", target="http://a/3"), False),
        (_answer(status="301", target="http://elsewhere/1", code="fetch.moved"), True),
        (_answer(status="301", target="http://elsewhere/1", code="fetch.moved", seed=True), False),
        (_answer(status="301", target="http://a/docs/", seed=True), False),
        (_answer(status="301", target="http://a/docs/", earlier=replace(PAGE, status="301")), False),
        (_answer(status="301", target="http://a/docs/", earlier=replace(PAGE, gone="20260201000000")), True),
        (_answer(url="http://a/docs", status="301", target="http://a/docs/"), False),
    ],
)
def test_upstream_says_by_its_answer_that_it_has_a_page_no_longer(answer, gone):
    """404, 410, 451, another page in its place, the front page, or a move out of scope; never a failure or a login."""
    assert (
        answer.url in vanished([answer, Answer("http://a/docs/", "page", seed=True, status="200")])
    ) is gone


def test_a_thing_that_is_gone_is_a_failure_once():
    """What the last good snapshot knew to be gone fails no more; other failures of it, and of others, do."""
    known = replace(IMAGE, gone="2026-01-01T00:00:00Z")
    news = [
        Failure("images", subject, code, "") for subject in ("a:1", "b:1") for code in ("registry.gone", "x")
    ]
    assert failing_still(news, [known, OTHER]) == tuple(news[1:])


def test_what_was_refused_is_replaced_by_what_was_there():
    """Each earlier image as it was, marked as carried, and as gone where that was said; what is new is not there."""
    now = [replace(KEPT, gone="2026-02-01T00:00:00Z"), replace(OTHER, digest="sha256:9", was="sha256:1"),
           replace(IMAGE, reference="new:1")]  # fmt: skip
    dropped = replace(IMAGE, reference="dropped:1", was="sha256:7")
    assert without_refused(now, [], [IMAGE, OTHER, dropped]) == (
        replace(KEPT, gone="2026-02-01T00:00:00Z"),
        replace(OTHER, carried=True),
        replace(dropped, carried=True, was=""),
    )


def test_what_was_refused_is_not_replaced_by_what_the_spec_no_longer_wants():
    """A file that failed and has no stand-in, since the spec names another digest by now, has none of this kind either."""
    failed = [Failure("files", FILE.url, "fetch.status", "")]
    assert without_refused([], failed, [FILE]) == ()
