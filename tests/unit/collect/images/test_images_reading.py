"""Manifests and configs, read from the store where they are here, else from a repository."""

from __future__ import annotations

import gc
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect.images.reading import ManifestReader, Memo
from archiver.collect.images.registry import Document, parsed
from archiver.collect.images.repository import Resolved
from archiver.core.descriptor import OCI_INDEX, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import HostUnreachable, ManifestUnknown, SizeMismatch
from archiver.core.reference import Reference
from archiver.store.blobs import BlobStore

if TYPE_CHECKING:
    from pathlib import Path

NAME = "registry.example.org/app"


class Repository:
    """A repository in memory, with a note of what it was asked."""

    name = NAME

    def __init__(self) -> None:
        self.contents: dict[str, Document] = {}
        self.tags: dict[str, Document] = {}
        self.asked: list[str] = []
        self.heads = True

    def put(self, tag: str, **more: Any) -> Document:
        """Keep an index."""
        data = json.dumps({"mediaType": OCI_INDEX, "manifests": [], **more}).encode()
        document = parsed(data, Digest.of(data), OCI_INDEX, tag)
        self.tags[tag] = self.contents[str(document.descriptor.digest)] = document
        return document

    def resolve(self, tag: str, *, final: bool = False) -> Resolved:
        """Tell what a tag means, as the second of two places."""
        self.asked.append(f"HEAD {tag}")
        if tag not in self.tags:
            raise ManifestUnknown("no such tag")
        return Resolved(self.tags[tag].descriptor if self.heads else None, "mirror.example.org")

    def find(self, tag: str) -> Resolved | None:
        """Tell what a tag means that need not be there."""
        try:
            return self.resolve(tag)
        except ManifestUnknown:
            return None

    def get_manifest(
        self, selector: str, expected: Descriptor | None = None, *, final: bool = False
    ) -> Document:
        """Give a manifest."""
        self.asked.append(f"GET {selector}")
        found = (self.contents | self.tags).get(selector)
        if found is None:
            raise ManifestUnknown("no such manifest")
        return Document(found.descriptor, found.data, found.manifest, "registry.example.org")


@pytest.fixture
def repository() -> Repository:
    """An empty repository."""
    return Repository()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    """An empty store."""
    return BlobStore(tmp_path)


def reader_of(repository: Repository, store: BlobStore, **more: Any) -> ManifestReader:
    """A reader."""
    settings: dict[str, Any] = {
        "known": {},
        "memo": Memo(),
        "fetch_config": lambda _: b"fetched",
        "came": lambda _: None,
        **more,
    }
    return ManifestReader(repository, store, **settings)  # type: ignore[arg-type]  # stands in for the real one


def test_a_tag_is_resolved_and_its_manifest_got(repository: Repository, store: BlobStore) -> None:
    """HEAD says the digest, GET by digest brings it; the place is the one that told what the tag means."""
    made, came = repository.put("1"), []
    reader = reader_of(repository, store, came=came.append)
    root = reader.root(Reference.parse(f"{NAME}:1"))
    assert (root.descriptor, root.location) == (made.descriptor, "mirror.example.org")
    assert repository.asked == ["HEAD 1", f"GET {made.descriptor.digest}"]
    assert [each.descriptor for each in came] == [made.descriptor]


def test_what_is_here_is_not_got(repository: Repository, store: BlobStore) -> None:
    """The store's copy is read, and nobody is told of bytes."""
    made, came = repository.put("1"), []
    store.put(made.data)
    reader = reader_of(repository, store, came=came.append)
    assert reader.root(Reference.parse(f"{NAME}:1")).descriptor == made.descriptor
    assert (repository.asked, came) == (["HEAD 1"], [])


def test_damage_here_is_not_believed(repository: Repository, store: BlobStore) -> None:
    """Bytes of the right length under the right name that hash to something else are got anew."""
    made = repository.put("1")
    store.put(made.data)
    store.path(made.descriptor.digest).write_bytes(b" " * len(made.data))
    assert reader_of(repository, store).root(Reference.parse(f"{NAME}:1")).data == made.data
    assert len(repository.asked) == 2


def test_a_tag_that_need_not_be_there(repository: Repository, store: BlobStore) -> None:
    """Found like any other; where it is not there, that is no failure."""
    made = repository.put("1")
    reader = reader_of(repository, store)
    found = reader.find("1")
    assert found is not None
    assert (found.descriptor, found.location) == (made.descriptor, "mirror.example.org")
    assert reader.find("2") is None


def test_where_head_says_too_little_the_tag_is_got(repository: Repository, store: BlobStore) -> None:
    """The place is then the one that gave the manifest."""
    repository.put("1")
    repository.heads = False
    root = reader_of(repository, store).root(Reference.parse(f"{NAME}:1"))
    assert root.location == "registry.example.org"
    assert repository.asked == ["HEAD 1", "GET 1"]


