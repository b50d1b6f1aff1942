"""``archiver verify BUNDLE``: every byte is covered, every problem is told, nothing untrusted is believed."""

from __future__ import annotations

import json
import random
import shutil
import tarfile
from typing import TYPE_CHECKING, Iterator

import pytest

from servers.console import Console
from servers.registry import serving as registry_serving
from servers.site import put, serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Console, Path]:
    """A small bundle with a page, an image and a file."""
    console = Console(tmp_path_factory.mktemp("small"))
    with serving({}) as site, registry_serving() as registry:
        put(site, "index.html", "<title>Start</title><h1>Start</h1><p>Some words.")
        put(site, "release.txt", "the release\n")
        registry.image("some/app:1", b"the only layer")
        spec = {
            "project": "small",
            "docs": [{"name": "docs", "seeds": [f"{site.origin}/index.html"]}],
            "images": {"refs": [f"{registry.host}/some/app:1"]},
            "files": [{"url": f"{site.origin}/release.txt"}],
        }
        console.succeed("archive", console.write("small.yaml", json.dumps(spec)))
    console.succeed("bundle", "small", "-o", console.folder / "small.tar")
    return console, console.folder / "small.tar"


@pytest.fixture
def copy(sound: tuple[Console, Path], tmp_path: Path) -> Iterator[Path]:
    """A copy of the bundle, for one test to damage."""
    path = tmp_path / "copy.tar"
    shutil.copyfile(sound[1], path)
    yield path
    path.unlink()


def _refused(console: Console, path: Path, *names: str) -> None:
    outcome = console.run("verify", path)
    assert outcome.code == 5, outcome.said
    for name in names:
        assert name in outcome.said


def test_a_sound_bundle_passes(sound: tuple[Console, Path]) -> None:
    """A bundle as it was made ends with exit code 0, its name and no problem."""
    console, path = sound
    assert "small.tar" in console.succeed("verify", path).out
    assert console.succeed("verify", path, "--json").json["ok"] is True


@pytest.mark.thorough
def test_every_region_is_covered(sound: tuple[Console, Path], copy: Path) -> None:
    """One flipped bit is found wherever it is: in each member's header, first, last and middle byte, and padding."""
    console, path = sound
    with tarfile.open(path) as tar:
        members = tar.getmembers()
    offsets = {0, 3, 156, 257, copy.stat().st_size - 1, copy.stat().st_size - 1024}
    for member in members:
        offsets |= {member.offset + 148, member.offset_data, member.offset_data + member.size - 1}
        offsets |= {member.offset_data + member.size} if member.size % 512 else set()
    offsets |= set(random.Random(2).choices(range(copy.stat().st_size), k=8))
    unnoticed = []
    for offset in sorted(offsets):
        _flip(copy, offset)
        outcome = console.run("verify", copy)
        if outcome.code != 5:
            unnoticed.append((offset, outcome.code, outcome.said))
        _flip(copy, offset)
    assert not unnoticed


