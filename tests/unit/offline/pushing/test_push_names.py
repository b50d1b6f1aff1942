"""What images are called in the registry that they are pushed to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.core.digest import Digest
from archiver.core.errors import InvalidReference, NamesCollide, UsageError
from archiver.core.reference import Reference
from archiver.offline.holdings import Image
from archiver.offline.pushing.names import Destination, Naming, Rename, place_images

REGISTRY = "registry.example.org"


def image(reference: str, content: bytes = b"x", project: str = "p") -> Image:
    """Return an image."""
    return Image(project, reference, Digest.of(content), "application/x", 1, ())


def names(naming: Naming, *references: str) -> list[str]:
    """Return what images are called."""
    return [str(placed.target) for placed in place_images(map(image, references), naming)]


@pytest.mark.parametrize(
    ("text", "registry", "prefix"),
    [
        ("registry.example.org", "registry.example.org", ""),
        ("registry.example.org/", "registry.example.org", ""),
        ("localhost:5000/a/b", "localhost:5000", "a/b"),
        ("[::1]:5000/a", "[::1]:5000", "a"),
        ("docker.io/me", "docker.io", "me"),
        ("index.docker.io/me", "docker.io", "me"),
    ],
)
def test_destinations_are_a_host_and_a_path(text: str, registry: str, prefix: str) -> None:
    """With or without a port and a path; Docker Hub by any of its names."""
    assert Destination.parse(text) == Destination(registry, prefix)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("https://registry.example.org", "plain-http"),
        ("registry/x", "registry:443"),
        ("registry.example.org/Mirror", "lowercase"),
        ("registry.example.org/a//b", ""),
        ("registry.example.org/../b", ""),
        ("", ""),
        ("registry.example.org:99999/x", ""),
    ],
)
def test_what_is_no_destination_is_refused(text: str, hint: str) -> None:
    """URLs, hosts that no client takes for one, and paths outside of the grammar; the hint says what to write."""
    with pytest.raises(UsageError) as caught:
        Destination.parse(text)
    assert hint in (caught.value.hint or "")


def test_the_host_goes_by_default() -> None:
    """What comes behind it stays; digests and tags do, too."""
    digest = str(Digest.of(b"x"))
    naming = Naming(Destination(REGISTRY, "mirror"))
    assert names(naming, "docker.io/library/redis:7", f"quay.io/a/b@{digest}") == [
        f"{REGISTRY}/mirror/library/redis:7",
        f"{REGISTRY}/mirror/a/b@{digest}",
    ]
    assert names(Naming(Destination(REGISTRY)), "quay.io/a:1") == [f"{REGISTRY}/a:1"]


def test_the_host_can_be_kept() -> None:
    """In lowercase, with its port behind an underscore."""
    naming = Naming(Destination(REGISTRY), keep_host=True)
    assert names(naming, "docker.io/library/redis:7", "Reg.Example:5000/a:1") == [
        f"{REGISTRY}/docker.io/library/redis:7",
        f"{REGISTRY}/reg.example_5000/a:1",
    ]


def test_the_longest_rule_counts() -> None:
    """Rules go by whole parts of names, and before --keep-host; an empty right side takes the beginning away."""
    rules = tuple(
        map(Rename.parse, ("docker.io=hub", "docker.io/team=t", "docker.io/team/app=one", "quay.io/x="))
    )
    naming = Naming(Destination(REGISTRY, "m"), rules, keep_host=True)
    assert names(
        naming,
        "docker.io/library/redis:7",
        "docker.io/team/db:1",
        "docker.io/team/app:1",
        "docker.io/teams/x:1",
        "quay.io/x/y:1",
        "quay.io/xx/y:1",
    ) == [
        f"{REGISTRY}/m/{name}"
        for name in ("hub/library/redis:7", "t/db:1", "one:1", "hub/teams/x:1", "y:1", "quay.io/xx/y:1")
    ]


@pytest.mark.parametrize(
    "text", ["docker.io", "=x", "kubesphere=ks", "docker.io/x=Ks", "docker.io/x=a b", "a=b=c"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    """FROM needs a host, TO must be a path that registries take."""
    with pytest.raises(UsageError):
        Rename.parse(text)


def test_docker_hub_s_other_names_mean_it_in_rules() -> None:
    """As they do in references."""
    assert Rename.parse("index.docker.io/x=y").source == "docker.io/x"


def test_two_images_for_one_name_are_refused_with_all_of_them() -> None:
    """Each name that several images would get is told, with the images."""
    references = ("quay.io/a:1", "ghcr.io/a:1", "quay.io/b:1", "ghcr.io/b:1", "ghcr.io/c:1")
    with pytest.raises(NamesCollide) as caught:
        names(Naming(Destination(REGISTRY)), *references)
    told = [str(error) for error in (caught.value, *caught.value.more)]
    assert [("quay.io/a:1" in text, "quay.io/b:1" in text) for text in told] == [(True, False), (False, True)]
    assert "--keep-host" in (caught.value.hint or "")
    assert len(names(Naming(Destination(REGISTRY), keep_host=True), *references)) == 5


def test_one_digest_from_two_places_is_no_collision() -> None:
    """A digest can only mean one thing."""
    digest = Digest.of(b"x")
    assert names(Naming(Destination(REGISTRY)), f"quay.io/a@{digest}", f"ghcr.io/a@{digest}") == [
        f"{REGISTRY}/a@{digest}"
    ]


def test_an_image_of_two_projects_is_placed_once() -> None:
    """The same name and digest is the same image; with another digest it is an error that names both projects."""
    naming = Naming(Destination(REGISTRY))
    both = [image("quay.io/a:1", project="p"), image("quay.io/a:1", project="q")]
    assert len(place_images(both, naming)) == 1
    with pytest.raises(NamesCollide, match=r"of p and .* of q"):
        place_images([both[0], image("quay.io/a:1", b"other", "q")], naming)


def test_names_that_no_registry_takes_are_refused() -> None:
    """Too long a name is refused, with the image that it is for."""
    with pytest.raises(InvalidReference) as caught:
        names(Naming(Destination(REGISTRY, "p" * 200)), f"quay.io/{'a' * 60}:1", "quay.io/b:1")
    assert caught.value.place == f"quay.io/{'a' * 60}:1"


def test_any_host_can_be_kept() -> None:
    """A host with a port or an address for a name becomes a path as registries take it."""
    naming = Naming(Destination(REGISTRY), keep_host=True)
    kept = names(naming, "[::1]:5000/a:1", "quay.example:8443/b:1")
    assert kept == [f"{REGISTRY}/1_5000/a:1", f"{REGISTRY}/quay.example_8443/b:1"]


_PART = st.from_regex(r"\A[a-z0-9]{1,8}\Z")


@given(st.lists(_PART, min_size=1, max_size=4), st.lists(_PART, max_size=3), st.booleans())
def test_every_target_is_a_reference_below_the_destination(
    path: list[str], prefix: list[str], keep: bool
) -> None:
    """Whatever the names, what comes out can be pulled and lies below the prefix."""
    naming = Naming(Destination(REGISTRY, "/".join(prefix)), keep_host=keep)
    (placed,) = place_images([image(f"quay.io/{'/'.join(path)}:1")], naming)
    assert Reference.parse(str(placed.target)) == placed.target
    assert placed.target.name.startswith("/".join([REGISTRY, *prefix]) + "/")
    assert placed.target.tag == "1"