def test_a_pinned_tag_is_not_resolved(repository: Repository, store: BlobStore) -> None:
    """Whatever upstream says of the tag: the digest given is what it means."""
    old, _ = repository.put("1", annotations={"a": "old"}), repository.put("1")
    root = reader_of(repository, store).root(Reference.parse(f"{NAME}:1"), old.descriptor.digest)
    assert root.descriptor.digest == old.descriptor.digest
    assert repository.asked == [f"GET {old.descriptor.digest}"]


def test_a_digest_that_is_known_and_here_costs_nothing(repository: Repository, store: BlobStore) -> None:
    """The layout's index says what it is, so nobody is asked, and nobody is named as having told."""
    made = repository.put("1")
    store.put(made.data)
    known = {made.descriptor.digest: made.descriptor}
    reference = Reference.parse(f"{NAME}@{made.descriptor.digest}")
    assert reader_of(repository, store, known=known).root(reference).location == ""
    assert repository.asked == []


def test_one_request_serves_all_images_under_way(repository: Repository, store: BlobStore) -> None:
    """Two tags with one digest cost one GET while one of their readers is there; after it, it is forgotten."""
    repository.put("1")
    repository.tags["2"] = repository.tags["1"]
    references, memo = [Reference.parse(f"{NAME}:{tag}") for tag in "12"], Memo()
    readers = [reader_of(repository, store, memo=memo) for _ in references]
    for reader, reference in zip(readers, references):
        reader.root(reference)
    assert [line for line in repository.asked if line.startswith("GET")] == [
        f"GET {repository.tags['1'].descriptor.digest}"
    ]
    del reader
    readers.clear()
    gc.collect()
    repository.asked.clear()
    reader_of(repository, store, memo=memo).root(references[0])
    assert len(repository.asked) == 2


def test_what_another_image_holds_has_the_size_that_is_said(repository: Repository, store: BlobStore) -> None:
    """Of two images that point to one manifest, one may lie about its size, and be the second to ask."""
    made, memo = repository.put("1").descriptor, Memo()
    honest, lying = (reader_of(repository, store, memo=memo) for _ in "12")
    honest.manifest(made)
    with pytest.raises(SizeMismatch):
        lying.manifest(replace(made, size=made.size + 1))
    assert len(repository.asked) == 1


def test_what_another_image_has_stored_meanwhile_is_not_got(
    repository: Repository, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for in the store, then waited for, and by then the other one was done: the store is looked at again."""
    made, memo = repository.put("1"), Memo()
    real = memo.get

    def late(repository: str, selector: str, fetch: Any) -> Document:
        store.put(made.data)
        return real(repository, selector, fetch)

    monkeypatch.setattr(memo, "get", late)
    assert reader_of(repository, store, memo=memo).manifest(made.descriptor).data == made.data
    assert repository.asked == []


def test_who_comes_second_waits_for_the_first(repository: Repository, store: BlobStore) -> None:
    """A manifest that is under way in one thread is not asked for by another."""
    made, memo = repository.put("1"), Memo()
    asked, answer = threading.Event(), threading.Event()
    real = repository.get_manifest

    def slow(selector: str, expected: Descriptor | None = None) -> Document:
        asked.set()
        answer.wait(60)
        return real(selector, expected)

    repository.get_manifest = slow  # type: ignore[method-assign]  # a registry that takes its time
    with ThreadPoolExecutor(2) as pool:
        readers = [reader_of(repository, store, memo=memo) for _ in range(2)]
        first = pool.submit(readers[0].manifest, made.descriptor)
        asked.wait(60)
        second = pool.submit(readers[1].manifest, made.descriptor)
        answer.set()
        assert first.result() is second.result()
    assert len(repository.asked) == 1


def test_a_failure_is_not_remembered(repository: Repository, store: BlobStore) -> None:
    """The next one asks for itself."""
    made, memo = repository.put("1"), Memo()
    reader, real = reader_of(repository, store, memo=memo), repository.get_manifest

    def broken(selector: str, expected: Descriptor | None = None) -> Document:
        raise HostUnreachable("nobody there")

    repository.get_manifest = broken  # type: ignore[method-assign]  # a registry that is down
    with pytest.raises(HostUnreachable):
        reader.manifest(made.descriptor)
    repository.get_manifest = real  # type: ignore[method-assign]
    assert reader.manifest(made.descriptor).data == made.data


def test_configs_are_read_from_the_store_first(repository: Repository, store: BlobStore) -> None:
    """One that is here and right is read; one that is missing, damaged or of another size is fetched."""
    data = b'{"os":"linux"}'
    right = Descriptor("application/json", store.put(data), len(data))
    lying = Descriptor("application/json", right.digest, len(data) + 1)
    reader = reader_of(repository, store)
    assert [reader.config(each) for each in (right, lying)] == [data, b"fetched"]
    store.path(right.digest).write_bytes(b" " * len(data))
    assert reader.config(right) == b"fetched"
    assert repository.asked == []
