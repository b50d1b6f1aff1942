"""Unpacking bundles: what is written where, what is never touched, and what is said of what cannot be."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.core.errors import (
    BundleDamaged,
    DigestMismatch,
    FileInTheWay,
    NameUnusable,
    NotABundle,
    StorageFull,
    UsageError,
)
from archiver.offline import extract
from archiver.offline.bundle import read_bundle
from archiver.offline.commands import run_reader
from archiver.offline.extract import Extracted, extract_bundle, select
from servers.handmade_bundle import Bundle

TOOL = "files/dl.example.org/tool.bin"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A sound bundle."""
    path = tmp_path / "bundle.tar"
    path.write_bytes(Bundle().pack())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where it goes."""
    return tmp_path / "out"


def extract_from(path: Path, folder: Path, names: Sequence[str] = ()) -> Extracted:
    """Open a bundle and extract from it."""
    with read_bundle(path) as opened:
        return extract_bundle(opened, folder, names)


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, by their names in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_everything_is_extracted_and_passes_the_standard_check(bundle: Path, folder: Path) -> None:
    """All members become files of mode 0644, and ``sha256sum -c SHA256SUMS`` is content with them."""
    before = os.umask(0o077)
    try:
        done = extract_from(bundle, folder)
    finally:
        os.umask(before)
    assert not done.failed
    assert set(done.written) == set(tree(folder))
    assert done.size == sum(map(len, tree(folder).values()))
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o644}
    subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)


def test_it_is_what_tar_unpacks(bundle: Path, folder: Path, tmp_path: Path) -> None:
    """tar, which everybody has, gives the same files."""
    extract_from(bundle, folder)
    (tmp_path / "other").mkdir()
    subprocess.run(["tar", "xf", bundle, "-C", tmp_path / "other"], check=True)
    assert tree(folder) == tree(tmp_path / "other")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["docs"], ["docs/a.wacz", "docs/search.sqlite"]),
        (["images/", "README.txt"], ["README.txt", "images/images.tar"]),
        (["files/*.bin"], ["files/h/sub/x.bin"]),
        (["docs/*.wacz"], ["docs/a.wacz"]),
        (["f*/h"], ["files/h/sub/x.bin"]),
        ([], ["README.txt", "docs/a.wacz", "docs/search.sqlite", "images/images.tar", "files/h/sub/x.bin"]),
    ],
)
def test_names_choose_members(names: list[str], expected: list[str]) -> None:
    """A name is a member's, a folder's, or a pattern of either; the order is the bundle's."""
    members = ["README.txt", "docs/a.wacz", "docs/search.sqlite", "images/images.tar", "files/h/sub/x.bin"]
    assert select(members, names) == expected


def test_a_name_that_means_nothing_is_refused(bundle: Path, folder: Path) -> None:
    """A misspelt name is told with what there is, and nothing is written, not even for the good names."""
    with pytest.raises(UsageError, match="imagse") as caught:
        extract_from(bundle, folder, ["docs", "imagse"])
    assert "images" in str(caught.value.hint)
    assert not folder.exists()


def test_only_what_was_named_is_written(bundle: Path, folder: Path) -> None:
    """Parts can be had alone."""
    extract_from(bundle, folder, ["files"])
    assert set(tree(folder)) == {TOOL}


def test_a_second_run_completes_the_first(bundle: Path, folder: Path) -> None:
    """What is there and right is left as it is, and what is missing is added."""
    extract_from(bundle, folder)
    (folder / TOOL).unlink()
    kept = (folder / "README.txt").stat()
    done = extract_from(bundle, folder)
    assert done.written == (TOOL,)
    assert "README.txt" in done.present
    now = (folder / "README.txt").stat()
    assert (now.st_ino, now.st_mtime_ns) == (kept.st_ino, kept.st_mtime_ns)


