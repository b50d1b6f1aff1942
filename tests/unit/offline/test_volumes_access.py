"""Volumes: found by any of their names, looked at when they are opened, read as one."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.core.errors import StoreError, VolumeUnfit
from archiver.offline.verify import verify_bundle
from archiver.offline.volumes import VolumesAccess, open_source, source_exists
from archiver.offline.windows import FileAccess
from servers.handmade_bundle import Bundle

DATA = bytes(range(256)) * 4


def _write(folder: Path, parts: Sequence[bytes], *, listed: bool = True) -> Path:
    """Write volumes of ``whole.tar`` and return that name."""
    lines = []
    for number, part in enumerate(parts, 1):
        path = folder / f"whole.tar.{number:03d}"
        path.write_bytes(part)
        lines.append(f"{hashlib.sha256(part).hexdigest()}  {path.name}\n")
    if listed:
        (folder / "whole.tar.sha256").write_text("".join(lines))
    return folder / "whole.tar"


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _unfit(path: Path) -> list[str]:
    """Return the names of the files that opening says are to be replaced."""
    with pytest.raises(VolumeUnfit) as raised:
        open_source(path).close()
    return [Path(str(error.place)).name for error in (raised.value, *raised.value.more)]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(size=st.integers(1, 1100), offset=st.integers(-5, 1100), length=st.integers(-5, 1100))
def test_they_read_as_one_file(tmp_path: Path, size: int, offset: int, length: int) -> None:
    """Any range is that of the joined file, also across several volumes and beyond the end."""
    for path in tmp_path.iterdir():
        path.unlink()
    source = open_source(_write(tmp_path, _cut(DATA, max(size, 2))))
    assert source.size == len(DATA)
    expected = DATA[offset : offset + length] if offset >= 0 and length > 0 else b""
    assert source.read_at(offset, length) == expected
    source.close()


def test_what_will_be_read_is_asked_of_its_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each range is announced to the volume that it begins in, at its place there; what lies outside to none."""
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(
        FileAccess, "prefetch", lambda self, offset, _length: asked.append((self._path.name, offset))
    )
    source = open_source(_write(tmp_path, _cut(DATA, 300)))
    for offset in (-1, 0, 299, 300, len(DATA) - 1, len(DATA)):
        source.prefetch(offset, 512)
    source.close()
    assert asked == [
        ("whole.tar.001", 0),
        ("whole.tar.001", 299),
        ("whole.tar.002", 0),
        ("whole.tar.004", 123),
    ]


def test_few_are_open_at_a_time(tmp_path: Path) -> None:
    """A bundle of many volumes does not use up what files a process may have open."""
    source = open_source(_write(tmp_path, _cut(DATA, 4)))
    assert source.read_at(0, len(DATA)) == DATA
    opened = [link for link in Path("/proc/self/fd").iterdir() if str(tmp_path) in _target(link)]
    assert 0 < len(opened) <= 32
    source.close()
    assert not [link for link in Path("/proc/self/fd").iterdir() if str(tmp_path) in _target(link)]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # the one that listed the others
        return ""


def test_threads_read_side_by_side(tmp_path: Path) -> None:
    """Many threads that want other volumes all the time each get their bytes."""
    source = open_source(_write(tmp_path, _cut(DATA, 8)))
    wrong: list[int] = []

    def read(start: int) -> None:
        for step in range(200):
            at = (start * 37 + step * 101) % len(DATA)
            if source.read_at(at, 50) != DATA[at : at + 50]:
                wrong.append(at)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source.close()
    assert not wrong


@pytest.mark.parametrize("listed", [True, False])
def test_any_name_finds_them(tmp_path: Path, listed: bool) -> None:
    """The name of the whole, that of any volume, and that of the list; without a list the numbers tell."""
    whole = _write(tmp_path, _cut(DATA, 300), listed=listed)
    names = ["whole.tar", "whole.tar.001", "whole.tar.004", *(["whole.tar.sha256"] if listed else [])]
    for name in names:
        assert source_exists(whole.with_name(name))
        source = open_source(whole.with_name(name))
        assert isinstance(source, VolumesAccess)
        assert source.listed is listed
        assert source.read_at(0, 2000) == DATA
        source.close()


