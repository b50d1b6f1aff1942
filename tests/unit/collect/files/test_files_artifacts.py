"""The artifacts of downloaded files, and what of them is here."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from archiver.collect.files.answer import Answer
from archiver.collect.files.artifacts import Artifacts
from archiver.collect.files.kept import kept_files
from archiver.core.descriptor import OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument
from archiver.store.fileartifact import CONFIG_TYPE, EMPTY, FILE_TYPE, Provenance, StoredFile
from archiver.store.images import ImageLayout

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://dl.example.org/kk.tgz"
ANSWER = Answer(
    URL, "https://cdn.example.org/1", "kk.tgz", "application/gzip", '"v1"', "", (("Server", "x"),)
)
CONTENT = b"\x1f\x8b\x08content"


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    """An empty layout."""
    return ImageLayout(tmp_path / "images")


def artifacts(layout: ImageLayout) -> Artifacts:
    """Open what a layout has of the URL."""
    return Artifacts(layout, {URL}, ())


def enter_old(layout: ImageLayout, content: bytes = CONTENT) -> StoredFile:
    """Make an artifact as earlier versions did: without provenance."""
    layout.blobs.put(b"{}")
    file = StoredFile(URL, "kk.tgz", layout.blobs.put(content), len(content), "application/gzip", '"v1"')
    data = file.to_manifest()
    layout.point([("", Descriptor(OCI_MANIFEST, layout.blobs.put(data), len(data), artifact_type=FILE_TYPE))])
    return file


def test_a_file_s_artifact_tells_where_it_is_from(layout: ImageLayout) -> None:
    """Its config has the URL, where that led, name, time and headers; all its blobs are here, and the index has it."""
    kept = artifacts(layout).keep(layout.blobs.put(CONTENT), len(CONTENT), ANSWER)
    assert [entry.digest for entry in layout.entries()] == [kept.manifest]
    manifest = json.loads(layout.blobs.read(kept.manifest, 1 << 20))
    assert manifest["config"]["mediaType"] == CONFIG_TYPE
    config = layout.blobs.read(Digest.parse(manifest["config"]["digest"]), 1 << 20)
    assert json.loads(config) == {
        "url": URL,
        "location": "https://cdn.example.org/1",
        "name": "kk.tgz",
        "fetched": kept.fetched,
        "headers": [["Server", "x"]],
    }
    assert Provenance.from_json(config, what="c") == ANSWER.provenance(kept.fetched)
    assert artifacts(layout).of(URL) == (kept,)


def test_the_same_again_keeps_its_artifact(layout: ImageLayout) -> None:
    """Same content, same validators: nothing is written, whatever the other headers say; else a new one is made."""
    first = artifacts(layout).keep(layout.blobs.put(CONTENT), len(CONTENT), ANSWER)
    again = replace(ANSWER, headers=(("Server", "y"),), location="")
    assert artifacts(layout).keep(first.file.digest, len(CONTENT), again) == first
    other = artifacts(layout).keep(first.file.digest, len(CONTENT), replace(ANSWER, etag='"v2"'))
    assert other.manifest != first.manifest
    assert len(layout.entries()) == 2


def test_an_artifact_of_earlier_versions_is_read(layout: ImageLayout) -> None:
    """The empty config says no time: that of the last snapshot counts, else that of the file; and it stays the one."""
    file = enter_old(layout)
    entry = layout.entries()[0]
    os.utime(layout.blobs.path(entry.digest), (1_793_491_200, 1_793_491_200))
    kept = artifacts(layout).of(URL)[0]
    assert (kept.file, kept.file.config, kept.fetched) == (file, EMPTY, "2026-11-01T00:00:00Z")
    result = replace(kept.result("dl.example.org/kk.tgz"), fetched="2026-10-01T00:00:00Z")
    assert (
        kept_files(layout.blobs, layout.entries(), {URL}, [result])[URL][0].fetched == "2026-10-01T00:00:00Z"
    )
    assert artifacts(layout).keep(file.digest, file.size, ANSWER).manifest == entry.digest


def test_what_the_last_snapshot_has_is_compared_with_first(layout: ImageLayout) -> None:
    """Then the newest: a project asks whether its own copy has changed."""
    old = enter_old(layout, b"\x1f\x8b\x08old")
    entry = layout.entries()[0]
    os.utime(layout.blobs.path(entry.digest), (1_000_000_000, 1_000_000_000))
    new = artifacts(layout).keep(layout.blobs.put(CONTENT), len(CONTENT), replace(ANSWER, etag='"v2"'))
    assert [each.file.digest for each in artifacts(layout).of(URL)] == [new.file.digest, old.digest]
    last = artifacts(layout).of(URL)[1].result("dl.example.org/kk.tgz")
    kept = kept_files(layout.blobs, layout.entries(), {URL}, [last])[URL]
    assert [each.file.digest for each in kept] == [old.digest, new.file.digest]


def test_what_is_damaged_is_not_here(layout: ImageLayout) -> None:
    """A manifest, config or content that is missing, cut or of another kind: then the file is fetched anew."""
    kept = artifacts(layout).keep(layout.blobs.put(CONTENT), len(CONTENT), ANSWER)
    for digest in (kept.file.digest, kept.file.config.digest, kept.manifest):
        path = layout.blobs.path(digest)
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        assert artifacts(layout).of(URL) == ()
        path.write_bytes(whole)
        assert artifacts(layout).of(URL) == (kept,)
    assert kept_files(layout.blobs, layout.entries(), {"https://other.invalid/"}) == {}


@pytest.mark.parametrize(
    "document",
    [
        b"{}",
        b"[]",
        b'{"url": "u", "location": "", "name": "n", "fetched": "yesterday", "headers": []}',
        b'{"url": "u", "location": "", "name": "n", "fetched": "2026-11-01T00:00:00Z", "headers": [["a"]]}',
        b'{"url": "u", "location": "", "name": "n", "fetched": "2026-11-01T00:00:00Z", "headers": 5}',
        b'{"url": 5, "location": "", "name": "n", "fetched": "2026-11-01T00:00:00Z", "headers": []}',
    ],
)
def test_a_malformed_config_is_refused(document: bytes) -> None:
    """Members that are missing or of the wrong type, and times that are none."""
    with pytest.raises(InvalidDocument):
        Provenance.from_json(document, what="c")


def test_several_threads_enter_what_they_got(layout: ImageLayout) -> None:
    """Whoever returns has its artifact in the index, also where the index is rewritten for several together."""
    shared = Artifacts(layout, (), ())

    def keep(number: int) -> bool:
        data = CONTENT + bytes([number])
        kept = shared.keep(layout.blobs.put(data), len(data), replace(ANSWER, url=f"{URL}?{number}"))
        return kept.manifest in {entry.digest for entry in layout.entries()}

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(keep, range(40)))
    assert len(layout.entries()) == 40
