"""Finding what refers to an image: by API, by the tag that stands in for it, by cosign's tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect.images.reading import ManifestReader, Memo
from archiver.collect.images.referrers import Extra, Referrers, subjects_of
from archiver.collect.images.registry import Document, parsed
from archiver.collect.images.repository import Resolved
from archiver.collect.images.walk import Miss, walk
from archiver.core.descriptor import OCI_EMPTY, OCI_INDEX, Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import ContentError, FetchError, HostUnreachable, ManifestUnknown, StatusRefused
from archiver.core.reference import Reference
from archiver.store.blobs import BlobStore
from servers.content import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Filling, Made

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = Reference.parse("registry.example.org/app:1")
SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"
SPDX = "application/spdx+json"


class Repository(Filling):
    """A repository in memory.

    Attributes:
        api: whether it lists referrers.
        errors: what it says in place of an answer, by what is asked.
        asked: what it was asked.
    """

    name = IMAGE.name

    def __init__(self) -> None:
        self.api = True
        self.contents: dict[str, tuple[str, bytes]] = {}
        self.named: dict[str, Made] = {}
        self.listed: dict[str, list[Made]] = {}
        self.errors: dict[str, FetchError | ContentError] = {}
        self.asked: list[str] = []

    def blob(self, repository: str, data: bytes, media_type: str = OCI_LAYER) -> Made:
        """Keep a blob."""
        made = Made.of(data, media_type)
        self.contents[made.digest] = (media_type, data)
        return made

    def put_manifest(self, name: str, data: bytes, media_type: str) -> Made:
        """Keep a manifest, and tag it where the name has a tag."""
        made = self.blob(name, data, media_type)
        tag = name.partition(":")[2]
        if tag:
            self.named[tag] = made
        return made

    def about(self, subject: Made, content: bytes, *, kind: str = SPDX, **more: Any) -> Made:
        """Make an artifact that refers to something, and list it."""
        more = {"artifactType": kind, "subject": subject.descriptor, **more}
        made = self.artifact("app", content, kind, **more)
        self.listed.setdefault(subject.digest, []).append(made)
        return made

    def fall_back(self, subject: Made) -> Made:
        """Be a registry without the API, whose clients keep the list at a tag."""
        self.api = False
        entries = [(each, "") for each in self.listed[subject.digest]]
        return self.index("app:" + subject.digest.replace(":", "-"), *entries)

    def cosign(self, subject: Made, suffix: str, content: bytes) -> Made:
        """Sign as cosign does."""
        tag = subject.digest.replace(":", "-") + suffix
        return self.artifact(f"app:{tag}", content, SIGNATURE, config=(b"{}", OCI_CONFIG))

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...] | None:
        """List what refers to a manifest."""
        self._ask("LIST", str(digest))
        if not self.api:
            return None
        return tuple(_descriptor(each) for each in self.listed.get(str(digest), ()))

    def resolve(self, tag: str) -> Resolved:
        """Tell what a tag means."""
        self._ask("HEAD", tag)
        if tag not in self.named:
            raise ManifestUnknown("no such tag")
        return Resolved(_descriptor(self.named[tag]), "registry.example.org")

    def find(self, tag: str) -> Resolved | None:
        """Tell what a tag means that need not be there."""
        try:
            return self.resolve(tag)
        except ManifestUnknown:
            return None

    def get_manifest(self, selector: str, expected: Descriptor | None = None) -> Document:
        """Give a manifest."""
        self._ask("GET", selector)
        if selector not in self.contents:
            raise ManifestUnknown("no such manifest")
        media_type, data = self.contents[selector]
        return parsed(data, Digest.parse(selector), media_type, selector)

    def _ask(self, method: str, what: str) -> None:
        self.asked.append(f"{method} {what}")
        if what in self.errors:
            raise self.errors[what]


@pytest.fixture
def repository() -> Repository:
    """A repository with nothing in it."""
    return Repository()


@pytest.fixture
def find(repository: Repository, tmp_path: Path) -> Any:
    """A function that looks for what refers to things that were made."""

    def found(*subjects: Made) -> list[Extra | Miss]:
        reader = ManifestReader(
            repository,  # type: ignore[arg-type]  # stands in for the real one
            BlobStore(tmp_path),
            {},
            Memo(),
            fetch_config=lambda config: repository.contents[str(config.digest)][1],
            came=lambda _: None,
        )
        seeker = Referrers(repository, reader, IMAGE)  # type: ignore[arg-type]  # as above
        return list(seeker.of(Digest.parse(each.digest) for each in subjects))

    return found


def _descriptor(made: Made) -> Descriptor:
    return Descriptor(made.media_type, Digest.parse(made.digest), made.size)


def extras(found: list[Extra | Miss]) -> list[tuple[str, str]]:
    """What was found: the reference within the repository, and the digest that it is about."""
    return [
        (str(each.reference).removeprefix(IMAGE.name), str(each.refers_to))
        for each in found
        if isinstance(each, Extra)
    ]


def codes(found: list[Extra | Miss]) -> list[str]:
    """The codes of what was not to be had."""
    return [each.error.code for each in found if isinstance(each, Miss)]


def test_what_the_api_lists_is_found_by_digest(repository: Repository, find: Any) -> None:
    """An SBOM and a signature, each an image of its own to keep, and what they are about."""
    image = repository.image("app:1", b"x")
    one, two = repository.about(image, b"sbom"), repository.about(image, b"sig", kind=SIGNATURE)
    found = find(image)
    assert extras(found) == [(f"@{one.digest}", image.digest), (f"@{two.digest}", image.digest)]
    assert [str(each.tree.leaves[0].digest) for each in found] == [one.digest, two.digest]
    assert not any(line.startswith("GET") and "sha256:" not in line for line in repository.asked)


def test_without_the_api_the_tag_that_stands_in_for_it_is_read(repository: Repository, find: Any) -> None:
    """What it lists is found, and so is the list itself, by its tag, so that the next run need not get it."""
    image = repository.image("app:1", b"x")
    sbom = repository.about(image, b"sbom")
    index = repository.fall_back(image)
    found = find(image)
    tag = ":" + image.digest.replace(":", "-")
    assert extras(found) == [(f"@{sbom.digest}", image.digest), (tag, image.digest)]
    tree = found[1].tree
    assert str(tree.root.descriptor.digest) == index.digest
    assert [str(leaf.digest) for leaf in tree.leaves] == [sbom.digest]


def test_where_the_api_answers_the_tag_is_not_asked_for(repository: Repository, find: Any) -> None:
    """A registry that has the API keeps no list at the tag."""
    image = repository.image("app:1", b"x")
    assert find(image) == []
    tag = image.digest.replace(":", "-")
    assert repository.asked == [
        f"LIST {image.digest}",
        *(f"HEAD {tag}.{each}" for each in ("sig", "att", "sbom")),
    ]


def test_cosign_s_tags_are_found(repository: Repository, find: Any) -> None:
    """Signatures, attestations and SBOMs at the tags that cosign gives them."""
    image = repository.image("app:1", b"x")
    for suffix in (".sig", ".att", ".sbom"):
        repository.cosign(image, suffix, suffix.encode())
    tag = image.digest.replace(":", "-")
    assert extras(find(image)) == [(f":{tag}{each}", image.digest) for each in (".sig", ".att", ".sbom")]


def test_what_refers_to_a_referrer_is_found_one_level_deep(repository: Repository, find: Any) -> None:
    """The signature of an SBOM is found, and what refers to that signature is not looked for."""
    image = repository.image("app:1", b"x")
    sbom = repository.about(image, b"sbom")
    signature = repository.about(sbom, b"sig", kind=SIGNATURE)
    third = repository.about(signature, b"third")
    assert extras(find(image)) == [(f"@{sbom.digest}", image.digest), (f"@{signature.digest}", sbom.digest)]
    assert not any(signature.digest in line for line in repository.asked if line.startswith("LIST"))
    assert not any(third.digest in line for line in repository.asked)


def test_a_signed_cosign_sbom_is_followed_and_a_signature_is_not(repository: Repository, find: Any) -> None:
    """Nobody signs signatures: asking for those of each would double the requests."""
    image = repository.image("app:1", b"x")
    sbom, signature = repository.cosign(image, ".sbom", b"sbom"), repository.cosign(image, ".sig", b"sig")
    signed = repository.cosign(sbom, ".sig", b"sig of sbom")
    found = find(image)
    assert [str(each.tree.root.descriptor.digest) for each in found] == [
        signature.digest,
        sbom.digest,
        signed.digest,
    ]
    assert not any(signature.digest.replace(":", "-") in line for line in repository.asked)


def test_each_artifact_is_found_once(repository: Repository, find: Any) -> None:
    """An image and its platform may both be listed with the same artifact, and an artifact with itself."""
    image = repository.image("app:1", b"x")
    sbom = repository.about(image, b"sbom")
    repository.listed[image.digest] *= 2
    repository.listed[sbom.digest] = [sbom]
    assert extras(find(image, image)) == [(f"@{sbom.digest}", image.digest)]


def test_an_artifact_that_is_gone_is_a_miss_beside_the_others(repository: Repository, find: Any) -> None:
    """One that is listed and not there does not cost those that are."""
    image = repository.image("app:1", b"x")
    lost, sbom = repository.about(image, b"lost"), repository.about(image, b"sbom")
    del repository.contents[lost.digest]
    found = find(image)
    assert extras(found) == [(f"@{sbom.digest}", image.digest)]
    assert codes(found) == ["registry.unknown"]


def test_what_is_about_something_else_is_a_miss(repository: Repository, find: Any) -> None:
    """A list is no proof: the artifact itself must say what it is about."""
    image, other = repository.image("app:1", b"x"), repository.image("app:2", b"y")
    repository.listed[image.digest] = [repository.about(other, b"sbom"), other]
    found = find(image)
    assert (extras(found), codes(found)) == ([], ["document.invalid", "document.invalid"])


def test_a_list_that_is_none_is_a_miss(repository: Repository, find: Any) -> None:
    """A manifest at the tag that should list: told, and cosign's tags are looked at all the same."""
    image = repository.image("app:1", b"x")
    repository.api = False
    tag = image.digest.replace(":", "-")
    repository.artifact(f"app:{tag}", b"x", SPDX)
    repository.cosign(image, ".sig", b"sig")
    found = find(image)
    assert (extras(found), codes(found)) == ([(f":{tag}.sig", image.digest)], ["document.invalid"])