def test_a_file_of_the_name_is_what_was_asked_for(tmp_path: Path) -> None:
    """Beside volumes, NAME.tar itself is opened where it was named; its own list, if somebody made one, leads to it."""
    whole = _write(tmp_path, _cut(DATA, 300))
    whole.write_bytes(b"single")
    source = open_source(whole)
    assert isinstance(source, FileAccess)
    source.close()
    (tmp_path / "whole.tar.sha256").write_text(f"{hashlib.sha256(b'single').hexdigest()}  whole.tar\n")
    source = open_source(tmp_path / "whole.tar.sha256")
    assert source.read_at(0, 10) == b"single"
    source.close()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """What a shell puts in place of <(command), or a folder, is refused at once: a bundle is read at any place."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(StoreError, match="not a regular file"):
            open_source(path)


def test_nothing_there_is_a_store_error(tmp_path: Path) -> None:
    """A name without a file or volumes is an error of its own, not one about volumes."""
    assert not source_exists(tmp_path / "whole.tar")
    with pytest.raises(StoreError):
        open_source(tmp_path / "whole.tar")


@pytest.mark.parametrize(
    ("sizes", "unfit"),
    [
        ((300, 300, 299, 124), ["003"]),
        ((299, 300, 300, 124), ["001"]),
        ((300, 301, 300, 124), ["002"]),
        ((300, 300, 300, 301), ["004"]),
        ((299, 298, 300, 300), ["001", "002"]),
        ((299, 300), ["001"]),
        ((300, 0, 300), ["002"]),
        ((300, 300, 0), ["003"]),
    ],
)
def test_sizes_tell_which_volume_is_unfit(tmp_path: Path, sizes: tuple[int, ...], unfit: list[str]) -> None:
    """All but the last have one size, and the last no more: whichever differs is to be replaced, and all such are named."""
    whole = _write(tmp_path, [bytes(size) for size in sizes])
    assert _unfit(whole) == [f"whole.tar.{number}" for number in unfit]


@pytest.mark.parametrize("listed", [True, False])
def test_missing_volumes_are_all_named(tmp_path: Path, listed: bool) -> None:
    """A gap in the numbers is told without a list too."""
    whole = _write(tmp_path, _cut(DATA, 200), listed=listed)
    (tmp_path / "whole.tar.001").unlink()
    (tmp_path / "whole.tar.004").unlink()
    for name in ("whole.tar.002", "whole.tar.001", *(["whole.tar.sha256"] if listed else [])):
        assert _unfit(whole.with_name(name)) == ["whole.tar.001", "whole.tar.004"]


def test_what_is_no_file_is_no_volume(tmp_path: Path) -> None:
    """A folder or a pipe of a volume's name is named; the pipe is not waited for."""
    whole = _write(tmp_path, _cut(DATA, 200))
    for number, make in (("002", os.mkdir), ("003", os.mkfifo)):
        (tmp_path / f"whole.tar.{number}").unlink()
        make(tmp_path / f"whole.tar.{number}")
    assert _unfit(whole) == ["whole.tar.002", "whole.tar.003"]


_ZEROS = "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whole.tar.001\n",
        f"{_ZEROS}  whole.tar.001",
        f"{_ZEROS} *whole.tar.001\n",
        f"{_ZEROS}  whole.tar.001\r\n",
        f"{_ZEROS}  whole.tar.002\n",
        f"{_ZEROS}  whole.tar.002\n{_ZEROS}  whole.tar.001\n",
        f"{_ZEROS}  whole.tar.001\n{_ZEROS}  whole.tar.001\n",
        f"{_ZEROS}  whole.tar\n{_ZEROS}  whole.tar.001\n",
        f"{_ZEROS}  ../whole.tar.001\n",
        f"{_ZEROS}  /etc/passwd\n",
        f"{_ZEROS}  other.tar.001\n",
        "".join(f"{_ZEROS}  whole.tar.{number:03d}\n" for number in range(1, 1001)),
        "x" * (2 << 20),
    ],
)
def test_a_list_of_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    """Only the volumes of its own name, from the first on, in sha256sum's own form; no other file is ever opened by it."""
    whole = _write(tmp_path, [DATA])
    (tmp_path / "whole.tar.sha256").write_bytes(text.encode())
    assert _unfit(whole) == ["whole.tar.sha256"]


def test_a_volume_that_shrinks_while_open_ends_what_is_read(tmp_path: Path) -> None:
    """A stick pulled or a file cut under a server: what is read ends there, and never goes on in the next volume."""
    source = open_source(_write(tmp_path, _cut(DATA, 300)))
    (tmp_path / "whole.tar.002").write_bytes(DATA[300:400])
    assert source.read_at(250, 500) == DATA[250:400]
    source.close()


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle in volumes."""
    return _write(tmp_path_factory.mktemp("sound"), _cut(Bundle().pack(), 16_384))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(data=st.data())
def test_every_changed_byte_of_any_file_is_found(volumes: Path, data: st.DataObject) -> None:
    """Whichever byte of a volume is changed, verify names that volume; in the list, it says that the list is wrong."""
    path = data.draw(st.sampled_from(sorted(volumes.parent.iterdir())))
    sound = path.read_bytes()
    place, value = data.draw(st.integers(0, len(sound) - 1)), data.draw(st.integers(1, 255))
    changed = bytearray(sound)
    changed[place] ^= value
    path.write_bytes(changed)
    try:
        said = _named_by_verify(volumes)
    finally:
        path.write_bytes(sound)
    assert said == {path.name}


def _named_by_verify(volumes: Path) -> set[str]:
    try:
        report = verify_bundle(volumes)
    except VolumeUnfit as error:
        return {Path(str(error.place)).name}
    return {problem.where for problem in report.problems if problem.code.startswith("volume.")}