def _flip(path: Path, offset: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(offset)
        byte = stream.read(1)[0]
        stream.seek(offset)
        stream.write(bytes([byte ^ 1]))


def test_bytes_after_the_end_are_found(sound: tuple[Console, Path], copy: Path) -> None:
    """Nothing can be hidden behind the end of the tar, not even zeros."""
    console, _ = sound
    with copy.open("ab") as stream:
        stream.write(bytes(512))
    _refused(console, copy)


def test_a_member_too_many_is_found(sound: tuple[Console, Path], tmp_path: Path) -> None:
    """A file slipped in between two members is a problem, and is named."""
    console, path = sound
    _with_member(path, tmp_path / "more.tar", "extra.txt")
    _refused(console, tmp_path / "more.tar", "extra.txt")


def _with_member(source: Path, target: Path, name: str) -> None:
    """Copy a bundle with an empty member more, in front of bundle.json; its header is like that of the others."""
    with tarfile.open(source) as tar:
        place = tar.getmember("bundle.json").offset
        model = tar.getmember("README.txt").offset
    data = source.read_bytes()
    header = bytearray(data[model : model + 512])
    header[:100] = name.encode().ljust(100, b"\0")
    header[124:136] = b"00000000000\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    target.write_bytes(data[:place] + header + data[place:])


@pytest.mark.parametrize("name", ["README.txt", "archiver.pyz", "docs/docs.wacz", "images/images.tar"])
def test_a_missing_member_is_found(sound: tuple[Console, Path], tmp_path: Path, name: str) -> None:
    """A member cut out is a problem, and is named."""
    console, path = sound
    with tarfile.open(path) as tar:
        names = tar.getnames()
        begin = tar.getmember(name).offset
        end = tar.getmember(names[names.index(name) + 1]).offset
    data = path.read_bytes()
    (tmp_path / "less.tar").write_bytes(data[:begin] + data[end:])
    _refused(console, tmp_path / "less.tar", name)


def test_two_members_in_each_others_place_are_found(sound: tuple[Console, Path], tmp_path: Path) -> None:
    """Members in another order than the format's are a problem, though every digest is right."""
    console, path = sound
    with tarfile.open(path) as tar:
        first, second, third = (member.offset for member in tar.getmembers()[:3])
    data = path.read_bytes()
    swapped = data[:first] + data[second:third] + data[first:second] + data[third:]
    (tmp_path / "swapped.tar").write_bytes(swapped)
    _refused(console, tmp_path / "swapped.tar", "README")


def test_a_bundle_packed_anew_by_another_program_is_found(
    sound: tuple[Console, Path], tmp_path: Path
) -> None:
    """The same members packed by another tar program are other bytes than were made."""
    console, path = sound
    with (
        tarfile.open(path) as old,
        tarfile.open(tmp_path / "anew.tar", "w", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in old.getmembers():
            new.addfile(member, old.extractfile(member))
    _refused(console, tmp_path / "anew.tar", "anew.tar")


@pytest.mark.parametrize("name", ["../escape.txt", "/etc/escape.txt", "docs/../../escape.txt"])
def test_a_path_that_leaves_the_bundle_is_refused(
    sound: tuple[Console, Path], tmp_path: Path, name: str
) -> None:
    """A member whose name points outside is refused and nothing is written anywhere."""
    console, path = sound
    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    _with_member(path, folder / "evil.tar", name)
    _refused(console, folder / "evil.tar", "escape.txt")
    assert not list(tmp_path.rglob("escape.txt"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 512,
        b"\0" * 10240,
        b"hello",
        b"PK\3\4" + b"x" * 2000,
        b"<!doctype html>" * 100,
        b"\xff" * 4096,
    ],
    ids=["empty", "block", "zeros", "text", "zip", "html", "noise"],
)
def test_what_is_no_bundle_is_a_failed_verification(
    sound: tuple[Console, Path], tmp_path: Path, content: bytes
) -> None:
    """A file too damaged to recognise, or never a bundle, ends with exit code 5 and its name."""
    console, _ = sound
    path = tmp_path / "thing.tar"
    path.write_bytes(content)
    _refused(console, path, "thing.tar")


def test_a_compressed_bundle_is_refused_with_its_name(sound: tuple[Console, Path], tmp_path: Path) -> None:
    """Somebody's gzip of a bundle is not a bundle."""
    console, path = sound
    with tarfile.open(tmp_path / "small.tar.gz", "w:gz") as tar:
        tar.add(path, "small.tar")
    _refused(console, tmp_path / "small.tar.gz", "small.tar.gz")


def test_a_bundle_that_is_not_there_is_told(sound: tuple[Console, Path], tmp_path: Path) -> None:
    """A path without a file is an error with its name, neither success nor an internal error."""
    console, _ = sound
    outcome = console.run("verify", tmp_path / "nowhere.tar")
    assert outcome.code not in (0, 1)
    assert "nowhere.tar" in outcome.err


def test_verify_writes_nothing(sound: tuple[Console, Path], tmp_path: Path) -> None:
    """Verifying leaves neither the bundle nor the folder changed."""
    _, path = sound
    shutil.copyfile(path, tmp_path / "only.tar")
    before = (tmp_path / "only.tar").read_bytes()
    Console(tmp_path).succeed("verify", tmp_path / "only.tar")
    assert [entry.name for entry in tmp_path.iterdir()] == ["only.tar"]
    assert (tmp_path / "only.tar").read_bytes() == before