def test_an_api_that_answers_nonsense_does_not_hide_the_tags(repository: Repository, find: Any) -> None:
    """A refusal of one way to ask is a miss; the other ways are gone."""
    image = repository.image("app:1", b"x")
    repository.cosign(image, ".sig", b"sig")
    repository.errors[image.digest] = StatusRefused("HTTP 418")
    found = find(image)
    assert (len(extras(found)), codes(found)) == (1, ["fetch.status"])


def test_a_tag_that_is_refused_is_not_there(repository: Repository, find: Any) -> None:
    """A page that is no registry's error document, say, for a tag that most images do not have: no failure."""
    image = repository.image("app:1", b"x")
    repository.errors[image.digest.replace(":", "-") + ".att"] = StatusRefused("HTTP 404 Not Found")
    assert find(image) == []


def test_a_registry_that_is_silent_is_asked_no_more(repository: Repository, find: Any) -> None:
    """One miss for the image, not one for each tag that might be there."""
    image = repository.image("app:1", b"x")
    repository.errors[image.digest] = HostUnreachable("nobody there")
    found = find(image, repository.image("app:2", b"y"))
    assert codes(found) == ["fetch.unreachable"]
    assert len(repository.asked) == 1


def test_an_image_has_a_bounded_number_of_artifacts(repository: Repository, find: Any) -> None:
    """After a hundred the search ends, and says so."""
    image = repository.image("app:1", b"x")
    for number in range(105):
        repository.about(image, str(number).encode())
    found = find(image)
    assert (len(extras(found)), codes(found)) == (100, ["registry.manifest"])
    assert len([line for line in repository.asked if line.startswith("GET")]) <= 101