@pytest.mark.parametrize("content", [b"mine", b"TOOL" * 200])
def test_no_other_file_is_overwritten(bundle: Path, folder: Path, content: bytes) -> None:
    """Another file of a member's name, of another length or the same, ends the run before anything is written."""
    (folder / TOOL).parent.mkdir(parents=True)
    (folder / TOOL).write_bytes(content)
    (folder / "README.txt").write_bytes(b"my own notes")
    with pytest.raises(FileInTheWay) as caught:
        extract_from(bundle, folder)
    assert [Path(str(error.place)).name for error in (caught.value, *caught.value.more)] == [
        "README.txt",
        "tool.bin",
    ]
    assert tree(folder) == {TOOL: content, "README.txt": b"my own notes"}


@pytest.mark.parametrize("name", ["files", "files/dl.example.org", TOOL, "README.txt"])
@pytest.mark.parametrize("dangling", [True, False])
def test_no_symbolic_link_is_followed(
    bundle: Path, folder: Path, tmp_path: Path, name: str, dangling: bool
) -> None:
    """A link on the way or in a file's place ends the run, wherever it leads; nothing appears behind it."""
    outside = tmp_path / "outside"
    if not dangling:
        outside.mkdir()
        if name in (TOOL, "README.txt"):
            outside = outside / "file"
            outside.write_bytes(Bundle().members[name])
    (folder / name).parent.mkdir(parents=True)
    (folder / name).symlink_to(outside)
    before = tree(tmp_path)
    with pytest.raises(FileInTheWay, match="a symbolic link is where"):
        extract_from(bundle, folder)
    assert tree(tmp_path) == before
    assert (folder / name).is_symlink()


def test_folders_and_files_in_the_way_are_told(bundle: Path, folder: Path) -> None:
    """A file where a folder is to be, a folder or pipe where a file is to be: each is named, and stays."""
    folder.mkdir()
    (folder / "files").write_bytes(b"")
    (folder / "README.txt").mkdir()
    os.mkfifo(folder / "README.html")
    with pytest.raises(FileInTheWay) as caught:
        extract_from(bundle, folder)
    told = "\n".join(str(error) for error in (caught.value, *caught.value.more))
    assert "a special file is where a file is to be" in told
    assert "a folder is where a file is to be" in told
    assert "a file is where a folder is to be" in told


def test_the_target_must_be_a_folder(bundle: Path, folder: Path) -> None:
    """A file of the folder's name is not taken for one."""
    folder.write_bytes(b"x")
    with pytest.raises(FileInTheWay, match="not a folder"):
        extract_from(bundle, folder)


def test_a_link_to_the_target_is_the_users_own(bundle: Path, folder: Path, tmp_path: Path) -> None:
    """The folder that the user names may be a link: that way is the user's choice, not the bundle's."""
    (tmp_path / "disk").mkdir()
    folder.symlink_to(tmp_path / "disk")
    assert not extract_from(bundle, folder).failed
    assert (tmp_path / "disk" / TOOL).is_file()


def test_a_damaged_member_gets_no_name(bundle: Path, folder: Path) -> None:
    """One wrong byte in a member: it is told and left out, without a trace, and the others are extracted."""
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b"tool" * 200, b"tool" * 199 + b"t00l"))
    done = extract_from(bundle, folder)
    (error,) = done.failed
    assert isinstance(error, DigestMismatch)
    assert error.place == TOOL
    assert not any((folder / "files/dl.example.org").iterdir())
    assert (folder / "README.txt").is_file()
    assert run_reader(["extract", str(bundle), str(folder)]) == 5
    assert run_reader(["extract", str(bundle), str(folder), "docs"]) == 0


def test_a_damaged_structure_is_refused(bundle: Path, folder: Path) -> None:
    """Where headers and lists contradict each other nothing is believed, and nothing written."""
    data = bytearray(bundle.read_bytes())
    data[0x7C] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(BundleDamaged):
        extract_from(bundle, folder)
    bundle.write_bytes(b"no bundle")
    with pytest.raises(NotABundle):
        extract_from(bundle, folder)
    assert not folder.exists()


def test_a_signature_that_is_none_is_refused(tmp_path: Path, folder: Path) -> None:
    """No list has the signature's digest, so its form is checked before it is written down."""
    path = tmp_path / "signed.tar"
    path.write_bytes(Bundle().pack(last=lambda members: members.append(("SHA256SUMS.sig", b"x" * 100_000))))
    with pytest.raises(BundleDamaged, match="not the armour"):
        extract_from(path, folder)
    assert not folder.exists()


def test_names_that_this_system_cannot_have_are_told(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, members with names of devices or streams are left out and told; the others are there."""
    monkeypatch.setattr(extract, "_ON_WINDOWS", True)
    made = Bundle()
    names = ["files/h/aux.txt", "files/h/plain.txt", "files/h/x:y"]
    for name in names:
        made.members[name] = b"content"
        entry = {"url": "https://h/", "path": name, "size": 7, "media_type": ""}
        digest = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
        made.document["files"].append({**entry, "digest": digest})
    path = tmp_path / "bundle.tar"
    path.write_bytes(made.pack())
    done = extract_from(path, folder)
    assert [error.place for error in done.failed] == [names[0], names[2]]
    assert all(isinstance(error, NameUnusable) for error in done.failed)
    assert sorted(path.name for path in (folder / "files/h").iterdir()) == ["plain.txt"]
    assert run_reader(["extract", str(path), str(folder)]) == 7


def test_names_too_long_for_the_file_system_are_told(tmp_path: Path, folder: Path) -> None:
    """A part of a name longer than file systems allow is one member's failure, not the end of the run."""
    made = Bundle()
    name = "files/h/" + "x" * 300
    made.members[name] = b""
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    made.document["files"].append(
        {"url": "https://h/", "path": name, "size": 0, "media_type": "", "digest": empty}
    )
    path = tmp_path / "bundle.tar"
    path.write_bytes(made.pack())
    done = extract_from(path, folder)
    assert [error.place for error in done.failed] == [name]
    assert (folder / TOOL).is_file()


def test_room_is_asked_for_first(bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot fit, the run ends before the first byte, and says how many are needed."""
    usage = shutil.disk_usage(bundle)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageFull, match=r"needs [0-9]+ bytes, 1000 are free"):
        extract_from(bundle, folder)
    assert tree(folder) == {}
    assert not extract_from(bundle, folder, ["README.txt"]).failed


def test_the_verb_tells_what_it_did(bundle: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts what was written and what was there, and names the check that needs nothing of ours."""
    assert run_reader(["extract", str(bundle), str(folder), "README.txt"]) == 0
    assert "1 file written" in capsys.readouterr().out
    assert run_reader(["extract", str(bundle), str(folder)]) == 0
    said = capsys.readouterr().out
    assert "1 file there already" in said
    assert "sha256sum -c SHA256SUMS" in said
    (folder / "README.txt").write_text("other")
    assert run_reader(["extract", str(bundle), str(folder)]) == 2
    assert "another file has this name already" in capsys.readouterr().err


@cache
def sound() -> tuple[bytes, dict[str, bytes]]:
    """A sound bundle, and its files as tar has them."""
    data = Bundle().pack()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return data, {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]  # files only


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, len(sound()[0]) - 1), mask=st.integers(1, 255))
def test_no_wrong_byte_is_ever_written(place: int, mask: int) -> None:
    """One byte of a bundle changed anywhere: what is extracted is right, and what is not right is not there."""
    data, files = bytearray(sound()[0]), sound()[1]
    data[place] ^= mask
    with tempfile.TemporaryDirectory() as name:
        path, folder = Path(name, "bundle.tar"), Path(name, "out")
        path.write_bytes(data)
        try:
            failed = {error.place for error in extract_from(path, folder).failed}
        except (BundleDamaged, NotABundle):
            assert not folder.exists()
        else:
            assert tree(folder) == {member: files[member] for member in files if member not in failed}
            assert len(failed) <= 1
