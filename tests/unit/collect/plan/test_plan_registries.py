from __future__ import annotations

from archiver.collect.images.ratelimit import RateLimits
from archiver.collect.images.selection import Mention
from archiver.collect.plan.images import registry_loads
from archiver.collect.plan.model import NEW, Amount, PlannedImage


def _image(location: str, fetch: int, refers_to: str = "") -> PlannedImage:
    return PlannedImage(
        "docker.io/team/x:1",
        Mention(),
        NEW,
        amount=Amount(fetch, 0, fetch),
        location=location,
        refers_to=refers_to,
    )


def test_each_place_is_told_with_what_it_gives_and_counts():
    """Registries and mirrors stand in the order of their images; what comes along is bytes of theirs, but no image."""
    limits = RateLimits()
    limits.learn("docker.io", {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"})
    limits.count("docker.io")
    images = [
        _image("quay.io", 5),
        _image("h.example.org/hub", 7),
        _image("quay.io", 1, "sha256:00"),
        _image("docker.io", 0),
    ]
    loads = registry_loads(images, {"h.example.org/hub": 2, "docker.io": 1}, limits)
    told = [(load.registry, load.images, load.fetch, load.counted, load.used) for load in loads]
    assert told == [("quay.io", 1, 6, 0, 0), ("h.example.org/hub", 1, 7, 2, 0), ("docker.io", 1, 0, 1, 1)]
    assert loads[2].limit is not None
    assert loads[2].limit.remaining == 76


def test_a_place_that_only_cost_requests_is_told_too():
    """A registry that was asked, and has none of the images, has counted all the same."""
    limits = RateLimits()
    for _ in range(3):
        limits.count("docker.io")
    (load,) = registry_loads([], {}, limits)
    assert (load.registry, load.images, load.used) == ("docker.io", 0, 3)
