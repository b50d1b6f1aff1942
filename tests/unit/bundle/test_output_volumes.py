"""Writing volumes: cut exactly, named in an order that a crash cannot spoil, refused where they cannot be had."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.bundle.output.staging import publish, staging_folder
from archiver.bundle.output.volumes import Volumes, WholeFile, check_room, volume_bytes
from archiver.core.errors import StorageFull, UsageError
from archiver.offline.volumes import open_source

GIB = 1 << 30


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(chunks=st.lists(st.binary(max_size=70), min_size=1, max_size=20), most=st.integers(1, 40))
def test_any_chunks_are_cut_at_the_same_places(tmp_path: Path, chunks: list[bytes], most: int) -> None:
    """Whatever the pieces are in which bytes come, each volume but the last is full, and the list has their digests."""
    data = b"".join(chunks) or b"x"
    for path in tmp_path.iterdir():
        path.unlink()
    target = tmp_path / "b.tar"
    with (
        staging_folder(target) as folder,
        closing(Volumes(folder, target, len(data), max(most, 2))) as output,
    ):
        for chunk in chunks if b"".join(chunks) else [b"x"]:
            output.write(chunk)
        volumes = output.publish()
    sizes = [volume.size for volume in volumes]
    assert all(size == max(most, 2) for size in sizes[:-1])
    assert 0 < sizes[-1] <= max(most, 2)
    assert b"".join(volume.path.read_bytes() for volume in volumes) == data
    assert [volume.digest.hex for volume in volumes] == [
        hashlib.sha256(volume.path.read_bytes()).hexdigest() for volume in volumes
    ]
    with closing(open_source(target)) as source:
        assert source.read_at(0, len(data)) == data


def test_four_gib_fits_fat32() -> None:
    """What people ask for because of FAT32 is made a byte shorter, since FAT32 holds no more; all else is exact."""
    assert volume_bytes(4 * GIB) == 4 * GIB - 1
    for asked in (1 << 20, 650_000_000, 4_700_000_000, 4 * GIB - 1, 4 * GIB + 1, 8 * GIB):
        assert volume_bytes(asked) == asked
    with pytest.raises(UsageError, match="too small"):
        volume_bytes((1 << 20) - 1)


def test_too_many_volumes_are_refused_with_a_size_that_works(tmp_path: Path) -> None:
    """999 volumes have names of three digits; the hint's size makes no more than that."""
    size = 20 * GIB
    with pytest.raises(UsageError, match="20480 volumes") as raised:
        Volumes(tmp_path, tmp_path / "b.tar", size, 1 << 20)
    assert raised.value.hint is not None
    mebibytes = int(raised.value.hint.split()[-1].removesuffix("MiB"))
    with closing(Volumes(tmp_path, tmp_path / "b.tar", size, mebibytes << 20)):
        pass
    with pytest.raises(UsageError):
        Volumes(tmp_path, tmp_path / "b.tar", size, (mebibytes - 1) << 20)


def test_a_file_system_of_small_files_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no file can be so long, as on FAT32, the error comes before anything is written and names volumes."""

    def seek(_descriptor: int, position: int, _whence: int) -> int:
        if position > 4 * GIB - 1:  # as Linux does it for vfat
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return position

    monkeypatch.setattr(os, "lseek", seek)
    with (
        closing(WholeFile(tmp_path, tmp_path / "b.tar", 4 * GIB)) as output,
        pytest.raises(StorageFull, match=f"needs {4 * GIB} bytes") as raised,
    ):
        check_room(output, tmp_path / "b.tar")
    assert "--volume-size 4GiB" in str(raised.value.hint)
    with closing(Volumes(tmp_path, tmp_path / "b.tar", 4 * GIB, volume_bytes(4 * GIB))) as volumes:
        check_room(volumes, tmp_path / "b.tar")


class _PowerCut(BaseException):
    """Nothing happens any more."""


def _run_and_cut(folder: Path, files: dict[str, bytes], cut_after: int, patch: pytest.MonkeyPatch) -> bool:
    """Publish files as a run does, with the power cut after so many changes of names; say whether it came to that."""
    left = [cut_after]

    def counted(change: Callable[..., object]) -> Callable[..., object]:
        def changing(*arguments: object, **more: object) -> object:
            if left[0] == 0:
                raise _PowerCut
            left[0] -= 1
            return change(*arguments, **more)

        return changing

    temporary = folder / ".tmp-b.tar"
    temporary.mkdir(exist_ok=True)
    for name, data in files.items():
        (temporary / name).write_bytes(data)
    volumes = [temporary / name for name in files if not name.endswith(".sha256")]
    listing = temporary / "b.tar.sha256" if "b.tar.sha256" in files else None
    with patch.context() as context:
        context.setattr(Path, "unlink", counted(Path.unlink))
        context.setattr(Path, "replace", counted(Path.replace))
        try:
            publish(folder / "b.tar", volumes, listing)
        except _PowerCut:
            return True
    return False


def _generation(letter: bytes, count: int) -> dict[str, bytes]:
    """Files of one run: volumes and their list, or, of none, a single tar."""
    if not count:
        return {"b.tar": b"README.html\0" + letter * 5}
    volumes = {f"b.tar.{number:03d}": letter * 6 for number in range(1, count + 1)}
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in volumes.items()]
    return {**volumes, "b.tar.sha256": "".join(lines).encode()}


@pytest.mark.parametrize(("earlier", "later"), [(3, 3), (3, 2), (2, 4), (0, 3), (3, 0), (0, 0)])
def test_no_power_cut_mixes_two_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: int, later: int
) -> None:
    """After every single change of names: all is of one run, volumes are the first ones, and a list is about what is there."""
    old, new = _generation(b"o", earlier), _generation(b"n", later)
    cut_after, was_cut = 0, True
    while was_cut:
        folder = tmp_path / str(cut_after)
        folder.mkdir()
        for name, data in old.items():
            (folder / name).write_bytes(data)
        was_cut = _run_and_cut(folder, new, cut_after, monkeypatch)
        _check_one_run(folder, old, new)
        cut_after += 1
    assert {path.name: path.read_bytes() for path in folder.glob("b.tar*")} == new


def _check_one_run(folder: Path, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    there = {path.name: path.read_bytes() for path in folder.glob("b.tar*")}
    assert any(there.items() <= run.items() for run in (old, new)), there
    volumes = sorted(name for name in there if name.startswith("b.tar.0"))
    assert volumes == [f"b.tar.{number:03d}" for number in range(1, len(volumes) + 1)]
    for run in (old, new):
        if there.get("b.tar.sha256") == run.get("b.tar.sha256", b""):
            assert there == run


def test_an_interrupted_naming_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while volumes get their names takes those names away again."""
    replaced: list[str] = []
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if len(replaced) == 2:
            raise KeyboardInterrupt
        replaced.append(self.name)
        return replace(self, target)

    files = _generation(b"n", 4)
    with suppress(KeyboardInterrupt), staging_folder(tmp_path / "b.tar") as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
        monkeypatch.setattr(Path, "replace", interrupted)
        publish(tmp_path / "b.tar", [folder / name for name in list(files)[:-1]], folder / "b.tar.sha256")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_gone(tmp_path: Path) -> None:
    """The folder of a run that was killed is emptied before another writes in it, whatever is in there."""
    left = tmp_path / ".tmp-b.tar"
    (left / "folder").mkdir(parents=True)
    (left / "folder" / "file").write_bytes(b"x")
    (left / "b.tar.001").write_bytes(b"x")
    with staging_folder(tmp_path / "b.tar") as folder:
        assert folder == left
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []
