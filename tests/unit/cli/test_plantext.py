from __future__ import annotations

from dataclasses import replace

import pytest

from archiver.cli.plantext import plan_text, platforms_text
from archiver.collect.images.ratelimit import RateLimit
from archiver.collect.images.selection import LIST, TAGS, Mention, Unexpanded
from archiver.collect.plan.model import (
    FAILED,
    MOVED,
    NEW,
    UNCHANGED,
    UNKNOWN,
    Amount,
    Plan,
    PlannedFile,
    PlannedImage,
    PlannedSite,
    RegistryLoad,
)
from archiver.core.snapshot import Failure

DIGEST = "sha256:" + "0123456789abcdef" * 4
BOTH = ("linux/amd64", "linux/arm64")


def _image(name: str, state: str = NEW, **keys: object) -> PlannedImage:
    amount = None if state in (FAILED, UNKNOWN) else Amount(2_000_000, 500_000, 1_500_000)
    known = state not in (FAILED, UNKNOWN)
    image = PlannedImage(
        f"docker.io/team/{name}",
        Mention(),
        state,
        digest=DIGEST if known else "",
        platforms=BOTH if known else (),
        amount=amount,
        location="docker.io" if known else "",
    )
    return replace(image, **keys)


def _plan(*images: PlannedImage, **keys: object) -> Plan:
    plan = Plan("sample", "A Sample", BOTH, offline=False, images=images)
    return replace(plan, **keys)


def test_an_image_is_a_line():
    """State, size, what is here, what is to be fetched, digest and reference; nothing that goes without saying."""
    assert plan_text(_plan(_image("one:1.0"), total=Amount(2_000_000, 500_000, 1_500_000))).splitlines() == [
        "sample: A Sample",
        "",
        "1 image for linux/amd64, linux/arm64",
        "  STATE    SIZE      HERE  TO FETCH  DIGEST        IMAGE",
        "  new    2.0 MB  500.0 kB    1.5 MB  0123456789ab  docker.io/team/one:1.0",
        "",
        "total: 1 image, 2.0 MB: 500.0 kB here, 1.5 MB to fetch",
    ]


def test_what_is_unusual_is_shown():
    """Other platforms than asked for, and another place than the reference's own registry, have their columns."""
    text = plan_text(
        _plan(
            _image("one:1.0", platforms=("linux/amd64",), location="mirror.gcr.io"),
            _image("two:1.0", MOVED),
        )
    )
    first, second = (line.split() for line in text.splitlines()[4:6])
    assert first[0] == "new"
    assert first[-3:] == ["linux/amd64", "mirror.gcr.io", "docker.io/team/one:1.0"]
    assert second[0] == "moved"
    assert second[-2:] == ["0123456789ab", "docker.io/team/two:1.0"]


def test_images_stand_below_what_asks_for_them():
    """Where lists and sections ask for images, headings say which, in the spec's order."""
    lines = plan_text(
        _plan(
            _image("one:1"),
            _image("two:1", asked=Mention("list.txt", "base")),
            _image("three:1", asked=Mention("list.txt", "base")),
            _image("four:1", asked=Mention("list.txt", "more")),
        )
    ).splitlines()
    assert [line for line in lines if line.startswith(("list", "the"))] == [
        "the spec itself: 1 image",
        "list.txt, section base: 2 images",
        "list.txt, section more: 1 image",
    ]
    assert [line.rpartition("/")[2] for line in lines if "/team/" in line] == [
        "one:1",
        "two:1",
        "three:1",
        "four:1",
    ]


def test_what_comes_along_is_marked_and_not_counted_as_an_image():
    """A signature is a line of its own with a plus; it is no image that anybody asked for."""
    extra = _image("one@" + DIGEST, platforms=(), refers_to=DIGEST, artifact_type="application/x")
    text = plan_text(_plan(_image("one:1"), extra))
    assert "1 image for" in text
    assert f"+ docker.io/team/one@{DIGEST}" in text
    assert "total: 1 image, 1 artifact along with them," in text


def test_registries_say_what_they_count():
    """What archiving costs at a registry, what the plan itself has cost, and what is left."""
    load = RegistryLoad("docker.io", 94, 12_300_000_000, 188, 188, RateLimit(200, 12, 21600))
    text = plan_text(_plan(_image("one:1"), registries=(load,)))
    assert "docker.io: 94 images, 12.3 GB to fetch, 188 counted requests (for manifests)\n" in text
    assert (
        "making this plan took 188 such requests; the registry says: 200 allowed in 6 h, 12 left; "
        "archiving will have to wait for more"
    ) in text


def test_offline_is_a_list_of_names():
    """Without a network there are names, where they come from, and what could not be expanded; no sizes."""
    plan = _plan(
        _image("one:1", UNKNOWN),
        offline=True,
        files=(PlannedFile("https://example.org/tool.tgz", UNKNOWN),),
        sites=(PlannedSite("docs", ("https://example.org/a/", "https://example.org/b/")),),
        unexpanded=(
            Unexpanded(TAGS, "docker.io/team/x", "v1.*"),
            Unexpanded(LIST, "https://example.org/l.txt"),
        ),
    )
    assert plan_text(plan).splitlines()[2:] == [
        "1 image for linux/amd64, linux/arm64",
        "  docker.io/team/one:1",
        "",
        "1 file",
        "  https://example.org/tool.tgz",
        "",
        "1 doc site; what a crawl finds is not known before",
        "  docs  https://example.org/a/",
        "        https://example.org/b/",
        "",
        "only the network can tell",
        "  tags of docker.io/team/x (v1.*)",
        "  the image list https://example.org/l.txt",
        "",
        "total: 1 image, 1 file; sizes unknown without the network",
    ]


def test_failures_come_last_and_control_nothing():
    """Every failure is listed with its code; what a server said cannot move the cursor."""
    failure = Failure("images", "docker.io/team/one:1", "registry.unknown", "no \x1b[2Jsuch tag")
    text = plan_text(_plan(_image("one:1", FAILED), failures=(failure,)))
    assert text.endswith("1 FAILED:\n  images: docker.io/team/one:1: no \\x1b[2Jsuch tag [registry.unknown]")


def test_what_fails_alike_is_told_once():
    """All images of a dead registry are one line; the first is named, the others are counted, and all stand above."""
    names = [f"docker.io/team/{number}:1" for number in range(5)]
    failures = [Failure("images", name, "fetch.unreachable", "docker.io: cannot connect") for name in names]
    other = Failure("images", "quay.io/team/x:1", "registry.unknown", "no such tag")
    lines = plan_text(_plan(_image("one:1", FAILED), failures=(*failures, other))).splitlines()
    assert lines[-3:] == [
        "6 FAILED:",
        "  images: docker.io/team/0:1 and 4 more: docker.io: cannot connect [fetch.unreachable]",
        "  images: quay.io/team/x:1: no such tag [registry.unknown]",
    ]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_lines_fit_the_terminal(width: int):
    """However much is known of the images, their lines fit a usual terminal."""
    names = [f"image-number-{n}:v1.20.{n}" for n in range(20)]
    images = [_image(name, state, location="mirror.gcr.io") for name in names for state in (NEW, UNCHANGED)]
    text = plan_text(_plan(*images), width)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("platforms", "text"),
    [
        (("linux/amd64", "linux/arm64"), "linux/amd64 arm64"),
        (("windows/amd64", "linux/amd64"), "linux/amd64 windows/amd64"),
        (("linux/386", "linux/amd64", "linux/arm/v7", "linux/arm64", "linux/s390x"), "5 platforms"),
        (("",), ""),
    ],
)
def test_platforms_are_short(platforms: tuple[str, ...], text: str):
    """One system's architectures are told together, and many are only counted."""
    assert platforms_text(platforms) == text