def test_what_an_index_of_artifacts_has_counts(repository: Repository, find: Any) -> None:
    """Three that refer to the image, of 40 artifacts each: two are kept, and the list of them does not count."""
    image = repository.image("app:1", b"x")
    for number in range(3):
        parts = [repository.artifact("app", f"{number}/{part}".encode(), SPDX) for part in range(40)]
        made = repository.manifest(
            "app",
            {
                "mediaType": OCI_INDEX,
                "subject": image.descriptor,
                "manifests": [each.descriptor for each in parts],
            },
        )
        repository.listed.setdefault(image.digest, []).append(made)
    found = find(image)
    assert (len(extras(found)), codes(found)) == (2, ["registry.manifest"])
    repository.listed[image.digest].pop()
    repository.fall_back(image)
    found = find(image)
    assert (len(extras(found)), codes(found)) == (3, [])


def test_their_manifests_have_a_bounded_size(repository: Repository, find: Any) -> None:
    """Nine of almost 4 MiB are more than what is held of one image."""
    image = repository.image("app:1", b"x")
    for number in range(9):
        repository.about(image, str(number).encode(), annotations={"padding": "x" * (4_000_000)})
    found = find(image)
    assert len(extras(found)) == 8
    assert codes(found) == ["registry.manifest"]


