"""What deltas need and nobody has, by name."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.errors import DeltaIncomplete
from archiver.offline.bundle import OpenBundle, read_bundle
from archiver.offline.requirements import MOST_NAMED, missing, require_all
from servers.small_archive import EARLIER, IMAGE, SITE, SNAPSHOT, ArchiveBuilder, html

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.digest import Digest

LATEST = "20260302T120000Z"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[tuple[OpenBundle, OpenBundle, OpenBundle]]:
    """A base and two deltas: the first brings an image, a file and a page, the second needs them and has a page more."""
    builder = ArchiveBuilder(tmp_path / "archives")
    builder.page(f"{SITE}/", html("Start", "text"))
    builder.image(IMAGE, ("linux/amd64", "linux/arm64"), shared=b"shared")
    builder.file("https://dl.example.org/old", b"old" * 1000)
    builder.finish(EARLIER)
    paths = [build_bundle(builder.archive, "small", output=tmp_path).path]
    builder.page(f"{SITE}/second", html("Second", "text"))
    builder.image("docker.io/library/small:2", ("linux/amd64",), salt="2", shared=b"shared")
    builder.file("https://dl.example.org/new", b"new" * 1000)
    builder.finish(SNAPSHOT)
    paths.append(build_bundle(builder.archive, "small", output=tmp_path, since=paths[-1]).path)
    builder.page(f"{SITE}/third", html("Third", "text"))
    builder.finish(LATEST)
    paths.append(build_bundle(builder.archive, "small", output=tmp_path, since=paths[-1]).path)
    with ExitStack() as opened:
        base, first, second = [opened.enter_context(read_bundle(path)) for path in paths]
        yield base, first, second


def test_a_chain_lacks_nothing(chain: tuple[OpenBundle, OpenBundle, OpenBundle]) -> None:
    """All together, in any order, have what each of them needs; a full bundle alone needs nothing."""
    base, first, second = chain
    assert not missing([second, base, first])
    assert not missing([base])
    require_all([first, base])


def test_a_delta_alone_lacks_its_base_by_name(chain: tuple[OpenBundle, OpenBundle, OpenBundle]) -> None:
    """Images by reference, files and pages by URL, and the name of the bundle that has them."""
    lacking = missing([chain[1]])
    assert lacking.bases == (f"small-{EARLIER}.tar",)
    # Of the new image only the layer that it shares is missing, so its size is known.
    known, shared = lacking.images
    assert (known.reference, shared.reference) == (IMAGE, "docker.io/library/small:2")
    assert shared.blobs == 1
    assert 0 < shared.size < known.size
    assert [(file.url, file.size) for file in lacking.files] == [("https://dl.example.org/old", 3000)]
    assert [(site.site, site.total, site.urls) for site in lacking.docs] == [("docs", 1, (f"{SITE}/",))]
    assert lacking.summary == "2 images, 1 file, 1 capture"
    assert f"page of docs: {SITE}/" in list(lacking.lines())


def test_a_gap_in_a_chain_is_told(chain: tuple[OpenBundle, OpenBundle, OpenBundle]) -> None:
    """Where the delta in the middle is missing, what it brought is."""
    lacking = missing([chain[0], chain[2]])
    assert lacking.bases == (f"small-{SNAPSHOT}.tar",)
    assert [image.reference for image in lacking.images] == ["docker.io/library/small:2"]
    assert [file.url for file in lacking.files] == ["https://dl.example.org/new"]
    assert lacking.docs[0].urls == (f"{SITE}/second",)


def test_only_the_deltas_asked_for_count(chain: tuple[OpenBundle, OpenBundle, OpenBundle]) -> None:
    """With ``of`` the needs of others are passed over, and what the others have still counts."""
    base, first, second = chain
    assert not missing([base, first], of=[first])
    assert not missing([first, second], of=[])
    assert missing([first, second], of=[second]).files == missing([first]).files


class _Everything:
    """An archive that the base was loaded into."""

    def has_blob(self, _: Digest) -> bool:
        return True

    def has_record(self, _: str) -> bool:
        return True


def test_what_is_there_beside_the_bundles_counts(chain: tuple[OpenBundle, OpenBundle, OpenBundle]) -> None:
    """A folder that has the base makes it needless."""
    assert not missing([chain[1]], _Everything())
    require_all([chain[2]], _Everything())


def test_what_is_missing_is_an_error_with_names(chain: tuple[OpenBundle, OpenBundle, OpenBundle]) -> None:
    """Who needs all of it is told what is missing and which bundle to give as well."""
    with pytest.raises(DeltaIncomplete) as refused:
        require_all([chain[1]])
    assert refused.value.code == "bundle.delta"
    assert IMAGE in refused.value.message
    assert f"small-{EARLIER}.tar" in str(refused.value.hint)


def test_many_pages_are_counted_and_some_named(tmp_path: Path) -> None:
    """Of a large site the first URLs are named, and the others counted: in lines, in the error, and in all."""
    builder = ArchiveBuilder(tmp_path / "archives")
    for number in range(MOST_NAMED + 7):
        builder.page(f"{SITE}/{number:03}", html(f"Page {number}", "text"))
    builder.finish(EARLIER)
    base = build_bundle(builder.archive, "small", output=tmp_path).path
    builder.finish(SNAPSHOT)
    with read_bundle(build_bundle(builder.archive, "small", output=tmp_path, since=base).path) as delta:
        lacking = missing([delta])
        assert lacking.docs[0].total == MOST_NAMED + 7
        assert len(lacking.docs[0].urls) == MOST_NAMED
        assert list(lacking.lines())[-1] == "pages of docs: and 7 more"
        assert missing([delta, delta]).docs == lacking.docs  # each page once, however many updates need it
        with pytest.raises(DeltaIncomplete) as refused:
            require_all([delta])
        assert len(refused.value.message) < 2000
