"""What is judged of images and files: tags and files withdrawn, registries and servers that are not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.collect.guard.judging import judge_set
from archiver.collect.guard.sets import set_evidence
from archiver.collect.guard.thresholds import Thresholds
from archiver.core.judgement import DEGRADED, FILES, GONE, HEALTHY, IMAGES, Judgement
from archiver.core.snapshot import Failure, FileResult, ImageResult

RUN = "20260105T030000Z"
MOMENT = "2026-01-05T03:00:07Z"


def image(name, registry="registry.example", **members):
    """Return an image as an earlier run got it."""
    digest = "sha256:" + "0" * 64
    made = ImageResult(
        f"{registry}/{name}", digest, "", 1, ("linux/amd64",), (), "2025-12-01T00:00:00Z", registry
    )
    return replace(made, **members)


def file(name, host="files.example"):
    """Return a file as an earlier run got it."""
    return FileResult(f"https://{host}/{name}", name, "sha256:0", 1, "", "", "2025-12-01T00:00:00Z")


def carried(result, code="", gone=""):
    """Return what stands in for a thing that could not be got, and the failure."""
    return replace(result, carried=True, gone=gone), Failure("x", result.subject, code, "why")


def judged(before, fates, *, source=IMAGES, earlier=None, new=()):
    """Judge a set: ``fates`` says by position with which code each thing failed, if it did."""
    after, failures = [*new], []
    for number, each in enumerate(before):
        code = fates.get(number)
        if code is None:
            after.append(each)
        else:
            result, failure = carried(each, code, MOMENT if code.endswith(".gone") else "")
            after.append(result)
            failures.append(failure)
    return judge_set(source, set_evidence(before, after, failures, earlier), Thresholds(), earlier, RUN)


TEN = [image(f"app/image:{n}") for n in range(10)]
TWO_REGISTRIES = [
    *(image(f"a:{n}", "one.example") for n in range(17)),
    *(image(f"b:{n}", "two.example") for n in range(3)),
]
FILES_TEN = [file(f"tool-{n}.tgz") for n in range(10)]


@pytest.mark.parametrize(
    ("before", "fates", "verdict", "reason"),
    [
        (TEN, {}, HEALTHY, ""),
        (TEN, {3: "registry.gone"}, HEALTHY, ""),
        (TEN, {3: "registry.gone", 4: "fetch.timeout"}, HEALTHY, ""),
        (TEN[:2], {0: "registry.gone"}, HEALTHY, ""),
        (
            TEN[:1],
            {0: "registry.gone"},
            GONE,
            "the only image asked for is not there any more (registry.example)",
        ),
        (
            TEN[:2],
            {0: "registry.gone", 1: "registry.auth"},
            GONE,
            (
                "both images asked for are lost: 1 is refused to us (registry.example), 1 is not there any more (registry.example)"
            ),
        ),
        (
            TEN,
            dict.fromkeys(range(3), "registry.gone"),
            DEGRADED,
            "3 of the 10 images asked for are not there any more (registry.example)",
        ),
        (
            TEN,
            {**dict.fromkeys(range(3), "registry.gone"), 7: "registry.auth"},
            DEGRADED,
            (
                "4 of the 10 images asked for are lost: 3 are not there any more (registry.example), 1 is refused to us "
                "(registry.example)"
            ),
        ),
        (
            TEN,
            dict.fromkeys(range(10), "registry.auth"),
            GONE,
            "all 10 images asked for are refused to us (registry.example)",
        ),
        (
            TEN,
            dict.fromkeys(range(10), "fetch.unreachable"),
            GONE,
            "no registry can be reached; all 10 images asked for are on a host that cannot be reached (registry.example)",
        ),
        (
            TEN[:1],
            {0: "fetch.unreachable"},
            GONE,
            "no registry can be reached; the only image asked for is on a host that cannot be reached (registry.example)",
        ),
        (
            TWO_REGISTRIES,
            dict.fromkeys(range(17, 20), "fetch.unreachable"),
            DEGRADED,
            (
                "1 of 2 registries cannot be reached; 3 of the 20 images asked for are on a host that cannot be reached "
                "(two.example)"
            ),
        ),
        (TWO_REGISTRIES, {17: "fetch.unreachable", 18: "registry.gone"}, HEALTHY, ""),
        (
            TEN[:1],
            {0: "fetch.busy"},
            DEGRADED,
            "the only image asked for fails with an error of the server (registry.example)",
        ),
        (
            TEN,
            {**dict.fromkeys(range(9), "fetch.busy"), 9: "fetch.limited"},
            DEGRADED,
            "all 10 images asked for fail with errors of the server (registry.example)",
        ),
        (
            TEN[:2],
            {0: "fetch.busy", 1: "registry.gone"},
            GONE,
            "both images asked for are lost: 1 fails with an error of the server (registry.example), 1 is not there any more (registry.example)",
        ),
        (FILES_TEN, {0: "files.gone", 1: "content.digest"}, HEALTHY, ""),
    ],
)
def test_sets_are_judged_by_what_is_lost(before, fates, verdict, reason):
    """One or two things that vanish beside others are no alarm; a fifth of them is, and a registry that is not there at all."""
    judgement = judged(before, fates)
    assert (judgement.verdict, judgement.reason) == (verdict, reason)
    assert bool(judgement.examples) == (verdict != HEALTHY)
    assert len(judgement.examples) <= 3


def test_files_are_judged_likewise():
    """A server that is not there at all is gone, with its files as examples."""
    judgement = judged(FILES_TEN, dict.fromkeys(range(10), "fetch.unreachable"), source=FILES)
    assert judgement.verdict == GONE
    assert judgement.reason == (
        "no server can be reached; all 10 files asked for are on a host that cannot be reached (files.example)"
    )
    assert judgement.examples == tuple(f"https://files.example/tool-{n}.tgz" for n in range(3))


def test_what_went_while_a_set_is_not_healthy_was_there_to_be_lost():
    """The marks that a refused run leaves do not heal the set the next time: it is healthy again once things are back."""
    first = judged(TEN, dict.fromkeys(range(5), "registry.gone"))
    assert (first.verdict, first.since) == (DEGRADED, "2026-01-05T03:00:00Z")
    marked = [replace(each, gone=MOMENT, carried=True) if n < 5 else each for n, each in enumerate(TEN)]
    again = judge_set(
        IMAGES, set_evidence(marked, marked, [], first), Thresholds(), first, "20260106T030000Z"
    )
    assert (again.verdict, again.since) == (DEGRADED, first.since)
    assert again.reason == "5 of the 10 images asked for are not there any more (registry.example)"
    back = judge_set(IMAGES, set_evidence(marked, TEN, [], again), Thresholds(), again, "20260107T030000Z")
    assert (back.verdict, back.alive, back.good) == (HEALTHY, 10, "20260107T030000Z")


def test_what_was_gone_before_is_no_evidence():
    """Tags that went one by one in healthy times, each of them told once, are counted only by what is left of the peak."""
    old = [replace(each, gone="2025-12-24T00:00:00Z", carried=True) for each in TEN[:2]]
    earlier = Judgement(IMAGES, HEALTHY, alive=8, peak=10)
    view = [*old, *TEN[2:]]
    healthy = judge_set(IMAGES, set_evidence(view, view, [], earlier), Thresholds(), earlier, RUN)
    assert (healthy.verdict, healthy.alive, healthy.peak) == (HEALTHY, 8, 10)
    worse = judged(view, dict.fromkeys((8, 9), "registry.gone"), earlier=earlier)
    assert worse.verdict == DEGRADED
    assert worse.reason == "of the 10 images that there once were 6 are left"
    assert worse.examples == (TEN[8].reference, TEN[0].reference, TEN[9].reference)


def test_new_images_make_up_for_old_ones():
    """A rule that takes the newest tags loses the oldest each time: what the spec asks for no longer is not lost."""
    newer = [image(f"app/image:{n}") for n in range(10, 15)]
    rolled = judge_set(IMAGES, set_evidence(TEN, [*TEN[5:], *newer], [], None), Thresholds(), None, RUN)
    assert (rolled.verdict, rolled.alive) == (HEALTHY, 10)
    replaced = judged(TEN, dict.fromkeys(range(5), "registry.gone"), new=newer)
    assert replaced.verdict == HEALTHY


def test_signatures_do_not_count():
    """What is about an image comes and goes with it."""
    about = [image(f"app/image:sha256-{n}.sig", refers_to="sha256:0") for n in range(10)]
    lost = [replace(each, carried=True) for each in about]
    seen = set_evidence([*TEN, *about], [*TEN, *lost], [], None)
    assert (seen.before, seen.asked, seen.lost) == (10, 10, ())


def test_a_first_run_has_nothing_to_lose() -> None:
    """Whatever could not be got, there was nothing that could be: one image that came is all that it takes."""
    failures = [Failure(IMAGES, each.reference, "registry.unknown", "why") for each in TEN]
    assert (
        judge_set(IMAGES, set_evidence([], TEN[:1], failures, None), Thresholds(), None, RUN).verdict
        == HEALTHY
    )


def test_a_first_run_of_which_nothing_comes_has_failed() -> None:
    """It is gone, with no good copy, so that it is asked again at once; where nothing was asked for there is nothing to say."""
    failures = [Failure(IMAGES, each.reference, "registry.unknown", "why") for each in TEN[:4]]
    failures.append(Failure(IMAGES, "https://example.org/list.txt", "fetch.timeout", "why"))
    judgement = judge_set(IMAGES, set_evidence([], [], failures, None), Thresholds(), None, RUN)
    assert (judgement.verdict, judgement.good) == (GONE, "")
    assert judgement.reason == "nothing of it could be had: 4 are not there, 1 is not answered in time"
    assert judgement.examples[1] == "https://example.org/list.txt"
    assert judge_set(IMAGES, set_evidence([], [], [], None), Thresholds(), None, RUN).verdict == HEALTHY
    busy = [Failure(IMAGES, each.reference, "fetch.busy", "why") for each in TEN[:4]]
    failing = judge_set(IMAGES, set_evidence([], [], busy, None), Thresholds(), None, RUN)
    assert (failing.verdict, failing.good) == (DEGRADED, "")


def test_a_set_that_fails_for_now_is_healthy_once_it_answers():
    """Errors of a server say nothing of what it has: degraded for as long as they last, and nothing is counted as lost."""
    earlier = Judgement(IMAGES, HEALTHY, good=RUN, alive=10, peak=10)
    first = judged(TEN, dict.fromkeys(range(10), "fetch.busy"), earlier=earlier)
    assert (first.verdict, first.alive, first.good) == (DEGRADED, 10, RUN)
    second = judged(TEN, dict.fromkeys(range(10), "fetch.busy"), earlier=first)
    assert (second.verdict, second.since, second.alive) == (DEGRADED, first.since, 10)
    assert judged(TEN, {}, earlier=second).verdict == HEALTHY