def test_a_long_digest_is_shortened_as_the_specification_says(repository: Repository, find: Any) -> None:
    """Of a sha512, 64 characters go into the tag that lists; with cosign's endings it would be too long for a tag."""
    subject = Made(OCI_MANIFEST, "sha512:" + "0123456789abcdef" * 8, 1)
    repository.api = False
    assert find(subject) == []
    assert repository.asked == [f"LIST {subject.digest}", "HEAD sha512-" + "0123456789abcdef" * 4]


def test_an_index_may_refer_too(repository: Repository, find: Any) -> None:
    """Since OCI 1.1 an index has a subject as well; what it lists is part of it."""
    image, part = repository.image("app:1", b"x"), repository.artifact("app", b"part", SPDX)
    index = repository.manifest(
        "app",
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "subject": image.descriptor,
            "manifests": [part.descriptor],
        },
    )
    repository.listed[image.digest] = [index]
    repository.fall_back(image)
    by_digest, by_tag = find(image)
    assert [str(leaf.digest) for leaf in by_digest.tree.leaves] == [part.digest]
    assert [str(each.descriptor.digest) for each in by_tag.tree.indexes][:1] == [index.digest]


def test_the_subjects_of_an_image_are_its_root_and_manifests(repository: Repository, find: Any) -> None:
    """The index and each platform's manifest may be signed; attestations within it are no subjects."""
    amd = repository.image("app", b"amd")
    proof = repository.artifact(
        "app", b"statement", "application/vnd.in-toto+json", config=(b"{}", OCI_EMPTY)
    )
    said = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd.digest}
    index = repository.manifest(
        "app:1",
        {
            "mediaType": OCI_INDEX,
            "manifests": [
                {**amd.descriptor, "platform": {"os": "linux", "architecture": "amd64"}},
                {**proof.descriptor, "annotations": said},
            ],
        },
    )
    root = repository.get_manifest(index.digest)

    class Reader:
        def manifest(self, descriptor: Descriptor) -> Document:
            return repository.get_manifest(str(descriptor.digest))

        def config(self, descriptor: Descriptor) -> bytes:
            raise AssertionError

    tree = walk(root, Reader(), (Platform("linux", "amd64"),))
    assert len(tree.leaves) == 2
    assert [str(each) for each in subjects_of(tree)] == [index.digest, amd.digest]
