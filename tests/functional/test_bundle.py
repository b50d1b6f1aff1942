"""``archiver bundle PROJECT``: what it makes, what it says, and the exit code for each way to fail."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from archiver.core.digest import Digest
from servers.console import Console
from servers.small_archive import SINGLE, SNAPSHOT, ArchiveBuilder, small_archive

if TYPE_CHECKING:
    from pathlib import Path

NAME = f"small-{SNAPSHOT}.tar"


@pytest.fixture
def builder(console: Console) -> ArchiveBuilder:
    """The small archive, where the program looks for one."""
    return small_archive(console.folder / "archives")


def test_a_bundle_is_made_in_the_current_folder(console: Console, builder: ArchiveBuilder) -> None:
    """Without options the good snapshot is packed here; the report says what is in it and what to do next."""
    outcome = console.succeed("bundle", "small")
    path = console.folder / NAME
    assert path.is_file()
    assert NAME in outcome.out
    assert "7 captures, 3 images, 1 file\n" in outcome.out
    assert f"archiver verify {NAME}" in outcome.out
    assert "Traceback" not in outcome.said


def test_json_is_one_document_and_says_the_truth(console: Console, builder: ArchiveBuilder) -> None:
    """--json prints size, counts and the digest of SHA256SUMS, which vouches for all the rest, and nothing else."""
    report = console.succeed("bundle", "small", "-o", "out.tar", "--json").json
    path = console.folder / "out.tar"
    assert report["path"].endswith("out.tar")
    assert report["size"] == path.stat().st_size
    with tarfile.open(path) as tar, tar.extractfile("SHA256SUMS") as sums:  # type: ignore[union-attr]
        assert report["sums"] == str(Digest.of(sums.read()))
    assert (report["captures"], report["images"], report["files"]) == (7, 3, 1)


def test_a_folder_as_output_gets_the_usual_name(console: Console, builder: ArchiveBuilder) -> None:
    """-o FOLDER makes PROJECT-SNAPSHOT.tar in it."""
    (console.folder / "stick").mkdir()
    console.succeed("bundle", "small", "--output", "stick")
    assert (console.folder / "stick" / NAME).is_file()


def test_a_new_folder_as_output_is_made(console: Console, builder: ArchiveBuilder) -> None:
    """-o with a final slash means a folder, also one that is not there yet."""
    console.succeed("bundle", "small", "-o", "new/stick/")
    assert (console.folder / "new" / "stick" / NAME).is_file()


def test_two_processes_make_the_same_bytes(console: Console, builder: ArchiveBuilder, tmp_path: Path) -> None:
    """Other folder, other hash seed, other time zone, an archive made anew: the same file."""
    console.succeed("bundle", "small")
    other = Console(tmp_path / "other", PYTHONHASHSEED="7", TZ="Pacific/Auckland")
    small_archive(tmp_path / "other" / "archives")
    other.succeed("bundle", "small", "-o", "renamed.tar")
    assert (other.folder / "renamed.tar").read_bytes() == (console.folder / NAME).read_bytes()


def test_a_platform_leaves_out_what_has_nothing_for_it(console: Console, builder: ArchiveBuilder) -> None:
    """--platform names the images that are left out, and still ends with 0."""
    outcome = console.succeed("bundle", "small", "--platform", "linux/arm64")
    assert SINGLE in outcome.err
    assert "1 image left out: not archived for linux/arm64" in outcome.out
    assert "of the archiving run" not in outcome.out
    assert "7 captures, 2 images, 1 file\n" in outcome.out
    console.succeed("verify", NAME)


def test_a_platform_that_nothing_is_archived_for_makes_no_bundle(
    console: Console, builder: ArchiveBuilder
) -> None:
    """A misspelt platform is a usage error that names those that there are, also beside one that is right."""
    for more in ((), ("--platform", "linux/arm64")):
        outcome = console.run("bundle", "small", "--platform", "linux/amd46", *more)
        assert outcome.code == 2, outcome.said
        assert "no image of small is archived for linux/amd46" in outcome.err
        assert "archived are: linux/amd64, linux/arm64" in outcome.err
    assert not list(console.folder.glob("*.tar"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("bundle", "unknown"), 2, "unknown"),
        (("bundle", "small", "--snapshot", "20200101T000000Z"), 2, SNAPSHOT),
        (("bundle", "small", "--platform", "amd64"), 2, "linux/amd64"),
        (("bundle", "Not A Name"), 2, "Not A Name"),
    ],
)
def test_what_cannot_be_packed_is_a_usage_error(
    console: Console, builder: ArchiveBuilder, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """Unknown projects, snapshots and platforms end with 2 and say what there is; no file appears."""
    outcome = console.run(*arguments)
    assert outcome.code == code, outcome.said
    assert said in outcome.err
    assert not list(console.folder.glob("*.tar"))


def test_a_damaged_web_page_makes_no_bundle(console: Console, builder: ArchiveBuilder) -> None:
    """A bit that the disk lost in a WARC record: the record and its file are named, and nothing is made."""
    path = max(builder.paths.warc.iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    outcome = console.run("bundle", "small")
    assert outcome.code not in (0, 1), outcome.said
    assert "<urn:uuid:" in outcome.err
    assert path.name in outcome.err
    assert not [entry for entry in console.folder.iterdir() if ".tar" in entry.name or ".tmp" in entry.name]


def test_a_damaged_archive_makes_no_bundle(console: Console, builder: ArchiveBuilder) -> None:
    """A corrupt blob is named by digest, the exit code is not 0, and nothing stands under the bundle's name."""
    digest = builder.files[0].digest
    path = builder.layout.blobs.path(Digest.parse(digest))
    path.write_bytes(b"X" + path.read_bytes()[1:])
    outcome = console.run("bundle", "small")
    assert outcome.code not in (0, 1), outcome.said
    assert digest in outcome.err
    assert not [entry for entry in console.folder.iterdir() if ".tar" in entry.name or ".tmp" in entry.name]
